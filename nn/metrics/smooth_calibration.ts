// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Calibration error without bins: a smooth reliability curve, and the error that
 * belongs to it (Błasiok and Nakkiran, 2023).
 *
 * @module
 */

import { checkChoice, checkCount, checkKnown } from "./known_options.ts";
import { checkShare } from "./known_options.ts";
import { drawIndices, quantileOf, seededRandom } from "./resampling.ts";
import { Kernels, roundHalfEven, Smoother } from "./smoothing.ts";
import { checkOutcomes, topLabels } from "./top_label.ts";

/** Options of {@linkcode smoothCalibrationError}. */
export interface SmoothCalibrationOptions {
  /**
   * The standard deviation of the kernel, above 0. Without it, it is the
   * largest one that is not above the error that it gives, found by ten
   * halvings of [0, 1]; that makes the error comparable with the distance to
   * the nearest calibrated prediction.
   */
  bandwidth?: number;
  /**
   * `"reflected"` smooths on the probability, mirrored at 0 and 1; `"logit"` on
   * the logarithm of its odds, which spreads out what is near 0 and 1.
   * @default {"reflected"}
   */
  kernel?: "reflected" | "logit";
}

/** Options of {@linkcode smoothReliability}. */
export interface SmoothReliabilityOptions extends SmoothCalibrationOptions {
  /**
   * The number of equally spaced places from 0 to 1, at least 3.
   * @default {101}
   */
  points?: number;
  /**
   * How many times rows are drawn with replacement for the band and the interval.
   * @default {200}
   */
  resamples?: number;
  /**
   * The share of the resamples that the band holds at each place.
   * @default {0.95}
   */
  confidenceLevel?: number;
  /**
   * Where the random numbers start, an integer of at least 0: the same seed
   * gives the same band.
   * @default {0}
   */
  seed?: number;
}

/** A calibration error and the bandwidth that it was computed with. */
export interface SmoothCalibrationError {
  /** The error (smECE), in [0, 1]. */
  error: number;
  /** The standard deviation of the kernel. */
  bandwidth: number;
}

/** A reliability curve with its band, and the error with its interval. */
export interface SmoothReliability extends SmoothCalibrationError {
  /** The lower end of the interval of the error. */
  errorLower: number;
  /** The upper end of the interval of the error. */
  errorUpper: number;
  /** Confidences from 0 to 1, [points]. */
  confidence: Float64Array<ArrayBuffer>;
  /** The accuracy near each confidence, [points]. */
  accuracy: Float64Array<ArrayBuffer>;
  /** The lower end of the band at each confidence, [points]. */
  lower: Float64Array<ArrayBuffer>;
  /** The upper end of the band at each confidence, [points]. */
  upper: Float64Array<ArrayBuffer>;
  /**
   * The density of the confidences, [points]. Where it is near 0, the curve
   * says nothing and falls to 0.
   */
  density: Float64Array<ArrayBuffer>;
}

const OPTIONS = ["bandwidth", "kernel"];
const CURVE_OPTIONS = [
  ...OPTIONS,
  "points",
  "resamples",
  "confidenceLevel",
  "seed",
];

/**
 * The smooth calibration error (smECE): the mean distance of a smooth curve of
 * the accuracy from the confidence, weighted by how many rows are near,
 * Σ_t |Σᵢ K(t, cᵢ)(cᵢ − yᵢ)| / Σ_t Σᵢ K(t, cᵢ).
 *
 * Unlike the error in bins, it does not jump when a confidence crosses the end
 * of a bin. The value is that of relplot 1.0.3, the authors' package.
 *
 * @param probabilities Predictions, [rows, classes]; the largest one of a row
 * is its confidence.
 * @param labels The class of each row, [rows].
 * @param options The kernel.
 * @returns The error and its bandwidth.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or an option is out of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Certain, and wrong half of the time
 * ```ts
 * import { smoothCalibrationError } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { error } = smoothCalibrationError([1, 0, 1, 0], [0, 1]);
 * assertAlmostEquals(error, 0.5, 1e-3);
 * ```
 */
export function smoothCalibrationError(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: SmoothCalibrationOptions = {},
): SmoothCalibrationError {
  const action = "measure smooth calibration";
  checkSmooth(action, options, OPTIONS);
  const { confidences, correct } = topLabels(action, probabilities, labels);
  return smoothError(confidences, correct, options);
}

/**
 * The smooth calibration error of the probability of an event, such as class 1
 * of two; see {@linkcode smoothCalibrationError}.
 *
 * @param scores The probability of the event, [rows].
 * @param outcomes 1 where the event happened, otherwise 0, [rows].
 * @param options The kernel.
 * @returns The error and its bandwidth.
 * @throws {RangeError} If the lists differ in length or are empty, a
 * probability is not in [0, 1], an outcome is not 0 or 1, or an option is out
 * of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example A single row
 * ```ts
 * import { binarySmoothCalibrationError } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { error } = binarySmoothCalibrationError([0.7], [1]);
 * assertAlmostEquals(error, 0.3, 1e-3);
 * ```
 */
export function binarySmoothCalibrationError(
  scores: ArrayLike<number>,
  outcomes: ArrayLike<number>,
  options: SmoothCalibrationOptions = {},
): SmoothCalibrationError {
  const action = "measure smooth calibration";
  checkSmooth(action, options, OPTIONS);
  checkOutcomes(action, scores, outcomes);
  const clipped = Float64Array.from(scores, (p) => Math.min(p, 1));
  return smoothError(clipped, outcomes, options);
}

/**
 * A smooth reliability curve with a bootstrap band, for a reliability diagram
 * without bins, and the smooth calibration error with its interval.
 *
 * Rows are drawn with replacement. The band holds the middle share of the
 * resampled curves at each place, at the bandwidth of the whole data. The
 * interval of the error is the basic one, 2·error minus the quantiles of the
 * resampled errors, cut at 0: resampling adds noise, which makes errors larger.
 *
 * @param probabilities Predictions, [rows, classes]; the largest one of a row
 * is its confidence.
 * @param labels The class of each row, [rows].
 * @param options The kernel, the places, the number of resamples and the seed.
 * @returns The curve, its band, and the error with its interval.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or an option is out of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Right in three of four rows that claim 75 %
 * ```ts
 * import { smoothReliability } from "@swagpu/swagpu/nn/metrics";
 * import { assert, assertAlmostEquals } from "@std/assert";
 *
 * const probabilities = Array.from({ length: 40 }, () => [0.75, 0.25]).flat();
 * const labels = Array.from({ length: 40 }, (_, row) => row % 4 === 0 ? 1 : 0);
 * const curve = smoothReliability(probabilities, labels, { resamples: 20 });
 * assertAlmostEquals(curve.accuracy[75] ?? 0, 0.75, 1e-3);
 * assert((curve.lower[75] ?? 1) < 0.75 && (curve.upper[75] ?? 0) > 0.75);
 * ```
 */
export function smoothReliability(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: SmoothReliabilityOptions = {},
): SmoothReliability {
  const action = "draw a reliability curve";
  const { points = 101, resamples = 200, confidenceLevel = 0.95, seed = 0 } =
    options;
  checkSmooth(action, options, CURVE_OPTIONS);
  checkCount(action, "points", { value: points, least: 3 });
  checkCount(action, "resamples", { value: resamples });
  checkCount(action, "seed", { value: seed, least: 0 });
  checkShare(action, "confidenceLevel", confidenceLevel);
  const { confidences, correct } = topLabels(action, probabilities, labels);
  const shared = { ...options, kernels: new Kernels() };
  const { error, bandwidth } = smoothError(confidences, correct, shared);
  const { kernel = "reflected" } = options;
  const { kernels } = shared;
  const smoothed = (places: Float64Array, values: Uint8Array) =>
    new Smoother(places, values, { kernel, kernels }).at({ bandwidth, points });
  const { mean: accuracy, density } = smoothed(confidences, correct);
  const random = seededRandom(seed);
  const curves: Float64Array[] = [];
  const errors = new Float64Array(resamples);
  for (let i = 0; i < resamples; i++) {
    const rows = drawIndices(random, labels.length);
    const own = new Float64Array(labels.length);
    const hits = new Uint8Array(labels.length);
    for (let at = 0; at < rows.length; at++) {
      own[at] = confidences[rows[at] ?? 0] ?? 0;
      hits[at] = correct[rows[at] ?? 0] ?? 0;
    }
    curves.push(smoothed(own, hits).mean);
    errors[i] = smoothError(own, hits, shared).error;
  }
  const tail = (1 - confidenceLevel) / 2;
  const band = (share: number) =>
    Float64Array.from(
      accuracy,
      (_, at) => quantileOf(curves.map((curve) => curve[at] ?? 0), share),
    );
  return {
    error,
    bandwidth,
    errorLower: Math.max(2 * error - quantileOf(errors, 1 - tail), 0),
    errorUpper: Math.max(2 * error - quantileOf(errors, tail), 0),
    confidence: accuracy.map((_, i) => i / (points - 1)),
    accuracy,
    lower: band(tail),
    upper: band(1 - tail),
    density: density.map((weight) => weight / labels.length),
  };
}

/** Throws unless the options say how to smooth. */
function checkSmooth(
  action: string,
  options: SmoothCalibrationOptions,
  known: readonly string[],
): void {
  checkKnown(action, options, known);
  const { bandwidth, kernel = "reflected" } = options;
  checkChoice(action, "kernel", {
    value: kernel,
    choices: ["reflected", "logit"],
  });
  if (bandwidth === undefined) return;
  // A narrower kernel would need a grid that fills the memory.
  if (!(bandwidth >= 1e-5 && bandwidth < Infinity)) {
    throw new RangeError(
      `Cannot ${action}: bandwidth is ${bandwidth}, but must be a number of at least 1e-5`,
    );
  }
}

/** The error of confidences, at the bandwidth given or at the right one. */
function smoothError(
  confidences: Float64Array,
  outcomes: ArrayLike<number>,
  { bandwidth, kernel = "reflected", kernels = new Kernels() }:
    & SmoothCalibrationOptions
    & { kernels?: Kernels },
): SmoothCalibrationError {
  const gaps = confidences.map((c, row) => c - (outcomes[row] ?? 0));
  const smoother = new Smoother(confidences, gaps, { kernel, kernels });
  const errors = new Map<number, number>();
  const errorAt = (bandwidth: number): number => {
    const known = errors.get(bandwidth);
    if (known !== undefined) return known;
    const points = Math.max(roundHalfEven(10 / bandwidth), 200);
    const { mean, density } = smoother.at({ bandwidth, points });
    let sum = 0;
    let weight = 0;
    for (let i = 0; i < points; i++) {
      sum += Math.abs(mean[i] ?? 0) * (density[i] ?? 0);
      weight += density[i] ?? 0;
    }
    errors.set(bandwidth, sum / weight);
    return sum / weight;
  };
  if (bandwidth !== undefined) return { error: errorAt(bandwidth), bandwidth };
  // No smooth gap is above the largest one.
  const largest = gaps.reduce((max, gap) => Math.max(max, Math.abs(gap)), 0);
  const isTooSmall = (bandwidth: number) =>
    bandwidth < 0.001 ||
    (bandwidth < largest && bandwidth < errorAt(bandwidth));
  let [left, right] = [0, 1];
  for (let halving = 0; halving < 10; halving++) {
    const middle = (left + right) / 2;
    if (isTooSmall(middle)) left = middle;
    else right = middle;
  }
  return { error: errorAt(right), bandwidth: right };
}
