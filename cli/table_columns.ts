// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the columns of a table as texts and as labels, in the words of the command
 * line.
 *
 * @module
 */

import {
  cellOf,
  ExactNumber,
  findColumn,
  kindOf,
  placeOf,
  type Table,
} from "../data/mod.ts";

/**
 * Reads a column as texts. Numbers, `true` and `false` are written out.
 *
 * @throws {RangeError} If there is no such column; the message lists them.
 * @throws {TypeError} If a row has no value there.
 */
export function columnOf(table: Table, name: string): string[] {
  const column = findColumn(table, name);
  return table.rows.map((row, i) => {
    const value = cellOf(row, column);
    const text = textOfCell(value);
    if (text !== undefined) return text;
    throw new TypeError(
      `Cannot use ${placeOf(table, i)}: its "${column}" is ${
        value === undefined ? "missing" : JSON.stringify(value).slice(0, 80)
      }, expected a text or a number`,
    );
  });
}

/** A cell as a text; `undefined` if it is no text, number, true or false. */
export function textOfCell(value: unknown): string | undefined {
  if (value instanceof ExactNumber) return value.text;
  return ["string", "number", "boolean"].includes(typeof value)
    ? String(value)
    : undefined;
}

/** Whether a row has a label. An empty cell and null are not labels. */
export function isLabeled(
  row: Readonly<Record<string, unknown>>,
  column: string,
): boolean {
  const value = cellOf(row, column);
  return typeof value === "string"
    ? value.trim() !== ""
    : value !== undefined && value !== null;
}

/**
 * Reads a column as labels.
 *
 * @throws {TypeError} If a row has no label, or labels are of several kinds, such as
 * the number 1 in one row and the text "1" in another.
 */
export function labelsOf(table: Table, name: string): string[] {
  checkLabels(table, name);
  return columnOf(table, name);
}

/**
 * Checks that each row has a label, and that all are of one kind.
 *
 * @param table The rows.
 * @param name The column of labels.
 * @param has Whether a row has a label.
 * @throws {TypeError} If a row has none, or labels are of several kinds.
 */
export function checkLabels(
  table: Table,
  name: string,
  has: typeof isLabeled = isLabeled,
): void {
  const column = findColumn(table, name);
  let kind: string | undefined;
  table.rows.forEach((row, i) => {
    if (!has(row, column)) {
      const value = cellOf(row, column);
      throw new TypeError(
        `Cannot use ${placeOf(table, i)}: its "${column}" is ${
          value === undefined ? "missing" : value === null ? "null" : "empty"
        }, expected a label; --skip-unlabelled leaves such rows out`,
      );
    }
    const own = kindOf(cellOf(row, column));
    kind ??= own;
    if (own === kind) return;
    throw new TypeError(
      `Cannot use ${placeOf(table, i)}: its "${column}" is ${own}, and ` +
        `that of ${placeOf(table, 0)} is ${kind}: labels must be of one kind`,
    );
  });
}

/**
 * The rows that have a label.
 *
 * @param table The rows.
 * @param name The column of labels.
 * @param has Whether a row has a label.
 */
export function labeledRows(
  table: Table,
  name: string,
  has: typeof isLabeled = isLabeled,
): Table {
  const column = findColumn(table, name);
  const kept = [...table.rows.keys()].filter((i) =>
    has(table.rows[i] ?? {}, column)
  );
  if (kept.length === 0) {
    throw new RangeError(
      `Cannot use ${table.path}: no row has a "${column}"`,
    );
  }
  const { lines, numbers } = table;
  return {
    ...table,
    rows: kept.map((i) => table.rows[i] ?? {}),
    ...lines ? { lines: kept.map((i) => lines[i] ?? 0) } : {},
    numbers: kept.map((i) => numbers?.[i] ?? i + 1),
  };
}
