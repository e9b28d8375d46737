// Copyright 2026 the swagpu authors. MIT license.

// Fits on rows other than those that are reported: on a validation set if there is
// one, otherwise on each half of the test set for the other half.

import {
  applyTemperature,
  fitTemperature,
  logProbabilities,
} from "../nn/metrics/mod.ts";

/** Predictions with their labels. */
export interface Labelled {
  /** [rows, classes]. */
  probabilities: ArrayLike<number>;
  /** The class of each row, [rows]. */
  labels: ArrayLike<number>;
}

/** The rows of a test set, and the other rows that fits for them may use. */
export interface Fold {
  /** The rows of the test set that this fold reports. */
  rows: readonly number[];
  /** The predictions of these rows. */
  reporting: Labelled;
  /** What to fit on. */
  fitting: Labelled;
}

/** Some rows of predictions. */
function takeRows(
  { probabilities, labels }: Labelled,
  rows: readonly number[],
  classes: number,
): Labelled {
  const taken = new Float64Array(rows.length * classes);
  rows.forEach((row, i) => {
    for (let k = 0; k < classes; k++) {
      taken[i * classes + k] = probabilities[row * classes + k] ?? NaN;
    }
  });
  return { labels: rows.map((row) => labels[row] ?? 0), probabilities: taken };
}

/**
 * The folds of a test set: all rows with a validation set, otherwise even and odd rows,
 * each fitted on the other (Ashukha et al., 2020, do the same with random halves). None
 * if there is only one row to fit on and report.
 */
export function foldsOf(
  test: Labelled,
  validation: Labelled | undefined,
  classes: number,
): Fold[] {
  const all = Array.from(test.labels, (_, row) => row);
  if (validation && validation.labels.length > 0) {
    return [{ rows: all, reporting: test, fitting: validation }];
  }
  if (all.length < 2) return [];
  const halves = [0, 1].map((parity) => {
    const rows = all.filter((row) => row % 2 === parity);
    return { rows, reporting: takeRows(test, rows, classes) };
  });
  return halves.flatMap((half, i) => {
    const other = halves[1 - i];
    return other ? [{ ...half, fitting: other.reporting }] : [];
  });
}

/** Probabilities after temperature scaling. */
export interface Scaled {
  probabilities: Float64Array<ArrayBuffer>;
  /** The temperature; the geometric mean of two if there are two folds. */
  temperature: number;
}

/** Scales the rows of every fold; `null` if there are none, or a single class. */
export function scaleFolds(
  test: Labelled,
  folds: readonly Fold[],
  classes: number,
): Scaled | null {
  if (folds.length === 0 || classes < 2) return null;
  const result = new Float64Array(test.probabilities.length);
  let logarithms = 0;
  for (const { rows, reporting, fitting } of folds) {
    const temperature = fitTemperature(
      logProbabilities(fitting.probabilities),
      fitting.labels,
    );
    logarithms += Math.log(temperature) / folds.length;
    const scaled = applyTemperature(
      logProbabilities(reporting.probabilities),
      temperature,
      { classes },
    );
    rows.forEach((row, i) =>
      result.set(
        scaled.subarray(i * classes, (i + 1) * classes),
        row * classes,
      )
    );
  }
  return { probabilities: result, temperature: Math.exp(logarithms) };
}
