// Copyright 2026 the swagpu authors. MIT license.

/**
 * The architectures: their configurations, models and heads.
 *
 * @module
 */

export * from "./bert.ts";
export * from "./roberta.ts";
export * from "./modernbert.ts";
export * from "./bart.ts";
export * from "./marian.ts";
