// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Metrics on the host, in float64: how right predictions and generated texts
 * are, how good their probabilities are, how uncertain they are, and whether a
 * difference between two models is more than chance.
 *
 * NaN never becomes a plausible number: means and correlations of NaN are NaN,
 * and functions that count or rank throw. Sums keep what rounding drops.
 *
 * Conformal sets and intervals hold the truth with a chosen probability.
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

export * from "./calibration.ts";
export * from "./classification.ts";
export {
  logProbabilities,
  logSoftmaxRows,
  softmaxRows,
} from "./probabilities.ts";
export * from "./agreement.ts";
export * from "./bootstrap.ts";
export * from "./correlation_tests.ts";
export {
  type Average,
  type ClassPrecisionRecall,
  type F1Options,
  f1Score,
  type PrecisionRecall,
  precisionRecallFscoreSupport,
  type PrecisionRecallOptions,
  precisionScore,
  recallScore,
} from "./precision_recall.ts";
export * from "./proper_scores.ts";
export * from "./proportions.ts";
export * from "./ranking.ts";
export * from "./significance.ts";
export * from "./text/bleu.ts";
export * from "./text/bleu_tokenizers.ts";
export * from "./text/chrf.ts";
export * from "./text/edit_distance.ts";
export * from "./text/entities.ts";
export * from "./text/perplexity.ts";
export * from "./text/rouge.ts";
export * from "./text/squad.ts";
export * from "./text/ter.ts";
export * from "./regression.ts";
export type { FloorOptions, RowsOptions } from "./rows.ts";
export * from "./temperature.ts";
export * from "./uncertainty.ts";
export * from "./adaptive_sets.ts";
export * from "./calibration_error.ts";
export {
  conformalQuantile,
  conformalRank,
  lacScores,
  lacSets,
  type SetCoverage,
  setCoverage,
} from "./conformal.ts";
export * from "./conformal_intervals.ts";
export * from "./deep_ensemble.ts";
export * from "./disagreement.ts";
export * from "./intervals.ts";
export * from "./minimum_bayes_risk.ts";
export * from "./predicted_distributions.ts";
export * from "./prediction_rejection.ts";
export {
  binaryReliabilityBins,
  type BinsOptions,
  type ReliabilityBin,
  reliabilityBins,
} from "./reliability_bins.ts";
export {
  areaUnderGeneralizedRiskCoverage,
  areaUnderRiskCoverage,
  coverageAtRisk,
  riskAtCoverage,
  type RiskCoverageCurve,
  riskCoverageCurve,
  type SelectiveMetrics,
  selectiveMetrics,
} from "./selective.ts";
export * from "./sequence_ensembles.ts";
export * from "./sequence_uncertainty.ts";
export * from "./smooth_calibration.ts";
export {
  sumUpTokenUncertainty,
  type TextSums,
  type TextUncertaintyOptions,
} from "./text_sums.ts";
export * from "./text_uncertainty.ts";
export type { EnsembleTextsOptions } from "./token_mixtures.ts";
export * from "./token_uncertainty.ts";
export * from "./vector_scaling.ts";
