// Copyright 2026 the swagpu authors. MIT license.

/**
 * Generation of texts: greedy search, sampling and beam search, for decoders with
 * or without an encoder beside them.
 *
 * @module
 */

export { generate } from "./generate.ts";
export type { GenerateOptions, GenerateOutput } from "./generate.ts";
export { GenerationConfig } from "./generation_config.ts";
export type { EarlyStopping, GenerationOptions } from "./generation_options.ts";
export type {
  CausalInputs,
  CausalModel,
  Seq2SeqModel,
  SourceInputs,
  TargetInputs,
} from "./decoders.ts";
export type { Rows } from "./prompts.ts";
