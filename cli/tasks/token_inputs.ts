// Copyright 2026 the swagpu authors. MIT license.

/**
 * The texts that `predict` tags: texts of options, lines of a text file, a column of
 * a table, or sentences that are lists of words.
 *
 * @module
 */

import { cellOf, findColumn, placeOf, type Table } from "../../data/mod.ts";
import type { Option } from "../arguments.ts";
import { namedColumn, TEXT_COLUMN_OPTION, trainedColumn } from "../columns.ts";
import { refuseIdle, TABLE_FORMATS } from "../input_files.ts";
import type { NamingChoice } from "../notes.ts";
import type { Line } from "../prediction_lines.ts";
import {
  givenTexts,
  INPUT_FILE_OPTIONS,
  openInputs,
  rowLines,
  tableTexts,
  TEXT_OPTION,
  type TextInputs,
} from "./prediction_inputs.ts";
import { WORD_OPTIONS } from "./token_examples.ts";

/** A list of words to tag. */
export interface WordsInput {
  /** The first fields of its line. */
  readonly line: Line;
  /** The words. */
  readonly words: readonly string[];
  /** The sentence in messages. */
  readonly place: string;
}

/** What is tagged: texts, or lists of words. */
export type TagInputs =
  | { readonly texts: TextInputs }
  | { readonly sentences: readonly WordsInput[] };

const FORMATS = ["txt", "conll", ...TABLE_FORMATS] as const;

/** The options that say what to tag. */
export const TAG_INPUT_OPTIONS: readonly Option[] = [
  TEXT_OPTION,
  TEXT_COLUMN_OPTION,
  ...WORD_OPTIONS.map((option) => ({
    ...option,
    help: option.name === "tokens-column"
      ? "Column of words, if there are lists of them (tokens; in CoNLL the " +
        "first, or form)."
      : "Column of tags, written as gold if the file has it (tags; in CoNLL " +
        "the last, or upos).",
  })),
  ...INPUT_FILE_OPTIONS,
];

/**
 * Reads what to tag.
 *
 * @throws {TypeError} If there are both texts and a file, or none, or an option
 * changes nothing.
 * @throws {RangeError} If the format is unknown, or the file lacks a column.
 */
export async function readTagInputs(choice: NamingChoice): Promise<TagInputs> {
  const { args } = choice;
  const naming = ["text-column", "tokens-column", "tags-column"];
  const file = await openInputs(args, { naming, formats: FORMATS });
  if (!file) return { texts: givenTexts(args) };
  if ("lines" in file) return { texts: file.lines };
  const { table } = file;
  if (holdsWords(table, choice)) {
    return { sentences: sentencesOf(table, choice) };
  }
  refuseIdle(args, ["tags-column"], {
    beside: table.path,
    reason: "it goes with --tokens-column",
  });
  const column = namedColumn(table, "text", choice);
  return { texts: tableTexts(args, table, { column }) };
}

/** Whether a table holds lists of words rather than texts. */
function holdsWords(table: Table, { args, config }: NamingChoice): boolean {
  const { format, columns } = table;
  const [words, texts] = ["tokens-column", "text-column"].map((name) =>
    args.text(name) !== undefined
  );
  if (words && texts) {
    throw new TypeError(
      "Cannot use --text-column with --tokens-column: give one of them",
    );
  }
  if (words === true || format === "conll") return true;
  return !texts && (trainedColumn(table, "tokens", config) !== undefined ||
    columns.includes("tokens") && !columns.includes("text"));
}

/** The lists of words of a table. */
function sentencesOf(table: Table, choice: NamingChoice): WordsInput[] {
  const { args, config } = choice;
  const { columns } = table;
  const isConll = table.format === "conll";
  const usualWords = !isConll || columns.includes("tokens")
    ? "tokens"
    : columns.includes("form")
    ? "form"
    : columns[0];
  const column = namedColumn(table, "tokens", choice, usualWords);
  const given = args.text("tags-column");
  const usual = isConll ? ["tags", "upos", columns.at(-1) ?? ""] : ["tags"];
  const tags = given === undefined
    ? trainedColumn(table, "tags", config) ??
      usual.find((name) => columns.includes(name) && name !== column)
    : findColumn(table, given, "--tags-column");
  const lineOf = rowLines(args, table);
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
      line: lineOf(row, {
        text: value.join(" "),
        tokens: value,
        ...gold === undefined ? {} : { gold },
      }),
      words: value,
      place,
    };
  });
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) &&
    value.every((item) => typeof item === "string");
}
