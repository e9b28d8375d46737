// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Predictions with the posterior that IVON has trained.
 *
 * @module
 */

import { runAndEnd } from "../engine/kernel_kit.ts";
import type { IVON, Module } from "../nn/mod.ts";
import { DRAW_OPTIONS, DrawCounter, type DrawOptions } from "./draw_counter.ts";
import { type PredictRuns, WeightPosterior } from "./weight_posterior.ts";

/**
 * The Gaussian that `IVON` has trained, to predict with. Each weight has the mean
 * that the model holds, and the variance `1 / (λ (h + δ))` of its optimizer, with
 * its `ess` λ, Hessian `h` and `weightDecay` δ. Parameters that the optimizer does
 * not have, or that are frozen, stay as they are.
 *
 * @example Predicting after training
 * ```ts
 * import {
 *   backward,
 *   initialize,
 *   manualSeed,
 *   scope,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { crossEntropy, IVON, Linear } from "@swagpu/swagpu/nn";
 * import { IVONPosterior } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * manualSeed(1);
 * const model = new Linear(2, 3);
 * const optimizer = new IVON(model.parameters(), { ess: 3, hessInit: 0.5 });
 * const x = tensor([[1, 0], [0, 1], [1, 1]]);
 * const labels = tensor(new Int32Array([0, 1, 2]));
 * for (let step = 0; step < 10; step++) {
 *   using _ = scope();
 *   optimizer.sampledParams(
 *     { train: true },
 *     () => backward(crossEntropy(model.forward(x), labels)),
 *   );
 *   optimizer.step();
 * }
 *
 * const { probabilities, mutualInformation } = new IVONPosterior(model, optimizer)
 *   .predict(() => model.forward(x), { numPredictions: 20, seed: 7 });
 * assertEquals(probabilities.shape, [3, 3]);
 * assertEquals(mutualInformation.shape, [3]);
 * ```
 */
export class IVONPosterior extends WeightPosterior<DrawOptions> {
  /** The model whose weights are sampled. */
  readonly base: Module;
  /** The optimizer that has trained them, which must not be freed yet. */
  readonly optimizer: IVON;
  /** The names of {@linkcode DrawOptions}. */
  protected override readonly samplingOptions: readonly (keyof DrawOptions)[] =
    DRAW_OPTIONS;
  readonly #draws = new DrawCounter();

  /**
   * Takes a model and its optimizer. Training may go on; samples are of the
   * posterior at that time.
   *
   * @param base The model.
   * @param optimizer The optimizer of its parameters.
   * @throws {TypeError} If the optimizer has none of the model's parameters.
   */
  constructor(base: Module, optimizer: IVON) {
    super();
    const own = new Set(base.parameters());
    const isOf = optimizer.groups.some(({ parameters }) =>
      parameters.some((parameter) => own.has(parameter))
    );
    if (!isOf) {
      throw new TypeError(
        "Cannot sample a model's weights: the optimizer has none of its parameters",
      );
    }
    this.base = base;
    this.optimizer = optimizer;
  }

  /**
   * Runs with one sample after the other, or once with the mean.
   *
   * @throws {TypeError} If the parameters hold a sample already.
   */
  protected override withSamples<T>(
    options: DrawOptions,
    count: number | undefined,
    predict: PredictRuns<T>,
  ): T {
    const { optimizer } = this;
    if (optimizer.holdsSample) {
      throw new TypeError(
        "Cannot predict with samples: the parameters hold one, restore their " +
          "mean before",
      );
    }
    if (count === undefined) return predict(1, () => {});
    const [seed, index] = this.#draws.next(options, count);
    return runAndEnd(
      () =>
        predict(count, (run) => {
          optimizer.sampleParameters({ seed, index: index + run });
        }),
      () => optimizer.restoreWeights(),
    );
  }
}
