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
import { initialize, manualSeed, scope, tensor } from "@swagpu/swagpu/engine";
import {
  BertForSequenceClassification,
  Tokenizer,
} from "@swagpu/swagpu/models";
import { entropy } from "@swagpu/swagpu/nn";
import { writeReport } from "@swagpu/swagpu/report";
import { MultiSwag, SwagModel } from "@swagpu/swagpu/swag";
import { generateReviews, LABELS, writeSplits } from "./quickstart/grammar.ts";
import { Member } from "./quickstart/member.ts";
import { METHODS, predict } from "./quickstart/methods.ts";
import { type MethodPrediction, runResults } from "./quickstart/results.ts";
import { encode, smallBert } from "./quickstart/small_bert.ts";
import {
  meanScores,
  renderSeeds,
  renderTable,
  scoreAll,
} from "./quickstart/table.ts";
import { learnVocabulary, writeTokenizer } from "./quickstart/vocabulary.ts";

const FOLDER = "out/quickstart";
/** How many runs the methods of several take: the first is that of the others. */
const MEMBERS = 3;

/** Trains with one seed and scores every method on the test set. */
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
  const config = smallBert(tokenizer.vocabSize);
  const model = new BertForSequenceClassification(config);

  // 3. Train: AdamW finds a solution. Then SGD with a constant learning rate moves
  //    around it, and SWAG collects the weights on the way.
  const trainSet = encode(tokenizer, reviews.train);
  const labels = tensor(Int32Array.from(reviews.train, ({ label }) => label));
  const epochs: { step: number; loss: number; learningRate: number }[] = [];
  const snapshots: number[] = [];
  console.error(`seed ${seed}: training`);
  const data = { base: model, texts: trainSet, labels };
  using run = new Member({ ...data, member: model, seed });
  await run.train({
    onEpoch({ step, loss, learningRate }, isCollected) {
      epochs.push({ step, loss, learningRate });
      if (isCollected) snapshots.push(step);
    },
  });

  // 4. Predict with the last weights, with their mean, and with samples.
  console.error(`seed ${seed}: predicting`);
  model.eval();
  const predictions: MethodPrediction[] = [];
  const testSet = encode(tokenizer, test);
  for (const [method, options] of Object.entries(METHODS)) {
    predictions.push({
      method,
      ...await predict(model, run.posterior, testSet, options),
    });
  }

  // 5. Train two more, from other weights and on batches in other orders. The last
  //    weights of all are a deep ensemble, their posteriors a MultiSWAG.
  const posteriors = [run.posterior];
  const iterates = [SwagModel.fromBase(model)];
  iterates[0]?.collectModel();
  for (let i = 1; i < MEMBERS; i++) {
    console.error(`seed ${seed}: training member ${i + 1} of ${MEMBERS}`);
    const own = seed + 1000 * i;
    manualSeed(own);
    using member = new BertForSequenceClassification(config);
    using run = new Member({ ...data, member, seed: own });
    await run.train();
    posteriors.push(run.posterior);
    const last = SwagModel.fromBase(model);
    last.collectModel(member);
    iterates.push(last);
  }
  using ensemble = new MultiSwag(model, iterates);
  using multi = new MultiSwag(model, posteriors);
  const each = { numPredictions: 6, scale: 0.5, seed: 0 }; // 18 samples in all
  predictions.push({
    method: `ensemble of ${MEMBERS}`,
    ...await predict(model, ensemble, testSet),
  }, {
    method: `MultiSWAG of ${MEMBERS}`,
    ...await predict(model, multi, testSet, each),
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
    model,
    multi,
    encode(tokenizer, reviews.ood),
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
