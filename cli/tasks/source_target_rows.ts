// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts with the texts that they should become: how they are read from files, and what
 * a model with an encoder and a decoder reads of them.
 *
 * @module
 */

import {
  cellOf,
  findColumn,
  placeOf,
  readTable,
  type Table,
} from "../../data/mod.ts";
import { count, counted, listOf } from "../../data/names.ts";
import type { PretrainedConfig } from "../../models/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import {
  checkInputs,
  formatAmong,
  optionName,
  readInput,
  refuseIdle,
  SKIP_ROWS_OPTION,
  TASK_FILE_OPTIONS,
  TEXT_FORMATS,
} from "../input_files.ts";
import { type NamingChoice, notedColumn } from "../notes.ts";
import { columnOf, usableRows } from "../table_columns.ts";
import { cutRemark } from "../tokenized_texts.ts";
import type { RowContext, TaskContext, TaskExamples } from "./task.ts";

/** A text, and the text that it should become. */
export interface WritingExample {
  readonly source: string;
  readonly target: string;
  /** The name of the row in messages. */
  readonly place: string;
}

/** The tokens of both. */
export interface WritingRow {
  /** The tokens of the source and of the target together. */
  readonly length: number;
  readonly inputIds: readonly number[];
  /** The tokens of the target. */
  readonly labels: readonly number[];
  /** The source as it stands in the file. */
  readonly source: string;
  /** The target as it stands in the file. */
  readonly target: string;
  /** The name of the row in messages. */
  readonly place: string;
}

/** The option that names the column of sources. */
export const SOURCE_OPTION: Option = {
  name: "source-column",
  value: "NAME",
  help: "Column of texts to read, or their language in an object translation " +
    "(source).",
};

/** The option that names the column of targets. */
export const TARGET_OPTION: Option = {
  name: "target-column",
  value: "NAME",
  help:
    "Column of texts to write, or their language in an object translation " +
    "(target).",
};

/** The options of reading sources and targets. */
export const WRITING_DATA_OPTIONS: readonly Option[] = [
  SOURCE_OPTION,
  TARGET_OPTION,
  {
    name: "target-data",
    value: "FILE",
    help: "Text file whose lines belong to those of the text file --data.",
  },
  {
    name: "target-eval",
    value: "FILE",
    help: "Text file whose lines belong to those of the text file --eval.",
  },
  {
    name: "max-target-length",
    value: "N",
    help: "Longest target in tokens (as --max-length).",
  },
  SKIP_ROWS_OPTION,
  ...TASK_FILE_OPTIONS,
];

/** A side of the examples. */
export type WritingSide = "source" | "target";

/**
 * Looks for the column of a side: that of the option, else that of the training if the
 * file has it, else `source` or `target`; or for the language of that name in the
 * objects of a column `translation`, as Hugging Face's files have them.
 */
export function writingColumnIn(
  table: Table,
  side: WritingSide,
  choice: NamingChoice,
): string | undefined {
  const inside = languagesOf(table);
  for (const name of namesOfColumn(side, choice)) {
    if (table.columns.includes(name)) return name;
    if (inside.includes(name)) return `translation.${name}`;
  }
  return undefined;
}

/**
 * Finds the column of a side; see {@linkcode writingColumnIn}.
 *
 * @throws {RangeError} If the file lacks it.
 */
export function writingColumn(
  table: Table,
  side: WritingSide,
  choice: NamingChoice,
): string {
  const found = writingColumnIn(table, side, choice);
  if (found !== undefined) return found;
  const [name = side] = namesOfColumn(side, choice).slice(-1);
  const inside = languagesOf(table);
  if (inside.length === 0) return findColumn(table, name, `--${side}-column`);
  throw new RangeError(
    `Cannot find the language "${name}" in ${table.path}: its translations are in ` +
      `${listOf(inside)}; name the languages with --source-column and ` +
      "--target-column",
  );
}

/** The names that the column of a side may have, the best one first. */
function namesOfColumn(
  side: WritingSide,
  { args, config }: NamingChoice,
): string[] {
  const asked = args.text(`${side}-column`);
  if (asked !== undefined) return [asked];
  const noted = notedColumn(config, side);
  return noted === undefined ? [side] : [noted, side];
}

/** The languages of the objects in a column `translation`. */
function languagesOf({ rows: [first = {}] }: Table): string[] {
  const found = cellOf(first, "translation");
  return typeof found === "object" && found !== null && !Array.isArray(found)
    ? Object.keys(found)
    : [];
}

/**
 * Reads the sources and targets of the file that an option names.
 *
 * @throws {TypeError} If a row lacks a text, or the file has no targets.
 * @throws {RangeError} If the file lacks a column.
 */
export async function readWriting(
  option: "data" | "eval",
  context: TaskContext & NamingChoice,
): Promise<TaskExamples<WritingExample>> {
  const { args } = context;
  const path = args.needed(option);
  if (
    args.text("target-eval") !== undefined && args.text("eval") === undefined
  ) {
    throw new TypeError(
      "Cannot use --target-eval without --eval: its lines belong to that file",
    );
  }
  const other = option === "data" ? "target-data" : "target-eval";
  if (args.text(other) !== undefined) {
    return examplesOf(
      await readAligned(args, { option, other }),
      ["source", "target"],
      context,
    );
  }
  const format = formatAmong(path, { args, formats: TEXT_FORMATS });
  if (format === "txt") {
    throw new TypeError(
      `Cannot read sources and targets from ${path}: a text file has no columns; ` +
        `name the file of targets with --${other}, or say --format csv, tsv or ` +
        "jsonl if it is something else",
    );
  }
  const table = await readInput(args, option, format);
  return examplesOf(table, [
    writingColumn(table, "source", context),
    writingColumn(table, "target", context),
  ], context);
}

/** Reads two text files whose lines belong together. */
async function readAligned(
  args: Arguments,
  { option, other }: { option: string; other: string },
): Promise<Table> {
  checkInputs(args, option, other);
  // Columns may be meant for the other one of the files --data and --eval.
  const isOther = args.text("eval") !== undefined &&
    args.text(option === "data" ? "target-eval" : "target-data") === undefined;
  const columns = ["source-column", "target-column", "columns", "field"];
  refuseIdle(args, isOther ? [] : columns, {
    beside: `--${other}`,
    reason: "the lines of text files have no columns",
  });
  for (const name of [option, other]) {
    const path = args.needed(name);
    const format = formatAmong(path, { args, formats: TEXT_FORMATS });
    if (format === "txt") continue;
    throw new TypeError(
      `Cannot read ${path} as text for --${other}: it is ${format}; its columns ` +
        "can be named with --source-column and --target-column",
    );
  }
  return await readTable({
    source: args.needed(option),
    target: args.needed(other),
  }, { optionName });
}

function examplesOf(
  all: Table,
  [source, target]: readonly [string, string],
  context: TaskContext,
): TaskExamples<WritingExample> {
  const table = usableRows(all, [source, target], context);
  const targets = columnOf(table, target);
  const examples = columnOf(table, source).map((text, i) => ({
    source: text,
    target: targets[i] ?? "",
    place: placeOf(table, i),
  }));
  return { path: table.path, examples };
}

/**
 * The most tokens of a target.
 *
 * @throws {RangeError} If the model supports fewer positions.
 */
export function maxTargetLength(
  args: Arguments,
  config: PretrainedConfig,
  maxLength: number,
): number {
  const asked = args.integer("max-target-length", { min: 1 });
  if (asked === undefined) return maxLength;
  if (asked <= config.maxTokens) return asked;
  throw new RangeError(
    `Cannot use --max-target-length ${asked}: the model supports ` +
      `${config.maxTokens} positions`,
  );
}

/** How many examples are tokenized between two signs of progress. */
const CHUNK = 256;

/** Tokenizes sources, with what comes before each of them, and targets. */
export function writingRows(
  { path, examples }: TaskExamples<WritingExample>,
  prefix: string,
  { args, config, tokenizer, maxLength, progress }: RowContext,
): WritingRow[] {
  const longest = {
    source: maxLength,
    target: maxTargetLength(args, config, maxLength),
  };
  const cut = { source: 0, target: 0 };
  const tokens = (text: string, side: WritingSide): readonly number[] => {
    const options = { textTarget: side === "target" };
    const most = longest[side];
    const { inputIds } = tokenizer.encode(text, {
      ...options,
      truncation: false,
    });
    if (inputIds.length <= most) return inputIds;
    cut[side]++;
    return tokenizer.encode(text, { ...options, maxLength: most }).inputIds;
  };
  using stage = progress.stage("tokenizing", examples.length, "texts");
  const rows = examples.map(({ source, target, place }, i): WritingRow => {
    const inputIds = tokens(`${prefix}${source}`, "source");
    const labels = tokens(target, "target");
    if ((i + 1) % CHUNK === 0) stage.advance(CHUNK);
    const length = inputIds.length + labels.length;
    return { length, inputIds, labels, source, target, place };
  });
  const remark = cutRemark({
    cut: cut.source,
    rows: rows.length,
    path,
    maxLength,
  });
  if (remark !== undefined) progress.say(remark);
  if (cut.target > 0) {
    progress.say(
      `${count(cut.target)} of ${
        counted(rows.length, "target")
      } of ${path} cut to ` +
        `${longest.target} tokens`,
    );
  }
  const isBlank = (text: string) => text.trim() === "";
  const blank = examples.filter(({ source, target }) =>
    isBlank(source) || isBlank(target)
  );
  if (blank.length > 0) {
    progress.say(
      `${count(blank.length)} of ${counted(rows.length, "row")} of ${path} ` +
        "without a source or a target",
    );
  }
  return rows;
}
