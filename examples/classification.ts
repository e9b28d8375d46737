// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Text classification with a posterior: a small BERT learns to judge reviews, a
 * callback collects its weights for SWAG, and predictions tell how sure they
 * are. Run it with `deno run -A examples/classification.ts`.
 *
 * @module
 */

import { initialize, manualSeed, scope } from "@swagpu/swagpu/engine";
import {
  BertConfig,
  BertForSequenceClassification,
  DataCollatorWithPadding,
  selectRows,
  toTensors,
  trainTokenizer,
} from "@swagpu/swagpu/models";
import { shuffledIndices, Trainer } from "@swagpu/swagpu/nn";
import { accuracy } from "@swagpu/swagpu/nn/metrics";
import { SwagModel, SwagUpdateCallback } from "@swagpu/swagpu/swag";

const SEED = 2;

/** Writes reviews: 1 for good ones and 0 for bad ones, but "odd" may be either. */
function makeReviews() {
  const words = ["good", "fine", "great", "bad", "poor", "awful", "odd"];
  const reviews = ["food", "film", "room", "music", "book"].flatMap((noun, i) =>
    ["", "very ", "really ", "rather "].flatMap((adverb, j) =>
      words.map((word, k) => ({
        text: `the ${noun} was ${adverb}${word}`,
        label: word === "odd" ? (i + j) % 2 : Number(k < 3),
      }))
    )
  );
  return selectRows(reviews, shuffledIndices(reviews.length, { seed: SEED }));
}

/** Runs the example, and returns SWAG's accuracy on reviews that are new to it. */
export async function main(epochs = 16, print = console.log): Promise<number> {
  await initialize();
  manualSeed(SEED);

  // 1. The data, and a tokenizer that is trained on its texts.
  const reviews = makeReviews();
  const [evalDataset, trainDataset] = [reviews.slice(0, 40), reviews.slice(40)];
  const texts = trainDataset.map(({ text }) => text);
  const tokenizer = await trainTokenizer(texts, { type: "wordpiece" });

  // 2. A small BERT with random weights. Padding to a few lengths, "bucketed",
  //    lets the Trainer replay captured steps, which is faster.
  const config = new BertConfig({
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 64,
    initializerRange: 0.2,
  });
  const model = new BertForSequenceClassification(config);
  const padding = "bucketed";
  const collator = new DataCollatorWithPadding(tokenizer, { padding });

  // 3. Train, and collect the weights after each epoch of the second half, when
  //    they are near a solution. The rate stays constant, because SWAG wants
  //    weights that keep moving; a rate that falls to zero would stop them.
  using swag = SwagModel.fromBase(model, { noCovMat: false });
  const trainer = new Trainer({
    model,
    args: {
      numTrainEpochs: epochs,
      learningRate: 3e-3,
      lrSchedulerType: "constant",
    },
    trainDataset,
    evalDataset,
    dataCollator: (rows: typeof reviews) => collator.collate(rows),
    computeMetrics: ({ predictions, labels }) => ({
      accuracy: accuracy(predictions.data, labels.data),
    }),
    callbacks: [new SwagUpdateCallback(swag, { start: epochs / 2 })],
  });
  await trainer.train();
  const { eval_accuracy } = await trainer.evaluate();
  print(`accuracy of the last weights: ${eval_accuracy?.toFixed(2)}`);

  // 4. Predict with samples of the weights. Entropy is the whole uncertainty;
  //    mutual information is the part that more data would reduce.
  using _ = scope();
  model.eval();
  const inputs = toTensors(collator.collate(evalDataset));
  const predicted = swag.predict(() => model.forward(inputs), { seed: SEED });
  const probabilities = await predicted.probabilities.data();
  const labels = evalDataset.map(({ label }) => label);
  const score = accuracy(probabilities, labels);
  print(`accuracy of SWAG: ${score.toFixed(2)}`);
  const entropy = await predicted.entropy.data();
  const mutual = await predicted.mutualInformation.data();
  const order = [...entropy.keys()]
    .sort((a, b) => (entropy[b] ?? NaN) - (entropy[a] ?? NaN));
  for (const i of [...order.slice(0, 3), ...order.slice(-1)]) {
    const [all, part] = [entropy[i], mutual[i]].map((x) => x?.toFixed(2));
    print(
      `${evalDataset[i]?.text}: entropy ${all}, mutual information ${part}`,
    );
  }
  model.dispose();
  return score;
}

if (import.meta.main) await main();
