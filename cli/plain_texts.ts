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
import {
  formatAmong,
  refuseColumns,
  rowSettings,
  TEXT_FORMATS,
} from "./input_files.ts";
import { columnOf } from "./table_columns.ts";
import { linesOf } from "./text_lines.ts";

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
    value: TEXT_FORMATS.join("|"),
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
 * @throws {NotFound} If there is no such file.
 * @throws {SyntaxError} If the file is malformed; the message names the line.
 * @throws {RangeError} If the format is unknown, or the file lacks a column.
 * @throws {TypeError} If options of columns are given for a text file.
 */
export async function* plainTexts(
  path: string,
  { args, signal, keepLineEnds = false }: PlainTextSource,
): AsyncGenerator<PlainText> {
  const format = formatAmong(path, { args, formats: TEXT_FORMATS });
  if (format === "txt") {
    refuseColumns(args, path, ["text-column", "pair-column", "columns"]);
    for await (const line of linesOf(path, { signal })) {
      const text = keepLineEnds ? line : line.replace(/\r?\n$/, "");
      yield { text, pair: undefined };
    }
    return;
  }
  const table = await readTable(path, {
    ...rowSettings(args, "data"),
    format,
  });
  const column = args.text("text-column") ?? "text";
  const texts = columnOf(table, findColumn(table, column, "--text-column"));
  const second = args.text("pair-column");
  const pairs = second === undefined ? undefined : columnOf(table, second);
  for (const [i, text] of texts.entries()) yield { text, pair: pairs?.[i] };
}
