// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Packings: batches without padding, which models compute faster.
 *
 * @module
 */

export * from "./packing.ts";
export { packingArrays, paysToPack } from "./packing_arrays.ts";
export type { PackingArrays, PackingOptions } from "./packing_arrays.ts";
