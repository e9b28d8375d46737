// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The variance of a MultiSWAG's predictions, in two parts.
 *
 * @module
 */

import {
  add,
  mean,
  reshape,
  sigmoid,
  softmax,
  type Tensor,
  variance,
} from "../../engine/mod.ts";
import type { PredictionProblem } from "../predict.ts";
import type { SummarizedRunOptions } from "../sample_options.ts";

/** Options of {@linkcode MultiSwag.decomposeVariance}. */
export type VarianceOptions<Sampling extends object> = SummarizedRunOptions<
  Sampling
>;

/**
 * The variance of predictions in two parts, `total = within + between` by the law of
 * total variance. All are of the shape `[batch, ..., outputs]`.
 */
export interface VarianceParts {
  /** The mean over all samples of all particles. */
  mean: Tensor;
  /** The mean over the particles of the variance of their samples. */
  within: Tensor;
  /** The variance over the particles of the mean of their samples. */
  between: Tensor;
  /** The variance over all samples of all particles. */
  total: Tensor;
}

/**
 * Splits the variance of numbers or probabilities. Variances divide by the number
 * of samples or particles.
 *
 * @param logits `[batch, particles · samples, ..., outputs]`, particle by particle.
 * @param problem How many particles, and what the logits mean.
 */
export function splitVariance(
  logits: Tensor,
  { particles, problemType }: {
    particles: number;
    problemType: PredictionProblem | undefined;
  },
): VarianceParts {
  const values = valuesOf(logits, problemType);
  const [batch = 0, runs = 0, ...rest] = values.shape;
  const grouped = reshape(values, [
    batch,
    particles,
    runs / particles,
    ...rest,
  ]);
  const means = mean(grouped, { axis: 2 });
  const within = mean(variance(grouped, { axis: 2, correction: 0 }), {
    axis: 1,
  });
  const between = variance(means, { axis: 1, correction: 0 });
  return {
    mean: mean(means, { axis: 1 }),
    within,
    between,
    total: add(within, between),
  };
}

/** The numbers or probabilities that logits mean. */
export function valuesOf(
  logits: Tensor,
  problemType: PredictionProblem | undefined,
): Tensor {
  if (problemType === "regression") return logits;
  if (problemType === "multi_label_classification") return sigmoid(logits);
  return softmax(logits);
}
