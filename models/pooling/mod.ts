// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * From the states of a text's tokens to one vector for the text: functions over
 * one layer, and modules over all of them.
 *
 * @module
 */

export * from "./conv_head.ts";
export type { PoolingHead, PoolingInputs } from "./head.ts";
export * from "./layer_heads.ts";
export * from "./pool_tokens.ts";
export * from "./pooled_classifier.ts";
export * from "./token_heads.ts";
export * from "./wk_pooling.ts";
