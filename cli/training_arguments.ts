// Copyright 2026 the swagpu authors. MIT license.

/**
 * Turns the options of `finetune` into the arguments of nn's `Trainer`.
 *
 * @module
 */

import type { OptimArgs, TrainingArguments } from "../nn/mod.ts";
import type { TrainSettings } from "./finetune_settings.ts";

/** About how many times a run logs, unless an option says otherwise. */
const LOGS = 100;

/** What the arguments depend on beside the options of training. */
export interface ArgumentContext {
  /** The folder that the run writes to. */
  output: string;
  /** Whether it may replace the run that the folder holds. */
  overwrite: boolean;
  /** The number of rows to train on. */
  rows: number;
  /** The steps of the run. */
  steps: number;
  /** The name of the score that tells which model is better. */
  metric: string;
  /** Whether a greater value of it is better. */
  greaterIsBetter: boolean;
  /** Whether AdamW corrects its moments' bias. */
  biasCorrection: boolean;
  /** Whether blocks are computed again on the way back. */
  gradientCheckpointing: boolean;
}

/** The arguments of a run. */
export function trainingArguments(
  settings: TrainSettings,
  context: ArgumentContext,
): TrainingArguments {
  const { schedule, evaluateEvery, saveEvery, loadBest } = settings;
  const { output, overwrite, steps, metric, greaterIsBetter } = context;
  const warms = settings.warmupRatio > 0;
  return {
    outputDir: output,
    overwriteOutputDir: overwrite,
    perDeviceTrainBatchSize: settings.batchSize,
    // The evaluation's outputs are small, and no derivative is kept.
    perDeviceEvalBatchSize: settings.batchSize,
    gradientAccumulationSteps: settings.gradientAccumulation,
    learningRate: settings.learningRate,
    weightDecay: settings.weightDecay,
    maxGradNorm: settings.maxGradNorm ?? 0,
    numTrainEpochs: settings.epochs,
    maxSteps: settings.maxSteps ?? -1,
    lrSchedulerType: schedule === "constant" && warms
      ? "constant_with_warmup"
      : schedule,
    ...schedule === "polynomial" ? { lrSchedulerKwargs: POLYNOMIAL } : {},
    ...settings.cycle === undefined ? {} : {
      lrSchedulerKwargs: {
        cycleSteps: settings.cycle.steps,
        minLrRate: settings.cycle.end,
      },
    },
    warmupRatio: settings.warmupRatio,
    optim: settings.optimizer === "adamw" ? "adamw_torch" : settings.optimizer,
    optimArgs: optimArgs(settings, context),
    gradientCheckpointing: context.gradientCheckpointing,
    seed: settings.seed,
    dataSeed: settings.seed,
    groupByLength: true,
    loggingSteps: settings.logEvery ?? Math.max(1, Math.floor(steps / LOGS)),
    loggingFirstStep: true,
    ...evaluateEvery === undefined ? {} : {
      evalStrategy: evaluateEvery === "epoch" ? "epoch" : "steps",
      ...evaluateEvery === "epoch" ? {} : { evalSteps: evaluateEvery },
      metricForBestModel: metric,
      greaterIsBetter,
      loadBestModelAtEnd: loadBest,
    },
    saveStrategy: saveEvery === undefined
      ? "no"
      : saveEvery === "epoch"
      ? "epoch"
      : "steps",
    ...typeof saveEvery === "number" ? { saveSteps: saveEvery } : {},
    saveTotalLimit: settings.saveLimit,
  };
}

/** The settings of the optimizer. */
function optimArgs(
  { optimizer, momentum }: TrainSettings,
  { biasCorrection, rows }: ArgumentContext,
): OptimArgs {
  switch (optimizer) {
    case "adamw":
      return { correctBias: biasCorrection };
    case "ivon":
      return { ess: rows };
    default:
      return { momentum };
  }
}

/** The falling parabola, down to no rate at all. */
const POLYNOMIAL = { power: 2, lrEnd: 0 };
