// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The exponential moving average of weights, made while a Trainer trains.

import type { Module } from "../module.ts";
import { checkOptions } from "../options.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  TrainerCallback,
  TrainerEvent,
} from "../trainer/callbacks.ts";
import { AveragedModel, getEmaAvgFn } from "./averaged_model.ts";
import { epochsSoFar, requireEpoch } from "./epochs.ts";

/** Options of {@linkcode EMACallback}. */
export interface EMACallbackOptions {
  /** The epoch from which on weights are averaged; the first is 0. @default {0} */
  emaStartEpoch?: number | undefined;
  /** The share of the average that stays. @default {0.999} */
  decay?: number | undefined;
  /** Whether the decay rises at first; see `getEmaAvgFn`. @default {false} */
  warmup?: boolean | undefined;
  /**
   * The epochs between two updates, as in dicee.
   *
   * @default {none: after each step}
   */
  emaCEpochs?: number | undefined;
}

/**
 * Keeps an exponential moving average of the weights, and gives it to the model
 * at the end of the run: what dicee's callback `EMA` does.
 *
 * dicee updates once an epoch, where with its decay of 0.999 the weights at the
 * start still have a share of 90 % after a hundred epochs. Here the average is
 * updated after each step, unless `emaCEpochs` is given, and `warmup` forgets the
 * start. Checkpoints hold the average.
 *
 * @example Usage
 * ```ts
 * import { initialize, type Tensor } from "@swagpu/swagpu/engine";
 * import {
 *   EMACallback,
 *   Linear,
 *   Module,
 *   mseLoss,
 *   Trainer,
 * } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Line extends Module {
 *   readonly linear = new Linear(1, 1);
 *   forward({ x, labels }: { x: Tensor; labels: Tensor }) {
 *     return { loss: mseLoss(this.linear.forward(x), labels) };
 *   }
 * }
 *
 * await initialize();
 * const model = new Line();
 * using ema = new EMACallback(model, { decay: 0.9, warmup: true });
 * const trainer = new Trainer({
 *   model,
 *   args: { maxSteps: 5 },
 *   trainDataset: [{ x: [0.5], labels: [2.5] }, { x: [1.5], labels: [4.5] }],
 *   callbacks: [ema],
 * });
 * await trainer.train();
 * assertEquals(ema.averaged.nAveraged, 5);
 * ```
 */
export class EMACallback implements TrainerCallback, Disposable {
  /** The name under which checkpoints keep the average. */
  readonly name = "EMACallback";
  /** The average. */
  readonly averaged: AveragedModel;
  readonly #start: number;
  readonly #everyEpochs: number | undefined;

  /**
   * Makes room for the average.
   *
   * @param model The model that is trained.
   * @param options The decay, and when to update.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option is not known.
   */
  constructor(model: Module, options: EMACallbackOptions = {}) {
    checkOptions(options, {
      action: "average weights",
      known: ["emaStartEpoch", "decay", "warmup", "emaCEpochs"],
    });
    const { emaStartEpoch = 0, decay, warmup, emaCEpochs } = options;
    requireEpoch({ emaStartEpoch }, 0);
    if (emaCEpochs !== undefined) requireEpoch({ emaCEpochs }, 1);
    this.#start = emaStartEpoch;
    this.#everyEpochs = emaCEpochs;
    const avgFn = getEmaAvgFn(decay, { warmup });
    this.averaged = new AveragedModel(model, { avgFn });
  }

  /** Updates the average, if it follows steps. */
  onStepEnd({ state, model }: TrainerEvent): void {
    if (this.#everyEpochs === undefined && state.epoch > this.#start) {
      this.averaged.updateParameters(model);
    }
  }

  /** Updates the average, if it follows epochs. */
  onEpochEnd({ state, model }: TrainerEvent): void {
    if (this.#everyEpochs === undefined) return;
    const since = epochsSoFar(state) - 1 - this.#start;
    if (since >= 0 && since % this.#everyEpochs === 0) {
      this.averaged.updateParameters(model);
    }
  }

  /** Gives the model the average, unless a signal has ended the run. */
  onTrainEnd({ aborted }: TrainerEvent): void {
    if (aborted || this.averaged.nAveraged === 0) return;
    this.averaged.copyToModule();
  }

  /** The average, for a checkpoint. */
  stateDict(): CallbackState {
    return this.averaged.stateDict();
  }

  /**
   * Continues from a state.
   *
   * @throws {TypeError} If it is of another model.
   */
  async loadStateDict(state: LoadedCallbackState): Promise<void> {
    await this.averaged.loadStateDict(state);
  }

  /** Frees the average. */
  dispose(): void {
    this.averaged.dispose();
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
