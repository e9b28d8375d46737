// Copyright 2026 the swagpu authors. MIT license.

/**
 * The texts that `predict` tags: texts of options, lines of a text file, a column of
 * a table, or sentences that are lists of words.
 *
 * @module
 */

import { cellOf, findColumn, placeOf, type Table } from "../../data/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { columnOf } from "../table_columns.ts";
import { linesOf } from "../text_lines.ts";
import {
  KEEP_OPTION,
  readInputTable,
  refuseIdle,
  rowFields,
  TABLE_OPTIONS,
} from "./predict_inputs.ts";
import { formatAmong } from "./task_files.ts";
import { WORD_OPTIONS } from "./token_examples.ts";

/** A text to tag. */
export interface TextInput {
  /** The first fields of its line. */
  readonly fields: Record<string, unknown>;
  /** The text. */
  readonly text: string;
}

/** A list of words to tag. */
export interface WordsInput {
  /** The first fields of its line. */
  readonly fields: Record<string, unknown>;
  /** The words. */
  readonly words: readonly string[];
  /** The sentence in messages. */
  readonly place: string;
}

/** What is tagged: texts, or lists of words. */
export type TagInputs =
  | { readonly texts: AsyncIterable<TextInput> | Iterable<TextInput> }
  | { readonly sentences: readonly WordsInput[] };

const FORMATS = [
  "txt",
  "conll",
  "csv",
  "tsv",
  "jsonl",
  "json",
  "parquet",
] as const;

/** The options that say what to tag. */
export const TAG_INPUT_OPTIONS: readonly Option[] = [
  { name: "text", value: "TEXT", help: "A text.", repeatable: true },
  { name: "text-column", value: "NAME", help: "Column of texts (text)." },
  ...WORD_OPTIONS.map((option) => ({
    ...option,
    help: option.name === "tokens-column"
      ? "Column of words, if there are lists of them (tokens; in CoNLL the " +
        "first, or form)."
      : "Column of tags, written as gold if the file has it (tags; in CoNLL " +
        "the last, or upos).",
  })),
  KEEP_OPTION,
  ...TABLE_OPTIONS,
  {
    name: "format",
    value: FORMATS.join("|"),
    help: "Format of the file (by its extension; txt for standard input).",
  },
];

/** The options that say something of a file's columns. */
const OF_TABLES = [
  "text-column",
  "tokens-column",
  "tags-column",
  "keep-columns",
  "columns",
  "field",
];

/**
 * Reads what to tag.
 *
 * @throws {TypeError} If there are both texts and a file, or none, or an option
 * changes nothing.
 * @throws {RangeError} If the format is unknown, or the file lacks a column.
 */
export async function readTagInputs(args: Arguments): Promise<TagInputs> {
  const texts = args.list("text");
  const path = args.text("data");
  if ((path === undefined) === (texts.length === 0)) {
    throw new TypeError("Cannot predict: give either --data or --text");
  }
  if (path === undefined) {
    refuseIdle(args, [...OF_TABLES, "format"], {
      beside: "--text",
      reason: "it applies to files",
    });
    return { texts: texts.map((text) => ({ text, fields: { text } })) };
  }
  const isPlain = path === "-" || /\.(txt|text)(\.gz)?$/i.test(path);
  const format = args.text("format") === undefined && isPlain
    ? "txt"
    : formatAmong(path, { args, formats: FORMATS });
  if (format === "txt") {
    refuseIdle(args, OF_TABLES, {
      beside: path,
      reason: "each line of a text file is a text; say --format csv, tsv, " +
        "jsonl or conll if it is something else",
    });
    return { texts: textLines(path) };
  }
  const table = await readInputTable(args, format);
  return holdsWords(args, table)
    ? { sentences: sentencesOf(args, table) }
    : { texts: textsOf(args, table) };
}

/** The lines of a text file. */
async function* textLines(path: string): AsyncGenerator<TextInput> {
  let row = 0;
  for await (const line of linesOf(path)) {
    const text = line.replace(/\r?\n$/, "");
    yield { text, fields: { row: ++row, text } };
  }
}

/** Whether a table holds lists of words rather than texts. */
function holdsWords(args: Arguments, { format, columns }: Table): boolean {
  const [words, texts] = ["tokens-column", "text-column"].map((name) =>
    args.text(name) !== undefined
  );
  if (words && texts) {
    throw new TypeError(
      "Cannot use --text-column with --tokens-column: give one of them",
    );
  }
  return words === true || format === "conll" ||
    (!texts && columns.includes("tokens") && !columns.includes("text"));
}

/** The texts of a table. */
function textsOf(args: Arguments, table: Table): TextInput[] {
  refuseIdle(args, ["tags-column"], {
    beside: table.path,
    reason: "it goes with --tokens-column",
  });
  const column = findColumn(
    table,
    args.text("text-column") ?? "text",
    "--text-column",
  );
  const fields = rowFields(args, table);
  return columnOf(table, column)
    .map((text, row) => ({ text, fields: { ...fields(row), text } }));
}

/** The lists of words of a table. */
function sentencesOf(args: Arguments, table: Table): WordsInput[] {
  const { columns } = table;
  const isConll = table.format === "conll";
  const column = findColumn(
    table,
    args.text("tokens-column") ??
      (!isConll || columns.includes("tokens")
        ? "tokens"
        : columns.includes("form")
        ? "form"
        : columns[0] ?? ""),
    "--tokens-column",
  );
  const given = args.text("tags-column");
  const usual = isConll ? ["tags", "upos", columns.at(-1) ?? ""] : ["tags"];
  const tags = given === undefined
    ? usual.find((name) => columns.includes(name) && name !== column)
    : findColumn(table, given, "--tags-column");
  const fields = rowFields(args, table);
  return table.rows.map((cells, row): WordsInput => {
    const value = cellOf(cells, column);
    const place = placeOf(table, row);
    if (!isTexts(value)) {
      throw new TypeError(
        `Cannot use ${place}: its "${column}" is ${
          JSON.stringify(value)?.slice(0, 80) ?? "missing"
        }, expected a list of texts`,
      );
    }
    const gold = tags === undefined ? undefined : cellOf(cells, tags);
    return {
      fields: {
        ...fields(row),
        text: value.join(" "),
        tokens: value,
        ...gold === undefined ? {} : { gold },
      },
      words: value,
      place,
    };
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) &&
    value.every((item) => typeof item === "string");
}
