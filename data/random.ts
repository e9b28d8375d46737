// Copyright 2026 the swagpu authors. MIT license.

/**
 * Random numbers that depend on a seed alone, and are the same on every machine.
 *
 * @module
 */

/**
 * xoshiro128** 1.1 of David Blackman and Sebastiano Vigna,
 * https://prng.di.unimi.it/xoshiro128starstar.c. All steps are on whole numbers of 32
 * bits.
 *
 * @param state Four whole numbers of 32 bits, not all 0. They are changed.
 * @returns A function that gives the next whole number of 32 bits.
 */
export function xoshiro128(state: Uint32Array): () => number {
  return () => {
    let [a = 0, b = 0, c = 0, d = 0] = state;
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    state.set([a, b, c, d]);
    return result;
  };
}

function rotated(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/**
 * Makes a function that draws a whole number from 0 up to, but without, a bound. Every
 * number is equally likely: what would favor the first ones is drawn again.
 *
 * @param seed A whole number from 0 to 2³² − 1.
 * @throws {RangeError} If the seed is another number.
 */
export function randomIndices(seed: number): (bound: number) => number {
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
    throw new RangeError(
      `Cannot use the seed ${seed}: expected a whole number from 0 to 4294967295`,
    );
  }
  // The authors advise to fill the state by another kind of generator.
  const next = xoshiro128(
    Uint32Array.from({ length: 4 }, (_, i) => scrambled(seed, i + 1)),
  );
  return (bound) => {
    const most = 0x100000000 - 0x100000000 % bound;
    let drawn: number;
    do drawn = next(); while (drawn >= most);
    return drawn % bound;
  };
}

/** SplitMix with the mixing function of MurmurHash3 for 32 bits. */
function scrambled(seed: number, step: number): number {
  let hash = (seed + Math.imul(0x9e3779b9, step)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Puts a list into a random order, in place (Fisher and Yates). */
export function shuffleInPlace<T>(
  list: T[],
  draw: (bound: number) => number,
): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = draw(i + 1);
    const kept = list[i] as T;
    list[i] = list[j] as T;
    list[j] = kept;
  }
  return list;
}
