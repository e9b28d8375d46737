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

export {
  brierScore,
  negativeLogLikelihood,
  softCrossEntropy,
} from "./calibration.ts";
export {
  accuracy,
  accuracyScore,
  argmaxRows,
  balancedAccuracyScore,
  confusionMatrix,
  type ConfusionOptions,
  topKAccuracyScore,
  type TopKOptions,
} from "./classification.ts";
export {
  logProbabilities,
  logSoftmaxRows,
  softmaxRows,
} from "./probabilities.ts";
export {
  cohenKappaScore,
  type KappaOptions,
  matthewsCorrelation,
} from "./agreement.ts";
export {
  bootstrap,
  type BootstrapOptions,
  type BootstrapResult,
  type ConfidenceInterval,
  pairedBootstrap,
  type PairedBootstrapResult,
  pairedPermutationTest,
  type PermutationOptions,
  type PermutationResult,
  type Resampled,
  type ResampleOptions,
  type RowStatistic,
} from "./bootstrap.ts";
export {
  kendallTau,
  pearsonr,
  spearmanr,
  type TestResult,
} from "./correlation_tests.ts";
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
export {
  brierRows,
  brierScoreLoss,
  logLoss,
  type LogLossOptions,
} from "./proper_scores.ts";
export {
  multipletests,
  type MultipleTestsOptions,
  proportionConfint,
  type ProportionOptions,
} from "./proportions.ts";
export {
  averagePrecisionScore,
  fprAtTpr,
  type FprOptions,
  type PrecisionRecallCurve,
  precisionRecallCurve,
  type RocAucOptions,
  rocAucScore,
  type RocCurve,
  rocCurve,
} from "./ranking.ts";
export {
  type ContingencyTable,
  contingencyTable,
  mcnemar,
  type McnemarOptions,
  ttestRel,
  type TTestResult,
  wilcoxon,
  type WilcoxonOptions,
} from "./significance.ts";
export {
  type BleuOptions,
  type BleuScore,
  corpusBleu,
  sentenceBleu,
} from "./text/bleu.ts";
export { bleuTokenize, type BleuTokenizer } from "./text/bleu_tokenizers.ts";
export { type ChrfOptions, corpusChrf, sentenceChrf } from "./text/chrf.ts";
export {
  charErrorRate,
  editDistance,
  wordErrorRate,
} from "./text/edit_distance.ts";
export {
  type Entity,
  type EntityOptions,
  type EntityScheme,
  type EntityScores,
  entityScores,
  type EntityScoresOptions,
  getEntities,
} from "./text/entities.ts";
export { bitsPerToken, perplexity } from "./text/perplexity.ts";
export {
  type RougeOptions,
  type RougeScore,
  rougeScore,
  type RougeType,
} from "./text/rouge.ts";
export {
  normalizeAnswer,
  squad,
  type SquadCorpusScores,
  type SquadOptions,
  type SquadReference,
  type SquadScores,
  squadScores,
  squadV2,
  type SquadV2Options,
  type SquadV2Scores,
} from "./text/squad.ts";
export { corpusTer, sentenceTer, type TerOptions } from "./text/ter.ts";
export {
  meanAbsoluteError,
  meanSquaredError,
  pearsonCorrelation,
  r2Score,
  rootMeanSquaredError,
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
export {
  apsScores,
  type ApsScoresOptions,
  apsSets,
  type ApsSetsOptions,
  type RapsPenalty,
  rapsScores,
  type RapsScoresOptions,
  rapsSets,
  type RapsSetsOptions,
} from "./adaptive_sets.ts";
export {
  binaryCalibrationError,
  type CalibrationNormOptions,
  type ClasswiseCalibrationError,
  classwiseCalibrationError,
  expectedCalibrationError,
  maximumCalibrationError,
  rootMeanSquaredCalibrationError,
} from "./calibration_error.ts";
export {
  conformalQuantile,
  conformalRank,
  lacScores,
  lacSets,
  type SetCoverage,
  setCoverage,
} from "./conformal.ts";
export {
  type ConformalIntervals,
  conformalIntervals,
  conformalizedQuantiles,
  type QuantilePrediction,
  type ScaledPrediction,
} from "./conformal_intervals.ts";
export {
  disagreement,
  type MemberMoments,
  memberMoments,
  type MemberMomentsOptions,
  pairwiseDivergence,
  type PairwiseDivergenceOptions,
  variationRatio,
  type VariationRatioOptions,
} from "./disagreement.ts";
export {
  centralIntervalCalibration,
  gaussianPit,
  type IntervalCoverage,
  intervalCoverage,
  intervalScore,
  pinballLoss,
  type QuantileCalibration,
  quantileCalibration,
  type QuantileCalibrationOptions,
} from "./intervals.ts";
export {
  ensembleCrps,
  type EnsembleCrpsOptions,
  gaussianCrps,
  type GaussianLikelihoodOptions,
  gaussianNegativeLogLikelihood,
  mixtureNegativeLogLikelihood,
  type RowScores,
  type SamplesOptions,
  type VarianceParts,
  varianceParts,
} from "./predicted_distributions.ts";
export {
  type PredictionRejection,
  type PredictionRejectionOptions,
  predictionRejectionRatio,
} from "./prediction_rejection.ts";
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
export {
  type SequenceEnsembleOptions,
  type SequenceEnsembleUncertainty,
  sequenceEnsembleUncertainty,
} from "./sequence_ensembles.ts";
export {
  monteCarloSequenceEntropy,
  type MonteCarloSequenceEntropyOptions,
  type SemanticEntropy,
  semanticEntropy,
  type SemanticEntropyOptions,
  type SequenceConfidence,
  sequenceConfidence,
} from "./sequence_uncertainty.ts";
export {
  binarySmoothCalibrationError,
  type SmoothCalibrationError,
  smoothCalibrationError,
  type SmoothCalibrationOptions,
  type SmoothReliability,
  smoothReliability,
  type SmoothReliabilityOptions,
} from "./smooth_calibration.ts";
export {
  ensembleTextUncertainty,
  type TextUncertainty,
  type TextUncertaintyOptions,
} from "./text_uncertainty.ts";
export type { EnsembleTextsOptions } from "./token_mixtures.ts";
export {
  ensembleTokenUncertainty,
  type TokenUncertainty,
} from "./token_uncertainty.ts";
export {
  applyVectorScaling,
  fitVectorScaling,
  type FitVectorScalingOptions,
  type VectorScaling,
} from "./vector_scaling.ts";
