// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The mean of the weights of the last epochs, made while a Trainer trains.

import type { Module } from "../module.ts";
import { checkOptions } from "../options.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  TrainerCallback,
  TrainerEvent,
} from "../trainer/callbacks.ts";
import { AveragedModel } from "./averaged_model.ts";
import { epochsSoFar, requireEpoch, requireNotNegative } from "./epochs.ts";
import { type RunnableModule, updateBn } from "./update_bn.ts";

/** Options of {@linkcode SWACallback}. The first five have dicee's names. */
export interface SWACallbackOptions {
  /** The epoch from whose end on weights are averaged; the first is 0. */
  swaStartEpoch: number;
  /** The epochs between two weights that are averaged. @default {1} */
  swaCEpochs?: number | undefined;
  /**
   * The learning rate in the end. The rate stays `lrInit` for the first half of
   * the run, falls to this one until nine tenths of it, and stays there.
   *
   * @default {the Trainer's schedule decides alone}
   */
  swaLr?: number | undefined;
  /** The rate that `swaLr` starts from. @default {that of the optimizer} */
  lrInit?: number | undefined;
  /** The epochs of the run, for `swaLr`. @default {those of the arguments} */
  maxEpochs?: number | undefined;
  /**
   * The batches from which the statistics of batch norms are computed in the
   * end; needed by models that have some.
   *
   * @default {none}
   */
  bnBatches?: (() => Iterable<object> | AsyncIterable<object>) | undefined;
}

const OPTIONS: readonly (keyof SWACallbackOptions)[] = [
  ...["swaStartEpoch", "swaCEpochs", "swaLr", "lrInit", "maxEpochs"] as const,
  "bnBatches",
];

/**
 * Averages the weights of epochs (SWA), and gives the model the mean at the end
 * of the run: what dicee's callback `SWA` does. Use a learning rate that stays
 * high, by `lrSchedulerType: "constant"` or by `swaLr`: weights that no longer
 * move have nothing to average. Izmailov et al., "Averaging Weights Leads to
 * Wider Optima and Better Generalization", 2018.
 *
 * dicee leaves the buffers of batch norms as they were at first; here they are
 * those of the last epoch, or are computed for the average if `bnBatches` is given.
 * Checkpoints hold the average.
 *
 * @example Usage
 * ```ts
 * import { initialize, type Tensor } from "@swagpu/swagpu/engine";
 * import {
 *   Linear,
 *   Module,
 *   mseLoss,
 *   SWACallback,
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
 * using swa = new SWACallback(model, { swaStartEpoch: 6 });
 * const trainer = new Trainer({
 *   model,
 *   args: { numTrainEpochs: 10, lrSchedulerType: "constant" },
 *   trainDataset: [{ x: [0.5], labels: [2.5] }, { x: [1.5], labels: [4.5] }],
 *   callbacks: [swa],
 * });
 * await trainer.train();
 * assertEquals(swa.averaged.nAveraged, 4);
 * ```
 */
export class SWACallback implements TrainerCallback, Disposable {
  /** The name under which checkpoints keep the average. */
  readonly name = "SWACallback";
  /** The average. */
  readonly averaged: AveragedModel<RunnableModule>;
  readonly #options: SWACallbackOptions;
  readonly #every: number;
  #initialRates: readonly number[] | undefined;

  /**
   * Makes room for the average.
   *
   * @param model The model that is trained.
   * @param options Which epochs count, and the rate.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option is not known.
   */
  constructor(model: Module, options: SWACallbackOptions) {
    checkOptions(options, { action: "average weights", known: OPTIONS });
    const { swaStartEpoch, swaCEpochs = 1, swaLr, lrInit } = options;
    requireEpoch({ swaStartEpoch }, 0);
    requireEpoch({ swaCEpochs }, 1);
    requireNotNegative({ swaLr, lrInit });
    this.#options = options;
    this.#every = swaCEpochs;
    this.averaged = new AveragedModel<RunnableModule>(model);
  }

  /**
   * Looks at the length of the run.
   *
   * @throws {RangeError} If the run ends before `swaStartEpoch`.
   */
  onTrainBegin({ state, optimizer }: TrainerEvent): void {
    const { swaStartEpoch } = this.#options;
    if (swaStartEpoch >= state.numTrainEpochs) {
      throw new RangeError(
        `Cannot average weights from epoch ${swaStartEpoch} on: the run has ` +
          `${state.numTrainEpochs} epochs`,
      );
    }
    this.#initialRates ??= optimizer?.groups.map(({ learningRate }) =>
      learningRate
    );
  }

  /** Sets the rate, if `swaLr` is given. */
  onStepBegin(event: TrainerEvent): void {
    this.#setRate(event);
  }

  /** Sets it again after the schedule, so that the log has it. */
  onStepEnd(event: TrainerEvent): void {
    this.#setRate(event);
  }

  #setRate({ args, state, optimizer }: TrainerEvent): void {
    const { swaLr, lrInit, maxEpochs = args.numTrainEpochs } = this.#options;
    if (swaLr === undefined || !optimizer) return;
    const t = Math.floor(state.epoch) / maxEpochs;
    optimizer.groups.forEach((group, i) => {
      const initial = lrInit ?? this.#initialRates?.[i] ?? swaLr;
      const ratio = initial === 0 ? 1 : swaLr / initial;
      group.learningRate = initial *
        (t <= 0.5 ? 1 : t <= 0.9 ? 1 - (1 - ratio) * (t - 0.5) / 0.4 : ratio);
    });
  }

  /** Adds the weights of the epoch to the average. */
  onEpochEnd({ state, model }: TrainerEvent): void {
    const since = epochsSoFar(state) - 1 - this.#options.swaStartEpoch;
    if (since < 0 || since % this.#every !== 0) return;
    this.averaged.updateParameters(model);
  }

  /** Gives the model the average, unless a signal has ended the run. */
  async onTrainEnd({ aborted }: TrainerEvent): Promise<void> {
    if (aborted || this.averaged.nAveraged === 0) return;
    const batches = this.#options.bnBatches?.();
    if (batches) await updateBn(batches, this.averaged);
    this.averaged.copyToModule();
  }

  /** The average, and the rates at the start, for a checkpoint. */
  stateDict(): CallbackState {
    const { values, tensors = [] } = this.averaged.stateDict();
    return {
      values: { average: values, initialRates: this.#initialRates },
      tensors,
    };
  }

  /**
   * Continues from a state.
   *
   * @throws {TypeError} If it is of another model.
   */
  async loadStateDict(
    { values, tensors }: LoadedCallbackState,
  ): Promise<void> {
    const { average, initialRates } = values as {
      average: unknown;
      initialRates?: number[];
    };
    await this.averaged.loadStateDict({ values: average, tensors });
    this.#initialRates = initialRates;
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
