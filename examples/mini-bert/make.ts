// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Makes the mini-BERT of this folder from public-domain books: tokenizer, training,
 * weights in 16 bits, and the curve of its loss. The books are a folder of plain
 * texts with a paragraph a line; `time_machine.txt` is kept for measuring. Plays
 * may follow, one file with blank lines between the speeches. The same files and
 * the same adapter give the same weights.
 *
 * ```sh
 * deno run -A examples/mini-bert/make.ts --books BOOKS --plays input.txt \
 *   --output examples/mini-bert
 * ```
 *
 * @module
 */

import { initialize, manualSeed } from "@swagpu/swagpu/engine";
import {
  AutoTokenizer,
  BertConfig,
  BertForMaskedLM,
} from "@swagpu/swagpu/models";
import { writeSafetensors } from "@swagpu/swagpu/nn";
import { chartConfig, drawSpec, LIGHT } from "@swagpu/swagpu/report";
import { parseArgs } from "@std/cli/parse-args";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;

/** The book that the model is measured on. */
const MEASURED = "time_machine.txt";

const SEED = 1;

/** The deviation of random weights. */
const DEVIATION = 0.08;

/** The height of sinusoids of the same deviation: √2 times as much. */
const AMPLITUDE = 0.113;

/** Runs a command of the command line. */
async function swagpu(...args: string[]): Promise<void> {
  console.log(`swagpu ${args.join(" ")}`);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, ...args],
  }).output();
  if (!success) throw new Error(`Cannot make the model: ${args[0]} failed`);
}

/** Joins all books but the one that is measured on, and the plays. */
export async function writeCorpus(
  target: string,
  books: string,
  plays: string | undefined,
): Promise<void> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(books)) {
    if (name.endsWith(".txt") && name !== MEASURED) names.push(name);
  }
  const texts: string[] = [];
  for (const name of names.sort()) {
    texts.push((await Deno.readTextFile(`${books}/${name}`)).trimEnd());
  }
  if (plays !== undefined) {
    const speeches = (await Deno.readTextFile(plays)).trim().split("\n\n");
    texts.push(...speeches.map((speech) => speech.replaceAll("\n", " ")));
  }
  await Deno.writeTextFile(target, texts.map((text) => `${text}\n`).join(""));
}

/**
 * Writes a model with random weights whose positions are sinusoids. From random
 * positions it would have to learn for each pair of them that they are neighbors.
 */
export async function writeStart(
  target: string,
  tokens: string,
): Promise<void> {
  const tokenizer = await AutoTokenizer.fromPretrained(tokens);
  manualSeed(SEED);
  using model = new BertForMaskedLM(
    new BertConfig({
      vocabSize: tokenizer.vocabSize,
      hiddenSize: 128,
      numHiddenLayers: 2,
      numAttentionHeads: 2,
      intermediateSize: 512,
      maxPositionEmbeddings: 128,
      initializerRange: DEVIATION,
      // There is more text than such a model can learn by heart.
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      padTokenId: tokenizer.padTokenId ?? 0,
    }),
  );
  model.placeParameters();
  const { weight } = model.bert.embeddings.positionEmbeddings;
  const [count = 0, width = 0] = weight.shape;
  weight.write(Float32Array.from({ length: count * width }, (_, i) => {
    const [position, k] = [Math.floor(i / width), i % width];
    const angle = position / 1000 ** ((k - k % 2) / width);
    return AMPLITUDE * (k % 2 === 0 ? Math.sin(angle) : Math.cos(angle));
  }));
  await model.savePretrained(target, { tokenizer });
}

/** Writes the trained model in 16 bits, with the dropout of fine-tuning. */
export async function writeModel(
  target: string,
  source: string,
): Promise<void> {
  const tokenizer = await AutoTokenizer.fromPretrained(source);
  using model = await BertForMaskedLM.fromPretrained(source, {
    config: {
      hidden_dropout_prob: 0.1,
      attention_probs_dropout_prob: 0.1,
      swagpu: undefined,
    },
  });
  await model.savePretrained(target, { tokenizer });
  const tensors = await Promise.all(
    [...model.namedTensors()].map(async ([name, x]) =>
      [name, { shape: x.shape, dtype: "F16", data: await x.data() }] as const
    ),
  );
  await writeSafetensors(`${target}/model.safetensors`, tensors, {
    metadata: { format: "pt" },
  });
}

/** Draws the loss of the run. */
export async function drawLoss(target: string, log: string): Promise<void> {
  const lines = (await Deno.readTextFile(log)).trim().split("\n");
  const values = lines.map((line) => JSON.parse(line))
    .filter((entry) => "loss" in entry);
  const svg = await drawSpec({
    data: { values },
    width: 460,
    height: 200,
    background: LIGHT.paper,
    padding: 12,
    mark: { type: "line", color: LIGHT.first, strokeWidth: 2 },
    encoding: {
      x: { field: "step", type: "quantitative", title: "step" },
      y: {
        field: "loss",
        type: "quantitative",
        title: "loss, nats",
        scale: { zero: false },
      },
    },
    config: chartConfig(LIGHT),
  });
  await Deno.writeTextFile(target, svg);
}

if (import.meta.main) {
  const { books, plays, output } = parseArgs(Deno.args, {
    string: ["books", "plays", "output"],
  });
  if (books === undefined || output === undefined) {
    throw new TypeError("Cannot run without --books DIR and --output DIR");
  }
  const work = await Deno.makeTempDir({ prefix: "mini-bert-" });
  await writeCorpus(`${work}/books.txt`, books, plays);
  await swagpu(
    ...["train-tokenizer", "--data", `${work}/books.txt`],
    ...["--type", "wordpiece", "--vocab-size", "6000"],
    ...["--output", `${work}/tokenizer`],
  );
  await initialize();
  await writeStart(`${work}/start`, `${work}/tokenizer`);
  await swagpu(
    ...["finetune", "--task", "fill-mask", "--model", `${work}/start`],
    ...["--data", `${work}/books.txt`, "--eval", `${books}/${MEASURED}`],
    ...["--whole-word-mask", "--mlm-probability", "0.3"],
    ...["--block-size", "64", "--batch-size", "16", "--max-steps", "8000"],
    ...["--learning-rate", "1e-3", "--warmup-ratio", "0.04"],
    ...["--log-every", "100", "--seed", `${SEED}`, "--output", `${work}/mini`],
  );
  await writeModel(output, `${work}/mini`);
  await drawLoss(`${output}/loss.svg`, `${work}/mini/log.jsonl`);
  await Deno.remove(work, { recursive: true });
}
