// Copyright 2026 the swagpu authors. MIT license.

/**
 * The texts that `predict` labels: those of options, or those of a file with what is
 * written beside their predictions.
 *
 * @module
 */

import { cellOf, type Table } from "../../data/mod.ts";
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
import { refuseIdle, TABLE_FORMATS } from "../input_files.ts";
import type { Line } from "../prediction_lines.ts";
import type { Progress } from "../progress.ts";
import { emptyRemark, type RawTexts, textsOf } from "../raw_texts.ts";
import {
  chooseLabelColumns,
  foundLabels,
  LABEL_OPTIONS,
  type LabelColumns,
  rememberedLabels,
} from "./label_columns.ts";
import {
  INPUT_FILE_OPTIONS,
  openInputs,
  rowLines,
  TEXT_OPTION,
} from "./prediction_inputs.ts";
import type { TaskContext } from "./task.ts";

/** The options that say which texts to label, beside the file. */
export const LABELING_OPTIONS: readonly Option[] = [
  TEXT_OPTION,
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
  ...INPUT_FILE_OPTIONS,
];

/** Texts, and what is written with the prediction of each. */
export interface LabelingInputs extends RawTexts {
  /** The first fields of the line of a row. */
  lineOf(row: number): Line;
}

/** The texts of the options --text and --pair. */
function givenTexts(
  args: Arguments,
  config: PretrainedConfig,
  progress: Progress,
): LabelingInputs {
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
): LabelingInputs {
  const choice = { args, remembered: rememberedLabels(config) };
  const columns = chooseLabelColumns(table, choice);
  const remark = columnsRemark(columns, choice);
  if (remark !== undefined) progress.say(remark);
  const goldOf = goldReader(table, columns, args);
  const raw = textsOf(table, columns);
  const lineOf = rowLines(args, table);
  return {
    ...raw,
    lineOf: (row) =>
      lineOf(row, {
        text: raw.texts[row],
        ...raw.pairs ? { pair: raw.pairs[row] } : {},
        ...goldOf === undefined ? {} : { gold: goldOf(table.rows[row] ?? {}) },
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

/**
 * Reads the texts that options name, or the file that they are in.
 *
 * @throws {TypeError} If options contradict each other.
 */
export async function labelingInputs(
  config: PretrainedConfig,
  { args, progress }: TaskContext,
): Promise<LabelingInputs> {
  const file = await openInputs(args, {
    naming: ["text-column", "pair-column", "label-column"],
    formats: TABLE_FORMATS,
  });
  if (file) {
    refuseIdle(args, ["pair"], {
      beside: "--data",
      reason: "name the column of second texts with --pair-column",
    });
  }
  const inputs = file && "table" in file
    ? fileTexts(args, config, { table: file.table, progress })
    : givenTexts(args, config, progress);
  const empty = emptyRemark(inputs);
  if (empty !== undefined) progress.say(empty);
  return inputs;
}
