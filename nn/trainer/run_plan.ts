// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How many steps a run has, and which settings it cannot change on the way.

import { resolveSteps } from "./argument_rules.ts";
import type { FixedSettings } from "./checkpoint.ts";
import { isIndexed, type TrainerDataset } from "./datasets.ts";
import { OPTIM_ARGS } from "./optimizer_rules.ts";
import type { TrainerState } from "./trainer_state.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

/** The lengths of a run. */
export interface RunPlan {
  /** The passes over the data, rounded up. */
  epochs: number;
  /** The steps of the run. */
  maxSteps: number;
  /** The batches of an epoch, if the dataset has a length. */
  batches: number | undefined;
  /** The steps of an epoch, if the dataset has a length. */
  epochSteps: number | undefined;
}

/**
 * Plans a run, by the rules of Hugging Face's `Trainer`.
 *
 * @throws {RangeError} If there is no batch, or nothing says how many steps.
 */
export function planRun(
  dataset: TrainerDataset<unknown>,
  args: CompleteTrainingArguments,
): RunPlan {
  const { maxSteps, numTrainEpochs, perDeviceTrainBatchSize } = args;
  if (!isIndexed(dataset)) {
    if (maxSteps < 0) {
      throw new RangeError(
        "Cannot train on a dataset without a length: set maxSteps",
      );
    }
    const epochs = Number.MAX_SAFE_INTEGER;
    return { epochs, maxSteps, batches: undefined, epochSteps: undefined };
  }
  const whole = dataset.length / perDeviceTrainBatchSize;
  const batches = args.dataloaderDropLast
    ? Math.floor(whole)
    : Math.ceil(whole);
  if (batches === 0) {
    throw new RangeError(
      `Cannot train on ${dataset.length} rows in batches of ` +
        `${perDeviceTrainBatchSize}: dataloaderDropLast leaves no batch`,
    );
  }
  const epochSteps = Math.ceil(batches / args.gradientAccumulationSteps);
  return maxSteps > 0
    ? {
      epochs: Math.ceil(maxSteps / epochSteps),
      maxSteps,
      batches,
      epochSteps,
    }
    : {
      epochs: Math.ceil(numTrainEpochs),
      maxSteps: Math.ceil(numTrainEpochs * epochSteps),
      batches,
      epochSteps,
    };
}

/** Where a step lies in its epoch, as a number of epochs. */
export function epochAt(
  { epoch, epochStep }: { epoch: number; epochStep: number },
  { batches, maxSteps }: RunPlan,
  { gradientAccumulationSteps }: CompleteTrainingArguments,
): number {
  return batches === undefined ? epoch + epochStep / maxSteps : epoch +
    Math.min(epochStep * gradientAccumulationSteps, batches) / batches;
}

/** The parts of a state that follow from a plan. */
export function plannedState(
  { maxSteps, epochs }: RunPlan,
  args: CompleteTrainingArguments,
): Partial<TrainerState> {
  return {
    maxSteps,
    numTrainEpochs: epochs,
    loggingSteps: resolveSteps(args.loggingSteps, maxSteps),
    evalSteps: resolveSteps(args.evalSteps, maxSteps),
    saveSteps: resolveSteps(args.saveSteps, maxSteps),
    trainBatchSize: args.perDeviceTrainBatchSize,
  };
}

/** Arguments that decide what is in a batch, or that the optimizer keeps. */
const FIXED = [
  "perDeviceTrainBatchSize",
  "gradientAccumulationSteps",
  "seed",
  "dataSeed",
  "groupByLength",
  "dataloaderDropLast",
  "learningRate",
  "weightDecay",
  "adamBeta1",
  "adamBeta2",
  "adamEpsilon",
  "optim",
] as const satisfies readonly (keyof CompleteTrainingArguments)[];

/** The settings of a run that a checkpoint remembers. */
export function fixedSettings(
  dataset: TrainerDataset<unknown>,
  args: CompleteTrainingArguments,
): FixedSettings {
  return {
    ...Object.fromEntries(FIXED.map((name) => [name, args[name]])),
    ...Object.fromEntries(
      OPTIM_ARGS.map((name) => [
        `optimArgs.${name}`,
        args.optimArgs[name] ?? null,
      ]),
    ),
    rows: isIndexed(dataset) ? dataset.length : null,
  };
}

/**
 * Throws unless the settings are those of a checkpoint: the run would see other
 * batches, or would ignore what was set, because the optimizer's state has it.
 *
 * @throws {RangeError} If a setting differs.
 */
export function checkFixed(
  saved: FixedSettings,
  own: FixedSettings,
  path: string,
): void {
  for (const [name, value] of Object.entries(own)) {
    const there = saved[name] ?? null;
    if (there === value) continue;
    const what = name === "rows" ? "the number of training rows" : name;
    throw new RangeError(
      `Cannot resume from ${path}: ${what} is ${
        there ?? "not set"
      } there and ` +
        `${value ?? "not set"} here`,
    );
  }
}
