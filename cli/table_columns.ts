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
import { count, counted } from "../data/names.ts";
import type { Arguments } from "./arguments.ts";
import type { Progress } from "./progress.ts";

/**
 * Reads a column as texts. Numbers, `true` and `false` are written out.
 *
 * @throws {RangeError} If there is no such column; the message lists them.
 * @throws {TypeError} If a row has no value there.
 */
export function columnOf(table: Table, name: string): string[] {
  const column = findColumn(table, name);
  return table.rows.map((_, i) => textIn(table, i, column));
}

function textIn(table: Table, row: number, column: string): string {
  const value = cellOf(table.rows[row] ?? {}, column);
  const text = textOfCell(value);
  if (text !== undefined) return text;
  throw new TypeError(
    `Cannot use ${placeOf(table, row)}: its "${column}" is ${
      value === undefined ? "missing" : JSON.stringify(value).slice(0, 80)
    }, expected a text or a number`,
  );
}

/**
 * The rows that have a text in each of some columns, and what else they need: all of
 * them, unless `--skip-bad-rows` says to leave others out.
 *
 * @param check Throws a `TypeError` if a row has something else than it needs.
 * @throws {RangeError} If no row is left.
 */
export function usableRows(
  table: Table,
  names: readonly string[],
  { args, progress }: { args: Arguments; progress: Progress },
  check: (row: number) => void = () => {},
): Table {
  if (!args.flag("skip-bad-rows")) return table;
  const columns = names.map((name) => findColumn(table, name));
  let problem: string | undefined;
  const kept = rowsWhere(table, (row) => {
    try {
      for (const column of columns) textIn(table, row, column);
      check(row);
      return true;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      problem ??= error.message;
      return false;
    }
  });
  const { path } = table;
  if (problem === undefined) return table;
  if (kept.rows.length === 0) {
    throw new RangeError(`Cannot use ${path}: it has no rows. ${problem}`);
  }
  const skipped = table.rows.length - kept.rows.length;
  progress.say(
    skippedRemark({ skipped, rows: table.rows.length, path, problem }),
  );
  return kept;
}

/** Says how many rows were left out, and why the first was. */
export function skippedRemark(
  { skipped, rows, path, problem }: {
    skipped: number;
    rows: number;
    path: string;
    problem: string;
  },
): string {
  return `Left out ${count(skipped)} of ${
    counted(rows, "row")
  } of ${path} that ` +
    `cannot be used, the first for this: ${problem}`;
}

/** The rows of a table that satisfy a condition, with their numbers and lines. */
function rowsWhere(table: Table, keep: (row: number) => boolean): Table {
  const kept = [...table.rows.keys()].filter(keep);
  const { lines, numbers } = table;
  return {
    ...table,
    rows: kept.map((i) => table.rows[i] ?? {}),
    ...lines ? { lines: kept.map((i) => lines[i] ?? 0) } : {},
    numbers: kept.map((i) => numbers?.[i] ?? i + 1),
  };
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

/** @throws {TypeError} If a row has no label. */
export function checkLabel(
  table: Table,
  row: number,
  { name, has }: { name: string; has: typeof isLabeled },
): void {
  const cells = table.rows[row] ?? {};
  if (has(cells, name)) return;
  const value = cellOf(cells, name);
  throw new TypeError(
    `Cannot use ${placeOf(table, row)}: its "${name}" is ${
      value === undefined ? "missing" : value === null ? "null" : "empty"
    }, expected a label; --skip-unlabelled leaves such rows out`,
  );
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
    checkLabel(table, i, { name: column, has });
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
  const kept = rowsWhere(table, (i) => has(table.rows[i] ?? {}, column));
  if (kept.rows.length > 0) return kept;
  throw new RangeError(`Cannot use ${table.path}: no row has a "${column}"`);
}
