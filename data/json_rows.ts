// Copyright 2026 the swagpu authors. MIT license.

/**
 * Makes rows of elements of JSON: the lines of a file, or the elements of a list.
 *
 * @module
 */

import { parseJsonRow } from "./json_values.ts";
import type { DataRow } from "./rows.ts";

/** An element, as it is written, and the line on which it begins. */
export interface JsonElement {
  readonly text: string;
  readonly line: number;
}

/** Options of {@linkcode jsonRows}. */
export interface JsonRowsOptions {
  /** The file, for messages. */
  path: string;
  /** The names of the cells, if each row is a list. */
  columns?: readonly string[] | undefined;
  /** How messages call an option. */
  optionName: (option: string) => string;
  /** Takes an error of one row; what it does not throw is left out. */
  onBadRow: (error: Error) => void;
}

/**
 * Makes a row of each element.
 *
 * @param placeOf The place of an element in its file, for messages.
 * @throws {SyntaxError} If an element is not a row, or has a name twice.
 */
export async function* jsonRows(
  elements: AsyncIterable<JsonElement>,
  { path, columns, optionName, onBadRow }: JsonRowsOptions,
  placeOf: (row: number, line: number) => string,
): AsyncGenerator<DataRow> {
  let number = 0;
  for await (const { text, line } of elements) {
    number++;
    let cells: Record<string, unknown>;
    try {
      cells = parseJsonRow(text, {
        place: `${path}: ${placeOf(number, line)}`,
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
