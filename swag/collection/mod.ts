// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Callbacks of nn's Trainer that collect weights for a posterior while it trains.
 *
 * @module
 */

export type { GateOptions } from "./collection_rules.ts";
export { SWAGCallback, type SWAGCallbackOptions } from "./swag_callback.ts";
export {
  SwagUpdateCallback,
  type SwagUpdateOptions,
} from "./update_callback.ts";
