// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads whole files into memory.
 *
 * @module
 */

import type { ColumnSource } from "./columns.ts";
import {
  type DataFormat,
  type DataSource,
  formatOf,
  isFile,
  isInMemory,
  readRows,
  type ReadRowsOptions,
} from "./read_rows.ts";
import type { RowSource } from "./rows.ts";
import { nameOf } from "./source.ts";

/** The rows of a file. */
export interface Table extends RowSource, ColumnSource {
  /** The cells of each row, by column. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** The format of the file; "json" for rows in memory. */
  readonly format: DataFormat;
}

/**
 * Reads all rows of a file into memory, with the names of its columns. Where each row
 * names its own columns, as in JSON, they are all that occur.
 *
 * @param source The file, or rows in memory.
 * @param options The format, and what belongs to it.
 * @returns The rows.
 * @throws {TypeError} If an option is not known, or does not belong to the format.
 * @throws {RangeError} If the file has no rows, or its format is unknown.
 * @throws {SyntaxError} If the file is malformed; the message names the line.
 * @throws {NotFound} If there is no such file.
 *
 * @example A table with a header
 * ```ts
 * import { readTable } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new File(["text,label\ngood,1\nbad,0\n"], "reviews.csv");
 * const { columns, rows } = await readTable(file);
 * assertEquals(columns, ["text", "label"]);
 * assertEquals(rows[1], { text: "bad", label: "0" });
 * ```
 */
export async function readTable(
  source: DataSource,
  options: ReadRowsOptions = {},
): Promise<Table> {
  const rows: Readonly<Record<string, unknown>>[] = [];
  const lines: number[] = [];
  const numbers: number[] = [];
  const names = new Set<string>();
  let columns: readonly string[] | undefined;
  let path = "the rows in memory";
  for await (const row of readRows(source, options)) {
    ({ path } = row);
    columns = row.columns;
    if (!columns) {
      for (const name of Object.keys(row.cells)) names.add(name);
    }
    rows.push(row.cells);
    numbers.push(row.number);
    if (row.line !== undefined) lines.push(row.line);
  }
  if (rows.length === 0) {
    const name = isFile(source) ? nameOf(source) : path;
    throw new RangeError(`Cannot use ${name}: it has no rows`);
  }
  const { format, optionName } = options;
  return {
    path,
    format: format ?? usualFormat(source),
    columns: columns ?? [...names],
    rows,
    ...lines.length > 0 ? { lines } : {},
    ...numbers.at(-1) === numbers.length ? {} : { numbers },
    ...optionName ? { optionName } : {},
  };
}

/** The format of a source if no option says it. */
function usualFormat(source: DataSource): DataFormat {
  if (isInMemory(source)) return "json";
  return isFile(source) ? formatOf(source) ?? "json" : "text";
}
