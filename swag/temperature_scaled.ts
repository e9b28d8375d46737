// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * A single model with a temperature, for predictions like those of posteriors.
 *
 * @module
 */

import {
  add,
  div,
  keep,
  noGrad,
  readAll,
  scope,
  type Tensor,
} from "../engine/mod.ts";
import { fitTemperature, type Module } from "../nn/mod.ts";
import { DRAW_OPTIONS, type DrawOptions } from "./draw_counter.ts";
import { inMode, logitsOf, type LogitsOutput } from "./runs.ts";
import { type PredictRuns, WeightPosterior } from "./weight_posterior.ts";

/**
 * A model whose logits are divided by a temperature (Guo et al., "On Calibration of
 * Modern Neural Networks", 2017). It is the simplest remedy against too confident
 * predictions, and what posteriors have to be compared with. The most probable class
 * is that of the model.
 *
 * All samples are the same, so that `mutualInformation` and `std` are 0, and one is
 * enough.
 *
 * @example A model that is right three times in four, and claims 99 %
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { batches, Linear } from "@swagpu/swagpu/nn";
 * import { TemperatureScaled } from "@swagpu/swagpu/swag";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(1, 2, { bias: false });
 * model.weight.write([Math.log(99), 0]);
 * const one = (rows: Uint32Array) => tensor([...rows].map(() => [1]));
 * const scaled = await TemperatureScaled.fit(
 *   model,
 *   batches(4, 2),
 *   (rows) => model.forward(one(rows)),
 *   [0, 0, 0, 1],
 * );
 * const { probabilities } = scaled.predict(() => model.forward(tensor([[1]])));
 * const [p = NaN] = await probabilities.data();
 * assertAlmostEquals(p, 0.75, 1e-4);
 * ```
 */
export class TemperatureScaled extends WeightPosterior<DrawOptions> {
  /** The model. */
  readonly base: Module;
  /** The temperature, which is above 1 if the model is too confident. */
  readonly temperature: number;
  /** The names of {@linkcode DrawOptions}, which change nothing. */
  protected override readonly samplingOptions: readonly (keyof DrawOptions)[] =
    DRAW_OPTIONS;
  /** One prediction. */
  override get defaultPredictions(): number {
    return 1;
  }

  /**
   * Takes a temperature; {@linkcode TemperatureScaled.fit} finds one.
   *
   * @param base The model.
   * @param temperature What its logits are divided by.
   * @throws {RangeError} If the temperature is not a positive number.
   */
  constructor(base: Module, temperature: number) {
    super();
    if (!(temperature > 0 && temperature < Infinity)) {
      throw new RangeError(
        `Cannot scale by temperature ${temperature}: it must be a positive number`,
      );
    }
    this.base = base;
    this.temperature = temperature;
  }

  /**
   * Finds the temperature with the least negative log-likelihood on validation data;
   * see `fitTemperature`.
   *
   * @param model The model.
   * @param batches The batches of the validation data.
   * @param forward Runs the model on a batch, and returns logits `[rows, classes]`.
   * @param labels The class of each row, in the order of the batches.
   * @returns The model with its temperature.
   * @throws {RangeError} If there are more or fewer labels than rows, a label is not
   * a class, or a logit is not finite.
   */
  static async fit<Batch>(
    model: Module,
    batches: Iterable<Batch>,
    forward: (batch: Batch) => LogitsOutput,
    labels: ArrayLike<number>,
  ): Promise<TemperatureScaled> {
    using _ = scope();
    const all = noGrad(() =>
      inMode(model, false, () =>
        Array.from(batches, (batch) => {
          using _ = scope();
          // A copy, because the next batch may overwrite what this is a view of.
          return keep(add(logitsOf(forward(batch)).logits, 0));
        }))
    );
    const logits = (await readAll(all)).flatMap((own) => [...own]);
    return new TemperatureScaled(model, fitTemperature(logits, labels));
  }

  /** Divides logits by the temperature. */
  protected override adjustLogits(logits: Tensor): Tensor {
    return div(logits, this.temperature);
  }

  /** Runs with the weights as they are. */
  protected override withSamples<T>(
    _: DrawOptions,
    count = 1,
    predict: PredictRuns<T>,
  ): T {
    return predict(count, () => {});
  }
}
