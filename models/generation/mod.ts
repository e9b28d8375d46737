// Copyright 2026 the swagpu authors. MIT license.

/**
 * Generation of texts: greedy search, sampling and beam search, for decoders with
 * or without an encoder beside them.
 *
 * @module
 */

export type {
  ScoringCausalModel,
  ScoringModel,
  ScoringSeq2SeqModel,
} from "./answer_batch.ts";
export type {
  AnswerCandidate,
  AnswerUncertainty,
  MeaningEntropies,
} from "./answer_uncertainty.ts";
export * from "./generate.ts";
export * from "./generate_with_samples.ts";
export * from "./generate_with_uncertainty.ts";
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
export type { RowDecoder } from "./written_rows.ts";
