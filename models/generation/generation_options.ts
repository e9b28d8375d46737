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

/** What {@linkcode GenerationConfig} holds. */
export interface GenerationOptions {
  /**
   * Tokens that a row may have, the prompt's counted.
   *
   * @default 20 new tokens, as far as the model knows so many places
   */
  maxLength?: number;
  /** New tokens that a row may have; stands above `maxLength`. @default {null} */
  maxNewTokens?: number | null;
  /** Tokens before a row may end, the prompt's counted. @default {0} */
  minLength?: number;
  /** New tokens before a row may end; stands above `minLength`. @default {null} */
  minNewTokens?: number | null;
  /** Whether to draw tokens rather than to take the best. @default {false} */
  doSample?: boolean;
  /** Rows followed at the same time; 1 for no beam search. @default {1} */
  numBeams?: number;
  /**
   * When beam search stops: `true` once `numBeams` rows have ended; `false`
   * once an open row that ended now would not beat the worst of them; `"never"`
   * once no open row could beat it at any length.
   *
   * @default {false}
   */
  earlyStopping?: EarlyStopping;
  /**
   * The power of the number of new tokens that beam search divides a row's
   * score by: above 0 favours long rows, below 0 short ones.
   *
   * @default {1}
   */
  lengthPenalty?: number;
  /** Rows given back for each prompt. @default {1} */
  numReturnSequences?: number;
  /**
   * What scores are divided by before drawing, above 0; without drawing it does
   * not count.
   *
   * @default {1}
   */
  temperature?: number;
  /** The number of best tokens to draw from; 0 for all. @default {50} */
  topK?: number;
  /** The share of probability that the tokens to draw from hold. @default {1} */
  topP?: number;
  /** The least probability, as a share of the best token's. @default {null} */
  minP?: number | null;
  /** What divides the scores of tokens that were there. @default {1} */
  repetitionPenalty?: number;
  /** The length of runs that may not occur twice; 0 for none. @default {0} */
  noRepeatNgramSize?: number;
  /** Words, as lists of tokens, that may not be completed. @default {null} */
  badWordsIds?: readonly (readonly number[])[] | null;
  /** Pairs of a list of tokens and what its last one gains. @default {null} */
  sequenceBias?: readonly (readonly [readonly number[], number])[] | null;
  /** Tokens that may not be generated. @default {null} */
  suppressTokens?: readonly number[] | null;
  /** Tokens that may not be generated first. @default {null} */
  beginSuppressTokens?: readonly number[] | null;
  /** The token that must follow the first one. @default {null} */
  forcedBosTokenId?: number | null;
  /** The token, or tokens, that may stand at `maxLength`. @default {null} */
  forcedEosTokenId?: number | readonly number[] | null;
  /** Whether to turn NaN and infinite scores into numbers. @default {false} */
  removeInvalidValues?: boolean;
  /** Whether scores are normalised again after all changes. @default {false} */
  renormalizeLogits?: boolean;
  /** The token that fills rows which have ended. @default {null} */
  padTokenId?: number | null;
  /** The token that begins a text. @default {null} */
  bosTokenId?: number | null;
  /** The token, or tokens, that end a text. @default {null} */
  eosTokenId?: number | readonly number[] | null;
  /** The token that a decoder begins with. @default {null} */
  decoderStartTokenId?: number | null;
}
