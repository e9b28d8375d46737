// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that finds the answers to questions in texts.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import type { Tasks } from "../registry.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import {
  type CallOptions,
  makePipeline,
  type Pipeline,
  type PipelineSetup,
} from "./base.ts";
import { longestRow, scored } from "./batches.ts";
import { spanLogitsOf } from "./averages.ts";
import {
  type Answer,
  type AnswerRules,
  merged,
  NO_ANSWER,
  type Window,
  type WindowAnswers,
  windowAnswers,
} from "./question_windows.ts";
import { checkCount } from "./scores.ts";

/** A question, and the text that may hold its answer. */
export interface QuestionInput {
  /** The question. */
  question: string;
  /** The text. */
  context: string;
}

/** The names of {@linkcode QuestionAnsweringOptions}. */
const OPTIONS = [
  "topK",
  "docStride",
  "maxAnswerLen",
  "maxSeqLen",
  "maxQuestionLen",
  "handleImpossibleAnswer",
  "alignToWords",
  "batchSize",
] satisfies (keyof QuestionAnsweringOptions)[];

/** Options of {@linkcode QuestionAnsweringPipeline}. */
export interface QuestionAnsweringOptions extends CallOptions {
  /**
   * The number of answers to each question, the best first. Where it is given,
   * every question has a list of answers, which may be shorter.
   *
   * @default {one answer, without a list}
   */
  topK?: number | undefined;
  /**
   * The number of tokens that the windows of a long context share.
   *
   * @default {128, or half a window if that is less}
   */
  docStride?: number | undefined;
  /** The most tokens of an answer. @default {15} */
  maxAnswerLen?: number | undefined;
  /** The most tokens of a window, including the question's. @default {384} */
  maxSeqLen?: number | undefined;
  /** The most tokens of a question; longer ones are truncated. @default {64} */
  maxQuestionLen?: number | undefined;
  /** Whether "no answer" can be an answer. @default {false} */
  handleImpossibleAnswer?: boolean | undefined;
  /** Whether answers are widened to whole words. @default {true} */
  alignToWords?: boolean | undefined;
}

/**
 * Finds answers in texts. Contexts that are too long are read in windows, and
 * the answers of all windows are ranked together.
 */
export interface QuestionAnsweringPipeline
  extends Pipeline<Tasks["questionAnswering"]> {
  /** Finds the best answer to a question. */
  (
    input: QuestionInput,
    options?: QuestionAnsweringOptions & { topK?: undefined },
  ): Promise<Answer>;
  /** Finds the best answer to each question. */
  (
    inputs: readonly QuestionInput[],
    options?: QuestionAnsweringOptions & { topK?: undefined },
  ): Promise<Answer[]>;
  /** Finds the best answers to a question. */
  (
    input: QuestionInput,
    options: QuestionAnsweringOptions & { topK: number },
  ): Promise<Answer[]>;
  /** Finds the best answers to each question. */
  (
    inputs: readonly QuestionInput[],
    options: QuestionAnsweringOptions & { topK: number },
  ): Promise<Answer[][]>;
}

const DEFAULTS = {
  docStride: 128,
  maxAnswerLen: 15,
  maxSeqLen: 384,
  maxQuestionLen: 64,
} as const;

/** Makes the pipeline from a model that finds answers. */
export function questionAnswering(
  setup: PipelineSetup<Tasks["questionAnswering"]>,
): QuestionAnsweringPipeline {
  const { model, tokenizer, sampled } = setup;

  async function answer(
    input: QuestionInput | readonly QuestionInput[],
    options: QuestionAnsweringOptions = {},
  ): Promise<Answer | Answer[] | Answer[][]> {
    checkOptions(options, { action: "answer questions", known: OPTIONS });
    const {
      topK,
      maxAnswerLen = DEFAULTS.maxAnswerLen,
      handleImpossibleAnswer = false,
      alignToWords = true,
      batchSize = setup.batchSize,
    } = options;
    checkCount("topK", topK ?? 1);
    checkCount("maxAnswerLen", maxAnswerLen);
    checkCount("maxQuestionLen", options.maxQuestionLen ?? 1);
    const inputs = isList(input) ? input : [input];
    const examples = inputs.map((one) => prepare(setup, one, options));
    const windows = examples.flat();
    const rules: AnswerRules = {
      ...{ count: topK ?? 1, maxAnswerLen, alignToWords },
      isSampled: sampled !== undefined,
    };
    const found: WindowAnswers[] = [];
    const results = scored(
      { ...setup, batchSize },
      windows.map(({ encoding }) => encoding),
      (tokens) => spanLogitsOf(() => model.forward(tokens), sampled),
    );
    for await (const { rows, length, outputs } of results) {
      for (const [i, row] of rows.entries()) {
        const window = windows[row];
        if (!window) continue;
        // Each row has a start and an end, or those of all samples.
        const own = outputs.flatMap((scores) => {
          const size = scores.length / rows.length;
          return slices(scores.subarray(i * size, (i + 1) * size), length);
        });
        found[row] = windowAnswers(tokenizer, window, own, rules);
      }
    }
    let at = 0;
    const answers = examples.map((own) =>
      merged(found.slice(at, at += own.length), handleImpossibleAnswer)
        .slice(0, topK ?? 1)
    );
    if (topK !== undefined) return isList(input) ? answers : answers[0] ?? [];
    const best = answers.map(([first]) => first ?? NO_ANSWER);
    return isList(input) ? best : best[0] ?? NO_ANSWER;
  }

  return makePipeline(setup, answer as QuestionAnsweringPipeline);
}

function isList(
  input: QuestionInput | readonly QuestionInput[],
): input is readonly QuestionInput[] {
  return Array.isArray(input);
}

/** Tokenizes a question with its context, in as many windows as it takes. */
function prepare(
  { model, tokenizer }: PipelineSetup<Tasks["questionAnswering"]>,
  input: QuestionInput,
  options: QuestionAnsweringOptions,
): Window[] {
  const { question, context } = Object(input) as QuestionInput;
  for (const [name, text] of Object.entries({ question, context })) {
    if (typeof text === "string" && text.trim() !== "") continue;
    throw new TypeError(
      `Cannot answer a question: the ${name} is ${
        typeof text === "string" ? "empty" : `${typeof text}, expected a text`
      }`,
    );
  }
  const limit = longestRow(model, tokenizer);
  const {
    maxSeqLen = Math.min(limit, DEFAULTS.maxSeqLen),
    maxQuestionLen = DEFAULTS.maxQuestionLen,
  } = options;
  if (maxSeqLen > limit) {
    throw new RangeError(
      `Cannot use maxSeqLen ${maxSeqLen}: the model supports ${limit} tokens`,
    );
  }
  const asked = shortened(tokenizer, question, maxQuestionLen);
  const room = maxSeqLen - tokenizer.encode([asked, ""]).inputIds.length;
  const {
    docStride = Math.max(0, Math.min(DEFAULTS.docStride, room >> 1)),
  } = options;
  const encoding = tokenizer.encode([asked, context], {
    maxLength: maxSeqLen,
    truncation: "only_second",
    returnOverflowingTokens: true,
    stride: docStride,
  });
  return [encoding, ...encoding.overflowing ?? []]
    .map((encoding) => ({ context, encoding }));
}

/** The beginning of a text, with at most `length` tokens. */
function shortened(
  tokenizer: Tokenizer,
  text: string,
  length: number,
): string {
  const { offsets } = tokenizer.encode(text, { addSpecialTokens: false });
  return offsets.length > length
    ? text.slice(0, offsets[length - 1]?.[1])
    : text;
}

/** Cuts scores into pieces of the same length. */
function slices(scores: Float32Array, length: number): Float32Array[] {
  return Array.from(
    { length: scores.length / length },
    (_, i) => scores.subarray(i * length, (i + 1) * length),
  );
}
