// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that finds the answers to questions in texts.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import type { Tasks } from "../registry.ts";
import type { Encoding, Tokenizer } from "../tokenizer/mod.ts";
import {
  type CallOptions,
  makePipeline,
  type Pipeline,
  type PipelineSetup,
} from "./base.ts";
import { longestRow, scored } from "./batches.ts";
import { checkCount, largest, softmax } from "./scores.ts";

/** A question, and the text that may hold its answer. */
export interface QuestionInput {
  /** The question. */
  question: string;
  /** The text. */
  context: string;
}

/** An answer. */
export interface Answer {
  /** The probability of its first token times that of its last token. */
  score: number;
  /** The offset in the context where it begins. */
  start: number;
  /** The offset in the context where it ends, exclusive. */
  end: number;
  /** The part of the context; `""` where there is no answer. */
  answer: string;
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

const NO_ANSWER: Answer = { score: 0, start: 0, end: 0, answer: "" };

/** A question with a part of its context. */
interface Window {
  readonly context: string;
  readonly encoding: Encoding;
}

/** How the answers of a window are chosen. */
interface AnswerRules {
  readonly count: number;
  readonly maxAnswerLen: number;
  readonly alignToWords: boolean;
}

/** Makes the pipeline from a model that finds answers. */
export function questionAnswering(
  setup: PipelineSetup<Tasks["questionAnswering"]>,
): QuestionAnsweringPipeline {
  const { model, tokenizer } = setup;

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
    const inputs = isList(input) ? input : [input];
    const examples = inputs.map((one) => prepare(setup, one, options));
    const windows = examples.flat();
    const rules: AnswerRules = { count: topK ?? 1, maxAnswerLen, alignToWords };
    const found: WindowAnswers[] = [];
    const results = scored(
      { ...setup, batchSize },
      windows.map(({ encoding }) => encoding),
      (tokens) => {
        const { startLogits, endLogits } = model.forward(tokens);
        return [startLogits, endLogits];
      },
    );
    for await (const { rows, length, outputs } of results) {
      for (const [i, row] of rows.entries()) {
        const window = windows[row];
        if (!window) continue;
        const own = outputs.map((scores) =>
          scores.subarray(i * length, (i + 1) * length)
        );
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

/** The answers that a window holds. */
interface WindowAnswers {
  /** The probability that the window holds no answer. */
  readonly none: number;
  /** The answers, the best first. */
  readonly answers: readonly Answer[];
}

/** Ranks the parts of a window by their first token times their last token. */
function windowAnswers(
  tokenizer: Tokenizer,
  { context, encoding }: Window,
  [start, end]: readonly Float32Array[],
  { count, maxAnswerLen, alignToWords }: AnswerRules,
): WindowAnswers {
  const { inputIds, sequenceIds } = encoding;
  // Some models point at the first token of the row where there is no answer.
  const cls = tokenizer.clsTokenId;
  const allowed = inputIds.map((id, i) => sequenceIds[i] === 1 || id === cls);
  const starts = softmax(start?.subarray(0, inputIds.length) ?? [], allowed);
  const ends = softmax(end?.subarray(0, inputIds.length) ?? [], allowed);
  const none = (starts[0] ?? 0) * (ends[0] ?? 0);
  const spans: [first: number, last: number][] = [];
  const scores: number[] = [];
  for (let first = 0; first < inputIds.length; first++) {
    const stop = Math.min(inputIds.length, first + maxAnswerLen);
    for (let last = first; last < stop; last++) {
      if (sequenceIds[first] !== 1 || sequenceIds[last] !== 1) continue;
      spans.push([first, last]);
      scores.push((starts[first] ?? 0) * (ends[last] ?? 0));
    }
  }
  // Several parts may become one when they are widened to words.
  const kept = alignToWords ? count * 2 + 10 : count;
  const answers = largest(scores, kept).map((i): Answer => {
    const [from, to] = bounds(encoding, spans[i] ?? [0, 0], alignToWords);
    return {
      score: scores[i] ?? 0,
      start: from,
      end: to,
      answer: context.slice(from, to),
    };
  });
  return { none, answers };
}

/**
 * The offsets of a part in the context, widened to whole words with
 * `alignToWords`.
 */
function bounds(
  { offsets, wordIds, sequenceIds }: Encoding,
  [first, last]: readonly [number, number],
  alignToWords: boolean,
): [from: number, to: number] {
  const word = (i: number) => sequenceIds[i] === 1 ? wordIds[i] : null;
  let [from, to] = [first, last];
  if (alignToWords) {
    while (word(from - 1) === word(first)) from--;
    while (word(to + 1) === word(last)) to++;
  }
  return [offsets[from]?.[0] ?? 0, offsets[to]?.[1] ?? 0];
}

/**
 * Merges the answers of all windows, the best first. Answers with the same text
 * become one, with the sum of their scores.
 */
function merged(
  windows: readonly WindowAnswers[],
  handleImpossibleAnswer: boolean,
): Answer[] {
  const answers = new Map<string, Answer>();
  for (const answer of windows.flatMap((window) => window.answers)) {
    const key = answer.answer.toLowerCase();
    const known = answers.get(key);
    if (known) known.score += answer.score;
    else answers.set(key, { ...answer });
  }
  const list = [...answers.values()];
  if (handleImpossibleAnswer) {
    const score = Math.min(...windows.map(({ none }) => none));
    list.push({ ...NO_ANSWER, score });
  }
  return list.sort((a, b) => b.score - a.score);
}
