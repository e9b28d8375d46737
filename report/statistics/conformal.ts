// Copyright 2026 the swagpu authors. MIT license.

// Conformal sets of classes: they hold the label of a share 1 − α of all rows, if the
// rows that they were calibrated on come from the same distribution.

/**
 * The largest score 1 − p that a class in a set may have (Sadinle et al., 2019): of n
 * scores of true labels the k-th smallest, k = ⌈(n+1)(1−α)⌉, and infinity if k > n.
 */
export function conformalThreshold(
  scores: ArrayLike<number>,
  alpha: number,
): number {
  const n = scores.length;
  // The product is rounded: what is a whole number but for that is that number.
  const k = Math.ceil((n + 1) * (1 - alpha) * (1 - 4 * Number.EPSILON));
  return k > n ? Infinity : Float64Array.from(scores).sort()[k - 1] ?? Infinity;
}

/** The conformal sets of some rows. */
export interface ConformalSets {
  /** How many classes each set holds, [rows]. */
  sizes: Uint32Array<ArrayBuffer>;
  /** Whether each set holds the label, [rows]. */
  covered: Uint8Array<ArrayBuffer>;
}

/** Predictions with their labels. */
export interface Labelled {
  probabilities: ArrayLike<number>;
  labels: ArrayLike<number>;
}

/** The sets of rows, after calibration on other rows. */
export function conformalSets(
  test: Labelled,
  calibration: Labelled,
  { alpha, classes }: { alpha: number; classes: number },
): ConformalSets {
  const own = ({ probabilities, labels }: Labelled, row: number) =>
    1 - (probabilities[row * classes + (labels[row] ?? 0)] ?? NaN);
  const scores = Float64Array.from(
    calibration.labels,
    (_, row) => own(calibration, row),
  );
  const threshold = conformalThreshold(scores, alpha);
  const rows = test.labels.length;
  const sizes = new Uint32Array(rows);
  const covered = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) {
    let size = 0;
    for (let k = 0; k < classes; k++) {
      const p = test.probabilities[row * classes + k] ?? NaN;
      if (1 - p <= threshold) size++;
    }
    sizes[row] = size;
    covered[row] = own(test, row) <= threshold ? 1 : 0;
  }
  return { sizes, covered };
}
