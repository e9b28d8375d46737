// Copyright 2026 the swagpu authors. MIT license.

/**
 * The options of `finetune` that say when to collect weights for a posterior.
 *
 * @module
 */

import { count } from "../data/names.ts";
import type { Module } from "../nn/mod.ts";
import {
  DEVIATION_FORMATS,
  estimateMemory,
  type SwagOptions,
} from "../swag/mod.ts";
import type { Arguments, Option } from "./arguments.ts";
import type { RunPlan } from "./finetune_settings.ts";
import { bytesText } from "./sizes.ts";

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
    help:
      "Collect every N steps (at the end of every epoch, or of every cycle " +
      "of --schedule cyclic).",
  },
  {
    name: "swag-gate",
    value: "X",
    help:
      "Collect only where the score on --eval is at most X worse than the best " +
      "so far (always).",
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
    help: "Parameters that are random, such as bert.encoder.layer.11, " +
      "'bert.encoder.layer.*.output' or last-layer (all).",
  },
  {
    name: "swag-deviations",
    value: "FORMAT",
    choices: DEVIATION_FORMATS,
    help:
      "How deviations are stored: f32, or f16 in half the memory, or int8 in " +
      "a quarter (f32).",
  },
  { name: "no-cov-mat", help: "Keep variances only." },
  { name: "var-clamp", value: "X", help: "Least variance (1e-30)." },
];

/** The values of {@linkcode SWAG_OPTIONS}. */
export interface CollectSettings {
  /** The epochs before collecting begins; below 1, the share of all epochs. */
  start: number;
  /** The steps from one collection to the next; `undefined` for an epoch. */
  every: number | undefined;
  /** By how much the score of weights may be worse than the best so far. */
  gate: number | undefined;
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
  const deviations = args.choice("swag-deviations", DEVIATION_FORMATS);
  const settings = {
    start: args.number("swag-start", { min: 0 }),
    every: args.integer("swag-collect-steps", { min: 1 }),
    gate: args.number("swag-gate", { min: 0 }),
    maxNumModels: args.integer("max-num-models", { min: 1 }),
  };
  if (!args.flag("swag")) {
    const idle = args.flag("no-cov-mat") || modules.length > 0 ||
      [varClamp, deviations, ...Object.values(settings)].some((x) =>
        x !== undefined
      );
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
  if (args.flag("no-cov-mat") && deviations !== undefined) {
    throw new TypeError(
      "Cannot use --swag-deviations with --no-cov-mat: no deviations are kept",
    );
  }
  return {
    start: settings.start ?? 0.5,
    every: settings.every,
    gate: settings.gate,
    options: {
      noCovMat: args.flag("no-cov-mat"),
      maxNumModels: settings.maxNumModels ?? 20,
      ...deviations === undefined ? {} : { deviations },
      ...varClamp === undefined ? {} : { varClamp },
      ...modules.length > 0 ? { modulePrefixList: modules } : {},
    },
  };
}

/** Says which weights a posterior would be over, and what memory it takes. */
export function memoryRemark(model: Module, options: SwagOptions): string {
  const { reserved, random } = estimateMemory(model, options);
  const {
    noCovMat = true,
    maxNumModels = 20,
    deviations = "f32",
  } = options;
  const kept = noCovMat
    ? "variances only"
    : `up to ${maxNumModels} deviations as ${deviations}`;
  return `The posterior is over ${
    count(random)
  } weights, with ${kept}: it takes ` +
    `${bytesText(reserved)} on the GPU`;
}

/** Fewer collections than this make a poor posterior. */
const FEW_COLLECTIONS = 10;

/** The most collections of the original library's posteriors. */
const GOOD_COLLECTIONS = 20;

/** A plan of when to collect. */
export interface Collector {
  /**
   * Collections are made after steps that are multiples of this; `undefined` for the
   * ends of cycles.
   */
  collectSteps: number | undefined;
  /** How many of these steps at the start are left out. */
  skipFirst: number;
  /** By how much the score of weights may be worse than the best so far. */
  gate: number | undefined;
  /** A warning that there will be few collections. */
  remark: string | undefined;
}

/** The length of a run, and of the cycles of its rate. */
export interface CollectPlan extends RunPlan {
  /** The steps of a cycle, and those before the first, if there are cycles. */
  cycle?: { readonly steps: number; readonly offset: number } | undefined;
}

/**
 * Plans when to collect.
 *
 * @throws {RangeError} If there would be fewer than two collections.
 */
export function collector(
  { start, every, gate, options: { maxNumModels = Infinity } }: CollectSettings,
  { epochs, stepsPerEpoch, steps, cycle }: CollectPlan,
): Collector {
  const first = (start < 1 ? Math.floor(start * epochs) : start) *
    stepsPerEpoch;
  const byCycle = every === undefined && cycle !== undefined;
  const period = every ?? cycle?.steps ?? stepsPerEpoch;
  // The first cycle begins after the warmup.
  const offset = byCycle ? cycle.offset : 0;
  const before = (step: number) =>
    Math.max(0, Math.floor((step - offset) / period));
  const count = before(steps) - before(first);
  if (count < 2) {
    throw new RangeError(
      `Cannot build a posterior from ${Math.max(0, count)} collections: ` +
        "train for more epochs, or lower --swag-start or " +
        (byCycle ? "--cycle-steps" : "--swag-collect-steps"),
    );
  }
  const better = Math.max(1, Math.floor((steps - first) / GOOD_COLLECTIONS));
  // Whoever sets how many to keep needs no warning.
  const isFew = count < FEW_COLLECTIONS && count < maxNumModels &&
    better < period && !byCycle;
  return {
    collectSteps: byCycle ? undefined : period,
    skipFirst: before(first),
    gate,
    remark: isFew
      ? `The posterior will be made of ${count} collections, which is few: ` +
        `--swag-collect-steps ${better} makes it ${
          Math.floor(steps / better) - Math.floor(first / better)
        }`
      : undefined,
  };
}
