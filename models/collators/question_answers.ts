// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From the scores of windows to the answers of questions.

import { checkOptions } from "../../nn/mod.ts";
import type { QuestionExample, QuestionFeature } from "./question_features.ts";

/** The scores of a window's tokens, in the order of its tokens. */
export interface WindowScores {
  /** Each token's score as the first of the answer. */
  readonly startLogits: ArrayLike<number>;
  /** Each token's score as the last of the answer. */
  readonly endLogits: ArrayLike<number>;
}

/** Options of {@linkcode postprocessQaPredictions}. */
export interface PostprocessQaOptions {
  /**
   * Whether some questions have no answer (`version_2_with_negative` in
   * transformers). Without it, the best part of the context is the answer.
   *
   * @default {false}
   */
  version2WithNegative?: boolean | undefined;
  /**
   * How many answers are kept for each question, and how many first and last
   * tokens of a window are tried.
   *
   * @default {20}
   */
  nBestSize?: number | undefined;
  /** The most tokens of an answer. @default {30} */
  maxAnswerLength?: number | undefined;
  /**
   * By how much "no answer" must have a higher score than the best answer to be
   * predicted.
   *
   * @default {0}
   */
  nullScoreDiffThreshold?: number | undefined;
}

/** One of the best answers to a question. */
export interface RankedAnswer {
  /** The answer, empty for "no answer". */
  readonly text: string;
  /** The offset in the context where it begins. */
  readonly start: number;
  /** The offset in the context where it ends, exclusive. */
  readonly end: number;
  /** The score of its first token. */
  readonly startLogit: number;
  /** The score of its last token. */
  readonly endLogit: number;
  /** Its probability among the answers that were kept. */
  readonly probability: number;
}

/** What is predicted for a question. */
export interface QaPrediction {
  /** The `id` of the example. */
  readonly id: string;
  /** The answer, empty if there is none. */
  readonly predictionText: string;
  /** The best answers, the best first. */
  readonly nBest: readonly RankedAnswer[];
  /**
   * The score of "no answer" minus that of the best answer, with
   * `version2WithNegative`.
   */
  readonly scoreDiff?: number;
}

const OPTIONS: readonly (keyof PostprocessQaOptions)[] = [
  "version2WithNegative",
  "nBestSize",
  "maxAnswerLength",
  "nullScoreDiffThreshold",
];

type Candidate = Omit<RankedAnswer, "text" | "probability"> & {
  readonly score: number;
};

/** What is added where nothing but "no answer" is left, as in transformers. */
const EMPTY = {
  text: "empty",
  start: 0,
  end: 0,
  score: 0,
  startLogit: 0,
  endLogit: 0,
};

/**
 * Chooses the answers of questions from the scores of their windows: the parts
 * of the context with the highest sum of the scores of their first and last
 * tokens, as `postprocess_qa_predictions` of transformers' question answering
 * script does. The score of "no answer" is that of the first token of a row, in
 * the window where it is lowest.
 *
 * Sums are rounded to 32 bits, as there. Of equal scores in a window the later
 * token comes first.
 *
 * @param examples The questions.
 * @param features Their windows, of {@linkcode prepareQuestionAnswering}.
 * @param scores The scores of each window. They may be padded on the right; of
 * rows that were padded on the left, pass the part behind the padding.
 * @param options How many answers, how long, and whether there may be none.
 * @returns The prediction for each example, in order.
 * @throws {TypeError} If there are not as many scores as windows, a window has
 * fewer scores than tokens, or an option is not known.
 * @throws {RangeError} If an option is out of range, a window is of no example,
 * or an example has no window.
 *
 * @example Usage
 * ```ts
 * import {
 *   postprocessQaPredictions,
 *   prepareQuestionAnswering,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwho\na\nb\nc";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const examples = [{ id: "1", question: "who", context: "a b c" }];
 * const features = prepareQuestionAnswering(tokenizer, examples);
 * // [CLS] who [SEP] a b c [SEP]
 * const scores = [{
 *   startLogits: [0, 0, 0, 1, 5, 1, 0],
 *   endLogits: [0, 0, 0, 1, 1, 5, 0],
 * }];
 * const [best] = postprocessQaPredictions(examples, features, scores);
 * assertEquals(best?.predictionText, "b c");
 * ```
 */
export function postprocessQaPredictions(
  examples: readonly QuestionExample[],
  features: readonly QuestionFeature[],
  scores: readonly WindowScores[],
  options: PostprocessQaOptions = {},
): QaPrediction[] {
  checkOptions(options, { action: "choose answers", known: OPTIONS });
  const { nBestSize = 20, maxAnswerLength = 30 } = options;
  const { nullScoreDiffThreshold: threshold = 0 } = options;
  for (const [name, value] of Object.entries({ nBestSize, maxAnswerLength })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new RangeError(
      `Cannot choose answers with ${name} ${value}: ` +
        "it must be a whole number from 1",
    );
  }
  if (Number.isNaN(threshold)) {
    throw new RangeError(
      "Cannot choose answers with nullScoreDiffThreshold NaN: " +
        "it must be a number",
    );
  }
  if (scores.length !== features.length) {
    throw new TypeError(
      `Cannot choose answers from ${scores.length} scores: there are ` +
        `${features.length} windows`,
    );
  }
  const windows = new Map(examples.map(({ id }) => [id, [] as number[]]));
  if (windows.size !== examples.length) {
    throw new RangeError(
      `Cannot choose answers: ${examples.length} examples have ` +
        `${windows.size} different ids only`,
    );
  }
  for (const [i, { exampleId }] of features.entries()) {
    const own = windows.get(exampleId);
    if (!own) {
      throw new RangeError(
        `Cannot choose answers: window ${i} is of example ${exampleId}, ` +
          "which is not among them",
      );
    }
    own.push(i);
  }
  const limits = { nBestSize, maxAnswerLength };
  return examples.map((example) => {
    const candidates: Candidate[] = [];
    let none: Candidate | undefined;
    for (const index of windows.get(example.id) ?? []) {
      const [feature, own] = [features[index], scores[index]];
      if (!feature || !own) continue;
      checkScores(feature, own, index);
      const first = candidateOf(own, [0, 0], [0, 0]);
      if (none === undefined || none.score > first.score) none = first;
      candidates.push(...candidatesOf(feature, own, limits));
    }
    if (none === undefined) {
      throw new RangeError(
        `Cannot choose answers: example ${example.id} has no window`,
      );
    }
    return choose(example, candidates, none, { ...options, nBestSize });
  });
}

/** @throws {TypeError} If a token has no score. */
function checkScores(
  { inputIds }: QuestionFeature,
  { startLogits, endLogits }: WindowScores,
  index: number,
): void {
  const count = Math.min(startLogits.length, endLogits.length);
  if (count >= inputIds.length) return;
  throw new TypeError(
    `Cannot choose answers from ${count} scores of window ${index}: ` +
      `it has ${inputIds.length} tokens`,
  );
}

function candidateOf(
  { startLogits, endLogits }: WindowScores,
  [first, last]: readonly [number, number],
  [start, end]: readonly [number, number],
): Candidate {
  const [startLogit, endLogit] = [
    startLogits[first] ?? 0,
    endLogits[last] ?? 0,
  ];
  const score = Math.fround(Math.fround(startLogit) + Math.fround(endLogit));
  return { start, end, startLogit, endLogit, score };
}

/** The answers of a window that begin and end with tokens of high scores. */
function candidatesOf(
  { offsetMapping }: QuestionFeature,
  scores: WindowScores,
  limits: { nBestSize: number; maxAnswerLength: number },
): Candidate[] {
  const { nBestSize, maxAnswerLength } = limits;
  const found: Candidate[] = [];
  const ends = highest(scores.endLogits, nBestSize);
  for (const first of highest(scores.startLogits, nBestSize)) {
    for (const last of ends) {
      const start = offsetMapping[first]?.[0];
      const end = offsetMapping[last]?.[1];
      if (start === undefined || end === undefined) continue;
      if (last < first || last - first + 1 > maxAnswerLength) continue;
      found.push(candidateOf(scores, [first, last], [start, end]));
    }
  }
  return found;
}

/** The indices of the highest scores, the highest first. */
function highest(scores: ArrayLike<number>, count: number): number[] {
  const score = (i: number) => scores[i] ?? 0;
  return Array.from({ length: scores.length }, (_, i) => i)
    .sort((a, b) => score(b) - score(a) || b - a)
    .slice(0, count);
}

/** Ranks the answers of a question, and chooses one. */
function choose(
  { id, context }: QuestionExample,
  candidates: readonly Candidate[],
  none: Candidate,
  options: PostprocessQaOptions & { nBestSize: number },
): QaPrediction {
  const { version2WithNegative = false, nBestSize } = options;
  const { nullScoreDiffThreshold = 0 } = options;
  const kept = (version2WithNegative ? [...candidates, none] : [...candidates])
    .sort((a, b) => b.score - a.score) // Keeps the order of equal scores.
    .slice(0, nBestSize);
  const isNone = ({ start, end }: Candidate) => start === 0 && end === 0;
  if (version2WithNegative && !kept.some(isNone)) kept.push(none);
  const named = kept.map((one) => ({
    ...one,
    text: context.slice(one.start, one.end),
  }));
  if (named.every(({ text }) => text === "")) named.unshift(EMPTY);
  const most = Math.max(...named.map(({ score }) => score));
  const powers = named.map(({ score }) => Math.exp(score - most));
  const total = powers.reduce((a, b) => a + b, 0);
  const nBest = named.map(({ score: _, ...one }, i): RankedAnswer => ({
    ...one,
    probability: (powers[i] ?? 0) / total,
  }));
  if (!version2WithNegative) {
    return { id, predictionText: nBest[0]?.text ?? "", nBest };
  }
  const best = nBest.find(({ text }) => text !== "") ?? EMPTY;
  const scoreDiff = none.score - best.startLogit - best.endLogit;
  const predictionText = scoreDiff > nullScoreDiffThreshold ? "" : best.text;
  return { id, predictionText, nBest, scoreDiff };
}
