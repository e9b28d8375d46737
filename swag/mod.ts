// Copyright 2026 the swagpu authors. MIT license.

/**
 * Posteriors over the weights of any model, from the path of its training.
 *
 * {@linkcode SwagModel} collects means, variances and deviations while a model
 * trains, and then samples weights: predictions of several samples, averaged,
 * know better when they may be wrong. All of it happens on the GPU.
 *
 * | method | options |
 * | --- | --- |
 * | SWA, the mean alone | `{ scale: 0 }` |
 * | SWAG-Diagonal | `{ scale: 1, cov: false }` |
 * | SWAG | `{ scale: 0.5 }`, built with `{ noCovMat: false }` |
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
 * swag.collectModel(); // between two steps of the optimiser, many times
 * swag.sampleParameters({ scale: 0.5, seed: 7 });
 * swag.restoreWeights();
 * assertEquals(await model.weight.data(), before);
 * ```
 *
 * @module
 */

export { estimateMemory, type MemoryEstimate } from "./layout.ts";
export {
  type ModelPrediction,
  type Prediction,
  type PredictionProblem,
  type RegressionPrediction,
  type SpanPrediction,
  summarizeLogits,
  type SummaryOptions,
} from "./predict.ts";
export type { LogitsFunction, LogitsOutput, SpanOutput } from "./runs.ts";
export type { Normalization, SwagOptions, SwagSettings } from "./settings.ts";
export type { MomentSource, MomentValues } from "./state.ts";
export {
  type LogitsOptions,
  type Moments,
  type PredictOptions,
  type SampleOptions,
  SwagModel,
} from "./swag_model.ts";
export type { LoadSwagOptions, SaveSwagOptions } from "./state.ts";
export { fingerprint } from "./fingerprint.ts";
