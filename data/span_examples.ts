// Copyright 2026 the swagpu authors. MIT license.

/**
 * Questions on a text whose answers are spans of the text.
 *
 * @module
 */

import { BadRowError, described, numberOf, textAt, textOf } from "./bad_row.ts";
import { findColumn, valueAt } from "./columns.ts";
import { counted } from "./names.ts";
import { checkChoice, checkOptions } from "./options.ts";
import type { ExampleParser } from "./read_examples.ts";
import { cellOf, type DataRow } from "./rows.ts";

/** A span of a context. */
export interface AnswerSpan {
  /** The text of the answer. */
  text: string;
  /**
   * Where it begins in the context, in units of UTF-16:
   * `context.startsWith(text, start)`.
   */
  start: number;
}

/** A question on a text, and its answers. */
export interface SpanExample {
  /** The name of the question, if it has one. */
  id?: string;
  /** The question. */
  question: string;
  /** The text in which the answer is. */
  context: string;
  /** The answers, of several annotators; none if there is no answer. */
  answers: AnswerSpan[];
}

/** How files count the letters before an answer. */
export type SpanPositions = "codePoints" | "utf16";

/** Options of {@linkcode spanExamples}. */
export interface SpanColumns {
  /** The column of questions. @default {"question"} */
  question?: string | undefined;
  /** The column of contexts. @default {"context"} */
  context?: string | undefined;
  /**
   * The column of answers: an object with the lists `text` and `answer_start`, a list of
   * objects with `text` and `answer_start`, or the text of one answer.
   * @default {"answers"}
   */
  answers?: string | undefined;
  /**
   * The column of the position at which an answer begins, if `answers` holds its text.
   * @default {"answer_start"}
   */
  answerStart?: string | undefined;
  /**
   * How positions are counted: in letters, as Python does, or in units of UTF-16, as
   * JavaScript does. They differ behind letters such as 😀.
   * @default {"codePoints"}
   */
  positions?: SpanPositions | undefined;
}

/**
 * Examples of extractive question answering: the nested JSON of SQuAD, the rows of its
 * versions at Hugging Face, or a table with the columns `question`, `context`,
 * `answers` and `answer_start`. A question without an answer is an example without
 * answers.
 *
 * @param columns Which columns to read.
 * @returns The function that makes an example of a row. It throws a
 * {@linkcode BadRowError} if an answer is not in the context where it should begin.
 * @throws {TypeError} If an option is not known.
 *
 * @example A row as Hugging Face has it
 * ```ts
 * import { readExamples, spanExamples } from "@swagpu/swagpu/data";
 * import { assertEquals } from "@std/assert";
 *
 * const rows = [{
 *   id: "1",
 *   question: "Who wrote it?",
 *   context: "Ada wrote it.",
 *   answers: { text: ["Ada"], answer_start: [0] },
 * }];
 * const [example] = await readExamples(rows, spanExamples()).toArray();
 * assertEquals(example?.answers, [{ text: "Ada", start: 0 }]);
 * ```
 */
export function spanExamples(
  columns: SpanColumns = {},
): ExampleParser<SpanExample> {
  checkOptions(columns, {
    action: "read spans",
    known: ["question", "context", "answers", "answerStart", "positions"],
  });
  const {
    question = "question",
    context = "context",
    answers = "answers",
    answerStart = "answer_start",
    positions = "codePoints",
  } = columns;
  checkChoice(positions, {
    option: "positions",
    known: ["codePoints", "utf16"],
  });
  return (row) => {
    const text = textAt(row, context);
    const id = textOf(valueAt(row, "id"));
    const found = answersAt(row, { answers, answerStart })
      .map(([answer, start]) => {
        const position = numberOf(start);
        if (answer === undefined || answer === "" || position === undefined) {
          throw new BadRowError(
            row,
            `an answer is ${described(answer)} at ${described(start)}, ` +
              "expected a text and the number of letters before it",
          );
        }
        const at = positions === "utf16"
          ? position
          : utf16Offset(text, position);
        if (at !== undefined && text.startsWith(answer, at)) {
          return { text: answer, start: at };
        }
        throw new BadRowError(
          row,
          `its "${context}" does not have ${described(answer)} at ${position}` +
            there(text, answer, positions),
        );
      });
    return {
      ...id === undefined ? {} : { id },
      question: textAt(row, question),
      context: text,
      answers: found,
    };
  };
}

/** The texts of answers with their positions, not yet checked. */
function answersAt(
  row: DataRow,
  { answers, answerStart }: { answers: string; answerStart: string },
): [string | undefined, unknown][] {
  const value = valueAt(row, answers);
  if (value === undefined && row.columns) {
    findColumn({ path: row.path, columns: row.columns }, answers);
  }
  if (value === null || value === "") return [];
  if (typeof value === "string") return [[value, valueAt(row, answerStart)]];
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === "object" && item !== null)) {
      return value.map((
        answer,
      ) => [textOf(cellOf(answer, "text")), cellOf(answer, "answer_start")]);
    }
  } else if (typeof value === "object") {
    const fields = value as Record<string, unknown>;
    const texts = cellOf(fields, "text");
    const starts = cellOf(fields, "answer_start");
    if (Array.isArray(texts) && Array.isArray(starts)) {
      if (texts.length === starts.length) {
        return texts.map((text, i) => [textOf(text), starts[i]]);
      }
      throw new BadRowError(
        row,
        `its "${answers}" has ${counted(texts.length, "text")} and ${
          counted(starts.length, "position")
        }, expected as many`,
      );
    }
  }
  throw new BadRowError(
    row,
    `its "${answers}" is ${
      described(value)
    }, expected an object with the lists ` +
      '"text" and "answer_start", a list of such answers, or a text',
  );
}

/** The position in units of UTF-16 behind so many letters, if there are so many. */
function utf16Offset(text: string, letters: number): number | undefined {
  if (!Number.isInteger(letters) || letters < 0) return undefined;
  let at = 0;
  for (let i = 0; i < letters; i++) {
    const letter = text.codePointAt(at);
    if (letter === undefined) return undefined;
    at += letter > 0xffff ? 2 : 1;
  }
  return at;
}

/** Where the answer really is, for a message. */
function there(text: string, answer: string, by: SpanPositions): string {
  const at = text.indexOf(answer);
  if (at < 0) return ", and nowhere else";
  const letters = by === "utf16" ? at : [...text.slice(0, at)].length;
  return `, but at ${letters}`;
}
