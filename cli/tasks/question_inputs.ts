// Copyright 2026 the swagpu authors. MIT license.

/**
 * The questions that `predict` answers: those of options, or those of a file.
 *
 * @module
 */

import { cellOf, findColumn, placeOf } from "../../data/mod.ts";
import { counted } from "../../data/names.ts";
import type { Arguments, Option } from "../arguments.ts";
import { columnOf } from "../table_columns.ts";
import {
  KEEP_OPTION,
  readInputTable,
  refuseIdle,
  rowFields,
} from "./predict_inputs.ts";
import {
  type AskedExample,
  QUESTION_FILE_OPTIONS,
  QUESTION_OPTIONS,
  questionFormat,
} from "./question_examples.ts";

/** A question to answer. */
export interface QuestionAsked extends AskedExample {
  /** The first fields of its line. */
  readonly fields: Record<string, unknown>;
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
  KEEP_OPTION,
  ...QUESTION_FILE_OPTIONS,
];

/**
 * Reads the questions.
 *
 * @throws {TypeError} If there are both questions and a file, or none, or a question
 * has no text.
 * @throws {RangeError} If the format is unknown, or the file lacks a column.
 */
export async function readQuestions(args: Arguments): Promise<QuestionAsked[]> {
  const path = args.text("data");
  const given = ["question", "context"].filter((name) => args.flag(name));
  if ((path === undefined) === (given.length === 0)) {
    throw new TypeError(
      "Cannot predict: give either --data, or --question and --context",
    );
  }
  const asked = path === undefined
    ? givenQuestions(args)
    : await fileQuestions(args, path);
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
  refuseIdle(
    args,
    [...QUESTION_OPTIONS, KEEP_OPTION, ...QUESTION_FILE_OPTIONS]
      .map(({ name }) => name),
    { beside: "--question", reason: "it applies to files" },
  );
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
    fields: { question },
    question,
    context: (isShared ? only : contexts[i]) ?? "",
    answers: [],
    place: `question ${i + 1}`,
  }));
}

/** The questions of a file. */
async function fileQuestions(
  args: Arguments,
  path: string,
): Promise<QuestionAsked[]> {
  const table = await readInputTable(args, await questionFormat(path, args));
  const read = (name: string) => {
    const option = `${name}-column`;
    const column = args.text(option) ?? name;
    return columnOf(table, findColumn(table, column, `--${option}`));
  };
  const [questions, contexts] = [read("question"), read("context")];
  const fields = rowFields(args, table);
  const hasIds = table.columns.includes("id");
  return questions.map((question, row): QuestionAsked => ({
    fields: {
      ...fields(row),
      ...hasIds ? { id: cellOf(table.rows[row] ?? {}, "id") ?? null } : {},
      question,
    },
    question,
    context: contexts[row] ?? "",
    answers: [],
    place: placeOf(table, row),
  }));
}
