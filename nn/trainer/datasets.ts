// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Datasets of a Trainer, and the rows of their batches.

import { batches } from "../batches.ts";

/** Rows that can be reached by their number, such as an array. */
export interface IndexedDataset<Row> {
  /** The number of rows. */
  readonly length: number;
  /** Gives one row. */
  at(index: number): Row | undefined | Promise<Row | undefined>;
}

/**
 * Rows to train or evaluate on: an array, anything with `length` and `at(i)`
 * (which may be asynchronous), or an iterable that can be run through once per
 * epoch, such as a file that is read line by line. The rows of an iterable are
 * not shuffled.
 */
export type TrainerDataset<Row> =
  | IndexedDataset<Row>
  | Iterable<Row>
  | AsyncIterable<Row>;

/** Whether a dataset has a length, and rows by number. */
export function isIndexed<Row>(
  dataset: TrainerDataset<Row>,
): dataset is IndexedDataset<Row> {
  return "length" in dataset && "at" in dataset;
}

/**
 * Throws unless a value is a dataset with rows, as far as can be seen.
 *
 * @throws {TypeError} If it is of another kind.
 * @throws {RangeError} If it has no rows.
 */
export function checkDataset(
  dataset: unknown,
  name: string,
): void {
  const isObject = typeof dataset === "object" && dataset !== null;
  const fits = isObject &&
    (isIndexed(dataset as TrainerDataset<unknown>) ||
      Symbol.iterator in dataset || Symbol.asyncIterator in dataset);
  if (!fits) {
    throw new TypeError(
      `Cannot use ${name} ${String(dataset)}: it must be an array, an object ` +
        "with length and at(), or an iterable",
    );
  }
  if ((dataset as { length?: number }).length === 0) {
    throw new RangeError(`Cannot use ${name}: it has no rows`);
  }
}

/** How to make batches of rows. */
export interface RowBatchOptions {
  batchSize: number;
  dropLast: boolean;
  /** How many batches to leave out at the start. */
  skip: number;
  /** How to shuffle an indexed dataset; nothing for its own order. */
  shuffle?: { seed: number; epoch: number; lengths: number[] | undefined };
}

/**
 * Yields the rows of each batch of a pass. Batches that are left out are yielded
 * without rows; those of an indexed dataset are not fetched.
 */
export async function* rowBatches<Row>(
  dataset: TrainerDataset<Row>,
  { batchSize, dropLast, skip, shuffle }: RowBatchOptions,
): AsyncGenerator<Row[]> {
  let count = 0;
  if (!isIndexed(dataset)) {
    let rows: Row[] = [];
    for await (const row of dataset) {
      rows.push(row);
      if (rows.length < batchSize) continue;
      yield count++ < skip ? [] : rows;
      rows = [];
    }
    if (rows.length > 0 && !dropLast) yield count < skip ? [] : rows;
    return;
  }
  const { lengths, ...order } = shuffle ?? {};
  const numbers = batches(dataset.length, batchSize, {
    dropLast,
    ...(shuffle ? { ...order, shuffle: true } : {}),
    ...(lengths ? { lengths } : {}),
  });
  for (const batch of numbers) {
    if (count++ < skip) {
      yield [];
      continue;
    }
    const rows: Row[] = [];
    for (const i of batch) rows.push(await rowAt(dataset, i));
    yield rows;
  }
}

async function rowAt<Row>(
  dataset: IndexedDataset<Row>,
  index: number,
): Promise<Row> {
  const row = await dataset.at(index);
  if (row !== undefined) return row;
  throw new RangeError(
    `Cannot use the dataset: at(${index}) gave nothing, but its length is ` +
      `${dataset.length}`,
  );
}

/**
 * The length of every row: its property `column`, or the length of `inputIds`.
 *
 * @throws {TypeError} If a row has neither, or the dataset has no length.
 */
export async function rowLengths<Row>(
  dataset: TrainerDataset<Row>,
  column: string,
): Promise<number[]> {
  if (!isIndexed(dataset)) {
    throw new TypeError(
      "Cannot group rows by length: the dataset has no length",
    );
  }
  const lengths: number[] = [];
  for (let i = 0; i < dataset.length; i++) {
    const row = Object(await rowAt(dataset, i)) as Record<string, unknown>;
    const inputIds = row["inputIds"] as { length?: number } | undefined;
    const length = row[column] ?? inputIds?.length;
    if (typeof length !== "number") {
      throw new TypeError(
        `Cannot group rows by length: row ${i} has neither ${column} nor ` +
          "inputIds; name the property by lengthColumnName",
      );
    }
    lengths.push(length);
  }
  return lengths;
}
