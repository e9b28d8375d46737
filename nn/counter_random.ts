// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Random numbers on the host that depend on a seed and a position alone.

const MULTIPLIER = 0xd256d193;
const WEYL = 0x9e3779b9;
const ROUNDS = 10;

/** Options of {@linkcode counterRandom}. */
export interface CounterRandomOptions {
  /**
   * Separates sequences that share a seed, an integer of 32 bits.
   * @default {0}
   */
  stream?: number;
}

/**
 * Philox 2×32 with ten rounds (Salmon and others, "Parallel random numbers: as
 * easy as 1, 2, 3", 2011).
 *
 * It is a counter-based generator: its output is a fixed function of key and
 * counter, so any element of a sequence can be computed without those before
 * it.
 *
 * @param counter The two 32-bit words to encrypt.
 * @param key The seed, an integer of 32 bits.
 * @returns Two unsigned 32-bit integers.
 *
 * @example The known answer of the generator's authors
 * ```ts
 * import { philox2x32 } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(philox2x32([0, 0], 0), [0xff1dae59, 0x6cd10df2]);
 * ```
 */
export function philox2x32(
  counter: readonly [number, number],
  key: number,
): [number, number] {
  let [left, right] = counter;
  left >>>= 0;
  right >>>= 0;
  key >>>= 0;
  for (let round = 0; round < ROUNDS; round++) {
    const low = Math.imul(MULTIPLIER, left) >>> 0;
    const high = multiplyHigh(MULTIPLIER, left);
    left = (high ^ key ^ right) >>> 0;
    right = low;
    key = (key + WEYL) >>> 0;
  }
  return [left, right];
}

/** The upper 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) +
    Math.floor(carry / 0x10000)) >>> 0;
}

/**
 * Makes a generator that returns the next uniform number in [0, 1) at each
 * call.
 *
 * Number `i` is `philox2x32([i, stream], seed)` as a fraction of 53 bits.
 *
 * @param seed The seed, an integer of 32 bits.
 * @param options Which of the sequences of this seed to draw.
 * @returns The generator.
 *
 * @example The same seed gives the same numbers
 * ```ts
 * import { counterRandom } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const first = counterRandom(3);
 * const again = counterRandom(3);
 * assertEquals([first(), first()], [again(), again()]);
 * ```
 */
export function counterRandom(
  seed: number,
  options: CounterRandomOptions = {},
): () => number {
  const stream = options.stream ?? 0;
  let index = 0;
  return () => {
    const [high, low] = philox2x32([index++, stream], seed);
    return ((high >>> 5) * 0x4000000 + (low >>> 6)) / 0x20000000000000;
  };
}
