// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the examples of a task from the file that an option names. Each example
 * knows its place in the file, for messages about it.
 *
 * @module
 */

import {
  type DataFormat,
  type DataRow,
  type ExampleParser,
  formatOf,
  placeOf,
  readExamples,
} from "../../data/mod.ts";
import { count } from "../../data/names.ts";
import type { Arguments, Option } from "../arguments.ts";
import type { TaskContext, TaskExamples } from "./task.ts";

/** What knows its place in a file. */
export interface Placed {
  /** A name such as `row 1 of a.jsonl (line 1)`. */
  readonly place: string;
}

/** The option to leave out rows that are malformed. */
export const SKIP_ROWS_OPTION: Option = {
  name: "skip-bad-rows",
  help:
    "Leave out rows that cannot be used instead of refusing the file, and " +
    "say how many.",
};

/** Names a row in a message. */
export function nameOfRow({ path, number, line }: DataRow): string {
  const lines = line === undefined ? {} : { lines: [line] };
  return placeOf({ path, numbers: [number], ...lines }, 0);
}

/** The names in an option such as `--columns text,label`. */
export function namesIn(args: Arguments, option: string): string[] | undefined {
  return args.text(option)?.split(",").map((name) => name.trim());
}

/**
 * The format of a file: that of the option, else by the extension.
 *
 * @param path The file, or `-` for standard input.
 * @param formats The formats that the task reads.
 * @throws {RangeError} If the task does not read the format.
 */
export function formatAmong<F extends string>(
  path: string,
  { args, formats }: { args: Arguments; formats: readonly F[] },
): F {
  const asked = args.choice("format", formats);
  if (asked !== undefined) return asked;
  const own = formatOf(path);
  const found = formats.find((format) => format === own);
  if (found !== undefined) return found;
  const list = `${formats.slice(0, -1).join(", ")} or ${formats.at(-1)}`;
  throw new RangeError(
    own === undefined
      ? `Cannot detect the format of ${
        path === "-" ? "standard input" : path
      }: say --format ${list}`
      : `Cannot read ${path} as ${own}: this task reads ${list}; say which it ` +
        "is with --format",
  );
}

/** How to read a file of examples. */
export interface ReadOptions<T> {
  /** Makes an example of a row. */
  readonly parse: ExampleParser<T>;
  /** The format of the file. */
  readonly format: DataFormat;
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
      format,
      columns: namesIn(args, "columns"),
      field: (option === "eval" ? args.text("eval-field") : undefined) ??
        args.text("field"),
      onBadRow: args.flag("skip-bad-rows") ? "skip" : "throw",
      optionName: (name) => `--${name}`,
    },
  );
  const examples = await progress.during(`reading ${path}`, stream.toArray());
  if (examples.length === 0) {
    throw new RangeError(`Cannot use ${path}: it has no rows`);
  }
  const { skipped, problems } = stream;
  if (skipped > 0) {
    progress.say(
      `Left out ${count(skipped)} of ${
        count(examples.length + skipped)
      } rows of ${path} that cannot be used, the first for this: ` +
        problems[0],
    );
  }
  return { path, examples };
}
