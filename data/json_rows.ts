// Copyright 2026 the swagpu authors. MIT license.

/**
 * Makes rows of elements of JSON: the lines of a file, or the elements of a list.
 *
 * @module
 */

import { parseJsonRow } from "./json_values.ts";
import type { DataRow, FileRowsOptions } from "./rows.ts";

/** An element, as it is written, and the line on which it begins. */
export interface JsonElement {
  readonly text: string;
  readonly line: number;
}

/**
 * Makes a row of each element.
 *
 * @param placeOf The place of an element in its file, for messages.
 * @throws {SyntaxError} If an element is not a row, or has a name twice.
 */
export async function* jsonRows(
  elements: AsyncIterable<JsonElement>,
  { path, columns, optionName, onBadRow }: FileRowsOptions,
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
