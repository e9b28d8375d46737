// Copyright 2026 the swagpu authors. MIT license.

/**
 * The rows of a file: their cells, and their names in messages.
 *
 * @module
 */

/** One row of a file or of a list, with its place. */
export interface DataRow {
  /** The values, by the name of their column. */
  readonly cells: Readonly<Record<string, unknown>>;
  /** The file, for messages. */
  readonly path: string;
  /** The number of the row in the file, counted from 1; a header has none. */
  readonly number: number;
  /** The line on which the row begins, counted from 1, if the file is a text. */
  readonly line?: number;
  /**
   * The names of all columns, in order, if the file says them in one place. Rows of
   * JSON have the names that they have.
   */
  readonly columns?: readonly string[];
}

/** What the readers of files need to know, whatever the format. */
export interface FileRowsOptions {
  /** The file, for messages. */
  path: string;
  /** The names of the columns. @default {those that the file or its format gives} */
  columns?: readonly string[] | undefined;
  /** How messages call an option, such as `columns`. */
  optionName: (option: string) => string;
  /** Takes an error of one row; what it does not throw is left out. */
  onBadRow: (error: Error) => void;
}

/** The place of rows in a file, for messages. */
export interface RowSource {
  /** The file. */
  readonly path: string;
  /** The line on which each row begins, counted from 1. */
  readonly lines?: readonly number[];
  /** The number of each row, if some were left out. @default {from 1 on} */
  readonly numbers?: readonly number[];
}

/**
 * Names a row in a message.
 *
 * @param source The rows and their places.
 * @param row Which row, counted from 0.
 * @returns A name such as `row 1 of a.csv (line 2)`.
 *
 * @example Usage
 * ```ts
 * import { placeOf } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const source = { path: "a.csv", lines: [2, 5] };
 * assertEquals(placeOf(source, 1), "row 2 of a.csv (line 5)");
 * ```
 */
export function placeOf(
  { path, lines, numbers }: RowSource,
  row: number,
): string {
  return placeName(path, numbers?.[row] ?? row + 1, lines?.[row]);
}

/** Names a row in a message, such as `row 1 of a.csv (line 2)`. */
export function placeOfRow({ path, number, line }: DataRow): string {
  return placeName(path, number, line);
}

function placeName(path: string, number: number, line?: number): string {
  return `row ${number} of ${path}` +
    (line === undefined ? "" : ` (line ${line})`);
}

/**
 * A number in a file that a JavaScript number would round, such as an id of 20 digits.
 *
 * @example The digits are kept
 * ```ts
 * import { ExactNumber, readTable } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new File(['{"id": 12345678901234567890}'], "a.jsonl");
 * const { rows } = await readTable(file);
 * assertEquals(rows[0], { id: new ExactNumber("12345678901234567890") });
 * ```
 */
export class ExactNumber {
  /** The number as it is written in the file. */
  readonly text: string;

  /**
   * Keeps a number.
   *
   * @param text The number as it is written in the file.
   */
  constructor(text: string) {
    this.text = text;
  }

  /**
   * Keeps the digits in JSON.
   *
   * @returns What `JSON.stringify` writes as it is.
   */
  toJSON(): unknown {
    const { rawJSON } = JSON as typeof JSON & {
      rawJSON: (text: string) => unknown;
    };
    return rawJSON(this.text);
  }
}

/**
 * The value of a cell, or one inside of objects, such as `example.premise`.
 *
 * @param cells The cells of a row.
 * @param column The name of the column.
 * @returns The value; `undefined` if there is none. A name such as "constructor" is
 * not a cell of every row.
 *
 * @example Usage
 * ```ts
 * import { cellOf } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const cells = { translation: { en: "hello", sv: "hej" } };
 * assertEquals(cellOf(cells, "translation.sv"), "hej");
 * assertEquals(cellOf(cells, "sv"), undefined);
 * ```
 */
export function cellOf(
  cells: Readonly<Record<string, unknown>>,
  column: string,
): unknown {
  if (Object.hasOwn(cells, column)) return cells[column];
  if (!column.includes(".")) return undefined;
  let value: unknown = cells;
  for (const name of column.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    const inner = value as Record<string, unknown>;
    value = Object.hasOwn(inner, name) ? inner[name] : undefined;
  }
  return value;
}

/**
 * The kind of a value, in words.
 *
 * @param value The value.
 * @returns Words such as "a text", "a number", "a list" or "null".
 *
 * @example Usage
 * ```ts
 * import { kindOf } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([kindOf("1"), kindOf(1), kindOf([])], [
 *   "a text",
 *   "a number",
 *   "a list",
 * ]);
 * ```
 */
export function kindOf(value: unknown): string {
  if (value instanceof ExactNumber) return "a number";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "string"
    ? "a text"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`;
}
