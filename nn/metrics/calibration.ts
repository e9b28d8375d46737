// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How good predicted probabilities are: proper scores and calibration error.
 *
 * Every function takes numbers on the host, in rows of `classes` values, and
 * computes in float64. Where labels are given, `classes` is the number of
 * values divided by the number of labels.
 *
 * @module
 */

import {
  checkDistributions,
  checkFloor,
  checkLabels,
  checkProbability,
  columns,
  type FloorOptions,
  type RowsOptions,
} from "./rows.ts";
import { meanOf, Sum } from "./sums.ts";

/** Options of {@linkcode reliabilityBins}: how confidences are grouped. */
export interface BinsOptions {
  /**
   * The number of intervals of equal width that cover (0, 1].
   * @default {15}
   */
  bins?: number;
}

/** The predictions whose confidence falls in one interval. */
export interface ReliabilityBin {
  /** The lower end of the interval, which does not belong to it. */
  lower: number;
  /** The upper end of the interval, which belongs to it. */
  upper: number;
  /** How many rows fall in it. */
  count: number;
  /** The mean of the largest probability of these rows; 0 if there are none. */
  confidence: number;
  /** The share of these rows that is predicted right; 0 if there are none. */
  accuracy: number;
}

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
 * import { negativeLogLikelihood } from "@swagpu/swagpu/nn";
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
 * import { brierScore } from "@swagpu/swagpu/nn";
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
  const action = "score probabilities";
  const classes = checkLabels(action, probabilities, labels);
  checkDistributions(action, probabilities, classes);
  return meanOf(labels.length, (row) => {
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      const truth = labels[row] === k ? 1 : 0;
      sum += ((probabilities[row * classes + k] ?? NaN) - truth) ** 2;
    }
    return sum;
  });
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
 * import { softCrossEntropy } from "@swagpu/swagpu/nn";
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

/** The largest number of bins: more would only fill the memory. */
const MAX_BINS = 1_000_000;

/**
 * Groups predictions by confidence, for a reliability diagram.
 *
 * Confidence is the largest probability of a row. Bin b of B holds the rows
 * with confidence in (b/B, (b+1)/B].
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The number of bins.
 * @returns Every bin in order, including empty ones.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or the number of bins is not from 1 to
 * 1,000,000.
 *
 * @example Two bins
 * ```ts
 * import { reliabilityBins } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const probabilities = [0.5, 0.5, 0.25, 0.75];
 * const [low, high] = reliabilityBins(probabilities, [0, 0], { bins: 2 });
 * assertEquals([low?.count, low?.confidence, low?.accuracy], [1, 0.5, 1]);
 * assertEquals([high?.count, high?.confidence, high?.accuracy], [1, 0.75, 0]);
 * ```
 */
export function reliabilityBins(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: BinsOptions = {},
): ReliabilityBin[] {
  const count = options.bins ?? 15;
  if (!Number.isSafeInteger(count) || count < 1 || count > MAX_BINS) {
    throw new RangeError(
      `Cannot group predictions: ${count} bins, but there must be an integer from 1 to ${MAX_BINS}`,
    );
  }
  const classes = checkLabels("group predictions", probabilities, labels);
  const bins: ReliabilityBin[] = Array.from({ length: count }, (_, b) => ({
    lower: b / count,
    upper: (b + 1) / count,
    count: 0,
    confidence: 0,
    accuracy: 0,
  }));
  const confidences = bins.map(() => new Sum());
  for (let row = 0; row < labels.length; row++) {
    let best = 0;
    let confidence = -Infinity;
    for (let k = 0; k < classes; k++) {
      const p = probabilities[row * classes + k] ?? NaN;
      checkProbability("group predictions", p, row);
      if (p > confidence) [best, confidence] = [k, p];
    }
    const at = binOf(confidence, count);
    const bin = bins[at];
    if (!bin) continue;
    bin.count++;
    confidences[at]?.add(Math.min(confidence, 1));
    bin.accuracy += best === labels[row] ? 1 : 0;
  }
  for (const [at, bin] of bins.entries()) {
    bin.confidence = (confidences[at]?.value ?? 0) / Math.max(bin.count, 1);
    bin.accuracy /= Math.max(bin.count, 1);
  }
  return bins;
}

/** The bin b with b/B < c ≤ (b+1)/B, where a c just above 1 counts as 1. */
function binOf(confidence: number, bins: number): number {
  const clipped = Math.min(confidence, 1);
  let bin = Math.max(Math.ceil(clipped * bins) - 1, 0);
  // The product above is rounded, so compare with the ends of the interval.
  if (bin > 0 && clipped <= bin / bins) bin--;
  if (bin < bins - 1 && clipped > (bin + 1) / bins) bin++;
  return bin;
}

/**
 * The expected calibration error: the mean gap between confidence and accuracy,
 * Σ_b n_b/n · |acc_b − conf_b|.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The number of bins; see {@linkcode reliabilityBins}.
 * @returns A value in [0, 1]; 0 if confidence equals accuracy in every bin.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or the number of bins is not from 1 to
 * 1,000,000.
 *
 * @example Certain, and wrong half of the time
 * ```ts
 * import { expectedCalibrationError } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(expectedCalibrationError([1, 0, 1, 0], [0, 1]), 0.5);
 * ```
 */
export function expectedCalibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: BinsOptions = {},
): number {
  const bins = reliabilityBins(probabilities, labels, options);
  const sum = new Sum();
  for (const bin of bins) {
    sum.add(bin.count * Math.abs(bin.accuracy - bin.confidence));
  }
  return sum.value / labels.length;
}
