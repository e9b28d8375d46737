// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Pipelines that average over samples of a model's weights, and say how much
 * these disagree.
 *
 * @module
 */

import type { Tensor } from "../../engine/mod.ts";
import type { PretrainedConfig } from "../config.ts";
import type { PreTrainedModel } from "../pretrained.ts";

/** What a pipeline asks of a distribution over weights for each batch. */
export interface PosteriorSampling {
  /** Samples to average over. @default {30} */
  numPredictions?: number;
  /** Multiplies the covariance. @default {the posterior's} */
  scale?: number;
  /** Whether weights are correlated. @default {the posterior's} */
  cov?: boolean;
  /** Equal seeds give equal samples. @default {0} */
  seed?: number | bigint;
}

/** A distribution over a model's weights: a `SwagModel` is one. */
export interface WeightPosterior {
  /**
   * Runs a model with several samples of its weights, which are then as before.
   * Logits `[batch, …, classes]` become `[batch, samples, …, classes]`.
   */
  getLogits(
    forward: () => Tensor | { readonly logits: Tensor },
    options: PosteriorSampling,
  ): Tensor;
}

/** A posterior, or what makes one for a model that was just loaded. */
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
  /** The standard deviation of the score among the samples. */
  std: number;
  /** All uncertainty, in nats: the entropy of the mean. */
  entropy?: number;
  /** What the samples disagree about, in nats; the rest is noise in the data. */
  mutualInformation?: number;
}

/** The function that makes scores of logits. */
export type ScoreFunction = "sigmoid" | "softmax" | "none";
