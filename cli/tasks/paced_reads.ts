// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a model over batches and reads its results about twice a second: each reading
 * waits for the GPU, and progress should be seen.
 *
 * @module
 */

import { persist } from "../../engine/kernel_kit.ts";
import {
  type AnyTensor,
  noGrad,
  readAll,
  scope,
  type TypedArray,
} from "../../engine/mod.ts";

/** The milliseconds between two readings. */
const READ_EVERY = 500;

/** The most batches between two readings. */
const MOST_BATCHES = 64;

/** What to do with each batch. */
export interface PacedWork<Batch> {
  /** Records the computation of the tensors that are to be read. */
  compute(batch: Batch): readonly AnyTensor[];
  /** Takes the elements of these tensors. */
  take(batch: Batch, values: readonly TypedArray[]): void;
}

/** Computes batches one after the other, and reads the results of several at once. */
export async function readPaced<Batch>(
  batches: readonly Batch[],
  { compute, take }: PacedWork<Batch>,
): Promise<void> {
  let size = 1;
  for (let start = 0; start < batches.length;) {
    const began = performance.now();
    const some = batches.slice(start, start + size);
    const values = await readOnce(some.map((batch) => () => compute(batch)));
    some.forEach((batch, i) => take(batch, values[i] ?? []));
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
