// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How close predicted numbers are to true ones: errors, the coefficient of
 * determination, and correlations.
 *
 * @module
 */

import { ranks } from "./ranks.ts";
import { checkPaired } from "./rows.ts";
import { deviations, meanOf, Sum } from "./sums.ts";

/**
 * The mean squared difference, 1/n Σᵢ (ŷᵢ − yᵢ)².
 *
 * @param predicted Predicted values, [rows].
 * @param targets True values, [rows].
 * @returns A value of at least 0; NaN if a value is NaN.
 * @throws {RangeError} If the lists differ in length or are empty.
 *
 * @example Off by one and by three
 * ```ts
 * import { meanSquaredError } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(meanSquaredError([1, 2], [0, 5]), 5);
 * ```
 */
export function meanSquaredError(
  predicted: ArrayLike<number>,
  targets: ArrayLike<number>,
): number {
  const rows = checkPaired("measure error", predicted, targets);
  return meanOf(
    rows,
    (i) => ((predicted[i] ?? NaN) - (targets[i] ?? NaN)) ** 2,
  );
}

/**
 * The root of the mean squared difference, √(1/n Σᵢ (ŷᵢ − yᵢ)²), in the unit of
 * the values.
 *
 * @param predicted Predicted values, [rows].
 * @param targets True values, [rows].
 * @returns A value of at least 0; NaN if a value is NaN.
 * @throws {RangeError} If the lists differ in length or are empty.
 *
 * @example Off by one and by seven
 * ```ts
 * import { rootMeanSquaredError } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(rootMeanSquaredError([1, 2], [0, 9]), 5);
 * ```
 */
export function rootMeanSquaredError(
  predicted: ArrayLike<number>,
  targets: ArrayLike<number>,
): number {
  return Math.sqrt(meanSquaredError(predicted, targets));
}

/**
 * The mean absolute difference, 1/n Σᵢ |ŷᵢ − yᵢ|.
 *
 * @param predicted Predicted values, [rows].
 * @param targets True values, [rows].
 * @returns A value of at least 0; NaN if a value is NaN.
 * @throws {RangeError} If the lists differ in length or are empty.
 *
 * @example Off by one and by three
 * ```ts
 * import { meanAbsoluteError } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(meanAbsoluteError([1, 2], [0, 5]), 2);
 * ```
 */
export function meanAbsoluteError(
  predicted: ArrayLike<number>,
  targets: ArrayLike<number>,
): number {
  const rows = checkPaired("measure error", predicted, targets);
  return meanOf(
    rows,
    (i) => Math.abs((predicted[i] ?? NaN) - (targets[i] ?? NaN)),
  );
}

/**
 * The coefficient of determination, 1 − Σᵢ (ŷᵢ − yᵢ)² / Σᵢ (yᵢ − ȳ)²: the share
 * of the variance that the prediction explains.
 *
 * As in scikit-learn, where the targets are constant it is 1 if every
 * prediction is right and 0 otherwise.
 *
 * @param predicted Predicted values, [rows].
 * @param targets True values, [rows].
 * @returns A value of at most 1; negative where the mean of the targets would
 * have been closer; NaN for a single row, or if a value is NaN.
 * @throws {RangeError} If the lists differ in length or are empty.
 *
 * @example The mean of the targets explains nothing
 * ```ts
 * import { r2Score } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(r2Score([1, 2, 3], [1, 2, 3]), 1);
 * assertEquals(r2Score([2, 2, 2], [1, 2, 3]), 0);
 * ```
 */
export function r2Score(
  predicted: ArrayLike<number>,
  targets: ArrayLike<number>,
): number {
  const rows = checkPaired("explain variance", predicted, targets);
  if (rows < 2) return NaN;
  const mean = meanOf(rows, (i) => targets[i] ?? NaN);
  const variance = meanOf(rows, (i) => ((targets[i] ?? NaN) - mean) ** 2);
  const error = meanSquaredError(predicted, targets);
  if (variance === 0) return error === 0 ? 1 : error > 0 ? 0 : NaN;
  return 1 - error / variance;
}

/**
 * The linear correlation of two lists,
 * Σ(xᵢ − x̄)(yᵢ − ȳ) / √(Σ(xᵢ − x̄)² Σ(yᵢ − ȳ)²).
 *
 * @param x Values, [rows].
 * @param y Values, [rows].
 * @returns A value in [−1, 1], whatever the scale of the lists; 0 if either
 * list is constant, NaN if one holds NaN or an infinity.
 * @throws {RangeError} If the lists differ in length or are empty.
 *
 * @example On a falling line
 * ```ts
 * import { pearsonCorrelation } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(pearsonCorrelation([1, 2, 3], [5, 3, 1]), -1);
 * ```
 */
export function pearsonCorrelation(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
): number {
  const rows = checkPaired("correlate", x, y);
  const dx = deviations(x);
  const dy = deviations(y);
  const xx = new Sum();
  const yy = new Sum();
  const xy = new Sum();
  for (let i = 0; i < rows; i++) {
    const [a, b] = [dx[i] ?? NaN, dy[i] ?? NaN];
    xx.add(a * a);
    yy.add(b * b);
    xy.add(a * b);
  }
  const spread = xx.value * yy.value;
  // Rounding may exceed ±1. NaN stays NaN.
  return spread === 0
    ? 0
    : Math.max(-1, Math.min(1, xy.value / Math.sqrt(spread)));
}

/**
 * The correlation of the ranks of two lists; equal values share their mean
 * rank.
 *
 * @param x Values, [rows].
 * @param y Values, [rows].
 * @returns A value in [−1, 1]; 0 if either list is constant, NaN if one holds
 * NaN.
 * @throws {RangeError} If the lists differ in length or are empty.
 *
 * @example Any rising curve has correlation 1
 * ```ts
 * import { spearmanCorrelation } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(spearmanCorrelation([1, 2, 3, 4], [1, 8, 27, 64]), 1);
 * ```
 */
export function spearmanCorrelation(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
): number {
  checkPaired("correlate ranks", x, y);
  return pearsonCorrelation(ranks(x), ranks(y));
}
