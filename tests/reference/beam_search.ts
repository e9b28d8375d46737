// Copyright 2026 the swagpu authors. MIT license.

// Beam search over one prompt, as pure functions of numbers: the model's scores
// come in, the rows to score next go out. The rules, and the arithmetic in
// 32-bit floats, are those of transformers' vectorized beam search.

import { softmax } from "./logits_processors.ts";

/** The rules of a search. */
export interface BeamRules {
  /** Rows that are followed at the same time. */
  readonly numBeams: number;
  /** The power of the number of new tokens that scores are divided by. */
  readonly lengthPenalty: number;
  /**
   * When to stop: `true` once `numBeams` rows have ended, `false` once the best
   * open row would not beat the worst ended one if it ended now, `"never"` once
   * it could not at any length.
   */
  readonly earlyStopping: boolean | "never";
  /** Tokens that a row may have, the prompt's counted. */
  readonly maxLength: number;
  /** The tokens that end a row. */
  readonly eosTokenIds: readonly number[];
}

/** A row that may go on. */
export interface OpenBeam {
  readonly tokens: readonly number[];
  /** The sum of the scores of the new tokens. */
  readonly score: number;
  /** Which of the rows before this one continues. */
  readonly origin: number;
}

/** A row that has ended, or a place that none has taken yet. */
export interface EndedBeam {
  readonly tokens: readonly number[];
  /** The sum of the scores, divided by the length penalty. */
  readonly score: number;
  readonly ended: boolean;
}

/** The state of the search over one prompt. */
export interface Beams {
  readonly promptLength: number;
  /** The rows to score next, the best first. */
  readonly open: readonly OpenBeam[];
  /** The best rows that have ended, the best first. */
  readonly ended: readonly EndedBeam[];
  /** Whether open rows could still be better than ended ones. */
  readonly improvable: boolean;
  /** Whether every continuation that was looked at has ended. */
  readonly exhausted: boolean;
}

/** Chooses `count` places from scores, the best or first drawn first. */
export type ChooseBeams = (scores: Float32Array, count: number) => number[];

/** Low enough to lose against every real row, as in transformers. */
const LOWEST = -1e9;

/** The state before the first step: only one row counts, as all are equal. */
export function startBeams(
  prompt: readonly number[],
  { numBeams }: BeamRules,
): Beams {
  const each = <T>(make: (i: number) => T) =>
    Array.from({ length: numBeams }, (_, i) => make(i));
  return {
    promptLength: prompt.length,
    open: each((i) => ({
      tokens: prompt,
      score: i === 0 ? 0 : LOWEST,
      origin: i,
    })),
    ended: each(() => ({ tokens: prompt, score: LOWEST, ended: false })),
    improvable: true,
    exhausted: false,
  };
}

/**
 * Takes one step.
 *
 * @param beams The state before.
 * @param scores Logarithms of the next tokens' probabilities, after all
 * processors: `[numBeams, vocabulary]`, the rows those of `beams.open`.
 * @param rules The rules of the search.
 * @param choose How to choose continuations.
 * @throws {RangeError} If the vocabulary is too small for so many beams.
 */
export function advanceBeams(
  beams: Beams,
  scores: Float32Array,
  rules: BeamRules,
  choose: ChooseBeams = highest,
): Beams {
  const { numBeams, lengthPenalty, earlyStopping, maxLength } = rules;
  const { open, promptLength } = beams;
  const vocabulary = scores.length / numBeams;
  // Enough that numBeams rows go on even if every ending is among the best.
  const count = Math.max(2, 1 + rules.eosTokenIds.length) * numBeams;
  if (count > scores.length) {
    throw new RangeError(
      `Cannot follow ${numBeams} beams: they need ${count} continuations, ` +
        `and ${vocabulary} tokens give ${scores.length}`,
    );
  }
  const total = scores.map((score, i) =>
    score + (open[Math.floor(i / vocabulary)]?.score ?? 0)
  );
  const candidates = choose(total, count).map((place) => {
    const origin = Math.floor(place / vocabulary);
    const token = place % vocabulary;
    const tokens = [...open[origin]?.tokens ?? [], token];
    return {
      tokens,
      score: total[place] ?? 0,
      origin,
      ended: tokens.length >= maxLength || rules.eosTokenIds.includes(token),
    };
  });

  const full = earlyStopping === true && beams.ended.every((b) => b.ended);
  const newTokens = (open[0]?.tokens.length ?? 0) + 1 - promptLength;
  const divisor = Math.fround(newTokens ** lengthPenalty);
  const places = [
    ...beams.ended,
    ...candidates.map(({ tokens, score, ended }, i) => {
      // Rows beyond the best numBeams only stand in for those that end.
      const counts = ended && i < numBeams;
      let final = Math.fround(score / divisor);
      for (const excluded of [full, !beams.improvable, !counts]) {
        if (excluded) final = Math.fround(final + LOWEST);
      }
      return { tokens, score: final, ended: counts };
    }),
  ];
  const nextOpen = best(
    candidates.map(({ tokens, score, origin, ended }) => ({
      tokens,
      score: ended ? Math.fround(score + LOWEST) : score,
      origin,
    })),
    numBeams,
  );
  const nextEnded = best(places, numBeams);

  const length = earlyStopping === "never" && lengthPenalty > 0
    ? maxLength - promptLength
    : newTokens;
  const possible = Math.fround(
    (nextOpen[0]?.score ?? LOWEST) / Math.fround(length ** lengthPenalty),
  );
  const worst = Math.min(...nextEnded.map(({ score }) => score));
  return {
    promptLength,
    open: nextOpen,
    ended: nextEnded,
    improvable: beams.improvable &&
      nextEnded.some(({ ended }) => possible > (ended ? worst : LOWEST)),
    exhausted: candidates.every(({ ended }) => ended),
  };
}

/** Whether the search over a batch of prompts goes on. */
export function beamsUnfinished(
  batch: readonly Beams[],
  { earlyStopping }: BeamRules,
): boolean {
  const full = earlyStopping === true &&
    batch.every(({ ended }) => ended.every((beam) => beam.ended));
  return !full && batch.some(({ improvable }) => improvable) &&
    !batch.every(({ exhausted }) => exhausted);
}

function best<T extends { score: number }>(rows: T[], count: number): T[] {
  // Sorting is stable: of equal rows the first stays first.
  return rows.toSorted((a, b) => b.score - a.score || 0).slice(0, count);
}

/** The places of the `count` highest scores; of equal ones, the first. */
export function highest(scores: ArrayLike<number>, count: number): number[] {
  const places: number[] = [];
  const at = (i: number) => scores[places[i] ?? 0] ?? -Infinity;
  for (let place = 0; place < scores.length; place++) {
    const score = scores[place] ?? -Infinity;
    if (places.length === count) {
      if (!(score > at(count - 1))) continue;
      places.pop();
    }
    let i = places.length;
    while (i > 0 && score > at(i - 1)) i--;
    places.splice(i, 0, place);
  }
  return places;
}

/**
 * Draws places without putting them back, each with its softmax probability
 * among those left.
 *
 * @param scores Scores of the places.
 * @param count How many to draw; once all probability is used up, the highest
 * of the remaining scores follow.
 * @param uniform Gives the i-th random number, in [0, 1).
 */
export function draw(
  scores: ArrayLike<number>,
  count: number,
  uniform: (i: number) => number,
): number[] {
  const weights = softmax(scores);
  const places: number[] = [];
  for (let i = 0; i < count; i++) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (!(total > 0)) break;
    let rest = uniform(i) * total;
    let chosen = -1;
    for (let place = 0; place < weights.length; place++) {
      const weight = weights[place] ?? 0;
      if (weight === 0) continue;
      chosen = place; // the last one with weight, should rounding use up all
      rest -= weight;
      if (rest < 0) break;
    }
    places.push(chosen);
    weights[chosen] = 0;
  }
  if (places.length < count) {
    const drawn = new Set(places);
    const others = highest(scores, count).filter((place) => !drawn.has(place));
    places.push(...others.slice(0, count - places.length));
  }
  return places;
}
