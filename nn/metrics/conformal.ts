// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Conformal prediction: sets of classes that hold the true one with a chosen
 * probability, whatever the model, if the rows are exchangeable.
 *
 * Take scores of rows that were not trained on ({@linkcode lacScores}), their
 * quantile ({@linkcode conformalQuantile}), and with it the sets of new rows
 * ({@linkcode lacSets}).
 *
 * @module
 */

import { floorOfShare } from "./exact_shares.ts";
import { checkCount, checkKnown, checkShare } from "./known_options.ts";
import {
  checkDistributions,
  checkLabels,
  checkNumbers,
  columns,
  type RowsOptions,
} from "./rows.ts";

/** How good prediction sets are. */
export interface SetCoverage {
  /** The share of rows whose set holds the label. */
  coverage: number;
  /**
   * The mean of the coverages of the classes. A class without rows counts as 0,
   * as in torch-uncertainty.
   */
  coverageMacro: number;
  /** The coverage of the rows of each class; NaN without rows, [classes]. */
  perClass: Float64Array<ArrayBuffer>;
  /** The mean number of classes in a set. */
  meanSize: number;
  /** The share of sets that hold nothing. */
  emptyFraction: number;
}

/**
 * The rank of the score that bounds a conformal set, ⌈(n + 1)(1 − α)⌉.
 *
 * α counts as the decimal number that is written. In float64,
 * (9 + 1) · (1 − 0.7) is above 3, and its ceiling is 4 instead of 3.
 *
 * @param count The number n of calibration scores, at least 1.
 * @param alpha The share α of rows that may be missed, in (0, 1).
 * @returns A rank from 1 to n + 1.
 * @throws {RangeError} If n is not a positive integer, or α is not in (0, 1).
 *
 * @example Where float64 goes wrong
 * ```ts
 * import { conformalRank } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Math.ceil((9 + 1) * (1 - 0.7)), 4);
 * assertEquals(conformalRank(9, 0.7), 3);
 * ```
 */
export function conformalRank(count: number, alpha: number): number {
  const action = "rank scores";
  checkCount(action, "the number of scores", { value: count });
  checkShare(action, "alpha", alpha);
  return count + 1 - floorOfShare(count + 1, alpha);
}

/**
 * The conformal quantile: the ⌈(n + 1)(1 − α)⌉-th smallest of n scores.
 *
 * A new score, exchangeable with these, is at most that large with a probability
 * of at least 1 − α.
 *
 * @param scores Scores of calibration rows, [rows].
 * @param alpha The share α of rows that may be missed, in (0, 1). It counts as
 * the decimal number that is written.
 * @returns The quantile; `Infinity` if the rank is above n, because so few rows
 * promise nothing. Its sets hold every class.
 * @throws {RangeError} If there are no scores, one is NaN, or α is not in (0, 1).
 *
 * @example The ninth of nine scores, and too few
 * ```ts
 * import { conformalQuantile } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(conformalQuantile([1, 2, 3, 4, 5, 6, 7, 8, 9], 0.1), 9);
 * assertEquals(conformalQuantile([1, 2, 3], 0.1), Infinity);
 * ```
 */
export function conformalQuantile(
  scores: ArrayLike<number>,
  alpha: number,
): number {
  const rank = conformalRank(scores.length, alpha);
  checkNumbers("rank scores", scores, "score");
  return Float64Array.from(scores).sort()[rank - 1] ?? Infinity;
}

/**
 * The scores of least ambiguous sets (LAC, also called THR), 1 − p of the label
 * (Sadinle et al., 2019).
 *
 * @param probabilities Predictions for calibration rows, [rows, classes].
 * @param labels The class of each row, [rows].
 * @returns Scores in [0, 1], [rows], for {@linkcode conformalQuantile}.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, or a row is not a probability distribution.
 *
 * @example The probability that the label lacks
 * ```ts
 * import { lacScores } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...lacScores([0.75, 0.25, 0.5, 0.5], [0, 1])], [0.25, 0.5]);
 * ```
 */
export function lacScores(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const action = "score labels";
  const classes = checkLabels(action, probabilities, labels);
  checkDistributions(action, probabilities, classes);
  return Float64Array.from(
    { length: labels.length },
    (_, row) => 1 - (probabilities[row * classes + (labels[row] ?? 0)] ?? NaN),
  );
}

/** How far rounding may move a probability past a bound, as in MAPIE. */
export const SET_TOLERANCE = 1e-8;

/**
 * Least ambiguous sets (LAC, also called THR): the classes with 1 − p ≤ q.
 *
 * They are the smallest sets on average, but may be empty.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param quantile q, the conformal quantile of {@linkcode lacScores}.
 * @param options The number of classes.
 * @returns 1 where the class is in the set, otherwise 0, [rows, classes].
 * @throws {RangeError} If the values do not fill whole rows, a row is not a
 * probability distribution, or q is NaN.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example A certain row and an uncertain one
 * ```ts
 * import { lacSets } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const sets = lacSets([0.9, 0.1, 0.4, 0.6], 0.7, { classes: 2 });
 * assertEquals([...sets], [1, 0, 1, 1]);
 * ```
 */
export function lacSets(
  probabilities: ArrayLike<number>,
  quantile: number,
  options: RowsOptions,
): Uint8Array<ArrayBuffer> {
  const action = "predict sets";
  checkKnown(action, options, ["classes"]);
  const { classes } = options;
  columns(action, probabilities.length, classes);
  checkDistributions(action, probabilities, classes);
  checkQuantile(action, quantile);
  return Uint8Array.from(
    probabilities,
    (p) => 1 - p <= quantile + SET_TOLERANCE ? 1 : 0,
  );
}

/**
 * How often prediction sets hold the label, and how large they are.
 *
 * @param sets 1 where the class is in the set, otherwise 0, [rows, classes].
 * @param labels The class of each row, [rows].
 * @returns Coverage, of all rows and of each class, and sizes.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, or a value is not 0 or 1.
 *
 * @example One of two sets holds its label
 * ```ts
 * import { setCoverage } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { coverage, meanSize } = setCoverage([1, 0, 1, 1], [1, 0]);
 * assertEquals([coverage, meanSize], [0.5, 1.5]);
 * ```
 */
export function setCoverage(
  sets: ArrayLike<number>,
  labels: ArrayLike<number>,
): SetCoverage {
  const action = "count coverage";
  const classes = checkLabels(action, sets, labels);
  const rows = labels.length;
  const counts = new Float64Array(classes);
  const covered = new Float64Array(classes);
  let [hits, size, empty] = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    let own = 0;
    for (let k = 0; k < classes; k++) {
      const member = sets[row * classes + k];
      if (member !== 0 && member !== 1) {
        throw new RangeError(
          `Cannot ${action}: row ${row} holds ${member}, but must hold 0 or 1`,
        );
      }
      own += member;
    }
    const label = labels[row] ?? 0;
    const hit = sets[row * classes + label] ?? 0;
    counts[label] = (counts[label] ?? 0) + 1;
    covered[label] = (covered[label] ?? 0) + hit;
    hits += hit;
    size += own;
    if (own === 0) empty++;
  }
  const perClass = covered.map((hits, k) => hits / (counts[k] ?? 0));
  const macro = perClass.reduce((sum, x) => sum + (Number.isNaN(x) ? 0 : x), 0);
  return {
    coverage: hits / rows,
    coverageMacro: macro / classes,
    perClass,
    meanSize: size / rows,
    emptyFraction: empty / rows,
  };
}

/** Throws if a quantile is NaN. */
export function checkQuantile(action: string, quantile: number): void {
  if (!Number.isNaN(quantile)) return;
  throw new RangeError(`Cannot ${action}: the quantile is NaN`);
}
