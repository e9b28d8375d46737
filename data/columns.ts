// Copyright 2026 the swagpu authors. MIT license.

/**
 * Finds the column or the value that a name means.
 *
 * @module
 */

import { listOf, nearest } from "./names.ts";
import { cellOf, type DataRow } from "./rows.ts";

/** Where a column is looked for. */
export interface ColumnSource {
  /** The file, for messages. */
  readonly path: string;
  /** The names of its columns. */
  readonly columns: readonly string[];
  /** The format of the file, if its columns have an order. */
  readonly format?: string;
  /** How messages call an option. @default {as it is} */
  readonly optionName?: (option: string) => string;
}

/** Formats in which each row names its own columns. */
const UNORDERED: ReadonlySet<string> = new Set(["jsonl", "json"]);

/** Formats whose cells are texts, so that nothing can be inside of them. */
const FLAT: ReadonlySet<string> = new Set(["csv", "tsv"]);

/**
 * Finds a column by its name or, where columns have an order, by its number from 1 on.
 *
 * @param source The file.
 * @param name The name or the number.
 * @param option The option by which another column can be named, for the message.
 * @returns The name of the column, or a name such as `example.premise` of what is
 * inside of one.
 * @throws {RangeError} If there is no such column; the message lists them.
 *
 * @example By number
 * ```ts
 * import { findColumn, readTable } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new File(["text,label\ngood,1\n"], "reviews.csv");
 * assertEquals(findColumn(await readTable(file), "2"), "label");
 * ```
 */
export function findColumn(
  source: ColumnSource,
  name: string,
  option?: string,
): string {
  const { path, columns, format = "", optionName = (own) => own } = source;
  const isOrdered = !UNORDERED.has(format);
  const found = columnNamed(columns, name, isOrdered);
  if (found !== undefined) return found;
  const [outer = ""] = name.split(".");
  if (outer !== name && !FLAT.has(format) && columns.includes(outer)) {
    return name;
  }
  const [only = ""] = columns;
  const by = columns.length > 1
    ? undefined
    : OTHER_SEPARATORS.find(([separator]) => only.includes(separator));
  const bare = (text: string) => text.trim().toLowerCase();
  const meant = columns.find((column) => bare(column) === bare(name)) ??
    nearest(name, columns);
  const wish = by !== undefined
    ? `; ${format.toUpperCase()} has no ${by[1]} between cells, ` +
      (by[2] === undefined
        ? "write them as commas"
        : `say ${optionName("format")} ${by[2]}`)
    : meant !== undefined
    ? `; did you mean "${meant}"?`
    : [
      option && `say which it is with ${option}`,
      (format === "csv" || format === "tsv") &&
      "if its first line is no header, name them with " +
        `${optionName("columns")} text,label`,
    ].filter(Boolean).map((wish, i) => `${i === 0 ? ";" : ", or"} ${wish}`)
      .join("");
  throw new RangeError(
    `Cannot find the column "${name}" in ${path}: there are ${
      listOf(columns.map(shortened))
    }${wish}`,
  );
}

/** What else may separate cells, and the format that has it. */
const OTHER_SEPARATORS = [
  ["\t", "tabs", "tsv"],
  [";", "semicolons", undefined],
  [",", "commas", "csv"],
] as const;

/** A header may be very long if it is really a text. */
function shortened(name: string): string {
  return name.length <= 40 ? name : `${name.slice(0, 39)}…`;
}

function columnNamed(
  columns: readonly string[],
  name: string,
  isOrdered: boolean,
): string | undefined {
  if (columns.includes(name)) return name;
  return isOrdered && /^[1-9]\d*$/.test(name)
    ? columns[Number(name) - 1]
    : undefined;
}

/**
 * The value that a name means in a row: that of a column, by its name or number, or
 * one inside of objects, such as `example.premise`. `undefined` if there is none.
 */
export function valueAt({ cells, columns }: DataRow, name: string): unknown {
  if (Object.hasOwn(cells, name)) return cells[name];
  const column = columns && columnNamed(columns, name, true);
  return cellOf(cells, column ?? name);
}
