// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How likely a model's logits make the data, on the host in float64.
 *
 * @module
 */

import type { SquaredErrors } from "./evidence.ts";
import type { PredictionProblem } from "../predict.ts";

/**
 * The log-likelihood of labels, or for numbers the sum of squared errors.
 *
 * @param problemType What the logits mean.
 * @param batches The logits of each batch, [rows, outputs].
 * @param data The labels, in the order of the batches, and the number of outputs.
 * @throws {RangeError} If there are more or fewer labels than the logits need, or one
 * is out of range.
 */
export function fitOf(
  problemType: PredictionProblem,
  batches: readonly Float32Array[],
  { labels, outputs }: { labels: ArrayLike<number>; outputs: number },
): number | SquaredErrors {
  const logits = Float64Array.from(batches.flatMap((own) => [...own]));
  const isOne = problemType === "single_label_classification";
  const wanted = isOne ? logits.length / outputs : logits.length;
  if (labels.length !== wanted) {
    throw new RangeError(
      `Cannot fit with ${labels.length} labels: the batches need ${wanted}`,
    );
  }
  const refuse = (at: number, wish: string): never => {
    throw new RangeError(
      `Cannot fit with the label ${labels[at]} at ${at}: it must be ${wish}`,
    );
  };
  let sum = 0;
  if (isOne) {
    for (let row = 0; row < wanted; row++) {
      const label = labels[row] ?? NaN;
      if (!(Number.isInteger(label) && label >= 0 && label < outputs)) {
        refuse(row, `a class from 0 to ${outputs - 1}`);
      }
      const scores = logits.subarray(row * outputs, (row + 1) * outputs);
      sum += (scores[label] ?? NaN) - logSumExp(scores);
    }
    return sum;
  }
  if (problemType === "regression") {
    for (let i = 0; i < wanted; i++) {
      const label = labels[i] ?? NaN;
      if (!Number.isFinite(label)) refuse(i, "a finite number");
      sum += (label - (logits[i] ?? NaN)) ** 2;
    }
    return { sum, count: wanted };
  }
  for (let i = 0; i < wanted; i++) {
    const label = labels[i] ?? NaN;
    if (label !== 0 && label !== 1) refuse(i, "0 or 1");
    const logit = logits[i] ?? NaN;
    // log sigmoid of the logit, or of its negative.
    const own = label === 1 ? logit : -logit;
    sum -= Math.max(0, -own) + Math.log1p(Math.exp(-Math.abs(own)));
  }
  return sum;
}

/** log Σ exp, without overflow. */
function logSumExp(scores: Float64Array): number {
  const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  return largest +
    Math.log(scores.reduce((sum, x) => sum + Math.exp(x - largest), 0));
}
