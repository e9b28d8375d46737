// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `compare`, which says whether one model is better than another by more
 * than chance.
 *
 * @module
 */

import { disk } from "../host/mod.ts";
import { type Arguments, type Command, COMMON_OPTIONS } from "./arguments.ts";
import { ComparedModels } from "./compared_models.ts";
import { checkSameRows, type ComparedRun } from "./compared_rows.ts";
import { compareRuns, MAIN_METRICS, type PredictedRun } from "./comparison.ts";
import { renderComparison } from "./comparison_text.ts";
import { readInput } from "./input_files.ts";
import { MODEL_OPTIONS } from "./model_options.ts";
import { count } from "../data/names.ts";
import { readPredictions } from "./prediction_file.ts";
import { Progress } from "./progress.ts";
import { LABELED_FILE_OPTIONS } from "./single_answers.ts";
import { print } from "./standard_output.ts";

const DATA_OPTIONS = [
  {
    name: "data",
    value: "FILE",
    help: "Labeled texts for models: CSV, TSV or JSONL, also as .gz; - for " +
      "standard input.",
  },
  ...LABELED_FILE_OPTIONS,
];

// Each model has its own tokenizer, and the seed decides more than samples.
const MODEL_ONLY = MODEL_OPTIONS.filter(({ name }) =>
  !["model", "tokenizer", "seed"].includes(name)
);

/** Compares models, or files of predictions, on the same labeled rows. */
export const compare: Command = {
  name: "compare",
  summary:
    "Compares models on the same labeled texts: scores with intervals, " +
    "and for each pair the differences with tests.",
  usage: "RUN RUN [RUN …] [--data FILE] [options]",
  operand: "RUN",
  options: {
    "Data, for runs that are models": DATA_OPTIONS,
    "Models": MODEL_ONLY,
    "Statistics": [
      {
        name: "metric",
        value: MAIN_METRICS.join("|"),
        help: "The first score of classes (accuracy).",
      },
      {
        name: "resamples",
        value: "N",
        help: "How often rows are drawn for the intervals (1000).",
      },
      {
        name: "seed",
        value: "N",
        help: "Decides the samples of the weights and of the rows (0).",
      },
    ],
    "Result": [
      { name: "json", help: "Print JSON instead of tables." },
      ...COMMON_OPTIONS,
    ],
  },
  notes: `Examples:
  swagpu compare small large --data test.csv
  swagpu evaluate --model small --data test.csv --predictions small.jsonl
  swagpu compare small.jsonl large.jsonl --json

A RUN is a folder that finetune wrote, a classifier of the hub, or a JSONL file
of predict or evaluate --predictions whose rows have labels. A model with a SWAG
posterior predicts the mean of its samples.

Intervals are between percentiles of a bootstrap, and differences are scored on
the same rows of both runs (paired bootstrap). McNemar's test is exact. With
more than two runs, p-values are not corrected for their number.`,
  async run(args) {
    const names = args.operands;
    if (names.length < 2) {
      throw new TypeError(
        `Cannot compare ${
          names.length === 0 ? "no run" : "one run"
        }: name at ` +
          "least two, such as swagpu compare small large --data test.csv",
      );
    }
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined) {
      throw new TypeError(`Cannot compare ${twice} with itself`);
    }
    const main = args.choice("metric", MAIN_METRICS);
    const resamples = args.integer("resamples", { min: 1 }) ?? 1000;
    const seed = args.integer("seed", { min: 0 }) ?? 0;
    const progress = new Progress({ quiet: args.flag("quiet") });
    const runs = await readRuns(args, progress);
    const [first] = runs;
    if (!first) throw new Error("unreachable: there are at least two runs");
    for (const run of runs.slice(1)) checkSameRows(first, run);
    if (main !== undefined && !first.rows.classes) {
      throw new TypeError(
        `Cannot use --metric ${main}: the runs predict numbers, not classes`,
      );
    }
    const predicted: PredictedRun[] = [];
    for (const run of runs) {
      const { name, rows } = run;
      predicted.push({ name, rows, ...await run.predict() });
    }
    progress.show(`drawing rows ${count(resamples)} times`);
    const comparison = compareRuns(predicted, {
      main: main ?? "accuracy",
      resamples,
      seed,
    });
    progress.clear();
    await print(
      args.flag("json")
        ? JSON.stringify(comparison, null, 2)
        : renderComparison(comparison).trimEnd(),
    );
    return 0;
  },
};

/** Reads the files of predictions, and what models will predict for. */
async function readRuns(
  args: Arguments,
  progress: Progress,
): Promise<ComparedRun[]> {
  const names = args.operands;
  const areFiles = await Promise.all(names.map(isPredictions));
  if (areFiles.includes(false)) {
    if (args.text("data") === undefined) {
      throw new TypeError(
        `Cannot compare ${names[areFiles.indexOf(false)]} without --data: it ` +
          "is a model, which needs labeled texts",
      );
    }
    if (
      [...names, args.text("data")].filter((name) => name === "-").length > 1
    ) {
      throw new TypeError(
        "Cannot read standard input twice: name a file for --data or the run",
      );
    }
  } else {
    const idle = [...DATA_OPTIONS, ...MODEL_ONLY]
      .find(({ name }) => args.flag(name));
    if (idle !== undefined) {
      throw new TypeError(
        `Cannot use --${idle.name}: it applies to models, and every run is a ` +
          "file of predictions",
      );
    }
  }
  const table = areFiles.includes(false)
    ? await readInput(args, "data")
    : undefined;
  const models = new ComparedModels(args, progress);
  const runs: ComparedRun[] = [];
  for (const [i, name] of names.entries()) {
    runs.push(
      areFiles[i] || !table
        ? await readPredictions(name)
        : await models.read(name, table),
    );
  }
  return runs;
}

/** Whether a run is a file of predictions, and not a model. */
async function isPredictions(name: string): Promise<boolean> {
  if (name === "-" || /\.(jsonl|ndjson)(\.gz)?$/i.test(name)) return true;
  try {
    return (await disk(name).stat(name)).isFile;
  } catch {
    return false; // It may be on the hub.
  }
}
