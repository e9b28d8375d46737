// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The types of pipelines that average over samples of a model's weights and
 * report how much the samples disagree.
 *
 * @module
 */

import type { Tensor } from "../../engine/mod.ts";
import type { PretrainedConfig } from "../config.ts";
import type { PreTrainedModel } from "../pretrained.ts";

/** How a pipeline samples a distribution over weights, for each batch. */
export interface PosteriorSampling {
  /** The number of samples to average over. @default {30} */
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

/** A distribution over a model's weights: a `SwagModel` is one. */
export interface WeightPosterior {
  /**
   * Runs a model with several samples of its weights, and restores the weights.
   * Logits `[batch, …, classes]` become `[batch, samples, …, classes]`.
   */
  getLogits(
    forward: () => Tensor | { readonly logits: Tensor },
    options: PosteriorSampling,
  ): Tensor;
}

/** A posterior, or a function that makes one for the loaded model. */
export type PosteriorSource =
  | WeightPosterior
  | ((
    model: PreTrainedModel<PretrainedConfig>,
  ) => WeightPosterior | Promise<WeightPosterior>);

/** A posterior, and how to sample it. */
export interface SampledPosterior {
  /** The posterior. */
  readonly posterior: WeightPosterior;
  /** How to sample it. */
  readonly sampling: PosteriorSampling;
}

/** How unsure a prediction is. */
export interface LabelUncertainty {
  /** The standard deviation of the score over the samples. */
  std: number;
  /** The total uncertainty, in nats: the entropy of the mean. */
  entropy?: number;
  /**
   * The part of the entropy on which the samples disagree, in nats. The rest is
   * noise in the data.
   */
  mutualInformation?: number;
}

/** The function that turns logits into scores. */
export type ScoreFunction = "sigmoid" | "softmax" | "none";
