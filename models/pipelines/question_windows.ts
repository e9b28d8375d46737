// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The answers that a window of a context holds, and those of all windows together.

import type { Encoding, Tokenizer } from "../tokenizer/mod.ts";
import { meanOf, sharedParts, stdOf } from "./averages.ts";
import type { LabelUncertainty } from "./posterior.ts";
import { largest, softmax } from "./scores.ts";

/** An answer. With a posterior it also holds how unsure its score is. */
export interface Answer extends Partial<LabelUncertainty> {
  /**
   * The probability of its first token times that of its last token; with a posterior
   * the means of these probabilities over its samples.
   */
  score: number;
  /** The offset in the context where it begins. */
  start: number;
  /** The offset in the context where it ends, exclusive. */
  end: number;
  /** The part of the context; `""` where there is no answer. */
  answer: string;
}

/** Where no answer is. */
const NO_PLACE = { start: 0, end: 0, answer: "" } as const;

/** The answer where nothing was found. */
export const NO_ANSWER: Answer = { score: 0, ...NO_PLACE };

/** A question with a part of its context. */
export interface Window {
  readonly context: string;
  readonly encoding: Encoding;
}

/** How the answers of a window are chosen. */
export interface AnswerRules {
  readonly count: number;
  readonly maxAnswerLen: number;
  readonly alignToWords: boolean;
  /** Whether scores are those of samples of the weights. */
  readonly isSampled: boolean;
}

/** The answers that a window holds. */
export interface WindowAnswers {
  /** That the window holds no answer. */
  readonly none: FoundAnswer;
  /** The answers, the best first. */
  readonly answers: readonly FoundAnswer[];
}

/** An answer, and its score by each sample of the weights. */
interface FoundAnswer {
  readonly answer: Answer;
  /** Empty without samples. */
  readonly samples: readonly number[];
}

/**
 * Ranks the parts of a window by their first token times their last token.
 *
 * @param logits The scores as the first and as the last token; those of each sample
 * of the weights follow each other.
 */
export function windowAnswers(
  tokenizer: Tokenizer,
  { context, encoding }: Window,
  logits: readonly Float32Array[],
  { count, maxAnswerLen, alignToWords, isSampled }: AnswerRules,
): WindowAnswers {
  const { inputIds, sequenceIds } = encoding;
  // Some models point at the first token of the row where there is no answer.
  const cls = tokenizer.clsTokenId;
  const allowed = inputIds.map((id, i) => sequenceIds[i] === 1 || id === cls);
  const all = logits.map((own) =>
    softmax(own.subarray(0, inputIds.length), allowed)
  );
  const [first, last] = [0, 1].map((odd) =>
    all.filter((_, i) => i % 2 === odd)
  ) as [Float64Array[], Float64Array[]];
  const [starts, ends] = [meanOf(first), meanOf(last)];
  const parts = isSampled ? bothParts(first, last) : {};
  const found = (
    [from, to]: readonly [number, number],
    place: Pick<Answer, "start" | "end" | "answer">,
  ): FoundAnswer => ({
    answer: {
      score: (starts[from] ?? 0) * (ends[to] ?? 0),
      ...place,
      ...parts,
    },
    samples: isSampled
      ? first.map((own, s) => (own[from] ?? 0) * (last[s]?.[to] ?? 0))
      : [],
  });
  const spans: [first: number, last: number][] = [];
  const scores: number[] = [];
  for (let from = 0; from < inputIds.length; from++) {
    const stop = Math.min(inputIds.length, from + maxAnswerLen);
    for (let to = from; to < stop; to++) {
      if (sequenceIds[from] !== 1 || sequenceIds[to] !== 1) continue;
      spans.push([from, to]);
      scores.push((starts[from] ?? 0) * (ends[to] ?? 0));
    }
  }
  // Several parts may become one when they are widened to words.
  const kept = alignToWords ? count * 2 + 10 : count;
  const answers = largest(scores, kept).map((i) => {
    const span = spans[i] ?? [0, 0] as const;
    const [start, end] = bounds(encoding, span, alignToWords);
    return found(span, { start, end, answer: context.slice(start, end) });
  });
  return { none: found([0, 0], NO_PLACE), answers };
}

/** The uncertainty of the first and of the last token together. */
function bothParts(
  starts: readonly Float64Array[],
  ends: readonly Float64Array[],
): Omit<LabelUncertainty, "std"> {
  const [first, last] = [starts, ends].map((own) =>
    sharedParts(own, own[0]?.length ?? 0)
  );
  return {
    entropy: (first?.entropy ?? NaN) + (last?.entropy ?? NaN),
    mutualInformation: (first?.mutualInformation ?? NaN) +
      (last?.mutualInformation ?? NaN),
  };
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
export function merged(
  windows: readonly WindowAnswers[],
  handleImpossibleAnswer: boolean,
): Answer[] {
  const answers = new Map<string, FoundAnswer>();
  for (const found of windows.flatMap((window) => window.answers)) {
    const key = found.answer.answer.toLowerCase();
    const known = answers.get(key);
    answers.set(key, known ? together(known, found) : found);
  }
  const list = [...answers.values()];
  const [none] = windows.map((window) => window.none)
    .sort((a, b) => a.answer.score - b.answer.score);
  if (handleImpossibleAnswer && none) list.push(none);
  return list
    .map(({ answer, samples }): Answer =>
      samples.length > 0 ? { ...answer, std: stdOf(samples) } : answer
    )
    .sort((a, b) => b.score - a.score);
}

/** Two answers of the same text; where it stands is that of the first. */
function together(one: FoundAnswer, other: FoundAnswer): FoundAnswer {
  return {
    answer: { ...one.answer, score: one.answer.score + other.answer.score },
    samples: one.samples.map((score, s) => score + (other.samples[s] ?? NaN)),
  };
}
