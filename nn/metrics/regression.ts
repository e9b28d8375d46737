// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How close predicted numbers are to true ones: squared error and correlations.
 *
 * @module
 */

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

/**
 * Ranks from 1 on, where equal values share the mean of the ranks they span.
 * NaN has no rank, so all ranks of a list that holds NaN are NaN.
 */
function ranks(values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  const result = new Float64Array(values.length);
  const list = Array.from(values);
  if (list.some(Number.isNaN)) return result.fill(NaN);
  const order = Array.from(list.keys()).sort((a, b) => {
    const [first = 0, second = 0] = [list[a], list[b]];
    // Not by subtraction: the difference of two infinities is NaN.
    return first < second ? -1 : first > second ? 1 : 0;
  });
  for (let start = 0; start < order.length;) {
    const value = list[order[start] ?? 0];
    let end = start + 1;
    while (end < order.length && list[order[end] ?? 0] === value) end++;
    for (let i = start; i < end; i++) {
      result[order[i] ?? 0] = (start + 1 + end) / 2;
    }
    start = end;
  }
  return result;
}
