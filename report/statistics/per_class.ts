// Copyright 2026 the swagpu authors. MIT license.

// Scores of single classes.

/** The scores of one class. */
export interface ClassScores {
  /** How many rows have it as their label. */
  count: number;
  /** How many rows were predicted as it. */
  predicted: number;
  /** Of the rows predicted as it, the share that is; NaN if there are none. */
  precision: number;
  /** Of the rows that are it, the share that was found; NaN if there are none. */
  recall: number;
  /** 2·TP / (2·TP + FP + FN); NaN if the class does not occur. */
  f1: number;
  /** The calibration error of its own probability, in bins of equal width. */
  calibrationError: number;
}

/** The predicted class of each row and the truth. */
export interface Predicted {
  probabilities: ArrayLike<number>;
  predictions: ArrayLike<number>;
  labels: ArrayLike<number>;
  classes: number;
}

/**
 * Classwise calibration error (Kull et al., 2019): Σ_b n_b/n |ȳ_b − p̄_b| over bins of
 * the class's own probability, (b/B, (b+1)/B], where ȳ is the share of rows that have
 * the class as their label.
 */
function classwiseError(
  { probabilities, labels, classes }: Predicted,
  k: number,
  bins: number,
): number {
  const gaps = new Float64Array(bins);
  for (let row = 0; row < labels.length; row++) {
    const p = probabilities[row * classes + k] ?? NaN;
    const bin = Math.min(Math.max(Math.ceil(p * bins) - 1, 0), bins - 1);
    gaps[bin] = (gaps[bin] ?? 0) + (labels[row] === k ? 1 : 0) - p;
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / labels.length;
}

/** The scores of every class. */
export function classScores(predicted: Predicted, bins: number): ClassScores[] {
  const { predictions, labels, classes } = predicted;
  const counts = new Float64Array(classes);
  const guesses = new Float64Array(classes);
  const hits = new Float64Array(classes);
  for (let row = 0; row < labels.length; row++) {
    const [label, guess] = [labels[row] ?? 0, predictions[row] ?? 0];
    counts[label] = (counts[label] ?? 0) + 1;
    guesses[guess] = (guesses[guess] ?? 0) + 1;
    if (label === guess) hits[label] = (hits[label] ?? 0) + 1;
  }
  return Array.from(counts, (count, k) => {
    const [guessed, hit] = [guesses[k] ?? 0, hits[k] ?? 0];
    return {
      count,
      predicted: guessed,
      precision: hit / guessed,
      recall: hit / count,
      f1: 2 * hit / (count + guessed),
      calibrationError: classwiseError(predicted, k, bins),
    };
  });
}
