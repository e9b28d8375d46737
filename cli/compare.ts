// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `compare`, which says whether one model is better than another by more
 * than chance.
 *
 * @module
 */

import type { PretrainedConfig } from "../models/mod.ts";
import { argmaxRows, softmaxRows } from "../nn/mod.ts";
import { openAdapter } from "./adapter.ts";
import {
  type Arguments,
  type Command,
  HELP_OPTION,
  QUIET_OPTION,
} from "./arguments.ts";
import {
  isRegression,
  loadClassifier,
  maxLengthOf,
  meanOf,
  memberScores,
  namingRows,
  usableConfig,
} from "./classifier.ts";
import {
  chooseColumns,
  COLUMN_OPTIONS,
  columnsRemark,
  LABEL_OPTION,
  NO_PAIRS_OPTION,
  rememberedColumns,
} from "./columns.ts";
import {
  checkSameRows,
  type ComparedRun,
  type Predictions,
} from "./compared_rows.ts";
import { compareRuns, MAIN_METRICS, type PredictedRun } from "./comparison.ts";
import { renderComparison } from "./comparison_text.ts";
import { classIds, namesOf, numbersOf } from "./labels.ts";
import {
  MODEL_OPTIONS,
  posteriorRemark,
  scoreOptions,
} from "./model_options.ts";
import { readPredictions } from "./prediction_file.ts";
import { prepareExamples } from "./prepare_examples.ts";
import { Progress } from "./progress.ts";
import {
  examplesOf,
  FILE_OPTIONS,
  type RawExamples,
  readNeeded,
  SKIP_OPTION,
} from "./read_examples.ts";
import { cellOf } from "./rows.ts";
import { columnOf, type Table } from "./table.ts";

const DATA_OPTIONS = [
  {
    name: "data",
    value: "FILE",
    help: "Labeled texts for models: CSV, TSV or JSONL, also as .gz; - for " +
      "standard input.",
  },
  ...COLUMN_OPTIONS,
  NO_PAIRS_OPTION,
  LABEL_OPTION,
  SKIP_OPTION,
  ...FILE_OPTIONS,
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
      QUIET_OPTION,
      HELP_OPTION,
    ],
  },
  notes:
    `A RUN is a folder that finetune wrote, a classifier of the hub, or a JSONL file
of predict or evaluate --predictions whose rows have labels. A model with a SWAG
posterior predicts the mean of its samples. Examples:
  swagpu compare small large --data test.csv
  swagpu evaluate --model small --data test.csv --predictions small.jsonl
  swagpu compare small.jsonl large.jsonl --json

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
    const comparison = compareRuns(predicted, {
      main: main ?? "accuracy",
      resamples,
      seed,
    });
    console.log(
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
    ? await readNeeded(args, "data")
    : undefined;
  const models = new ModelRuns(args, progress);
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
    return (await Deno.stat(name)).isFile;
  } catch {
    return false; // It may be on the hub.
  }
}

/** Models that predict the same texts, one after the other. */
class ModelRuns {
  readonly #args: Arguments;
  readonly #progress: Progress;
  readonly #options: ReturnType<typeof scoreOptions>;
  readonly #maxLength: number | undefined;
  #withoutPosterior = 0;
  #count = 0;
  #isOpen = false;

  constructor(args: Arguments, progress: Progress) {
    this.#args = args;
    this.#progress = progress;
    this.#options = scoreOptions(args);
    this.#maxLength = args.integer("max-length", { min: 1 });
  }

  /** Reads the configuration of a model, and the rows in its columns. */
  async read(name: string, table: Table): Promise<ComparedRun> {
    const [args, progress] = [this.#args, this.#progress];
    const config = await progress.during(`reading ${name}`, usableConfig(name));
    const choice = { args, remembered: rememberedColumns(config) };
    const columns = chooseColumns(table, choice);
    const remark = columnsRemark(columns, choice);
    if (remark !== undefined) progress.say(`${name}: ${remark}`);
    const raw = examplesOf(table, columns, { args, progress });
    const numbers = raw.numbers ?? raw.texts.map((_, i) => i + 1);
    const classes = isRegression(config) ? undefined : namesOf(config);
    this.#count++;
    return {
      name,
      rows: {
        ...raw,
        numbers,
        classes,
        gold: classes
          ? classIds(raw.labels, classes, raw)
          : numbersOf(raw.labels, raw),
        ids: idsOf(table, numbers),
      },
      predict: () => this.#predict(name, raw, config),
    };
  }

  async #predict(
    name: string,
    raw: RawExamples,
    config: PretrainedConfig,
  ): Promise<Predictions> {
    const [args, progress] = [this.#args, this.#progress];
    if (!this.#isOpen) await openAdapter(progress);
    this.#isOpen = true;
    const classifier = await progress.during(
      `loading ${name}`,
      loadClassifier(name),
    );
    const { model, tokenizer, swag } = classifier;
    try {
      if (!swag) this.#withoutPosterior++;
      if (this.#withoutPosterior === this.#count) {
        const idle = posteriorRemark(args, { swag });
        if (idle !== undefined) progress.say(idle);
      }
      const maxLength = maxLengthOf(config, tokenizer, this.#maxLength);
      const { texts, source } = prepareExamples(raw, {
        config,
        tokenizer,
        maxLength,
        progress,
      });
      const isSampled = swag !== undefined && this.#options.samples > 0;
      using stage = progress.stage(
        `predicting with ${name}`,
        texts.count * (isSampled ? this.#options.samples : 1),
        isSampled ? "passes" : "texts",
      );
      const advance = (more: number) => stage.advance(more);
      const scores = await namingRows(
        source,
        () => memberScores(classifier, texts, { ...this.#options, advance }),
      );
      if (isRegression(config)) {
        return { values: meanOf(scores), labels: undefined };
      }
      const classes = config.numLabels;
      const values = meanOf(
        scores.map((sample) => softmaxRows(sample, { classes })),
      );
      const labels = Int32Array.from(argmaxRows(values, { classes }));
      return { values, labels };
    } finally {
      // The next model may need the memory.
      swag?.dispose();
      model.dispose();
    }
  }
}

/** The ids of the rows with some numbers, if the file has a column of that name. */
function idsOf(
  table: Table,
  numbers: readonly number[],
): string[] | undefined {
  const hasIds = table.rows.every((row) =>
    (cellOf(row, "id") ?? null) !== null
  );
  if (!hasIds) return undefined;
  const ids = columnOf(table, "id");
  return numbers.map((number) => ids[number - 1] ?? "");
}
