// Copyright 2026 the swagpu authors. MIT license.

// How well a score tells two kinds of rows apart.

import { resampled } from "./intervals.ts";

/** How well scores tell positives from negatives. */
export interface Detection {
  /** The area under the ROC curve. */
  auroc: number;
  /** The average precision, Σ (recallₙ − recallₙ₋₁) precisionₙ. */
  aupr: number;
  /** The share of negatives that the threshold of 95 % of positives lets pass. */
  fpr95: number;
}

/** {@linkcode Detection} with intervals of 95 %, where rows were drawn again. */
export interface DetectionIntervals extends Detection {
  intervals?: Record<keyof Detection, readonly [number, number]>;
}

interface Ranked {
  score: number;
  positive: boolean;
}

/** The scores of rows in falling order, each counted as often as its weight. */
function detect(
  ranked: readonly Ranked[],
  weights: ArrayLike<number>,
): Detection {
  let positives = 0;
  let negatives = 0;
  ranked.forEach(({ positive }, i) => {
    if (positive) positives += weights[i] ?? 0;
    else negatives += weights[i] ?? 0;
  });
  let [hits, alarms, pairs, aupr] = [0, 0, 0, 0];
  let fpr95 = NaN;
  for (let i = 0; i < ranked.length;) {
    let [newHits, newAlarms] = [0, 0];
    const score = ranked[i]?.score;
    // Equal scores are one threshold.
    for (; i < ranked.length && ranked[i]?.score === score; i++) {
      if (ranked[i]?.positive) newHits += weights[i] ?? 0;
      else newAlarms += weights[i] ?? 0;
    }
    pairs += newAlarms * (hits + newHits / 2);
    hits += newHits;
    alarms += newAlarms;
    if (newHits > 0) aupr += newHits / positives * hits / (hits + alarms);
    if (Number.isNaN(fpr95) && 20 * hits >= 19 * positives) {
      fpr95 = alarms / negatives;
    }
  }
  return { auroc: pairs / (positives * negatives), aupr, fpr95 };
}

/**
 * Measures how well scores tell positives, which should score high, from negatives.
 *
 * @returns `null` if there are no rows of either kind.
 */
export function detection(
  negatives: ArrayLike<number>,
  positives: ArrayLike<number>,
  resamples: number,
): DetectionIntervals | null {
  if (negatives.length === 0 || positives.length === 0) return null;
  const ranked = [
    ...Array.from(negatives, (score) => ({ score, positive: false })),
    ...Array.from(positives, (score) => ({ score, positive: true })),
  ].sort((a, b) => b.score - a.score);
  const found = detect(ranked, new Uint8Array(ranked.length).fill(1));
  const intervals = resampled(ranked.length, resamples, (weights) => {
    const again = detect(ranked, weights);
    return [again.auroc, again.aupr, again.fpr95];
  });
  const [auroc, aupr, fpr95] = intervals;
  return auroc && aupr && fpr95
    ? { ...found, intervals: { auroc, aupr, fpr95 } }
    : found;
}
