// Copyright 2026 the swagpu authors. MIT license.

/**
 * What `predict` is to do something with: texts of options, the lines of a text file or
 * the rows of a table; and the first fields of each line of output, which say what it is
 * about. All is checked before the model is loaded.
 *
 * @module
 */

import { cellOf, findColumn, placeOf, type Table } from "../../data/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import {
  type Format,
  formatAmong,
  namesIn,
  readInput,
  refuseColumns,
  refuseIdle,
  TASK_FILE_OPTIONS,
  TEXT_FORMATS,
} from "../input_files.ts";
import type { Line } from "../prediction_lines.ts";
import { columnOf } from "../table_columns.ts";
import { linesOf } from "../text_lines.ts";

/** The option that gives texts. */
export const TEXT_OPTION: Option = {
  name: "text",
  value: "TEXT",
  help: "A text.",
  repeatable: true,
};

/** The options of the files of `predict`. */
export const INPUT_FILE_OPTIONS: readonly Option[] = [
  {
    name: "keep-columns",
    value: "NAMES",
    help: "Other columns to write, such as id,date, or all.",
  },
  ...TASK_FILE_OPTIONS,
];

/** A text. */
export interface TextInput {
  readonly text: string;
  /** The name of the row in messages. */
  readonly place: string;
  /** The first fields of its line. */
  readonly line: Line;
}

/** Texts, which may be read as they are needed. */
export type TextInputs = AsyncIterable<TextInput> | Iterable<TextInput>;

/** How to find out where inputs are. */
export interface InputSource {
  /** The options that give inputs by themselves, without dashes. @default {["text"]} */
  readonly given?: readonly string[];
  /** The options that name columns, without dashes. */
  readonly naming: readonly string[];
  /** The formats that files may have. */
  readonly formats: readonly Format[];
  /** Finds out the format of a file. @default {by the option or the extension} */
  readonly formatOf?: (path: string) => Promise<Format>;
}

/**
 * Opens the file of `--data`.
 *
 * @returns The lines of a text file, or the table; `undefined` if options give the
 * inputs.
 * @throws {TypeError} If there are both or neither, or options do not fit.
 */
export async function openInputs(
  args: Arguments,
  { given = ["text"], naming, formats, formatOf }: InputSource,
): Promise<{ lines: TextInputs } | { table: Table } | undefined> {
  const path = args.text("data");
  const isGiven = given.some((name) => args.flag(name));
  if ((path === undefined) === !isGiven) {
    throw new TypeError(
      `Cannot predict: give either --data${given.length > 1 ? "," : ""} or ${
        given.map((name) => `--${name}`).join(" and ")
      }`,
    );
  }
  if (path === undefined) {
    const ofFiles = INPUT_FILE_OPTIONS.map(({ name }) => name);
    refuseIdle(args, [...naming, ...ofFiles], {
      beside: `--${given[0]}`,
      reason: "it applies to files",
    });
    return undefined;
  }
  const format = await formatOf?.(path) ?? formatAmong(path, { args, formats });
  if (format !== "txt") return { table: await readInput(args, "data", format) };
  refuseColumns(args, path, [...naming, "columns", "field", "keep-columns"]);
  const lines = textLines(path);
  // Whether somebody will write to standard input shows when it is needed.
  return { lines: path === "-" ? lines : await begun(lines) };
}

/** The lines of a text file, which are read as they are needed. */
async function* textLines(path: string): AsyncGenerator<TextInput> {
  let row = 0;
  for await (const line of linesOf(path)) {
    const text = line.replace(/\r?\n$/, "");
    row++;
    const place = `line ${row} of ${path === "-" ? "standard input" : path}`;
    yield { text, place, line: { row, text } };
  }
}

/** Gives the same items when the first is there, so that its error comes now. */
async function begun<T>(items: AsyncGenerator<T>): Promise<AsyncIterable<T>> {
  const first = await items.next();
  return (async function* () {
    if (first.done) return;
    yield first.value;
    yield* items;
  })();
}

/**
 * Makes the function that gives the first fields of the line of a row: its number, its
 * own fields, and the columns that `--keep-columns` names.
 *
 * @throws {RangeError} If there is no such column.
 */
export function rowLines(
  args: Arguments,
  table: Table,
): (row: number, fields: Line) => Line {
  const kept = namesIn(args, "keep-columns") ?? [];
  const names = kept.length === 1 && kept[0] === "all"
    ? table.columns
    : kept.map((name) => findColumn(table, name));
  return (row, fields) => {
    const cell = (name: string) => cellOf(table.rows[row] ?? {}, name) ?? null;
    return {
      row: table.numbers?.[row] ?? row + 1,
      ...fields,
      ...names.length === 0 ? {} : {
        columns: Object.fromEntries(names.map((name) => [name, cell(name)])),
      },
    };
  };
}

/**
 * The texts of a table.
 *
 * @param column The column of texts.
 * @param gold The column of what is right, if there is one.
 */
export function tableTexts(
  args: Arguments,
  table: Table,
  { column, gold }: { column: string; gold?: string | undefined },
): TextInput[] {
  const lineOf = rowLines(args, table);
  return columnOf(table, column).map((text, i) => ({
    text,
    place: placeOf(table, i),
    line: lineOf(i, {
      text,
      ...gold === undefined
        ? {}
        : { gold: cellOf(table.rows[i] ?? {}, gold) ?? null },
    }),
  }));
}

/** The texts of the option `--text`. */
export function givenTexts(args: Arguments): TextInput[] {
  return args.list("text").map((text, i) => ({
    text,
    place: `--text ${i + 1}`,
    line: { text },
  }));
}

/** How to read a table of texts. */
export interface TextColumns {
  /** The options that name columns, without dashes. */
  readonly naming: readonly string[];
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
export async function textInputs(
  args: Arguments,
  { naming, text, gold }: TextColumns,
): Promise<TextInputs> {
  const file = await openInputs(args, { naming, formats: TEXT_FORMATS });
  if (!file) return givenTexts(args);
  if ("lines" in file) return file.lines;
  const { table } = file;
  return tableTexts(args, table, { column: text(table), gold: gold?.(table) });
}

/** Puts items together until there are so many, or until their cost reaches 1. */
export async function* chunksOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  most: number,
  cost: (item: T) => number = () => 0,
): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  let sum = 0;
  for await (const item of items) {
    chunk.push(item);
    sum += cost(item);
    if (chunk.length < most && sum < 1) continue;
    yield chunk;
    chunk = [];
    sum = 0;
  }
  if (chunk.length > 0) yield chunk;
}
