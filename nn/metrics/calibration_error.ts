// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Calibration error: how far confidence is from accuracy, in groups of rows of
 * similar confidence.
 *
 * @module
 */

import { checkChoice } from "./known_options.ts";
import {
  BINS_OPTIONS,
  type BinsOptions,
  checkBins,
  clipped,
  group,
  type ReliabilityBin,
  reliabilityBins,
} from "./reliability_bins.ts";
import { checkLabels } from "./rows.ts";
import { Sum } from "./sums.ts";
import { checkOutcomes } from "./top_label.ts";

/** How the gaps between confidence and accuracy become one number. */
export interface CalibrationNormOptions extends BinsOptions {
  /**
   * `"l1"` is the mean gap (ECE), `"l2"` the root of the mean squared gap
   * (RMSCE), `"max"` the largest one (MCE). Means are weighted by row counts.
   * @default {"l1"}
   */
  norm?: "l1" | "l2" | "max";
}

/** The calibration error of each class, and their mean. */
export interface ClasswiseCalibrationError {
  /** The error of each class against all others, [classes]. */
  perClass: Float64Array<ArrayBuffer>;
  /** The mean over the classes. */
  mean: number;
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
 * import { expectedCalibrationError } from "@swagpu/swagpu/nn/metrics";
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
 * import { maximumCalibrationError } from "@swagpu/swagpu/nn/metrics";
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
 * import { rootMeanSquaredCalibrationError } from "@swagpu/swagpu/nn/metrics";
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
 * import { binaryCalibrationError } from "@swagpu/swagpu/nn/metrics";
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
  checkNorm(action, options);
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
 * import { classwiseCalibrationError } from "@swagpu/swagpu/nn/metrics";
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
  checkNorm(action, options);
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

/** Throws unless the options say how to cut bins, and which norm to take. */
function checkNorm(action: string, options: CalibrationNormOptions): void {
  checkBins(action, options, [...BINS_OPTIONS, "norm"]);
  checkChoice(action, "norm", {
    value: options.norm ?? "l1",
    choices: ["l1", "l2", "max"],
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
