// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Temperature scaling: one number that makes overconfident probabilities
 * honest.
 *
 * @module
 */

import { largestOf, logSumExp, softmaxRows } from "./probabilities.ts";
import {
  checkLabels,
  columns,
  finiteValues,
  type RowsOptions,
} from "./rows.ts";
import { Sum } from "./sums.ts";

/** Options of {@linkcode fitTemperature}: the interval to search. */
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
 * The temperature T that minimizes −1/n Σᵢ log softmax(zᵢ / T)(yᵢ).
 *
 * The loss is convex in 1/T, so it has one valley in log T, which a
 * golden-section search finds. Fit on other data than those that you report on.
 * Log-probabilities serve as logits, so averaged predictions can be scaled too:
 * see `logProbabilities`.
 *
 * @param logits Scores or log-probabilities, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The interval to search. The result is an end of it if the loss
 * falls all the way to that end, as when every row is predicted right.
 * @returns T. It is above 1 if the predictions are too confident.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a score is not finite, or the interval is not positive.
 *
 * @example Three of four right, at odds that claim 99 %
 * ```ts
 * import { fitTemperature } from "@swagpu/swagpu/nn/metrics";
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
      `Cannot fit a temperature: the interval is [${minimum}, ${maximum}], but must satisfy 0 < minimum < maximum`,
    );
  }
  const values = finiteValues("fit a temperature", logits);
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

/** Where a function with one valley has its least value. */
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
 * @param temperature T, above 0. The ranking within a row does not change.
 * @param options The row length.
 * @returns Probabilities, [rows, classes].
 * @throws {RangeError} If the values do not fill whole rows, or T is not a
 * positive number.
 *
 * @example Halving the odds' exponent
 * ```ts
 * import { applyTemperature } from "@swagpu/swagpu/nn/metrics";
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
      `Cannot apply temperature ${temperature}: it must be a positive number`,
    );
  }
  const { classes } = options;
  const rows = columns("apply a temperature", logits.length, classes);
  const scaled = Float64Array.from(logits);
  for (let row = 0; row < rows; row++) {
    const values = scaled.subarray(row * classes, (row + 1) * classes);
    // With the largest subtracted first, a small temperature cannot overflow.
    const largest = largestOf(values);
    for (let i = 0; i < classes; i++) {
      values[i] = ((values[i] ?? NaN) - largest) / temperature;
    }
  }
  return softmaxRows(scaled, options);
}
