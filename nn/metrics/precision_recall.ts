// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Precision, recall and F1 of predicted classes, each class by itself or
 * averaged as in scikit-learn.
 *
 * @module
 */

import { type ClassCounts, tally } from "./class_counts.ts";
import { checkChoice, checkKnown } from "./known_options.ts";
import { checkClass } from "./rows.ts";
import { meanOf, Sum } from "./sums.ts";

/** How the scores of several classes become one. */
export type Average = "binary" | "micro" | "macro" | "weighted";

/** Options of {@linkcode f1Score} and its relatives. */
export interface F1Options {
  /**
   * `"binary"` scores the class `positive` only. `"micro"` adds up the counts of
   * all classes first; `"macro"` is the mean over the classes, and `"weighted"`
   * that mean where each class weighs as much as it occurs among the labels.
   * @default {"binary"}
   */
  average?: Average;
  /**
   * The class that `"binary"` scores.
   * @default {1}
   */
  positive?: number;
  /**
   * The classes that are averaged, also those that do not occur; not for
   * `"binary"`. Default: the classes that occur among labels or predictions.
   */
  labels?: ArrayLike<number>;
  /**
   * The score of a class whose denominator is 0: precision where it was never
   * predicted, recall where it is never the label, F1 where both.
   * @default {0}
   */
  zeroDivision?: 0 | 1;
}

/** Options of {@linkcode precisionRecallFscoreSupport}. */
export interface PrecisionRecallOptions extends Omit<F1Options, "average"> {
  /**
   * `null` scores each class by itself; for the others see
   * {@linkcode F1Options}.
   * @default {null}
   */
  average?: Average | null;
}

/** Averaged scores. */
export interface PrecisionRecall {
  /** Of the predictions of a class, the share that is right. */
  precision: number;
  /** Of the labels of a class, the share that is found. */
  recall: number;
  /** The harmonic mean of precision and recall. */
  fscore: number;
  /** How many labels were scored. */
  support: number;
}

/** The scores of each class, in the order of `labels`. */
export interface ClassPrecisionRecall {
  /** Of the predictions of each class, the share that is right. */
  precision: Float64Array<ArrayBuffer>;
  /** Of the labels of each class, the share that is found. */
  recall: Float64Array<ArrayBuffer>;
  /** The harmonic mean of precision and recall of each class. */
  fscore: Float64Array<ArrayBuffer>;
  /** How often each class is the label. */
  support: Uint32Array<ArrayBuffer>;
  /** The classes. */
  labels: number[];
}

/**
 * Precision, recall, F1 and support of each class, as scikit-learn's
 * `precision_recall_fscore_support`. The predictions come first here.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options Which classes are scored.
 * @returns The scores of each class.
 * @throws {RangeError} If the lists differ in length, or a number is not a
 * class.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Class 0 is found half of the time
 * ```ts
 * import { precisionRecallFscoreSupport } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const scores = precisionRecallFscoreSupport([0, 1, 1], [0, 0, 1]);
 * assertEquals([...scores.precision], [1, 0.5]);
 * assertEquals([...scores.recall], [0.5, 1]);
 * assertEquals([...scores.support], [2, 1]);
 * ```
 */
export function precisionRecallFscoreSupport(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options?: PrecisionRecallOptions & { average?: null },
): ClassPrecisionRecall;
/**
 * Precision, recall and F1, averaged over classes.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options How classes are averaged, and which.
 * @returns One number of each kind.
 * @throws {RangeError} If the lists differ in length, or a number is not a
 * class.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example The mean over both classes
 * ```ts
 * import { precisionRecallFscoreSupport } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { average: "macro" } as const;
 * const scores = precisionRecallFscoreSupport([0, 1, 1], [0, 0, 1], options);
 * assertEquals([scores.precision, scores.recall], [0.75, 0.75]);
 * ```
 */
export function precisionRecallFscoreSupport(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: PrecisionRecallOptions & { average: Average },
): PrecisionRecall;
export function precisionRecallFscoreSupport(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: PrecisionRecallOptions = {},
): ClassPrecisionRecall | PrecisionRecall {
  const action = "score classes";
  checkKnown(action, options, [
    "average",
    "positive",
    "labels",
    "zeroDivision",
  ]);
  const { average = null, positive = 1, zeroDivision = 0 } = options;
  checkChoice(action, "average", {
    value: average,
    choices: [
      null,
      "binary",
      "micro",
      "macro",
      "weighted",
    ],
  });
  checkChoice(action, "zeroDivision", { value: zeroDivision, choices: [0, 1] });
  if (average === "binary" && options.labels) {
    throw new RangeError(
      `Cannot ${action}: labels says which classes are averaged, but the average is "binary"`,
    );
  }
  if (!Number.isSafeInteger(positive) || positive < 0) {
    throw new RangeError(
      `Cannot ${action}: the positive class is ${positive}, but must be an integer of at least 0`,
    );
  }
  const counts = tally(action, predicted, labels);
  const scored = average === "binary"
    ? [positive]
    : scoredClasses(action, options.labels, counts);
  const each = scored.map((label) =>
    counts.get(label) ?? { actual: 0, guessed: 0, hits: 0 }
  );
  if (average === null) {
    const scores = each.map((one) => scoresOf(one, zeroDivision));
    return {
      precision: Float64Array.from(scores, ({ precision }) => precision),
      recall: Float64Array.from(scores, ({ recall }) => recall),
      fscore: Float64Array.from(scores, ({ fscore }) => fscore),
      support: Uint32Array.from(each, ({ actual }) => actual),
      labels: scored,
    };
  }
  return averaged(each, average, zeroDivision);
}

/** The classes to score: those given, or those that occur in rising order. */
function scoredClasses(
  action: string,
  given: ArrayLike<number> | undefined,
  counts: ReadonlyMap<number, ClassCounts>,
): number[] {
  if (!given) return [...counts.keys()].sort((a, b) => a - b);
  const classes = Array.from(given);
  classes.forEach((label, row) => checkClass(action, label, { row }));
  if (classes.length === 0 || new Set(classes).size < classes.length) {
    throw new RangeError(
      `Cannot ${action}: labels are [${classes}], but must be at least one class, each once`,
    );
  }
  return classes;
}

/** Averages the scores of classes; `"binary"` has only one. */
export function averaged(
  each: readonly ClassCounts[],
  average: Average,
  zeroDivision: number,
): PrecisionRecall {
  const total = { actual: 0, guessed: 0, hits: 0 };
  for (const { actual, guessed, hits } of each) {
    total.actual += actual;
    total.guessed += guessed;
    total.hits += hits;
  }
  const support = total.actual;
  if (average === "binary" || average === "micro") {
    return { ...scoresOf(total, zeroDivision), support };
  }
  const scores = each.map((one) => scoresOf(one, zeroDivision));
  if (average === "macro") {
    const mean = (pick: (one: Scores) => number): number =>
      meanOf(scores.length, (i) => pick(scores[i] ?? NO_SCORES));
    return {
      precision: mean(({ precision }) => precision),
      recall: mean(({ recall }) => recall),
      fscore: mean(({ fscore }) => fscore),
      support,
    };
  }
  // Without any label there is nothing to weigh by.
  if (support === 0) {
    const unless = total.guessed === 0 ? zeroDivision : 0;
    return { precision: unless, recall: zeroDivision, fscore: unless, support };
  }
  const weighted = (pick: (one: Scores) => number): number => {
    const sum = new Sum();
    scores.forEach((one, i) => sum.add(pick(one) * (each[i]?.actual ?? 0)));
    return sum.value / support;
  };
  return {
    precision: weighted(({ precision }) => precision),
    recall: weighted(({ recall }) => recall),
    fscore: weighted(({ fscore }) => fscore),
    support,
  };
}

/** The three scores of a class. */
type Scores = Omit<PrecisionRecall, "support">;

const NO_SCORES: Scores = { precision: NaN, recall: NaN, fscore: NaN };

/** The scores of one class, or of several whose counts were added up. */
export function scoresOf(
  { actual, guessed, hits }: ClassCounts,
  zeroDivision: number,
): Scores {
  return {
    precision: guessed === 0 ? zeroDivision : hits / guessed,
    recall: actual === 0 ? zeroDivision : hits / actual,
    fscore: actual + guessed === 0
      ? zeroDivision
      : 2 * hits / (actual + guessed),
  };
}

/**
 * The share of the predictions of a class that are right, TP / (TP + FP).
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options Which classes count, and how.
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length or hold a number
 * that is not a class.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example One of two
 * ```ts
 * import { precisionScore } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(precisionScore([1, 1, 0], [1, 0, 0]), 0.5);
 * ```
 */
export function precisionScore(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: F1Options = {},
): number {
  return binaryScores(predicted, labels, options).precision;
}

/**
 * The share of the labels of a class that are found, TP / (TP + FN).
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options Which classes count, and how.
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length or hold a number
 * that is not a class.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example One of two
 * ```ts
 * import { recallScore } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(recallScore([1, 0, 0], [1, 1, 0]), 0.5);
 * ```
 */
export function recallScore(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: F1Options = {},
): number {
  return binaryScores(predicted, labels, options).recall;
}

/**
 * The harmonic mean of precision and recall, 2·TP / (2·TP + FP + FN).
 *
 * A class that occurs neither among labels nor among predictions has the score
 * `zeroDivision` with `"binary"` and is left out of the mean with `"macro"`.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @param options Which classes count, and how.
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length or hold a number
 * that is not a class.
 * @throws {TypeError} If there is an unknown option.
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
  return binaryScores(predicted, labels, options).fscore;
}

/** The scores of one class, unless the options ask for an average. */
function binaryScores(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: F1Options,
): PrecisionRecall {
  const average = options.average ?? "binary";
  return precisionRecallFscoreSupport(predicted, labels, {
    ...options,
    average,
  });
}
