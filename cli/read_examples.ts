// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads texts and labels from the files that options name, as they stand there.
 *
 * @module
 */

import {
  findColumn,
  formatOf,
  readTable,
  type RowSource,
  type Table,
} from "../data/mod.ts";
import { count, counted } from "../data/names.ts";
import type { Arguments, Option } from "./arguments.ts";
import type { Columns } from "./columns.ts";
import type { Progress } from "./progress.ts";
import { columnOf, labeledRows, labelsOf } from "./table_columns.ts";

/** The formats that the command line reads. */
export const FORMATS = ["csv", "tsv", "jsonl", "json", "parquet"] as const;

type Format = (typeof FORMATS)[number];

/**
 * The format of a file by its extension. Other formats than those above are refused.
 *
 * @param path The file, or `-` for standard input.
 * @param known The formats to name in the message.
 */
export function usableFormat(
  path: string,
  known: readonly string[] = FORMATS,
): Format {
  const found = FORMATS.find((format) => format === formatOf(path));
  if (found) return found;
  throw new RangeError(
    `Cannot detect the format of ${
      path === "-" ? "standard input" : path
    }: say --format ${known.slice(0, -1).join(", ")} or ${known.at(-1)}`,
  );
}

/** The options of every command that reads a file of texts. */
export const FILE_OPTIONS: readonly Option[] = [
  {
    name: "columns",
    value: "NAMES",
    help: "Names of the columns, such as text,label, if CSV or TSV has no " +
      "header line, or rows of JSON are lists.",
  },
  {
    name: "field",
    value: "NAME",
    help: "Which list to read if a JSON file is an object with lists.",
  },
  {
    name: "format",
    value: FORMATS.join("|"),
    help: "Format of the files (by their extension). CSV and TSV have a " +
      "header line; TSV has no quoting.",
  },
];

/** The option to leave out rows without a label. */
export const SKIP_OPTION: Option = {
  name: "skip-unlabelled",
  help: "Leave out rows without a label instead of refusing them.",
};

/** The texts of a file. */
export interface RawTexts extends RowSource {
  /** The texts. */
  readonly texts: readonly string[];
  /** The second texts, for tasks on pairs. */
  readonly pairs: readonly string[] | undefined;
}

/** The texts of a file and their labels. */
export interface RawExamples extends RawTexts {
  /** The labels. */
  readonly labels: readonly string[];
}

/** Reads the file that an option names, if it is given. */
export async function readOptional(
  args: Arguments,
  option: string,
): Promise<Table | undefined> {
  const path = args.text(option);
  if (path === undefined) return undefined;
  return await readTable(path, {
    format: args.choice("format", FORMATS) ?? usableFormat(path),
    field: (option === "eval" ? args.text("eval-field") : undefined) ??
      args.text("field"),
    columns: args.text("columns")?.split(",").map((name) => name.trim()),
    optionName: (option) => `--${option}`,
  });
}

/** Reads the file that an option names. */
export async function readNeeded(
  args: Arguments,
  option: string,
): Promise<Table> {
  args.needed(option);
  const table = await readOptional(args, option);
  if (table) return table;
  throw new Error("unreachable: the option was given");
}

/** Refuses two options that both read standard input. */
export function checkInputs(
  args: Arguments,
  ...options: readonly string[]
): void {
  const both = options.filter((option) => args.text(option) === "-");
  if (both.length < 2) return;
  throw new TypeError(
    `Cannot read standard input for --${both[0]} and --${both[1]}: it can ` +
      "be read only once",
  );
}

/** The texts of a table. */
export function textsOf(table: Table, { text, pair }: Columns): RawTexts {
  const { path, lines, numbers } = table;
  return {
    path,
    ...lines ? { lines } : {},
    ...numbers ? { numbers } : {},
    texts: columnOf(table, text),
    pairs: pair === undefined ? undefined : columnOf(table, pair),
  };
}

/** Says how many rows have an empty text. It may be intended, so it is no error. */
export function emptyRemark(
  { path, texts, pairs }: RawTexts,
): string | undefined {
  const isEmpty = (text: string | undefined) => text?.trim() === "";
  const empty = texts.filter((text, i) => isEmpty(text) || isEmpty(pairs?.[i]));
  return empty.length === 0
    ? undefined
    : `${count(empty.length)} of ${counted(texts.length, "row")} of ${path} ` +
      `without a text${pairs ? ", or without the second" : ""}`;
}

/** The texts of a table and their labels. */
export function examplesOf(
  table: Table,
  columns: Columns,
  { args, progress }: { args: Arguments; progress: Progress },
): RawExamples {
  const { label } = columns;
  findColumn(table, label, "--label-column");
  const own = args.flag("skip-unlabelled") ? labeledRows(table, label) : table;
  const left = table.rows.length - own.rows.length;
  if (left > 0) {
    progress.say(
      `Left out ${counted(left, "row")} of ${table.path} without a label`,
    );
  }
  return { ...textsOf(own, columns), labels: labelsOf(own, label) };
}
