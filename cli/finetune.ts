// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `finetune`, which trains a model on labeled texts.
 *
 * @module
 */

import type { Table } from "../data/mod.ts";
import { type AnyTensor, initialize, manualSeed } from "../engine/mod.ts";
import type { EncoderInputs } from "../models/mod.ts";
import {
  AdamW,
  batches,
  type Optimizer,
  Scheduler,
  SGD,
  train,
  type TrainReport,
  type TrainResult,
} from "../nn/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { openAdapter } from "./adapter.ts";
import {
  type Arguments,
  type Command,
  HELP_OPTION,
  type Option,
  QUIET_OPTION,
} from "./arguments.ts";
import {
  type Classifier,
  isRegression,
  maxLengthOf,
  type TextModel,
} from "./classifier.ts";
import {
  chooseColumns,
  COLUMN_OPTIONS,
  type Columns,
  LABEL_OPTION,
} from "./columns.ts";
import {
  checkInputs,
  examplesOf,
  FILE_OPTIONS,
  type RawExamples,
  readNeeded,
  readOptional,
  SKIP_OPTION,
} from "./read_examples.ts";
import { findStart, PROBLEMS, type Start } from "./finetune_model.ts";
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
import { Interrupt } from "./interrupt.ts";
import { alikeRemark, namesOf } from "./labels.ts";
import { Progress, progressLine, type RunLength } from "./progress.ts";
import { OutputFolder } from "./output_folder.ts";
import { type Examples, prepareExamples } from "./prepare_examples.ts";
import { prepareOutput, savedBytes, saveOrRescue } from "./save.ts";
import { evaluateAll, f1Class, renderScores } from "./scores.ts";
import { checkTrained } from "./trained.ts";
import { SPLIT_OPTION, splitExamples } from "./validation_split.ts";

const DATA_OPTIONS: readonly Option[] = [
  {
    name: "data",
    value: "FILE",
    help:
      "Labeled texts to learn from: CSV, TSV, JSONL or JSON, also as .gz, or " +
      "Parquet; - for standard input.",
  },
  {
    name: "eval",
    value: "FILE",
    help: "Labeled texts to measure on at the end.",
  },
  {
    name: "eval-field",
    value: "NAME",
    help: "Which list of the file --eval to read (as --field).",
  },
  SPLIT_OPTION,
  ...COLUMN_OPTIONS,
  LABEL_OPTION,
  SKIP_OPTION,
  ...FILE_OPTIONS,
  {
    name: "problem-type",
    value: PROBLEMS.join("|"),
    help: "Whether labels are names of classes or numbers (the model's, else " +
      "classes).",
  },
];

/** The options that say what to start from and where to write. */
const START_OPTIONS: readonly Option[] = [
  {
    name: "model",
    value: "DIR|ID",
    help: "Model to start from: a folder, or an id of the hub.",
  },
  {
    name: "init",
    value: "FILE",
    help: "A config.json to start from with random weights; see below.",
  },
  {
    name: "tokenizer",
    value: "DIR",
    help: "Folder of the tokenizer (the model's); needed with --init.",
  },
  { name: "output", value: "DIR", help: "Folder to write." },
  { name: "overwrite", help: "Replace a model in that folder." },
];

const NOTES = `\
Examples:
  swagpu finetune --data train.csv --model google-bert/bert-base-uncased \\
    --output model --swag
  swagpu finetune --data pairs.tsv --pair-column hypothesis --eval dev.tsv \\
    --model FacebookAI/roberta-base --epochs 5 --output model
  swagpu finetune --data train.jsonl --init config.json --tokenizer tokenizer \\
    --learning-rate 1e-3 --output model

A file for --init, beside a tokenizer's folder (that of any model, or one that
holds a vocab.txt):
  {
    "model_type": "bert",
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512
  }
Random weights need a learning rate of about 1e-3: say --learning-rate 1e-3, as
the default is for weights that were trained before.`;

/** Builds the optimizer. Biases and the parameters of norms have no weight decay. */
function optimizerOf(model: TextModel, settings: TrainSettings): Optimizer {
  const { learningRate, momentum, weightDecay } = settings;
  model.placeParameters();
  const named = [...model.namedParameters()];
  const pick = (decays: boolean) =>
    named.filter(([name]) => decays === !/(^|\.)bias$|norm\.\w+$/i.test(name))
      .map(([, parameter]) => parameter);
  const groups = [
    { parameters: pick(true), weightDecay },
    { parameters: pick(false), weightDecay: 0 },
  ].filter(({ parameters }) => parameters.length > 0);
  return settings.optimizer === "sgd"
    ? new SGD(groups, { learningRate, momentum })
    : new AdamW(groups, { learningRate });
}

/** A training run. */
interface Run {
  examples: Examples;
  settings: TrainSettings;
  plan: RunPlan;
  /** Whether to collect after a step. */
  collects: (step: number) => boolean;
  /** Shows the progress. */
  onLog: (report: TrainReport) => void;
  signal: AbortSignal;
}

/** Trains a model. */
async function fit(
  { model, swag }: Classifier,
  { examples, settings, plan, collects, onLog, signal }: Run,
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
      const inputs = texts.collate(rows, { usesPacking, fewShapes: true });
      return { ...inputs, labels: own };
    },
    step: (inputs: EncoderInputs & { labels: AnyTensor }) =>
      model.forward(inputs),
    optimizer,
    scheduler: new Scheduler(optimizer, schedule),
    signal,
    onLog,
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
    "Trains a model on labeled texts, with a SWAG posterior if --swag is given. " +
    "A text, or a pair of texts, gets one class or one number. Ctrl-C saves " +
    "the current state and stops.",
  usage: "--data FILE --model DIR|ID --output DIR [options]",
  options: {
    Data: DATA_OPTIONS,
    Model: START_OPTIONS,
    Training: TRAIN_OPTIONS,
    SWAG: SWAG_OPTIONS,
    Help: [QUIET_OPTION, HELP_OPTION],
  },
  notes: NOTES,
  async run(args) {
    const output = args.needed("output");
    const settings = trainSettings(args);
    const collect = collectSettings(args);
    const progress = new Progress({ quiet: args.flag("quiet") });
    const { epochs, batchSize, gradientAccumulation, seed } = settings;
    const { columns, ...files } = await readFiles(args, progress);
    const { raw, rawEval } = splitExamples(files, { args, seed, progress });
    const samples = raw.texts.length;
    const stepsPerEpoch = Math.ceil(
      Math.ceil(samples / batchSize) / gradientAccumulation,
    );
    const plan = { epochs, stepsPerEpoch };
    const collecting = collect && collector(collect, plan);
    const source = args.text("model") ?? "the configuration";
    const { config, tokenizer, build } = await readStart(args, {
      source,
      examples: raw,
      columns,
      progress,
    });
    const maxLength = maxLengthOf(config, tokenizer, settings.maxLength);
    tokenizer.modelMaxLength = maxLength; // Saved for those who load the model.
    const preparation = { config, tokenizer, maxLength, progress };
    // The smaller file comes first, so that an unknown label is reported at once.
    const evalExamples = rawEval && prepareExamples(rawEval, preparation);
    const examples = prepareExamples(raw, preparation);

    await initialize();
    manualSeed(seed);
    const model = await progress.during(`loading ${source}`, build());
    const swag = collect && SwagModel.fromBase(model, collect.options);
    const classifier: Classifier = { model, tokenizer, swag };
    await using _folder = await OutputFolder.make(
      output,
      () =>
        prepareOutput(output, args.flag("overwrite"), {
          bytes: savedBytes(classifier),
        }),
    );
    await openAdapter(progress);
    if (collecting?.remark !== undefined) progress.say(collecting.remark);

    const run: Omit<Run, "signal"> = {
      examples,
      settings,
      plan,
      collects: collecting?.collects ?? (() => false),
      onLog: reporter(progress, {
        length: {
          epochs,
          steps: epochs * stepsPerEpoch,
          samples: epochs * samples,
        },
        everyReport: settings.logEvery !== undefined,
      }),
    };
    const exitCode = await trainAndSave(classifier, { run, output, progress });
    if (exitCode !== 0) return exitCode;
    if (evalExamples) {
      const options = { batchSize: 64, samples: 30, scale: 0.5, seed };
      const scores = await evaluateAll(classifier, evalExamples, {
        ...options,
        progress,
      });
      console.log(renderScores(scores, f1Class(classifier)).trimEnd());
    }
    return 0;
  },
};

/** Reads the files that options name. */
async function readFiles(
  args: Arguments,
  progress: Progress,
): Promise<{
  raw: RawExamples;
  rawEval: RawExamples | undefined;
  columns: Columns;
}> {
  checkInputs(args, "data", "eval");
  if (
    args.text("eval-field") !== undefined && args.text("eval") === undefined
  ) {
    throw new TypeError(
      "Cannot use --eval-field without --eval: it names a list of that file",
    );
  }
  const table = await readNeeded(args, "data");
  const evalTable = await readOptional(args, "eval");
  const read = (own: Table) =>
    examplesOf(own, chooseColumns(own, { args }), { args, progress });
  return {
    columns: chooseColumns(table, { args }),
    raw: read(table),
    rawEval: evalTable && read(evalTable),
  };
}

/** Reads the configuration and the tokenizer to start from, with remarks on them. */
async function readStart(
  args: Arguments,
  { source, examples, columns, progress }: {
    source: string;
    examples: RawExamples;
    columns: Columns;
    progress: Progress;
  },
): Promise<Start> {
  const start = await progress.during(
    `reading ${source}`,
    findStart(args, { examples, columns }),
  );
  const { config, remembered } = start;
  if (remembered?.pair !== undefined && columns.pair === undefined) {
    progress.say(
      `${source} was trained on pairs of texts, and this training is on ` +
        "single ones: name the column of second texts with --pair-column",
    );
  }
  const alike = isRegression(config) ? undefined : alikeRemark(namesOf(config));
  if (alike !== undefined) progress.say(alike);
  return start;
}

/** Makes the function that shows the progress of a training run. */
function reporter(
  progress: Progress,
  { length, everyReport }: { length: RunLength; everyReport: boolean },
): (report: TrainReport) => void {
  const start = performance.now();
  progress.begin();
  return (report) =>
    progress.show(
      () => progressLine(report, length, (performance.now() - start) / 1000),
      everyReport,
    );
}

/** Trains until the end or a signal, saves, and returns the exit code. */
async function trainAndSave(
  classifier: Classifier,
  { run, output, progress }: {
    run: Omit<Run, "signal">;
    output: string;
    progress: Progress;
  },
): Promise<number> {
  const { swag } = classifier;
  using interrupt = new Interrupt(() =>
    progress.say("Stopping; repeat after a second to stop without saving")
  );
  const { signal } = interrupt;
  const { step, loss } = await fit(classifier, { ...run, signal })
    .catch((error) => {
      throw byOptions(error);
    });
  progress.clear();
  if (step === 0) {
    progress.say("Stopped before the first step: nothing is saved");
    return interrupt.exitCode;
  }
  await checkTrained(classifier, run.examples.texts);
  await interrupt.finish(() => saveOrRescue(output, classifier));
  console.log(
    `Saved ${output} after ${step} steps, loss ${loss.toFixed(4)}` +
      (swag ? `, ${describePosterior(swag)}` : ""),
  );
  return interrupt.exitCode;
}

/** Turns an error of the library into the words of the command line. */
function byOptions(error: unknown): unknown {
  return error instanceof RangeError
    ? new RangeError(
      error.message.replace("Cannot use the weights:", "Cannot save the model:")
        .replaceAll("maxGradNorm", "--max-grad-norm") + ". Nothing was saved",
      { cause: error },
    )
    : error;
}

/** Describes a posterior in words. */
function describePosterior({ nModels, covMatRank }: SwagModel): string {
  return nModels === 0
    ? "no posterior: nothing had been collected"
    : `${nModels} collections, rank ${covMatRank}`;
}
