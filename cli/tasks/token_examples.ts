// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads texts whose words have tags: CoNLL files, rows with lists of words and tags,
 * and texts with a list of their labeled parts.
 *
 * @module
 */

import {
  BadRowError,
  cellOf,
  type DataRow,
  type ExampleParser,
  formatOf,
  tokenExamples,
} from "../../data/mod.ts";
import type { LabeledSpan } from "../../models/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import type { TaskContext, TaskExamples } from "./task.ts";
import {
  formatAmong,
  namesIn,
  type Placed,
  readTaskFile,
  SKIP_ROWS_OPTION,
} from "./task_files.ts";

/** The words of a text with a tag for each. */
export interface TaggedWords extends Placed {
  /** The words. */
  readonly words: readonly string[];
  /** The tags, one a word. */
  readonly tags: readonly string[];
}

/** A text, some parts of which have labels. */
export interface TaggedText extends Placed {
  /** The text. */
  readonly text: string;
  /** The parts, from left to right. */
  readonly spans: readonly LabeledSpan[];
}

/** A text whose words have tags. */
export type TaggedExample = TaggedWords | TaggedText;

/** The formats that hold tags of words. */
const FORMATS = ["conll", "jsonl", "json", "parquet"] as const;

/** The options that say where words are. */
export const WORD_OPTIONS: readonly Option[] = [
  {
    name: "tokens-column",
    value: "NAME",
    help: "Column of words (tokens; in CoNLL the first, or form).",
  },
  {
    name: "tags-column",
    value: "NAME",
    help: "Column of tags, one a word (tags; in CoNLL the last, or upos).",
  },
];

/** The options of reading tagged texts. */
export const TAGGED_OPTIONS: readonly Option[] = [
  ...WORD_OPTIONS,
  {
    name: "tag-names",
    value: "NAMES",
    help: "Names of the tags, such as O,B-PER,I-PER, if the file has their " +
      "numbers, counted from 0.",
  },
  {
    name: "spans-column",
    value: "NAME",
    help:
      "Column of the labeled parts of a text, in place of words and tags: " +
      "lists of objects with start, end and label. Positions count letters.",
  },
  {
    name: "text-column",
    value: "NAME",
    help: "Column of texts, with --spans-column (text).",
  },
  SKIP_ROWS_OPTION,
  {
    name: "columns",
    value: "NAMES",
    help: "Names of the columns of CoNLL, such as word,pos,tag (1,2,3; those " +
      "of CoNLL-U if there are ten).",
  },
  {
    name: "field",
    value: "NAME",
    help: "Which list to read if a JSON file is an object with lists.",
  },
  {
    name: "format",
    value: FORMATS.join("|"),
    help: "Format of the files (by their extension; a .txt file is CoNLL).",
  },
];

/** Reads the tagged texts of the file that an option names. */
export async function readTagged(
  option: "data" | "eval",
  context: TaskContext,
): Promise<TaskExamples<TaggedExample>> {
  const { args } = context;
  const path = args.needed(option);
  const isPlain = formatOf(path) === "text" &&
    args.text("format") === undefined;
  const format = isPlain
    ? "conll"
    : formatAmong(path, { args, formats: FORMATS });
  return await readTaskFile<
    Omit<TaggedWords, "place"> | Omit<TaggedText, "place">
  >(
    option,
    context,
    { parse: parserOf(args), format },
  );
}

/** Makes the function that makes an example of a row, as options say. */
function parserOf(
  args: Arguments,
): ExampleParser<Omit<TaggedWords, "place"> | Omit<TaggedText, "place">> {
  const spans = args.text("spans-column");
  const idle = spans === undefined
    ? ["text-column"]
    : WORD_OPTIONS.map(({ name }) => name).concat("tag-names");
  const name = idle.find((name) => args.text(name) !== undefined);
  if (name !== undefined) {
    throw new TypeError(
      spans === undefined
        ? `Cannot use --${name} without --spans-column: tags belong to words`
        : `Cannot use --${name} with --spans-column: give one of them`,
    );
  }
  if (spans !== undefined) {
    return spansParser({ text: args.text("text-column") ?? "text", spans });
  }
  const parse = tokenExamples({
    tokens: args.text("tokens-column"),
    tags: args.text("tags-column"),
    names: namesIn(args, "tag-names"),
  });
  return (row) => {
    const { tokens, tags } = parse(row);
    return { words: tokens, tags };
  };
}

/** The names that files give to the label of a part. */
const LABEL_KEYS = ["label", "slot", "entity", "entity_group", "tag", "type"];

/** Makes the function that reads a text and its labeled parts. */
function spansParser(
  columns: { text: string; spans: string },
): ExampleParser<Omit<TaggedText, "place">> {
  return (row) => {
    const text = cellOf(row.cells, columns.text);
    if (typeof text !== "string" || text.trim() === "") {
      throw new BadRowError(row, `its "${columns.text}" holds no text`);
    }
    const list = cellOf(row.cells, columns.spans);
    if (!Array.isArray(list)) {
      throw new BadRowError(
        row,
        `its "${columns.spans}" is no list, expected a list of objects with ` +
          "start, end and label",
      );
    }
    const spans = list.map((item) => spanOf(row, { item, text }))
      .sort((a, b) => a.start - b.start);
    for (const [i, { start, label }] of spans.entries()) {
      const before = spans[i - 1];
      if (before === undefined || before.end <= start) continue;
      throw new BadRowError(
        row,
        `its "${before.label}" and "${label}" overlap, and a word has one tag`,
      );
    }
    return { text, spans };
  };
}

/** Reads a labeled part of a text. */
function spanOf(
  row: DataRow,
  { item, text }: { item: unknown; text: string },
): LabeledSpan {
  const fields = Object(item) as Readonly<Record<string, unknown>>;
  const label = LABEL_KEYS.map((key) => cellOf(fields, key))
    .find((value) => typeof value === "string" && value !== "");
  const [start, end] = [fields.start, fields.end].map((at) =>
    unitsBefore(text, at)
  );
  const isPart = start !== undefined && end !== undefined &&
    text.slice(start, end).trim() !== "";
  if (isPart && typeof label === "string") return { start, end, label };
  throw new BadRowError(
    row,
    `a part of its text is ${JSON.stringify(item)?.slice(0, 80)}, expected ` +
      (isPart
        ? "a label"
        : `start and end from 0 to ${[...text].length}, with a word between`),
  );
}

/** The units of UTF-16 of the first letters of a text, if it has so many. */
function unitsBefore(text: string, letters: unknown): number | undefined {
  if (typeof letters !== "number" || !Number.isInteger(letters)) {
    return undefined;
  }
  if (letters < 0 || letters > text.length) return undefined;
  const units = [...text].slice(0, letters);
  return units.length === letters ? units.join("").length : undefined;
}
