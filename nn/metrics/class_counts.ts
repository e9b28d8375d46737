// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Counts of classes among labels and predictions.

import { checkClass, checkPaired } from "./rows.ts";

/** How often a class is the label, the prediction, and both. */
export interface ClassCounts {
  actual: number;
  guessed: number;
  hits: number;
}

/** The counts of every class that occurs among labels or predictions. */
export function tally(
  action: string,
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): Map<number, ClassCounts> {
  const rows = checkPaired(action, predicted, labels);
  const counts = new Map<number, ClassCounts>();
  const of = (label: number): ClassCounts => {
    const known = counts.get(label) ?? { actual: 0, guessed: 0, hits: 0 };
    counts.set(label, known);
    return known;
  };
  for (let row = 0; row < rows; row++) {
    const truth = labels[row] ?? -1;
    const guess = predicted[row] ?? -1;
    checkClass(action, truth, { row });
    checkClass(action, guess, { row, name: "prediction" });
    of(truth).actual++;
    of(guess).guessed++;
    if (truth === guess) of(truth).hits++;
  }
  return counts;
}
