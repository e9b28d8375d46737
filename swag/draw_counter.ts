// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Which samples come next, where the caller does not say.
 *
 * @module
 */

import { checkIndex } from "./noise.ts";

/** Options that say which samples are drawn. */
export interface DrawOptions {
  /**
   * A whole number. The same seed and index give the same sample.
   *
   * @default {0}
   */
  seed?: number | bigint;
  /**
   * The number of the sample among those of the seed, from 0 on. Where several
   * samples are drawn it is that of the first.
   *
   * @default {0 where a seed is given, else the number of samples drawn so far}
   */
  index?: number;
}

/** The names of {@linkcode DrawOptions}. */
export const DRAW_OPTIONS = ["seed", "index"] as const;

/** Counts samples that are drawn without a seed, so that each is another one. */
export class DrawCounter {
  /** How many samples have been drawn without a seed. */
  drawn = 0;

  /**
   * The seed and the first index of the next `count` samples.
   *
   * @throws {RangeError} If the last of them would have an index of 2³² or more.
   */
  next(
    { seed, index }: DrawOptions,
    count: number,
  ): [seed: number | bigint, index: number] {
    if (seed !== undefined || index !== undefined) {
      const start = index ?? 0;
      checkIndex(start);
      checkIndex(start + count - 1);
      return [seed ?? 0, start];
    }
    const start = this.drawn;
    this.drawn += count;
    return [0, start];
  }
}
