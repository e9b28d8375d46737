// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the examples of a task from the file that an option names. Each example
 * knows its place in the file, for messages about it.
 *
 * @module
 */

import {
  cellOf,
  type DataRow,
  type ExampleParser,
  placeOf,
  readExamples,
} from "../../data/mod.ts";
import { type Format, libraryFormat, rowSettings } from "../input_files.ts";
import { type NamingChoice, notedColumn } from "../notes.ts";
import { skippedRemark } from "../table_columns.ts";
import type { TaskContext, TaskExamples } from "./task.ts";

/** What knows its place in a file. */
export interface Placed {
  /** A name such as `row 1 of a.jsonl (line 1)`. */
  readonly place: string;
}

/** Names a row in a message. */
export function nameOfRow({ path, number, line }: DataRow): string {
  const lines = line === undefined ? {} : { lines: [line] };
  return placeOf({ path, numbers: [number], ...lines }, 0);
}

/**
 * Makes a parser when the first row is there, which tells the columns.
 *
 * @param choice The options, and the model that was trained before.
 * @param make Makes the parser. It gets a function that gives the column of a name,
 * such as `text`: that of the option, else that of the training if the row has it.
 */
export function parserByColumns<T>(
  { args, config }: NamingChoice,
  make: (columnOf: (name: string) => string | undefined) => ExampleParser<T>,
): ExampleParser<T> {
  let parse: ExampleParser<T> | undefined;
  return (row) => {
    parse ??= make((name) => {
      const noted = notedColumn(config, name);
      const has = noted !== undefined && cellOf(row.cells, noted) !== undefined;
      return args.text(`${name}-column`) ?? (has ? noted : undefined);
    });
    return parse(row);
  };
}

/** How to read a file of examples. */
export interface ReadOptions<T> {
  /** Makes an example of a row. */
  readonly parse: ExampleParser<T>;
  /** The format of the file. */
  readonly format: Format;
}

/**
 * Reads the examples of the file that an option names.
 *
 * @throws {BadRowError} If a row cannot be used, unless `--skip-bad-rows` is given.
 * @throws {RangeError} If the file has no rows.
 */
export async function readTaskFile<T>(
  option: "data" | "eval",
  { args, progress }: TaskContext,
  { parse, format }: ReadOptions<T>,
): Promise<TaskExamples<T & Placed>> {
  const path = args.needed(option);
  const stream = readExamples(
    path,
    (row) => ({ ...parse(row), place: nameOfRow(row) }),
    {
      ...rowSettings(args, option),
      format: libraryFormat(format),
      onBadRow: args.flag("skip-bad-rows") ? "skip" : "throw",
    },
  );
  const examples = await progress.during(`reading ${path}`, stream.toArray());
  if (examples.length === 0) {
    throw new RangeError(`Cannot use ${path}: it has no rows`);
  }
  const { skipped, problems } = stream;
  const [problem] = problems;
  if (problem !== undefined) {
    const rows = examples.length + skipped;
    progress.say(skippedRemark({ skipped, rows, path, problem }));
  }
  return { path, examples };
}
