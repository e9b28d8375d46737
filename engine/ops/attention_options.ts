// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The options of attention, and the checks of its arguments.

import type { RandomStream } from "../random_stream.ts";
import { formatShape } from "../shape.ts";
import { hasDType, type IntegerTensor, type Tensor } from "../tensor.ts";

/** Dropout of attention's probabilities. */
export interface AttentionDropout {
  /** The share of probabilities to drop, in [0, 1). */
  rate: number;
  /** The random stream that chooses them; see `Generator.next`. */
  stream: RandomStream;
}

/** Options of {@linkcode attention}. */
export interface AttentionOptions {
  /** The number of heads; columns `h·D` to `h·D + D` belong to head `h`. */
  heads: number;
  /**
   * Which keys may be seen: integers of shape `[B, Sk]`, 0 for padding tokens,
   * which may be anywhere.
   *
   * @default {all}
   */
  mask?: IntegerTensor | undefined;
  /**
   * For several texts one after the other in one batch row: for each query the
   * first key that it sees and the one after the last, integers `[Sq, 2]`, neither
   * ever less than in the row before. A query that sees no key gives 0. The work
   * grows with the lengths of the texts, not with their sum. The batch must be 1,
   * and there can be no mask.
   *
   * @default {none: a batch row is one text}
   */
  segments?: IntegerTensor | undefined;
  /**
   * With `segments`, the same for keys: the first query that sees each key and the
   * one after the last, integers `[Sk, 2]`. It must be given where there are not as
   * many queries as keys, and cannot be combined with a causal or window rule.
   *
   * @default {segments: queries and keys are the same tokens}
   */
  segmentsOfKeys?: IntegerTensor | undefined;
  /**
   * Whether query `i` sees only keys `j ≤ i + Sk - Sq`.
   *
   * @default {false}
   */
  causal?: boolean;
  /**
   * Only keys within this distance of the query are seen: `|i - j| ≤ window`,
   * with `i + Sk - Sq` in place of `i` where `causal` is set.
   *
   * @default {no limit}
   */
  window?: number;
  /**
   * The factor of the products `q·k`.
   *
   * @default {1 / √D}
   */
  scale?: number;
  /**
   * Dropout of the probabilities.
   *
   * @default {none}
   */
  dropout?: AttentionDropout;
}

/** The sizes of one call: queries `[batch, sq, width]`, keys `[batch, sk, width]`. */
export interface AttentionSizes {
  readonly batch: number;
  /** Queries of a batch row. */
  readonly sq: number;
  /** Keys of a batch row. */
  readonly sk: number;
  /** Columns of all heads together. */
  readonly width: number;
  /** Columns of a head. */
  readonly depth: number;
}

/**
 * The sizes of a call, if its arguments fit each other.
 *
 * @throws {TypeError} If a shape or a type does not fit.
 * @throws {RangeError} If a number is out of range.
 */
export function checkAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): AttentionSizes {
  const sizes = checkOperands(q, k, v, options.heads);
  if (options.mask) checkMask(options.mask, sizes);
  checkSegments(options, sizes);
  const { window, dropout } = options;
  if (window !== undefined && !(Number.isInteger(window) && window >= 0)) {
    throw new RangeError(
      `Cannot attend within a window of ${window}: it must be a whole number`,
    );
  }
  const rate = dropout?.rate ?? 0;
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(
      `Cannot drop a share of ${rate}: it must be at least 0 and below 1`,
    );
  }
  return sizes;
}

function checkOperands(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  heads: number,
): AttentionSizes {
  const [batch = 0, sq = 0, width = 0] = q.shape;
  const [, sk = 0] = k.shape;
  const shapes = `${formatShape(q.shape)}, ${formatShape(k.shape)} and ${
    formatShape(v.shape)
  }`;
  for (const x of [q, k, v]) {
    if (x.shape.length !== 3 || x.shape[0] !== batch || x.shape[2] !== width) {
      throw new TypeError(
        `Cannot attend with ${shapes}: expected [B, Sq, H·D] and twice [B, Sk, H·D]`,
      );
    }
    if (x.dtype !== "f32") {
      throw new TypeError(
        `Cannot attend with a tensor of ${x.dtype}: cast() it to f32`,
      );
    }
  }
  if (v.shape[1] !== sk) {
    throw new TypeError(
      `Cannot attend with ${shapes}: there must be as many keys as values`,
    );
  }
  return { batch, sq, sk, width, depth: headDepth(width, heads) };
}

/**
 * The columns of a head.
 *
 * @throws {RangeError} If heads do not divide the columns, or have too many.
 */
export function headDepth(width: number, heads: number): number {
  const depth = width / heads;
  if (!Number.isInteger(heads) || heads < 1 || !Number.isInteger(depth)) {
    throw new RangeError(
      `Cannot attend with ${heads} heads: they must divide the ${width} columns`,
    );
  }
  if (depth > 128) {
    throw new RangeError(
      `Cannot attend with ${depth} columns a head: 128 is the limit`,
    );
  }
  return depth;
}

function checkMask(mask: IntegerTensor, { batch, sk }: AttentionSizes): void {
  const [rows, columns] = mask.shape;
  if (mask.shape.length !== 2 || rows !== batch || columns !== sk) {
    throw new TypeError(
      `Cannot mask ${sk} keys in ${batch} rows by ${
        formatShape(mask.shape)
      }: expected [${batch}, ${sk}]`,
    );
  }
  if (hasDType(mask, "f32")) {
    throw new TypeError(
      "Cannot mask by a tensor of f32: cast() it to i32, 1 for keys to keep",
    );
  }
}

/** Throws where the tables of texts that share a batch row do not fit. */
function checkSegments(
  { mask, segments, segmentsOfKeys, causal, window }: AttentionOptions,
  { batch, sq, sk }: AttentionSizes,
): void {
  if (!segments && !segmentsOfKeys) return;
  if (!segments || batch !== 1 || mask || (sq !== sk && !segmentsOfKeys)) {
    throw new TypeError(
      `Cannot attend in segments with a batch of ${batch}, ${sq} queries and ` +
        `${sk} keys${
          mask ? " and a mask" : ""
        }: expected a batch of 1, no mask, segments, and segmentsOfKeys where ` +
        "queries and keys differ in number",
    );
  }
  if (segmentsOfKeys && (causal || window !== undefined)) {
    throw new TypeError(
      "Cannot attend in segmentsOfKeys with a causal or window rule: " +
        "queries and keys would have to be the same tokens",
    );
  }
  const tables = [[segments, sq], [segmentsOfKeys ?? segments, sk]] as const;
  for (const [table, length] of tables) {
    const { shape, dtype } = table;
    if (
      shape.length !== 2 || shape[0] !== length || shape[1] !== 2 ||
      hasDType(table, "f32")
    ) {
      throw new TypeError(
        `Cannot attend in segments ${dtype} ${
          formatShape(shape)
        }: expected integers [${length}, 2]`,
      );
    }
  }
}
