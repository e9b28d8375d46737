// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads questions on texts with their answers: SQuAD's files, or rows with a question,
 * a context and answers.
 *
 * @module
 */

import {
  cellOf,
  formatOf,
  readRows,
  type SpanExample,
  spanExamples,
} from "../../data/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import {
  formatAmong,
  SKIP_ROWS_OPTION,
  TABLE_FORMATS,
  TASK_FILE_OPTIONS,
} from "../input_files.ts";
import type { NamingChoice } from "../notes.ts";
import type { TaskContext, TaskExamples } from "./task.ts";
import { parserByColumns, type Placed, readTaskFile } from "./task_files.ts";

/** A question on a text, and its answers, if there are any. */
export type AskedExample = SpanExample & Placed;

/** The formats that hold questions. */
export const QUESTION_FORMATS = ["squad", ...TABLE_FORMATS] as const;

/** The options that say where questions are. */
export const QUESTION_OPTIONS: readonly Option[] = [
  {
    name: "question-column",
    value: "NAME",
    help: "Column of questions (question).",
  },
  {
    name: "context-column",
    value: "NAME",
    help: "Column of the texts that hold the answers (context).",
  },
];

/** The options of reading questions and answers. */
export const ANSWERED_OPTIONS: readonly Option[] = [
  ...QUESTION_OPTIONS,
  {
    name: "answers-column",
    value: "NAME",
    help:
      "Column of answers: an object with the lists text and answer_start, " +
      "or the text of one answer; empty if there is none (answers).",
  },
  {
    name: "answer-start-column",
    value: "NAME",
    help: "Column of the letters before an answer, if --answers-column holds " +
      "its text (answer_start).",
  },
  SKIP_ROWS_OPTION,
  ...TASK_FILE_OPTIONS,
];

/** Reads the questions and answers of the file that an option names. */
export async function readAsked(
  option: "data" | "eval",
  context: TaskContext & NamingChoice,
): Promise<TaskExamples<AskedExample>> {
  const { args } = context;
  const format = await questionFormat(args.needed(option), args);
  const parse = parserByColumns(context, (columnOf) =>
    spanExamples({
      question: columnOf("question"),
      context: columnOf("context"),
      answers: columnOf("answers"),
      answerStart: columnOf("answer-start"),
    }));
  return await readTaskFile(option, context, { parse, format });
}

/** The columns of questions that a model remembers. */
export const QUESTION_COLUMNS = [
  "question",
  "context",
  "answers",
  "answer-start",
] as const;

/**
 * The format of a file of questions. SQuAD's files are JSON too, and their first
 * element, an article, has paragraphs.
 *
 * @throws {RangeError} If the format is unknown.
 */
export async function questionFormat(
  path: string,
  args: Arguments,
): Promise<(typeof QUESTION_FORMATS)[number]> {
  const format = formatAmong(path, { args, formats: QUESTION_FORMATS });
  const isSure = args.text("format") !== undefined || path === "-" ||
    formatOf(path) !== "json";
  if (isSure) return format;
  const field = args.text("field") ?? "data";
  return await hasArticles(path, field) ? "squad" : format;
}

/** Whether the first element of a list in a JSON file has paragraphs. */
async function hasArticles(
  path: string,
  field: string,
): Promise<boolean> {
  try {
    for await (const { cells } of readRows(path, { format: "json", field })) {
      return Array.isArray(cellOf(cells, "paragraphs"));
    }
  } catch (error) {
    // Reading the file as what it is will say what is wrong with it.
    if (error instanceof SyntaxError) return false;
    throw error;
  }
  return false;
}
