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
import type { Option } from "../arguments.ts";
import {
  formatAmong,
  namesIn,
  refuseIdle,
  SKIP_ROWS_OPTION,
  TASK_FILE_OPTIONS,
} from "../input_files.ts";
import { type NamingChoice, notedColumn } from "../notes.ts";
import type { TaskContext, TaskExamples } from "./task.ts";
import { parserByColumns, type Placed, readTaskFile } from "./task_files.ts";

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
  ...TASK_FILE_OPTIONS,
];

/** Reads the tagged texts of the file that an option names. */
export async function readTagged(
  option: "data" | "eval",
  context: TaskContext & NamingChoice,
): Promise<TaskExamples<TaggedExample>> {
  const { args } = context;
  const path = args.needed(option);
  const isPlain = formatOf(path) === "text" &&
    args.text("format") === undefined;
  const format = isPlain
    ? "conll"
    : formatAmong(path, { args, formats: FORMATS });
  return await readTaskFile<Unplaced>(option, context, {
    parse: parserOf(context),
    format,
  });
}

/** An example before its place is known. */
type Unplaced = Omit<TaggedWords, "place"> | Omit<TaggedText, "place">;

/** The columns of tagged texts that a model remembers. */
export const TAGGED_COLUMNS = ["tokens", "tags", "spans", "text"] as const;

/** Makes the function that makes an example of a row, as options say. */
function parserOf(choice: NamingChoice): ExampleParser<Unplaced> {
  const { args } = choice;
  const ofWords = [...WORD_OPTIONS.map(({ name }) => name), "tag-names"];
  if (args.text("spans-column") === undefined) {
    const hasSpans = notedColumn(choice.config, "spans") !== undefined;
    if (args.text("text-column") !== undefined && !hasSpans) {
      throw new TypeError(
        "Cannot use --text-column without --spans-column: tags belong to words",
      );
    }
  } else {
    refuseIdle(args, ofWords, {
      beside: "--spans-column",
      reason: "give one of them",
    });
  }
  const names = namesIn(args, "tag-names");
  const isOfWords = ofWords.some((name) => args.flag(name));
  return parserByColumns<Unplaced>(choice, (columnOf) => {
    const spans = isOfWords ? undefined : columnOf("spans");
    if (spans !== undefined) {
      return spansParser({ text: columnOf("text") ?? "text", spans });
    }
    const [tokens, tags] = [columnOf("tokens"), columnOf("tags")];
    const parse = tokenExamples({ tokens, tags, names });
    return (row) => {
      const { tokens, tags } = parse(row);
      return { words: tokens, tags };
    };
  });
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
