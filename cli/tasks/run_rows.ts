// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a model over rows of tokens in batches, and reads what it computes with few
 * waits.
 *
 * @module
 */

import { keep, noGrad, readAll, scope, type Tensor } from "../../engine/mod.ts";
import {
  DataCollatorWithPadding,
  type EncoderInputs,
  type TokenizedFeature,
  toTensors,
} from "../../models/mod.ts";
import { batches } from "../../nn/mod.ts";
import { NotFiniteError } from "../classifier.ts";
import type { LoadedModel, OutputOptions, TaskModel, TaskRow } from "./task.ts";

/** The milliseconds between two readings. */
const READ_EVERY = 500;

/** The most batches between two readings. */
const MOST_BATCHES = 64;

/** Padded lengths are multiples of this. */
const LENGTH_STEP = 8;

/** A row that a model reads, and its name in messages. */
export interface RunRow extends TaskRow, TokenizedFeature {
  /** The row of the file that it was made from. */
  readonly place: string;
}

/** What to compute, and what to keep of it. */
export interface RunOptions {
  /** Computes tensors whose first axis is the rows of a batch. */
  readonly compute: (inputs: EncoderInputs) => readonly Tensor[];
  /** Takes the values of one row, from each tensor. */
  readonly take: (row: number, values: readonly Float32Array[]) => void;
}

/**
 * Runs a model over all rows, those of similar length together. The model is put in
 * evaluation mode. Values are read about twice a second, so that progress can be
 * shown.
 */
export async function runRows(
  rows: readonly RunRow[],
  { model, tokenizer, maxLength, batchSize, advance }: Pick<
    OutputOptions<TaskModel>,
    "model" | "tokenizer" | "maxLength" | "batchSize" | "advance"
  >,
  { compute, take }: RunOptions,
): Promise<void> {
  const lengths = Int32Array.from(rows, ({ length }) => length);
  // All rows are in one bucket, so that rows of similar length are computed together.
  const bucketBatches = Math.ceil(rows.length / batchSize) + 1;
  const parts = [
    ...batches(rows.length, batchSize, { lengths, bucketBatches }),
  ];
  const collator = new DataCollatorWithPadding(tokenizer, {
    padding: "bucketed",
    padToMultipleOf: LENGTH_STEP,
    maxLength: lengths.reduce((a, b) => Math.max(a, b), maxLength),
    paddingSide: "right",
    usesPacking: model.usesPacking,
    fewShapes: false,
  });
  const computeOne = (part: Uint32Array): Tensor[] => {
    using _ = scope();
    const own = Array.from(part, (row): TokenizedFeature => {
      const { inputIds = [], tokenTypeIds } = rows[row] ?? {};
      return { inputIds, tokenTypeIds };
    });
    return compute(toTensors(collator.collate(own))).map((x) => keep(x));
  };
  model.eval();
  let size = 1;
  for (let start = 0; start < parts.length;) {
    const began = performance.now();
    const some = parts.slice(start, start + size);
    for (const [i, values] of (await readParts(some, computeOne)).entries()) {
      const part = some[i] ?? [];
      part.forEach((row, index) => {
        const own = values.map((list) => {
          const width = list.length / part.length;
          return list.subarray(index * width, (index + 1) * width);
        });
        take(row, own);
      });
    }
    advance(some.reduce((sum, part) => sum + part.length, 0));
    start += some.length;
    const each = (performance.now() - began) / some.length;
    const fitting = Math.floor(READ_EVERY / each);
    size = Math.max(1, Math.min(fitting, 2 * size, MOST_BATCHES));
  }
}

/** Computes the tensors of some batches, and reads all of them with one wait. */
async function readParts(
  parts: readonly Uint32Array[],
  compute: (part: Uint32Array) => Tensor[],
): Promise<Float32Array[][]> {
  using _ = scope();
  const tensors = noGrad(() => parts.map(compute));
  const values = await readAll(tensors.flat());
  let at = 0;
  return tensors.map(({ length }) =>
    values.slice(at, at += length).map((own) => Float32Array.from(own))
  );
}

/** @throws {NotFiniteError} If a score is not a finite number. */
export function checkFinite(
  scores: Float32Array,
  { row, place }: { row: number; place: string },
): void {
  if (scores.every(Number.isFinite)) return;
  const wrong = scores.findIndex((score) => !Number.isFinite(score));
  throw new NotFiniteError(row, scores.subarray(wrong, wrong + 4), place);
}

/** Which samples of a posterior to use, and how to show progress. */
export interface MemberOptions {
  /** How many samples to draw; 0 for the weights alone. */
  readonly samples: number;
  /** The factor on the covariance. */
  readonly scale: number;
  /** The seed of the samples. */
  readonly seed: number;
}

/**
 * Calls a function with each sample of the weights, or with the weights alone if
 * there is no posterior, and gives what it returns. The weights are restored.
 */
export async function ofMembers<T>(
  { swag }: Pick<LoadedModel, "swag">,
  { samples, scale, seed }: MemberOptions,
  compute: () => Promise<T>,
): Promise<T[]> {
  if (!swag || samples === 0) return [await compute()];
  const all: T[] = [];
  for (let index = 0; index < samples; index++) {
    all.push(await swag.withSample({ scale, seed, index }, compute));
  }
  return all;
}
