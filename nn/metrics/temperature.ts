// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * From scores to probabilities on the host, in float64, and the one number that
 * makes over-confident ones honest: the temperature.
 *
 * @module
 */

import { checkFloor, checkLabels, checkProbability, columns } from "./rows.ts";
import { Sum } from "./sums.ts";
import type { FloorOptions, RowsOptions } from "./calibration.ts";

/** Where the temperature is looked for. */
export interface FitTemperatureOptions {
  /**
   * The smallest temperature considered.
   * @default {0.01}
   */
  minimum?: number;
  /**
   * The largest temperature considered.
   * @default {100}
   */
  maximum?: number;
}

/**
 * Normalised exponentials of each row, pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ), in float64.
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
 * Log-probabilities of each row, zᵢ − log Σⱼ exp(zⱼ), in float64.
 *
 * The largest value of a row is taken out first, so no exponential overflows.
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
  const rows = columns("normalise rows", logits.length, classes);
  const result = Float64Array.from(logits);
  for (let row = 0; row < rows; row++) {
    const values = result.subarray(row * classes, (row + 1) * classes);
    const largest = largestOf(values);
    const total = logSumExp(values, largest);
    // In this order, so that no digit is lost where scores are large.
    for (let i = 0; i < classes; i++) {
      values[i] = (values[i] ?? NaN) - largest - total;
    }
  }
  return result;
}

/** The largest value; NaN if there is one. */
function largestOf(values: Float64Array): number {
  let largest = -Infinity;
  for (const value of values) largest = Math.max(largest, value);
  return largest;
}

/** log Σ exp(β (zᵢ − m)), at least 0 where m is the largest. */
function logSumExp(
  values: Float64Array,
  largest: number,
  inverse = 1,
): number {
  let sum = 0;
  for (const value of values) sum += Math.exp(inverse * (value - largest));
  return Math.log(sum);
}

/**
 * Logarithms of probabilities, none below that of the floor.
 *
 * @param probabilities Any probabilities, such as a mean over samples.
 * @param options The floor.
 * @returns log max(p, floor), as many as given.
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

/**
 * The temperature T that minimises −1/n Σᵢ log softmax(zᵢ / T)(yᵢ).
 *
 * The loss is convex in 1/T, so it has one valley in log T, which is found by
 * golden-section search. Fit on data that are not reported. Log-probabilities
 * serve as logits, so averaged predictions can be scaled too: see
 * {@linkcode logProbabilities}.
 *
 * @param logits Scores or log-probabilities, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The interval searched. An end of it is returned when the loss
 * falls towards that end, as when every row is predicted right.
 * @returns T; above 1 when the predictions are too sure.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a score is not finite, or the interval is not positive.
 *
 * @example Three of four right, at odds that claim 99 %
 * ```ts
 * import { fitTemperature } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const z = Math.log(99);
 * const temperature = fitTemperature([z, 0, z, 0, z, 0, z, 0], [0, 0, 0, 1]);
 * assertAlmostEquals(temperature, z / Math.log(3), 1e-6);
 * ```
 */
export function fitTemperature(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: FitTemperatureOptions = {},
): number {
  const { minimum = 0.01, maximum = 100 } = options;
  const classes = checkLabels("fit a temperature", logits, labels);
  if (!(minimum > 0 && maximum > minimum && maximum < Infinity)) {
    throw new RangeError(
      `Cannot fit a temperature: the interval is [${minimum}, ${maximum}], wanted 0 < minimum < maximum`,
    );
  }
  const values = Float64Array.from(logits);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new RangeError(
      `Cannot fit a temperature: value ${bad} is ${
        values[bad]
      }, wanted a finite number`,
    );
  }
  const loss = (logT: number): number => {
    const inverse = Math.exp(-logT);
    const sum = new Sum();
    for (let row = 0; row < labels.length; row++) {
      const scores = values.subarray(row * classes, (row + 1) * classes);
      const largest = largestOf(scores);
      const own = scores[labels[row] ?? 0] ?? NaN;
      sum.add(
        logSumExp(scores, largest, inverse) + inverse * (largest - own),
      );
    }
    return sum.value;
  };
  return Math.exp(goldenSection(loss, [Math.log(minimum), Math.log(maximum)]));
}

/** The place of the least value of a function with one valley. */
function goldenSection(
  f: (x: number) => number,
  interval: readonly [number, number],
): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [a, b] = interval;
  let left = b - ratio * (b - a);
  let right = a + ratio * (b - a);
  let atLeft = f(left);
  let atRight = f(right);
  while (b - a > 1e-8) {
    if (atLeft <= atRight) {
      [b, right, atRight] = [right, left, atLeft];
      left = b - ratio * (b - a);
      atLeft = f(left);
    } else {
      [a, left, atLeft] = [left, right, atRight];
      right = a + ratio * (b - a);
      atRight = f(right);
    }
  }
  return (a + b) / 2;
}

/**
 * Probabilities at a temperature, softmax(z / T) of each row.
 *
 * @param logits Scores or log-probabilities, [rows, classes].
 * @param temperature T, above 0; the ranking within a row does not change.
 * @param options The row length.
 * @returns Probabilities, [rows, classes].
 * @throws {RangeError} If the values do not fill whole rows, or T is not a
 * positive number.
 *
 * @example Halving the odds' exponent
 * ```ts
 * import { applyTemperature } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const [p = 0] = applyTemperature([Math.log(9), 0], 2, { classes: 2 });
 * assertAlmostEquals(p, 0.75);
 * ```
 */
export function applyTemperature(
  logits: ArrayLike<number>,
  temperature: number,
  options: RowsOptions,
): Float64Array<ArrayBuffer> {
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new RangeError(
      `Cannot apply temperature ${temperature}: a positive number is needed`,
    );
  }
  const { classes } = options;
  const rows = columns("apply a temperature", logits.length, classes);
  const scaled = Float64Array.from(logits);
  for (let row = 0; row < rows; row++) {
    const values = scaled.subarray(row * classes, (row + 1) * classes);
    // Without the largest first: a small temperature overflows nothing then.
    const largest = largestOf(values);
    for (let i = 0; i < classes; i++) {
      values[i] = ((values[i] ?? NaN) - largest) / temperature;
    }
  }
  return softmaxRows(scaled, options);
}
