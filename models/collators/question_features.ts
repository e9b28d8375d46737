// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Questions about texts as windows of tokens, with the place of the answer in
// each.

import { checkOptions } from "../../nn/mod.ts";
import type { Encoding, Tokenizer } from "../tokenizer/mod.ts";

/** A question about a text, its context. */
export interface QuestionExample {
  /** Names the example, so that answers can be told apart. */
  readonly id: string;
  /** The question. */
  readonly question: string;
  /** The text that holds the answer. */
  readonly context: string;
}

/** The answers to a question, as SQuAD's files give them. */
export interface GivenAnswers {
  /** The answers, each a part of the context; none if there is no answer. */
  readonly text: readonly string[];
  /** Where each answer begins in the context. */
  readonly answerStart: readonly number[];
}

/** A question whose answers are known. */
export interface AnsweredExample extends QuestionExample {
  /** The answers, of which the first is learned. */
  readonly answers: GivenAnswers;
}

/** A window: a question with a part of its context. */
export interface QuestionFeature {
  /** The ids of the tokens. */
  readonly inputIds: readonly number[];
  /** The text that each token belongs to. */
  readonly tokenTypeIds: readonly number[];
  /** The `id` of the example. */
  readonly exampleId: string;
  /**
   * The offsets of each token in the context; `null` for tokens that are not of
   * the context.
   */
  readonly offsetMapping: readonly (readonly [number, number] | null)[];
}

/** A window with the place of the answer. */
export interface AnsweredFeature extends QuestionFeature {
  /**
   * The index of the answer's first token; that of the classification token if
   * the answer is not in this window.
   */
  readonly startPositions: number;
  /** The index of the answer's last token, or of the classification token. */
  readonly endPositions: number;
}

/** Options of {@linkcode prepareQuestionAnswering}. */
export interface PrepareQuestionsOptions {
  /**
   * The most tokens of a window.
   *
   * @default {384, or the tokenizer's `modelMaxLength` if that is less}
   */
  maxLength?: number | undefined;
  /**
   * The number of context tokens that two windows share.
   *
   * @default {128, or half of a window's room for the context if that is less}
   */
  docStride?: number | undefined;
  /**
   * What `answerStart` counts: UTF-16 units, as JavaScript does, or code points,
   * as Python and therefore SQuAD's files do. They differ behind characters
   * such as emoji.
   *
   * @default {"utf16"}
   */
  offsetUnit?: "utf16" | "codePoints" | undefined;
}

/** The tokens of a window, and those that two share, unless options say others. */
const MAX_LENGTH = 384;
const DOC_STRIDE = 128;

const OPTIONS: readonly (keyof PrepareQuestionsOptions)[] = [
  "maxLength",
  "docStride",
  "offsetUnit",
];

/**
 * Tokenizes questions with their contexts. A context that is too long becomes
 * several windows, which share `docStride` tokens. In each window the tokens of
 * the first answer are looked up, as in the training script of transformers; if
 * the window does not hold all of it, or there is no answer, both positions are
 * that of the classification token (or else of the first token of a text, or 0).
 *
 * If the tokenizer pads on the left, the context comes first.
 *
 * @param tokenizer Splits texts into tokens.
 * @param examples The questions, with answers for training.
 * @param options The size of windows, and what answers' offsets count.
 * @returns The windows of all examples in order, features for
 * {@linkcode DataCollatorForQuestionAnswering}.
 * @throws {RangeError} If an answer is not at its place in the context, or
 * `maxLength` leaves no room for the context.
 * @throws {TypeError} If answers and their places differ in number, or an option
 * is not known.
 *
 * @example Usage
 * ```ts
 * import { prepareQuestionAnswering, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwho\na\nb\nc\nd";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const answers = { text: ["c d"], answerStart: [4] };
 * const windows = prepareQuestionAnswering(
 *   tokenizer,
 *   [{ id: "1", question: "who", context: "a b c d", answers }],
 *   { maxLength: 7, docStride: 1 },
 * );
 * // [CLS] who [SEP] a b c [SEP] holds a part of it, and the next all of it.
 * assertEquals(windows.map((window) => window.startPositions), [0, 3]);
 * assertEquals(windows.map((window) => window.endPositions), [0, 4]);
 * ```
 */
export function prepareQuestionAnswering(
  tokenizer: Tokenizer,
  examples: readonly AnsweredExample[],
  options?: PrepareQuestionsOptions,
): AnsweredFeature[];
/**
 * Tokenizes questions whose answers are to be found.
 *
 * @param tokenizer Splits texts into tokens.
 * @param examples The questions.
 * @param options The size of windows.
 * @returns The windows of all examples in order.
 *
 * @example Usage
 * ```ts
 * import { prepareQuestionAnswering, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwho\na\nb";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const [window] = prepareQuestionAnswering(tokenizer, [
 *   { id: "1", question: "who", context: "a b" },
 * ]);
 * assertEquals(window?.offsetMapping[3], [0, 1]);
 * assertEquals(window?.offsetMapping[1], null); // Part of the question.
 * ```
 */
export function prepareQuestionAnswering(
  tokenizer: Tokenizer,
  examples: readonly QuestionExample[],
  options?: PrepareQuestionsOptions,
): QuestionFeature[];
export function prepareQuestionAnswering(
  tokenizer: Tokenizer,
  examples: readonly (QuestionExample & { answers?: GivenAnswers })[],
  options: PrepareQuestionsOptions = {},
): QuestionFeature[] {
  checkOptions(options, { action: "prepare questions", known: OPTIONS });
  const { modelMaxLength } = tokenizer;
  const { maxLength = Math.min(MAX_LENGTH, modelMaxLength) } = options;
  const { offsetUnit = "utf16" } = options;
  if (maxLength > modelMaxLength) {
    throw new RangeError(
      `Cannot prepare questions with maxLength ${maxLength}: ` +
        `the model supports ${modelMaxLength} tokens`,
    );
  }
  if (offsetUnit !== "utf16" && offsetUnit !== "codePoints") {
    throw new TypeError(
      `Cannot prepare questions with offsetUnit ${
        JSON.stringify(offsetUnit)
      }: ` +
        'expected "utf16" or "codePoints"',
    );
  }
  const contextIndex = tokenizer.paddingSide === "left" ? 0 : 1;
  return examples.flatMap((example) => {
    const { id, answers } = example;
    const settings = { maxLength, docStride: options.docStride };
    const encodings = windowsOf(tokenizer, example, settings);
    const answer = answers && answerOf(example, answers, offsetUnit);
    return encodings.map((encoding) => {
      const { inputIds, tokenTypeIds, sequenceIds, offsets } = encoding;
      const offsetMapping = offsets.map((own, i) =>
        sequenceIds[i] === contextIndex ? own : null
      );
      const feature: QuestionFeature = {
        inputIds,
        tokenTypeIds,
        exampleId: id,
        offsetMapping,
      };
      if (answer === undefined) return feature;
      const none = noAnswerIndex(tokenizer, encoding);
      const [startPositions, endPositions] =
        (answer && placeOf(offsetMapping, answer)) ?? [none, none];
      return { ...feature, startPositions, endPositions };
    });
  });
}

/** Tokenizes a question with its context, in as many windows as it takes. */
function windowsOf(
  tokenizer: Tokenizer,
  { id, question, context }: QuestionExample,
  { maxLength, docStride }: {
    maxLength: number;
    docStride: number | undefined;
  },
): Encoding[] {
  const contextFirst = tokenizer.paddingSide === "left";
  const asked = question.trimStart();
  const room = maxLength - tokenizer.encode([asked, ""]).inputIds.length;
  try {
    const { overflowing = [], ...first } = tokenizer.encode(
      contextFirst ? [context, asked] : [asked, context],
      {
        maxLength,
        stride: docStride ?? Math.max(0, Math.min(DOC_STRIDE, room >> 1)),
        truncation: contextFirst ? "only_first" : "only_second",
        returnOverflowingTokens: true,
      },
    );
    return [first, ...overflowing];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`Cannot prepare question ${id}: ${error.message}`, {
      cause: error,
    });
  }
}

/** The index of the token that stands for "no answer". */
function noAnswerIndex(tokenizer: Tokenizer, { inputIds }: Encoding): number {
  const { clsTokenId, bosTokenId } = tokenizer;
  for (const id of [clsTokenId, bosTokenId]) {
    const index = id === null ? -1 : inputIds.indexOf(id);
    if (index >= 0) return index;
  }
  return 0;
}

/** Where the first answer is in the context, in UTF-16 units; `null` for none. */
function answerOf(
  { id, context }: QuestionExample,
  { text, answerStart }: GivenAnswers,
  unit: "utf16" | "codePoints",
): readonly [from: number, to: number] | null {
  if (text.length !== answerStart.length) {
    throw new TypeError(
      `Cannot prepare question ${id}: it has ${text.length} answers and ` +
        `${answerStart.length} places`,
    );
  }
  const [answer] = text;
  const [given = 0] = answerStart;
  if (answer === undefined) return null;
  const start = unit === "utf16" ? given : unitsOf(context, given);
  const end = start + answer.length;
  if (given >= 0 && context.slice(start, end) === answer) return [start, end];
  const other = unit === "utf16" ? unitsOf(context, given) : given;
  const hint = context.slice(other, other + answer.length) === answer
    ? `; it is there if offsetUnit is "${
      unit === "utf16" ? "codePoints" : "utf16"
    }"`
    : "";
  throw new RangeError(
    `Cannot prepare question ${id}: its answer ${JSON.stringify(answer)} is ` +
      `not at ${given} in the context${hint}`,
  );
}

/** The UTF-16 units of the first `count` code points of a text. */
function unitsOf(text: string, count: number): number {
  let at = 0;
  for (let i = 0; i < count && at < text.length; i++) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  return at;
}

/** The first and the last token of an answer; `null` if it is not in the window. */
function placeOf(
  offsets: QuestionFeature["offsetMapping"],
  [from, to]: readonly [number, number],
): [number, number] | null {
  let first = offsets.findIndex((own) => own !== null);
  let last = offsets.findLastIndex((own) => own !== null);
  const start = offsets[first]?.[0] ?? Infinity;
  const end = offsets[last]?.[1] ?? -Infinity;
  if (!(start <= from && end >= to)) return null;
  while ((offsets[first]?.[0] ?? Infinity) <= from) first++;
  while ((offsets[last]?.[1] ?? -Infinity) >= to) last--;
  return [first - 1, last + 1];
}
