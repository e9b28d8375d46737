// Copyright 2026 the swagpu authors. MIT license.

/**
 * What goes into a tokenizer and comes out of it.
 *
 * @module
 */

import type { TruncationStrategy } from "./truncation.ts";

export type { TruncationStrategy };

/** One text, or a pair that the model sees together. */
export type TokenizerInput = string | readonly [string, string];

/**
 * A text as a list of its words, or a pair of such lists: what
 * {@linkcode EncodeOptions.isSplitIntoWords} asks for.
 */
export type PretokenizedInput =
  | readonly string[]
  | readonly [readonly string[], readonly string[]];

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
  /**
   * Whether the rest of a truncated input becomes further rows, so that each
   * token is in at least one.
   *
   * @default false
   */
  returnOverflowingTokens?: boolean;
  /**
   * How many tokens such a row shares with the one before.
   *
   * @default 0
   */
  stride?: number;
  /**
   * Whether the input is a list of words, as data sets with a label for each
   * word have it. Offsets are then within a word, and word ids are indices.
   *
   * @default false
   */
  isSplitIntoWords?: boolean;
  /**
   * Whether the text is in the target's language, for a translation model that
   * splits it otherwise (`text_target` in transformers).
   *
   * @default false
   */
  textTarget?: boolean;
}

/** Options of {@linkcode Tokenizer.batch}. */
export interface BatchOptions extends EncodeOptions {
  /**
   * The second text of each row, where the first argument holds the first.
   *
   * @default none
   */
  pairs?: readonly string[] | readonly (readonly string[])[];
  /**
   * Whether to tell where each token comes from: `offsets`, `sequenceIds` and
   * `wordIds`.
   *
   * @default false
   */
  returnOffsets?: boolean;
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
  /**
   * Which text each token belongs to: 0 or 1, or what the tokenizer's file says
   * instead. All are 0 where `model_input_names` of `tokenizer_config.json` has
   * no `token_type_ids`: the model then takes them for 0.
   */
  readonly tokenTypeIds: readonly number[];
  /** The tokens as the vocabulary spells them. */
  readonly tokens: readonly string[];
  /**
   * The part of its text that each token stands for, as indices for
   * `text.slice(start, end)`; `[0, 0]` for tokens that frame a text. A token
   * that is a part of a character stands for all of it. The places are those of
   * the compiled tokenizers of transformers, counted in UTF-16 units instead of
   * characters: a space that was put in has the place of the character behind
   * it, a letter and a mark that become one character have the letter's, and an
   * added token that strips spaces stands for them too. In one case they differ:
   * what a BPE model leaves out, or spells by bytes beside what is unknown, does
   * not move the places of the tokens behind it.
   */
  readonly offsets: readonly (readonly [start: number, end: number])[];
  /** The text that each token is from, `null` for tokens that frame a text. */
  readonly sequenceIds: readonly (0 | 1 | null)[];
  /**
   * The word of its text that each token is from, `null` for tokens that frame
   * a text.
   */
  readonly wordIds: readonly (number | null)[];
  /** The rows of what was dropped, with `returnOverflowingTokens`. */
  readonly overflowing?: readonly Encoding[];
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
  /** {@linkcode Encoding.offsets} of each row, with `returnOffsets`. */
  readonly offsets?: readonly Encoding["offsets"][];
  /** {@linkcode Encoding.sequenceIds} of each row, with `returnOffsets`. */
  readonly sequenceIds?: readonly Encoding["sequenceIds"][];
  /** {@linkcode Encoding.wordIds} of each row, with `returnOffsets`. */
  readonly wordIds?: readonly Encoding["wordIds"][];
  /** The input that each row is from, with `returnOverflowingTokens`. */
  readonly overflowToSampleMapping?: readonly number[];
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
   * Whether to take out the spaces before punctuation and contractions. `false`
   * also keeps a WordPiece decoder from doing so, token by token.
   *
   * @default `clean_up_tokenization_spaces` of `tokenizer_config.json`, else
   * true for BERT's classes and false for others
   */
  cleanUpSpaces?: boolean;
}

/** Options of {@linkcode Tokenizer.fromPretrained}. */
export interface TokenizerOptions {
  /**
   * Whether BERT's tokenizer lower-cases a text. Unless `strip_accents` says
   * otherwise, it then takes out accents too.
   *
   * @default what `tokenizer_config.json` says, else `tokenizer.json`, else
   * whether `vocab.txt` has no upper-case token
   */
  lowerCase?: boolean;
  /**
   * Whether a byte-level tokenizer takes each text as if it began with a space.
   * RoBERTa and BART need it for `isSplitIntoWords`.
   *
   * @default what `tokenizer_config.json` says, else `tokenizer.json`, else false
   */
  addPrefixSpace?: boolean;
}
