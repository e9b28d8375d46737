// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Metrics on the host, in float64: how right predictions are, how good their
 * probabilities are, and how unsure they are.
 *
 * NaN is never turned into a plausible number: means and correlations of it are
 * NaN, and what counts or ranks refuses it. Sums keep what rounding drops.
 *
 * Scores and probabilities are flat arrays in rows of `classes` values, as a
 * read-back of a [rows, classes] tensor gives them.
 *
 * ```ts
 * import { accuracy, expectedCalibrationError, softmaxRows } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const logits = new Float32Array([2, 0, 0, 1]);
 * const labels = [0, 1];
 * assertEquals(accuracy(logits, labels), 1);
 * const error = expectedCalibrationError(softmaxRows(logits, { classes: 2 }), labels);
 * assertEquals(error.toFixed(3), "0.194");
 * ```
 *
 * @module
 */

import {
  checkClass,
  checkLabels,
  checkNumbers,
  checkPaired,
  columns,
} from "./rows.ts";
import { deviations, meanOf, Sum } from "./sums.ts";
import type { RowsOptions } from "./calibration.ts";

export * from "./calibration.ts";
export * from "./temperature.ts";
export * from "./uncertainty.ts";

/** How the score of several classes becomes one number. */
export interface F1Options {
  /**
   * `"binary"` scores the class `positive` alone; `"macro"` is the mean over
   * the classes that occur among labels or predictions.
   * @default {"binary"}
   */
  average?: "binary" | "macro";
  /**
   * The class that counts as found, for `"binary"`.
   * @default {1}
   */
  positive?: number;
}

/**
 * The place of the largest value of each row; the first where several are.
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
 * @returns Counts, [classes, classes]: entry (t, p) is at `t · classes + p`.
 * @throws {RangeError} If the lists differ in length or hold another number
 * than a class.
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

/** How often a class is true, predicted, and both. */
interface ClassCounts {
  actual: number;
  guessed: number;
  hits: number;
}

/** The counts of every class that is true or predicted somewhere. */
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
 * A class that is neither true nor predicted anywhere has the score 0 under
 * `"binary"` and is left out of the mean under `"macro"`.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options Which classes count.
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length or hold no class numbers.
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
      `Cannot ${action}: average is "${average}", wanted "binary" or "macro"`,
    );
  }
  if (!Number.isSafeInteger(positive) || positive < 0) {
    throw new RangeError(
      `Cannot ${action}: the positive class is ${positive}, wanted an integer of at least 0`,
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
 * (c·n − Σ tₖpₖ) / √((n² − Σ pₖ²)(n² − Σ tₖ²)), with c hits in n rows, tₖ and
 * pₖ how often class k is true and predicted.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @returns A value in [−1, 1]; 0 when labels or predictions are all alike.
 * @throws {RangeError} If the lists differ in length or hold no class numbers.
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
  // Whole numbers below the square of the rows, so sums are exact.
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

/**
 * The mean squared difference, 1/n Σᵢ (ŷᵢ − yᵢ)².
 *
 * @param predicted Predicted values, [rows].
 * @param targets True values, [rows].
 * @returns A value of at least 0; NaN if a value is.
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
 * @returns A value in [−1, 1], whatever the scale of the lists; 0 when either
 * is constant, NaN when one holds NaN or an infinity.
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
  // Rounding may go past the ends, and NaN stays.
  return spread === 0
    ? 0
    : Math.max(-1, Math.min(1, xy.value / Math.sqrt(spread)));
}

/**
 * The correlation of two lists' ranks; equal values share their mean rank.
 *
 * @param x Values, [rows].
 * @param y Values, [rows].
 * @returns A value in [−1, 1]; 0 when either list is constant, NaN when one holds
 * NaN.
 * @throws {RangeError} If the lists differ in length or are empty.
 *
 * @example Any rising curve has 1
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
 * 1-based ranks, equal values sharing the mean of the ranks they span. NaN has
 * no rank, so where there is one all are NaN.
 */
function ranks(values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  const result = new Float64Array(values.length);
  const list = Array.from(values);
  if (list.some(Number.isNaN)) return result.fill(NaN);
  const order = Array.from(list.keys()).sort((a, b) => {
    const [first = 0, second = 0] = [list[a], list[b]];
    // No difference: that of two infinities is none.
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
