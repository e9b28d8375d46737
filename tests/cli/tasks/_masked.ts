// Copyright 2026 the swagpu authors. MIT license.

import type { MaskedModel } from "../../../cli/tasks/masked_outputs.ts";
import { maskedLanguageModel as task } from "../../../cli/tasks/masked_language_model.ts";
import type { MaskedRow } from "../../../cli/tasks/masked_rows.ts";
import { manualSeed, scope } from "../../../engine/mod.ts";
import {
  BertConfig,
  BertForMaskedLM,
  ModernBertConfig,
  ModernBertForMaskedLM,
  type TokenBatchWithLabels,
  Tokenizer,
  toTensors,
} from "../../../models/mod.ts";
import { logSoftmaxRows } from "../../../nn/metrics/mod.ts";
import { argumentsOf, listener } from "./_task.ts";

const WORDS =
  "the dog cat barks meows in a garden barn at night play ##ed ##ing";
/** A tokenizer of a few words. */
export const TOKENIZER = new Tokenizer(
  new Map([[
    "vocab.txt",
    ["[PAD] [UNK] [CLS] [SEP] [MASK]", WORDS].join(" ").replaceAll(" ", "\n"),
  ]]),
);
/** The number of its tokens. */
export const { vocabSize } = TOKENIZER;
/** Texts of these words; animals make their own sounds. */
export const TEXTS = ["dog", "cat"].flatMap((animal) =>
  ["garden", "barn"].flatMap((place) => {
    const sound = animal === "dog" ? "barks" : "meows";
    return [
      `The ${animal} ${sound} in the ${place}`,
      `In a ${place} the ${animal} ${sound} at night`,
    ];
  })
);

/** The sizes of small models. */
export const SMALL = {
  vocabSize,
  hiddenSize: 16,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 32,
  initializerRange: 0.2,
};

/** A BERT with random weights. */
export function bert(): BertForMaskedLM {
  manualSeed(1);
  return new BertForMaskedLM(
    new BertConfig({
      ...SMALL,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
    }),
  );
}

/** A ModernBERT with random weights. */
export function modernBert(): ModernBertForMaskedLM {
  manualSeed(1);
  return new ModernBertForMaskedLM(
    new ModernBertConfig({
      ...SMALL,
      padTokenId: 0,
      clsTokenId: 2,
      sepTokenId: 3,
    }),
  );
}

/** What reading and preparing a file gives, and what is said about it. */
export async function prepared(
  given: readonly string[],
  { isTraining = false, maxLength = 32, tokenizer = TOKENIZER } = {},
): Promise<{ rows: MaskedRow[]; said: string[] }> {
  const { progress, said } = listener();
  const args = argumentsOf(task, "finetune", given);
  const data = await task.read("data", { args, progress });
  const config = new BertConfig(SMALL);
  const context = { args, progress, tokenizer, config, maxLength };
  const rows = task.prepare(data, { ...context, isTraining });
  return { rows, said };
}

/** What scores are given besides outputs. */
export const CONTEXT = {
  args: argumentsOf(task, "finetune", []),
  progress: listener().progress,
  config: new BertConfig(SMALL),
};

/** The logarithms of all probabilities of tokens, row by row, `[rows, vocabulary]`. */
export async function logProbabilities(
  model: MaskedModel,
  batch: TokenBatchWithLabels,
): Promise<Float64Array> {
  using _ = scope();
  const { inputIds, attentionMask, tokenTypeIds } = batch;
  const { logits } = model.forward(
    toTensors({ inputIds, attentionMask, tokenTypeIds }),
  );
  return logSoftmaxRows(await logits.data(), { classes: vocabSize });
}
