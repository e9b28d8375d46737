// Copyright 2026 the swagpu authors. MIT license.

// How well a score tells two kinds of rows apart, with intervals of 95 %.

import {
  areaUnderRoc,
  averagePrecisionScore,
  bootstrap,
  falsePositiveRate95,
} from "../../nn/metrics/mod.ts";

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

/** Rows in falling order of their scores. */
interface Ranked {
  scores: Float64Array;
  /** 1 for positives, otherwise 0. */
  labels: Uint8Array;
}

/** The same with the scores of each kind. */
interface Groups extends Ranked {
  negatives: Float64Array;
  positives: Float64Array;
}

const MEASURES: Record<keyof Detection, (rows: Groups) => number> = {
  auroc: ({ negatives, positives }) => areaUnderRoc(negatives, positives),
  aupr: ({ scores, labels }) => averagePrecisionScore(scores, labels),
  fpr95: ({ negatives, positives }) =>
    falsePositiveRate95(negatives, positives),
};

/** Rows, each as often as it counts. They stay ranked, which is quick to score. */
function takeRows(
  { scores, labels }: Ranked,
  times: Uint32Array,
): Groups {
  const taken: Ranked = {
    scores: new Float64Array(scores.length),
    labels: new Uint8Array(scores.length),
  };
  const kinds = [
    new Float64Array(scores.length),
    new Float64Array(scores.length),
  ] as const;
  let end = 0;
  let positives = 0;
  for (let row = 0; row < times.length; row++) {
    const label = labels[row] === 1 ? 1 : 0;
    const score = scores[row] ?? NaN;
    for (let count = times[row] ?? 0; count > 0; count--) {
      taken.scores[end] = score;
      taken.labels[end] = label;
      kinds[label][label === 1 ? positives : end - positives] = score;
      end++;
      positives += label;
    }
  }
  return {
    ...taken,
    negatives: kinds[0].subarray(0, end - positives),
    positives: kinds[1].subarray(0, positives),
  };
}

/** The value below which a share of rising values lies, interpolated. */
function quantile(rising: Float64Array, share: number): number {
  const at = share * (rising.length - 1);
  const low = rising[Math.floor(at)] ?? NaN;
  const high = rising[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/**
 * The bootstrap interval of a measure. Draws that lack one of the two kinds have no
 * score and do not count; without any that counts, there is no interval.
 */
function intervalOf(
  measure: (rows: Groups) => number,
  ranked: Ranked,
  resamples: number,
): readonly [number, number] | null {
  const rows = ranked.scores.length;
  const times = new Uint32Array(rows);
  const { bootstrapDistribution } = bootstrap({
    rows,
    statistic: (drawn) => {
      times.fill(0);
      for (let i = 0; i < drawn.length; i++) {
        const row = drawn[i] ?? 0;
        times[row] = (times[row] ?? 0) + 1;
      }
      const taken = takeRows(ranked, times);
      const hasBoth = taken.negatives.length > 0 && taken.positives.length > 0;
      return hasBoth ? measure(taken) : NaN;
    },
  }, { resamples });
  const found = bootstrapDistribution.filter((x) => !Number.isNaN(x)).sort();
  return found.length === 0
    ? null
    : [quantile(found, 0.025), quantile(found, 0.975)];
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
  const rows = [
    ...Array.from(negatives, (score) => ({ score, label: 0 })),
    ...Array.from(positives, (score) => ({ score, label: 1 })),
  ].sort((a, b) => b.score - a.score);
  const ranked = {
    scores: Float64Array.from(rows, ({ score }) => score),
    labels: Uint8Array.from(rows, ({ label }) => label),
  };
  const all = takeRows(ranked, new Uint32Array(rows.length).fill(1));
  const found = {
    auroc: MEASURES.auroc(all),
    aupr: MEASURES.aupr(all),
    fpr95: MEASURES.fpr95(all),
  };
  if (resamples < 2) return found;
  // Equal seeds draw equal rows, so an interval is missing for all three or for none.
  const auroc = intervalOf(MEASURES.auroc, ranked, resamples);
  const aupr = intervalOf(MEASURES.aupr, ranked, resamples);
  const fpr95 = intervalOf(MEASURES.fpr95, ranked, resamples);
  return auroc && aupr && fpr95
    ? { ...found, intervals: { auroc, aupr, fpr95 } }
    : found;
}
