// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Conformal intervals: ranges of numbers that hold the true one with a chosen
 * probability, whatever the model, if the rows are exchangeable.
 *
 * @module
 */

import { conformalQuantile } from "./conformal.ts";
import { checkNumbers, checkPaired } from "./rows.ts";

/** A predicted number of each row, and how uncertain it is. */
export interface ScaledPrediction {
  /** The predicted values, [rows]. */
  predictions: ArrayLike<number>;
  /**
   * A size above 0 that errors should be measured in, such as the predicted
   * standard deviation, [rows]. Without it, all intervals are equally wide.
   */
  scale?: ArrayLike<number>;
}

/** Two predicted quantiles of each row. */
export interface QuantilePrediction {
  /** The predicted quantile at α/2, [rows]. */
  lower: ArrayLike<number>;
  /** The predicted quantile at 1 − α/2, [rows]. */
  upper: ArrayLike<number>;
}

/** Intervals, and the quantile of the scores that they were made with. */
export interface ConformalIntervals {
  /** The conformal quantile; see `conformalQuantile`. */
  quantile: number;
  /** The lower end of each interval, [rows]. */
  lower: Float64Array<ArrayBuffer>;
  /** The upper end of each interval, [rows]. */
  upper: Float64Array<ArrayBuffer>;
}

/**
 * Split conformal intervals ŷ ± q, where q is the conformal quantile of the
 * absolute errors |y − ŷ| of calibration rows; with a scale s, ŷ ± q s and
 * |y − ŷ|/s (Lei et al., 2018).
 *
 * @param calibration Predictions for rows that were not trained on, with their
 * true values.
 * @param prediction Predictions for new rows, with a scale if the calibration
 * has one.
 * @param alpha The share of rows that may be missed, in (0, 1). It counts as the
 * decimal number that is written.
 * @returns The intervals, infinite if there are too few calibration rows for α.
 * @throws {RangeError} If the lists do not match, hold NaN or are empty, a scale
 * is not above 0, only one side has a scale, or α is not in (0, 1).
 *
 * @example Three errors of 1, 2 and 3
 * ```ts
 * import { conformalIntervals } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const calibration = { predictions: [0, 0, 0], targets: [1, -2, 3] };
 * const { lower, upper } = conformalIntervals(
 *   calibration,
 *   { predictions: [10] },
 *   0.5,
 * );
 * assertEquals([...lower, ...upper], [8, 12]);
 * ```
 */
export function conformalIntervals(
  calibration: ScaledPrediction & { targets: ArrayLike<number> },
  prediction: ScaledPrediction,
  alpha: number,
): ConformalIntervals {
  const action = "predict intervals";
  const { predictions, scale, targets } = calibration;
  checkPaired(action, predictions, targets);
  checkNumbers(action, predictions, "prediction");
  checkNumbers(action, targets, "value");
  checkNumbers(action, prediction.predictions, "prediction");
  if ((scale === undefined) !== (prediction.scale === undefined)) {
    throw new RangeError(
      `Cannot ${action}: either both calibration and prediction have a scale, or none`,
    );
  }
  checkScale(action, calibration);
  checkScale(action, prediction);
  const errors = Float64Array.from(
    predictions,
    (p, row) => Math.abs((targets[row] ?? NaN) - p) / (scale?.[row] ?? 1),
  );
  const quantile = conformalQuantile(errors, alpha);
  const end = (sign: number) =>
    Float64Array.from(
      prediction.predictions,
      (p, row) => p + sign * quantile * (prediction.scale?.[row] ?? 1),
    );
  return { quantile, lower: end(-1), upper: end(1) };
}

/**
 * Conformalized quantile regression (CQR): predicted quantiles, moved apart by
 * the conformal quantile of max(lower − y, y − upper) over calibration rows
 * (Romano et al., 2019).
 *
 * The quantile is negative where the predicted quantiles hold too much; then
 * intervals shrink, and a narrow one may end before it starts: it is empty.
 *
 * @param calibration Predicted quantiles for rows that were not trained on, with
 * their true values.
 * @param prediction Predicted quantiles for new rows.
 * @param alpha The share of rows that may be missed, in (0, 1). It counts as the
 * decimal number that is written.
 * @returns The intervals, infinite if there are too few calibration rows for α.
 * @throws {RangeError} If the lists do not match, hold NaN or are empty, or α is
 * not in (0, 1).
 *
 * @example Quantiles that are too close together
 * ```ts
 * import { conformalizedQuantiles } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const calibration = {
 *   lower: [0, 0, 0],
 *   upper: [1, 1, 1],
 *   targets: [0.5, 2, -2],
 * };
 * const { lower, upper } = conformalizedQuantiles(
 *   calibration,
 *   { lower: [5], upper: [6] },
 *   0.5,
 * );
 * assertEquals([...lower, ...upper], [4, 7]);
 * ```
 */
export function conformalizedQuantiles(
  calibration: QuantilePrediction & { targets: ArrayLike<number> },
  prediction: QuantilePrediction,
  alpha: number,
): ConformalIntervals {
  const action = "predict intervals";
  const { targets } = calibration;
  checkPaired(action, calibration.lower, targets);
  checkPaired(action, calibration.upper, targets);
  checkPaired(action, prediction.lower, prediction.upper);
  const scores = Float64Array.from({ length: targets.length }, (_, row) => {
    const y = targets[row] ?? NaN;
    return Math.max(
      (calibration.lower[row] ?? NaN) - y,
      y - (calibration.upper[row] ?? NaN),
    );
  });
  checkNumbers(action, prediction.lower, "lower quantile");
  checkNumbers(action, prediction.upper, "upper quantile");
  const quantile = conformalQuantile(scores, alpha);
  return {
    quantile,
    lower: Float64Array.from(prediction.lower, (low) => low - quantile),
    upper: Float64Array.from(prediction.upper, (high) => high + quantile),
  };
}

/** Throws unless each prediction has a scale above 0, or none has one. */
function checkScale(
  action: string,
  { predictions, scale }: ScaledPrediction,
): void {
  if (!scale) return;
  checkPaired(action, predictions, scale);
  for (let row = 0; row < scale.length; row++) {
    const size = scale[row] ?? NaN;
    if (size > 0 && size < Infinity) continue;
    throw new RangeError(
      `Cannot ${action}: scale ${row} is ${size}, but must be a number above 0`,
    );
  }
}
