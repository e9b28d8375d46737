// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Low-rank adapters (LoRA): a small BERT that judges reviews of films learns to
 * judge reviews of phones, with a fiftieth of its weights, and forgets nothing:
 * without the adapter it is what it was. A posterior over the adapter alone tells
 * how sure it is. The folder that is saved is PEFT's.
 *
 * ```sh
 * deno run -A examples/lora.ts
 * ```
 *
 * @module
 */

import { initialize, manualSeed, scope } from "@swagpu/swagpu/engine";
import {
  BertConfig,
  BertForSequenceClassification,
  DataCollatorWithPadding,
  getPeftModel,
  PeftModel,
  pipeline,
  selectRows,
  type Tokenizer,
  toTensors,
  trainTokenizer,
} from "@swagpu/swagpu/models";
import {
  type EvalPrediction,
  LoraConfig,
  shuffledIndices,
  Trainer,
} from "@swagpu/swagpu/nn";
import { accuracy } from "@swagpu/swagpu/nn/metrics";
import { SwagModel, SwagUpdateCallback } from "@swagpu/swagpu/swag";

const SEED = 3;

interface Review {
  text: string;
  label: number;
}

/** Writes reviews: 1 with the first words, and 0 with the others. */
function makeReviews(nouns: string[], good: string[], bad: string[]): Review[] {
  const reviews = nouns.flatMap((noun) =>
    ["", "very ", "really ", "rather "].flatMap((adverb) =>
      [...good, ...bad].map((word) => ({
        text: `the ${noun} was ${adverb}${word}`,
        label: Number(good.includes(word)),
      }))
    )
  );
  return selectRows(reviews, shuffledIndices(reviews.length, { seed: SEED }));
}

const FILMS = makeReviews(
  ["film", "plot", "music", "actor"],
  ["good", "fine", "great"],
  ["bad", "poor", "awful"],
);
const PHONES = makeReviews(
  ["phone", "screen", "camera", "sound"],
  ["bright", "sharp", "clear"],
  ["dim", "blurry", "slow"],
);

/** How rows become batches, and what is measured. */
function commonOptions(tokenizer: Tokenizer) {
  const padding = "bucketed";
  const collator = new DataCollatorWithPadding(tokenizer, { padding });
  return {
    dataCollator: (rows: Review[]) => collator.collate(rows),
    computeMetrics: ({ predictions, labels }: EvalPrediction) => ({
      accuracy: accuracy(predictions.data, labels.data),
    }),
  };
}

/** Trains the model that others start from: all of its weights, on films. */
async function trainBase(folder: string, tokenizer: Tokenizer): Promise<void> {
  const model = new BertForSequenceClassification(
    new BertConfig({
      vocabSize: tokenizer.vocabSize,
      hiddenSize: 64,
      numHiddenLayers: 2,
      numAttentionHeads: 2,
      intermediateSize: 128,
      initializerRange: 0.1,
      id2label: { 0: "bad", 1: "good" },
    }),
  );
  const trainer = new Trainer({
    model,
    args: { numTrainEpochs: 4, learningRate: 3e-3 },
    trainDataset: FILMS,
    ...commonOptions(tokenizer),
  });
  await trainer.train();
  await model.savePretrained(folder, { tokenizer });
  model.dispose();
}

/** What the example has measured. */
export interface Scores {
  /** Accuracy on reviews of phones before the adapter was trained. */
  before: number;
  /** The same with the adapter. */
  after: number;
  /** Accuracy on reviews of films, with the adapter turned off. */
  films: number;
  /** The adapter's share of all weights. */
  share: number;
}

/** Trains an adapter of a model on phones, and saves it to another folder. */
async function trainAdapter(
  source: string,
  target: string,
  tokenizer: Tokenizer,
  print: (line: string) => void,
): Promise<Scores> {
  // The Trainer sees the adapter's parameters alone, so that gradients and the
  // optimizer take no memory for the rest; nor does the posterior.
  const model = getPeftModel(
    await BertForSequenceClassification.fromPretrained(source),
    new LoraConfig({
      r: 4,
      loraAlpha: 8,
      loraDropout: 0.05,
      targetModules: ["query", "value"],
      taskType: "SEQ_CLS", // The head is trained and saved, too.
      baseModelNameOrPath: source,
    }),
  );
  const { trainable, total } = model.getNbTrainableParameters();
  print(`${trainable} of ${total} numbers are trained`);
  using swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 10 });
  const [evalDataset, trainDataset] = [PHONES.slice(0, 24), PHONES.slice(24)];
  const options = commonOptions(tokenizer);
  const trainer = new Trainer({
    model,
    args: {
      numTrainEpochs: 8,
      learningRate: 1e-2,
      lrSchedulerType: "constant",
    },
    trainDataset,
    evalDataset,
    callbacks: [new SwagUpdateCallback(swag, { start: 4 })],
    ...options,
  });
  const { eval_accuracy: before = NaN } = await trainer.evaluate();
  await trainer.train();
  const { eval_accuracy: after = NaN } = await trainer.evaluate();
  print(`phones: accuracy ${before.toFixed(2)} -> ${after.toFixed(2)}`);

  // Samples of the adapter tell how sure it is.
  {
    using _ = scope();
    const inputs = toTensors(options.dataCollator(evalDataset));
    const { entropy } = swag.predict(() => model.forward(inputs), {
      seed: SEED,
    });
    const values = await entropy.data();
    const least = values.indexOf(Math.max(...values));
    print(`least certain: ${evalDataset[least]?.text}`);
  }

  // PEFT's files: adapter_config.json and adapter_model.safetensors.
  await trainer.saveModel(target);

  // The model underneath has not changed.
  const off = model.disableAdapter();
  const { eval_accuracy: films = NaN } = await trainer.evaluate(FILMS);
  off[Symbol.dispose]();
  print(`films, without the adapter: accuracy ${films.toFixed(2)}`);
  model.dispose();
  return { before, after, films, share: trainable / total };
}

/** Runs the example in a folder. */
export async function main(
  folder = "out/lora",
  print: (line: string) => void = console.log,
): Promise<Scores> {
  await initialize();
  manualSeed(SEED);
  const texts = [...FILMS, ...PHONES].map(({ text }) => text);
  const tokenizer = await trainTokenizer(texts, { type: "wordpiece" });
  const [base, adapter] = [`${folder}/base`, `${folder}/adapter`];
  await trainBase(base, tokenizer);
  const scores = await trainAdapter(base, adapter, tokenizer, print);

  // Loaded again and merged, the model is as fast as without an adapter.
  const peft = await PeftModel.fromPretrained(
    await BertForSequenceClassification.fromPretrained(base),
    adapter,
  );
  const model = peft.mergeAndUnload();
  const classify = await pipeline("text-classification", { model, tokenizer });
  for (const text of ["the camera was very sharp", "the screen was dim"]) {
    const [best] = [await classify(text)].flat(2);
    print(`${text}: ${best?.label}`);
  }
  model.dispose();
  return scores;
}

if (import.meta.main) await main();
