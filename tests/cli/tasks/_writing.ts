// Copyright 2026 the swagpu authors. MIT license.

import { specialTokenFields } from "../../../cli/special_token_fields.ts";
import { translation } from "../../../cli/tasks/sequence_to_sequence.ts";
import type {
  WritingExample,
  WritingRow,
} from "../../../cli/tasks/source_target_rows.ts";
import {
  AutoConfig,
  ConfigReader,
  type PretrainedConfig,
  type Tokenizer,
  trainTokenizer,
} from "../../../models/mod.ts";
import { argumentsOf, listener } from "./_task.ts";

/** Sentences and their translations. */
export const PAIRS = [
  ["le chat noir", "the black cat"],
  ["le chien noir", "the black dog"],
  ["le chat dort", "the cat sleeps"],
  ["le chien dort", "the dog sleeps"],
] as const;

const TEXTS = PAIRS.flat();
/** A byte-level tokenizer of both languages. */
export const BPE = await trainTokenizer(TEXTS, { type: "bpe", vocabSize: 280 });
/** The same of word pieces. */
export const PIECES = await trainTokenizer(TEXTS, {
  type: "wordpiece",
  vocabSize: 40,
});

/** The fields of a small model's file, as a user writes them. */
export function fileOf(type: "bart" | "marian"): Record<string, unknown> {
  return {
    model_type: type,
    max_position_embeddings: 32,
    d_model: 16,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_attention_heads: 2,
    decoder_attention_heads: 2,
    encoder_ffn_dim: 32,
    decoder_ffn_dim: 32,
    dropout: 0,
    init_std: 0.1,
  };
}

/** The configuration of a new model, completed as `finetune` does. */
export function configOf(
  type: "bart" | "marian",
  tokenizer: Tokenizer,
  more: Readonly<Record<string, unknown>> = {},
): PretrainedConfig {
  const given = { ...fileOf(type), ...more };
  const fields = {
    vocab_size: tokenizer.vocabSize,
    ...specialTokenFields(tokenizer, given, "config.json"),
    ...given,
  };
  return AutoConfig.fromFields(
    new ConfigReader(fields, { source: "config.json" }),
  );
}

/** Prepares examples for a model. */
export function rowsOf(
  examples: readonly WritingExample[],
  { tokenizer, config, given = [], maxLength = 32, task = translation }: {
    tokenizer: Tokenizer;
    config: PretrainedConfig;
    given?: readonly string[];
    maxLength?: number;
    task?: typeof translation;
  },
): { rows: WritingRow[]; said: string[] } {
  const { progress, said } = listener();
  const rows = task.prepare({ path: "pairs.tsv", examples }, {
    args: argumentsOf(task, "finetune", given),
    progress,
    tokenizer,
    config,
    maxLength,
    isTraining: true,
  });
  return { rows, said };
}

/** The sentences as they are read. */
export const EXAMPLES = PAIRS.map(([source, target], i): WritingExample => ({
  source,
  target,
  place: `row ${i + 1} of pairs.tsv`,
}));

/** What scores are given besides outputs. */
export const CONTEXT = {
  args: argumentsOf(translation, "finetune", []),
  progress: listener().progress,
  config: configOf("bart", BPE),
};
