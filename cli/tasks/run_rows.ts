// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a model over rows of tokens in batches, and gives what it computes row by row.
 *
 * @module
 */

import type { Tensor } from "../../engine/mod.ts";
import {
  DataCollatorWithPadding,
  type EncoderInputs,
  type TokenizedFeature,
  toTensors,
} from "../../models/mod.ts";
import { runPaced } from "../paced_batches.ts";
import type { OutputOptions, TaskModel, TaskRow } from "./task.ts";

/** Padded lengths are multiples of this. */
const LENGTH_STEP = 8;

/** A row that a model reads, and its name in messages. */
export interface RunRow extends TaskRow, TokenizedFeature {
  /** The row of the file that it was made from. */
  readonly place: string;
}

/** Which model computes, and how. */
export type RowOptions<Model> = Pick<
  OutputOptions<Model>,
  "model" | "tokenizer" | "maxLength" | "batchSize" | "advance"
>;

/** What to compute, and what to keep of it. */
export interface RunOptions {
  /** Computes tensors whose first axis is the rows of a batch. */
  readonly compute: (inputs: EncoderInputs) => readonly Tensor[];
  /** Takes the values of one row, from each tensor. */
  readonly take: (
    row: number,
    values: readonly Float32Array<ArrayBuffer>[],
  ) => void;
}

/**
 * Runs a model over all rows, those of similar length together. The model is put in
 * evaluation mode.
 */
export async function runRows(
  rows: readonly RunRow[],
  { model, tokenizer, maxLength, batchSize, advance }: RowOptions<TaskModel>,
  { compute, take }: RunOptions,
): Promise<void> {
  const lengths = rows.map(({ length }) => length);
  const collator = new DataCollatorWithPadding(tokenizer, {
    padding: "bucketed",
    padToMultipleOf: LENGTH_STEP,
    maxLength: lengths.reduce((a, b) => Math.max(a, b), maxLength),
    paddingSide: "right",
    usesPacking: model.usesPacking,
    fewShapes: false,
  });
  model.eval();
  await runPaced(lengths, {
    batchSize,
    advance,
    compute(numbers) {
      const own = Array.from(numbers, (row): TokenizedFeature => {
        const { inputIds = [], tokenTypeIds } = rows[row] ?? {};
        return { inputIds, tokenTypeIds };
      });
      return compute(toTensors(collator.collate(own)));
    },
    take(numbers, values) {
      numbers.forEach((row, index) => {
        const own = values.map((list) => {
          const width = list.length / numbers.length;
          const [begin, end] = [index * width, (index + 1) * width];
          return Float32Array.from(list.subarray(begin, end));
        });
        take(row, own);
      });
    },
  });
}
