// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Which rows make up a batch, and in what order: seeded shuffling, cutting into
 * batches, and grouping rows of like length so that little padding is computed.
 *
 * Nothing here holds data. {@linkcode batches} yields row numbers, and the
 * caller gathers text, tokens or tensors by them. The order depends on the
 * seed and the epoch alone, so a run that resumes at epoch 7 sees the batches
 * that an uninterrupted run would have seen.
 *
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

import { checkOptions } from "./options.ts";

const MULTIPLIER = 0xd256d193;
const WEYL = 0x9e3779b9;
const ROUNDS = 10;

/** Which random sequence to draw. */
export interface CounterRandomOptions {
  /**
   * Separates sequences that share a seed, an integer of 32 bits.
   * @default {0}
   */
  stream?: number;
}

/** Which permutation to draw. */
export interface ShuffleOptions {
  /**
   * The seed of the run, an integer of 32 bits.
   * @default {0}
   */
  seed?: number;
  /**
   * The pass over the data; each has its own order.
   * @default {0}
   */
  epoch?: number;
}

/** How rows are ordered and cut into batches. */
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
   * How many batches make up a bucket when `lengths` is given. More batches
   * mean less padding and a less random order.
   * @default {16}
   */
  bucketBatches?: number;
}

/**
 * The two words of Philox 2×32 with ten rounds (Salmon and others, 2011).
 *
 * A counter-based generator: the output is a fixed function of key and counter,
 * so any element of a sequence can be had without those before it.
 *
 * @param counter The two words to encrypt.
 * @param key The seed.
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
 * A function that returns the next uniform number in [0, 1) at each call.
 *
 * Element `i` is `philox2x32([i, stream], seed)` as a fraction of 53 bits.
 *
 * @param seed The seed, an integer of 32 bits.
 * @param options The stream.
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

/**
 * A random order of `0 … length − 1`, by Fisher–Yates.
 *
 * @param length How many indices.
 * @param options Seed and epoch; together they determine the order.
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
 * The rows of each batch of one pass over the data.
 *
 * With `lengths`, the (shuffled) rows are dealt into buckets of
 * `bucketBatches · batchSize`, each bucket is sorted by length and cut into
 * batches, and under `shuffle` the batches are visited in random order. Every
 * row still appears exactly once.
 *
 * @param length How many rows the data has.
 * @param batchSize How many rows make a batch.
 * @param options Order, seed, and what to do with the remainder.
 * @returns A generator of row numbers, each [batchSize] or, at the end, fewer.
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
  // A generator's body runs at the first `next`; checking here fails at the call.
  checkCount("cut batches", "row count", { value: length, least: 0 });
  checkCount("cut batches", "batch size", { value: batchSize, least: 1 });
  checkOptions(options, { action: "cut batches", known: BATCHES_OPTIONS });
  const bucketBatches = options.bucketBatches ?? 16;
  checkCount("cut batches", "bucket size", { value: bucketBatches, least: 1 });
  if (options.lengths && options.lengths.length !== length) {
    throw new RangeError(
      `Cannot cut batches of ${length} rows by ${options.lengths.length} lengths: one length for each row is needed`,
    );
  }
  return cut(length, batchSize, { ...options, bucketBatches });
}

/** The generator behind {@linkcode batches}, whose arguments are checked. */
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
  // The short batch, if any, stays last, so that all others keep one shape.
  const visit = Uint32Array.from({ length: count }, (_, i) => i);
  if (lengths && options.shuffle) {
    // Shuffling rows uses stream `epoch`; the inverted seed keeps the two apart.
    shuffle(visit.subarray(0, full), counterRandom(~seed, { stream: epoch }));
  }
  for (const batch of visit) {
    yield order.slice(batch * batchSize, (batch + 1) * batchSize);
  }
}

/** Fisher–Yates, in place. */
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
      `Cannot ${action}: ${name} is ${value}, wanted an integer of at least ${least}`,
    );
  }
}
