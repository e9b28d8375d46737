// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Which rows make up a batch, and in what order: seeded shuffling, cutting into
 * batches, and grouping rows of similar length so that little padding is
 * computed.
 *
 * Nothing here holds data. {@linkcode batches} yields row numbers, and the
 * caller gathers text, tokens or tensors by them. The order depends on the
 * seed and the epoch alone, so a run that resumes at epoch 7 sees the batches
 * that an uninterrupted run would have seen.
 *
 * @example Usage
 * ```ts
 * import { batches } from "@swagpu/swagpu/nn";
 *
 * for (let epoch = 0; epoch < 2; epoch++) {
 *   for (const rows of batches(10, 4, { shuffle: true, seed: 1, epoch })) {
 *     console.assert(rows.length <= 4);
 *   }
 * }
 * ```
 *
 * @module
 */

import { counterRandom } from "./counter_random.ts";
import { checkOptions } from "./options.ts";

/** Options of {@linkcode shuffledIndices}. */
export interface ShuffleOptions {
  /**
   * The seed of the run, an integer of 32 bits.
   * @default {0}
   */
  seed?: number;
  /**
   * The pass over the data. Each pass has another order.
   * @default {0}
   */
  epoch?: number;
}

/** Options of {@linkcode batches}. */
export interface BatchesOptions extends ShuffleOptions {
  /**
   * Whether to visit the rows in a random order.
   * @default {false}
   */
  shuffle?: boolean;
  /**
   * Whether to leave out a last batch that is not full.
   * @default {false}
   */
  dropLast?: boolean;
  /**
   * The length of every row. When given, rows are sorted by length within each
   * bucket before the bucket is cut into batches.
   */
  lengths?: ArrayLike<number>;
  /**
   * How many batches make up a bucket. It has an effect only when `lengths` is
   * given. Larger buckets mean less padding and a less random order.
   * @default {16}
   */
  bucketBatches?: number;
}

/**
 * Draws a random order of the indices 0 to length − 1 (Fisher–Yates shuffle).
 *
 * @param length The number of indices.
 * @param options Seed and epoch, which together determine the order.
 * @returns Every index once, [length].
 * @throws {RangeError} If `length` is not a non-negative integer.
 *
 * @example A new order for each epoch
 * ```ts
 * import { shuffledIndices } from "@swagpu/swagpu/nn";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * const first = shuffledIndices(100, { seed: 7, epoch: 0 });
 * assertEquals(first, shuffledIndices(100, { seed: 7, epoch: 0 }));
 * assertNotEquals(first, shuffledIndices(100, { seed: 7, epoch: 1 }));
 * assertEquals(first.toSorted(), Uint32Array.from({ length: 100 }, (_, i) => i));
 * ```
 */
export function shuffledIndices(
  length: number,
  options: ShuffleOptions = {},
): Uint32Array<ArrayBuffer> {
  checkCount("shuffle", "row count", { value: length, least: 0 });
  const indices = Uint32Array.from({ length }, (_, i) => i);
  shuffle(
    indices,
    counterRandom(options.seed ?? 0, { stream: options.epoch ?? 0 }),
  );
  return indices;
}

/**
 * Yields the row numbers of each batch, for one pass over the data.
 *
 * With `lengths`, the rows, which may have been shuffled, are divided into
 * buckets of `bucketBatches · batchSize` rows. Each bucket is sorted by length
 * and cut into batches, and with `shuffle` the batches are visited in random
 * order. Every row still appears exactly once.
 *
 * @param length The number of rows that the data has.
 * @param batchSize The number of rows of a batch.
 * @param options Order, seed, and what to do with the remainder.
 * @returns A generator of row numbers, each [batchSize]; the last batch may
 * have fewer.
 * @throws {RangeError} If a count is not a positive integer, or `lengths` does
 * not have one entry for each row.
 *
 * @example In order, with the remainder
 * ```ts
 * import { batches } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = [...batches(5, 2)].map((batch) => [...batch]);
 * assertEquals(rows, [[0, 1], [2, 3], [4]]);
 * assertEquals([...batches(5, 2, { dropLast: true })].length, 2);
 * ```
 */
export function batches(
  length: number,
  batchSize: number,
  options: BatchesOptions = {},
): Generator<Uint32Array<ArrayBuffer>, void, undefined> {
  // The body of a generator function runs at the first `next`. Checks that are
  // made here fail at the call itself.
  checkCount("cut batches", "row count", { value: length, least: 0 });
  checkCount("cut batches", "batch size", { value: batchSize, least: 1 });
  checkOptions(options, { action: "cut batches", known: BATCHES_OPTIONS });
  const bucketBatches = options.bucketBatches ?? 16;
  checkCount("cut batches", "bucket size", { value: bucketBatches, least: 1 });
  if (options.lengths && options.lengths.length !== length) {
    throw new RangeError(
      `Cannot cut batches of ${length} rows by ${options.lengths.length} lengths: expected one length for each row`,
    );
  }
  return cut(length, batchSize, { ...options, bucketBatches });
}

/** Implements {@linkcode batches}, which has checked the arguments. */
function* cut(
  length: number,
  batchSize: number,
  options: BatchesOptions & { bucketBatches: number },
): Generator<Uint32Array<ArrayBuffer>, void, undefined> {
  const { lengths, seed = 0, epoch = 0 } = options;
  const order = options.shuffle
    ? shuffledIndices(length, { seed, epoch })
    : Uint32Array.from({ length }, (_, i) => i);
  if (lengths) {
    const size = batchSize * options.bucketBatches;
    for (let start = 0; start < length; start += size) {
      order.subarray(start, start + size).sort((a, b) =>
        (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b
      );
    }
  }
  const full = Math.floor(length / batchSize);
  const count = options.dropLast ? full : Math.ceil(length / batchSize);
  // A batch that is not full stays last, so that all others have one shape.
  const visit = Uint32Array.from({ length: count }, (_, i) => i);
  if (lengths && options.shuffle) {
    // Shuffling rows uses stream `epoch`; the inverted seed keeps the two
    // apart.
    shuffle(visit.subarray(0, full), counterRandom(~seed, { stream: epoch }));
  }
  for (const batch of visit) {
    yield order.slice(batch * batchSize, (batch + 1) * batchSize);
  }
}

/** Shuffles in place (Fisher–Yates). */
function shuffle(values: Uint32Array, random: () => number): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = values[i] ?? 0;
    values[i] = values[j] ?? 0;
    values[j] = kept;
  }
}

/** The names of {@linkcode BatchesOptions}. */
const BATCHES_OPTIONS: readonly (keyof BatchesOptions)[] = [
  "seed",
  "epoch",
  "shuffle",
  "dropLast",
  "lengths",
  "bucketBatches",
];

/** Throws unless `value` is an integer of at least `least`. */
function checkCount(
  action: string,
  name: string,
  { value, least }: { value: number; least: number },
): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(
      `Cannot ${action}: ${name} is ${value}, but must be an integer of at least ${least}`,
    );
  }
}
