// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The tokens of a word, and the functions that find them.

/** The tokens of a word: their ids, and their offsets in the word. */
export interface WordTokens {
  readonly ids: number[];
  readonly from: number[];
  readonly to: number[];
}

/**
 * Cuts a word into tokens.
 *
 * @throws {RangeError} If the word needs the unknown token and the vocabulary
 * lacks it.
 */
export type WordModel = (word: string) => WordTokens;
