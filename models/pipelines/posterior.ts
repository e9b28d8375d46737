// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The types of pipelines that average over samples of a model's weights and
 * report how much the samples disagree.
 *
 * @module
 */

import type { PretrainedConfig } from "../config.ts";
import type { PreTrainedModel } from "../pretrained.ts";
import type { PosteriorSampling, WeightPosterior } from "../weight_samples.ts";

export type { PosteriorSampling, WeightPosterior };

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
