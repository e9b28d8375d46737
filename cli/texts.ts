// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts as tokens, and batches of them as tensors.
 *
 * @module
 */

import {
  batchInputs,
  type EncoderInputs,
  type Tokenizer,
  type TokenRow,
} from "../models/mod.ts";

/** Padded lengths are multiples of this, so that few shapes occur. */
const LENGTH_STEP = 8;

const EMPTY: TokenRow = { inputIds: [], tokenTypeIds: [] };

/** How texts become tokens. */
export interface TextOptions {
  /** The second text of each row. */
  pairs?: readonly string[] | undefined;
  /** The most tokens of a row. */
  maxLength: number;
}

/** Texts, tokenised once. */
export class Texts {
  /** The number of tokens of each. */
  readonly lengths: Int32Array<ArrayBuffer>;
  readonly #rows: readonly TokenRow[];
  readonly #padding: number | null;
  readonly #maxLength: number;

  constructor(
    tokenizer: Tokenizer,
    texts: readonly string[],
    { pairs, maxLength }: TextOptions,
  ) {
    const rows = texts.map((text, i) =>
      tokenizer.encode(pairs ? [text, pairs[i] ?? ""] : text, { maxLength })
    );
    this.#rows = rows.map(({ inputIds, tokenTypeIds }) => ({
      inputIds,
      tokenTypeIds,
    }));
    this.#padding = tokenizer.padTokenId;
    this.#maxLength = maxLength;
    this.lengths = Int32Array.from(rows, ({ inputIds }) => inputIds.length);
  }

  /** The number of texts. */
  get count(): number {
    return this.#rows.length;
  }

  /** A batch, filled up to a common length. */
  batch(rows: ArrayLike<number>, usesPacking: boolean): EncoderInputs {
    const chosen = Array.from(rows, (row) => this.#rows[row] ?? EMPTY);
    const longest = Math.max(1, ...chosen.map((row) => row.inputIds.length));
    const rounded = Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP;
    return batchInputs(chosen, {
      length: Math.max(longest, Math.min(rounded, this.#maxLength)),
      padTokenId: this.#padding,
      usesPacking,
    });
  }
}
