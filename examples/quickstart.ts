// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Trains a small BERT on 1,000 generated reviews, builds its SWAG posterior, and
 * shows what the posterior knows that the last weights do not: when it may be
 * wrong.
 *
 * ```sh
 * deno task quickstart --seeds 3
 * ```
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import {
  indexSelect,
  initialize,
  manualSeed,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "@swagpu/swagpu/engine";
import {
  BertConfig,
  BertForSequenceClassification,
  Tokenizer,
} from "@swagpu/swagpu/models";
import { batches, SGD, train } from "@swagpu/swagpu/nn";
import { summarizeLogits, SwagModel } from "@swagpu/swagpu/swag";
import {
  generateReviews,
  LABELS,
  type Review,
  writeSplits,
} from "./quickstart/grammar.ts";
import { writeReliabilityDiagram } from "./quickstart/reliability.ts";
import {
  meanScores,
  type Prediction,
  renderTable,
  scoreAll,
} from "./quickstart/table.ts";
import { learnVocabulary, writeTokenizer } from "./quickstart/vocabulary.ts";

const FOLDER = "out/quickstart";
const LENGTH = 18;
const EPOCHS = 40;
const COLLECT_FROM = 15;
const METHODS = {
  "last iterate": {},
  "SWA": { numPredictions: 1, scale: 0 },
  "SWAG-Diagonal": { numPredictions: 30, scale: 1, cov: false, seed: 0 },
  "SWAG": { numPredictions: 30, scale: 0.5, seed: 0 },
};

/** Reviews on the GPU: `[reviews, LENGTH]` tokens and `[reviews]` labels. */
interface Encoded {
  inputIds: Tensor;
  attentionMask: Tensor;
  labels: Tensor;
}

function encode(tokenizer: Tokenizer, reviews: readonly Review[]): Encoded {
  const { inputIds, attentionMask, shape } = tokenizer.batch(
    reviews.map(({ text }) => text),
    { padding: "max_length", maxLength: LENGTH },
  );
  return {
    inputIds: tensor(inputIds, { shape }),
    attentionMask: tensor(attentionMask, { shape }),
    labels: tensor(Int32Array.from(reviews, ({ label }) => label)),
  };
}

function select({ inputIds, attentionMask, labels }: Encoded, rows: Uint32Array) {
  const index = tensor(Int32Array.from(rows));
  return {
    inputIds: indexSelect(inputIds, index),
    attentionMask: indexSelect(attentionMask, index),
    labels: indexSelect(labels, index),
  };
}

/** Trains for one seed, and predicts the test set by every method. */
async function run(seed: number) {
  using _ = scope();
  const { train: reviews, test, ood } = generateReviews({ seed });
  await writeSplits(FOLDER, { train: reviews, test, ood });
  await writeTokenizer(
    `${FOLDER}/tokenizer`,
    learnVocabulary(reviews.map(({ text }) => text), { minimumCount: 2 }),
  );
  const tokenizer = await Tokenizer.fromPretrained(`${FOLDER}/tokenizer`);
  const [trainSet, testSet, oodSet] = [reviews, test, ood]
    .map((split) => encode(tokenizer, split)) as [Encoded, Encoded, Encoded];

  manualSeed(seed);
  const model = new BertForSequenceClassification(
    new BertConfig({
      vocabSize: tokenizer.vocabSize,
      hiddenSize: 32,
      numHiddenLayers: 2,
      numAttentionHeads: 2,
      intermediateSize: 64,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      maxPositionEmbeddings: LENGTH,
      initializerRange: 0.1,
      id2label: { ...LABELS },
    }),
  );
  const optimizer = new SGD(model.parameters(), {
    learningRate: 0.05,
    momentum: 0.9,
    weightDecay: 1e-4,
  });
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 20 });
  let t = performance.now();
  await train({
    epochs: EPOCHS,
    batches: (epoch) =>
      batches(reviews.length, 32, { shuffle: true, seed, epoch }),
    step: (rows) => model.forward(select(trainSet, rows)),
    optimizer,
    onEpoch({ epoch, loss }) {
      if (epoch >= COLLECT_FROM) swag.collectModel();
      if (epoch % 5 === 4) console.error(epoch, loss, performance.now() - t);
    },
  });
  model.eval();
  console.error("train", performance.now() - t);
  t = performance.now();

  const predictions: Prediction[] = [];
  for (const [method, options] of Object.entries(METHODS)) {
    using _ = scope();
    const { probabilities } = summarizeLogits(
      swag.getLogits(() => model.forward(testSet), options),
    );
    predictions.push({ method, probabilities: await probabilities.data() });
    console.error(method, performance.now() - t);
  }
  const truth = {
    labels: test.map(({ label }) => label),
    distribution: test.flatMap(({ probabilities }) => probabilities),
  };
  return { predictions, truth, scores: scoreAll(predictions, truth) };
}
await initialize();
for (const seed of [1,2,3]) {
const r = await run(seed);
console.log(renderTable(r.scores));
}
