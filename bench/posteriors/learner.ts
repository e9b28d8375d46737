// Copyright 2026 the swagpu authors. MIT license.

// A task on the GPU: its texts as tokens, and the small BERT that learns them.

import {
  indexSelect,
  type IntegerTensor,
  keep,
  manualSeed,
  tensor,
} from "../../engine/mod.ts";
import {
  BertConfig,
  BertForSequenceClassification,
  type Tokenizer,
  trainTokenizer,
} from "../../models/mod.ts";
import type { Task, TaskData } from "./tasks.ts";

/** Texts as tokens, each `[texts, length]`. */
export interface EncodedTexts {
  readonly count: number;
  readonly inputIds: IntegerTensor;
  readonly attentionMask: IntegerTensor;
  readonly tokenTypeIds: IntegerTensor;
}

/** What the runs of a task and a seed have in common. */
export interface Learner extends Disposable {
  readonly task: Task;
  readonly data: TaskData;
  readonly train: EncodedTexts & { readonly labels: IntegerTensor };
  readonly validation: EncodedTexts;
  readonly test: EncodedTexts;
  readonly foreign?: EncodedTexts;
  /** Builds a model with the weights of a seed. */
  build(options: { seed: number; dropout: number }): Classifier;
}

/** The model of all tasks. */
export type Classifier = BertForSequenceClassification;

/** Reads a task, trains its vocabulary on the training texts, and encodes all texts. */
export async function prepare(
  task: Task,
  { data: folder, seed }: { data: string; seed: number },
): Promise<Learner> {
  const data = await task.read(folder, seed);
  const texts = data.train.flatMap(({ text, textPair }) =>
    textPair === undefined ? [text] : [text, textPair]
  );
  const { vocabSize } = task;
  const tokenizer = await trainTokenizer(texts, {
    type: "wordpiece",
    vocabSize,
  });
  const encode = (rows: readonly { text: string; textPair?: string }[]) =>
    encodeTexts(tokenizer, rows, task.length);
  const { foreign } = data;
  const labels = keep(
    tensor(Int32Array.from(data.train, ({ label }) => label)),
  );
  const sets = {
    train: { ...encode(data.train), labels },
    validation: encode(data.validation),
    test: encode(data.test),
    ...foreign && { foreign: encode(foreign.map((text) => ({ text }))) },
  };
  return {
    task,
    data,
    ...sets,
    build: ({ seed, dropout }) => {
      manualSeed(seed);
      const model = new BertForSequenceClassification(
        new BertConfig({
          vocabSize: tokenizer.vocabSize,
          hiddenSize: task.hiddenSize,
          numHiddenLayers: task.layers,
          numAttentionHeads: 2,
          intermediateSize: 2 * task.hiddenSize,
          maxPositionEmbeddings: task.length,
          hiddenDropoutProb: dropout,
          attentionProbsDropoutProb: dropout,
          initializerRange: 0.1,
          id2label: Object.fromEntries(
            Array.from({ length: data.classes }, (_, i) => [i, `${i}`]),
          ),
        }),
      );
      // All regimes start from the same weights, however they draw afterwards.
      model.placeParameters();
      return model;
    },
    [Symbol.dispose]() {
      labels.dispose();
      for (const set of Object.values(sets)) {
        set.inputIds.dispose();
        set.attentionMask.dispose();
        set.tokenTypeIds.dispose();
      }
    },
  };
}

/** The inputs of the model for some rows. */
export function rowsOf(texts: EncodedTexts, index: IntegerTensor): {
  inputIds: IntegerTensor;
  attentionMask: IntegerTensor;
  tokenTypeIds: IntegerTensor;
} {
  return {
    inputIds: indexSelect(texts.inputIds, index),
    attentionMask: indexSelect(texts.attentionMask, index),
    tokenTypeIds: indexSelect(texts.tokenTypeIds, index),
  };
}

function encodeTexts(
  tokenizer: Tokenizer,
  rows: readonly { text: string; textPair?: string }[],
  length: number,
): EncodedTexts {
  const pairs = rows.flatMap(({ textPair }) => textPair ?? []);
  const { inputIds, attentionMask, tokenTypeIds, shape } = tokenizer.batch(
    rows.map(({ text }) => text),
    {
      padding: "max_length",
      truncation: "longest_first",
      maxLength: length,
      ...pairs.length > 0 ? { pairs } : {},
    },
  );
  const place = (values: Int32Array | Uint32Array) =>
    keep(tensor(Int32Array.from(values), { shape }));
  return {
    count: rows.length,
    inputIds: place(inputIds),
    attentionMask: place(attentionMask),
    tokenTypeIds: place(tokenTypeIds),
  };
}
