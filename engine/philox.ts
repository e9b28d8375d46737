// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The random numbers of the kernels, made on the host: Philox 4×32 with ten
// rounds (Salmon and others, 2011). Element k of a stream is a fixed function
// of the seed, the stream's number and k. kernels/random.ts holds the same in
// WGSL.

import type { RandomStream } from "./random_stream.ts";

/** Four words of 32 bits. */
export type Words = readonly [number, number, number, number];

/** The upper 32 bits of the product of two words. */
function multiplyHigh(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const lh = al * bh;
  const hl = ah * bl;
  const middle = Math.floor(al * bl / 65536) + lh % 65536 + hl % 65536;
  return ah * bh + Math.floor(lh / 65536) + Math.floor(hl / 65536) +
    Math.floor(middle / 65536);
}

/**
 * Encrypts a counter with Philox 4×32 and ten rounds: the same four words that
 * the kernels make.
 *
 * @param counter Four words of 32 bits without a sign.
 * @param key The seed, low word first.
 * @returns Four words of 32 bits without a sign.
 *
 * @example The known answer of the generator's authors
 * ```ts
 * import { philox4x32 } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const [first] = philox4x32([0, 0, 0, 0], [0, 0]);
 * assertEquals(first, 0x6627e8d5);
 * ```
 */
export function philox4x32(
  counter: Words,
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The four words that hold element `index` of a stream. */
function blockOf({ key, stream }: RandomStream, index: number): Words {
  return philox4x32(
    [Math.floor(index / 4) >>> 0, 0, stream[0], stream[1]],
    key,
  );
}

/**
 * Makes one element of a stream of uniform numbers, the one that a kernel
 * makes.
 *
 * @param stream The stream, such as `Generator.next` gives.
 * @param index The element's index in the stream.
 * @returns A number in [0, 1).
 *
 * @example Usage
 * ```ts
 * import { Generator, initialize, uniform } from "@swagpu/swagpu/engine";
 * import { philoxUniform } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = await uniform([5], { generator: new Generator(7) }).data();
 * assertEquals(philoxUniform(new Generator(7).next(), 4), x[4]);
 * ```
 */
export function philoxUniform(stream: RandomStream, index: number): number {
  const bits = blockOf(stream, index)[index % 4] ?? 0;
  return (bits >>> 8) / 2 ** 24;
}

/**
 * Makes one element of a stream of normally distributed numbers, in 64-bit
 * floats. A kernel makes the same element with the error of its logarithm and
 * sine.
 *
 * @param stream The stream, such as `Generator.next` gives.
 * @param index The element's index in the stream.
 * @returns A number of mean 0 and standard deviation 1.
 *
 * @example Usage
 * ```ts
 * import { Generator, initialize, normal } from "@swagpu/swagpu/engine";
 * import { philoxNormal } from "@swagpu/swagpu/engine/kernels";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const x = await normal([5], { generator: new Generator(7) }).data();
 * const stream = new Generator(7).next();
 * assertAlmostEquals(philoxNormal(stream, 4), x[4] ?? NaN, 1e-4);
 * ```
 */
export function philoxNormal(stream: RandomStream, index: number): number {
  const block = blockOf(stream, index);
  const pair = index % 4 < 2 ? 0 : 2;
  const u = ((block[pair] ?? 0) >>> 8) / 2 ** 24 + 2 ** -24;
  const angle = 2 * Math.PI * (((block[pair + 1] ?? 0) >>> 8) / 2 ** 24 - 0.5);
  const radius = Math.sqrt(-2 * Math.log(u));
  return radius * (index % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
}
