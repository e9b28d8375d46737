// Copyright 2026 the swagpu authors. MIT license.

/**
 * Turns questions on texts into windows of tokens, with the places of the answers.
 *
 * @module
 */

import { counted } from "../../data/names.ts";
import {
  type AnsweredFeature,
  prepareQuestionAnswering,
  type QuestionExample,
  type QuestionFeature,
  type Tokenizer,
} from "../../models/mod.ts";
import type { Progress } from "../progress.ts";
import type { AskedExample } from "./question_examples.ts";
import type { RunRow } from "./run_rows.ts";
import type { TaskExamples } from "./task.ts";

/** A question, named by its row in the file. */
export interface Asked extends QuestionExample {
  /** The texts of its true answers; none if it has no answer, or none is known. */
  readonly answers: readonly string[];
}

/** A question with a part of its context. */
export interface WindowRow extends RunRow {
  /** The ids of the tokens. */
  readonly inputIds: readonly number[];
  /** The text that each token belongs to. */
  readonly tokenTypeIds: readonly number[];
  /** The question. */
  readonly asked: Asked;
  /** The offsets of each token in the context; none for windows to learn from. */
  readonly offsetMapping: QuestionFeature["offsetMapping"];
  /** The index of the answer's first token; see `prepareQuestionAnswering`. */
  readonly startPositions: number;
  /** The index of the answer's last token. */
  readonly endPositions: number;
}

/** How questions become windows. */
export interface WindowOptions {
  /** Splits texts into tokens. */
  readonly tokenizer: Tokenizer;
  /** The most tokens of a window. */
  readonly maxLength: number;
  /** The tokens that windows share. @default {128, or half of the room} */
  readonly docStride: number | undefined;
  /** Whether the model will learn from the windows. */
  readonly isTraining: boolean;
  /** Where progress and remarks are shown. */
  readonly progress: Progress;
}

/** How many questions are tokenized between two signs of progress. */
const CHUNK = 64;

/** Tokenizes questions with their texts. */
export function windowRows(
  { path, examples }: TaskExamples<AskedExample>,
  options: WindowOptions,
): WindowRow[] {
  const { progress } = options;
  const rows: WindowRow[] = [];
  using stage = progress.stage("tokenizing", examples.length, "questions");
  for (let start = 0; start < examples.length; start += CHUNK) {
    const own = examples.slice(start, start + CHUNK);
    rows.push(...windowsOf(own, options));
    stage.advance(own.length);
  }
  const most = rows.length - examples.length;
  if (most > 0) {
    progress.say(
      `${counted(examples.length, "question")} of ${path} read in ${
        counted(rows.length, "window")
      } of at most ${options.maxLength} tokens`,
    );
  }
  return rows;
}

/** The windows of some questions. */
export function windowsOf(
  examples: readonly AskedExample[],
  { tokenizer, maxLength, docStride, isTraining }: Omit<
    WindowOptions,
    "progress"
  >,
): WindowRow[] {
  // A longer window than the tokenizer's own is what an option asked for.
  tokenizer.modelMaxLength = Math.max(tokenizer.modelMaxLength, maxLength);
  const asked = new Map(examples.map((example): [string, Asked] => [
    example.place,
    {
      id: example.place,
      question: example.question,
      context: example.context,
      answers: example.answers.map(({ text }) => text),
    },
  ]));
  const windows = prepareQuestionAnswering(
    tokenizer,
    examples.map(({ place, question, context, answers }) => ({
      id: place,
      question,
      context,
      answers: {
        text: answers.map(({ text }) => text),
        answerStart: answers.map(({ start }) => start),
      },
    })),
    { maxLength, docStride },
  );
  return windows.flatMap((window) => {
    const own = asked.get(window.exampleId);
    return own ? [rowOf(window, own, isTraining)] : [];
  });
}

function rowOf(
  { exampleId, offsetMapping, ...window }: AnsweredFeature,
  asked: Asked,
  isTraining: boolean,
): WindowRow {
  return {
    ...window,
    offsetMapping: isTraining ? [] : offsetMapping,
    length: window.inputIds.length,
    place: exampleId,
    asked,
  };
}

/** The questions of windows, in their order. */
export function questionsOf(rows: readonly WindowRow[]): Asked[] {
  return [...new Set(rows.map(({ asked }) => asked))];
}

/** A window in the form that choosing answers needs. */
export function featureOf(
  { inputIds, tokenTypeIds, offsetMapping, asked }: WindowRow,
): QuestionFeature {
  return { inputIds, tokenTypeIds, offsetMapping, exampleId: asked.id };
}
