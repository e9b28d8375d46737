// Copyright 2026 the swagpu authors. MIT license.

/**
 * Holds rows out for validation, so that each class keeps its share.
 *
 * @module
 */

import { checkOptions } from "./options.ts";
import { randomIndices, shuffleInPlace } from "./random.ts";

/** Options of {@linkcode stratifiedSplit}. */
export interface SplitOptions<T> {
  /**
   * How many rows to hold out: a share between 0 and 1, of which the count is rounded
   * up as scikit-learn does, or a whole number.
   */
  size: number;
  /** Decides which rows: a whole number from 0 to 2³² − 1. @default {0} */
  seed?: number | undefined;
  /**
   * The class of a row, whose share is kept: the name of a field, or a function.
   * @default {all rows are of one class}
   */
  by?: (keyof T & string) | ((row: T, index: number) => unknown) | undefined;
}

/** The parts of {@linkcode stratifiedSplit}. */
export interface Split<T> {
  /** The rows to learn from, in their order. */
  train: T[];
  /** The rows that are held out, in their order. */
  validation: T[];
}

/**
 * Holds out rows at random so that every class has the same share among them as among
 * all: of a class with `m` of `n` rows, `size · m / n` rows, rounded so that the counts
 * add up (the method of the largest remainder; chance decides between equal ones). As
 * long as others can be taken, the last row of a class is not, so that there is one to
 * learn from. A seed gives the same split on every machine.
 *
 * @param rows The rows.
 * @param options How many rows, and what their classes are.
 * @returns The two parts. The rows keep their order.
 * @throws {TypeError} If an option is not known, or `by` is no field and no function.
 * @throws {RangeError} If one of the parts would be empty.
 *
 * @example A tenth for validation
 * ```ts
 * import { stratifiedSplit } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = Array.from({ length: 50 }, (_, i) => ({
 *   text: `text ${i}`,
 *   label: i % 5 === 0 ? "rare" : "common",
 * }));
 * const { train, validation } = stratifiedSplit(rows, {
 *   size: 0.1,
 *   seed: 7,
 *   by: "label",
 * });
 * assertEquals([train.length, validation.length], [45, 5]);
 * assertEquals(validation.filter(({ label }) => label === "rare").length, 1);
 * ```
 */
export function stratifiedSplit<T>(
  rows: readonly T[],
  options: SplitOptions<T>,
): Split<T> {
  checkOptions(options, { action: "split", known: ["size", "seed", "by"] });
  const { size, seed = 0, by } = options;
  const count = countOf(rows.length, size);
  const draw = randomIndices(seed);
  const classes = [
    ...Map.groupBy(rows.keys(), (i) => classOf(rows, i, by)).values(),
  ];
  const order = shuffleInPlace([...classes.keys()], draw);
  const quotas = quotasOf(classes.map(({ length }) => length), {
    count,
    order,
  });
  const isHeld = new Uint8Array(rows.length);
  classes.forEach((members, i) => {
    const order = shuffleInPlace([...members], draw);
    for (const row of order.slice(0, quotas[i])) isHeld[row] = 1;
  });
  return {
    train: rows.filter((_, i) => isHeld[i] === 0),
    validation: rows.filter((_, i) => isHeld[i] === 1),
  };
}

/** How many rows to hold out. */
function countOf(rows: number, size: number): number {
  const isShare = size > 0 && size < 1;
  // The product may lie a little above a whole number that it should be.
  const count = isShare ? Math.ceil(size * rows - 1e-9) : size;
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(
      `Cannot hold out ${size} of ${rows} rows: expected a share between 0 ` +
        "and 1, or a whole number",
    );
  }
  if (count < rows) return count;
  throw new RangeError(
    `Cannot hold out ${count} of ${rows} rows: none would be left to learn from`,
  );
}

function classOf<T>(
  rows: readonly T[],
  index: number,
  by: SplitOptions<T>["by"],
): unknown {
  if (by === undefined) return undefined;
  const row = rows[index] as T;
  if (typeof by === "function") return by(row, index);
  const isObject = typeof row === "object" && row !== null;
  if (isObject && Object.hasOwn(row, by)) return row[by];
  throw new TypeError(
    `Cannot split by ${JSON.stringify(by)}: row ${index + 1} has no such field`,
  );
}

/**
 * How many rows of each class to hold out, by the largest remainder.
 *
 * @param sizes How many rows each class has.
 * @param count How many rows to hold out.
 * @param order The order of the classes, which decides between equal remainders.
 */
export function quotasOf(
  sizes: readonly number[],
  { count, order }: { count: number; order: readonly number[] },
): number[] {
  const all = sizes.reduce((sum, size) => sum + size, 0);
  // Whole numbers, so that equal remainders are equal.
  const quotas = sizes.map((size) => Math.floor(size * count / all));
  const remainders = sizes.map((size) => (size * count) % all);
  const best = order.toSorted((a, b) =>
    (remainders[b] ?? 0) - (remainders[a] ?? 0)
  );
  let left = count - quotas.reduce((sum, quota) => sum + quota, 0);
  for (const sparesLast of [true, false]) {
    for (const i of best) {
      const quota = quotas[i] ?? 0;
      const wasRaised = quota > Math.floor((sizes[i] ?? 0) * count / all);
      const most = (sizes[i] ?? 0) - (sparesLast ? 1 : 0);
      if (left === 0 || wasRaised || quota >= most) continue;
      quotas[i] = quota + 1;
      left--;
    }
  }
  return quotas;
}
