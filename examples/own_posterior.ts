// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * A posterior over a model of one's own: a classifier that takes the mean of its
 * words' vectors. Its class, its configuration and one call of
 * `registerArchitecture` are all that it takes. The posterior is saved as
 * swag_transformers saves it, and loaded in one call by the library and by its
 * pipelines.
 *
 * A module without a configuration can be wrapped as well; then `save` and
 * `SwagModel.load` keep the posterior, for a module that the application builds.
 *
 * ```sh
 * deno run -A examples/own_posterior.ts
 * ```
 *
 * @module
 */

import {
  AutoSwagModelForSequenceClassification,
  initialize,
  manualSeed,
  mean,
  pipeline,
  SwagModel,
  SwagUpdateCallback,
} from "@swagpu/swagpu";
import type { AnyTensor } from "@swagpu/swagpu/engine";
import {
  classificationLoss,
  ConfigReader,
  DataCollatorWithPadding,
  type HeadOutput,
  type LabeledInputs,
  meanPooling,
  PretrainedConfig,
  type PretrainedConfigOptions,
  PreTrainedModel,
  registerArchitecture,
  type TextLabel,
  trainTokenizer,
} from "@swagpu/swagpu/models";
import { Embedding, Linear, Trainer } from "@swagpu/swagpu/nn";

const LABELS = ["bad", "good"];

// ------------------------------------------------------------ the model: 40 lines

interface WordMeanOptions extends PretrainedConfigOptions {
  vocabSize?: number;
  hiddenSize?: number;
}

/** The size of the model; the common fields, such as labels, come with the base. */
export class WordMeanConfig extends PretrainedConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;

  constructor(options: WordMeanOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, { modelType: "word-mean", padTokenId: 0 });
    this.vocabSize = reader.integer("vocab_size", 1000, { min: 1 });
    this.hiddenSize = reader.integer("hidden_size", 16, { min: 1 });
  }
}

/** Classifies a text by the mean of its words' vectors. */
export class WordMeanForSequenceClassification
  extends PreTrainedModel<WordMeanConfig> {
  static readonly configClass = WordMeanConfig;
  static readonly basePrefix = "";
  readonly words: Embedding;
  readonly classifier: Linear;

  constructor(config: WordMeanConfig) {
    super(config);
    this.words = new Embedding(config.vocabSize, config.hiddenSize);
    this.classifier = new Linear(config.hiddenSize, config.numLabels);
  }

  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput {
    const { inputIds, attentionMask, labels } = inputs;
    const vectors = this.words.forward(inputIds); // [batch, length, hidden]
    const text = attentionMask
      ? meanPooling(vectors, attentionMask)
      : mean(vectors, { axis: 1 });
    const logits = this.classifier.forward(text);
    if (!labels) return { logits };
    return { loss: classificationLoss(logits, labels), logits };
  }
}

registerArchitecture("word-mean", {
  config: WordMeanConfig,
  models: { sequenceClassification: WordMeanForSequenceClassification },
});

// -------------------------------------------------------------------------- use

/** Reviews, of which those that call something odd are as often good as bad. */
function makeReviews() {
  const kinds = {
    good: ["fine", "great", "odd"],
    bad: ["dull", "poor", "odd"],
  };
  return ["film", "book", "song", "play"].flatMap((noun) =>
    Object.entries(kinds).flatMap(([name, words]) =>
      words.map((word) => ({
        text: `the ${noun} was ${word}`,
        label: LABELS.indexOf(name),
      }))
    )
  );
}

/**
 * Runs the example in a folder, and returns what the loaded posterior says of two
 * texts.
 */
export async function main(
  folder = "out/own-posterior",
  print = console.log,
): Promise<TextLabel[]> {
  await initialize();
  manualSeed(1);
  const reviews = makeReviews();
  const tokenizer = await trainTokenizer(reviews.map(({ text }) => text), {
    type: "wordpiece",
  });
  const config = new WordMeanConfig({
    vocabSize: tokenizer.vocabSize,
    id2label: { ...LABELS },
  });
  const model = new WordMeanForSequenceClassification(config);
  const collator = new DataCollatorWithPadding(tokenizer);

  // Wrapped, and collected after each epoch of the second half.
  const swag = SwagModel.fromBase(model, { noCovMat: false });
  const trainer = new Trainer({
    model,
    args: {
      numTrainEpochs: 20,
      learningRate: 0.1,
      lrSchedulerType: "constant",
    },
    trainDataset: reviews,
    dataCollator: (rows: typeof reviews) => collator.collate(rows),
    callbacks: [new SwagUpdateCallback(swag, { start: 10 })],
  });
  await trainer.train();
  await swag.savePretrained(folder);
  await tokenizer.save(folder);
  for (const own of [swag, model]) own.dispose();

  // Loaded in one call: the folder says what it is.
  using loaded = await AutoSwagModelForSequenceClassification.fromPretrained(
    folder,
  );
  using base = loaded.base;
  const { config: { modelType }, nModels, covMatRank } = loaded;
  print(`${modelType}: ${nModels} collections, rank ${covMatRank}`);
  print(`over a ${base.constructor.name}`);

  // A pipeline averages over samples of the weights, without being told to.
  using classify = await pipeline("text-classification", folder, {
    sampling: { scale: 0.5 },
  });
  const texts = ["the film was great", "the film was odd"];
  const results = await classify(texts);
  for (const [i, { label, score, entropy = NaN }] of results.entries()) {
    print(
      `${texts[i]}: ${label} ${score.toFixed(2)}, entropy ${
        entropy.toFixed(2)
      }`,
    );
  }
  return results;
}

if (import.meta.main) await main();
