// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts that are split into tokens once, and batches of them as tensors.
 *
 * @module
 */

import {
  batchInputs,
  type EncoderInputs,
  paddedLength,
  paysToPack,
  type Tokenizer,
  type TokenRow,
} from "../models/mod.ts";

/** Padded lengths of packed texts, whose padding costs next to nothing. */
const PACKED_LENGTH_STEP = 64;

/** The number of packed tokens is a multiple of this number times the texts. */
const PACKED_TOKENS_STEP = 4;

/** Options of {@linkcode TokenizedTexts}. */
export interface TextOptions {
  /** The second text of each row. */
  pairs?: readonly string[] | undefined;
  /** The most tokens of a row. */
  maxLength: number;
  /** Called from time to time with how many more texts have been tokenized. */
  advance?: ((more: number) => void) | undefined;
}

/** How many texts are tokenized between two calls of `advance`. */
const CHUNK = 256;

/** Texts that have been split into tokens. */
export class TokenizedTexts {
  /** The number of tokens of each text. */
  readonly lengths: Int32Array<ArrayBuffer>;
  /** How many texts were longer than they may be, and were cut. */
  readonly cut: number;
  readonly #rows: readonly TokenRow[];
  readonly #padding: number | null;
  readonly #maxLength: number;

  constructor(
    tokenizer: Tokenizer,
    texts: readonly string[],
    { pairs, maxLength, advance }: TextOptions,
  ) {
    let cut = 0;
    const rows = texts.map((text, i): TokenRow => {
      const input: string | [string, string] = pairs
        ? [text, pairs[i] ?? ""]
        : text;
      const { inputIds, tokenTypeIds } = tokenizer.encode(input, { maxLength });
      // Only a row of the greatest length may have been cut.
      if (inputIds.length === maxLength) {
        const whole = tokenizer.encode(input, { truncation: false });
        if (whole.inputIds.length > maxLength) cut++;
      }
      if ((i + 1) % CHUNK === 0) advance?.(CHUNK);
      return { inputIds, tokenTypeIds };
    });
    this.#rows = rows;
    this.cut = cut;
    this.#padding = tokenizer.padTokenId;
    this.#maxLength = maxLength;
    this.lengths = Int32Array.from(rows, ({ inputIds }) => inputIds.length);
  }

  /** The number of texts. */
  get count(): number {
    return this.#rows.length;
  }

  /**
   * Makes a batch of texts, padded to a common length, and packed if that is faster.
   *
   * @param rows The numbers of the texts.
   * @param options Whether the model supports packed texts, and whether few shapes
   * should occur, as is better for captured steps.
   */
  batch(
    rows: ArrayLike<number>,
    { usesPacking, fewShapes = false }: {
      usesPacking: boolean;
      fewShapes?: boolean;
    },
  ): EncoderInputs {
    const chosen = Array.from(rows).flatMap((row) => this.#rows[row] ?? []);
    const lengths = chosen.map((row) => row.inputIds.length);
    const longest = Math.max(1, ...lengths);
    const upTo = (multipleOf?: number) =>
      paddedLength(longest, { limit: this.#maxLength, multipleOf });
    const length = upTo();
    const tokens = lengths.reduce((sum, own) => sum + own, 0);
    const packs = usesPacking && paysToPack(tokens, rows.length * length);
    return batchInputs(chosen, {
      length: packs && fewShapes ? upTo(PACKED_LENGTH_STEP) : length,
      padTokenId: this.#padding,
      usesPacking: packs,
      packedMultipleOf: fewShapes ? PACKED_TOKENS_STEP * rows.length : 1,
    });
  }
}
