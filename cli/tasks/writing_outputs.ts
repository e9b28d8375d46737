// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a model with an encoder and a decoder: how probable it holds the true texts, and
 * which texts it writes itself.
 *
 * @module
 */

import { crossEntropy, tensor } from "../../engine/mod.ts";
import { DataCollatorForSeq2Seq, toTensors } from "../../models/mod.ts";
import { checkFinite } from "../not_finite.ts";
import { runPaced } from "../paced_batches.ts";
import { maxTargetLength, type WritingRow } from "./source_target_rows.ts";
import type { OutputOptions } from "./task.ts";
import { rowsAtATime } from "./token_scores.ts";
import {
  writeTexts,
  type WritingModel,
  writingOptions,
  type WritingTask,
} from "./written_texts.ts";

/** What a model says of rows. */
export interface WritingOutputs {
  /** The natural logarithm of the probability of each token of each target. */
  readonly logProbabilities: readonly Float32Array[];
  /** The texts that it writes, unless they are not asked for. */
  readonly texts: readonly string[] | undefined;
}

/** How rows are run. */
type Options = OutputOptions<WritingModel>;

/**
 * Scores the tokens of each target, given its source and the tokens before, and writes
 * a text from each source. Texts cannot be averaged, so none is written with one of
 * several samples of the weights, nor with `--no-generate`.
 *
 * @throws {NotFiniteError} If a score is not a finite number.
 */
export async function writingOutputs(
  rows: readonly WritingRow[],
  task: WritingTask,
  options: Options,
): Promise<WritingOutputs> {
  const { model, args, isSample, advance } = options;
  const writes = !isSample && !args.flag("no-generate");
  const wasTraining = model.training;
  model.eval();
  try {
    const logProbabilities = await targetScores(rows, {
      ...options,
      // Writing takes far longer, and tells how far it is.
      advance: writes ? () => {} : advance,
    });
    if (!writes) return { logProbabilities, texts: undefined };
    const texts = await writeTexts(rows.map(({ source }) => source), {
      ...options,
      task,
      generation: writingOptions(args, model.config),
      seed: args.integer("seed") ?? 0,
    });
    return { logProbabilities, texts };
  } finally {
    model.train(wasTraining);
  }
}

/** The logarithm of the probability of each token of each target. */
async function targetScores(
  rows: readonly WritingRow[],
  { model, tokenizer, args, maxLength, batchSize, advance }: Options,
): Promise<Float32Array[]> {
  const collator = new DataCollatorForSeq2Seq(tokenizer, {
    model,
    padding: "longest",
    paddingSide: "right",
    maxLength,
    maxTargetLength: maxTargetLength(args, model.config, maxLength),
  });
  const lengths = rows.map(({ length }) => length);
  const longest = rows.reduce(
    (most, row) => Math.max(most, row.labels.length),
    1,
  );
  const rowsOf = (numbers: Uint32Array<ArrayBuffer>) =>
    Array.from(numbers, (i) => rows[i]).filter((row) => row !== undefined);
  const outputs: Float32Array[] = [];
  await runPaced(lengths, {
    batchSize: rowsAtATime(batchSize, longest, model.config),
    advance,
    compute(numbers) {
      const { labels, ...batch } = collator.collate(rowsOf(numbers));
      const { logits } = model.forward(toTensors(batch));
      const targets = tensor(labels.data, { shape: labels.shape });
      return [crossEntropy(logits, targets, { reduction: "none" })];
    },
    take(numbers, [losses = new Float32Array()]) {
      const width = losses.length / numbers.length;
      numbers.forEach((row, i) => {
        const count = rows[row]?.labels.length ?? 0;
        const own = Float32Array.from(
          losses.subarray(i * width, i * width + count),
          (loss) => -loss,
        );
        checkFinite(own, row, rows[row]?.place);
        outputs[row] = own;
      });
    },
  });
  return outputs;
}
