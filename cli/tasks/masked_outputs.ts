// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a masked language model on hidden tokens: on a share of those of texts, or, for
 * pairs of sentences, on each token in turn.
 *
 * @module
 */

import {
  type AnyTensor,
  indexSelect,
  reshape,
  type Tensor,
  tensor,
  type TypedArray,
} from "../../engine/mod.ts";
import {
  type AutoModelForMaskedLM,
  DataCollatorWithPadding,
  packingOf,
  toTensors,
} from "../../models/mod.ts";
import { checkFinite } from "../not_finite.ts";
import { runPaced } from "../paced_batches.ts";
import {
  IGNORED,
  type MaskedBatch,
  MaskingCollator,
} from "./masked_collator.ts";
import type { MaskedRow, PairRow, PlainRow, Sentence } from "./masked_rows.ts";
import type { OutputOptions } from "./task.ts";
import {
  emptyScores,
  rowsAtATime,
  type TokenScores,
  tokenTensors,
} from "./token_scores.ts";

/** A masked language model of any architecture. */
export type MaskedModel = Awaited<
  ReturnType<typeof AutoModelForMaskedLM.fromPretrained>
>;

/** How rows are run. */
type Options = OutputOptions<MaskedModel>;

/**
 * Scores the hidden tokens of rows. Those of a pair are all tokens of the first
 * sentence and then all of the second.
 *
 * @throws {NotFiniteError} If a score is not a finite number.
 */
export async function maskedOutputs(
  rows: readonly MaskedRow[],
  options: Options,
): Promise<TokenScores[]> {
  const { model } = options;
  const wasTraining = model.training;
  model.eval();
  try {
    const pairs = rows.filter((row) => row.kind === "pair");
    return pairs.length > 0
      ? await pairOutputs(pairs, options)
      : await textOutputs(rows.filter((row) => row.kind === "text"), options);
  } finally {
    model.train(wasTraining);
  }
}

/** How many rows of some lengths are computed at a time. */
function batchSizeOf(
  lengths: readonly number[],
  { batchSize, model: { config } }: Options,
): number {
  const longest = lengths.reduce((a, b) => Math.max(a, b), 1);
  return rowsAtATime(batchSize, longest, config);
}

/** The scores of some positions of a batch, `[positions, vocabulary]`. */
function scoresAt(
  model: MaskedModel,
  { labels: _, ...batch }: MaskedBatch,
  positions: readonly number[],
): Tensor {
  const { logits } = model.forward(toTensors(batch));
  if (batch.predictions) return logits;
  return indexSelect(
    reshape(logits, [-1, logits.shape.at(-1) ?? 0]),
    tensor(Int32Array.from(positions)),
  );
}

/** Scores the hidden tokens of texts. */
async function textOutputs(
  rows: readonly PlainRow[],
  options: Options,
): Promise<TokenScores[]> {
  const { model, tokenizer, args, maxLength, advance } = options;
  const collator = new MaskingCollator(tokenizer, {
    args,
    model,
    maxLength,
    isTraining: false,
  });
  const outputs: TokenScores[] = [];
  const lengths = rows.map(({ length }) => length);
  await runPaced(lengths, {
    batchSize: batchSizeOf(lengths, options),
    advance,
    compute(numbers): readonly AnyTensor[] {
      const own = Array.from(numbers, (i) => rows[i]).filter((row) =>
        row !== undefined
      );
      const batch = collator.collate(own, 0);
      const { data, shape: [, length = 0] } = batch.labels;
      const positions: number[] = [];
      numbers.forEach((row, i) => {
        const hidden: number[] = [];
        for (let at = i * length; at < (i + 1) * length; at++) {
          if (data[at] !== IGNORED) hidden.push(at);
        }
        outputs[row] = emptyScores(hidden.map((at) => data[at] ?? 0));
        positions.push(...hidden);
      });
      if (positions.length === 0) return [];
      const labels = positions.map((at) => data[at] ?? 0);
      return tokenTensors(
        scoresAt(model, batch, positions),
        tensor(Int32Array.from(labels)),
      );
    },
    take(numbers, values) {
      let at = 0;
      for (const row of numbers) {
        const scores = outputs[row] ?? emptyScores([]);
        for (let i = 0; i < scores.labels.length; i++) {
          fill(scores, i, values, at++);
        }
        checkFinite(scores.logProbabilities, row, rows[row]?.place);
      }
    },
  });
  return outputs;
}

/** A sentence of which one token is hidden. */
interface Variant {
  readonly row: number;
  readonly sentence: Sentence;
  /** The index of the hidden token in the sentence. */
  readonly index: number;
  /** The place of the token in the scores of the row. */
  readonly place: number;
}

/** Scores each token of sentences, given all others. */
async function pairOutputs(
  rows: readonly PairRow[],
  options: Options,
): Promise<TokenScores[]> {
  const { model, tokenizer, maxLength, advance } = options;
  const collator = new DataCollatorWithPadding(tokenizer, {
    maxLength,
    paddingSide: "right",
  });
  const mask = tokenizer.maskTokenId ?? 0;
  const outputs = rows.map(({ good, bad }) =>
    emptyScores(
      [good, bad].flatMap(({ hidden, inputIds }) =>
        hidden.map((index) => inputIds[index] ?? 0)
      ),
    )
  );
  const variants = rows.flatMap(({ good, bad }, row) =>
    [good, bad].flatMap((sentence, second) =>
      sentence.hidden.map((index, i): Variant => {
        const place = second * good.hidden.length + i;
        return { row, sentence, index, place };
      })
    )
  );
  const lengths = variants.map(({ sentence }) => sentence.inputIds.length);
  await runPaced(lengths, {
    batchSize: batchSizeOf(lengths, options),
    advance: shareOf(rows.length, variants.length, advance),
    compute(numbers) {
      const own = chosen(variants, numbers);
      const batch = collator.collate(own.map(({ sentence, index }) => ({
        inputIds: sentence.inputIds.with(index, mask),
        tokenTypeIds: sentence.tokenTypeIds,
      })));
      const { shape: [count = 0, length = 0] } = batch.inputIds;
      const positions = own.map(({ index }, i) => i * length + index);
      const isHidden = new Uint8Array(count * length);
      for (const at of positions) isHidden[at] = 1;
      const labels = Int32Array.from(
        own,
        ({ sentence, index }) => sentence.inputIds[index] ?? 0,
      );
      const logits = scoresAt(model, {
        ...batch,
        labels: batch.inputIds,
        ...model.usesPredictions
          ? { predictions: packingOf(isHidden, [count, length]) }
          : {},
      }, positions);
      return tokenTensors(logits, tensor(labels));
    },
    take(numbers, values) {
      chosen(variants, numbers).forEach(({ row, place }, i) => {
        const scores = outputs[row];
        if (scores) fill(scores, place, values, i);
      });
    },
  });
  outputs.forEach(({ logProbabilities }, row) =>
    checkFinite(logProbabilities, row, rows[row]?.place)
  );
  return outputs;
}

function chosen(
  variants: readonly Variant[],
  numbers: Uint32Array<ArrayBuffer>,
): Variant[] {
  return Array.from(numbers, (i) => variants[i]).filter((one) =>
    one !== undefined
  );
}

/** Notes what was read of a token. */
function fill(
  scores: TokenScores,
  place: number,
  [losses, best, bestLosses]: readonly TypedArray[],
  at: number,
): void {
  scores.logProbabilities[place] = -(losses?.[at] ?? NaN);
  scores.best[place] = best?.[at] ?? -1;
  scores.bestLogProbabilities[place] = -(bestLosses?.[at] ?? NaN);
}

/** Tells how many of `rows` are done by how many of `parts` are. */
function shareOf(
  rows: number,
  parts: number,
  advance: (more: number) => void,
): (more: number) => void {
  let done = 0;
  let told = 0;
  return (more) => {
    done += more;
    const now = Math.floor(rows * done / parts);
    advance(now - told);
    told = now;
  };
}
