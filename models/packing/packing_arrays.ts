// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Where the real tokens of a batch are, found on the host.

import { formatShape } from "../../engine/kernel_kit.ts";

/** Options of {@linkcode packingOf}. */
export interface PackingOptions {
  /**
   * Tokens without a meaning are added behind the real ones until there are a
   * multiple of this, so that batches come in few shapes. They are a text of
   * their own, which nothing reads: no result, loss or gradient depends on them.
   *
   * @default {1}
   */
  multipleOf?: number | undefined;
}

/**
 * A packing as numbers on the host, for steps that are recorded once and get
 * new inputs each time: {@linkcode packingArrays} makes it,
 * {@linkcode packingFrom} makes a packing of tensors that hold it.
 *
 * Of `T` tokens, `B` texts and `L` places a text:
 */
export interface PackingArrays {
  /** Each token's place in the flattened batch, `T`; -1 for fillers. */
  indices: Int32Array<ArrayBuffer>;
  /** Each token's text, `T`; `B` for fillers. */
  texts: Int32Array<ArrayBuffer>;
  /** Each token's place in its row, `T`; 0 for fillers. */
  positions: Int32Array<ArrayBuffer>;
  /** The first and one-past-last token of each one's text, `T · 2`. */
  segments: Int32Array<ArrayBuffer>;
  /** The first and one-past-last token of each text and the fillers, `(B + 1) · 2`. */
  bounds: Int32Array<ArrayBuffer>;
  /** The first token of each text, `B`; -1 where it has none. */
  starts: Int32Array<ArrayBuffer>;
  /** For each place the token there, `B · L`; -1 at padding. */
  inverse: Int32Array<ArrayBuffer>;
  /** For each place 1 if a real token is there, `B · L`. */
  mask: Int32Array<ArrayBuffer>;
}

/** The share of padding from which on texts are packed. */
const PAYS = 1 / 8;

/**
 * Whether a batch should be packed: an eighth of its places or more is padding.
 *
 * @param tokens Real tokens.
 * @param places Places of the padded batch.
 */
export function paysToPack(tokens: number, places: number): boolean {
  return tokens > 0 && tokens <= (1 - PAYS) * places;
}

/**
 * The numbers of {@linkcode packingOf}, on the host.
 *
 * @throws {TypeError} If the mask has not as many places.
 * @throws {RangeError} If no token is real, or the multiple is out of range.
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
      `Cannot pack ${formatShape(shape)} by a mask of ${mask.length} places`,
    );
  }
  if (!Number.isSafeInteger(multipleOf) || multipleOf < 1) {
    throw new RangeError(
      `Cannot fill tokens up to a multiple of ${multipleOf}: ` +
        "expected a whole number from 1 on",
    );
  }
  const places = Int32Array.from(mask, (m) => m ? 1 : 0);
  const real = places.reduce((sum, m) => sum + m, 0);
  if (real === 0) {
    throw new RangeError(
      `Cannot pack ${formatShape(shape)}: no token is real`,
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
    for (let place = 0; place < length && text < batch; place++) {
      const index = text * length + place;
      if (!places[index]) continue;
      inverse[index] = at;
      indices[at] = index;
      texts[at] = text;
      positions[at++] = place;
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
    mask: places,
  };
}

/** Whether the real tokens of texts are neighbours, and their first ones. */
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
