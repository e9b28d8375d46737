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
import { openAdapter } from "./adapter.ts";
import {
  type Arguments,
  type Command,
  CONFIG_OPTION,
  HELP_OPTION,
  QUIET_OPTION,
} from "./arguments.ts";
import {
  loadClassifier,
  maxLengthOf,
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
  emptyRemark,
  FILE_OPTIONS,
  type RawTexts,
  readOptional,
  textsOf,
} from "./read_examples.ts";
import {
  checkPosterior,
  checkRankable,
  RANK_OPTIONS,
  rankingOf,
} from "./label_next.ts";
import {
  MODEL_OPTIONS,
  posteriorRemark,
  scoreOptions,
} from "./model_options.ts";
import { type Line, predictionLines } from "./prediction_lines.ts";
import { cutRemark } from "./prepare_examples.ts";
import { Progress } from "./progress.ts";
import { TokenizedTexts } from "./tokenized_texts.ts";
import { TopRows } from "./top_rows.ts";

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
    Result: [...RANK_OPTIONS, QUIET_OPTION, CONFIG_OPTION, HELP_OPTION],
  },
  notes: `Examples:
  swagpu predict --model model --text "Not bad at all" --text "Dull"
  swagpu predict --model model --data texts.csv --keep-columns id > labels.jsonl
  swagpu predict --model model --data new.csv --top 100 --by mutual-information
  gzip -dc texts.tsv.gz | swagpu predict --model model --data - --format tsv

A posterior adds the entropy of the mean prediction in nats and its two parts:
expectedEntropy, the samples' own, and mutualInformation, how much the samples
disagree. confidence is the largest probability, and margin its distance to the
second largest. Rows that --top finds equal stay in the order of the file.`,
  async run(args) {
    const source = args.needed("model");
    const options = scoreOptions(args);
    const ranking = rankingOf(args, options);
    const asked = args.integer("max-length", { min: 1 });
    const progress = new Progress({ quiet: args.flag("quiet") });
    checkSources(args);
    const table = await readOptional(args, "data");
    const known = await progress.during(
      `reading ${source}`,
      usableConfig(source),
    );
    checkRankable(ranking, known);
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
    checkPosterior(ranking, classifier);
    const idle = posteriorRemark(args, classifier);
    if (idle !== undefined) progress.say(idle);
    const { model: { config }, tokenizer, swag } = classifier;
    const maxLength = maxLengthOf(config, tokenizer, asked);
    const { texts, pairs, path } = inputs;
    const isSampled = swag !== undefined && options.samples > 0;
    const passes = isSampled ? options.samples : 1;
    using stage = progress.stage(
      "labeling",
      texts.length * passes,
      passes > 1 ? "passes" : "texts",
    );
    const advance = (more: number) => stage.advance(more);
    const top = ranking && new TopRows<Line>(ranking.top);
    let cut = 0;
    for (let start = 0; start < texts.length; start += CHUNK) {
      const own = texts.slice(start, start + CHUNK);
      const tokenized = new TokenizedTexts(tokenizer, own, {
        pairs: pairs?.slice(start, start + CHUNK),
        maxLength,
      });
      cut += tokenized.cut;
      const scores = await namingRows(
        inputs,
        () => memberScores(classifier, tokenized, { ...options, advance }),
        start,
      );
      const lines = predictionLines(config, scores, {
        isSampled,
        measure: ranking?.field,
      }).map((line, i) => ({ ...inputs.lineOf(start + i), ...line }));
      if (ranking && top) {
        for (const line of lines) top.offer(ranking.scoreOf(line), line);
        continue;
      }
      progress.clear();
      console.log(lines.map((line) => JSON.stringify(line)).join("\n"));
    }
    for (const [i, { item }] of (top?.ranked() ?? []).entries()) {
      progress.clear();
      console.log(JSON.stringify({ rank: i + 1, ...item }));
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
