// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a training run is given and what it reports: the types and checks of
// `train()`.

import type {
  AnyTensor,
  DTypeOf,
  HostValues,
  Tensor,
  TypedArray,
} from "../engine/mod.ts";
import type { Optimizer } from "./optim.ts";
import { checkOptions } from "./options.ts";
import type { Scheduler } from "./scheduler.ts";

/** How far a run is. */
export interface TrainState {
  /** The pass over the data, from 0. */
  readonly epoch: number;
  /** The number of optimizer steps since the start. */
  readonly step: number;
}

/** What is known after a step. */
export interface StepState extends TrainState {
  /** The number of optimizer steps since the start of the epoch. */
  readonly epochStep: number;
  /**
   * Reads the losses of all steps so far, so that `onLog` is called with those
   * that it has not seen. It waits for the GPU.
   */
  readLosses(): Promise<void>;
}

/** Where a run continues: what `onStep` was last told before it was cut. */
export type ResumePoint = Pick<StepState, "epoch" | "step" | "epochStep">;

/** What is known after losses have been read from the GPU. */
export interface TrainReport extends TrainState {
  /** The mean loss of the steps that the report covers. */
  readonly loss: number;
  /** The loss of each of these steps. */
  readonly losses: Float32Array<ArrayBuffer>;
  /** The learning rate of the last step, of the first parameter group. */
  readonly learningRate: number;
  /**
   * The norm of the gradients of the last step, before they were limited. It is
   * known if there is a `maxGradNorm`.
   */
  readonly gradNorm?: number;
}

/** The result of a run. */
export interface TrainResult extends TrainState {
  /** The mean loss of the last epoch, or of the steps of it that were made. */
  readonly loss: number;
  /** Whether the signal stopped the run before its end. */
  readonly aborted: boolean;
}

/** A loss, or an output of a model that holds the loss. */
export type StepLoss = Tensor | { readonly loss?: Tensor };

/** The options that all runs of `train()` have in common. */
export interface RunOptions<Batch> {
  /** The number of passes over the data. */
  epochs: number;
  /**
   * Gives the batches of an epoch, where the first epoch is 0. Batches are data
   * on the host, such as row numbers.
   */
  batches: (epoch: number) => Iterable<Batch> | AsyncIterable<Batch>;
  /** Updates the parameters. */
  optimizer: Optimizer;
  /** Advances by one after every step. @default {none: a constant rate} */
  scheduler?: Scheduler | undefined;
  /** The largest norm of all gradients together. @default {no limit} */
  maxGradNorm?: number | undefined;
  /**
   * The number of batches per step. A step follows the mean of their losses.
   * The last step of an epoch may have fewer batches.
   *
   * @default {1}
   */
  gradientAccumulation?: number | undefined;
  /**
   * How much a batch counts in the mean of a step: the number of rows or tokens
   * that its loss is a mean of, for instance. A step of several batches then
   * follows the mean over all of these. A batch of 0 is left out, unless all
   * batches of the step are of 0.
   *
   * @default {every batch counts the same}
   */
  batchWeight?: ((batch: Batch) => number) | undefined;
  /**
   * The number of steps between two readings of losses. A reading waits for the
   * GPU. Another one is made at the end of each epoch.
   *
   * @default {as many as take half a second, at most 64}
   */
  logEvery?: number | undefined;
  /** Called when losses have been read. @default {nothing} */
  onLog?: ((report: TrainReport) => void | Promise<void>) | undefined;
  /** Called after every step; its loss is not known yet. @default {nothing} */
  onStep?: ((state: StepState) => void | Promise<void>) | undefined;
  /**
   * Called after every epoch with its losses: the place to evaluate, or to
   * collect weights for a posterior. If it switches the model to `eval()`, it
   * has to switch it back.
   *
   * @default {nothing}
   */
  onEpoch?: ((report: TrainReport) => void | Promise<void>) | undefined;
  /**
   * Ends the run between two steps. The run notices it each time that losses
   * are read, and after callbacks that wait.
   *
   * @default {none}
   */
  signal?: AbortSignal | undefined;
  /**
   * Continues a run that was cut after a step. `batches` is called for the epoch
   * of that step, and the batches that were used are left out. The caller loads
   * the state of the weights, the optimizer, the scheduler and the generators
   * before; then the run goes on with the bits of a run that was never cut.
   * Reports of the first epoch cover the steps since then.
   *
   * @default {from the start}
   */
  resume?: ResumePoint | undefined;
}

/** Options of `train()` for a run that executes `step` for every batch. */
export interface TrainOptions<Batch> extends RunOptions<Batch> {
  /**
   * Computes the loss of a batch. Tensors that it makes are freed after the
   * step.
   */
  step: (batch: Batch) => StepLoss;
}

/**
 * What `step` receives when `inputs` returns a `Feed`: tensors in place of host
 * values and tensors, and everything else unchanged.
 */
export type StepInputs<Feed> = {
  readonly [Name in keyof Feed]: StepValue<Feed[Name]>;
};

/** What `step` receives for one input. */
export type StepValue<Value> = Value extends AnyTensor ? Tensor<Value["dtype"]>
  : Value extends TypedArray ? Tensor<DTypeOf<Value>>
  : Value extends HostValues ? Tensor<DTypeOf<Value["data"]>>
  : Value;

/**
 * Options of `train()` for a run that captures its steps and replays them:
 * faster, with the same bits.
 */
export interface CapturedTrainOptions<Batch, Feed extends object>
  extends RunOptions<Batch> {
  /**
   * Turns a batch into the inputs of `step`. A tensor is given as a typed
   * array, as `{ data, shape }` or as a tensor; see `capture`.
   */
  inputs: (batch: Batch) => Feed;
  /**
   * Computes the loss of the inputs. It runs for the first few batches of each
   * shape and is replayed for the others, so everything that changes from step
   * to step must be an input.
   */
  step: (inputs: StepInputs<Feed>) => StepLoss;
  /** Whether to replay steps at all. @default {true} */
  capture?: boolean | undefined;
}

/** The names of all options. */
const NAMES: readonly (
  | keyof TrainOptions<unknown>
  | keyof CapturedTrainOptions<unknown, object>
)[] = [
  "epochs",
  "batches",
  "optimizer",
  "scheduler",
  "maxGradNorm",
  "gradientAccumulation",
  "batchWeight",
  "logEvery",
  "onLog",
  "onStep",
  "onEpoch",
  "signal",
  "resume",
  "step",
  "inputs",
  "capture",
];

/** Throws if an option is not known or out of range. */
export function checkTrainOptions<Batch>(options: RunOptions<Batch>): void {
  checkOptions(options, { action: "train", known: NAMES });
  const { epochs, gradientAccumulation = 1, logEvery, maxGradNorm } = options;
  requireCount("epochs", epochs);
  requireCount("gradientAccumulation", gradientAccumulation);
  if (logEvery !== undefined) requireCount("logEvery", logEvery);
  if (options.resume) checkResume(options.resume);
  if (maxGradNorm !== undefined && !(maxGradNorm > 0)) {
    throw new RangeError(
      `Cannot train with maxGradNorm ${maxGradNorm}: it must be positive`,
    );
  }
}

/** Throws unless a point to resume from has three counts. */
function checkResume({ epoch, step, epochStep }: ResumePoint): void {
  for (const [name, value] of Object.entries({ epoch, step, epochStep })) {
    requireCount(`resume.${name}`, value, 0);
  }
}

function requireCount(name: string, value: number, least = 1): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(
    `Cannot train with ${name} ${value}: it must be a whole number of at least ` +
      `${least}`,
  );
}
