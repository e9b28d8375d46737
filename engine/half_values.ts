// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// f16 on the host: two in each word, the first in the low bits. The kernels of
// kernels/halves.ts do the same on the GPU, bit for bit.

/** The largest number of f16. */
export const HALF_MAX = 65504;

/** The elements that share four words, which kernels read at once. */
export const HALVES_EACH = 8;

/**
 * How many words hold a number of f16: whole vectors of four words.
 *
 * @param size The number of elements.
 */
export function halfWords(size: number): number {
  return Math.ceil(size / HALVES_EACH) * 4;
}

/**
 * Rounds numbers to f16, to nearest, ties to even.
 *
 * @param values Numbers between -65504 and 65504.
 * @returns Their bits, two elements a word, in whole vectors of four words.
 *
 * @example Usage
 * ```ts
 * import { packHalves } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const [word = 0] = packHalves([1, -2]);
 * assertEquals(word.toString(16), "c0003c00");
 * ```
 */
export function packHalves(
  values: ArrayLike<number>,
): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(halfWords(values.length));
  // Rounded to f32 before, as all elements are.
  new Float16Array(words.buffer).set(Float32Array.from(values));
  return words;
}

/**
 * Gives the numbers that {@linkcode packHalves} has rounded, in f32, which holds
 * all of f16.
 *
 * @param buffer The words.
 * @param size The number of elements.
 */
export function unpackHalves(
  buffer: ArrayBuffer,
  size: number,
): Float32Array<ArrayBuffer> {
  return new Float32Array(new Float16Array(buffer, 0, size));
}
