// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Metrics on the host, in float64: how right predictions are, how good their
 * probabilities are, and how unsure they are.
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

import { checkClass, checkLabels, checkPaired, columns } from "./_rows.ts";
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
 * @throws {RangeError} If the values do not fill whole rows.
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
 * @throws {RangeError} If the values do not fill whole rows, or a label is not
 * a class.
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
    checkClass(action, guess, { row, classes });
    const cell = truth * classes + guess;
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  return counts;
}

/** Row sums (how often each class is true), column sums and the diagonal. */
function tally(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): { actual: number[]; guessed: number[]; hits: number[]; rows: number } {
  let classes = 2;
  for (const list of [predicted, labels]) {
    for (let i = 0; i < list.length; i++) {
      classes = Math.max(classes, (list[i] ?? 0) + 1);
    }
  }
  const counts = confusionMatrix(predicted, labels, { classes });
  const actual = new Array<number>(classes).fill(0);
  const guessed = new Array<number>(classes).fill(0);
  const hits = new Array<number>(classes).fill(0);
  counts.forEach((count, cell) => {
    const t = Math.floor(cell / classes);
    const p = cell % classes;
    actual[t] = (actual[t] ?? 0) + count;
    guessed[p] = (guessed[p] ?? 0) + count;
    if (t === p) hits[t] = count;
  });
  return { actual, guessed, hits, rows: labels.length };
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
  const { actual, guessed, hits } = tally(predicted, labels);
  const score = (k: number): number => {
    const total = (actual[k] ?? 0) + (guessed[k] ?? 0);
    return total === 0 ? 0 : 2 * (hits[k] ?? 0) / total;
  };
  if (average === "binary") return score(positive);
  let sum = 0;
  let present = 0;
  for (let k = 0; k < actual.length; k++) {
    if (actual[k] === 0 && guessed[k] === 0) continue;
    sum += score(k);
    present++;
  }
  return sum / present;
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
  const { actual, guessed, hits, rows } = tally(predicted, labels);
  let correct = 0;
  let crossed = 0;
  let actualSquares = 0;
  let guessedSquares = 0;
  for (let k = 0; k < actual.length; k++) {
    const t = actual[k] ?? 0;
    const p = guessed[k] ?? 0;
    correct += hits[k] ?? 0;
    crossed += t * p;
    actualSquares += t * t;
    guessedSquares += p * p;
  }
  const spread = (rows * rows - guessedSquares) * (rows * rows - actualSquares);
  return spread === 0 ? 0 : (correct * rows - crossed) / Math.sqrt(spread);
}

/**
 * The mean squared difference, 1/n Σᵢ (ŷᵢ − yᵢ)².
 *
 * @param predicted Predicted values, [rows].
 * @param targets True values, [rows].
 * @returns A value of at least 0.
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
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    sum += ((predicted[i] ?? 0) - (targets[i] ?? 0)) ** 2;
  }
  return sum / rows;
}

/**
 * The linear correlation of two lists,
 * Σ(xᵢ − x̄)(yᵢ − ȳ) / √(Σ(xᵢ − x̄)² Σ(yᵢ − ȳ)²).
 *
 * @param x Values, [rows].
 * @param y Values, [rows].
 * @returns A value in [−1, 1]; 0 when either list is constant.
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
  let meanX = 0;
  let meanY = 0;
  for (let i = 0; i < rows; i++) {
    meanX += (x[i] ?? 0) / rows;
    meanY += (y[i] ?? 0) / rows;
  }
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < rows; i++) {
    const dx = (x[i] ?? 0) - meanX;
    const dy = (y[i] ?? 0) - meanY;
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  return xx === 0 || yy === 0 ? 0 : xy / Math.sqrt(xx * yy);
}

/**
 * The correlation of two lists' ranks; equal values share their mean rank.
 *
 * @param x Values, [rows].
 * @param y Values, [rows].
 * @returns A value in [−1, 1]; 0 when either list is constant.
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
  return pearsonCorrelation(ranks(x), ranks(y));
}

/** 1-based ranks, equal values sharing the mean of the ranks they span. */
function ranks(values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  const order = Array.from({ length: values.length }, (_, i) => i)
    .sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    const value = values[order[start] ?? 0];
    let end = start;
    while (end < order.length && values[order[end] ?? 0] === value) end++;
    // A NaN equals nothing, not even itself: it takes a rank of its own.
    end = Math.max(end, start + 1);
    for (let i = start; i < end; i++) {
      result[order[i] ?? 0] = (start + 1 + end) / 2;
    }
    start = end;
  }
  return result;
}
