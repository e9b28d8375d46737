// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Batches of tokens as the tensors that a model takes.

import { tensor } from "../engine/mod.ts";
import type { EncoderInputs } from "./io.ts";
import { packingOf, paysToPack } from "./packing/mod.ts";
import type { Encoding } from "./tokenizer/mod.ts";

/** The tokens of one text or pair. */
export type TokenRow = Pick<Encoding, "inputIds" | "tokenTypeIds">;

/** Options of {@linkcode batchInputs}. */
export interface BatchInputsOptions {
  /** The length to which rows are padded. @default {that of the longest} */
  length?: number;
  /** The id of the padding token. @default {0} */
  padTokenId?: number | null | undefined;
  /**
   * Whether the model takes packings; see `PreTrainedModel.usesPacking`. If so,
   * and if an eighth of the batch or more is padding, the inputs hold a
   * packing.
   *
   * @default {false}
   */
  usesPacking?: boolean | undefined;
  /**
   * The number of tokens in a packing is made a multiple of this; see
   * `PackingOptions.multipleOf`. Captured steps need it, because they are
   * recorded once for each shape.
   *
   * @default {1}
   */
  packedMultipleOf?: number | undefined;
}

/**
 * Turns rows of tokens into the inputs of a model, padded on the right. The
 * tensors belong to the current scope.
 *
 * @param rows The tokens of each text or pair.
 * @param options The padding, and whether to pack.
 * @returns The inputs, tensors of `[rows, length]`.
 * @throws {RangeError} If a row is longer than `length`.
 *
 * @example Usage
 * ```ts
 * import { initialize, scope } from "@swagpu/swagpu/engine";
 * import { batchInputs } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using _ = scope();
 * const { inputIds, attentionMask } = batchInputs([
 *   { inputIds: [2, 7, 3], tokenTypeIds: [0, 0, 0] },
 *   { inputIds: [2, 3], tokenTypeIds: [0, 0] },
 * ]);
 * assertEquals([...await inputIds.data()], [2, 7, 3, 2, 3, 0]);
 * assertEquals([...await attentionMask!.data()], [1, 1, 1, 1, 1, 0]);
 * ```
 */
export function batchInputs(
  rows: readonly TokenRow[],
  options: BatchInputsOptions = {},
): EncoderInputs {
  const { padTokenId, usesPacking = false, packedMultipleOf } = options;
  const longest = rows.reduce((n, row) => Math.max(n, row.inputIds.length), 0);
  const { length = longest } = options;
  if (longest > length) {
    throw new RangeError(
      `Cannot pad a row of ${longest} tokens to ${length}: it is longer`,
    );
  }
  const shape = [rows.length, length] as const;
  const ids = new Int32Array(rows.length * length).fill(padTokenId ?? 0);
  const mask = new Int32Array(ids.length);
  const types = new Int32Array(ids.length);
  let real = 0;
  for (const [i, { inputIds, tokenTypeIds }] of rows.entries()) {
    const start = i * length;
    ids.set(inputIds, start);
    types.set(tokenTypeIds, start);
    mask.fill(1, start, start + inputIds.length);
    real += inputIds.length;
  }
  const packs = usesPacking && paysToPack(real, ids.length);
  return {
    inputIds: tensor(ids, { shape }),
    attentionMask: tensor(mask, { shape }),
    tokenTypeIds: tensor(types, { shape }),
    ...(packs
      ? { packing: packingOf(mask, shape, { multipleOf: packedMultipleOf }) }
      : {}),
  };
}

/** Padded lengths are multiples of this by default, so that few shapes occur. */
const LENGTH_STEP = 8;

/** Options of {@linkcode paddedLength}. */
export interface PaddedLengthOptions {
  /** The longest row that the model supports. @default {Infinity} */
  limit?: number | undefined;
  /** The number of which the length is a multiple, up to `limit`. @default {8} */
  multipleOf?: number | undefined;
}

/**
 * The length to which the rows of a batch are padded: a multiple of 8, so that
 * batches have few different shapes, unless the model's limit is below it.
 *
 * @param longest The number of tokens of the longest row.
 * @param options The limit, and another step than 8.
 * @returns The length, at least `longest`.
 *
 * @example Usage
 * ```ts
 * import { paddedLength } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(paddedLength(11), 16);
 * assertEquals(paddedLength(11, { limit: 12 }), 12);
 * ```
 */
export function paddedLength(
  longest: number,
  options: PaddedLengthOptions = {},
): number {
  const { limit = Infinity, multipleOf = LENGTH_STEP } = options;
  const rounded = Math.ceil(longest / multipleOf) * multipleOf;
  return Math.max(longest, Math.min(rounded, limit));
}
