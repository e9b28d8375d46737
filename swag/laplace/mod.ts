// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The Laplace approximation of a model's last layer.
 *
 * @module
 */

export type { HessianStructure } from "./curvature.ts";
export {
  LastLayerLaplace,
  type LinearizedPrediction,
} from "./last_layer_laplace.ts";
export type { LastLayerLaplaceOptions } from "./options.ts";
