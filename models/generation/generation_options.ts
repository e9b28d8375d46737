// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The options of generation: the fields of `generation_config.json` in
 * camelCase, with the defaults of Hugging Face's transformers.
 *
 * @module
 */

/** When beam search stops; see {@linkcode GenerationOptions.earlyStopping}. */
export type EarlyStopping = boolean | "never";

/** Options of generation, which {@linkcode GenerationConfig} holds. */
export interface GenerationOptions {
  /**
   * The most tokens of a row, including the prompt's.
   *
   * @default {20 new tokens, or fewer if the model supports fewer positions}
   */
  maxLength?: number;
  /**
   * The most new tokens of a row. It takes precedence over `maxLength`.
   *
   * @default {null}
   */
  maxNewTokens?: number | null;
  /**
   * The number of tokens, including the prompt's, before a row may end.
   *
   * @default {0}
   */
  minLength?: number;
  /**
   * The number of new tokens before a row may end. It takes precedence over
   * `minLength`.
   *
   * @default {null}
   */
  minNewTokens?: number | null;
  /**
   * Whether tokens are sampled, instead of the best one taken.
   *
   * @default {false}
   */
  doSample?: boolean;
  /** The number of beams; 1 for no beam search. @default {1} */
  numBeams?: number;
  /**
   * When beam search stops: with `true`, once `numBeams` rows have ended; with
   * `false`, once an open row that ended now would not beat the worst ended row;
   * with `"never"`, once no open row could beat it at any length.
   *
   * @default {false}
   */
  earlyStopping?: EarlyStopping;
  /**
   * The exponent of a row's number of new tokens, by which beam search divides
   * the row's score: above 0 favors long rows, below 0 short ones.
   *
   * @default {1}
   */
  lengthPenalty?: number;
  /** The number of rows that are returned for each prompt. @default {1} */
  numReturnSequences?: number;
  /**
   * The number above 0 that scores are divided by before sampling. It has no
   * effect without `doSample`.
   *
   * @default {1}
   */
  temperature?: number;
  /** The number of best tokens to sample from; 0 for all. @default {50} */
  topK?: number;
  /**
   * Samples only from the most probable tokens, whose probabilities add up to
   * this.
   *
   * @default {1}
   */
  topP?: number;
  /**
   * Samples only from tokens whose probability is at least this share of the best
   * token's.
   *
   * @default {null}
   */
  minP?: number | null;
  /**
   * Makes tokens that are in the row already less likely: positive scores are
   * divided by it, and negative scores multiplied.
   *
   * @default {1}
   */
  repetitionPenalty?: number;
  /**
   * The length of runs of tokens that may not repeat; 0 for none.
   *
   * @default {0}
   */
  noRepeatNgramSize?: number;
  /** Words, as lists of tokens, that may not be completed. @default {null} */
  badWordsIds?: readonly (readonly number[])[] | null;
  /**
   * Pairs of a list of tokens, and a number that is added to the score of its
   * last token where that token would complete the list.
   *
   * @default {null}
   */
  sequenceBias?: readonly (readonly [readonly number[], number])[] | null;
  /** Tokens that may not be generated. @default {null} */
  suppressTokens?: readonly number[] | null;
  /** Tokens that may not be generated first. @default {null} */
  beginSuppressTokens?: readonly number[] | null;
  /** The token that must follow the first one. @default {null} */
  forcedBosTokenId?: number | null;
  /** The token, or tokens, allowed at the last position. @default {null} */
  forcedEosTokenId?: number | readonly number[] | null;
  /** Whether NaN and infinite scores are replaced by numbers. @default {false} */
  removeInvalidValues?: boolean;
  /**
   * Whether scores become log-probabilities again after all changes.
   *
   * @default {false}
   */
  renormalizeLogits?: boolean;
  /** The padding token, which fills rows that have ended. @default {null} */
  padTokenId?: number | null;
  /** The token that begins a text. @default {null} */
  bosTokenId?: number | null;
  /** The token, or tokens, that end a text. @default {null} */
  eosTokenId?: number | readonly number[] | null;
  /** The token that a decoder begins with. @default {null} */
  decoderStartTokenId?: number | null;
}
