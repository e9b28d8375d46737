// Copyright 2026 the swagpu authors. MIT license.

/**
 * The options of `finetune` that say how to train and when to collect weights.
 *
 * @module
 */

import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  polynomialSchedule,
  type Schedule,
} from "../nn/mod.ts";
import type { SwagOptions } from "../swag/mod.ts";
import type { Arguments, Option } from "./arguments.ts";

const OPTIMIZERS = ["adamw", "sgd"] as const;
const SCHEDULES = ["linear", "constant", "cosine", "polynomial"] as const;

/** The options of training. */
export const TRAIN_OPTIONS: readonly Option[] = [
  { name: "epochs", value: "N", help: "Passes over the data (3)." },
  { name: "batch-size", value: "N", help: "Texts at a time (32)." },
  {
    name: "gradient-accumulation",
    value: "N",
    help: "Batches per step of the optimizer (1).",
  },
  { name: "optimizer", value: OPTIMIZERS.join("|"), help: "Rule (adamw)." },
  {
    name: "learning-rate",
    value: "X",
    help: "Largest learning rate (5e-5 for adamw, 0.05 for sgd).",
  },
  { name: "momentum", value: "X", help: "Momentum of sgd (0.9)." },
  {
    name: "weight-decay",
    value: "X",
    help: "Decay of weights, not of biases and norms (0.01 for adamw, 1e-4 " +
      "for sgd).",
  },
  {
    name: "schedule",
    value: SCHEDULES.join("|"),
    help: "Course of the learning rate (linear; constant with --swag).",
  },
  {
    name: "warmup-ratio",
    value: "X",
    help: "Share of the steps over which the learning rate rises (0).",
  },
  {
    name: "max-grad-norm",
    value: "X",
    help: "Largest norm of the gradients, 0 for no limit (1).",
  },
  {
    name: "max-length",
    value: "N",
    help: "Longest row in tokens (the model's limit, at most 512).",
  },
  {
    name: "seed",
    value: "N",
    help: "Decides order, new weights, dropout (0).",
  },
  {
    name: "log-every",
    value: "N",
    help:
      "Steps between readings of the loss (as many as take half a second); " +
      "if standard error is no terminal, each is a line (every 5 seconds).",
  },
];

/** The options of the posterior. */
export const SWAG_OPTIONS: readonly Option[] = [
  { name: "swag", help: "Build a SWAG posterior during training." },
  {
    name: "swag-start",
    value: "N",
    help: "Epochs before collecting begins; below 1, share of all (0.5).",
  },
  {
    name: "swag-collect-steps",
    value: "N",
    help: "Collect every N steps (at the end of every epoch).",
  },
  {
    name: "max-num-models",
    value: "N",
    help: "Deviations kept for covariances (20).",
  },
  {
    name: "swag-modules",
    value: "PREFIX",
    repeatable: true,
    help: "Parameters that are random, such as bert.encoder.layer.11 (all).",
  },
  { name: "no-cov-mat", help: "Keep variances only." },
  { name: "var-clamp", value: "X", help: "Least variance (1e-30)." },
];

/** The values of {@linkcode TRAIN_OPTIONS}. */
export interface TrainSettings {
  optimizer: (typeof OPTIMIZERS)[number];
  epochs: number;
  batchSize: number;
  gradientAccumulation: number;
  learningRate: number;
  momentum: number;
  weightDecay: number;
  schedule: (typeof SCHEDULES)[number];
  warmupRatio: number;
  /** The largest norm of the gradients; `undefined` for no limit. */
  maxGradNorm: number | undefined;
  maxLength: number | undefined;
  seed: number;
  logEvery: number | undefined;
}

/** Reads {@linkcode TRAIN_OPTIONS}. */
export function trainSettings(args: Arguments): TrainSettings {
  const optimizer = args.choice("optimizer", OPTIMIZERS) ?? "adamw";
  const sgd = optimizer === "sgd";
  const count = (name: string) => args.integer(name, { min: 1 });
  const share = (name: string) => args.number(name, { min: 0, max: 1 });
  if (!sgd && args.text("momentum") !== undefined) {
    throw new TypeError(
      "Cannot use --momentum with adamw: it is for --optimizer sgd",
    );
  }
  return {
    optimizer,
    epochs: count("epochs") ?? 3,
    batchSize: count("batch-size") ?? 32,
    gradientAccumulation: count("gradient-accumulation") ?? 1,
    learningRate: args.number("learning-rate", { min: 0, above: true }) ??
      (sgd ? 0.05 : 5e-5),
    momentum: share("momentum") ?? 0.9,
    weightDecay: args.number("weight-decay", { min: 0 }) ?? (sgd ? 1e-4 : 0.01),
    schedule: args.choice("schedule", SCHEDULES) ??
      (args.flag("swag") ? "constant" : "linear"),
    warmupRatio: share("warmup-ratio") ?? 0,
    maxGradNorm: (args.number("max-grad-norm", { min: 0 }) ?? 1) || undefined,
    maxLength: count("max-length"),
    seed: args.integer("seed") ?? 0,
    logEvery: count("log-every"),
  };
}

/** The schedule of the learning rate. */
export function scheduleOf(
  { schedule, warmupRatio }: TrainSettings,
  totalSteps: number,
): Schedule {
  const warmupSteps = Math.round(warmupRatio * totalSteps);
  const options = { warmupSteps, totalSteps };
  switch (schedule) {
    case "constant":
      return constantSchedule({ warmupSteps });
    case "cosine":
      return cosineSchedule(options);
    case "polynomial":
      return polynomialSchedule({ ...options, power: 2 });
    case "linear":
      return linearSchedule(options);
  }
}

/** The values of {@linkcode SWAG_OPTIONS}. */
export interface CollectSettings {
  /** The epochs before collecting begins; below 1, the share of all epochs. */
  start: number;
  /** The steps from one collection to the next; `undefined` for an epoch. */
  every: number | undefined;
  /** The options of the posterior. */
  options: SwagOptions;
}

/**
 * Reads {@linkcode SWAG_OPTIONS}; `undefined` without `--swag`.
 *
 * @throws {TypeError} If another of these options is given without `--swag`.
 */
export function collectSettings(args: Arguments): CollectSettings | undefined {
  const varClamp = args.number("var-clamp", { min: 0 });
  const modules = args.list("swag-modules");
  const settings = {
    start: args.number("swag-start", { min: 0 }),
    every: args.integer("swag-collect-steps", { min: 1 }),
    maxNumModels: args.integer("max-num-models", { min: 1 }),
  };
  if (!args.flag("swag")) {
    const idle = args.flag("no-cov-mat") || modules.length > 0 ||
      [varClamp, ...Object.values(settings)].some((x) => x !== undefined);
    if (!idle) return undefined;
    throw new TypeError(
      "Cannot use options of the posterior without --swag: give --swag too",
    );
  }
  if (args.flag("no-cov-mat") && settings.maxNumModels !== undefined) {
    throw new TypeError(
      "Cannot use --max-num-models with --no-cov-mat: no deviations are kept",
    );
  }
  return {
    start: settings.start ?? 0.5,
    every: settings.every,
    options: {
      noCovMat: args.flag("no-cov-mat"),
      maxNumModels: settings.maxNumModels ?? 20,
      ...varClamp === undefined ? {} : { varClamp },
      ...modules.length > 0 ? { modulePrefixList: modules } : {},
    },
  };
}

/** The length of a run. */
export interface RunPlan {
  epochs: number;
  stepsPerEpoch: number;
}

/** Fewer collections than this make a poor posterior. */
const FEW_COLLECTIONS = 10;

/** The most collections of the original library's posteriors. */
const GOOD_COLLECTIONS = 20;

/** A plan of when to collect. */
export interface Collector {
  /** Whether to collect after a step, counted from 1. */
  collects(step: number): boolean;
  /** A warning that there will be few collections. */
  remark: string | undefined;
}

/**
 * Plans when to collect.
 *
 * @throws {RangeError} If there would be fewer than two collections.
 */
export function collector(
  { start, every, options: { maxNumModels = Infinity } }: CollectSettings,
  { epochs, stepsPerEpoch }: RunPlan,
): Collector {
  const first = (start < 1 ? Math.floor(start * epochs) : start) *
    stepsPerEpoch;
  const period = every ?? stepsPerEpoch;
  const steps = epochs * stepsPerEpoch;
  const count = Math.floor(steps / period) - Math.floor(first / period);
  if (count < 2) {
    throw new RangeError(
      `Cannot build a posterior from ${Math.max(0, count)} collections: ` +
        "train for more epochs, or lower --swag-start or --swag-collect-steps",
    );
  }
  const better = Math.max(1, Math.floor((steps - first) / GOOD_COLLECTIONS));
  // Whoever sets how many to keep needs no warning.
  const isFew = count < FEW_COLLECTIONS && count < maxNumModels &&
    better < period;
  return {
    collects: (step) => step > first && step % period === 0,
    remark: isFew
      ? `The posterior will be made of ${count} collections, which is few: ` +
        `--swag-collect-steps ${better} makes it ${
          Math.floor(steps / better) - Math.floor(first / better)
        }`
      : undefined,
  };
}
