// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How uncertain predictions are, which part of the uncertainty comes from the
 * model, and how well a score tells two kinds of input apart.
 *
 * @module
 */

import {
  checkDistributions,
  checkNumbers,
  columns,
  rowEntropy,
  type RowsOptions,
} from "./rows.ts";

/** The shape of predictions by several members of an ensemble. */
export interface MembersOptions extends RowsOptions {
  /** The number of predictions for each row: samples or ensemble members. */
  members: number;
}

/** The uncertainty of each row and its two parts, in nats, each [rows]. */
export interface UncertaintyParts {
  /** H(p̄), the entropy of the mean prediction. */
  total: Float64Array<ArrayBuffer>;
  /** The mean entropy of the members' own predictions: noise in the data. */
  expected: Float64Array<ArrayBuffer>;
  /** total − expected: how much the members disagree. At least 0. */
  mutualInformation: Float64Array<ArrayBuffer>;
}

/**
 * The Shannon entropy of each row, −Σₖ pₖ log pₖ in nats, with 0 log 0 = 0.
 *
 * @param probabilities Distributions, [rows, classes].
 * @param options The row length.
 * @returns Entropies, [rows], from 0 (certain) to log(classes) (uniform).
 * @throws {RangeError} If the values do not fill whole rows, or a row is not
 * a probability distribution.
 *
 * @example A certain row and a uniform one
 * ```ts
 * import { entropy } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...entropy([1, 0, 0.5, 0.5], { classes: 2 })], [0, Math.LN2]);
 * ```
 */
export function entropy(
  probabilities: ArrayLike<number>,
  options: RowsOptions,
): Float64Array<ArrayBuffer> {
  const { classes } = options;
  const action = "measure entropy";
  const rows = columns(action, probabilities.length, classes);
  checkDistributions(action, probabilities, classes);
  return Float64Array.from(
    { length: rows },
    (_, row) => rowEntropy(probabilities, row * classes, classes),
  );
}

/**
 * Splits the entropy of the mean prediction into the members' own mean entropy
 * and their disagreement, H(p̄) = 1/M Σₘ H(pₘ) + I.
 *
 * @param probabilities Predictions, [rows, members, classes].
 * @param options The number of members and of classes.
 * @returns The total and its two parts for each row.
 * @throws {RangeError} If the values do not fill whole rows, or a prediction is
 * not a probability distribution.
 *
 * @example Two certain members that contradict each other
 * ```ts
 * import { uncertaintyParts } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const parts = uncertaintyParts([1, 0, 0, 1], { members: 2, classes: 2 });
 * assertEquals([...parts.expected], [0]);
 * assertEquals([...parts.mutualInformation], [Math.LN2]);
 * ```
 */
export function uncertaintyParts(
  probabilities: ArrayLike<number>,
  options: MembersOptions,
): UncertaintyParts {
  const { members, classes } = options;
  const action = "split uncertainty";
  columns(action, probabilities.length, members);
  const width = members * classes;
  const rows = columns(action, probabilities.length, width);
  checkDistributions(action, probabilities, classes);
  const total = new Float64Array(rows);
  const expected = new Float64Array(rows);
  const mutualInformation = new Float64Array(rows);
  const mean = new Float64Array(classes);
  for (let row = 0; row < rows; row++) {
    mean.fill(0);
    let own = 0;
    for (let m = 0; m < members; m++) {
      const start = row * width + m * classes;
      own += rowEntropy(probabilities, start, classes) / members;
      for (let k = 0; k < classes; k++) {
        mean[k] = (mean[k] ?? 0) + (probabilities[start + k] ?? NaN) / members;
      }
    }
    const all = rowEntropy(mean, 0, classes);
    total[row] = all;
    expected[row] = own;
    // The exact difference is never negative, but the rounded one may be.
    mutualInformation[row] = Math.max(all - own, 0);
  }
  return { total, expected, mutualInformation };
}

/**
 * The area under the ROC curve: the probability that a random positive scores
 * above a random negative, where equal scores count one half.
 *
 * @param negatives Scores of inputs that should score low, such as familiar
 * ones.
 * @param positives Scores of inputs that should score high.
 * @returns A value in [0, 1]; ½ means that the scores do not tell the groups
 * apart.
 * @throws {RangeError} If either list is empty, or holds NaN.
 *
 * @example One of four pairs is the wrong way round
 * ```ts
 * import { areaUnderRoc } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(areaUnderRoc([1, 3], [2, 4]), 0.75);
 * ```
 */
export function areaUnderRoc(
  negatives: ArrayLike<number>,
  positives: ArrayLike<number>,
): number {
  checkGroups("compare scores", negatives, positives);
  const low = Float64Array.from(negatives).sort();
  const high = Float64Array.from(positives).sort();
  let below = 0;
  let notAbove = 0;
  let pairs = 0;
  for (const score of high) {
    while (below < low.length && (low[below] ?? 0) < score) below++;
    while (notAbove < low.length && (low[notAbove] ?? 0) <= score) notAbove++;
    pairs += (below + notAbove) / 2;
  }
  return pairs / (low.length * high.length);
}

/**
 * The share of negatives that reach the threshold that at least 95 % of the
 * positives reach.
 *
 * @param negatives Scores of inputs that should score low.
 * @param positives Scores of inputs that should score high.
 * @returns A value in [0, 1]; 0 when a threshold separates the two.
 * @throws {RangeError} If either list is empty, or holds NaN.
 *
 * @example Separated
 * ```ts
 * import { falsePositiveRate95 } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(falsePositiveRate95([0.1, 0.2], [0.3, 0.4]), 0);
 * ```
 */
export function falsePositiveRate95(
  negatives: ArrayLike<number>,
  positives: ArrayLike<number>,
): number {
  checkGroups("compare scores", negatives, positives);
  const high = Float64Array.from(positives).sort();
  // Integers divided once are exact enough; the constant 0.95 is rounded.
  const needed = Math.ceil(19 * high.length / 20);
  const threshold = high[high.length - needed] ?? 0;
  let reached = 0;
  for (let i = 0; i < negatives.length; i++) {
    if ((negatives[i] ?? 0) >= threshold) reached++;
  }
  return reached / negatives.length;
}

function checkGroups(
  action: string,
  negatives: ArrayLike<number>,
  positives: ArrayLike<number>,
): void {
  if (negatives.length === 0 || positives.length === 0) {
    throw new RangeError(
      `Cannot ${action}: ${negatives.length} negatives and ${positives.length} positives, expected at least one of each`,
    );
  }
  checkNumbers(action, negatives, "negative");
  checkNumbers(action, positives, "positive");
}
