// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Predicts reviews with the last weights of a run, with their mean, and with samples.
 *
 * @module
 */

import { scope } from "../../engine/mod.ts";
import type { BertForSequenceClassification } from "../../models/mod.ts";
import {
  type LogitsOptions,
  type MultiSwag,
  summarizeLogits,
  type SwagModel,
} from "../../swag/mod.ts";
import type { Encoded } from "./small_bert.ts";

/** The methods of one run. */
export const METHODS: Readonly<Record<string, LogitsOptions>> = {
  "last iterate": {},
  "SWA": { numPredictions: 1, scale: 0 },
  "SWAG-Diagonal": { numPredictions: 16, scale: 1, cov: false, seed: 0 },
  "SWAG": { numPredictions: 16, scale: 0.5, seed: 0 },
};

/** What a method predicts of some reviews. */
export interface MethodOutput {
  /** The mean probabilities, [rows, classes]. */
  readonly probabilities: Float32Array<ArrayBuffer>;
  /** The parts of each row's uncertainty. */
  readonly uncertainty: {
    readonly expected: Float32Array<ArrayBuffer>;
    readonly mutualInformation: Float32Array<ArrayBuffer>;
  };
  /** How many samples were averaged. */
  readonly samples: number;
}

/**
 * Predicts reviews.
 *
 * @param model The model that the posterior is over, in evaluation mode.
 * @param posterior The posterior.
 * @param reviews The reviews.
 * @param options Which samples; by default the model's own weights.
 * @returns Probabilities and uncertainty of each review.
 */
export async function predict(
  model: BertForSequenceClassification,
  posterior: SwagModel | MultiSwag,
  reviews: Encoded,
  options: LogitsOptions = {},
): Promise<MethodOutput> {
  using _ = scope();
  const logits = posterior.getLogits(() => model.forward(reviews), options);
  const summary = summarizeLogits(logits);
  return {
    probabilities: await summary.probabilities.data(),
    uncertainty: {
      expected: await summary.expectedEntropy.data(),
      mutualInformation: await summary.mutualInformation.data(),
    },
    samples: logits.shape[1] ?? 1,
  };
}
