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

/** The names of the columns. */
export interface Columns {
  /** The column of texts. */
  readonly text: string;
  /** The column of second texts, for tasks on pairs. */
  readonly pair: string | undefined;
  /** The column of labels. */
  readonly label: string;
}

/**
 * The key of config.json that holds the columns. Python's transformers keeps unknown
 * keys when it saves a configuration.
 */
export const KEY = "swagpu";

const DEFAULTS: Columns = { text: "text", pair: undefined, label: "label" };

/** Options of every command that reads a file of texts. */
export const COLUMN_OPTIONS: readonly Option[] = [
  { name: "text-column", value: "NAME", help: "Column of texts (text)." },
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

/**
 * The fields of config.json that remember the columns of a training.
 *
 * @param columns The columns.
 * @param more What else to remember of them.
 */
export function columnFields(
  columns: Columns,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const { text, pair, label } = columns;
  return {
    [KEY]: {
      text_column: text,
      pair_column: pair ?? null,
      label_column: label,
      ...more,
    },
  };
}

/** What a configuration remembers of a training, if it does. */
export function rememberedFields(
  config: PretrainedConfig,
): Readonly<Record<string, unknown>> | undefined {
  const noted = config.toJSON()[KEY];
  return typeof noted === "object" && noted !== null
    ? noted as Record<string, unknown>
    : undefined;
}

/** The columns that a model was trained on, if its configuration says so. */
export function rememberedColumns(
  config: PretrainedConfig,
): Columns | undefined {
  const fields = rememberedFields(config);
  if (!fields) return undefined;
  const name = (key: string) => {
    const value = fields[key];
    return typeof value === "string" ? value : undefined;
  };
  return {
    text: name("text_column") ?? DEFAULTS.text,
    pair: name("pair_column"),
    label: name("label_column") ?? DEFAULTS.label,
  };
}

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
export function hasColumn({ columns, format }: Table, name: string): boolean {
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
