// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Several posteriors over one model: MultiSWAG and deep ensembles.
 *
 * @module
 */

export { MultiSwag, type ParticleSampleOptions } from "./multi_swag.ts";
export type { BayesInferOptions, ParticleReport } from "./plan.ts";
export type {
  PosteriorMode,
  PosteriorPrediction,
  PosteriorPredOptions,
  PosteriorValues,
} from "./posterior_pred.ts";
export type { VarianceOptions, VarianceParts } from "./variance_parts.ts";
