// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Metrics on the host, in float64: how right predictions are, how good their
 * probabilities are, and how uncertain they are.
 *
 * NaN never becomes a plausible number: means and correlations of NaN are NaN,
 * and functions that count or rank throw. Sums keep what rounding drops.
 *
 * Scores and probabilities are flat arrays in rows of `classes` values, which
 * is what reading a [rows, classes] tensor gives.
 *
 * @example Accuracy and calibration of two predictions
 * ```ts
 * import {
 *   accuracy,
 *   expectedCalibrationError,
 *   softmaxRows,
 * } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const logits = new Float32Array([2, 0, 0, 1]);
 * const labels = [0, 1];
 * assertEquals(accuracy(logits, labels), 1);
 * const probabilities = softmaxRows(logits, { classes: 2 });
 * const error = expectedCalibrationError(probabilities, labels);
 * assertEquals(error.toFixed(3), "0.194");
 * ```
 *
 * @module
 */

export {
  type BinsOptions,
  brierScore,
  expectedCalibrationError,
  negativeLogLikelihood,
  type ReliabilityBin,
  reliabilityBins,
  softCrossEntropy,
} from "./calibration.ts";
export {
  accuracy,
  argmaxRows,
  confusionMatrix,
  type F1Options,
  f1Score,
  matthewsCorrelation,
} from "./classification.ts";
export {
  logProbabilities,
  logSoftmaxRows,
  softmaxRows,
} from "./probabilities.ts";
export {
  meanSquaredError,
  pearsonCorrelation,
  spearmanCorrelation,
} from "./regression.ts";
export type { FloorOptions, RowsOptions } from "./rows.ts";
export {
  applyTemperature,
  fitTemperature,
  type FitTemperatureOptions,
} from "./temperature.ts";
export {
  areaUnderRoc,
  entropy,
  falsePositiveRate95,
  type MembersOptions,
  type UncertaintyParts,
  uncertaintyParts,
} from "./uncertainty.ts";
