// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which tokens of a text are hidden, and by what. All random numbers depend on
// the seed, the epoch, the row and the token's index in the row alone.

import { philox2x32 } from "../../nn/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import type { TokenizedFeature } from "./padding.ts";
import { IGNORED } from "./text_labels.ts";

/** Which rows of the data a batch holds, and in which pass over the data. */
export interface MaskingPlace {
  /** The number of each row in the data, as `batches()` gives them. */
  readonly rows: ArrayLike<number>;
  /** The pass over the data. Each pass hides other tokens. @default {0} */
  readonly epoch?: number | undefined;
}

/** Options of the collators that hide tokens. */
export interface MaskingOptions {
  /** The share of tokens that are hidden and predicted. @default {0.15} */
  mlmProbability?: number | undefined;
  /**
   * The share of hidden tokens that are replaced by the mask token.
   *
   * @default {0.8}
   */
  maskReplaceProb?: number | undefined;
  /**
   * The share of hidden tokens that are replaced by a random token. The others
   * stay as they are, and are predicted too.
   *
   * @default {0.1}
   */
  randomReplaceProb?: number | undefined;
  /** The seed of the run, an integer of 32 bits. @default {0} */
  seed?: number | undefined;
}

/** The names of {@linkcode MaskingOptions}. */
export const MASKING_OPTIONS: readonly (keyof MaskingOptions)[] = [
  "mlmProbability",
  "maskReplaceProb",
  "randomReplaceProb",
  "seed",
];

/** A row of tokens, some of them hidden, and what they were. */
export interface MaskedRow {
  readonly tokens: TokenizedFeature;
  /** The hidden tokens; -100 at others. */
  readonly labels: Int32Array<ArrayBuffer>;
}

/**
 * Numbers in [0, 1) for the tokens of a row. The `use` tells those of a token
 * apart: 0 chooses what is hidden, 1 what replaces it, 2 the random token.
 */
export type RowRandom = (index: number, use: 0 | 1 | 2) => number;

/** How many numbers there are for each token. */
const USES = 3;

/** The random numbers of a row of the data in a pass over it. */
export function rowRandom(
  seed: number,
  epoch: number,
  row: number,
): RowRandom {
  const [key, stream] = philox2x32([row, epoch], seed);
  return (index, use) => {
    const [high, low] = philox2x32([USES * index + use, stream], key);
    return ((high >>> 5) * 0x4000000 + (low >>> 6)) / 0x20000000000000;
  };
}

/** Hides tokens, by the shares that options give. */
export class Masker {
  /** The share of tokens that are hidden. */
  readonly probability: number;
  readonly #maskId: number;
  readonly #words: number;
  readonly #special: ReadonlySet<number>;
  readonly #replace: number;
  readonly #random: number;
  readonly #seed: number;

  /**
   * @throws {RangeError} If a share is not in [0, 1], or the shares of mask and
   * random tokens add up to more than 1.
   * @throws {TypeError} If the tokenizer has no mask token.
   */
  constructor(tokenizer: Tokenizer, options: MaskingOptions) {
    const { mlmProbability = 0.15, maskReplaceProb = 0.8 } = options;
    const { randomReplaceProb = 0.1, seed = 0 } = options;
    const shares = { mlmProbability, maskReplaceProb, randomReplaceProb };
    for (const [name, value] of Object.entries(shares)) {
      if (value >= 0 && value <= 1) continue;
      throw new RangeError(
        `Cannot hide tokens with ${name} ${value}: expected a number in [0, 1]`,
      );
    }
    const replaced = maskReplaceProb + randomReplaceProb;
    if (replaced > 1 + Number.EPSILON) {
      throw new RangeError(
        `Cannot hide tokens with maskReplaceProb ${maskReplaceProb} and ` +
          `randomReplaceProb ${randomReplaceProb}: their sum is above 1`,
      );
    }
    if (!Number.isSafeInteger(seed)) {
      throw new RangeError(
        `Cannot hide tokens with seed ${seed}: it must be a whole number`,
      );
    }
    const { maskTokenId } = tokenizer;
    if (maskTokenId === null) {
      throw new TypeError(
        "Cannot hide tokens: the tokenizer has no mask token",
      );
    }
    this.probability = mlmProbability;
    this.#maskId = maskTokenId;
    this.#words = tokenizer.vocabSize;
    this.#special = tokenizer.allSpecialIds;
    this.#replace = maskReplaceProb;
    this.#random = replaced;
    this.#seed = seed;
  }

  /** Whether a token may be hidden: special tokens may not. */
  mayHide(id: number): boolean {
    return !this.#special.has(id);
  }

  /**
   * Hides tokens of each row.
   *
   * @param rows The tokens of each text.
   * @param place Where the rows are in the data.
   * @param choose Says for each token of a row whether it is hidden. Special
   * tokens stay, whatever it says.
   * @throws {TypeError} If the place is missing or of another number of rows.
   * @throws {RangeError} If a row or the epoch is not a whole number from 0.
   */
  mask<T extends TokenizedFeature>(
    rows: readonly T[],
    place: MaskingPlace | undefined,
    choose: (row: T, random: RowRandom) => (index: number) => boolean,
  ): MaskedRow[] {
    const { numbers, epoch } = checkedPlace(place, rows.length);
    return rows.map((row, i): MaskedRow => {
      const random = rowRandom(this.#seed, epoch, numbers[i] ?? 0);
      const isHidden = choose(row, random);
      const inputIds = Int32Array.from(row.inputIds);
      const labels = new Int32Array(inputIds.length).fill(IGNORED);
      for (const [index, id] of inputIds.entries()) {
        if (!this.mayHide(id) || !isHidden(index)) continue;
        labels[index] = id;
        const action = random(index, 1);
        if (action < this.#replace) inputIds[index] = this.#maskId;
        else if (action < this.#random) {
          inputIds[index] = Math.floor(random(index, 2) * this.#words);
        }
      }
      const { tokenTypeIds } = row;
      return { tokens: { inputIds, tokenTypeIds }, labels };
    });
  }
}

/** Where rows are in the data, checked. */
function checkedPlace(
  place: MaskingPlace | undefined,
  count: number,
): { numbers: number[]; epoch: number } {
  if (place === undefined || place.rows?.length !== count) {
    throw new TypeError(
      `Cannot hide tokens of ${count} rows: expected { rows } with the number ` +
        "of each row in the data, and epoch, on which the choice depends" +
        (place?.rows ? `, not ${place.rows.length} rows` : ""),
    );
  }
  const { epoch = 0 } = place;
  const numbers = Array.from(place.rows);
  const bad = [epoch, ...numbers].findIndex((value) =>
    !(Number.isSafeInteger(value) && value >= 0)
  );
  if (bad >= 0) {
    throw new RangeError(
      `Cannot hide tokens of ${
        bad === 0 ? `epoch ${epoch}` : `row ${numbers[bad - 1]}`
      }: expected a whole number from 0`,
    );
  }
  return { numbers, epoch };
}
