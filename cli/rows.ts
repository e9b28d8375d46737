// Copyright 2026 the swagpu authors. MIT license.

/**
 * The rows of a file: their cells, and their names in messages.
 *
 * @module
 */

/** The rows that a parser finds in a text. */
export interface Rows {
  /** The names of the columns, in order. */
  readonly columns: readonly string[];
  /** The cells of each row, by column. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** The line on which each row begins, counted from 1. */
  readonly lines: readonly number[];
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

/** Names a row in a message, such as `row 1 of a.csv (line 2)`. */
export function placeOf(
  { path, lines, numbers }: RowSource,
  row: number,
): string {
  const line = lines?.[row];
  return `row ${numbers?.[row] ?? row + 1} of ${path}` +
    (line === undefined ? "" : ` (line ${line})`);
}

/** A number in a file that a JavaScript number would round. */
export class ExactNumber {
  /** The number as it is written in the file. */
  readonly text: string;

  /** @param text The number as it is written in the file. */
  constructor(text: string) {
    this.text = text;
  }

  /** Keeps the digits in JSON. */
  toJSON(): unknown {
    const { rawJSON } = JSON as typeof JSON & {
      rawJSON: (text: string) => unknown;
    };
    return rawJSON(this.text);
  }
}

/** The value of a cell. A name such as "constructor" is not a cell of every row. */
export function cellOf(
  row: Readonly<Record<string, unknown>>,
  column: string,
): unknown {
  return Object.hasOwn(row, column) ? row[column] : undefined;
}

/** The kind of value in a cell, in words. */
export function kindOf(
  row: Readonly<Record<string, unknown>>,
  column: string,
): string {
  const value = cellOf(row, column);
  if (value instanceof ExactNumber) return "a number";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "string"
    ? "a text"
    : typeof value === "object"
    ? "an object"
    : `a ${typeof value}`;
}
