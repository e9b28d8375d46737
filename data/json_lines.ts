// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads JSON lines: files with one object per line.
 *
 * @module
 */

import { parseJsonRow } from "./json_values.ts";
import type { DataRow } from "./rows.ts";
import { linesOf } from "./text_blocks.ts";

/** Options of {@linkcode jsonLineRows}. */
export interface JsonLineOptions {
  /** The file, for messages. */
  path: string;
  /** The names of the cells, if each line is a list. */
  columns?: readonly string[] | undefined;
  /** How messages call the option `columns`. */
  optionName: (option: string) => string;
  /** Takes an error of one row; what it does not throw is left out. */
  onBadRow: (error: Error) => void;
}

/**
 * Reads one object per line. Blank lines are skipped, and numbers keep all their
 * digits.
 *
 * @param blocks A text whose lines end in LF, CRLF or CR.
 * @throws {SyntaxError} If a line is not an object, or has a name twice.
 */
export async function* jsonLineRows(
  blocks: AsyncIterable<string>,
  { path, columns, optionName, onBadRow }: JsonLineOptions,
): AsyncGenerator<DataRow> {
  let number = 0;
  for await (const { text, line } of linesOf(blocks)) {
    if (text.trim() === "") continue;
    number++;
    let cells: Record<string, unknown>;
    try {
      cells = parseJsonRow(text, {
        place: `${path}: line ${line}`,
        columns,
        columnsOption: optionName("columns"),
      });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      onBadRow(error);
      continue;
    }
    yield { cells, path, number, line, ...columns ? { columns } : {} };
  }
}
