// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The names of the files that a tokenizer is read from.

/** The files of all kinds of tokenizers. A folder holds some of them. */
export const FILES = {
  tokenizer: "tokenizer.json",
  config: "tokenizer_config.json",
  special: "special_tokens_map.json",
  vocabulary: "vocab.txt",
  ids: "vocab.json",
  targetIds: "target_vocab.json",
  merges: "merges.txt",
  added: "added_tokens.json",
  sourceModel: "source.spm",
  targetModel: "target.spm",
} as const;

/** The files that do not hold text. */
export const BINARY_FILES: ReadonlySet<string> = new Set([
  FILES.sourceModel,
  FILES.targetModel,
]);
