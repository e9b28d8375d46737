// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `predict`, which labels texts.
 *
 * @module
 */

import { cellOf, findColumn, type Table } from "../data/mod.ts";
import { counted } from "../data/names.ts";
import type { PretrainedConfig } from "../models/mod.ts";
import { argmaxRows, softmaxRows, uncertaintyParts } from "../nn/mod.ts";
import { openAdapter } from "./adapter.ts";
import {
  type Arguments,
  type Command,
  HELP_OPTION,
  QUIET_OPTION,
} from "./arguments.ts";
import {
  type Classifier,
  isRegression,
  loadClassifier,
  maxLengthOf,
  meanOf,
  memberProbabilities,
  namingRows,
  type PosteriorOptions,
  posteriorScores,
  scoresOf,
  standardDeviations,
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
  emptyRemark,
  FILE_OPTIONS,
  type RawTexts,
  readOptional,
  textsOf,
} from "./read_examples.ts";
import { namesOf } from "./labels.ts";
import {
  MODEL_OPTIONS,
  posteriorRemark,
  scoreOptions,
} from "./model_options.ts";
import { cutRemark } from "./prepare_examples.ts";
import { Progress } from "./progress.ts";
import { TokenizedTexts } from "./tokenized_texts.ts";

/** How many texts are tokenized, scored and written at a time. */
const CHUNK = 4096;

/** Texts, and what is written with the prediction of each. */
interface Inputs extends RawTexts {
  /** The first fields of the line of a row. */
  lineOf(row: number): Line;
}

/** The texts of the options --text and --pair. */
function givenTexts(
  args: Arguments,
  config: PretrainedConfig,
  progress: Progress,
): Inputs {
  const texts = args.list("text");
  const pairs = args.list("pair");
  if (pairs.length > 0 && pairs.length !== texts.length) {
    throw new TypeError(
      `Cannot pair ${counted(texts.length, "--text")} with ` +
        `${counted(pairs.length, "--pair")}: give one --pair for each --text`,
    );
  }
  const isPaired = rememberedColumns(config)?.pair !== undefined;
  if (isPaired && pairs.length === 0 && !args.flag("no-pairs")) {
    progress.say(
      "The model was trained on pairs of texts: give the second with --pair, " +
        "or say --no-pairs",
    );
  }
  return {
    path: "--text",
    texts,
    pairs: pairs.length > 0 ? pairs : undefined,
    lineOf: (row) => ({
      text: texts[row],
      ...pairs.length > 0 ? { pair: pairs[row] } : {},
    }),
  };
}

/** The texts of a file, with their rows, labels and other columns. */
function fileTexts(
  args: Arguments,
  config: PretrainedConfig,
  { table, progress }: { table: Table; progress: Progress },
): Inputs {
  const choice = { args, remembered: rememberedColumns(config) };
  const columns = chooseColumns(table, choice);
  const { label } = columns;
  const remark = columnsRemark(columns, choice);
  if (remark !== undefined) progress.say(remark);
  // A label is written if the file has one. It must be there only if an option names
  // its column.
  const isAsked = args.text("label-column") !== undefined;
  const gold = isAsked || table.columns.includes(label)
    ? findColumn(table, label)
    : undefined;
  const kept = args.text("keep-columns")?.split(",") ?? [];
  const others = kept.length === 1 && kept[0] === "all"
    ? table.columns
    : kept.map((name) => findColumn(table, name));
  const raw = textsOf(table, columns);
  const cell = (row: number, name: string) =>
    cellOf(table.rows[row] ?? {}, name) ?? null;
  return {
    ...raw,
    lineOf: (row) => ({
      row: row + 1,
      text: raw.texts[row],
      ...raw.pairs ? { pair: raw.pairs[row] } : {},
      ...gold === undefined ? {} : { gold: cell(row, gold) },
      ...others.length > 0
        ? {
          columns: Object.fromEntries(
            others.map((name) => [name, cell(row, name)]),
          ),
        }
        : {},
    }),
  };
}

/** The fields of a line of output. */
type Line = Record<string, unknown>;

async function predictRows(
  { model, swag }: Classifier,
  texts: TokenizedTexts,
  options: PosteriorOptions,
): Promise<Line[]> {
  const names = namesOf(model.config);
  const classes = names.length;
  const rows = Array.from({ length: texts.count }, (_, row) => row);
  const sampled = swag && options.samples > 0
    ? await posteriorScores(model, swag, texts, options)
    : undefined;
  const scores = sampled ?? [await scoresOf(model, texts, options)];
  if (isRegression(model.config)) {
    const mean = meanOf(scores);
    const std = standardDeviations(scores, mean);
    return rows.map((row) => ({
      value: shortest(mean[row] ?? NaN),
      ...sampled ? { std: shortest(std[row] ?? NaN) } : {},
    }));
  }
  const probabilities = meanOf(
    scores.map((sample) => softmaxRows(sample, { classes })),
  );
  const labels = argmaxRows(probabilities, { classes });
  const parts = sampled && uncertaintyParts(
    memberProbabilities(sampled, classes),
    { members: sampled.length, classes },
  );
  return rows.map((row) => ({
    label: names[labels[row] ?? 0],
    probabilities: Object.fromEntries(
      names.map((name, id) => [
        name,
        shortest(probabilities[row * classes + id] ?? NaN),
      ]),
    ),
    ...parts
      ? {
        entropy: shortest(parts.total[row] ?? NaN),
        mutual_information: shortest(parts.mutualInformation[row] ?? NaN),
      }
      : {},
  }));
}

/** The number with the fewest digits that is equal in 32 bits. */
function shortest(value: number): number {
  const rounded = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(rounded.toPrecision(digits));
    if (Math.fround(short) === rounded) return short;
  }
  return Number(rounded.toPrecision(9));
}

/** Labels texts, and prints a line of JSON for each. */
export const predict: Command = {
  name: "predict",
  summary: "Labels texts: prints a line of JSON for each, with probabilities " +
    "and, if the folder holds a SWAG posterior, their uncertainty.",
  usage: "--model DIR (--data FILE | --text TEXT) [options]",
  options: {
    Data: [
      {
        name: "data",
        value: "FILE",
        help:
          "Texts: CSV, TSV, JSONL or JSON, also as .gz, or Parquet; - for standard " +
          "input.",
      },
      { name: "text", value: "TEXT", help: "A text.", repeatable: true },
      {
        name: "pair",
        value: "TEXT",
        help: "The second text of a pair, one for each --text.",
        repeatable: true,
      },
      ...COLUMN_OPTIONS,
      NO_PAIRS_OPTION,
      {
        ...LABEL_OPTION,
        help: "Column of labels, written as gold if the file has it (label).",
      },
      {
        name: "keep-columns",
        value: "NAMES",
        help: "Other columns to write, such as id,date, or all.",
      },
      ...FILE_OPTIONS,
    ],
    Model: MODEL_OPTIONS,
    Result: [QUIET_OPTION, HELP_OPTION],
  },
  notes: `Examples:
  swagpu predict --model model --text "Not bad at all" --text "Dull"
  swagpu predict --model model --data texts.csv --keep-columns id > labels.jsonl
  gzip -dc texts.tsv.gz | swagpu predict --model model --data - --format tsv`,
  async run(args) {
    const source = args.needed("model");
    const options = scoreOptions(args);
    const asked = args.integer("max-length", { min: 1 });
    const progress = new Progress({ quiet: args.flag("quiet") });
    checkSources(args);
    const table = await readOptional(args, "data");
    const known = await progress.during(
      `reading ${source}`,
      usableConfig(source),
    );
    const inputs = table
      ? fileTexts(args, known, { table, progress })
      : givenTexts(args, known, progress);
    const empty = emptyRemark(inputs);
    if (empty !== undefined) progress.say(empty);
    await openAdapter(progress);
    const classifier = await progress.during(
      `loading ${source}`,
      loadClassifier(source, args.text("tokenizer")),
    );
    const idle = posteriorRemark(args, classifier);
    if (idle !== undefined) progress.say(idle);
    const { model: { config }, tokenizer, swag } = classifier;
    const maxLength = maxLengthOf(config, tokenizer, asked);
    const { texts, pairs, path } = inputs;
    const passes = swag ? Math.max(1, options.samples) : 1;
    using stage = progress.stage(
      "labeling",
      texts.length * passes,
      passes > 1 ? "passes" : "texts",
    );
    const advance = (more: number) => stage.advance(more);
    let cut = 0;
    for (let start = 0; start < texts.length; start += CHUNK) {
      const own = texts.slice(start, start + CHUNK);
      const tokenized = new TokenizedTexts(tokenizer, own, {
        pairs: pairs?.slice(start, start + CHUNK),
        maxLength,
      });
      cut += tokenized.cut;
      const lines = await namingRows(
        inputs,
        () => predictRows(classifier, tokenized, { ...options, advance }),
        start,
      );
      progress.clear();
      console.log(
        lines.map((line, i) =>
          JSON.stringify({ ...inputs.lineOf(start + i), ...line })
        ).join("\n"),
      );
    }
    const remark = cutRemark({ cut, rows: texts.length, path, maxLength });
    if (remark !== undefined) progress.say(remark);
    return 0;
  },
};

/** Checks that texts come from options or from a file, and other options fit. */
function checkSources(args: Arguments): void {
  const hasTexts = args.list("text").length > 0;
  if ((args.text("data") === undefined) === !hasTexts) {
    throw new TypeError("Cannot predict: give either --data or --text");
  }
  const idle = hasTexts
    ? [
      "text-column",
      "pair-column",
      "label-column",
      "keep-columns",
      "columns",
      "format",
    ]
    : ["pair"];
  const name = idle.find((name) => args.list(name).length > 0);
  if (name === undefined) return;
  throw new TypeError(
    `Cannot use --${name} with --${hasTexts ? "text" : "data"}: ` +
      (hasTexts
        ? "it applies to files"
        : "name the column of second texts with --pair-column"),
  );
}
