// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How well scores rank positives above negatives: ROC and precision-recall
 * curves, and the numbers that sum them up.
 *
 * @module
 */

import { checkChoice, checkKnown, checkShare } from "./known_options.ts";
import { compareNumbers } from "./ranks.ts";
import { checkClass, checkLabels, checkNumbers, checkPaired } from "./rows.ts";
import { meanOf, Sum } from "./sums.ts";
import { areaUnderRoc } from "./uncertainty.ts";

/** A receiver operating characteristic, from the strictest threshold on. */
export interface RocCurve {
  /** The share of negatives that reach each threshold. */
  fpr: Float64Array<ArrayBuffer>;
  /** The share of positives that reach each threshold. */
  tpr: Float64Array<ArrayBuffer>;
  /** Falling thresholds; the first is infinity, which nothing reaches. */
  thresholds: Float64Array<ArrayBuffer>;
}

/** Precision against recall, from the lowest threshold on. */
export interface PrecisionRecallCurve {
  /** The precision at each threshold, and a last 1. */
  precision: Float64Array<ArrayBuffer>;
  /** The recall at each threshold, and a last 0. */
  recall: Float64Array<ArrayBuffer>;
  /** Rising thresholds, one less than points. */
  thresholds: Float64Array<ArrayBuffer>;
}

/** How many positives and negatives reach a threshold. */
interface Point {
  threshold: number;
  positives: number;
  negatives: number;
}

/** The counts at every distinct score, from the largest score on. */
function pointsOf(
  action: string,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): Point[] {
  const rows = checkPaired(action, scores, labels);
  checkNumbers(action, scores, "score");
  for (let row = 0; row < rows; row++) {
    checkClass(action, labels[row] ?? -1, { row, classes: 2 });
  }
  const order = Array.from({ length: rows }, (_, row) => row).sort((a, b) =>
    compareNumbers(scores[b] ?? 0, scores[a] ?? 0)
  );
  const points: Point[] = [];
  let [positives, negatives] = [0, 0];
  order.forEach((row, i) => {
    if (labels[row] === 1) positives++;
    else negatives++;
    const threshold = scores[row] ?? 0;
    const next = order[i + 1];
    if (next !== undefined && scores[next] === threshold) return;
    points.push({ threshold, positives, negatives });
  });
  if (positives === 0 || negatives === 0) {
    throw new RangeError(
      `Cannot ${action}: ${negatives} negatives and ${positives} positives, expected at least one of each`,
    );
  }
  return points;
}

/**
 * The ROC curve, as scikit-learn's `roc_curve` with `drop_intermediate=False`:
 * a point for every distinct score.
 *
 * @param scores Scores of the positive class, [rows].
 * @param labels 1 for positives and 0 for negatives, [rows].
 * @returns Points from (0, 0) to (1, 1).
 * @throws {RangeError} If the lists differ in length, a label is neither 0 nor
 * 1, one of the two does not occur, or a score is NaN.
 *
 * @example A positive above a negative
 * ```ts
 * import { rocCurve } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const { fpr, tpr, thresholds } = rocCurve([0.2, 0.7], [0, 1]);
 * assertEquals([...fpr], [0, 0, 1]);
 * assertEquals([...tpr], [0, 1, 1]);
 * assertEquals([...thresholds], [Infinity, 0.7, 0.2]);
 * ```
 */
export function rocCurve(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): RocCurve {
  const points = pointsOf("draw a ROC curve", scores, labels);
  const { positives, negatives } = totalOf(points);
  return {
    fpr: Float64Array.from([0, ...points.map((p) => p.negatives / negatives)]),
    tpr: Float64Array.from([0, ...points.map((p) => p.positives / positives)]),
    thresholds: Float64Array.from([
      Infinity,
      ...points.map((p) => p.threshold),
    ]),
  };
}

/** The counts at the lowest threshold, which everything reaches. */
function totalOf(points: readonly Point[]): Point {
  return points.at(-1) ?? { threshold: NaN, positives: NaN, negatives: NaN };
}

/**
 * Precision against recall, as scikit-learn's `precision_recall_curve`: a point
 * for every distinct score, and a last one (recall 0, precision 1) without a
 * threshold.
 *
 * @param scores Scores of the positive class, [rows].
 * @param labels 1 for positives and 0 for negatives, [rows].
 * @returns Points of falling recall.
 * @throws {RangeError} If the lists differ in length, a label is neither 0 nor
 * 1, one of the two does not occur, or a score is NaN.
 *
 * @example A positive above a negative
 * ```ts
 * import { precisionRecallCurve } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const { precision, recall } = precisionRecallCurve([0.2, 0.7], [0, 1]);
 * assertEquals([...precision], [0.5, 1, 1]);
 * assertEquals([...recall], [1, 1, 0]);
 * ```
 */
export function precisionRecallCurve(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): PrecisionRecallCurve {
  const points = pointsOf("draw a precision-recall curve", scores, labels);
  const all = totalOf(points).positives;
  points.reverse();
  const precisions = points.map(({ positives, negatives }) =>
    positives / (positives + negatives)
  );
  return {
    precision: Float64Array.from([...precisions, 1]),
    recall: Float64Array.from([
      ...points.map(({ positives }) => positives / all),
      0,
    ]),
    thresholds: Float64Array.from(points, ({ threshold }) => threshold),
  };
}

/**
 * The average precision Σᵢ (Rᵢ − Rᵢ₋₁) Pᵢ over the distinct thresholds, without
 * interpolation: the area under the precision-recall curve (AUPR) as steps.
 *
 * @param scores Scores of the positive class, [rows].
 * @param labels 1 for positives and 0 for negatives, [rows].
 * @returns A value in [0, 1]; the share of positives where scores mean nothing.
 * @throws {RangeError} If the lists differ in length, a label is neither 0 nor
 * 1, one of the two does not occur, or a score is NaN.
 *
 * @example The second positive comes third
 * ```ts
 * import { averagePrecisionScore } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const score = averagePrecisionScore([0.9, 0.8, 0.7], [1, 0, 1]);
 * assertAlmostEquals(score, 1 / 2 * 1 + 1 / 2 * 2 / 3);
 * ```
 */
export function averagePrecisionScore(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const points = pointsOf("average precision", scores, labels);
  const all = totalOf(points).positives;
  const sum = new Sum();
  let before = 0;
  for (const { positives, negatives } of points) {
    sum.add((positives - before) / all * positives / (positives + negatives));
    before = positives;
  }
  return sum.value;
}

/** Options of {@linkcode fprAtTpr}. */
export interface FprOptions {
  /**
   * The share of positives to be found.
   * @default {0.95}
   */
  tpr?: number;
  /**
   * `"at-least"` takes the thresholds that at least this share of the positives
   * reaches. `"nearest-recall"` takes the one threshold whose share is nearest,
   * also from below, as torch-uncertainty does.
   * @default {"at-least"}
   */
  definition?: "at-least" | "nearest-recall";
}

/**
 * The least share of negatives that reach a threshold which finds 95 % of the
 * positives (FPR95), for telling familiar inputs from others.
 *
 * @param scores Scores of the positive class, [rows].
 * @param labels 1 for positives and 0 for negatives, [rows].
 * @param options The share of positives, and how exactly it is met.
 * @returns A value in [0, 1]; 0 when a threshold separates the two.
 * @throws {RangeError} If the lists differ in length, a label is neither 0 nor
 * 1, one of the two does not occur, a score is NaN, or `tpr` is not in (0, 1).
 * @throws {TypeError} If there is an unknown option.
 *
 * @example One of two negatives is above the lower positive
 * ```ts
 * import { fprAtTpr } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(fprAtTpr([0.1, 0.6, 0.5, 0.9], [0, 0, 1, 1]), 0.5);
 * ```
 */
export function fprAtTpr(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: FprOptions = {},
): number {
  const action = "find false positives";
  checkKnown(action, options, ["tpr", "definition"]);
  const { tpr = 0.95, definition = "at-least" } = options;
  checkShare(action, "tpr", tpr);
  checkChoice(action, "definition", {
    value: definition,
    choices: [
      "at-least",
      "nearest-recall",
    ],
  });
  const points = pointsOf(action, scores, labels);
  const { positives, negatives } = totalOf(points);
  if (definition === "at-least") {
    const found = points.find((p) => p.positives / positives >= tpr);
    return (found?.negatives ?? NaN) / negatives;
  }
  // From the strictest threshold that finds everything, so the largest share wins
  // among those that are equally near.
  const full = points.findIndex((p) => p.positives === positives);
  const distance = (p: Point): number =>
    Math.abs(p.positives / positives - tpr);
  let best = points[full] ?? totalOf(points);
  for (const point of points.slice(0, full).reverse()) {
    // Rounded, because shares such as 0.9 and 1 are equally near to 0.95.
    if (distance(point) < distance(best) - 1e-9) best = point;
  }
  return best.negatives / negatives;
}

/** Options of {@linkcode rocAucScore}, for more than two classes. */
export interface RocAucOptions {
  /**
   * `"ovr"` compares each class with all others, `"ovo"` each pair of classes
   * (Hand and Till, 2001). It must be given where there are more than two
   * classes.
   */
  multiClass?: "ovr" | "ovo";
  /**
   * `"macro"` weighs classes or pairs alike, `"weighted"` by how many rows are
   * of the class or of the pair.
   * @default {"macro"}
   */
  average?: "macro" | "weighted";
}

/**
 * The area under the ROC curve, where equal scores count one half, as
 * scikit-learn's `roc_auc_score`.
 *
 * @param scores Scores of the positive class, [rows]; or scores or
 * probabilities of each class, [rows, classes]. Of two classes the second is
 * the positive one.
 * @param labels The class of each row, [rows].
 * @param options How more than two classes become one number.
 * @returns A value in [0, 1]; ½ means that the scores tell nothing.
 * @throws {RangeError} If the values do not fill whole rows, a class does not
 * occur among the labels, a score is NaN, or `multiClass` is missing.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Two classes and three
 * ```ts
 * import { rocAucScore } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(rocAucScore([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75);
 * const scores = [0.8, 0.1, 0.1, 0.2, 0.7, 0.1, 0.1, 0.3, 0.6];
 * assertEquals(rocAucScore(scores, [0, 1, 2], { multiClass: "ovr" }), 1);
 * ```
 */
export function rocAucScore(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: RocAucOptions = {},
): number {
  const action = "compare scores";
  checkKnown(action, options, ["multiClass", "average"]);
  const { multiClass, average = "macro" } = options;
  checkChoice(action, "average", {
    value: average,
    choices: ["macro", "weighted"],
  });
  checkChoice(action, "multiClass", {
    value: multiClass,
    choices: [undefined, "ovr", "ovo"],
  });
  if (scores.length === labels.length) {
    pointsOf(action, scores, labels);
    return areaUnderRoc(
      pick(scores, labels, (label) => label === 0),
      pick(scores, labels, (label) => label === 1),
    );
  }
  const classes = checkLabels(action, scores, labels);
  const column = (k: number): number[] =>
    Array.from(labels, (_, row) => scores[row * classes + k] ?? NaN);
  if (classes === 2) return rocAucScore(column(1), labels);
  if (multiClass === undefined) {
    throw new RangeError(
      `Cannot ${action}: there are ${classes} classes, so multiClass must be "ovr" or "ovo"`,
    );
  }
  const counts = new Array<number>(classes).fill(0);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] ?? 0;
    counts[label] = (counts[label] ?? 0) + 1;
  }
  const areas: number[] = [];
  const weights: number[] = [];
  for (let k = 0; k < classes; k++) {
    const own = column(k);
    const positives = pick(own, labels, (label) => label === k);
    if (multiClass === "ovr") {
      const others = pick(own, labels, (label) => label !== k);
      areas.push(areaUnderRoc(others, positives));
      weights.push(counts[k] ?? 0);
      continue;
    }
    for (let j = k + 1; j < classes; j++) {
      const other = column(j);
      const first = pick(own, labels, (label) => label === j);
      const second = pick(other, labels, (label) => label === j);
      const back = pick(other, labels, (label) => label === k);
      areas.push(
        (areaUnderRoc(first, positives) + areaUnderRoc(back, second)) / 2,
      );
      weights.push((counts[k] ?? 0) + (counts[j] ?? 0));
    }
  }
  if (average === "macro") {
    return meanOf(areas.length, (i) => areas[i] ?? NaN);
  }
  const [sum, total] = [new Sum(), new Sum()];
  areas.forEach((area, i) => {
    sum.add(area * (weights[i] ?? 0));
    total.add(weights[i] ?? 0);
  });
  return sum.value / total.value;
}

/** The scores of the rows whose label is wanted. */
function pick(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  isWanted: (label: number) => boolean,
): number[] {
  return Array.from(scores).filter((_, row) => isWanted(labels[row] ?? -1));
}
