// Copyright 2026 the swagpu authors. MIT license.

/**
 * What fine-tuning with few examples needs to know about architectures: learning
 * rates by layer, new values for the upper layers, and stages of unfreezing. The
 * other remedies know only modules and are in `@swagpu/swagpu/nn`.
 *
 * @module
 */

export * from "./learning_rate_groups.ts";
export * from "./learning_rates.ts";
export * from "./reinitialize.ts";
export * from "./unfreezing_stages.ts";
