// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Finds the real tokens of a batch, on the host.

import { formatShape } from "../../engine/kernel_kit.ts";

/** Options of {@linkcode packingOf}. */
export interface PackingOptions {
  /**
   * The number of tokens is made a multiple of this, so that batches have few
   * different shapes. The tokens that are added, called fillers, follow the
   * real ones and form one more text. No result, loss or gradient depends on
   * them beyond rounding: a GPU may run another kernel for more tokens.
   *
   * @default {1}
   */
  multipleOf?: number | undefined;
}

/**
 * A packing as numbers on the host, for steps that are recorded once and get
 * new inputs each time. {@linkcode packingArrays} computes it, and
 * {@linkcode packingFrom} turns tensors of these numbers into a packing.
 *
 * Shapes are given for a batch of `B` rows, one text each, of `L` positions,
 * and for `T` tokens: the real ones and the fillers.
 */
export interface PackingArrays {
  /** Each token's index in the flattened batch, `T`; -1 for fillers. */
  indices: Int32Array<ArrayBuffer>;
  /** The index of each token's text, `T`; `B` for fillers. */
  texts: Int32Array<ArrayBuffer>;
  /** Each token's position in its row, `T`; 0 for fillers. */
  positions: Int32Array<ArrayBuffer>;
  /**
   * For each token, its text's first token and the one after its last, `T · 2`.
   */
  segments: Int32Array<ArrayBuffer>;
  /**
   * For each text, and at last for the fillers, the first token and the one
   * after the last, `(B + 1) · 2`.
   */
  bounds: Int32Array<ArrayBuffer>;
  /** The first token of each text, `B`; -1 for a text without tokens. */
  starts: Int32Array<ArrayBuffer>;
  /**
   * For each position of the batch, the token there, `B · L`; -1 at padding.
   */
  inverse: Int32Array<ArrayBuffer>;
  /** 1 for real tokens, 0 for padding, `B · L`. */
  mask: Int32Array<ArrayBuffer>;
}

/** The share of padding from which packing saves time. */
const PAYS = 1 / 8;

/**
 * Whether packing saves time: that is, whether an eighth of the batch or more
 * is padding.
 *
 * @param tokens The number of real tokens.
 * @param size The number of positions of the padded batch.
 * @returns Whether the batch should be packed.
 *
 * @example Usage
 * ```ts
 * import { paysToPack } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([paysToPack(14, 16), paysToPack(15, 16)], [true, false]);
 * ```
 */
export function paysToPack(tokens: number, size: number): boolean {
  return tokens > 0 && tokens <= (1 - PAYS) * size;
}

/**
 * Computes the numbers that make up a packing; see {@linkcode packingOf}.
 *
 * @param mask 1 for real tokens, 0 for padding, row by row.
 * @param shape The batch's shape, `[batch, length]`.
 * @param options The multiple that the number of tokens is made.
 * @returns The numbers, in arrays for {@linkcode packingFrom}.
 * @throws {TypeError} If the mask does not have `batch · length` elements.
 * @throws {RangeError} If no token is real, or the multiple is out of range.
 *
 * @example Usage
 * ```ts
 * import { packingArrays } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const { indices, texts } = packingArrays([1, 1, 0, 1], [2, 2]);
 * assertEquals([...indices], [0, 1, 3]);
 * assertEquals([...texts], [0, 0, 1]);
 * ```
 */
export function packingArrays(
  mask: ArrayLike<number>,
  shape: readonly [batch: number, length: number],
  options: PackingOptions = {},
): PackingArrays {
  const [batch, length] = shape;
  const { multipleOf = 1 } = options;
  if (mask.length !== batch * length) {
    throw new TypeError(
      `Cannot pack ${
        formatShape(shape)
      } by a mask of ${mask.length} elements: ` +
        `expected ${batch * length}`,
    );
  }
  if (!Number.isSafeInteger(multipleOf) || multipleOf < 1) {
    throw new RangeError(
      `Cannot fill tokens up to a multiple of ${multipleOf}: ` +
        "it must be a whole number from 1 on",
    );
  }
  const isReal = Int32Array.from(mask, (m) => m ? 1 : 0);
  const real = isReal.reduce((sum, m) => sum + m, 0);
  if (real === 0) {
    throw new RangeError(
      `Cannot pack ${formatShape(shape)}: the mask must have a real token`,
    );
  }
  const tokens = Math.ceil(real / multipleOf) * multipleOf;
  const indices = new Int32Array(tokens).fill(-1);
  const texts = new Int32Array(tokens).fill(batch);
  const positions = new Int32Array(tokens);
  const segments = new Int32Array(2 * tokens);
  const bounds = new Int32Array(2 * (batch + 1));
  const starts = new Int32Array(batch).fill(-1);
  const inverse = new Int32Array(mask.length).fill(-1);
  let at = 0;
  for (let text = 0; text <= batch; text++) {
    const first = at;
    if (text === batch) at = tokens;
    for (let column = 0; column < length && text < batch; column++) {
      const index = text * length + column;
      if (!isReal[index]) continue;
      inverse[index] = at;
      indices[at] = index;
      texts[at] = text;
      positions[at++] = column;
    }
    bounds.set([first, at], 2 * text);
    if (at > first && text < batch) starts[text] = first;
    for (let i = first; i < at; i++) segments.set([first, at], 2 * i);
  }
  return {
    indices,
    texts,
    positions,
    segments,
    bounds,
    starts,
    inverse,
    mask: isReal,
  };
}

/** Whether the real tokens of each text are neighbors, and start its row. */
export function layoutOf(
  { indices, texts, positions, starts }: PackingArrays,
  [batch]: readonly [number, number],
): { isContiguous: boolean; isLeading: boolean } {
  let isContiguous = true;
  for (let i = 1; i < indices.length && (texts[i] ?? batch) < batch; i++) {
    isContiguous &&= texts[i] !== texts[i - 1] ||
      positions[i] === (positions[i - 1] ?? 0) + 1;
  }
  const isLeading = isContiguous &&
    starts.every((start) => start < 0 || positions[start] === 0);
  return { isContiguous, isLeading };
}
