// Copyright 2026 the swagpu authors. MIT license.

/**
 * What `predict` reads for a task: a file or texts of options, and the fields of a
 * line of output that say which row it is of.
 *
 * @module
 */

import { cellOf, findColumn, readTable, type Table } from "../../data/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { namesIn } from "./task_files.ts";

/** The option to copy columns. */
export const KEEP_OPTION: Option = {
  name: "keep-columns",
  value: "NAMES",
  help: "Columns to write too, such as id,date, or all.",
};

/** The options of files that are tables. */
export const TABLE_OPTIONS: readonly Option[] = [
  {
    name: "columns",
    value: "NAMES",
    help:
      "Names of the columns, such as id,text, if CSV, TSV or CoNLL has no " +
      "header line, or rows of JSON are lists.",
  },
  {
    name: "field",
    value: "NAME",
    help: "Which list to read if a JSON file is an object with lists.",
  },
];

/** Reads the file of `--data`. */
export async function readInputTable(
  args: Arguments,
  format: Table["format"],
): Promise<Table> {
  return await readTable(args.needed("data"), {
    format,
    columns: namesIn(args, "columns"),
    field: args.text("field"),
    optionName: (option) => `--${option}`,
  });
}

/**
 * Makes the function that gives the first fields of the line of a row: its number,
 * and the columns that `--keep-columns` names.
 *
 * @throws {RangeError} If there is no such column.
 */
export function rowFields(
  args: Arguments,
  table: Table,
): (row: number) => Record<string, unknown> {
  const kept = namesIn(args, "keep-columns") ?? [];
  const names = kept.length === 1 && kept[0] === "all"
    ? table.columns
    : kept.map((name) => findColumn(table, name));
  return (row) => ({
    row: table.numbers?.[row] ?? row + 1,
    ...names.length === 0 ? {} : {
      columns: Object.fromEntries(
        names.map((
          name,
        ) => [name, cellOf(table.rows[row] ?? {}, name) ?? null]),
      ),
    },
  });
}

/** Refuses options that change nothing. */
export function refuseIdle(
  args: Arguments,
  names: readonly string[],
  { beside, reason }: { beside: string; reason: string },
): void {
  const name = names.find((name) => args.flag(name));
  if (name === undefined) return;
  throw new TypeError(`Cannot use --${name} with ${beside}: ${reason}`);
}

/** Cuts a sequence into lists of at most `size`. */
export async function* chunksOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
