// Copyright 2026 the swagpu authors. MIT license.

/**
 * Shows how far a training is, and what its measurements give.
 *
 * @module
 */

import type { TrainerCallback, TrainerEvent } from "../nn/mod.ts";
import { type Progress, progressLine } from "./progress.ts";

/** Options of {@linkcode TrainingProgress}. */
export interface TrainingProgressOptions {
  /** The passes over the data. */
  epochs: number;
  /** Whether each entry of the log is a line, even where there is no terminal. */
  everyLog: boolean;
}

/** A callback that shows the progress of a run. */
export class TrainingProgress implements TrainerCallback {
  readonly #progress: Progress;
  readonly #options: TrainingProgressOptions;
  #loss: number | undefined;

  constructor(progress: Progress, options: TrainingProgressOptions) {
    this.#progress = progress;
    this.#options = options;
  }

  /** The last loss of the log; `undefined` before the first. */
  get loss(): number | undefined {
    return this.#loss;
  }

  /** Starts the clock. */
  onTrainBegin({ state }: TrainerEvent): void {
    this.#loss = state.logHistory.findLast(({ loss }) => loss !== undefined)
      ?.["loss"];
    this.#progress.begin();
  }

  /** Shows the line from time to time; the last step is logged in any case. */
  onStepEnd(event: TrainerEvent): void {
    const { state, control } = event;
    if (state.globalStep >= state.maxSteps) control.shouldLog = true;
    if (!this.#options.everyLog) this.#show(event, false);
  }

  /** Notes the loss. */
  onLog(event: TrainerEvent): void {
    const loss = event.logs?.["loss"];
    if (loss === undefined) return;
    this.#loss = loss;
    if (this.#options.everyLog) this.#show(event, true);
  }

  /** Says what was measured. */
  onEvaluate({ metrics = {}, state }: TrainerEvent): void {
    const scores = Object.entries(metrics)
      .filter(([name]) => !/_runtime$|_per_second$/.test(name))
      .map(([name, value]) =>
        `${name.replace(/^eval_/, "")} ${value.toFixed(4)}`
      );
    this.#progress.say(
      `after ${state.globalStep} steps: ${scores.join(", ")}`,
    );
  }

  #show({ state, optimizer, progress }: TrainerEvent, isDue: boolean): void {
    if (!progress) return;
    this.#progress.show(
      () =>
        progressLine({
          // The last step of a pass belongs to it, not to the next one.
          epoch: Math.max(1, Math.ceil(state.epoch)),
          epochs: this.#options.epochs,
          step: state.globalStep,
          steps: state.maxSteps,
          loss: this.#loss,
          learningRate: optimizer?.learningRate ?? 0,
          samplesPerSecond: progress.samplesPerSecond,
          secondsLeft: progress.secondsLeft,
          gpuBytes: progress.gpuBytes,
        }),
      isDue,
    );
  }
}
