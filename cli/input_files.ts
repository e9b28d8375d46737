// Copyright 2026 the swagpu authors. MIT license.

/**
 * The files that options name: in which formats they are, and how they are read.
 *
 * @module
 */

import {
  type DataFormat,
  formatOf,
  readTable,
  type Table,
} from "../data/mod.ts";
import type { Arguments, Option } from "./arguments.ts";

/** The formats of tables. */
export const TABLE_FORMATS = [
  "csv",
  "tsv",
  "jsonl",
  "json",
  "parquet",
] as const;

/** The formats of files that may be plain text. */
export const TEXT_FORMATS = ["txt", ...TABLE_FORMATS] as const;

/** The formats that some task reads. */
const ALL_FORMATS = [...TEXT_FORMATS, "conll", "squad"] as const;

/** The name of a format on the command line. */
export type Format = (typeof ALL_FORMATS)[number];

/** What is one row of a plain text. */
const SAMPLES = ["line", "paragraph", "document"] as const;

/** The option that says what is one row of a plain text. */
export const SAMPLE_OPTION: Option = {
  name: "sample-by",
  value: SAMPLES.join("|"),
  help: "What is one text of a text file (line). Blank lines are none, and " +
    "separate paragraphs.",
};

/** The options of files of tables that say where their rows are. */
const ROW_OPTIONS: readonly Option[] = [
  {
    name: "columns",
    value: "NAMES",
    help:
      "Names of the columns, such as text,label, if CSV, TSV or CoNLL has " +
      "no header line, or rows of JSON are lists.",
  },
  {
    name: "field",
    value: "NAME",
    help: "Which list to read if a JSON file is an object with lists.",
  },
];

/** The options of every command that reads tables of texts. */
export const FILE_OPTIONS: readonly Option[] = [
  ...ROW_OPTIONS,
  {
    name: "format",
    value: TABLE_FORMATS.join("|"),
    help: "Format of the files (by their extension). CSV and TSV have a " +
      "header line; TSV has no quoting.",
  },
];

/** The options of files, of which each task reads some formats. */
export const TASK_FILE_OPTIONS: readonly Option[] = [
  ...ROW_OPTIONS,
  {
    name: "format",
    value: "NAME",
    choices: ALL_FORMATS,
    help:
      "Format of the files (by their extension): csv or tsv with a header " +
      "line (tsv has no quoting), jsonl, json or parquet; txt for tasks on " +
      "plain texts, conll for tags, squad for questions.",
  },
];

/** The option to leave out rows that are malformed. */
export const SKIP_ROWS_OPTION: Option = {
  name: "skip-bad-rows",
  help:
    "Leave out rows that cannot be used instead of refusing the file, and " +
    "say how many.",
};

/** The names in an option such as `--columns text,label`. */
export function namesIn(args: Arguments, option: string): string[] | undefined {
  return args.text(option)?.split(",").map((name) => name.trim());
}

/**
 * The format of a file: that of the option, else by the extension; that of standard
 * input is plain text, where it may be.
 *
 * @param path The file, or `-` for standard input.
 * @param formats The formats that can be read.
 * @throws {RangeError} If the format is another one.
 */
export function formatAmong<F extends Format>(
  path: string,
  { args, formats }: { args: Arguments; formats: readonly F[] },
): F {
  const asked = args.choice("format", formats);
  if (asked !== undefined) return asked;
  const own = path === "-" ? "text" : formatOf(path);
  const name = own === "text" ? "txt" : own;
  const found = formats.find((format) => format === name);
  if (found !== undefined) return found;
  const list = `${formats.slice(0, -1).join(", ")} or ${formats.at(-1)}`;
  throw new RangeError(
    own === undefined || path === "-"
      ? `Cannot detect the format of ${
        path === "-" ? "standard input" : path
      }: say --format ${list}`
      : `Cannot read ${path} as ${own}: expected ${list}; say which it is with ` +
        "--format",
  );
}

/** The option that a setting of the library has on the command line. */
export function optionName(setting: string): string {
  return `--${
    setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  }`;
}

/** How to read the rows of the file that an option names. */
export interface RowSettings {
  readonly columns: string[] | undefined;
  readonly field: string | undefined;
  readonly optionName: typeof optionName;
}

/** Reads the options that say where the rows of a file are. */
export function rowSettings(args: Arguments, option: string): RowSettings {
  return {
    columns: namesIn(args, "columns"),
    field: (option === "eval" ? args.text("eval-field") : undefined) ??
      args.text("field"),
    optionName,
  };
}

/** The library's name of a format. */
export function libraryFormat(format: Format): DataFormat {
  return format === "txt" ? "text" : format;
}

/**
 * Reads the file that an option names. A plain text has one column, `text`.
 *
 * @param format The format of the file. @default {by the option or the extension}
 * @throws {RangeError} If the file has no rows, or its format is unknown.
 * @throws {SyntaxError} If the file is malformed; the message names the line.
 * @throws {TypeError} If an option does not belong to the format.
 */
export async function readInput(
  args: Arguments,
  option: string,
  format?: Format,
): Promise<Table> {
  const path = args.needed(option);
  const own = format ?? formatAmong(path, { args, formats: TABLE_FORMATS });
  const sampleBy = args.choice("sample-by", SAMPLES);
  // Some options fit one of the files --data and --eval alone.
  if (own === "txt") {
    return await readTable(path, { format: "text", sampleBy, optionName });
  }
  return await readTable(path, {
    ...rowSettings(args, option),
    format: own,
    sampleBy: option === "data" ? sampleBy : undefined,
  });
}

/** Reads the file that an option names, if it is given. */
export async function readOptional(
  args: Arguments,
  option: string,
): Promise<Table | undefined> {
  return args.text(option) === undefined
    ? undefined
    : await readInput(args, option);
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

/**
 * Refuses options that change nothing.
 *
 * @throws {TypeError} If one of them is given.
 */
export function refuseIdle(
  args: Arguments,
  names: readonly string[],
  { beside, reason }: { beside: string; reason: string },
): void {
  const name = names.find((name) => args.flag(name));
  if (name === undefined) return;
  throw new TypeError(`Cannot use --${name} with ${beside}: ${reason}`);
}

/** Refuses options of columns with a plain text, which has none. */
export function refuseColumns(
  args: Arguments,
  path: string,
  names: readonly string[],
): void {
  refuseIdle(args, names, {
    beside: path,
    reason:
      "a text file has no columns; say --format csv, tsv or jsonl if it " +
      "is something else",
  });
}
