// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Posteriors over the weights of any model, from the weights that its training
 * passes through.
 *
 * {@linkcode SwagModel} collects means, variances and deviations while a model
 * trains, and then samples weights. The average of several samples' predictions is
 * better calibrated than one prediction: its probabilities show better when it may
 * be wrong. All of this happens on the GPU.
 *
 * | method | options |
 * | --- | --- |
 * | SWA, the mean only | `{ scale: 0 }` |
 * | SWAG-Diagonal | `{ scale: 1, cov: false }` |
 * | SWAG | `{ scale: 0.5 }`, built with `{ noCovMat: false }` |
 *
 * What it has to be compared with predicts by the same calls, those of
 * {@linkcode WeightPosterior}: a deep ensemble ({@linkcode MultiSwag.ofWeights}), Monte
 * Carlo dropout ({@linkcode MCDropout}), a Laplace approximation of the last layer
 * ({@linkcode LastLayerLaplace}), the posterior that `IVON` has trained
 * ({@linkcode IVONPosterior}), and a single model with a temperature
 * ({@linkcode TemperatureScaled}).
 *
 * {@linkcode SwagUpdateCallback} collects while nn's `Trainer` trains.
 * {@linkcode SwagModel.save} writes a posterior to a file for later use, and
 * {@linkcode SwagModel.stateDict} gives what a checkpoint of a run needs in order to
 * continue it to the bit.
 *
 * @example One sample, and back
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { Linear } from "@swagpu/swagpu/nn";
 * import { SwagModel } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(4, 2);
 * const before = await model.weight.data();
 * const swag = SwagModel.fromBase(model, { noCovMat: false });
 * swag.collectModel(); // after a step of the optimizer, many times
 * swag.sampleParameters({ scale: 0.5, seed: 7 });
 * swag.restoreWeights();
 * assertEquals(await model.weight.data(), before);
 * ```
 *
 * @module
 */

export {
  calibrate,
  type CalibrateOptions,
  type Calibration,
  type CalibrationRule,
  type ScaleScores,
} from "./calibrate.ts";
export * from "./collection/mod.ts";
export { DEVIATION_FORMATS, type DeviationFormat } from "./deviation_format.ts";
export type { SwagDiagnostics } from "./diagnostics.ts";
export type { DrawOptions } from "./draw_counter.ts";
export { IVONPosterior } from "./ivon_posterior.ts";
export * from "./laplace/mod.ts";
export { estimateMemory, type MemoryEstimate } from "./layout.ts";
export { MCDropout } from "./mc_dropout.ts";
export type { MomentSource, MomentValues } from "./moment_source.ts";
export type { Moments } from "./moments.ts";
export * from "./particles/mod.ts";
export {
  type ModelPrediction,
  type Prediction,
  type PredictionProblem,
  type RegressionPrediction,
  type SpanPrediction,
  summarizeLogits,
  type SummaryOptions,
} from "./predict.ts";
export type {
  BatchRuns,
  LogitsFunction,
  LogitsOutput,
  SpanOutput,
} from "./runs.ts";
export type {
  LogitsOptions,
  PredictOptions,
  RunOptions,
  SampleOptions,
  SummarizedRunOptions,
} from "./sample_options.ts";
export type { Normalization, SwagOptions, SwagSettings } from "./settings.ts";
export type { LoadSwagOptions, SaveSwagOptions } from "./state.ts";
export type { SwagParameterState, SwagState } from "./state_dict.ts";
export {
  type ConfigFields,
  type FromConfigOptions,
  type ModelConfig,
  SwagConfig,
  type SwagConfigOptions,
} from "./swag_config.ts";
export { SwagModel } from "./swag_model.ts";
export { TemperatureScaled } from "./temperature_scaled.ts";
export { type PredictRuns, WeightPosterior } from "./weight_posterior.ts";
