// Copyright 2026 the swagpu authors. MIT license.

/**
 * Rows of a file: their cells, and how messages name them.
 *
 * @module
 */

/** What a parser finds in a text. */
export interface Rows {
  /** The names of the columns, in order. */
  readonly columns: readonly string[];
  /** One entry a row. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** The line on which each row begins, counted from 1. */
  readonly lines: readonly number[];
}

/** Where the rows of a list come from, for messages. */
export interface RowSource {
  /** The file. */
  readonly path: string;
  /** The line on which each row begins, counted from 1. */
  readonly lines?: readonly number[];
  /** The number of each row, if rows were left out. @default {from 1 on} */
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

/** A number of a file that JavaScript's numbers would round. */
export class ExactNumber {
  /** The number as it stands in the file. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** Keeps the digits in JSON too. */
  toJSON(): unknown {
    const { rawJSON } = JSON as unknown as {
      rawJSON: (text: string) => unknown;
    };
    return rawJSON(this.text);
  }
}

/** A cell; names such as "constructor" are no cells of every row. */
export function cellOf(
  row: Readonly<Record<string, unknown>>,
  column: string,
): unknown {
  return Object.hasOwn(row, column) ? row[column] : undefined;
}

/** What kind of value a cell holds, in words. */
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
