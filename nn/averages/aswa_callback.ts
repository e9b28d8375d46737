// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// An average of weights that takes only those that a validation set approves of.

import type { Module } from "../module.ts";
import { checkOptions } from "../options.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  TrainerCallback,
  TrainerEvent,
} from "../trainer/callbacks.ts";
import { AveragedModel } from "./averaged_model.ts";

/** What happened to the average after an epoch. */
export type ASWAUpdate = "first" | "hard" | "soft" | "reject" | "equal";

/** Options of {@linkcode ASWACallback}. */
export interface ASWACallbackOptions {
  /**
   * Measures the model with the weights that it has now, on a validation set. It
   * is called twice an epoch: with the weights of the run, and with an average.
   */
  evaluate: () => number | Promise<number>;
  /** Whether a greater value is better. @default {true} */
  greaterIsBetter?: boolean | undefined;
}

/**
 * Adaptive stochastic weight averaging (ASWA), and gives the model the average
 * at the end of the run. After each epoch, with `v` the value of the run, `v'`
 * that of the average with the weights of the run in it, and `v*` that of the
 * average so far:
 *
 * - `v > v'` and `v > v*`: a hard update. The average starts again from these
 *   weights.
 * - else `v' > v*`: a soft update. The weights join the average.
 * - else they are rejected.
 *
 * So `v*` never gets worse. dicee's callback gives the weights of a hard update
 * no share in what follows, so that the next soft update replaces them; here they
 * count as the first ones. Demir et al., "Adaptive Stochastic Weight Averaging",
 * 2024.
 *
 * @example Usage
 * ```ts
 * import { initialize, type Tensor } from "@swagpu/swagpu/engine";
 * import {
 *   ASWACallback,
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
 * const rows = [{ x: [0.5], labels: [2.5] }, { x: [1.5], labels: [4.5] }];
 * using aswa = new ASWACallback(model, {
 *   evaluate: async () => (await trainer.evaluate())["eval_loss"] ?? NaN,
 *   greaterIsBetter: false,
 * });
 * const trainer: Trainer<(typeof rows)[number]> = new Trainer({
 *   model,
 *   args: { numTrainEpochs: 3 },
 *   trainDataset: rows,
 *   evalDataset: rows,
 *   callbacks: [aswa],
 * });
 * await trainer.train();
 * assertEquals(aswa.updates.length, 3);
 * ```
 */
export class ASWACallback implements TrainerCallback, Disposable {
  /** The name under which checkpoints keep the average. */
  readonly name = "ASWACallback";
  readonly #evaluate: () => number | Promise<number>;
  readonly #sign: 1 | -1;
  #kept: AveragedModel;
  /** The average with the weights of the run in it. */
  #trial: AveragedModel;
  #updates: ASWAUpdate[] = [];
  #value = NaN;

  /**
   * Makes room for the average, and for one with the next weights in it.
   *
   * @param model The model that is trained.
   * @param options How to measure it.
   * @throws {TypeError} If an option is not known.
   */
  constructor(model: Module, options: ASWACallbackOptions) {
    checkOptions(options, {
      action: "average weights",
      known: ["evaluate", "greaterIsBetter"],
    });
    const { evaluate, greaterIsBetter = true } = options;
    this.#evaluate = evaluate;
    this.#sign = greaterIsBetter ? 1 : -1;
    this.#kept = new AveragedModel(model);
    this.#trial = new AveragedModel(model);
  }

  /** The average that has measured best. */
  get averaged(): AveragedModel {
    return this.#kept;
  }

  /** What happened to the average after each epoch. */
  get updates(): readonly ASWAUpdate[] {
    return this.#updates;
  }

  /** The value of the average; NaN before the first epoch has ended. */
  get value(): number {
    return this.#sign * this.#value;
  }

  /** Measures the weights, and takes them into the average or not. */
  async onEpochEnd({ model }: TrainerEvent): Promise<void> {
    const run = await this.#measure();
    if (this.#kept.nAveraged === 0) {
      this.#take(model, "first", run);
      return;
    }
    this.#trial.copyFrom(this.#kept);
    this.#trial.updateParameters(model);
    const ahead = await this.#trial.withAverage(() => this.#measure());
    if (run > ahead && run > this.#value) {
      this.#kept.reset();
      this.#take(model, "hard", run);
    } else if (ahead > this.#value) {
      [this.#kept, this.#trial] = [this.#trial, this.#kept];
      this.#value = ahead;
      this.#updates.push("soft");
    } else {
      this.#updates.push(this.#value > ahead ? "reject" : "equal");
    }
  }

  #take(model: Module, update: ASWAUpdate, value: number): void {
    this.#kept.updateParameters(model);
    this.#value = value;
    this.#updates.push(update);
  }

  /** The value, of which more is better. */
  async #measure(): Promise<number> {
    return this.#sign * await this.#evaluate();
  }

  /** Gives the model the average, unless a signal has ended the run. */
  onTrainEnd({ aborted }: TrainerEvent): void {
    if (aborted || this.#kept.nAveraged === 0) return;
    this.#kept.copyToModule();
  }

  /** The average and its value, for a checkpoint. */
  stateDict(): CallbackState {
    const { values, tensors = [] } = this.#kept.stateDict();
    const value = Number.isNaN(this.#value) ? null : this.#value;
    return {
      values: { average: values, updates: this.#updates, value },
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
    const { average, updates, value } = values as {
      average: unknown;
      updates: ASWAUpdate[];
      value: number | null;
    };
    await this.#kept.loadStateDict({ values: average, tensors });
    this.#updates = [...updates];
    this.#value = value ?? NaN;
  }

  /** Frees the averages. */
  dispose(): void {
    this.#kept.dispose();
    this.#trial.dispose();
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
