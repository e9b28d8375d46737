// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Exact match and F1 of answers to questions, as the official scripts of SQuAD
 * compute them.
 *
 * @module
 */

import { checkKnown } from "../known_options.ts";
import { countNgrams, countShared, splitWords } from "./words.ts";

const PUNCTUATION = /[!-/:-@[-`{-~]/g;
// JavaScript's \b knows ASCII letters only, so "éa" would hold the word "a".
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** Options of {@linkcode squadScores}. */
export interface SquadOptions {
  /**
   * Which script: version 2 knows questions without an answer. The versions
   * differ only where texts are empty after normalization.
   * @default {1}
   */
  version?: 1 | 2;
}

/** How well an answer fits. */
export interface SquadScores {
  /** 1 if the answer is one of the true answers after normalization, else 0. */
  exactMatch: number;
  /** The largest F1 of the words shared with a true answer, in [0, 1]. */
  f1: number;
}

/** A question and its true answers. */
export interface SquadReference {
  /** The name of the question. */
  id: string;
  /** The true answers; none where the question has no answer. */
  answers: readonly string[];
}

/** Scores of many answers, in percent. */
export interface SquadCorpusScores {
  /** The share of answers that match. */
  exactMatch: number;
  /** The mean F1. */
  f1: number;
}

/** Options of {@linkcode squadV2}. */
export interface SquadV2Options {
  /**
   * The probability of each question, by its id, that it has no answer.
   * Default: 0 for all.
   */
  noAnswerProbabilities?: Readonly<Record<string, number>>;
  /**
   * A question whose probability is above this counts as answered by "no
   * answer".
   * @default {1}
   */
  noAnswerThreshold?: number;
}

/** Scores of SQuAD 2, in percent, under the names of the official script. */
export interface SquadV2Scores {
  /** The share of answers that match. */
  exact: number;
  /** The mean F1. */
  f1: number;
  /** The number of questions. */
  total: number;
  /** {@linkcode exact} of the questions with an answer, if there are any. */
  hasAnsExact?: number;
  /** {@linkcode f1} of the questions with an answer. */
  hasAnsF1?: number;
  /** The number of questions with an answer. */
  hasAnsTotal?: number;
  /** {@linkcode exact} of the questions without an answer, if there are any. */
  noAnsExact?: number;
  /** {@linkcode f1} of the questions without an answer. */
  noAnsF1?: number;
  /** The number of questions without an answer. */
  noAnsTotal?: number;
  /** The largest share of matches that a threshold can give. */
  bestExact: number;
  /** The threshold that gives it. */
  bestExactThresh: number;
  /** The largest mean F1 that a threshold can give. */
  bestF1: number;
  /** The threshold that gives it. */
  bestF1Thresh: number;
}

/**
 * Lower case, without ASCII punctuation, the articles "a", "an" and "the", and
 * superfluous white space: what answers are compared by in SQuAD.
 *
 * @param text An answer.
 * @returns The normalized answer.
 *
 * @example An article and a point
 * ```ts
 * import { normalizeAnswer } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(normalizeAnswer("The  Eiffel Tower."), "eiffel tower");
 * ```
 */
export function normalizeAnswer(text: string): string {
  const plain = text.toLowerCase().replace(PUNCTUATION, "");
  return splitWords(plain.replace(ARTICLES, " ")).join(" ");
}

/** The F1 of the words of two normalized texts. */
function wordF1(prediction: string, answer: string, version: 1 | 2): number {
  const [own, other] = [splitWords(prediction), splitWords(answer)];
  if (version === 2 && (own.length === 0 || other.length === 0)) {
    return own.length === other.length ? 1 : 0;
  }
  const shared = countShared(countNgrams(own, 1), countNgrams(other, 1));
  return shared === 0 ? 0 : 2 * shared / (own.length + other.length);
}

/**
 * Exact match and F1 of one answer, the best over the true answers.
 *
 * With version 1 the F1 of two texts that are both empty after normalization is
 * 0. With version 2 it is 1, and true answers that are empty after
 * normalization are left out, unless all are: the question then has no answer.
 *
 * @param prediction The answer that was given.
 * @param answers The true answers. With version 2 it may be empty.
 * @param options Which script.
 * @returns Both scores, in [0, 1].
 * @throws {RangeError} If there is no true answer with version 1, or there is
 * no such version.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example One word too many
 * ```ts
 * import { squadScores } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const scores = squadScores("in 1999.", ["1999", "the year 1999"]);
 * assertEquals(scores, { exactMatch: 0, f1: 2 / 3 });
 * ```
 */
export function squadScores(
  prediction: string,
  answers: readonly string[],
  options: SquadOptions = {},
): SquadScores {
  const action = "score an answer";
  checkKnown(action, options, ["version"]);
  const { version = 1 } = options;
  if (version !== 1 && version !== 2) {
    throw new RangeError(
      `Cannot ${action}: version is ${version}, but must be 1 or 2`,
    );
  }
  let golds = answers.map(normalizeAnswer);
  if (version === 2) {
    golds = golds.filter((gold) => gold !== "");
    if (golds.length === 0) golds = [""];
  }
  if (golds.length === 0) {
    throw new RangeError(
      `Cannot ${action}: there is no true answer, which only version 2 knows`,
    );
  }
  const own = normalizeAnswer(prediction);
  return {
    exactMatch: golds.includes(own) ? 1 : 0,
    f1: Math.max(...golds.map((gold) => wordF1(own, gold, version))),
  };
}

/**
 * Exact match and F1 of many answers, as the official script of SQuAD 1.1 and
 * the metric `squad` of Hugging Face.
 *
 * @param predictions The answer to each question, by its id. A question without
 * one scores 0.
 * @param references The questions and their true answers.
 * @returns Both means, in percent.
 * @throws {RangeError} If there are no questions, or one has no true answer.
 *
 * @example One of two
 * ```ts
 * import { squad } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const references = [
 *   { id: "a", answers: ["Paris"] },
 *   { id: "b", answers: ["Rome"] },
 * ];
 * const scores = squad({ a: "Paris", b: "Milan" }, references);
 * assertEquals(scores, { exactMatch: 50, f1: 50 });
 * ```
 */
export function squad(
  predictions: Readonly<Record<string, string>>,
  references: readonly SquadReference[],
): SquadCorpusScores {
  checkQuestions(references);
  const scores = references.map(({ id, answers }) => {
    const prediction = predictions[id];
    return prediction === undefined
      ? { exactMatch: 0, f1: 0 }
      : squadScores(prediction, answers);
  });
  return {
    exactMatch: percent(scores.map(({ exactMatch }) => exactMatch)),
    f1: percent(scores.map(({ f1 }) => f1)),
  };
}

/**
 * Exact match and F1 of many answers, some to questions without an answer, as
 * the official script of SQuAD 2.0 and the metric `squad_v2` of Hugging Face.
 *
 * A question that counts as answered by "no answer" scores 1 if it has none,
 * else 0. The best thresholds are those that would have given the best scores
 * on the same questions.
 *
 * @param predictions The answer to each question, by its id; "" is "no answer".
 * @param references The questions and their true answers.
 * @param options How sure the model is that there is no answer.
 * @returns Means in percent, also of both kinds of questions by themselves.
 * @throws {RangeError} If there are no questions, or one was not answered.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example A question without an answer
 * ```ts
 * import { squadV2 } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const references = [
 *   { id: "a", answers: ["Paris"] },
 *   { id: "b", answers: [] },
 * ];
 * const scores = squadV2({ a: "Paris", b: "Milan" }, references);
 * assertEquals([scores.exact, scores.noAnsExact], [50, 0]);
 * ```
 */
export function squadV2(
  predictions: Readonly<Record<string, string>>,
  references: readonly SquadReference[],
  options: SquadV2Options = {},
): SquadV2Scores {
  const action = "score answers";
  checkKnown(action, options, ["noAnswerProbabilities", "noAnswerThreshold"]);
  const { noAnswerProbabilities = {}, noAnswerThreshold = 1 } = options;
  checkQuestions(references);
  const answered: Answered[] = references.map(({ id, answers }) => {
    const text = predictions[id];
    if (text === undefined) {
      throw new RangeError(`Cannot ${action}: question ${id} has none`);
    }
    const hasAnswer = answers.length > 0;
    const probability = noAnswerProbabilities[id] ?? 0;
    const raw = squadScores(text, answers, { version: 2 });
    const none = hasAnswer ? 0 : 1;
    const scores = probability > noAnswerThreshold
      ? { exactMatch: none, f1: none }
      : raw;
    return { text, hasAnswer, probability, raw, scores };
  });
  const [bestExact, bestExactThresh] = bestThreshold(
    answered,
    ({ exactMatch }) => exactMatch,
  );
  const [bestF1, bestF1Thresh] = bestThreshold(answered, ({ f1 }) => f1);
  const meansOf = (group: readonly Answered[]): [number, number, number] => [
    percent(group.map(({ scores }) => scores.exactMatch)),
    percent(group.map(({ scores }) => scores.f1)),
    group.length,
  ];
  const [exact, f1, total] = meansOf(answered);
  const result: SquadV2Scores = {
    exact,
    f1,
    total,
    bestExact,
    bestExactThresh,
    bestF1,
    bestF1Thresh,
  };
  const has = answered.filter(({ hasAnswer }) => hasAnswer);
  const without = answered.filter(({ hasAnswer }) => !hasAnswer);
  if (has.length > 0) {
    [result.hasAnsExact, result.hasAnsF1, result.hasAnsTotal] = meansOf(has);
  }
  if (without.length > 0) {
    [result.noAnsExact, result.noAnsF1, result.noAnsTotal] = meansOf(without);
  }
  return result;
}

/** A question with its answer and its scores. */
interface Answered {
  text: string;
  hasAnswer: boolean;
  probability: number;
  /** The scores of the text. */
  raw: SquadScores;
  /** The scores with the threshold. */
  scores: SquadScores;
}

/**
 * The best mean over all thresholds, in percent, and the least threshold that
 * gives it. Raising the threshold from below, each question that is answered
 * from then on changes the sum.
 */
function bestThreshold(
  answered: readonly Answered[],
  pick: (scores: SquadScores) => number,
): [best: number, threshold: number] {
  let sum = answered.filter(({ hasAnswer }) => !hasAnswer).length;
  let [best, threshold] = [sum, 0];
  const rising = answered.toSorted((a, b) => a.probability - b.probability);
  for (const { text, hasAnswer, probability, raw } of rising) {
    sum += hasAnswer ? pick(raw) : text === "" ? 0 : -1;
    if (sum > best) [best, threshold] = [sum, probability];
  }
  return [100 * best / answered.length, threshold];
}

function percent(values: readonly number[]): number {
  return 100 * values.reduce((sum, value) => sum + value, 0) / values.length;
}

function checkQuestions(references: readonly SquadReference[]): void {
  if (references.length === 0) {
    throw new RangeError("Cannot score answers: there are no questions");
  }
}
