// Copyright 2026 the swagpu authors. MIT license.

/**
 * The texts that `predict` is to do something with, and what is written with each: its
 * row, the text itself, and other columns.
 *
 * @module
 */

import { cellOf, findColumn, placeOf, type Table } from "../../data/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import type { Line } from "../prediction_lines.ts";
import { columnOf } from "../table_columns.ts";
import { linesOf } from "../text_lines.ts";
import {
  readTextTable,
  refuseColumns,
  TEXT_FILE_OPTIONS,
  textFormat,
} from "./text_table.ts";

/** The options of where texts come from, beside `--data`. */
export const INPUT_OPTIONS: readonly Option[] = [
  { name: "text", value: "TEXT", help: "A text.", repeatable: true },
  {
    name: "keep-columns",
    value: "NAMES",
    help: "Other columns to write, such as id,date, or all.",
  },
  ...TEXT_FILE_OPTIONS,
];

/** A text. */
export interface PredictionInput {
  readonly text: string;
  /** The name of the row in messages. */
  readonly place: string;
  /** The first fields of its line. */
  readonly line: Line;
}

/** How to read a table. */
export interface InputColumns {
  /** The options that name columns, without dashes. */
  readonly options: readonly string[];
  /** The column of texts. */
  text(table: Table): string;
  /** The column of what is right, if there is one; it is written as `gold`. */
  gold?(table: Table): string | undefined;
}

/**
 * Gives the texts of `--text`, or of the file `--data`. The lines of a text file are
 * read as they are needed, and other files as a whole.
 *
 * @throws {TypeError} If there are both or neither, or options do not fit.
 * @throws {RangeError} If a column does not exist.
 */
export async function* predictionInputs(
  args: Arguments,
  columns: InputColumns,
): AsyncGenerator<PredictionInput> {
  const texts = args.list("text");
  const path = args.text("data");
  const isGiven = texts.length > 0;
  if ((path === undefined) === !isGiven) {
    throw new TypeError("Cannot predict: give either --data or --text");
  }
  const ofTables = [...columns.options, "columns", "field", "keep-columns"];
  if (path === undefined) {
    const idle = [...ofTables, "format"].find((name) =>
      args.text(name) !== undefined
    );
    if (idle !== undefined) {
      throw new TypeError(
        `Cannot use --${idle} with --text: it applies to files`,
      );
    }
    for (const [i, text] of texts.entries()) {
      yield { text, place: `--text ${i + 1}`, line: { text } };
    }
    return;
  }
  if (textFormat(args, path) === "txt") {
    refuseColumns(args, path, ofTables);
    yield* lines(path);
    return;
  }
  yield* tableInputs(await readTextTable(args, "data"), args, columns);
}

async function* lines(path: string): AsyncGenerator<PredictionInput> {
  let row = 0;
  for await (const line of linesOf(path)) {
    const text = line.replace(/\r?\n$/, "");
    row++;
    const place = `line ${row} of ${path === "-" ? "standard input" : path}`;
    yield { text, place, line: { row, text } };
  }
}

function* tableInputs(
  table: Table,
  args: Arguments,
  columns: InputColumns,
): Generator<PredictionInput> {
  const texts = columnOf(table, columns.text(table));
  const gold = columns.gold?.(table);
  const kept = args.text("keep-columns")?.split(",") ?? [];
  const others = kept.length === 1 && kept[0] === "all"
    ? table.columns
    : kept.map((name) => findColumn(table, name));
  for (const [i, text] of texts.entries()) {
    const cell = (name: string) => cellOf(table.rows[i] ?? {}, name) ?? null;
    yield {
      text,
      place: placeOf(table, i),
      line: {
        row: i + 1,
        text,
        ...gold === undefined ? {} : { gold: cell(gold) },
        ...others.length === 0 ? {} : {
          columns: Object.fromEntries(others.map((name) => [name, cell(name)])),
        },
      },
    };
  }
}

/** Puts items together until their cost reaches a limit. */
export async function* chunksOf<T>(
  items: AsyncIterable<T>,
  { most, cost = () => 1 }: {
    most: number;
    cost?: (item: T) => number;
  },
): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  let sum = 0;
  for await (const item of items) {
    chunk.push(item);
    sum += cost(item);
    if (sum < most) continue;
    yield chunk;
    chunk = [];
    sum = 0;
  }
  if (chunk.length > 0) yield chunk;
}
