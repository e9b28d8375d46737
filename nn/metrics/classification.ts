// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How right predicted classes are: accuracy, top-k accuracy and confusions.
 *
 * @module
 */

import { tally } from "./class_counts.ts";
import { checkChoice, checkCount, checkKnown } from "./known_options.ts";
import {
  checkClass,
  checkLabels,
  checkNumbers,
  checkPaired,
  columns,
  type RowsOptions,
} from "./rows.ts";
import { meanOf } from "./sums.ts";

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

/** Options of {@linkcode confusionMatrix}. */
export interface ConfusionOptions extends RowsOptions {
  /**
   * What each count is divided by: the total of its label (`"true"`), of its
   * prediction (`"pred"`), or of everything (`"all"`). A row or column without
   * counts stays 0.
   */
  normalize?: "true" | "pred" | "all";
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
  options: RowsOptions & { normalize?: never },
): Uint32Array<ArrayBuffer>;
/**
 * How often each class was predicted for each label, as shares.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options The number of classes, and what is divided by.
 * @returns Shares, [classes, classes]: that of label t and prediction p is at
 * `t · classes + p`.
 * @throws {RangeError} If the lists differ in length or hold a number that
 * is not a class.
 *
 * @example The recall of each class on the diagonal
 * ```ts
 * import { confusionMatrix } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { classes: 2, normalize: "true" } as const;
 * const shares = confusionMatrix([0, 1, 1], [0, 0, 1], options);
 * assertEquals([...shares], [0.5, 0.5, 0, 1]);
 * ```
 */
export function confusionMatrix(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: ConfusionOptions,
): Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
export function confusionMatrix(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: ConfusionOptions,
): Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  const { classes, normalize } = options;
  const action = "count confusions";
  checkKnown(action, options, ["classes", "normalize"]);
  checkChoice(action, "normalize", {
    value: normalize,
    choices: [
      undefined,
      "true",
      "pred",
      "all",
    ],
  });
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
  if (normalize === undefined) return counts;
  const totals = new Float64Array(classes);
  const keyOf = (cell: number): number =>
    normalize === "true"
      ? Math.floor(cell / classes)
      : normalize === "pred"
      ? cell % classes
      : 0;
  counts.forEach((count, cell) => {
    totals[keyOf(cell)] = (totals[keyOf(cell)] ?? 0) + count;
  });
  return Float64Array.from(
    counts,
    (count, cell) => count / Math.max(totals[keyOf(cell)] ?? 0, 1),
  );
}

/**
 * The share of predicted classes that are the label, as scikit-learn's
 * `accuracy_score`. {@linkcode accuracy} takes scores instead.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length or hold a number that
 * is not a class.
 *
 * @example Two of three
 * ```ts
 * import { accuracyScore } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(accuracyScore([0, 1, 1], [0, 0, 1]), 2 / 3);
 * ```
 */
export function accuracyScore(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  let hits = 0;
  for (const { hits: own } of tally("count hits", predicted, labels).values()) {
    hits += own;
  }
  return hits / labels.length;
}

/**
 * The mean recall of the classes that occur among the labels, so that each
 * class weighs the same however rare it is.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length or hold a number that
 * is not a class.
 *
 * @example Always saying 0 is right for one class of two
 * ```ts
 * import { balancedAccuracyScore } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(balancedAccuracyScore([0, 0, 0, 0], [0, 0, 0, 1]), 0.5);
 * ```
 */
export function balancedAccuracyScore(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const recalls: number[] = [];
  for (
    const { actual, hits } of tally("count hits", predicted, labels).values()
  ) {
    if (actual > 0) recalls.push(hits / actual);
  }
  return meanOf(recalls.length, (i) => recalls[i] ?? NaN);
}

/** Options of {@linkcode topKAccuracyScore}. */
export interface TopKOptions {
  /**
   * How many of the largest scores may be the label's.
   * @default {2}
   */
  k?: number;
}

/**
 * The share of rows whose label is among the k largest scores, as
 * scikit-learn's `top_k_accuracy_score`: among equal scores the class with the
 * higher number comes first.
 *
 * @param scores Logits or probabilities, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options How many scores count.
 * @returns A value in [0, 1]; 1 if k is at least the number of classes.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a score is NaN, or k is not an integer of at least 1.
 *
 * @example The label comes second
 * ```ts
 * import { topKAccuracyScore } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const scores = [0.5, 0.3, 0.2];
 * assertEquals(topKAccuracyScore(scores, [1], { k: 1 }), 0);
 * assertEquals(topKAccuracyScore(scores, [1], { k: 2 }), 1);
 * ```
 */
export function topKAccuracyScore(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: TopKOptions = {},
): number {
  const action = "count hits";
  checkKnown(action, options, ["k"]);
  const { k = 2 } = options;
  checkCount(action, "k", { value: k });
  const classes = checkLabels(action, scores, labels);
  checkNumbers(action, scores, "score");
  let hits = 0;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] ?? 0;
    const own = scores[row * classes + label] ?? 0;
    let before = 0;
    for (let other = 0; other < classes; other++) {
      const score = scores[row * classes + other] ?? 0;
      if (score > own || (score === own && other > label)) before++;
    }
    if (before < k) hits++;
  }
  return hits / labels.length;
}
