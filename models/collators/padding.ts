// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Rows of tokens as the padded arrays of a batch: what all collators have in
// common.

import { checkOptions } from "../../nn/mod.ts";
import { type Packing, packingOf, paysToPack } from "../packing/mod.ts";
import type { Side, Tokenizer } from "../tokenizer/mod.ts";
import { paddedLength } from "../batch.ts";
import {
  bucketedLength,
  checkBuckets,
  checkMultiple,
} from "./bucketed_length.ts";
import type { IntegerValues } from "./values.ts";

/** The tokens of one text or pair, as {@linkcode Tokenizer.encode} gives them. */
export interface TokenizedFeature {
  /** The ids of the tokens. */
  readonly inputIds: ArrayLike<number>;
  /** The text that each token belongs to. @default {all 0} */
  readonly tokenTypeIds?: ArrayLike<number> | undefined;
}

/** Options of every collator: the length of rows, and packing. */
export interface CollatorOptions {
  /**
   * The length to which the rows of a batch are padded:
   *
   * - `"longest"`: that of the longest row;
   * - `"max_length"`: `maxLength`;
   * - `"bucketed"`: one of a few lengths, which captured steps need because
   *   they are recorded once for each shape, see {@linkcode bucketedLength};
   * - `false`: rows are not padded and must be equally long.
   *
   * @default {"longest"}
   */
  padding?: "longest" | "max_length" | "bucketed" | false | undefined;
  /**
   * The most tokens that a row may have. Texts that the collator tokenizes are
   * cut to it; rows of tokens that are longer are an error. Bucketed lengths do
   * not go beyond it.
   *
   * @default {the tokenizer's `modelMaxLength`}
   */
  maxLength?: number | undefined;
  /**
   * The number of which the length of rows is a multiple: of tokens, masks and
   * labels for tokens, which are -100 there. What it means depends on `padding`:
   *
   * - `"longest"` and `"max_length"`: the length is rounded up, as in
   *   transformers also beyond `maxLength`;
   * - `"bucketed"`: the multiples take the place of the default lengths, up to
   *   `maxLength`, beyond which no length goes, multiple or not. They are lengths
   *   in the place of `buckets`, so that only one of the two may be given;
   * - `false`: it must be left out, as rows are not padded.
   *
   * @default {1, and with "bucketed" the lengths of `bucketedLength`}
   */
  padToMultipleOf?: number | undefined;
  /**
   * The lengths of `padding: "bucketed"`, rising.
   *
   * @default {those of `bucketedLength`}
   */
  buckets?: readonly number[] | undefined;
  /** The end at which rows are padded. @default {the tokenizer's} */
  paddingSide?: Side | undefined;
  /**
   * Whether the model takes packings; see `PreTrainedModel.usesPacking`. If so,
   * and if an eighth of the batch or more is padding, the batch holds a packing.
   * Its tensors are made on the GPU and belong to the current scope, and
   * everything else of a batch is on the host.
   *
   * @default {false}
   */
  usesPacking?: boolean | undefined;
  /**
   * Whether packings have few different shapes too: the number of their tokens
   * is made a multiple of four times the rows and, with bucketed lengths by
   * multiples or by default, the length of rows, which costs them next to
   * nothing, a multiple of 64, or of the first multiple of `padToMultipleOf` from
   * there on.
   *
   * @default {whether lengths are bucketed}
   */
  fewShapes?: boolean | undefined;
}

/** The inputs of a model for a batch, each array `[rows, length]`. */
export interface CollatedBatch {
  /** The ids of the tokens. */
  readonly inputIds: IntegerValues;
  /** 1 at tokens, 0 at padding. */
  readonly attentionMask: IntegerValues;
  /** The text that each token belongs to. */
  readonly tokenTypeIds: IntegerValues;
  /** Where the real tokens are, if the model takes packings and it pays. */
  readonly packing?: Packing | undefined;
}

/** The names of {@linkcode CollatorOptions}. */
export const COLLATOR_OPTIONS: readonly (keyof CollatorOptions)[] = [
  "padding",
  "maxLength",
  "padToMultipleOf",
  "buckets",
  "paddingSide",
  "usesPacking",
  "fewShapes",
];

/** The least step of lengths of packed rows, whose padding costs next to nothing. */
const PACKED_LENGTH_STEP = 64;

/** The number of packed tokens is a multiple of this number times the rows. */
const PACKED_TOKENS_STEP = 4;

const PADDINGS = ["longest", "max_length", "bucketed", false] as const;

/** A padded batch, and where its rows are in it. */
export interface Padded {
  readonly batch: CollatedBatch;
  /** The length of rows. */
  readonly length: number;
  /** Whether rows are filled up on their left. */
  readonly isLeft: boolean;
}

/** Pads rows of tokens by the options of a collator. */
export class Padder {
  /** The most tokens of a row, for texts that are tokenized. */
  readonly limit: number;
  readonly #options: CollatorOptions;
  readonly #tokenizer: Tokenizer;

  /**
   * @throws {TypeError} If an option is not known or of the wrong kind.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(
    tokenizer: Tokenizer,
    options: CollatorOptions,
    more: readonly string[] = [],
  ) {
    const known = [...COLLATOR_OPTIONS, ...more];
    checkOptions(options, { action: "collate", known });
    const { padding = "longest", maxLength, padToMultipleOf, buckets } =
      options;
    if (!PADDINGS.includes(padding)) {
      throw new TypeError(
        `Cannot collate with padding ${
          JSON.stringify(padding)
        }: expected one ` +
          `of ${PADDINGS.map((one) => JSON.stringify(one)).join(", ")}`,
      );
    }
    if (padToMultipleOf !== undefined) {
      checkMultiple(padToMultipleOf);
      if (padding === false) {
        throw new TypeError(
          "Cannot collate with padToMultipleOf and padding false: rows are not " +
            "padded then, leave one of them out",
        );
      }
    }
    if (maxLength !== undefined) checkLimit(maxLength);
    if (buckets) {
      checkBuckets(buckets);
      if (padding !== "bucketed" || padToMultipleOf !== undefined) {
        throw new TypeError(
          'Cannot collate with buckets: they need padding "bucketed" and no ' +
            "padToMultipleOf",
        );
      }
    }
    this.#options = options;
    this.#tokenizer = tokenizer;
    this.limit = maxLength ?? tokenizer.modelMaxLength ?? Infinity;
    if (padding === "max_length") checkLimit(this.limit);
  }

  /**
   * Pads rows to a common length.
   *
   * @throws {RangeError} If there is no row, or one is too long.
   * @throws {TypeError} If rows differ in length and may not be padded, or
   * a row's lists do.
   */
  pad(rows: readonly TokenizedFeature[]): Padded {
    if (rows.length === 0) {
      throw new RangeError("Cannot collate a batch: it has no rows");
    }
    const { usesPacking = false, padding } = this.#options;
    const { fewShapes = padding === "bucketed" } = this.#options;
    const lengths = rows.map(({ inputIds }) => inputIds.length);
    const longest = lengths.reduce((a, b) => Math.max(a, b), 1);
    const tokens = lengths.reduce((sum, own) => sum + own, 0);
    const usual = this.#length(lengths, longest);
    const packs = usesPacking && paysToPack(tokens, rows.length * usual);
    const length = packs && fewShapes ? this.#packedLength(usual) : usual;
    const side = this.#options.paddingSide ?? this.#tokenizer.paddingSide;
    const isLeft = side === "left";
    const arrays = this.#fill(rows, length, isLeft);
    const shape = [rows.length, length] as const;
    const multipleOf = this.packedMultipleOf(rows.length);
    return {
      length,
      isLeft,
      batch: {
        inputIds: { data: arrays.ids, shape },
        attentionMask: { data: arrays.mask, shape },
        tokenTypeIds: { data: arrays.types, shape },
        ...(packs &&
          { packing: packingOf(arrays.mask, shape, { multipleOf }) }),
      },
    };
  }

  /** The number of which the number of packed tokens is a multiple. */
  packedMultipleOf(rows: number): number {
    const { padding, fewShapes = padding === "bucketed" } = this.#options;
    return fewShapes ? PACKED_TOKENS_STEP * rows : 1;
  }

  /** The length to which rows are padded, if they are not packed. */
  #length(lengths: readonly number[], longest: number): number {
    const { padding = "longest", maxLength, buckets } = this.#options;
    const { padToMultipleOf } = this.#options;
    if (longest > (maxLength ?? Infinity)) {
      throw new RangeError(
        `Cannot collate a row of ${longest} tokens: maxLength is ${maxLength}, ` +
          "truncate it when it is tokenized",
      );
    }
    if (padding === "bucketed") {
      const limit = Math.max(longest, this.limit);
      return bucketedLength(longest, {
        buckets,
        multipleOf: padToMultipleOf,
        limit,
      });
    }
    if (padding === false) {
      const other = lengths.find((length) => length !== longest);
      if (other === undefined) return longest;
      throw new TypeError(
        `Cannot collate rows of ${other} and ${longest} tokens without ` +
          "padding: they must be equally long",
      );
    }
    const step = padToMultipleOf ?? 1;
    const length = padding === "max_length" ? this.limit : longest;
    if (longest > length) {
      throw new RangeError(
        `Cannot pad a row of ${longest} tokens to ${length}: it is longer`,
      );
    }
    return Math.ceil(length / step) * step;
  }

  /** The length of packed rows of which few should occur. */
  #packedLength(length: number): number {
    const { padding, buckets, padToMultipleOf = 1 } = this.#options;
    if (padding !== "bucketed" || buckets) return length;
    const steps = Math.ceil(PACKED_LENGTH_STEP / padToMultipleOf);
    const multipleOf = steps * padToMultipleOf;
    return paddedLength(length, { limit: this.limit, multipleOf });
  }

  #fill(
    rows: readonly TokenizedFeature[],
    length: number,
    isLeft: boolean,
  ): Record<"ids" | "mask" | "types", Int32Array<ArrayBuffer>> {
    const { padTokenId, padTokenTypeId } = this.#tokenizer;
    const size = rows.length * length;
    const ids = new Int32Array(size).fill(padTokenId ?? 0);
    const mask = new Int32Array(size);
    const types = new Int32Array(size).fill(padTokenTypeId ?? 0);
    for (const [i, { inputIds, tokenTypeIds }] of rows.entries()) {
      const count = inputIds.length;
      if (tokenTypeIds && tokenTypeIds.length !== count) {
        throw new TypeError(
          `Cannot collate row ${i} of a batch: it has ${count} tokens and ` +
            `${tokenTypeIds.length} types`,
        );
      }
      const start = i * length + (isLeft ? length - count : 0);
      ids.set(inputIds, start);
      if (tokenTypeIds) types.set(tokenTypeIds, start);
      else types.fill(0, start, start + count);
      mask.fill(1, start, start + count);
    }
    return { ids, mask, types };
  }
}

/** @throws {RangeError} If a length is not a whole number from 1. */
function checkLimit(maxLength: number): void {
  if (Number.isSafeInteger(maxLength) && maxLength >= 1) return;
  throw new RangeError(
    `Cannot collate with maxLength ${maxLength}: ` +
      "it must be a whole number from 1",
  );
}

/** Lists of numbers as one array, filled up like the rows of a batch. */
export function padLists(
  lists: readonly ArrayLike<number>[],
  filler: number,
  { length, isLeft }: Pick<Padded, "length" | "isLeft">,
): IntegerValues {
  const data = new Int32Array(lists.length * length).fill(filler);
  for (const [i, list] of lists.entries()) {
    data.set(list, i * length + (isLeft ? length - list.length : 0));
  }
  return { data, shape: [lists.length, length] };
}
