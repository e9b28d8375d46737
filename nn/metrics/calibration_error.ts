// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Calibration error: how far confidence is from accuracy, in groups of rows of
 * similar confidence.
 *
 * @module
 */

import { checkChoice, checkKnown } from "./known_options.ts";
import { checkLabels } from "./rows.ts";
import { Sum } from "./sums.ts";
import { checkOutcomes, topLabels } from "./top_label.ts";

/** Options of {@linkcode reliabilityBins}: how confidences are grouped. */
export interface BinsOptions {
  /**
   * The number of groups, from 1 to 1,000,000.
   * @default {15}
   */
  bins?: number;
  /**
   * `"equal-width"` cuts (0, 1] into intervals of equal width; `"equal-mass"`
   * sorts the rows by confidence and cuts them into groups of equal size (the
   * first ones have one row more if there is a remainder).
   * @default {"equal-width"}
   */
  binning?: "equal-width" | "equal-mass";
  /**
   * Which end belongs to an interval of equal width: `"right"` is (a, b], as
   * Guo et al. (2017) define it, where 0 belongs to the first one; `"left"` is
   * [a, b), as netcal and torchmetrics have it, where 1 belongs to the last one.
   * @default {"right"}
   */
  closed?: "right" | "left";
  /**
   * Whether a confidence of exactly 1 gets one more interval of its own, [1, 1],
   * as in torchmetrics. Only for intervals that are closed on the left.
   * @default {false}
   */
  ownBinForOne?: boolean;
}

/** How the gaps between confidence and accuracy become one number. */
export interface CalibrationNormOptions extends BinsOptions {
  /**
   * `"l1"` is the mean gap (ECE), `"l2"` the root of the mean squared gap
   * (RMSCE), `"max"` the largest one (MCE). Means are weighted by row counts.
   * @default {"l1"}
   */
  norm?: "l1" | "l2" | "max";
}

/** The predictions whose confidence falls in one group. */
export interface ReliabilityBin {
  /**
   * The lower end of the interval, which does not belong to it unless `closed`
   * is `"left"`. In groups of equal mass, the smallest confidence of the group.
   */
  lower: number;
  /**
   * The upper end of the interval, which belongs to it unless `closed` is
   * `"left"`. In groups of equal mass, the largest confidence of the group.
   */
  upper: number;
  /** How many rows fall in it. */
  count: number;
  /** The mean confidence of these rows; 0 if there are none. */
  confidence: number;
  /** The share of these rows that is predicted right; 0 if there are none. */
  accuracy: number;
}

/** The calibration error of each class, and their mean. */
export interface ClasswiseCalibrationError {
  /** The error of each class against all others, [classes]. */
  perClass: Float64Array<ArrayBuffer>;
  /** The mean over the classes. */
  mean: number;
}

const BINS_OPTIONS = ["bins", "binning", "closed", "ownBinForOne"];
const NORM_OPTIONS = [...BINS_OPTIONS, "norm"];

/** The largest number of bins: more would only fill the memory. */
const MAX_BINS = 1_000_000;

/**
 * Groups predictions by confidence, for a reliability diagram.
 *
 * Confidence is the largest probability of a row. Without options, bin b of B
 * holds the rows with confidence in (b/B, (b+1)/B].
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The number of bins, and how they are cut.
 * @returns Every bin in order, including empty ones.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or an option is out of range.
 * @throws {TypeError} If there is an option of another name.
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
  const action = "group predictions";
  checkBins(action, options, BINS_OPTIONS);
  const { confidences, correct } = topLabels(action, probabilities, labels);
  return group(confidences, correct, options);
}

/**
 * Groups probabilities of an event by their value, beside how often the event
 * happened.
 *
 * For two classes, the event is class 1 and its probability is compared with
 * its frequency, whatever is predicted. Confidences and whether the prediction
 * was right give the bins of {@linkcode reliabilityBins}.
 *
 * @param scores The probability of the event, [rows].
 * @param outcomes 1 where the event happened, otherwise 0, [rows].
 * @param options The number of bins, and how they are cut.
 * @returns Every bin in order; `accuracy` is the frequency of the event.
 * @throws {RangeError} If the lists differ in length or are empty, a
 * probability is not in [0, 1], an outcome is not 0 or 1, or an option is out
 * of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example It rained on one of two days that had a chance of 80 %
 * ```ts
 * import { binaryReliabilityBins } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const bins = binaryReliabilityBins([0.8, 0.8], [1, 0], { bins: 5 });
 * assertEquals(bins[3], {
 *   lower: 3 / 5,
 *   upper: 4 / 5,
 *   count: 2,
 *   confidence: 0.8,
 *   accuracy: 0.5,
 * });
 * ```
 */
export function binaryReliabilityBins(
  scores: ArrayLike<number>,
  outcomes: ArrayLike<number>,
  options: BinsOptions = {},
): ReliabilityBin[] {
  const action = "group predictions";
  checkBins(action, options, BINS_OPTIONS);
  checkOutcomes(action, scores, outcomes);
  return group(clipped(scores), outcomes, options);
}

/**
 * The expected calibration error (ECE): the mean gap between confidence and
 * accuracy, Σ_b n_b/n · |acc_b − conf_b| (Guo et al., 2017).
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The number of bins, and how they are cut; see
 * {@linkcode reliabilityBins}. `binning: "equal-mass"` gives the adaptive ECE.
 * @returns A value in [0, 1]; 0 if confidence equals accuracy in every bin.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or an option is out of range.
 * @throws {TypeError} If there is an option of another name.
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
  return normOf(reliabilityBins(probabilities, labels, options), "l1");
}

/**
 * The maximum calibration error (MCE): the largest gap between confidence and
 * accuracy in a bin that has rows, max_b |acc_b − conf_b| (Guo et al., 2017).
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The number of bins, and how they are cut; see
 * {@linkcode reliabilityBins}.
 * @returns A value in [0, 1].
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or an option is out of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example The worse of two bins
 * ```ts
 * import { maximumCalibrationError } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(maximumCalibrationError([1, 0, 0.5, 0.5], [0, 1]), 0.5);
 * ```
 */
export function maximumCalibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: BinsOptions = {},
): number {
  return normOf(reliabilityBins(probabilities, labels, options), "max");
}

/**
 * The root mean squared calibration error (RMSCE),
 * √(Σ_b n_b/n · (acc_b − conf_b)²) (Hendrycks et al., 2019).
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The number of bins, and how they are cut; see
 * {@linkcode reliabilityBins}.
 * @returns A value in [0, 1], at least the expected calibration error.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or an option is out of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example A gap of one half in half of the rows
 * ```ts
 * import { rootMeanSquaredCalibrationError } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const error = rootMeanSquaredCalibrationError([1, 0, 0.5, 0.5], [0, 1]);
 * assertAlmostEquals(error, Math.sqrt(0.125));
 * ```
 */
export function rootMeanSquaredCalibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: BinsOptions = {},
): number {
  return normOf(reliabilityBins(probabilities, labels, options), "l2");
}

/**
 * The calibration error of the probability of an event: the gaps between the
 * probability and the frequency in each bin of
 * {@linkcode binaryReliabilityBins}.
 *
 * @param scores The probability of the event, [rows].
 * @param outcomes 1 where the event happened, otherwise 0, [rows].
 * @param options The bins, and how gaps become one number.
 * @returns A value in [0, 1].
 * @throws {RangeError} If the lists differ in length or are empty, a
 * probability is not in [0, 1], an outcome is not 0 or 1, or an option is out
 * of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example A chance of 80 % for what happens half of the time
 * ```ts
 * import { binaryCalibrationError } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(binaryCalibrationError([0.8, 0.8], [1, 0]), 0.3);
 * ```
 */
export function binaryCalibrationError(
  scores: ArrayLike<number>,
  outcomes: ArrayLike<number>,
  options: CalibrationNormOptions = {},
): number {
  const action = "measure calibration";
  checkBins(action, options, NORM_OPTIONS);
  checkOutcomes(action, scores, outcomes);
  return normOf(group(clipped(scores), outcomes, options), options.norm);
}

/**
 * The classwise calibration error: the calibration error of the probability of
 * each class against all others, and its mean over the classes (Kull et al.,
 * 2019).
 *
 * It also sees the probabilities of classes that are not the most probable one.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The bins, and how gaps become one number.
 * @returns The error of each class, and their mean.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or an option is out of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Classes 1 and 2 are mistaken for each other
 * ```ts
 * import { classwiseCalibrationError } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const probabilities = [1, 0, 0, 0, 1, 0];
 * const { perClass, mean } = classwiseCalibrationError(probabilities, [0, 2]);
 * assertEquals([...perClass], [0, 0.5, 0.5]);
 * assertEquals(mean, 1 / 3);
 * ```
 */
export function classwiseCalibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: CalibrationNormOptions = {},
): ClasswiseCalibrationError {
  const action = "measure calibration";
  checkBins(action, options, NORM_OPTIONS);
  const classes = checkLabels(action, probabilities, labels);
  const outcomes = new Uint8Array(labels.length);
  const perClass = Float64Array.from({ length: classes }, (_, k) => {
    const scores = Float64Array.from(
      labels,
      (_, row) => probabilities[row * classes + k] ?? NaN,
    );
    for (let row = 0; row < labels.length; row++) {
      outcomes[row] = labels[row] === k ? 1 : 0;
    }
    checkOutcomes(action, scores, outcomes);
    return normOf(group(clipped(scores), outcomes, options), options.norm);
  });
  const sum = new Sum();
  for (const error of perClass) sum.add(error);
  return { perClass, mean: sum.value / classes };
}

/** Throws unless the options say how to cut bins. */
function checkBins(
  action: string,
  options: CalibrationNormOptions,
  known: readonly string[],
): void {
  checkKnown(action, options, known);
  const { bins = 15, binning, closed, ownBinForOne, norm } = options;
  if (!Number.isSafeInteger(bins) || bins < 1 || bins > MAX_BINS) {
    throw new RangeError(
      `Cannot ${action}: ${bins} bins, but there must be an integer from 1 to ${MAX_BINS}`,
    );
  }
  const choices: [string, unknown, unknown[]][] = [
    ["binning", binning, ["equal-width", "equal-mass"]],
    ["closed", closed, ["right", "left"]],
    ["ownBinForOne", ownBinForOne, [true, false]],
    ["norm", norm, ["l1", "l2", "max"]],
  ];
  for (const [name, value, choices_] of choices) {
    if (value === undefined) continue;
    checkChoice(action, name, { value, choices: choices_ });
  }
  if (binning === "equal-mass" && (closed || ownBinForOne)) {
    throw new RangeError(
      `Cannot ${action}: closed and ownBinForOne are about intervals, but bins of equal mass have none`,
    );
  }
  if (ownBinForOne && closed !== "left") {
    throw new RangeError(
      `Cannot ${action}: ownBinForOne needs closed: "left", because intervals closed on the right hold 1`,
    );
  }
}

/** Probabilities, where rounding may have put one above 1. */
function clipped(scores: ArrayLike<number>): Float64Array<ArrayBuffer> {
  return Float64Array.from(scores, (p) => Math.min(p, 1));
}

/** Bins of confidences, beside the mean of their outcomes. */
function group(
  confidences: Float64Array,
  outcomes: ArrayLike<number>,
  options: BinsOptions,
): ReliabilityBin[] {
  const bins = options.binning === "equal-mass"
    ? cutByMass(confidences, outcomes, options.bins ?? 15)
    : cutByWidth(confidences, outcomes, options);
  for (const bin of bins) {
    bin.confidence /= Math.max(bin.count, 1);
    bin.accuracy /= Math.max(bin.count, 1);
  }
  return bins;
}

function cutByWidth(
  confidences: Float64Array,
  outcomes: ArrayLike<number>,
  { bins: count = 15, closed = "right", ownBinForOne = false }: BinsOptions,
): ReliabilityBin[] {
  const bins: ReliabilityBin[] = Array.from(
    { length: ownBinForOne ? count + 1 : count },
    (_, b) => ({
      lower: b / count,
      upper: Math.min((b + 1) / count, 1),
      count: 0,
      confidence: 0,
      accuracy: 0,
    }),
  );
  const sums = bins.map(() => new Sum());
  for (const [row, confidence] of confidences.entries()) {
    const at = closed === "right"
      ? rightClosedBin(confidence, count)
      : Math.min(leftClosedBin(confidence, count), bins.length - 1);
    const bin = bins[at];
    if (!bin) continue;
    bin.count++;
    sums[at]?.add(confidence);
    bin.accuracy += outcomes[row] ?? 0;
  }
  for (const [at, bin] of bins.entries()) bin.confidence = sums[at]?.value ?? 0;
  return bins;
}

/** The bin b with b/B < c ≤ (b+1)/B. */
function rightClosedBin(confidence: number, bins: number): number {
  let bin = Math.max(Math.ceil(confidence * bins) - 1, 0);
  // The product above is rounded, so compare with the ends of the interval.
  if (bin > 0 && confidence <= bin / bins) bin--;
  if (bin < bins - 1 && confidence > (bin + 1) / bins) bin++;
  return bin;
}

/** The bin b with b/B ≤ c < (b+1)/B, which is B for c = 1. */
function leftClosedBin(confidence: number, bins: number): number {
  let bin = Math.floor(confidence * bins);
  if (bin > 0 && confidence < bin / bins) bin--;
  if (bin < bins && confidence >= (bin + 1) / bins) bin++;
  return bin;
}

function cutByMass(
  confidences: Float64Array,
  outcomes: ArrayLike<number>,
  count: number,
): ReliabilityBin[] {
  const order = Array.from(confidences.keys())
    .sort((a, b) => (confidences[a] ?? 0) - (confidences[b] ?? 0));
  const largest = confidences[order.at(-1) ?? 0] ?? 0;
  const size = Math.floor(order.length / count);
  const larger = order.length % count;
  let start = 0;
  return Array.from({ length: count }, (_, b) => {
    const rows = order.slice(start, start + size + (b < larger ? 1 : 0));
    start += rows.length;
    const sum = new Sum();
    let accuracy = 0;
    for (const row of rows) {
      sum.add(confidences[row] ?? 0);
      accuracy += outcomes[row] ?? 0;
    }
    return {
      lower: confidences[rows[0] ?? -1] ?? largest,
      upper: confidences[rows.at(-1) ?? -1] ?? largest,
      count: rows.length,
      confidence: sum.value,
      accuracy,
    };
  });
}

/** One number from the gaps of all bins. */
function normOf(
  bins: readonly ReliabilityBin[],
  norm: "l1" | "l2" | "max" = "l1",
): number {
  const sum = new Sum();
  let largest = 0;
  let rows = 0;
  for (const { count, accuracy, confidence } of bins) {
    const gap = Math.abs(accuracy - confidence);
    sum.add(count * (norm === "l2" ? gap ** 2 : gap));
    largest = Math.max(largest, gap);
    rows += count;
  }
  if (norm === "max") return largest;
  return norm === "l2" ? Math.sqrt(sum.value / rows) : sum.value / rows;
}
