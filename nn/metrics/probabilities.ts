// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * From scores to probabilities and their logarithms, on the host in float64.
 *
 * @module
 */

import {
  checkFloor,
  checkProbability,
  columns,
  type FloorOptions,
  type RowsOptions,
} from "./rows.ts";

/**
 * The softmax of each row, pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ), in float64.
 *
 * @param logits Scores, [rows, classes].
 * @param options The row length.
 * @returns Probabilities, [rows, classes].
 * @throws {RangeError} If the values do not fill whole rows.
 *
 * @example Two rows
 * ```ts
 * import { softmaxRows } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const p = softmaxRows([0, 0, Math.log(3), 0], { classes: 2 });
 * assertAlmostEquals(p[0] ?? 0, 0.5);
 * assertAlmostEquals(p[2] ?? 0, 0.75);
 * ```
 */
export function softmaxRows(
  logits: ArrayLike<number>,
  options: RowsOptions,
): Float64Array<ArrayBuffer> {
  return logSoftmaxRows(logits, options).map(Math.exp);
}

/**
 * The log-softmax of each row, zᵢ − log Σⱼ exp(zⱼ), in float64.
 *
 * The largest value of a row is subtracted first, so no exponential overflows.
 *
 * @param logits Scores, [rows, classes].
 * @param options The row length.
 * @returns Log-probabilities, [rows, classes].
 * @throws {RangeError} If the values do not fill whole rows.
 *
 * @example Large scores do not overflow
 * ```ts
 * import { logSoftmaxRows } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const [first = 0] = logSoftmaxRows([1000, 1000], { classes: 2 });
 * assertAlmostEquals(first, -Math.LN2);
 * ```
 */
export function logSoftmaxRows(
  logits: ArrayLike<number>,
  options: RowsOptions,
): Float64Array<ArrayBuffer> {
  const { classes } = options;
  const rows = columns("normalize rows", logits.length, classes);
  const result = Float64Array.from(logits);
  for (let row = 0; row < rows; row++) {
    const values = result.subarray(row * classes, (row + 1) * classes);
    const largest = largestOf(values);
    const total = logSumExp(values, largest);
    // Subtracting in this order loses no digit where scores are large.
    for (let i = 0; i < classes; i++) {
      values[i] = (values[i] ?? NaN) - largest - total;
    }
  }
  return result;
}

/** The largest value; NaN if any value is NaN. */
export function largestOf(values: Float64Array): number {
  let largest = -Infinity;
  for (const value of values) largest = Math.max(largest, value);
  return largest;
}

/** log Σ exp(β (zᵢ − m)). It is at least 0 if m is the largest value. */
export function logSumExp(
  values: Float64Array,
  largest: number,
  inverse = 1,
): number {
  let sum = 0;
  for (const value of values) sum += Math.exp(inverse * (value - largest));
  return Math.log(sum);
}

/**
 * Logarithms of probabilities, where probabilities below the floor count as the
 * floor.
 *
 * @param probabilities Any number of probabilities, such as a mean over
 * samples.
 * @param options The floor.
 * @returns log max(p, floor) for each of them.
 * @throws {RangeError} If a probability or the floor is not in [0, 1].
 *
 * @example Zero stays finite
 * ```ts
 * import { logProbabilities } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...logProbabilities([1, 0])], [0, Math.log(1e-12)]);
 * ```
 */
export function logProbabilities(
  probabilities: ArrayLike<number>,
  options: FloorOptions = {},
): Float64Array<ArrayBuffer> {
  const floor = options.floor ?? 1e-12;
  const action = "take logarithms";
  checkFloor(action, floor);
  return Float64Array.from(probabilities, (p, i) => {
    checkProbability(action, p, i);
    return Math.log(Math.max(p, floor));
  });
}
