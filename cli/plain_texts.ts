// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts without labels, for commands that need nothing else: the lines of a text file,
 * or the columns of a table.
 *
 * @module
 */

import type { Arguments, Option } from "./arguments.ts";
import { COLUMN_OPTIONS } from "./columns.ts";
import { findColumn, readTable } from "../data/mod.ts";
import { FORMATS, usableFormat } from "./read_examples.ts";
import { columnOf } from "./table_columns.ts";
import { linesOf } from "./text_lines.ts";

/** The names of the formats. */
const PLAIN_FORMATS = ["txt", ...FORMATS] as const;

/** The extensions of text files. */
const TEXT_FILE = /\.(txt|text)(\.gz)?$/i;

/** The options of every command that reads plain texts. */
export const PLAIN_TEXT_OPTIONS: readonly Option[] = [
  ...COLUMN_OPTIONS.map((option) =>
    option.name === "pair-column"
      ? { ...option, help: "Column of second texts (none)." }
      : option
  ),
  {
    name: "columns",
    value: "NAMES",
    help: "Names of the columns, such as text,label, if CSV or TSV has no " +
      "header line.",
  },
  {
    name: "format",
    value: "txt|csv|tsv|jsonl|json|parquet",
    help: "Format of the files (by their extension; txt for standard input).",
  },
];

/** A text of a file. */
export interface PlainText {
  /** The text. */
  readonly text: string;
  /** The second text, if a column of them is named. */
  readonly pair: string | undefined;
}

/** Options of {@linkcode plainTexts}. */
interface PlainTextSource {
  /** The options of the command. */
  args: Arguments;
  /** Ends the lines of a text file early. */
  signal?: AbortSignal | undefined;
  /** Whether the lines of a text file keep their ends. @default {false} */
  keepLineEnds?: boolean;
}

/**
 * Reads the texts of a file, or of standard input if the path is `-`. The lines of a
 * text file are read as they are needed, and other files as a whole.
 *
 * @throws {Deno.errors.NotFound} If there is no such file.
 * @throws {SyntaxError} If the file is malformed; the message names the line.
 * @throws {RangeError} If the format is unknown, or the file lacks a column.
 * @throws {TypeError} If options of columns are given for a text file.
 */
export async function* plainTexts(
  path: string,
  { args, signal, keepLineEnds = false }: PlainTextSource,
): AsyncGenerator<PlainText> {
  const format = args.choice("format", PLAIN_FORMATS) ??
    (path === "-" || TEXT_FILE.test(path) ? "txt" : undefined);
  const names = ["text-column", "pair-column", "columns"];
  if (format === "txt") {
    const idle = names.find((name) => args.text(name) !== undefined);
    if (idle !== undefined) {
      throw new TypeError(
        `Cannot use --${idle} with ${path}: each line of a text file is a ` +
          "text; say --format csv, tsv or jsonl if it is something else",
      );
    }
    for await (const line of linesOf(path, { signal })) {
      const text = keepLineEnds ? line : line.replace(/\r?\n$/, "");
      yield { text, pair: undefined };
    }
    return;
  }
  const table = await readTable(path, {
    format: format ?? usableFormat(path, PLAIN_FORMATS),
    columns: args.text("columns")?.split(",").map((name) => name.trim()),
  });
  const column = args.text("text-column") ?? "text";
  const texts = columnOf(table, findColumn(table, column, "--text-column"));
  const second = args.text("pair-column");
  const pairs = second === undefined ? undefined : columnOf(table, second);
  for (const [i, text] of texts.entries()) yield { text, pair: pairs?.[i] };
}
