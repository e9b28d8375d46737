// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Monte Carlo dropout: predictions of a model that goes on dropping elements.
 *
 * @module
 */

import { runAndEnd } from "../engine/kernel_kit.ts";
import { defaultGenerator } from "../engine/mod.ts";
import { BatchNorm1d, type Module } from "../nn/mod.ts";
import { DRAW_OPTIONS, DrawCounter, type DrawOptions } from "./draw_counter.ts";
import { drawKey, ownSeed } from "./noise.ts";
import { type PredictRuns, WeightPosterior } from "./weight_posterior.ts";

/**
 * Predictions of a model whose dropout stays on, summarized over several runs
 * with different masks (Gal and Ghahramani, "Dropout as a Bayesian Approximation:
 * Representing Model Uncertainty in Deep Learning", 2016). It needs no training of
 * its own, only a model that was trained with dropout.
 *
 * In a run all modules are in training mode, except for `BatchNorm1d`, which keeps
 * its running statistics. Each row of a batch has its own masks, which depend on
 * the seed and index of the sample and on the row's place in the batch. They are
 * the same whatever other batches are predicted, and the default random generator
 * does not advance.
 *
 * Without `numPredictions`, {@linkcode WeightPosterior.getLogits} predicts once
 * and without dropout.
 *
 * @example Two of four inputs are dropped on average
 * ```ts
 * import { initialize, type Tensor, tensor } from "@swagpu/swagpu/engine";
 * import { Dropout, Linear, Module } from "@swagpu/swagpu/nn";
 * import { MCDropout } from "@swagpu/swagpu/swag";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * class Model extends Module {
 *   dropout = new Dropout(0.5);
 *   dense = new Linear(4, 1, { bias: false });
 *   forward(x: Tensor) {
 *     return this.dense.forward(this.dropout.forward(x));
 *   }
 * }
 *
 * await initialize();
 * const model = new Model();
 * model.dense.weight.write([1, 1, 1, 1]);
 * const x = tensor([[1, 1, 1, 1]]);
 * const { mean, std } = new MCDropout(model).predict(() => model.forward(x), {
 *   problemType: "regression",
 *   numPredictions: 500,
 *   seed: 7,
 * });
 * // Four terms that are 0 or 2.
 * assertAlmostEquals(await mean.item(), 4, 0.3);
 * assertAlmostEquals(await std.item(), 2, 0.2);
 * ```
 */
export class MCDropout extends WeightPosterior<DrawOptions> {
  /** The model whose dropout stays on. */
  readonly base: Module;
  /** The names of {@linkcode DrawOptions}. */
  protected override readonly samplingOptions: readonly (keyof DrawOptions)[] =
    DRAW_OPTIONS;
  readonly #draws = new DrawCounter();

  /**
   * Takes a model, which is not changed.
   *
   * @param base A model with dropout.
   */
  constructor(base: Module) {
    super();
    this.base = base;
  }

  /**
   * Runs with one set of masks after the other, or once without dropout.
   *
   * @throws {TypeError} If the model draws no random numbers in training mode.
   */
  protected override withSamples<T>(
    options: DrawOptions,
    count: number | undefined,
    predict: PredictRuns<T>,
  ): T {
    if (count === undefined) return predict(1, () => {});
    const [seed, index] = this.#draws.next(options, count);
    const seeds = Array.from(
      { length: count },
      (_, run) => ownSeed(drawKey(seed, index + run)),
    );
    // Weights that are not drawn yet must not depend on the sample's seed.
    this.base.placeParameters();
    const generator = defaultGenerator();
    const state = generator.stateDict();
    let isRun = false;
    const checkRun = () => {
      if (!isRun || generator.position > 0) return;
      throw new TypeError(
        "Cannot predict with MC dropout: the model drops nothing, it must have " +
          "dropout at a rate above 0",
      );
    };
    const end = (isDone: boolean) => {
      try {
        if (isDone) checkRun();
      } finally {
        generator.loadStateDict(state);
      }
    };
    return runAndEnd(() =>
      predict(
        count,
        () => {
          for (const module of this.base.namedModules().values()) {
            if (!(module instanceof BatchNorm1d)) module.training = true;
          }
        },
        (run) => {
          checkRun();
          isRun = true;
          generator.loadStateDict({ key: seeds[run] ?? [0, 0], position: 0 });
        },
      ), end);
  }
}
