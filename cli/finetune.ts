// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `finetune`.
 *
 * @module
 */

import { initialize, manualSeed, type Tensor } from "../engine/mod.ts";
import type { EncoderInputs } from "../models/mod.ts";
import {
  AdamW,
  batches,
  type Optimizer,
  Scheduler,
  SGD,
  train,
  type TrainResult,
} from "../nn/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import type { Command, Option } from "./arguments.ts";
import { type Classifier, maxLengthOf, type TextModel } from "./classifier.ts";
import { prepareExamples } from "./evaluate.ts";
import { COLUMN_OPTIONS, LABEL_OPTION, readExamples } from "./examples.ts";
import { findStart, PROBLEMS } from "./finetune_model.ts";
import {
  collector,
  collectSettings,
  type RunPlan,
  scheduleOf,
  SWAG_OPTIONS,
  TRAIN_OPTIONS,
  type TrainSettings,
  trainSettings,
} from "./finetune_settings.ts";
import { Interrupt, INTERRUPTED } from "./interrupt.ts";
import { Progress } from "./progress.ts";
import { prepareOutput, saveClassifier, savedBytes } from "./save.ts";
import { evaluateAll, type Examples, renderScores } from "./scores.ts";

const DATA_OPTIONS: readonly Option[] = [
  {
    name: "data",
    value: "FILE",
    help: "Labelled texts to learn from: CSV, TSV or JSONL.",
  },
  {
    name: "eval",
    value: "FILE",
    help: "Labelled texts to measure on at the end.",
  },
  ...COLUMN_OPTIONS,
  LABEL_OPTION,
  {
    name: "problem-type",
    value: PROBLEMS.join("|"),
    help: "What labels are: names of classes, or numbers (the model's, else " +
      "classes).",
  },
];

const MODEL_OPTIONS: readonly Option[] = [
  {
    name: "model",
    value: "DIR|ID",
    help: "Model to start from: a folder, or an id of the hub.",
  },
  {
    name: "init",
    value: "FILE",
    help: "A config.json to start from with random weights.",
  },
  {
    name: "tokenizer",
    value: "DIR",
    help: "Folder of the tokenizer (the model's); needed with --init.",
  },
  { name: "output", value: "DIR", help: "Folder to write." },
  { name: "overwrite", help: "Replace a model in that folder." },
];

/** Weights decay; biases and the parameters of norms do not. */
function optimizerOf(model: TextModel, settings: TrainSettings): Optimizer {
  const { learningRate, momentum, weightDecay } = settings;
  model.parameters();
  const named = [...model.namedParameters()];
  const pick = (wanted: boolean) =>
    named.filter(([name]) => wanted === !/(^|\.)bias$|norm\.\w+$/i.test(name))
      .map(([, parameter]) => parameter);
  const groups = [
    { parameters: pick(true), weightDecay },
    { parameters: pick(false), weightDecay: 0 },
  ].filter(({ parameters }) => parameters.length > 0);
  return settings.optimizer === "sgd"
    ? new SGD(groups, { learningRate, momentum })
    : new AdamW(groups, { learningRate });
}

interface Run {
  examples: Examples;
  settings: TrainSettings;
  plan: RunPlan;
  /** Whether to collect after a step. */
  collects: (step: number) => boolean;
  progress: Progress;
  signal: AbortSignal;
}

async function fit(
  { model, swag }: Classifier,
  { examples, settings, plan, collects, progress, signal }: Run,
): Promise<TrainResult> {
  const { texts, labels } = examples;
  const { batchSize, seed } = settings;
  const { epochs, gradientAccumulation, maxGradNorm, logEvery } = settings;
  const { lengths } = texts;
  const optimizer = optimizerOf(model, settings);
  const schedule = scheduleOf(settings, plan.epochs * plan.stepsPerEpoch);
  model.train();
  const result = await train({
    epochs,
    gradientAccumulation,
    maxGradNorm,
    logEvery,
    batches: (epoch) =>
      batches(texts.count, batchSize, { shuffle: true, seed, epoch, lengths }),
    inputs(rows: Uint32Array) {
      const { usesPacking } = model;
      const own = labels instanceof Int32Array
        ? Int32Array.from(rows, (row) => labels[row] ?? 0)
        : Float32Array.from(rows, (row) => labels[row] ?? 0);
      const inputs = texts.batch(rows, { usesPacking, fewShapes: true });
      return { ...inputs, labels: own };
    },
    step: (inputs: EncoderInputs & { labels: Tensor }) => model.forward(inputs),
    optimizer,
    scheduler: new Scheduler(optimizer, schedule),
    signal,
    onLog: (report) => progress.show(report),
    onStep({ step }) {
      if (collects(step)) swag?.collectModel();
    },
  });
  model.eval();
  return result;
}

/** Trains a model and writes it. */
export const finetune: Command = {
  name: "finetune",
  summary:
    "Trains a model on labelled texts, with a SWAG posterior if wanted. " +
    "Ctrl-C saves what there is and stops.",
  usage: "--data FILE --model DIR|ID --output DIR [options]",
  options: {
    Data: DATA_OPTIONS,
    Model: MODEL_OPTIONS,
    Training: TRAIN_OPTIONS,
    SWAG: SWAG_OPTIONS,
    Help: [{ name: "help", help: "Print this." }],
  },
  async run(args) {
    const data = args.needed("data");
    const output = args.needed("output");
    const evalPath = args.text("eval");
    const settings = trainSettings(args);
    const collect = collectSettings(args);
    const { epochs, batchSize, gradientAccumulation, seed } = settings;
    const raw = await readExamples(data, args);
    const rawEval = evalPath === undefined
      ? undefined
      : await readExamples(evalPath, args);
    const samples = raw.texts.length;
    const stepsPerEpoch = Math.ceil(
      Math.ceil(samples / batchSize) / gradientAccumulation,
    );
    const plan = { epochs, stepsPerEpoch };
    const collects = collect ? collector(collect, plan) : () => false;
    const { config, tokenizer, build } = await findStart(args, raw);
    const maxLength = maxLengthOf(config, tokenizer, settings.maxLength);
    tokenizer.modelMaxLength = maxLength; // for those who load the model
    const examples = prepareExamples(raw, { config, tokenizer }, maxLength);
    const evalExamples = rawEval &&
      prepareExamples(rawEval, { config, tokenizer }, maxLength);

    await initialize();
    manualSeed(seed);
    const model = await build();
    const swag = collect && SwagModel.fromBase(model, collect.options);
    const classifier: Classifier = { model, tokenizer, swag };
    await prepareOutput(output, args.flag("overwrite"), {
      bytes: savedBytes(classifier),
    });

    const progress = new Progress({
      epochs,
      steps: epochs * stepsPerEpoch,
      samples: epochs * samples,
    });
    using interrupt = new Interrupt(() =>
      progress.say("Stopping; once more after a second to stop without saving")
    );
    const { signal } = interrupt;
    const run = { examples, settings, plan, collects, progress, signal };
    const { step, loss, aborted } = await fit(classifier, run);
    progress.clear();
    await saveClassifier(output, classifier);
    console.log(
      `Saved ${output} after ${step} steps, loss ${loss.toFixed(4)}` +
        (swag ? `, ${swag.nModels} collections, rank ${swag.covMatRank}` : ""),
    );
    if (aborted) return INTERRUPTED;
    if (evalExamples) {
      const options = { batchSize: 64, samples: 30, scale: 0.5, seed };
      const scores = await evaluateAll(classifier, evalExamples, options);
      console.log(renderScores(scores).trimEnd());
    }
    return 0;
  },
};
