// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The defaults and checks of TrainingArguments.

import { checkOptions } from "../options.ts";
import { checkOptimArgs, OPTIMIZERS } from "./optimizer_rules.ts";
import {
  BELOW_ONE,
  BOOLEAN,
  checkValue,
  NOT_NEGATIVE,
  number,
  oneOf,
  type Rule,
  SEED,
  SHARE,
  STEPS,
  TEXT,
  whole,
} from "./rules.ts";
import type {
  CompleteTrainingArguments,
  IntervalStrategy,
  LrSchedulerKwargs,
  LrSchedulerType,
  SaveStrategy,
  TrainingArguments,
} from "./training_arguments.ts";

const INTERVALS: readonly IntervalStrategy[] = ["no", "steps", "epoch"];
const SAVES: readonly SaveStrategy[] = [...INTERVALS, "best"];
const SCHEDULES: readonly LrSchedulerType[] = [
  "linear",
  "cosine",
  "cosine_with_restarts",
  "cyclic",
  "polynomial",
  "constant",
  "constant_with_warmup",
  "inverse_sqrt",
  "reduce_lr_on_plateau",
];

/** The options that each schedule takes. */
export const SCHEDULE_OPTIONS: Readonly<
  Record<LrSchedulerType, readonly (keyof LrSchedulerKwargs)[]>
> = {
  linear: [],
  cosine: ["numCycles"],
  cosine_with_restarts: ["numCycles"],
  cyclic: ["cycleSteps", "minLrRate", "annealStrategy"],
  polynomial: ["power", "lrEnd"],
  constant: [],
  constant_with_warmup: [],
  inverse_sqrt: ["timescale"],
  reduce_lr_on_plateau: [
    "factor",
    "patience",
    "threshold",
    "thresholdMode",
    "cooldown",
    "minLr",
    "eps",
  ],
};

const RULES: Readonly<Record<keyof TrainingArguments, Rule>> = {
  outputDir: TEXT,
  overwriteOutputDir: BOOLEAN,
  logDir: TEXT,
  evalStrategy: oneOf(...INTERVALS),
  evalSteps: STEPS,
  evalDelay: NOT_NEGATIVE,
  evalOnStart: BOOLEAN,
  perDeviceTrainBatchSize: whole(1),
  perDeviceEvalBatchSize: whole(1),
  gradientAccumulationSteps: whole(1),
  averageTokensAcrossBatches: BOOLEAN,
  evalAccumulationSteps: whole(1),
  gradientCheckpointing: BOOLEAN,
  learningRate: NOT_NEGATIVE,
  weightDecay: NOT_NEGATIVE,
  adamBeta1: BELOW_ONE,
  adamBeta2: BELOW_ONE,
  adamEpsilon: NOT_NEGATIVE,
  maxGradNorm: NOT_NEGATIVE,
  numTrainEpochs: number("a number above 0", (x) => x > 0 && x < Infinity),
  maxSteps: number(
    "a whole number of at least 1, or -1 for none",
    (x) => x === -1 || (Number.isSafeInteger(x) && x >= 1),
  ),
  lrSchedulerType: oneOf(...SCHEDULES),
  lrSchedulerKwargs: { type: "object", wish: "", accepts: () => true },
  warmupRatio: SHARE,
  warmupSteps: whole(0),
  optim: oneOf(...OPTIMIZERS),
  optimArgs: { type: "object", wish: "", accepts: () => true },
  loggingStrategy: oneOf(...INTERVALS),
  loggingSteps: STEPS,
  loggingFirstStep: BOOLEAN,
  saveStrategy: oneOf(...SAVES),
  saveSteps: STEPS,
  saveTotalLimit: whole(1),
  saveOnlyModel: BOOLEAN,
  seed: SEED,
  dataSeed: SEED,
  dataloaderDropLast: BOOLEAN,
  groupByLength: BOOLEAN,
  lengthColumnName: TEXT,
  labelNames: {
    type: "object",
    wish: "a list of names",
    accepts: (value) =>
      Array.isArray(value) && value.length > 0 &&
      value.every((name) => typeof name === "string"),
  },
  labelSmoothingFactor: BELOW_ONE,
  loadBestModelAtEnd: BOOLEAN,
  metricForBestModel: TEXT,
  greaterIsBetter: BOOLEAN,
  capture: BOOLEAN,
};

/** The names of all arguments. */
export const ARGUMENT_NAMES: readonly string[] = Object.keys(RULES);

/**
 * Checks arguments and gives those that are missing their defaults.
 *
 * @throws {TypeError} If a name is not known, or a value is of another type.
 * @throws {RangeError} If a value is out of range, or two of them contradict.
 */
export function completeArguments(
  given: TrainingArguments,
): CompleteTrainingArguments {
  checkOptions(given, { action: "train", known: ARGUMENT_NAMES });
  for (const [name, rule] of Object.entries(RULES)) {
    checkValue(name, given[name as keyof TrainingArguments], rule);
  }
  const complete = withDefaults(given);
  checkTogether(complete);
  return complete;
}

function withDefaults(given: TrainingArguments): CompleteTrainingArguments {
  const { outputDir, loggingSteps = 500, seed = 42 } = given;
  const { loadBestModelAtEnd = false } = given;
  const needsMetric = loadBestModelAtEnd ||
    given.lrSchedulerType === "reduce_lr_on_plateau";
  const metricForBestModel = given.metricForBestModel ??
    (needsMetric ? "loss" : undefined);
  return {
    outputDir,
    overwriteOutputDir: given.overwriteOutputDir ?? false,
    logDir: given.logDir ?? outputDir,
    evalStrategy: given.evalStrategy ?? "no",
    evalSteps: given.evalSteps ?? loggingSteps,
    evalDelay: given.evalDelay ?? 0,
    evalOnStart: given.evalOnStart ?? false,
    perDeviceTrainBatchSize: given.perDeviceTrainBatchSize ?? 8,
    perDeviceEvalBatchSize: given.perDeviceEvalBatchSize ?? 8,
    gradientAccumulationSteps: given.gradientAccumulationSteps ?? 1,
    averageTokensAcrossBatches: given.averageTokensAcrossBatches ?? false,
    evalAccumulationSteps: given.evalAccumulationSteps ?? 16,
    gradientCheckpointing: given.gradientCheckpointing ?? false,
    learningRate: given.learningRate ?? 5e-5,
    weightDecay: given.weightDecay ?? 0,
    adamBeta1: given.adamBeta1 ?? 0.9,
    adamBeta2: given.adamBeta2 ?? 0.999,
    adamEpsilon: given.adamEpsilon ?? 1e-8,
    maxGradNorm: given.maxGradNorm ?? 1,
    numTrainEpochs: given.numTrainEpochs ?? 3,
    maxSteps: given.maxSteps ?? -1,
    lrSchedulerType: given.lrSchedulerType ?? "linear",
    lrSchedulerKwargs: given.lrSchedulerKwargs ?? {},
    warmupRatio: given.warmupRatio ?? 0,
    warmupSteps: given.warmupSteps ?? 0,
    optim: given.optim ?? "adamw_torch",
    optimArgs: given.optimArgs ?? {},
    loggingStrategy: given.loggingStrategy ?? "steps",
    loggingSteps,
    loggingFirstStep: given.loggingFirstStep ?? false,
    saveStrategy: given.saveStrategy ??
      (outputDir === undefined ? "no" : "steps"),
    saveSteps: given.saveSteps ?? 500,
    saveTotalLimit: given.saveTotalLimit,
    saveOnlyModel: given.saveOnlyModel ?? false,
    seed,
    dataSeed: given.dataSeed ?? seed,
    dataloaderDropLast: given.dataloaderDropLast ?? false,
    groupByLength: given.groupByLength ?? false,
    lengthColumnName: given.lengthColumnName ?? "length",
    labelNames: given.labelNames,
    labelSmoothingFactor: given.labelSmoothingFactor ?? 0,
    loadBestModelAtEnd,
    metricForBestModel,
    greaterIsBetter: given.greaterIsBetter ??
      (metricForBestModel === undefined
        ? undefined
        : !metricForBestModel.endsWith("loss")),
    capture: given.capture ?? true,
  };
}

/** Throws if arguments contradict each other. */
function checkTogether(args: CompleteTrainingArguments): void {
  const refuse = (what: string, wish: string): never => {
    throw new RangeError(`Cannot train with ${what}: ${wish}`);
  };
  const { lrSchedulerType, lrSchedulerKwargs, metricForBestModel } = args;
  const { evalStrategy, evalSteps, saveStrategy, saveSteps } = args;
  if (saveStrategy !== "no" && args.outputDir === undefined) {
    refuse(
      `saveStrategy "${saveStrategy}" and no outputDir`,
      "say where to save",
    );
  }
  checkOptions(lrSchedulerKwargs, {
    action: `schedule "${lrSchedulerType}"`,
    known: SCHEDULE_OPTIONS[lrSchedulerType],
  });
  checkOptimArgs(args.optim, args.optimArgs);
  const hasWarmup = args.warmupRatio > 0 || args.warmupSteps > 0;
  if (lrSchedulerType === "constant" && hasWarmup) {
    refuse(
      'lrSchedulerType "constant" and a warmup',
      'use "constant_with_warmup"',
    );
  }
  if (lrSchedulerType === "reduce_lr_on_plateau" && hasWarmup) {
    refuse(
      'lrSchedulerType "reduce_lr_on_plateau" and a warmup',
      "it begins with the whole rate; leave the warmup out",
    );
  }
  if (lrSchedulerType === "reduce_lr_on_plateau" && evalStrategy === "no") {
    refuse(
      'lrSchedulerType "reduce_lr_on_plateau" and evalStrategy "no"',
      "evaluations tell when to lower the rate",
    );
  }
  if (
    lrSchedulerType === "cyclic" && lrSchedulerKwargs.cycleSteps === undefined
  ) {
    refuse(
      'lrSchedulerType "cyclic" and no cycleSteps',
      "say in lrSchedulerKwargs how long a cycle is",
    );
  }
  if (saveStrategy === "best" && metricForBestModel === undefined) {
    refuse(
      'saveStrategy "best" and no metricForBestModel',
      "name the metric that tells which model is best",
    );
  }
  if (saveStrategy === "best" && evalStrategy === "no") {
    refuse(
      'saveStrategy "best" and evalStrategy "no"',
      "evaluations tell which model is best",
    );
  }
  if (args.loadBestModelAtEnd && saveStrategy !== "best") {
    if (evalStrategy !== saveStrategy || evalStrategy === "no") {
      refuse(
        `loadBestModelAtEnd, evalStrategy "${evalStrategy}" and saveStrategy ` +
          `"${saveStrategy}"`,
        'the two strategies must agree, and not be "no"',
      );
    }
    if (evalStrategy === "steps" && !isMultiple(saveSteps, evalSteps)) {
      refuse(
        `loadBestModelAtEnd, evalSteps ${evalSteps} and saveSteps ${saveSteps}`,
        "saveSteps must be a multiple of evalSteps",
      );
    }
  }
}

/** Whether steps, or shares of all steps, are a multiple of others. */
function isMultiple(a: number, b: number): boolean {
  if (a >= 1 !== b >= 1) return false;
  if (a >= 1) return a % b === 0;
  // Shares are compared to a millionth, as 0.3 is not 3 · 0.1 in binary.
  const large = 1e6;
  return Math.round(a * large) % Math.round(b * large) === 0;
}

/** A number of steps that may be given as a share of all steps. */
export function resolveSteps(steps: number, maxSteps: number): number {
  return steps < 1 ? Math.ceil(maxSteps * steps) : steps;
}
