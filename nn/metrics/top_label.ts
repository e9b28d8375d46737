// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The most probable class of each row, with its probability.

import { checkLabels, checkProbability } from "./rows.ts";

/** What is predicted for each row, and whether it is right. */
export interface TopLabels {
  /** The largest probability of each row, at most 1. */
  confidences: Float64Array<ArrayBuffer>;
  /** 1 where the class of the largest probability is the label, otherwise 0. */
  correct: Uint8Array<ArrayBuffer>;
}

/**
 * The confidence of each row, and whether its most probable class is right. The
 * first of equally probable classes counts.
 */
export function topLabels(
  action: string,
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): TopLabels {
  const classes = checkLabels(action, probabilities, labels);
  const confidences = new Float64Array(labels.length);
  const correct = new Uint8Array(labels.length);
  for (let row = 0; row < labels.length; row++) {
    let best = 0;
    let confidence = -Infinity;
    for (let k = 0; k < classes; k++) {
      const p = probabilities[row * classes + k] ?? NaN;
      checkProbability(action, p, row);
      if (p > confidence) [best, confidence] = [k, p];
    }
    confidences[row] = Math.min(confidence, 1);
    correct[row] = best === labels[row] ? 1 : 0;
  }
  return { confidences, correct };
}

/** Throws unless scores are probabilities and outcomes are 0 or 1. */
export function checkOutcomes(
  action: string,
  scores: ArrayLike<number>,
  outcomes: ArrayLike<number>,
): void {
  if (scores.length !== outcomes.length || scores.length === 0) {
    throw new RangeError(
      `Cannot ${action}: ${scores.length} probabilities for ${outcomes.length} outcomes, expected equal numbers above 0`,
    );
  }
  for (let row = 0; row < scores.length; row++) {
    checkProbability(action, scores[row] ?? NaN, row);
    if (outcomes[row] !== 0 && outcomes[row] !== 1) {
      throw new RangeError(
        `Cannot ${action}: outcome ${row} is ${
          outcomes[row]
        }, but must be 0 or 1`,
      );
    }
  }
}
