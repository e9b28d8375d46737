// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts as tokens, and batches of them as tensors.
 *
 * @module
 */

import { tensor } from "../engine/mod.ts";
import type { EncoderInputs, Tokenizer } from "../models/mod.ts";

/** Padded lengths are multiples of this, so that few shapes occur. */
const LENGTH_STEP = 8;

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
  readonly #ids: readonly (readonly number[])[];
  readonly #types: readonly (readonly number[])[];
  readonly #padding: number;
  readonly #maxLength: number;

  constructor(
    tokenizer: Tokenizer,
    texts: readonly string[],
    { pairs, maxLength }: TextOptions,
  ) {
    const rows = texts.map((text, i) =>
      tokenizer.encode(pairs ? [text, pairs[i] ?? ""] : text, { maxLength })
    );
    this.#ids = rows.map(({ inputIds }) => inputIds);
    this.#types = rows.map(({ tokenTypeIds }) => tokenTypeIds);
    this.#padding = tokenizer.padTokenId ?? 0;
    this.#maxLength = maxLength;
    this.lengths = Int32Array.from(this.#ids, (ids) => ids.length);
  }

  /** The number of texts. */
  get count(): number {
    return this.#ids.length;
  }

  /** A batch, filled up to a common length. */
  batch(rows: ArrayLike<number>): EncoderInputs {
    let longest = 1;
    for (let i = 0; i < rows.length; i++) {
      longest = Math.max(longest, this.lengths[rows[i] ?? 0] ?? 0);
    }
    const length = Math.max(
      longest,
      Math.min(Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP, this.#maxLength),
    );
    const shape = [rows.length, length];
    const ids = new Int32Array(rows.length * length).fill(this.#padding);
    const mask = new Int32Array(ids.length);
    const types = new Int32Array(ids.length);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] ?? 0;
      const own = this.#ids[row] ?? [];
      ids.set(own, i * length);
      types.set(this.#types[row] ?? [], i * length);
      mask.fill(1, i * length, i * length + own.length);
    }
    return {
      inputIds: tensor(ids, { shape }),
      attentionMask: tensor(mask, { shape }),
      tokenTypeIds: tensor(types, { shape }),
    };
  }
}
