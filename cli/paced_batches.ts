// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a model over rows in batches and reads its results about twice a second: each
 * reading waits for the GPU, and progress should be seen.
 *
 * @module
 */

import { persist } from "../engine/kernel_kit.ts";
import {
  type AnyTensor,
  noGrad,
  readAll,
  scope,
  type TypedArray,
} from "../engine/mod.ts";
import { batches } from "../nn/mod.ts";

/** The milliseconds between two readings. */
const READ_EVERY = 500;

/** The most batches between two readings. */
const MOST_BATCHES = 64;

/** The numbers of the rows of a batch. */
type Numbers = Uint32Array<ArrayBuffer>;

/** What to do with each batch. */
export interface PacedWork {
  /** How many rows are computed at a time. */
  readonly batchSize: number;
  /** Records the computation of the tensors that are to be read. */
  compute(numbers: Numbers): readonly AnyTensor[];
  /** Takes the elements of these tensors. */
  take(numbers: Numbers, values: readonly TypedArray[]): void;
  /** Called after each batch with its number of rows. */
  readonly advance?: ((more: number) => void) | undefined;
}

/**
 * Computes rows in batches, those of similar length together, and reads the results of
 * several batches at once.
 *
 * @param lengths The tokens of each row.
 * @param work What to compute of a batch, and what to do with it.
 */
export async function runPaced(
  lengths: ArrayLike<number>,
  { batchSize, compute, take, advance }: PacedWork,
): Promise<void> {
  const { length: count } = lengths;
  // All rows are in one bucket, so that rows of similar length are computed together.
  const bucketBatches = Math.ceil(count / batchSize) || 1;
  const parts = [...batches(count, batchSize, { lengths, bucketBatches })];
  let size = 1;
  for (let start = 0; start < parts.length;) {
    const began = performance.now();
    const some = parts.slice(start, start + size);
    const values = await readOnce(some.map((part) => () => compute(part)));
    for (const [i, part] of some.entries()) {
      take(part, values[i] ?? []);
      advance?.(part.length);
    }
    start += some.length;
    const each = (performance.now() - began) / some.length;
    const fitting = Math.floor(READ_EVERY / each);
    size = Math.max(1, Math.min(fitting, 2 * size, MOST_BATCHES));
  }
}

/** Computes lists of tensors, and reads all of them with one wait. */
async function readOnce(
  parts: readonly (() => readonly AnyTensor[])[],
): Promise<TypedArray[][]> {
  const all: AnyTensor[] = [];
  try {
    const counts = noGrad(() =>
      parts.map((compute) => {
        // No scope stays open while the host waits: another one may open then.
        using _ = scope();
        const own = compute();
        for (const x of own) all.push(persist(x));
        return own.length;
      })
    );
    const values = await readAll(all);
    let at = 0;
    return counts.map((count) => values.slice(at, at += count));
  } finally {
    for (const x of all) x.dispose();
  }
}
