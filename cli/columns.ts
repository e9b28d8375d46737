// Copyright 2026 the swagpu authors. MIT license.

/**
 * Chooses the columns that hold texts and labels. The folder of a model remembers
 * the columns that it was trained on.
 *
 * @module
 */

import { findColumn, type Table } from "../data/mod.ts";
import { listOf } from "../data/names.ts";
import type { PretrainedConfig } from "../models/mod.ts";
import type { Arguments, Option } from "./arguments.ts";
import { type NamingChoice, notedColumn, notesOf } from "./notes.ts";

/** The names of the columns. */
export interface Columns {
  /** The column of texts. */
  readonly text: string;
  /** The column of second texts, for tasks on pairs. */
  readonly pair: string | undefined;
  /** The column of labels. */
  readonly label: string;
}

const DEFAULTS: Columns = { text: "text", pair: undefined, label: "label" };

/** The option that names the column of texts. */
export const TEXT_COLUMN_OPTION: Option = {
  name: "text-column",
  value: "NAME",
  help: "Column of texts (text).",
};

/** Options of every command that reads a file of texts. */
export const COLUMN_OPTIONS: readonly Option[] = [
  TEXT_COLUMN_OPTION,
  {
    name: "pair-column",
    value: "NAME",
    help: "Column of second texts, for tasks on pairs (none).",
  },
];

/** The option of commands that use a trained model, to ignore second texts. */
export const NO_PAIRS_OPTION: Option = {
  name: "no-pairs",
  help: "Use only the first texts, although the model was trained on pairs.",
};

/** The option that names the column of labels. */
export const LABEL_OPTION: Option = {
  name: "label-column",
  value: "NAME",
  help: "Column of labels (label).",
};

/** The columns that a model was trained on, if its configuration says so. */
export function rememberedColumns(
  config: PretrainedConfig,
): Columns | undefined {
  if (!notesOf(config)) return undefined;
  return {
    text: notedColumn(config, "text") ?? DEFAULTS.text,
    pair: notedColumn(config, "pair"),
    label: notedColumn(config, "label") ?? DEFAULTS.label,
  };
}

/** The column of a name that a model was trained on, if a file has it. */
export function trainedColumn(
  table: Pick<Table, "columns" | "format">,
  name: string,
  config: PretrainedConfig | undefined,
): string | undefined {
  const column = notedColumn(config, name);
  return column !== undefined && hasColumn(table, column) ? column : undefined;
}

/**
 * The column of a name, such as `text`: that of the option, else that of the training
 * if the file has it, else the usual one.
 *
 * @throws {RangeError} If the file lacks the column.
 */
export function namedColumn(
  table: Table,
  name: string,
  { args, config }: NamingChoice,
  usual: string = name,
): string {
  const option = `${name}-column`;
  const column = args.text(option) ?? trainedColumn(table, name, config) ??
    usual;
  return findColumn(table, column, `--${option}`);
}

/** The option to leave out rows without a label. */
export const SKIP_OPTION: Option = {
  name: "skip-unlabelled",
  help: "Leave out rows without a label instead of refusing them.",
};

/** What the choice of columns depends on. */
export interface ColumnChoice {
  /** The options of the command. */
  args: Arguments;
  /** The columns that the model was trained on. */
  remembered?: Columns | undefined;
}

/**
 * Chooses the columns to read: those that options name, else those of the training,
 * else `text` and `label`.
 *
 * @throws {RangeError} If the file lacks the column of texts, or of second texts.
 */
export function chooseColumns(
  table: Table,
  { args, remembered }: ColumnChoice,
): Columns {
  // The file may have other names for its columns than the training file.
  const usual = (key: "text" | "label") => {
    const name = remembered?.[key] ?? DEFAULTS[key];
    return hasColumn(table, name) ? name : DEFAULTS[key];
  };
  return {
    text: findColumn(
      table,
      args.text("text-column") ?? usual("text"),
      "--text-column",
    ),
    pair: choosePairs(table, { args, remembered }),
    label: args.text("label-column") ?? usual("label"),
  };
}

/** Whether a file has a column, or the objects that a name such as `a.b` is inside of. */
export function hasColumn(
  { columns, format }: Pick<Table, "columns" | "format">,
  name: string,
): boolean {
  const [outer = ""] = name.split(".");
  return columns.includes(name) ||
    (format !== "csv" && format !== "tsv" && columns.includes(outer));
}

/** Chooses the column of second texts, if there is one. */
function choosePairs(
  table: Table,
  { args, remembered }: ColumnChoice,
): string | undefined {
  const given = args.text("pair-column");
  const without = args.flag("no-pairs");
  if (given !== undefined && without) {
    throw new TypeError(
      "Cannot use --pair-column with --no-pairs: give one of them",
    );
  }
  if (given !== undefined) return findColumn(table, given);
  const pair = remembered?.pair;
  if (pair === undefined || without) return undefined;
  if (hasColumn(table, pair)) return pair;
  throw new RangeError(
    `Cannot find the column "${pair}" in ${table.path}: there are ${
      listOf(table.columns)
    }, and the model was trained on pairs of texts; name the second texts ` +
      "with --pair-column, or say --no-pairs",
  );
}

/** Says which columns are used only because the training used them. */
export function columnsRemark(
  columns: Columns,
  { args, remembered }: ColumnChoice,
): string | undefined {
  const used = (["text", "pair", "label"] as const).filter((key) =>
    args.text(`${key}-column`) === undefined && columns[key] !== undefined &&
    columns[key] === remembered?.[key] && columns[key] !== DEFAULTS[key]
  );
  if (used.length === 0) return undefined;
  const list = used.map((key) => `${key} "${columns[key]}"`).join(", ");
  return `Using the columns of the training: ${list}`;
}
