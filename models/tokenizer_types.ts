// Copyright 2026 the swagpu authors. MIT license.

/**
 * What goes into a tokenizer and comes out of it.
 *
 * @module
 */

import type { TruncationStrategy } from "./_encoding.ts";

export type { TruncationStrategy };

/** One text, or a pair that the model sees together. */
export type TokenizerInput = string | readonly [string, string];

/** The end of a row at which tokens are added or dropped. */
export type Side = "left" | "right";

/** Options of {@linkcode Tokenizer.encode}. */
export interface EncodeOptions {
  /**
   * Whether to add the special tokens that frame a text.
   *
   * @default true
   */
  addSpecialTokens?: boolean;
  /**
   * The most tokens a row may have, special tokens counted.
   *
   * @default the model's own limit where `truncation` is given, else none
   */
  maxLength?: number;
  /**
   * Which text gives way where a row is longer than `maxLength`:
   * `longest_first` takes from the longer until both are equal, then from both.
   * `false` leaves the row as it is.
   *
   * @default "longest_first" where `maxLength` is given, else false
   */
  truncation?: TruncationStrategy | false;
  /**
   * The end from which tokens are dropped.
   *
   * @default "right", or what the tokenizer's files say
   */
  truncationSide?: Side;
}

/** Options of {@linkcode Tokenizer.batch}. */
export interface BatchOptions extends EncodeOptions {
  /** The second text of each row, where the first argument holds the first. */
  pairs?: readonly string[];
  /**
   * The length that rows are filled up to: that of the longest, `maxLength`, or
   * none, in which case they must be equally long.
   *
   * @default "longest"
   */
  padding?: "longest" | "max_length" | false;
  /**
   * Rounds the padded length up to a multiple of this.
   *
   * @default 1
   */
  padToMultipleOf?: number;
  /**
   * The end at which rows are filled up.
   *
   * @default "right", or what the tokenizer's files say
   */
  paddingSide?: Side;
}

/** The tokens of one text or pair. */
export interface Encoding {
  /** The ids of the tokens. */
  readonly inputIds: readonly number[];
  /** Which text each token belongs to: 0 or 1. */
  readonly tokenTypeIds: readonly number[];
  /** The tokens as the vocabulary spells them. */
  readonly tokens: readonly string[];
}

/** Rows of tokens, each array `[batch, length]` row by row. */
export interface TokenBatch {
  /** The ids of the tokens. */
  readonly inputIds: Int32Array<ArrayBuffer>;
  /** 1 where a token is, 0 where a row was filled up. */
  readonly attentionMask: Int32Array<ArrayBuffer>;
  /** Which text each token belongs to: 0 or 1. */
  readonly tokenTypeIds: Int32Array<ArrayBuffer>;
  /** The number of rows and their length. */
  readonly shape: readonly [number, number];
}

/** Options of {@linkcode Tokenizer.decode}. */
export interface DecodeOptions {
  /**
   * Whether to leave out the special tokens.
   *
   * @default false
   */
  skipSpecialTokens?: boolean;
  /**
   * Whether to take out the spaces before punctuation.
   *
   * @default true, or what the tokenizer's files say
   */
  cleanUpSpaces?: boolean;
}

/** Options of {@linkcode Tokenizer.fromPretrained}. */
export interface TokenizerOptions {
  /**
   * Whether to lower-case a text, for a folder that holds BERT's `vocab.txt`
   * and no `tokenizer.json`.
   *
   * @default what `tokenizer_config.json` says, else whether the vocabulary has
   * no upper-case token
   */
  lowerCase?: boolean;
}
