// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Entities: a small BERT learns to tag the persons and places in sentences that
 * are given as words. Run it with `deno run -A examples/entities.ts`.
 *
 * @module
 */

import { argmax, initialize, manualSeed } from "@swagpu/swagpu/engine";
import type { AnyTensor } from "@swagpu/swagpu/engine";
import {
  BertConfig,
  BertForTokenClassification,
  DataCollatorForTokenClassification,
  type LabeledTokens,
  selectRows,
  tokenizeAndAlignLabels,
  trainTokenizer,
} from "@swagpu/swagpu/models";
import { shuffledIndices, Trainer } from "@swagpu/swagpu/nn";
import { entityScores, getEntities } from "@swagpu/swagpu/nn/metrics";

const SEED = 1;
const NEW = 25; // sentences that are not trained on
// "B-" begins an entity, "I-" goes on with it, and "O" is outside of all.
const NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"];

/** The words "PER" of a pattern become a person, with a tag for each word. */
function fill(pattern: string, names: Record<string, string>) {
  const words: string[] = [];
  const labels: string[] = [];
  for (const part of pattern.split(" ")) {
    for (const [i, word] of (names[part] ?? part).split(" ").entries()) {
      words.push(word);
      labels.push(part in names ? `${i === 0 ? "B" : "I"}-${part}` : "O");
    }
  }
  return { words, labels };
}

/** Writes sentences. Only the words around "paris" and "london" tell what it is. */
function makeSentences() {
  const persons = ["ada", "ben", "paris", "ada lovelace", "jack london"];
  const places = ["rome", "paris", "london", "new york", "san francisco"];
  const patterns = ["PER lives in LOC", "in LOC we met PER", "PER likes LOC"];
  const all = patterns.flatMap((pattern) =>
    persons.flatMap((PER) => places.map((LOC) => fill(pattern, { PER, LOC })))
  );
  return selectRows(all, shuffledIndices(all.length, { seed: SEED }));
}

/** Runs the example, and returns the F1 of entities in new sentences. */
export async function main(epochs = 12, print = console.log): Promise<number> {
  await initialize();
  manualSeed(SEED);

  // 1. The data. A small vocabulary splits words into tokens; the first token of
  //    a word gets its tag, and the others get none.
  const sentences = makeSentences();
  const texts = sentences.slice(NEW).map(({ words }) => words.join(" "));
  const options = { type: "wordpiece", vocabSize: 70 } as const;
  const tokenizer = await trainTokenizer(texts, options);
  const rows = sentences.map((sentence) =>
    tokenizeAndAlignLabels(tokenizer, sentence, { labelNames: NAMES })
  );

  // 2. A small BERT with random weights, and how to make batches of rows.
  const config = new BertConfig({
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 64,
    initializerRange: 0.2,
    id2label: { ...NAMES },
  });
  const model = new BertForTokenClassification(config);
  const padding = "bucketed";
  const collator = new DataCollatorForTokenClassification(tokenizer, {
    padding,
  });

  // 3. Train. Only the best tag of each token leaves the GPU.
  const trainer = new Trainer({
    model,
    args: { numTrainEpochs: epochs, learningRate: 1e-2 },
    trainDataset: rows.slice(NEW),
    dataCollator: (rows: LabeledTokens[]) => collator.collate(rows),
    preprocessLogitsForMetrics: ({ logits }) =>
      argmax(logits as AnyTensor, { axis: 2 }),
  });
  await trainer.train();

  // 4. Predict the tags of new sentences. The label -100 marks padding, and tokens
  //    that are not the first one of a word.
  const { predictions, labels } = await trainer.predict(rows.slice(0, NEW));
  const [, length = 0] = labels.shape;
  const truth = sentences.slice(0, NEW).map(({ labels }) => labels);
  const tags = truth.map((_, row): string[] => {
    const tokens = [...labels.data.keys()].slice(row * length).slice(0, length);
    const firsts = tokens.filter((i) => labels.data[i] !== -100);
    return firsts.map((i) => NAMES[predictions.data[i] ?? 0] ?? "O");
  });
  const { micro, perType } = entityScores(tags, truth);
  for (const [name, own] of Object.entries({ all: micro, ...perType })) {
    print(`${name}: F1 ${own.fscore.toFixed(2)}, ${own.support} entities`);
  }
  for (const [i, { words }] of sentences.slice(0, 3).entries()) {
    const found = getEntities(tags[i] ?? []).map(([type, first, last]) =>
      `${words.slice(first, last + 1).join(" ")} (${type})`
    );
    print(`${words.join(" ")}: ${found.join(", ")}`);
  }
  model.dispose();
  return micro.fscore;
}

if (import.meta.main) await main();
