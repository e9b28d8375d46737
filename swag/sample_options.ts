// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The options with which weights are sampled and predictions are made, and the
 * checks of those that describe a Gaussian.
 *
 * @module
 */

import type { DensityOptions } from "./density.ts";
import type { PredictionProblem } from "./predict.ts";

/** Options of {@linkcode SwagModel.sampleParameters}. */
export interface SampleOptions {
  /**
   * The factor by which the covariance of the sample is multiplied; 0 gives the
   * mean. The default is SWAG as it was published: half of the diagonal and half of
   * the low-rank part, or all of a diagonal alone.
   *
   * @default {0.5 with covariances, 1 without}
   */
  scale?: number;
  /**
   * Whether to use the deviations, and so covariances between weights.
   *
   * @default {whether the posterior keeps them}
   */
  cov?: boolean;
  /**
   * Whether each parameter gets its own low-rank noise, so that parameters are
   * independent of each other.
   *
   * @default {false}
   */
  blockwise?: boolean;
  /**
   * A whole number. The same seed and index give the same sample.
   *
   * @default {0}
   */
  seed?: number | bigint;
  /**
   * The number of the sample among those of the seed, from 0 on.
   *
   * @default {0 where a seed is given, else the number of samples drawn so far}
   */
  index?: number;
}

/** Options of a prediction with samples, besides those that say which samples. */
export interface RunOptions {
  /**
   * How many samples to predict with. For {@linkcode SwagModel.getLogits}
   * `undefined` predicts once, with the weights as they are.
   *
   * @default {undefined for getLogits; 30 for predict}
   */
  numPredictions?: number | undefined;
  /**
   * Whether the model is in training mode while it predicts; afterwards it is in
   * the same mode as before. In training mode dropout is active, and its noise
   * adds to that of the posterior (Monte Carlo dropout).
   *
   * @default {false}
   */
  training?: boolean;
}

/**
 * Options of a prediction that is summarized: which samples, how many, and what the
 * model predicts.
 */
export type SummarizedRunOptions<
  Sampling extends object,
  Problem extends PredictionProblem = PredictionProblem,
> =
  & Sampling
  & RunOptions
  & {
    /**
     * What the model predicts: numbers, one of several classes, or several labels
     * of which any number may apply.
     *
     * @default {what the model's `config.problemType` says for logits of two axes,
     * else one of several classes}
     */
    problemType?: Problem | undefined;
  };

/** Options of {@linkcode SwagModel.getLogits}. */
export type LogitsOptions = SampleOptions & RunOptions;

/** Options of {@linkcode SwagModel.predict}. */
export type PredictOptions<
  Problem extends PredictionProblem = PredictionProblem,
> = SummarizedRunOptions<SampleOptions, Problem>;

/** The names of {@linkcode SampleOptions}. */
export const SAMPLE_OPTIONS = [
  "scale",
  "cov",
  "blockwise",
  "seed",
  "index",
] as const;

/**
 * Fills in the defaults of the options that select a Gaussian.
 *
 * @throws {RangeError} If nothing has been collected, or the scale is negative.
 * @throws {TypeError} If `cov` is set and the posterior keeps no deviations.
 */
export function resolveGaussian(
  options: SampleOptions,
  { action, collections, hasDeviations }: {
    /** What is done, for messages. */
    action: string;
    collections: number;
    hasDeviations: boolean;
  },
): DensityOptions {
  const { blockwise = false, cov = hasDeviations } = options;
  const { scale = cov ? 0.5 : 1 } = options;
  if (collections === 0) {
    throw new RangeError(
      `Cannot ${action}: nothing has been collected, ` +
        "call collectModel() before",
    );
  }
  if (!(scale >= 0 && scale < Infinity)) {
    throw new RangeError(
      `Cannot ${action} with scale ${scale}: it must not be negative`,
    );
  }
  if (cov && !hasDeviations) {
    throw new TypeError(
      `Cannot ${action} with cov: the posterior keeps no deviations, ` +
        "build it with noCovMat: false",
    );
  }
  return { scale, cov, blockwise };
}
