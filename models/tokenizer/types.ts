// Copyright 2026 the swagpu authors. MIT license.

/**
 * What goes into a tokenizer and comes out of it.
 *
 * @module
 */

import type { TruncationStrategy } from "./truncation.ts";

export type { TruncationStrategy };

/** A text, or a pair of texts that the model reads together. */
export type TokenizerInput = string | readonly [string, string];

/**
 * A text as a list of its words, or a pair of such lists. It needs
 * {@linkcode EncodeOptions.isSplitIntoWords}.
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
   * The most tokens a row may have, including special tokens.
   *
   * @default the model's own limit where `truncation` is given, else none
   */
  maxLength?: number;
  /**
   * Which text loses tokens when a row is longer than `maxLength`:
   * `longest_first` takes them from the longer text until both are equally long,
   * and then from both. `false` keeps all tokens.
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
   * Whether the dropped tokens of an input become further rows, so that each
   * token is in at least one row.
   *
   * @default false
   */
  returnOverflowingTokens?: boolean;
  /**
   * The number of tokens that a further row shares with the previous one.
   *
   * @default 0
   */
  stride?: number;
  /**
   * Whether the input is a list of words, for example of a data set with a
   * label for each word. Offsets are then within a word, and word ids are the
   * indices of the list.
   *
   * @default false
   */
  isSplitIntoWords?: boolean;
  /**
   * Whether the text is in the target language of a translation model, which
   * splits the two languages by different rules (`text_target` in transformers).
   *
   * @default false
   */
  textTarget?: boolean;
}

/** Options of {@linkcode Tokenizer.batch}. */
export interface BatchOptions extends EncodeOptions {
  /**
   * The second text of each row; the first argument then holds the first texts.
   *
   * @default none
   */
  pairs?: readonly string[] | readonly (readonly string[])[];
  /**
   * Whether the result says where each token comes from, in `offsets`,
   * `sequenceIds` and `wordIds`.
   *
   * @default false
   */
  returnOffsets?: boolean;
  /**
   * The length to which rows are padded: that of the longest row, or `maxLength`.
   * With `false`, rows are not padded and must be equally long.
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
   * The end at which rows are padded.
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
   * The text that each token belongs to: 0 or 1, unless the tokenizer's file says
   * otherwise. All are 0 if `model_input_names` of `tokenizer_config.json` does
   * not list `token_type_ids`, because the model then does not read them.
   */
  readonly tokenTypeIds: readonly number[];
  /** The tokens as the vocabulary spells them. */
  readonly tokens: readonly string[];
  /**
   * The offsets of each token in its text, for `text.slice(start, end)`; `[0, 0]`
   * for tokens that frame a text. A token that is part of a character has the
   * offsets of the whole character.
   *
   * Offsets are those of the compiled tokenizers of transformers, counted in
   * UTF-16 units instead of characters: an inserted space has the offsets of
   * the character behind it, a letter and a mark that become one character have
   * the letter's offsets, and an added token that strips spaces includes them.
   * They differ in one case: characters that a BPE model leaves out, or spells
   * by bytes beside unknown characters, do not move the offsets of the tokens
   * behind them.
   */
  readonly offsets: readonly (readonly [start: number, end: number])[];
  /** The text that each token is from; `null` for tokens that frame a text. */
  readonly sequenceIds: readonly (0 | 1 | null)[];
  /**
   * The number of the word that each token is from; `null` for tokens that frame
   * a text.
   */
  readonly wordIds: readonly (number | null)[];
  /** The rows of the dropped tokens, with `returnOverflowingTokens`. */
  readonly overflowing?: readonly Encoding[];
}

/** Rows of tokens, each array `[batch, length]` row by row. */
export interface TokenBatch {
  /** The ids of the tokens. */
  readonly inputIds: Int32Array<ArrayBuffer>;
  /** 1 at tokens, 0 at padding. */
  readonly attentionMask: Int32Array<ArrayBuffer>;
  /** The text that each token belongs to: 0 or 1. */
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
   * Whether to remove the spaces before punctuation and contractions. `false`
   * also keeps a WordPiece decoder from removing them.
   *
   * @default `clean_up_tokenization_spaces` of `tokenizer_config.json`, else
   * true for BERT's classes and false for others
   */
  cleanUpSpaces?: boolean;
}

/** Options of {@linkcode Tokenizer.fromPretrained}. */
export interface TokenizerOptions {
  /**
   * Whether BERT's tokenizer lower-cases a text. It then also removes accents,
   * unless `strip_accents` says otherwise.
   *
   * @default what `tokenizer_config.json` says, else `tokenizer.json`, else
   * whether `vocab.txt` has no upper-case token
   */
  lowerCase?: boolean;
  /**
   * Whether a byte-level tokenizer puts a space before each text.
   * RoBERTa and BART need it for `isSplitIntoWords`.
   *
   * @default what `tokenizer_config.json` says, else `tokenizer.json`, else false
   */
  addPrefixSpace?: boolean;
}
