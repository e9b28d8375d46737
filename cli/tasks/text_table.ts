// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads files of texts, plain text among them, as tables.
 *
 * @module
 */

import { formatOf, readTable, type Table } from "../../data/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { FILE_OPTIONS, FORMATS, usableFormat } from "../read_examples.ts";

/** The formats of files that may be plain text. */
export const TEXT_FORMATS = ["txt", ...FORMATS] as const;

/** The name of such a format. */
export type TextFormat = (typeof TEXT_FORMATS)[number];

/** What is one row of a plain text. */
const SAMPLES = ["line", "paragraph", "document"] as const;

/** The option that says what is one row of a plain text. */
export const SAMPLE_OPTION: Option = {
  name: "sample-by",
  value: SAMPLES.join("|"),
  help: "What is one text of a text file (line). Blank lines are none, and " +
    "separate paragraphs.",
};

/** The options of every task whose files may be plain text. */
export const TEXT_FILE_OPTIONS: readonly Option[] = FILE_OPTIONS.map((option) =>
  option.name === "format"
    ? {
      name: "format",
      value: TEXT_FORMATS.join("|"),
      help:
        "Format of the files (by their extension; txt for standard input). " +
        "CSV and TSV have a header line; TSV has no quoting.",
    }
    : option
);

/** The format of a file: that of the option, else by its extension. */
export function textFormat(args: Arguments, path: string): TextFormat {
  return args.choice("format", TEXT_FORMATS) ??
    (path === "-" || formatOf(path) === "text"
      ? "txt"
      : usableFormat(path, TEXT_FORMATS));
}

/**
 * Reads the file that an option names. A plain text has one column, `text`.
 *
 * @throws {RangeError} If the file has no rows, or its format is unknown.
 * @throws {SyntaxError} If the file is malformed; the message names the line.
 * @throws {TypeError} If an option does not belong to the format.
 */
export async function readTextTable(
  args: Arguments,
  option: string,
): Promise<Table> {
  const path = args.needed(option);
  const format = textFormat(args, path);
  const sampleBy = args.choice("sample-by", SAMPLES);
  // Some options fit one of the files --data and --eval alone.
  if (format === "txt") {
    return await readTable(path, { format: "text", sampleBy, optionName });
  }
  return await readTable(path, {
    format,
    field: (option === "eval" ? args.text("eval-field") : undefined) ??
      args.text("field"),
    columns: columnNames(args),
    sampleBy: option === "data" ? sampleBy : undefined,
    optionName,
  });
}

/** The names that the option --columns gives to columns. */
export function columnNames(args: Arguments): string[] | undefined {
  return args.text("columns")?.split(",").map((name) => name.trim());
}

/** The option that a setting of the library has on the command line. */
export function optionName(setting: string): string {
  return `--${
    setting.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  }`;
}

/**
 * Refuses options that name columns with a file that has none.
 *
 * @throws {TypeError} If such an option is given.
 */
export function refuseColumns(
  args: Arguments,
  path: string,
  names: readonly string[],
): void {
  const idle = names.find((name) => args.text(name) !== undefined);
  if (idle === undefined) return;
  throw new TypeError(
    `Cannot use --${idle} with ${path}: each row of a text file is a text; say ` +
      "--format csv, tsv or jsonl if it is something else",
  );
}
