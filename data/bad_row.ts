// Copyright 2026 the swagpu authors. MIT license.

/**
 * What is wrong with a row, and reading a row's values with such errors.
 *
 * @module
 */

import { findColumn, valueAt } from "./columns.ts";
import { type DataRow, ExactNumber, placeOfRow } from "./rows.ts";

/**
 * The error of a row that cannot be used, such as one without a label. The message
 * names the row, its line, and what was expected.
 *
 * @example Say which rows to correct
 * ```ts
 * import { BadRowError, classExamples, readExamples } from "@swagpu/swagpu/data";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const file = new File(["text,label\ngood,1\nbad,\n"], "a.csv");
 * const error = await assertRejects(
 *   () => readExamples(file, classExamples()).toArray(),
 *   BadRowError,
 * );
 * assertEquals(
 *   error.message,
 *   'Cannot use row 2 of a.csv (line 3): its "label" is empty, expected a label',
 * );
 * ```
 */
export class BadRowError extends TypeError {
  /** The row. */
  readonly row: DataRow;

  /**
   * Makes the error of a row.
   *
   * @param row The row.
   * @param reason What is wrong with it, and what was expected.
   */
  constructor(row: DataRow, reason: string) {
    super(`Cannot use ${placeOfRow(row)}: ${reason}`);
    this.name = "BadRowError";
    this.row = row;
  }
}

/** The value that a name means in a row, or an error if there is none. */
export function neededAt(row: DataRow, column: string, wish: string): unknown {
  const value = valueAt(row, column);
  if (value === undefined) {
    if (row.columns) {
      findColumn({ path: row.path, columns: row.columns }, column);
    }
    throw wrong(row, column, { value, wish });
  }
  if (value === null) throw wrong(row, column, { value, wish });
  return value;
}

/** The error that a value is not what was expected. */
export function wrong(
  row: DataRow,
  column: string,
  { value, wish }: { value: unknown; wish: string },
): BadRowError {
  return new BadRowError(
    row,
    `its "${column}" is ${described(value)}, expected ${wish}`,
  );
}

/** A value in a message. */
export function described(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === "") return "empty";
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

/** Reads a text. Numbers, `true` and `false` are written out. */
export function textAt(row: DataRow, column: string): string {
  const wish = "a text or a number";
  const value = neededAt(row, column, wish);
  const text = textOf(value);
  if (text === undefined) throw wrong(row, column, { value, wish });
  return text;
}

/** A text as it is; numbers, `true` and `false` are written out. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (value instanceof ExactNumber) return value.text;
  return typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** Reads a number, which may be written as text. It must be finite in 32 bits. */
export function numberAt(row: DataRow, column: string): number {
  const wish = "a number such as 1.5";
  const value = neededAt(row, column, wish);
  const number = numberOf(value);
  if (number === undefined) throw wrong(row, column, { value, wish });
  return number;
}

/** A number, which may be written as text; `undefined` unless finite in 32 bits. */
export function numberOf(value: unknown): number | undefined {
  const text = typeof value === "boolean" ? undefined : textOf(value)?.trim();
  if (text === undefined || !NUMBER.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(Math.fround(number)) ? number : undefined;
}
