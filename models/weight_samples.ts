// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * What models need to know of distributions over their weights: how to compute with
 * samples of them. The posteriors of `@swagpu/swagpu/swag` have these methods; models
 * know nothing else of them.
 *
 * @module
 */

import type { Tensor } from "../engine/mod.ts";

/** How a pipeline samples a distribution over weights, for each batch. */
export interface PosteriorSampling {
  /**
   * The number of samples to average over, of each particle where there are several.
   *
   * @default {the posterior's; 10 where texts are written}
   */
  numPredictions?: number;
  /** A factor of the covariance. @default {the posterior's} */
  scale?: number;
  /**
   * Whether samples include the covariance of weights.
   *
   * @default {the posterior's}
   */
  cov?: boolean;
  /** Equal seeds give equal samples. @default {0} */
  seed?: number | bigint;
}

/** The scores of tokens as the first and the last of an answer, `[batch, length]`. */
export interface SpanLogits {
  /** The scores as the first. */
  readonly startLogits: Tensor;
  /** The scores as the last. */
  readonly endLogits: Tensor;
}

/** A distribution over a model's weights: a `SwagModel` is one. */
export interface WeightPosterior extends Partial<WeightSamples> {
  /**
   * Runs a model with several samples of its weights, and restores the weights.
   * Logits `[batch, …, classes]` become `[batch, samples, …, classes]`; the two of
   * answers become `[batch, samples, 2, length]`.
   */
  getLogits(
    forward: () => Tensor | { readonly logits: Tensor } | SpanLogits,
    options: PosteriorSampling,
  ): Tensor;
}

/**
 * What computes with several samples of a model's weights, and may wait meanwhile: the
 * posteriors of `@swagpu/swagpu/swag` do.
 */
export interface WeightSamples {
  /** How many samples are enough, if nobody asks for a number. @default {30} */
  readonly defaultPredictions?: number | undefined;
  /**
   * What predictions divide logits by. Texts cannot be written with any but 1, because
   * functions that {@linkcode mapSamples} calls see the model's own logits.
   *
   * @default {1}
   */
  readonly temperature?: number | undefined;
  /**
   * Calls a function with each of several samples in the model, one after the other,
   * and then writes back the model's own weights.
   */
  mapSamples<T>(
    run: (sample: number) => Promise<T>,
    options: PosteriorSampling,
  ): Promise<T[]>;
}

/** Which sample of a distribution over weights to take. */
export interface WeightSampling {
  /** A factor of the covariance. @default {the sampler's} */
  scale?: number;
  /**
   * Whether the sample includes the covariance of weights.
   *
   * @default {the sampler's}
   */
  cov?: boolean;
  /** Equal seeds and indices give equal samples. @default {0} */
  seed?: number | bigint;
  /**
   * The number of the sample among those of the seed, from 0 on.
   *
   * @default {0 where a seed is given, else the number of samples drawn so far}
   */
  index?: number;
}

/** What writes samples into a model: a `SwagModel` does. */
export interface WeightSampler {
  /**
   * Calls a function while the model holds a sample, and then writes back its own
   * weights: if the function returns a promise, when that settles.
   */
  withSample<T>(options: WeightSampling, run: () => T): T;
}
