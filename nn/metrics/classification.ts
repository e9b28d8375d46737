// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How right predicted classes are: accuracy, confusions, F1 and the Matthews
 * correlation.
 *
 * @module
 */

import {
  checkClass,
  checkLabels,
  checkNumbers,
  checkPaired,
  columns,
  type RowsOptions,
} from "./rows.ts";
import { meanOf } from "./sums.ts";

/** Options of {@linkcode f1Score}. */
export interface F1Options {
  /**
   * `"binary"` scores the class `positive` only; `"macro"` is the mean over the
   * classes that occur among labels or predictions.
   * @default {"binary"}
   */
  average?: "binary" | "macro";
  /**
   * The class that `"binary"` scores.
   * @default {1}
   */
  positive?: number;
}

/**
 * The index of the largest value of each row; the first if several are equal.
 *
 * @param scores Scores or probabilities, [rows, classes].
 * @param options The row length.
 * @returns Class numbers, [rows].
 * @throws {RangeError} If the values do not fill whole rows, or hold NaN.
 *
 * @example Two rows
 * ```ts
 * import { argmaxRows } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...argmaxRows([1, 3, 2, 5, 4, 5], { classes: 3 })], [1, 0]);
 * ```
 */
export function argmaxRows(
  scores: ArrayLike<number>,
  options: RowsOptions,
): Uint32Array<ArrayBuffer> {
  const { classes } = options;
  const rows = columns("pick classes", scores.length, classes);
  checkNumbers("pick classes", scores, "score");
  const result = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) {
    let largest = -Infinity;
    for (let k = 0; k < classes; k++) {
      const score = scores[row * classes + k] ?? 0;
      if (score > largest) [largest, result[row]] = [score, k];
    }
  }
  return result;
}

/**
 * The share of rows whose largest score is that of the label.
 *
 * @param scores Logits or probabilities, [rows, classes].
 * @param labels The class of each row, [rows].
 * @returns A value in [0, 1].
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, or a score is NaN.
 *
 * @example One of two
 * ```ts
 * import { accuracy } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(accuracy([0.9, 0.1, 0.8, 0.2], [0, 1]), 0.5);
 * ```
 */
export function accuracy(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const classes = checkLabels("count hits", scores, labels);
  checkNumbers("count hits", scores, "score");
  let hits = 0;
  argmaxRows(scores, { classes }).forEach((predicted, row) => {
    if (predicted === labels[row]) hits++;
  });
  return hits / labels.length;
}

/**
 * How often each class was predicted for each label.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options The number of classes.
 * @returns Counts, [classes, classes]: the count of label t and prediction p is
 * at `t · classes + p`.
 * @throws {RangeError} If the lists differ in length or hold a number that
 * is not a class.
 *
 * @example Truth in rows, predictions in columns
 * ```ts
 * import { confusionMatrix } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const counts = confusionMatrix([0, 1, 1], [0, 0, 1], { classes: 2 });
 * assertEquals([...counts], [1, 1, 0, 1]);
 * ```
 */
export function confusionMatrix(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: RowsOptions,
): Uint32Array<ArrayBuffer> {
  const { classes } = options;
  const action = "count confusions";
  const rows = checkPaired(action, predicted, labels);
  const counts = new Uint32Array(classes * classes);
  for (let row = 0; row < rows; row++) {
    const truth = labels[row] ?? -1;
    const guess = predicted[row] ?? -1;
    checkClass(action, truth, { row, classes });
    checkClass(action, guess, { row, classes, name: "prediction" });
    const cell = truth * classes + guess;
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  return counts;
}

/** How often a class is the label, the prediction, and both. */
interface ClassCounts {
  actual: number;
  guessed: number;
  hits: number;
}

/** The counts of every class that occurs among labels or predictions. */
function tally(
  action: string,
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): Map<number, ClassCounts> {
  const rows = checkPaired(action, predicted, labels);
  const counts = new Map<number, ClassCounts>();
  const of = (label: number): ClassCounts => {
    const known = counts.get(label) ?? { actual: 0, guessed: 0, hits: 0 };
    counts.set(label, known);
    return known;
  };
  for (let row = 0; row < rows; row++) {
    const truth = labels[row] ?? -1;
    const guess = predicted[row] ?? -1;
    checkClass(action, truth, { row });
    checkClass(action, guess, { row, name: "prediction" });
    of(truth).actual++;
    of(guess).guessed++;
    if (truth === guess) of(truth).hits++;
  }
  return counts;
}

/**
 * The harmonic mean of precision and recall, 2·TP / (2·TP + FP + FN).
 *
 * A class that occurs neither among labels nor among predictions has the score
 * 0 with `"binary"` and is left out of the mean with `"macro"`.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options Which classes count.
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length or hold a number
 * that is not a class.
 *
 * @example One found, one missed
 * ```ts
 * import { f1Score } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(f1Score([1, 0, 0], [1, 1, 0]), 2 / 3);
 * ```
 */
export function f1Score(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: F1Options = {},
): number {
  const { average = "binary", positive = 1 } = options;
  const action = "score classes";
  if (average !== "binary" && average !== "macro") {
    throw new RangeError(
      `Cannot ${action}: average is "${average}", but must be "binary" or "macro"`,
    );
  }
  if (!Number.isSafeInteger(positive) || positive < 0) {
    throw new RangeError(
      `Cannot ${action}: the positive class is ${positive}, but must be an integer of at least 0`,
    );
  }
  const counts = tally(action, predicted, labels);
  const score = ({ actual, guessed, hits }: ClassCounts): number =>
    2 * hits / (actual + guessed);
  if (average === "binary") {
    const found = counts.get(positive);
    return found ? score(found) : 0;
  }
  const scores = [...counts.values()].map(score);
  return meanOf(scores.length, (i) => scores[i] ?? NaN);
}

/**
 * The Matthews correlation of predictions and labels, for any number of
 * classes: the correlation of their one-hot codes,
 *
 * ```text
 * (c·n − Σ tₖpₖ) / √((n² − Σ pₖ²)(n² − Σ tₖ²))
 * ```
 *
 * where c of n predictions are right and class k occurs tₖ times among labels
 * and pₖ times among predictions.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @returns A value in [−1, 1]; 0 if all labels or all predictions are equal.
 * @throws {RangeError} If the lists differ in length or hold a number
 * that is not a class.
 *
 * @example All right, and all wrong
 * ```ts
 * import { matthewsCorrelation } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(matthewsCorrelation([0, 1], [0, 1]), 1);
 * assertEquals(matthewsCorrelation([1, 0], [0, 1]), -1);
 * ```
 */
export function matthewsCorrelation(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const counts = tally("correlate classes", predicted, labels);
  const rows = labels.length;
  // The terms are integers below the square of the rows, so sums are exact.
  let correct = 0;
  let crossed = 0;
  let actualSquares = 0;
  let guessedSquares = 0;
  for (const { actual, guessed, hits } of counts.values()) {
    correct += hits;
    crossed += actual * guessed;
    actualSquares += actual * actual;
    guessedSquares += guessed * guessed;
  }
  const spread = (rows * rows - guessedSquares) * (rows * rows - actualSquares);
  return spread === 0 ? 0 : (correct * rows - crossed) / Math.sqrt(spread);
}
