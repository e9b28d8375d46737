// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Seeded random numbers on the host, for resampling rows.

import { checkInteger } from "./known_options.ts";

/** A generator of whole numbers; equal seeds give equal numbers everywhere. */
export class RowRandom {
  #state: [number, number, number, number];

  /** Throws unless the seed is an integer of at least 0. */
  constructor(action: string, seed: number) {
    checkInteger(action, "seed", seed, 0);
    // Splitmix32 spreads the seed over the state.
    let state = (seed ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1)) >>>
      0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    this.#state = [next(), next(), next(), next()];
  }

  /** A random 32-bit integer: xoshiro128** (Blackman and Vigna, 2018). */
  next(): number {
    const s = this.#state;
    const scaled = Math.imul(s[1], 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** A random integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() / 2 ** 32 * count);
  }
}
