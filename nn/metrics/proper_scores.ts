// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Scores of probabilities as scikit-learn defines them: log loss, the binary
 * Brier score, and the Brier score of each row.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";
import {
  checkClass,
  checkDistributions,
  checkLabels,
  checkNumbers,
  checkPaired,
  checkProbability,
} from "./rows.ts";
import { meanOf, Sum } from "./sums.ts";

/** Options of {@linkcode logLoss}. */
export interface LogLossOptions {
  /**
   * Probabilities are brought into [eps, 1 − eps].
   * @default {2.220446049250313e-16}
   */
  eps?: number;
  /**
   * Whether the loss is the mean over the rows, or else their sum.
   * @default {true}
   */
  normalize?: boolean;
}

/**
 * The mean negative log-probability of the labels, as scikit-learn's `log_loss`:
 * every probability is brought into [eps, 1 − eps] first, then every row is
 * divided by its sum, so rows need not add up to 1.
 *
 * {@linkcode negativeLogLikelihood} refuses rows that are no distribution, and
 * changes nothing but zeros.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The clipping, and whether to average.
 * @returns Nats per row, or of all rows.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is NaN, or eps is not in [0, ½).
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Rows are divided by their sums
 * ```ts
 * import { logLoss } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(logLoss([0.2, 0.2], [0]), Math.LN2);
 * ```
 */
export function logLoss(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: LogLossOptions = {},
): number {
  const action = "score likelihood";
  checkKnown(action, options, ["eps", "normalize"]);
  const { eps = Number.EPSILON, normalize = true } = options;
  if (!(eps >= 0 && eps < 0.5)) {
    throw new RangeError(
      `Cannot ${action}: eps is ${eps}, but must be a number in [0, 0.5)`,
    );
  }
  const classes = checkLabels(action, probabilities, labels);
  checkNumbers(action, probabilities, "probability");
  const clip = (i: number): number =>
    Math.min(Math.max(probabilities[i] ?? NaN, eps), 1 - eps);
  const sum = new Sum();
  for (let row = 0; row < labels.length; row++) {
    let total = 0;
    for (let k = 0; k < classes; k++) total += clip(row * classes + k);
    const own = clip(row * classes + (labels[row] ?? 0));
    sum.add(Math.log(total) - Math.log(own));
  }
  return normalize ? sum.value / labels.length : sum.value;
}

/**
 * The Brier score of each row, Σₖ (pₖ − 1[y = k])²; {@linkcode brierScore} is
 * their mean.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @returns Values in [0, 2], [rows].
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, or a row is not a probability distribution.
 *
 * @example Right and wrong
 * ```ts
 * import { brierRows } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...brierRows([1, 0, 1, 0], [0, 1])], [0, 2]);
 * ```
 */
export function brierRows(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const action = "score probabilities";
  const classes = checkLabels(action, probabilities, labels);
  checkDistributions(action, probabilities, classes);
  return Float64Array.from({ length: labels.length }, (_, row) => {
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      const truth = labels[row] === k ? 1 : 0;
      sum += ((probabilities[row * classes + k] ?? NaN) - truth) ** 2;
    }
    return sum;
  });
}

/**
 * The mean squared error of the probability of class 1, as scikit-learn's
 * `brier_score_loss`: half of {@linkcode brierScore} of both classes.
 *
 * @param probabilities The probability of class 1, [rows].
 * @param labels 0 or 1, [rows].
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length, a label is neither 0 nor
 * 1, or a probability is not in [0, 1].
 *
 * @example Two of three at odds with the label
 * ```ts
 * import { brierScoreLoss } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(brierScoreLoss([1, 0.5, 0.5], [1, 1, 0]), 1 / 6);
 * ```
 */
export function brierScoreLoss(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const action = "score probabilities";
  const rows = checkPaired(action, probabilities, labels);
  for (let row = 0; row < rows; row++) {
    checkClass(action, labels[row] ?? -1, { row, classes: 2 });
    checkProbability(action, probabilities[row] ?? NaN, row);
  }
  return meanOf(
    rows,
    (row) => ((probabilities[row] ?? NaN) - (labels[row] ?? NaN)) ** 2,
  );
}
