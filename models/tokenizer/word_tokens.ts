// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// What a model makes of a word.

/** The tokens of a word, and from which to before which of its units. */
export interface WordTokens {
  readonly ids: number[];
  readonly from: number[];
  readonly to: number[];
}

/**
 * Cuts a word into tokens.
 *
 * @throws {RangeError} If the vocabulary lacks the token for what is unknown,
 * and needs it.
 */
export type WordModel = (word: string) => WordTokens;
