// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Padded lengths of which few occur.

import { checkOptions } from "../../nn/mod.ts";
import { paddedLength } from "../batch.ts";

/** Options of {@linkcode bucketedLength}. */
export interface BucketedLengthOptions {
  /**
   * The lengths that may occur, rising.
   *
   * @default {multiples of `multipleOf` if that is given, else 8, 16, 24, 32
   * and then 48, 64, 96, 128, 192, 256 …}
   */
  buckets?: readonly number[] | undefined;
  /** The number of which lengths are multiples. @default {none} */
  multipleOf?: number | undefined;
  /** The longest row that the model supports. @default {Infinity} */
  limit?: number | undefined;
}

const OPTIONS: readonly (keyof BucketedLengthOptions)[] = [
  "buckets",
  "multipleOf",
  "limit",
];

/** The least length, and the step up to four times of it. */
const STEP = 8;

/**
 * The length to which a row is padded so that few lengths occur. A captured
 * step is recorded once for each shape, so a data set of all lengths up to 512
 * takes 512 recordings if it is padded to the longest row, 64 with multiples of
 * 8, and 12 by default.
 *
 * By default the length is 8, 16, 24, 32 or, from there on, the next power of
 * two or one and a half of a power of two. A longer row thus has less than a
 * third of padding.
 *
 * @param longest The number of tokens of the longest row.
 * @param options The lengths, and the model's limit.
 * @returns The length, at least `longest`, and at most `limit` if `longest` is.
 * @throws {RangeError} If the row is longer than all buckets, or buckets are not
 * rising whole numbers from 1.
 * @throws {TypeError} If both `buckets` and `multipleOf` are given, or an option
 * is not known.
 *
 * @example Usage
 * ```ts
 * import { bucketedLength } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([3, 33, 50, 200].map((n) => bucketedLength(n)), [8, 48, 64, 256]);
 * assertEquals(bucketedLength(200, { limit: 240 }), 240);
 * assertEquals(bucketedLength(33, { multipleOf: 8 }), 40);
 * assertEquals(bucketedLength(33, { buckets: [32, 128] }), 128);
 * ```
 */
export function bucketedLength(
  longest: number,
  options: BucketedLengthOptions = {},
): number {
  checkOptions(options, { action: "choose a length", known: OPTIONS });
  const { buckets, multipleOf, limit = Infinity } = options;
  if (buckets) {
    if (multipleOf !== undefined) {
      throw new TypeError(
        "Cannot choose a length by buckets and by multipleOf: pass one of them",
      );
    }
    checkBuckets(buckets);
    const bucket = buckets.find((length) => length >= longest);
    if (bucket !== undefined) return Math.max(longest, Math.min(bucket, limit));
    throw new RangeError(
      `Cannot pad a row of ${longest} tokens to a bucket: ` +
        `the longest is ${buckets.at(-1)}`,
    );
  }
  if (multipleOf !== undefined) {
    checkMultiple(multipleOf);
    return paddedLength(longest, { limit, multipleOf });
  }
  const power = 2 ** Math.floor(Math.log2(Math.max(longest, 1)));
  const next = longest <= 4 * STEP
    ? Math.max(1, Math.ceil(longest / STEP)) * STEP
    : [power, 1.5 * power, 2 * power].find((length) => length >= longest);
  return Math.max(longest, Math.min(next ?? longest, limit));
}

/** @throws {RangeError} If a multiple is not a whole number from 1. */
export function checkMultiple(multipleOf: number): void {
  if (Number.isSafeInteger(multipleOf) && multipleOf >= 1) return;
  throw new RangeError(
    `Cannot pad to a multiple of ${multipleOf}: ` +
      "it must be a whole number from 1",
  );
}

/** @throws {RangeError} If buckets are not rising whole numbers from 1. */
export function checkBuckets(buckets: readonly number[]): void {
  const rises = buckets.every((length, i) =>
    Number.isSafeInteger(length) && length > (buckets[i - 1] ?? 0)
  );
  if (rises && buckets.length > 0) return;
  throw new RangeError(
    `Cannot pad to buckets [${buckets.join(", ")}]: ` +
      "they must be whole numbers from 1, rising",
  );
}
