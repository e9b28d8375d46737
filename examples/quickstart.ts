// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Trains a small BERT on 1,000 generated reviews, builds its SWAG posterior, and
 * compares how well the probabilities of both show when they may be wrong. Two more
 * runs from other weights make a deep ensemble and a MultiSWAG of three.
 *
 * ```sh
 * deno task quickstart --seeds 3            # seeds 1, 2 and 3
 * deno task quickstart --seed 21 --seeds 3  # seeds 21, 22 and 23
 * ```
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import {
  indexSelect,
  initialize,
  type IntegerTensor,
  manualSeed,
  scope,
  tensor,
} from "@swagpu/swagpu/engine";
import {
  BertConfig,
  BertForSequenceClassification,
  Tokenizer,
} from "@swagpu/swagpu/models";
import {
  AdamW,
  batches,
  entropy,
  SGD,
  train,
  type TrainReport,
} from "@swagpu/swagpu/nn";
import { writeReport } from "@swagpu/swagpu/report";
import {
  type LogitsOptions,
  MultiSwag,
  summarizeLogits,
  SwagModel,
} from "@swagpu/swagpu/swag";
import { generateReviews, LABELS, writeSplits } from "./quickstart/grammar.ts";
import { type MethodPrediction, runResults } from "./quickstart/results.ts";
import {
  meanScores,
  renderSeeds,
  renderTable,
  scoreAll,
} from "./quickstart/table.ts";
import { learnVocabulary, writeTokenizer } from "./quickstart/vocabulary.ts";

const FOLDER = "out/quickstart";
const LENGTH = 16;
/** The methods of one run. */
const METHODS: Record<string, LogitsOptions> = {
  "last iterate": {},
  "SWA": { numPredictions: 1, scale: 0 },
  "SWAG-Diagonal": { numPredictions: 16, scale: 1, cov: false, seed: 0 },
  "SWAG": { numPredictions: 16, scale: 0.5, seed: 0 },
};
/** How many runs the methods of several take: the first is that of the others. */
const MEMBERS = 3;

/** Texts on the GPU as tokens, padded to `[texts, LENGTH]`. */
interface Encoded {
  inputIds: IntegerTensor;
  attentionMask: IntegerTensor;
}

function encode(tokenizer: Tokenizer, reviews: { text: string }[]): Encoded {
  const { inputIds, attentionMask, shape } = tokenizer.batch(
    reviews.map(({ text }) => text),
    { padding: "max_length", maxLength: LENGTH },
  );
  return {
    inputIds: tensor(inputIds, { shape }),
    attentionMask: tensor(attentionMask, { shape }),
  };
}

/**
 * Trains with one seed and scores every method on the test set. It is one function, so
 * that the whole example can be read from top to bottom.
 */
async function run(seed: number) {
  using _ = scope();
  // 1. Generate reviews whose label distribution is known, and a vocabulary.
  const reviews = generateReviews({ seed });
  const { test } = reviews;
  const texts = reviews.train.map(({ text }) => text);
  const vocabulary = learnVocabulary(texts, { minimumCount: 2 });
  await writeSplits(FOLDER, reviews);
  await writeTokenizer(`${FOLDER}/tokenizer`, vocabulary);
  const tokenizer = await Tokenizer.fromPretrained(`${FOLDER}/tokenizer`);

  // 2. Build a small BERT with random weights.
  manualSeed(seed);
  const config = new BertConfig({
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 64,
    maxPositionEmbeddings: LENGTH,
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
    initializerRange: 0.1,
    id2label: { ...LABELS },
  });
  const model = new BertForSequenceClassification(config);

  // 3. Train: AdamW finds a solution. Then SGD with a constant learning rate moves
  //    around it, and SWAG collects the weights on the way.
  const trainSet = encode(tokenizer, reviews.train);
  const labels = tensor(Int32Array.from(reviews.train, ({ label }) => label));
  const epochs: { step: number; loss: number; learningRate: number }[] = [];
  const snapshots: number[] = [];
  const stepsPerEpoch = Math.ceil(texts.length / 32);
  async function trainMember(
    member: BertForSequenceClassification,
    seed: number,
    note: (report: TrainReport, isCollected: boolean) => void,
  ): Promise<SwagModel> {
    const shared = {
      batches: (epoch: number) =>
        batches(texts.length, 32, { shuffle: true, seed, epoch }),
      inputs: (rows: Uint32Array) => ({ index: Int32Array.from(rows) }),
      step: ({ index }: { index: IntegerTensor }) =>
        member.forward({
          inputIds: indexSelect(trainSet.inputIds, index),
          attentionMask: indexSelect(trainSet.attentionMask, index),
          labels: indexSelect(labels, index),
        }),
    };
    using adamw = new AdamW(member.parameters(), { learningRate: 3e-3 });
    await train({
      ...shared,
      epochs: 4,
      optimizer: adamw,
      onEpoch: (report) => note(report, false),
    });
    using sgd = new SGD(member.parameters(), {
      learningRate: 0.05,
      momentum: 0.9,
      weightDecay: 1e-4,
    });
    const swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: 20,
    });
    await train({
      ...shared,
      epochs: 14,
      optimizer: sgd,
      onEpoch(report) {
        const isCollected = report.epoch >= 2;
        if (isCollected) swag.collectModel(member);
        note(report, isCollected);
      },
    });
    return swag;
  }
  console.error(`seed ${seed}: training`);
  const swag = await trainMember(model, seed, (report, isCollected) => {
    const { loss, learningRate } = report;
    const step = (epochs.length + 1) * stepsPerEpoch;
    epochs.push({ step, loss, learningRate });
    if (isCollected) snapshots.push(step);
  });

  // 4. Predict with the last weights, with their mean, and with samples.
  console.error(`seed ${seed}: predicting`);
  model.eval();
  async function predict(
    set: Encoded,
    posterior: SwagModel | MultiSwag,
    options: LogitsOptions = {},
  ) {
    using _ = scope();
    const logits = posterior.getLogits(() => model.forward(set), options);
    const summary = summarizeLogits(logits);
    return {
      probabilities: await summary.probabilities.data(),
      uncertainty: {
        expected: await summary.expectedEntropy.data(),
        mutualInformation: await summary.mutualInformation.data(),
      },
      samples: logits.shape[1] ?? 1,
    };
  }
  const predictions: MethodPrediction[] = [];
  const testSet = encode(tokenizer, test);
  for (const [method, options] of Object.entries(METHODS)) {
    predictions.push({ method, ...await predict(testSet, swag, options) });
  }

  // 5. Train two more, from other weights and on batches in other orders. The last
  //    weights of all are a deep ensemble, their posteriors a MultiSWAG.
  const posteriors = [swag];
  const iterates = [SwagModel.fromBase(model)];
  iterates[0]?.collectModel();
  for (let i = 1; i < MEMBERS; i++) {
    console.error(`seed ${seed}: training member ${i + 1} of ${MEMBERS}`);
    const own = seed + 1000 * i;
    manualSeed(own);
    using member = new BertForSequenceClassification(config);
    posteriors.push(await trainMember(member, own, () => {}));
    const last = SwagModel.fromBase(model);
    last.collectModel(member);
    iterates.push(last);
  }
  using ensemble = new MultiSwag(model, iterates);
  using multi = new MultiSwag(model, posteriors);
  const each = { numPredictions: 6, scale: 0.5, seed: 0 }; // 18 samples in all
  predictions.push({
    method: `ensemble of ${MEMBERS}`,
    ...await predict(testSet, ensemble),
  }, {
    method: `MultiSWAG of ${MEMBERS}`,
    ...await predict(testSet, multi, each),
  });
  const truth = {
    labels: test.map(({ label }) => label),
    distribution: test.flatMap(({ probabilities }) => probabilities),
  };
  const scores = scoreAll(predictions, truth);

  // 6. Compare MultiSWAG's uncertainty about these reviews and about an unfamiliar
  //    subject.
  const known = predictions.at(-1)?.probabilities ?? [];
  const { probabilities } = await predict(
    encode(tokenizer, reviews.ood),
    multi,
    each,
  );
  const [here, foreign] = [known, probabilities]
    .map((rows) => entropy(rows, { classes: LABELS.length }));
  const unsure = [here, foreign].map((entropies) => meanOf(entropies ?? []));
  model.dispose();
  return {
    predictions,
    truth,
    scores,
    unsure,
    foreign: foreign ?? [],
    texts: test.map(({ text }) => text),
    epochs,
    snapshots,
  };
}

function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;
}

const USAGE = `\
Usage: deno task quickstart [--seed N] [--seeds N]

Trains a small BERT on 1,000 generated reviews, builds its SWAG posterior, and
compares how well each knows when it may be wrong, also an ensemble of three.
Takes two minutes or so a seed, and writes to ${FOLDER}.

  --seed N   The first seed (1)
  --seeds N  How many seeds, one after the other; the table is their mean (1)
  --help     Print this`;

/** Prints an error or the usage, and ends the program. */
function leave(problem?: string): never {
  if (problem === undefined) console.log(USAGE);
  else console.error(`error: ${problem}\n\n${USAGE}`);
  Deno.exit(problem === undefined ? 0 : 2);
}

const options = parseArgs(Deno.args, {
  string: ["seeds", "seed"],
  boolean: ["help"],
  alias: { help: "h" },
  default: { seeds: "1", seed: "1" },
  unknown: (argument) => leave(`Cannot use ${argument}: it is not an option`),
});
if (options.help) leave();
const count = Number(options.seeds);
const first = Number(options.seed);
if (!Number.isSafeInteger(count) || count < 1) {
  leave(`Cannot run ${options.seeds} seeds: expected at least one`);
}
if (!Number.isSafeInteger(first)) {
  leave(`Cannot use the seed ${options.seed}: expected a whole number`);
}
const seeds = Array.from({ length: count }, (_, i) => first + i);
const started = performance.now();
const device = await initialize();
const runs: Awaited<ReturnType<typeof run>>[] = [];
for (const seed of seeds) runs.push(await run(seed));

const scores = runs.map((run) => run.scores);
console.log(renderTable(meanScores(scores), {
  title: seeds.length === 1
    ? "2,000 test reviews"
    : `2,000 test reviews, mean over seeds ${seeds.join(", ")}`,
}));
if (runs.length > 1) {
  console.log(renderSeeds(scores, ["last iterate", "SWAG", "MultiSWAG of 3"]));
}
const [known, foreign] = [0, 1].map((i) =>
  meanOf(runs.map(({ unsure }) => unsure[i] ?? NaN)).toFixed(2)
);
console.log(
  `MultiSWAG's mean entropy: ${known} nats here, ${foreign} on an unknown subject`,
);
const path = `${FOLDER}/report.html`;
await writeReport(
  path,
  runResults(runs, {
    command: `deno task quickstart ${Deno.args.join(" ")}`.trim(),
    data: {
      name: "generated reviews",
      splits: [
        { name: "train", rows: 1_000 },
        { name: "test", rows: 2_000 },
        { name: "unknown subject", rows: runs[0]?.foreign.length ?? 0 },
      ],
    },
    model: {
      name: "small BERT",
      architecture: "BertForSequenceClassification",
    },
    adapter: device.name,
    runtime: `Deno ${Deno.version.deno}`,
    seed: first,
    seconds: (performance.now() - started) / 1_000,
  }),
);
console.log(`Report: ${path}`);
