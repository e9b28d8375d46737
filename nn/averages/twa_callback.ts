// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Training in the subspace of the weights of earlier epochs, by a callback.

import type { Module } from "../module.ts";
import type { Optimizer } from "../optim.ts";
import { checkOptions } from "../options.ts";
import { SGD } from "../sgd.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  TrainerCallback,
  TrainerEvent,
} from "../trainer/callbacks.ts";
import { epochsSoFar, requireEpoch, requireNotNegative } from "./epochs.ts";
import { WeightSubspace } from "./weight_subspace.ts";

/** Options of {@linkcode TWACallback}. Most have dicee's names. */
export interface TWACallbackOptions {
  /**
   * The epoch from which on the subspace is trained in; the first is 0. The
   * weights of the epochs before it span the subspace, so it is at least 1.
   */
  twaStartEpoch: number;
  /** The most weights that span it: those of the last epochs. @default {5} */
  numSamples?: number | undefined;
  /** The epochs between two weights that are kept. @default {1} */
  twaCEpochs?: number | undefined;
  /**
   * The learning rate in the subspace; it falls to a tenth at half of the rest
   * of the run, and again at three quarters. The authors use 1 to 2.
   *
   * @default {that of the Trainer's schedule}
   */
  lrInit?: number | undefined;
  /** How strongly the weights are drawn to the mean. @default {0} */
  regLambda?: number | undefined;
  /**
   * Whether weights are `mean + P β`, with directions from the mean: dicee's
   * form. Otherwise the subspace goes through 0, as in the authors' code.
   *
   * @default {false}
   */
  centered?: boolean | undefined;
}

const OPTIONS: readonly (keyof TWACallbackOptions)[] = [
  ...["twaStartEpoch", "numSamples", "twaCEpochs", "lrInit"] as const,
  ...["regLambda", "centered"] as const,
];

/**
 * Trainable weight averaging (TWA): after some epochs the weights become the mean
 * of those of the last ones, and from then on each step stays in the subspace
 * that these span: `g ← P Pᵀ g`, with the directions `P` orthonormal. So the
 * training finds the best average instead of the plain one. Li et al., "Trainable
 * Weight Averaging: Efficient Training by Optimizing Historical Solutions", 2023.
 *
 * The optimizer must be `SGD`, whose steps are multiples of gradients. dicee's
 * callback takes one step an epoch, by the gradient of the last batch at other
 * weights than those that it changes; here each batch gives a step, at the weights
 * of now, as in the authors' code. A model with batch norms needs `updateBn`
 * afterwards. It takes the memory of `numSamples + 2` models. Checkpoints hold it.
 *
 * @example Usage
 * ```ts
 * import { initialize, type Tensor } from "@swagpu/swagpu/engine";
 * import {
 *   Linear,
 *   Module,
 *   mseLoss,
 *   Trainer,
 *   TWACallback,
 * } from "@swagpu/swagpu/nn";
 * import { assert } from "@std/assert";
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
 * using twa = new TWACallback(model, { twaStartEpoch: 3, lrInit: 0.1 });
 * const trainer = new Trainer({
 *   model,
 *   args: { numTrainEpochs: 6, optim: "sgd", learningRate: 0.05 },
 *   trainDataset: [{ x: [0.5], labels: [2.5] }, { x: [1.5], labels: [4.5] }],
 *   callbacks: [twa],
 * });
 * await trainer.train();
 * assert((twa.rank ?? 0) >= 1);
 * ```
 */
export class TWACallback implements TrainerCallback, Disposable {
  /** The name under which checkpoints keep the subspace. */
  readonly name = "TWACallback";
  readonly #options: TWACallbackOptions;
  readonly #subspace: WeightSubspace;
  readonly #every: number;
  #optimizer: Optimizer | undefined;

  /**
   * Makes room for the weights.
   *
   * @param model The model that is trained. What is frozen now stays as it is.
   * @param options Which epochs count, and how to train in the subspace.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option is not known.
   */
  constructor(model: Module, options: TWACallbackOptions) {
    checkOptions(options, { action: "average weights", known: OPTIONS });
    const { twaStartEpoch, numSamples = 5, twaCEpochs = 1 } = options;
    const { lrInit, regLambda = 0, centered = false } = options;
    requireEpoch({ twaStartEpoch }, 1);
    requireEpoch({ numSamples, twaCEpochs }, 1);
    requireNotNegative({ lrInit, regLambda });
    this.#options = options;
    this.#every = twaCEpochs;
    this.#subspace = new WeightSubspace(model, {
      most: numSamples,
      centered,
      regLambda,
    });
  }

  /** The number of directions; `undefined` before `twaStartEpoch`. */
  get rank(): number | undefined {
    return this.#subspace.rank;
  }

  /**
   * Looks at the run, and goes on in the subspace if the run resumes there.
   *
   * @throws {RangeError} If the run ends before `twaStartEpoch`.
   * @throws {TypeError} If the optimizer is not SGD.
   */
  onTrainBegin({ state, optimizer }: TrainerEvent): void {
    const { twaStartEpoch } = this.#options;
    if (twaStartEpoch >= state.numTrainEpochs) {
      throw new RangeError(
        `Cannot train an average from epoch ${twaStartEpoch} on: the run has ` +
          `${state.numTrainEpochs} epochs`,
      );
    }
    if (!(optimizer instanceof SGD)) {
      throw new TypeError(
        `Cannot train an average with ${optimizer?.constructor.name}: its steps ` +
          'leave the subspace; use SGD, by optim: "sgd"',
      );
    }
    this.#optimizer = optimizer;
    if (this.rank !== undefined) optimizer.projection = this.#subspace;
  }

  /** Begins to train in the subspace, if it is time. */
  async onEpochBegin({ state }: TrainerEvent): Promise<void> {
    const isTime = Math.round(state.epoch) >= this.#options.twaStartEpoch;
    if (!isTime || this.rank !== undefined || !this.#optimizer) return;
    await this.#subspace.span();
    this.#optimizer.projection = this.#subspace;
  }

  /** Sets the rate, if `lrInit` is given. */
  onStepBegin(event: TrainerEvent): void {
    this.#setRate(event);
  }

  /** Sets it again after the schedule, so that the log has it. */
  onStepEnd(event: TrainerEvent): void {
    this.#setRate(event);
  }

  #setRate({ state, optimizer }: TrainerEvent): void {
    const { lrInit, twaStartEpoch } = this.#options;
    if (lrInit === undefined || this.rank === undefined || !optimizer) return;
    const rest = state.numTrainEpochs - twaStartEpoch;
    const t = (Math.floor(state.epoch) - twaStartEpoch) / rest;
    optimizer.learningRate = lrInit * (t < 0.5 ? 1 : t < 0.75 ? 0.1 : 0.01);
  }

  /** Keeps the weights of the epoch, before the subspace is trained in. */
  onEpochEnd({ state }: TrainerEvent): void {
    const { twaStartEpoch } = this.#options;
    const epoch = epochsSoFar(state) - 1;
    const left = twaStartEpoch - 1 - epoch;
    if (left >= 0 && left % this.#every === 0) this.#subspace.take();
  }

  /** Gives the optimizer its own steps back. */
  onTrainEnd(): void {
    if (this.#optimizer?.projection === this.#subspace) {
      this.#optimizer.projection = undefined;
    }
    this.#optimizer = undefined;
  }

  /** The subspace, for a checkpoint. */
  stateDict(): CallbackState {
    return this.#subspace.stateDict();
  }

  /**
   * Continues from a state.
   *
   * @throws {TypeError} If it is of another model, or another number of samples.
   */
  async loadStateDict(state: LoadedCallbackState): Promise<void> {
    await this.#subspace.loadStateDict(state);
  }

  /** Frees the subspace. */
  dispose(): void {
    this.onTrainEnd();
    this.#subspace.dispose();
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
