// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How good predicted probabilities are: proper scores, which are least for the
 * true probabilities.
 *
 * Every function takes numbers on the host, in rows of `classes` values, and
 * computes in float64. Where labels are given, `classes` is the number of
 * values divided by the number of labels.
 *
 * @module
 */

import { brierRows } from "./proper_scores.ts";
import {
  checkDistributions,
  checkFloor,
  checkLabels,
  columns,
  type FloorOptions,
  type RowsOptions,
} from "./rows.ts";
import { meanOf } from "./sums.ts";

/**
 * The mean negative log-probability of the labels, −1/n Σᵢ log pᵢ(yᵢ).
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The floor under a probability.
 * @returns Nats per row; 0 if every label has probability 1.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, or a row is not a probability distribution.
 *
 * @example A coin
 * ```ts
 * import { negativeLogLikelihood } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const nll = negativeLogLikelihood([0.5, 0.5, 0.5, 0.5], [0, 1]);
 * assertAlmostEquals(nll, Math.LN2);
 * ```
 */
export function negativeLogLikelihood(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: FloorOptions = {},
): number {
  const floor = options.floor ?? 1e-12;
  const action = "score likelihood";
  const classes = checkLabels(action, probabilities, labels);
  checkFloor(action, floor);
  checkDistributions(action, probabilities, classes);
  return meanOf(labels.length, (row) => {
    const p = probabilities[row * classes + (labels[row] ?? 0)] ?? NaN;
    // Rounding may put a probability above 1, which counts as 1.
    return Math.abs(Math.log(Math.min(Math.max(p, floor), 1)));
  });
}

/**
 * The mean squared distance to the one-hot label, 1/n Σᵢ Σₖ (pᵢₖ − 1[yᵢ = k])².
 *
 * Each row sums over its classes: 0 if the label has probability 1, 2 if
 * another class has. For two classes it is twice the squared error of one
 * probability.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @returns A value in [0, 2].
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, or a row is not a probability distribution.
 *
 * @example Right and wrong
 * ```ts
 * import { brierScore } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(brierScore([1, 0], [0]), 0);
 * assertEquals(brierScore([1, 0], [1]), 2);
 * ```
 */
export function brierScore(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const scores = brierRows(probabilities, labels);
  return meanOf(scores.length, (row) => scores[row] ?? NaN);
}

/**
 * The mean cross-entropy with a known distribution, −1/n Σᵢ Σₖ qᵢₖ log pᵢₖ.
 *
 * Its least value is the entropy of q, which it reaches when p = q.
 *
 * @param probabilities Predictions p, [rows, classes].
 * @param distribution The truth q, [rows, classes].
 * @param options The row length, and the floor under a probability.
 * @returns Nats per row.
 * @throws {RangeError} If the values do not fill whole rows, the two differ in
 * length, or a row is not a probability distribution.
 *
 * @example Equal to the entropy when the prediction is the truth
 * ```ts
 * import { softCrossEntropy } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const truth = [0.5, 0.5];
 * assertAlmostEquals(softCrossEntropy(truth, truth, { classes: 2 }), Math.LN2);
 * ```
 */
export function softCrossEntropy(
  probabilities: ArrayLike<number>,
  distribution: ArrayLike<number>,
  options: RowsOptions & FloorOptions,
): number {
  const { classes, floor = 1e-12 } = options;
  const action = "compare distributions";
  const rows = columns(action, probabilities.length, classes);
  if (distribution.length !== probabilities.length) {
    throw new RangeError(
      `Cannot compare distributions: ${probabilities.length} predicted values and ${distribution.length} true ones, expected equal numbers`,
    );
  }
  checkFloor(action, floor);
  checkDistributions(action, probabilities, classes);
  checkDistributions(action, distribution, classes);
  return meanOf(rows, (row) => {
    let sum = 0;
    for (let i = row * classes; i < (row + 1) * classes; i++) {
      const q = distribution[i] ?? NaN;
      // 0 · log p counts as 0, even where p is 0.
      if (q === 0) continue;
      const p = Math.max(probabilities[i] ?? NaN, floor);
      sum += q * Math.abs(Math.log(Math.min(p, 1)));
    }
    return sum;
  });
}
