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
