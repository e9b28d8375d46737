// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a Trainer tells callbacks, and what these can ask for.

import type { SafetensorsSource } from "../formats/mod.ts";
import type { Module, StateSource } from "../module.ts";
import type { Optimizer } from "../optim.ts";
import type { ReduceLROnPlateau } from "../reduce_on_plateau.ts";
import type { Scheduler } from "../scheduler.ts";
import type { LogEntry, TrainerState } from "./trainer_state.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

/**
 * What a `Trainer` does next. Callbacks set these fields, and the `Trainer` sets
 * the last four to `false` when it has done so.
 */
export interface TrainerControl {
  /** Whether to end the run after this step. */
  shouldTrainingStop: boolean;
  /** Whether to end the epoch after this step. */
  shouldEpochStop: boolean;
  /** Whether to log the loss now. */
  shouldLog: boolean;
  /** Whether to evaluate now. */
  shouldEvaluate: boolean;
  /** Whether to save a checkpoint now. */
  shouldSave: boolean;
}

/** How fast a run is. */
export interface TrainerProgress {
  /** The seconds since this process began to train. */
  readonly elapsedSeconds: number;
  /** The steps per second, evaluations and saves included. */
  readonly stepsPerSecond: number;
  /** The rows per second, evaluations and saves included. */
  readonly samplesPerSecond: number;
  /** The seconds to the end at this rate; infinite before the first step. */
  readonly secondsLeft: number;
  /** The GPU memory that tensors take, in bytes. */
  readonly gpuBytes: number;
}

/** What a callback is told. */
export interface TrainerEvent {
  /** The settings. */
  readonly args: CompleteTrainingArguments;
  /** How far the run is. */
  readonly state: TrainerState;
  /** What to do next; callbacks change it. */
  readonly control: TrainerControl;
  /** The model. */
  readonly model: Module;
  /** The optimizer, during training. */
  readonly optimizer?: Optimizer;
  /** The schedule of the learning rate, during training. */
  readonly scheduler?: Scheduler | ReduceLROnPlateau;
  /** The metrics, in `onEvaluate` and `onPredict`. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** The new entry of the log, in `onLog`. */
  readonly logs?: LogEntry;
  /** The folder of the new checkpoint, in `onSave`. */
  readonly checkpoint?: string;
  /**
   * Whether a signal has ended the run, which may go on from its checkpoint, in
   * `onTrainEnd`.
   */
  readonly aborted?: boolean;
  /** How fast the run is, during training. */
  readonly progress?: TrainerProgress;
}

/** What a callback keeps in a checkpoint. */
export interface CallbackState {
  /** Anything that consists of plain objects, arrays, numbers and strings. */
  values?: unknown;
  /** Tensors by name, which are written one at a time. */
  tensors?: Iterable<readonly [string, SafetensorsSource]>;
}

/** What a callback gets back from a checkpoint. */
export interface LoadedCallbackState {
  /** What {@linkcode CallbackState.values} was. */
  readonly values: unknown;
  /** The tensors; none if the callback had saved none. */
  readonly tensors: StateSource | undefined;
}

/**
 * Follows a training run, and may change its course by `event.control`. All
 * methods are optional, and the run waits for those that are asynchronous.
 *
 * A callback that remembers something from step to step has
 * {@linkcode stateDict} and {@linkcode loadStateDict}, so that a run that
 * resumes is the run that was not cut. After a cut within an epoch,
 * `onEpochBegin` has been called already and is not called again.
 */
export interface TrainerCallback {
  /**
   * The name under which checkpoints keep the state.
   *
   * @default {the name of the class}
   */
  readonly name?: string;
  /** Before the first step of this process; a state has been loaded. */
  onTrainBegin?(event: TrainerEvent): void | Promise<void>;
  /** Before the first step of an epoch. */
  onEpochBegin?(event: TrainerEvent): void | Promise<void>;
  /** Before each step. */
  onStepBegin?(event: TrainerEvent): void | Promise<void>;
  /** After each step, before it is logged, evaluated or saved. */
  onStepEnd?(event: TrainerEvent): void | Promise<void>;
  /** After the last step of an epoch, or of the run. */
  onEpochEnd?(event: TrainerEvent): void | Promise<void>;
  /** After an evaluation, before `state.bestMetric` follows from it. */
  onEvaluate?(event: TrainerEvent): void | Promise<void>;
  /** After a prediction. */
  onPredict?(event: TrainerEvent): void | Promise<void>;
  /** After a checkpoint is in its place. */
  onSave?(event: TrainerEvent): void | Promise<void>;
  /** After something was added to the log. */
  onLog?(event: TrainerEvent): void | Promise<void>;
  /** After the last step of this process. */
  onTrainEnd?(event: TrainerEvent): void | Promise<void>;
  /** What to keep in a checkpoint. */
  stateDict?(): CallbackState | Promise<CallbackState>;
  /** Continues from what a checkpoint has kept. */
  loadStateDict?(state: LoadedCallbackState): void | Promise<void>;
}

/** The names of the events. */
export type TrainerEventName = Extract<keyof TrainerCallback, `on${string}`>;

/** The name under which checkpoints keep a callback's state. */
export function nameOf(callback: TrainerCallback): string {
  return callback.name ?? callback.constructor.name;
}

/** A control that asks for nothing. */
export function newControl(): TrainerControl {
  return {
    shouldTrainingStop: false,
    shouldEpochStop: false,
    shouldLog: false,
    shouldEvaluate: false,
    shouldSave: false,
  };
}
