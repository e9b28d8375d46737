// Copyright 2026 the swagpu authors. MIT license.

/**
 * The questions that `predict` answers: those of options, or those of a file.
 *
 * @module
 */

import { cellOf, placeOf, type Table } from "../../data/mod.ts";
import { counted } from "../../data/names.ts";
import type { Arguments, Option } from "../arguments.ts";
import { namedColumn } from "../columns.ts";
import type { NamingChoice } from "../notes.ts";
import type { Line } from "../prediction_lines.ts";
import { columnOf } from "../table_columns.ts";
import {
  INPUT_FILE_OPTIONS,
  openInputs,
  rowLines,
} from "./prediction_inputs.ts";
import {
  type AskedExample,
  QUESTION_FORMATS,
  QUESTION_OPTIONS,
  questionFormat,
} from "./question_examples.ts";

/** A question to answer. */
export interface QuestionAsked extends AskedExample {
  /** The first fields of its line. */
  readonly line: Line;
}

/** The options that say what to answer. */
export const QUESTION_INPUT_OPTIONS: readonly Option[] = [
  {
    name: "question",
    value: "TEXT",
    help: "A question.",
    repeatable: true,
  },
  {
    name: "context",
    value: "TEXT",
    help:
      "The text that holds the answer: one for each --question, or one for " +
      "all.",
    repeatable: true,
  },
  ...QUESTION_OPTIONS,
  ...INPUT_FILE_OPTIONS,
];

/**
 * Reads the questions.
 *
 * @throws {TypeError} If there are both questions and a file, or none, or a question
 * has no text.
 * @throws {RangeError} If the format is unknown, or the file lacks a column.
 */
export async function readQuestions(
  choice: NamingChoice,
): Promise<QuestionAsked[]> {
  const { args } = choice;
  const file = await openInputs(args, {
    given: ["question", "context"],
    naming: QUESTION_OPTIONS.map(({ name }) => name),
    formats: QUESTION_FORMATS,
    formatOf: (path) => questionFormat(path, args),
  });
  const asked = file && "table" in file
    ? fileQuestions(file.table, choice)
    : givenQuestions(args);
  for (const { question, context, place } of asked) {
    if (question.trim() !== "" && context.trim() !== "") continue;
    throw new TypeError(
      `Cannot answer ${place}: its ${
        question.trim() === "" ? "question" : "context"
      } is empty`,
    );
  }
  return asked;
}

/** The questions of the options --question and --context. */
function givenQuestions(args: Arguments): QuestionAsked[] {
  const questions = args.list("question");
  const contexts = args.list("context");
  const [only] = contexts;
  const isShared = contexts.length === 1;
  if (
    questions.length === 0 || !isShared && contexts.length !== questions.length
  ) {
    throw new TypeError(
      `Cannot answer ${counted(questions.length, "--question")} with ${
        counted(contexts.length, "--context")
      }: give one --context for each --question, or one for all`,
    );
  }
  return questions.map((question, i): QuestionAsked => ({
    line: { question },
    question,
    context: (isShared ? only : contexts[i]) ?? "",
    answers: [],
    place: `question ${i + 1}`,
  }));
}

/** The questions of a table. */
function fileQuestions(table: Table, choice: NamingChoice): QuestionAsked[] {
  const [questions = [], contexts = []] = ["question", "context"].map((name) =>
    columnOf(table, namedColumn(table, name, choice))
  );
  const lineOf = rowLines(choice.args, table);
  const hasIds = table.columns.includes("id");
  return questions.map((question, row): QuestionAsked => ({
    line: lineOf(row, {
      ...hasIds ? { id: cellOf(table.rows[row] ?? {}, "id") ?? null } : {},
      question,
    }),
    question,
    context: contexts[row] ?? "",
    answers: [],
    place: placeOf(table, row),
  }));
}
