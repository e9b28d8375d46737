// Copyright 2026 the swagpu authors. MIT license.

/**
 * Tokenizers: from texts to the tokens that a model reads, and back.
 *
 * @module
 */

export * from "./tokenizer.ts";
export type { SpecialTokenName } from "./codec.ts";
export type { TruncationStrategy } from "./truncation.ts";
export type * from "./types.ts";
export * from "./sentencepiece.ts";
export { wordPieceJson } from "./wordpiece.ts";
export type { WordPieceOptions, WordPieceRoles } from "./wordpiece.ts";
export type { AddedToken } from "./added_tokens.ts";
export * from "./training/train_tokenizer.ts";
export type {
  ByteLevelBpeTrainingOptions,
  TokenizerTrainingOptions,
  TokenizerTrainingProgress,
  TrainTokenizerOptions,
  WordPieceTrainingOptions,
} from "./training/training_options.ts";
