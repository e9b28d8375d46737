// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Batches of rows of similar or equal length.

import { checkOptions, counterRandom, shuffledIndices } from "../../nn/mod.ts";
import { bucketedLength } from "./bucketed_length.ts";

/** Options of {@linkcode groupByLength}. */
export interface GroupByLengthOptions {
  /**
   * The number of batches of a mega-batch.
   *
   * @default {as many as give four mega-batches, from 1 to 50}
   */
  megaBatchMult?: number | undefined;
  /** The seed of the run, an integer of 32 bits. @default {0} */
  seed?: number | undefined;
  /** The pass over the data. Each pass has another order. @default {0} */
  epoch?: number | undefined;
}

/** Options of {@linkcode uniformLengthBatches}. */
export interface UniformLengthOptions {
  /**
   * The lengths to which rows are padded, rising.
   *
   * @default {those of `bucketedLength`}
   */
  buckets?: readonly number[] | undefined;
  /** The number of which padded lengths are multiples. @default {none} */
  multipleOf?: number | undefined;
  /** The longest row that the model supports. @default {Infinity} */
  limit?: number | undefined;
  /** Whether rows and batches are in random order. @default {false} */
  shuffle?: boolean | undefined;
  /** The seed of the run, an integer of 32 bits. @default {0} */
  seed?: number | undefined;
  /** The pass over the data. Each pass has another order. @default {0} */
  epoch?: number | undefined;
  /** Whether to leave out batches that are not full. @default {false} */
  dropLast?: boolean | undefined;
}

const GROUP_OPTIONS: readonly (keyof GroupByLengthOptions)[] = [
  "megaBatchMult",
  "seed",
  "epoch",
];

const UNIFORM_OPTIONS: readonly (keyof UniformLengthOptions)[] = [
  "buckets",
  "multipleOf",
  "limit",
  "shuffle",
  "seed",
  "epoch",
  "dropLast",
];

/** The most batches of a mega-batch, and how many of them there should be. */
const MOST_BATCHES = 50;
const MEGA_BATCHES = 4;

/**
 * Random batches of rows of similar length, in the manner of transformers'
 * `LengthGroupedSampler` (`group_by_length`): a random order of all rows is cut
 * into mega-batches of `megaBatchMult` batches, and each of them is sorted by
 * length, the longest first. The longest row of all comes first, so that a lack
 * of memory shows at once.
 *
 * The order depends on the seed and the epoch alone. Its random numbers are not
 * those of torch.
 *
 * @param lengths The number of tokens of each row.
 * @param batchSize The number of rows of a batch.
 * @param options The size of mega-batches, seed and epoch.
 * @returns The row numbers of each batch; the last one may have fewer.
 * @throws {RangeError} If `batchSize` or `megaBatchMult` is not a whole number
 * from 1.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { groupByLength } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const lengths = [5, 80, 6, 78];
 * const batches = groupByLength(lengths, 2, { megaBatchMult: 2 });
 * assertEquals(batches.map((rows) => [...rows]), [[1, 3], [2, 0]]);
 * ```
 */
export function groupByLength(
  lengths: ArrayLike<number>,
  batchSize: number,
  options: GroupByLengthOptions = {},
): Uint32Array<ArrayBuffer>[] {
  checkOptions(options, { action: "group by length", known: GROUP_OPTIONS });
  requireCount("batchSize", batchSize);
  const count = lengths.length;
  const usual = Math.floor(count / (batchSize * MEGA_BATCHES));
  const { megaBatchMult = Math.max(1, Math.min(usual, MOST_BATCHES)) } =
    options;
  requireCount("megaBatchMult", megaBatchMult);
  const { seed = 0, epoch = 0 } = options;
  const rows = Array.from(shuffledIndices(count, { seed, epoch }));
  const length = (row: number | undefined) => lengths[row ?? 0] ?? 0;
  const size = megaBatchMult * batchSize;
  const megaBatches = Array.from(
    { length: Math.ceil(count / size) },
    (_, i) =>
      rows.slice(i * size, (i + 1) * size)
        .sort((a, b) => length(b) - length(a)), // Keeps the order of equals.
  );
  const [first] = megaBatches;
  let longest = first;
  for (const megaBatch of megaBatches) {
    if (length(megaBatch[0]) > length(longest?.[0])) longest = megaBatch;
  }
  if (first && longest && longest !== first) {
    [first[0], longest[0]] = [longest[0] ?? 0, first[0] ?? 0];
  }
  return cut(megaBatches.flat(), batchSize);
}

/**
 * Batches whose rows are all padded to the same length: that which
 * {@linkcode bucketedLength} gives for each of them. With a collator of the same
 * lengths (`padding: "bucketed"`), each length then has one shape, except for
 * its last batch, which may have fewer rows.
 *
 * @param lengths The number of tokens of each row.
 * @param batchSize The number of rows of a batch.
 * @param options The lengths, and the order.
 * @returns The row numbers of each batch. Without `shuffle`, the shortest rows
 * come first.
 * @throws {RangeError} If `batchSize` is not a whole number from 1, or a row is
 * longer than all buckets.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { uniformLengthBatches } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const batches = uniformLengthBatches([5, 80, 6, 78, 7], 2);
 * assertEquals(batches.map((rows) => [...rows]), [[0, 2], [4], [1, 3]]);
 * ```
 */
export function uniformLengthBatches(
  lengths: ArrayLike<number>,
  batchSize: number,
  options: UniformLengthOptions = {},
): Uint32Array<ArrayBuffer>[] {
  checkOptions(options, { action: "cut batches", known: UNIFORM_OPTIONS });
  requireCount("batchSize", batchSize);
  const { buckets, multipleOf, limit, shuffle = false } = options;
  const { seed = 0, epoch = 0, dropLast = false } = options;
  const order = shuffle
    ? shuffledIndices(lengths.length, { seed, epoch })
    : Uint32Array.from({ length: lengths.length }, (_, row) => row);
  const groups = new Map<number, number[]>();
  for (const row of order) {
    const own = lengths[row] ?? 0;
    const padded = bucketedLength(own, { buckets, multipleOf, limit });
    const group = groups.get(padded);
    if (group) group.push(row);
    else groups.set(padded, [row]);
  }
  const all = [...groups].sort(([a], [b]) => a - b)
    .flatMap(([_, rows]) => cut(rows, batchSize))
    .filter((rows) => !dropLast || rows.length === batchSize);
  if (shuffle) {
    // Shuffling rows uses stream `epoch`; the inverted seed keeps the two apart.
    const random = counterRandom(~seed, { stream: epoch });
    for (let i = all.length - 1; i > 0; i--) { // Fisher–Yates shuffle
      const j = Math.floor(random() * (i + 1));
      const [a, b] = [all[i], all[j]];
      if (a && b) [all[i], all[j]] = [b, a];
    }
  }
  return all;
}

/** Cuts row numbers into batches. */
function cut(
  rows: readonly number[],
  batchSize: number,
): Uint32Array<ArrayBuffer>[] {
  return Array.from(
    { length: Math.ceil(rows.length / batchSize) },
    (_, i) => Uint32Array.from(rows.slice(i * batchSize, (i + 1) * batchSize)),
  );
}

/** @throws {RangeError} If a count is not a whole number from 1. */
function requireCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new RangeError(
    `Cannot cut batches with ${name} ${value}: ` +
      "it must be a whole number from 1",
  );
}
