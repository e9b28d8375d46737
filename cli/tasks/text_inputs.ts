// Copyright 2026 the swagpu authors. MIT license.

/**
 * The texts that `predict` labels: those of options, or those of a file with what is
 * written beside their predictions.
 *
 * @module
 */

import { cellOf, findColumn, type Table } from "../../data/mod.ts";
import { counted } from "../../data/names.ts";
import type { PretrainedConfig } from "../../models/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import {
  COLUMN_OPTIONS,
  columnsRemark,
  hasColumn,
  NO_PAIRS_OPTION,
  rememberedColumns,
} from "../columns.ts";
import type { Line } from "../prediction_lines.ts";
import type { Progress } from "../progress.ts";
import {
  emptyRemark,
  FILE_OPTIONS,
  type RawTexts,
  readOptional,
  textsOf,
} from "../read_examples.ts";
import {
  chooseLabelColumns,
  foundLabels,
  LABEL_OPTIONS,
  type LabelColumns,
  rememberedLabels,
} from "./label_columns.ts";
import type { TaskContext } from "./task.ts";

/** The options that say which texts to label, beside the file. */
export const INPUT_OPTIONS: readonly Option[] = [
  { name: "text", value: "TEXT", help: "A text.", repeatable: true },
  {
    name: "pair",
    value: "TEXT",
    help: "The second text of a pair, one for each --text.",
    repeatable: true,
  },
  ...COLUMN_OPTIONS,
  NO_PAIRS_OPTION,
  ...LABEL_OPTIONS.filter(({ name }) => name === "label-column").map(
    (option) => ({
      ...option,
      help: "Column of labels, written as gold if the file has it (label); " +
        "several, such as a,b,c.",
    }),
  ),
  {
    name: "keep-columns",
    value: "NAMES",
    help: "Other columns to write, such as id,date, or all.",
  },
  ...FILE_OPTIONS,
];

/** Texts, and what is written with the prediction of each. */
export interface TextInputs extends RawTexts {
  /** The first fields of the line of a row. */
  lineOf(row: number): Line;
}

/** The texts of the options --text and --pair. */
function givenTexts(
  args: Arguments,
  config: PretrainedConfig,
  progress: Progress,
): TextInputs {
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
): TextInputs {
  const choice = { args, remembered: rememberedLabels(config) };
  const columns = chooseLabelColumns(table, choice);
  const remark = columnsRemark(columns, choice);
  if (remark !== undefined) progress.say(remark);
  const goldOf = goldReader(table, columns, args);
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
      ...goldOf === undefined ? {} : { gold: goldOf(table.rows[row] ?? {}) },
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

/**
 * Makes the function that gives the label of a row. A label is written if the file has
 * one. It must be there only if an option names its column.
 */
function goldReader(
  table: Table,
  columns: LabelColumns,
  args: Arguments,
): ((cells: Readonly<Record<string, unknown>>) => unknown) | undefined {
  const isAsked = args.text("label-column") !== undefined;
  if (!isAsked && !columns.labels.every((name) => hasColumn(table, name))) {
    return undefined;
  }
  const { labels, separator } = foundLabels(table, columns);
  const [first = ""] = labels;
  if (labels.length > 1) {
    return (cells) =>
      Object.fromEntries(
        labels.map((name) => [name, cellOf(cells, name) ?? null]),
      );
  }
  return (cells) => {
    const cell = cellOf(cells, first) ?? null;
    return separator !== undefined && typeof cell === "string"
      ? cell.split(separator).map((name) => name.trim())
        .filter((name) => name !== "")
      : cell;
  };
}

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

/**
 * Reads the texts that options name, or the file that they are in.
 *
 * @throws {TypeError} If options contradict each other.
 */
export async function textInputs(
  config: PretrainedConfig,
  { args, progress }: TaskContext,
): Promise<TextInputs> {
  checkSources(args);
  const table = await readOptional(args, "data");
  const inputs = table
    ? fileTexts(args, config, { table, progress })
    : givenTexts(args, config, progress);
  const empty = emptyRemark(inputs);
  if (empty !== undefined) progress.say(empty);
  return inputs;
}
