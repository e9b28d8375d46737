// Copyright 2026 the swagpu authors. MIT license.

/**
 * Generation of texts: greedy search, sampling and beam search, for decoders with
 * or without an encoder beside them.
 *
 * @module
 */

export * from "./generate.ts";
export * from "./generate_with_samples.ts";
export * from "./generation_config.ts";
export * from "./generation_options.ts";
export type {
  CausalInputs,
  CausalModel,
  Seq2SeqModel,
  SourceInputs,
  TargetInputs,
} from "./decoders.ts";
export type { Rows } from "./prompts.ts";
