// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From a model's logits, or those of samples of its weights, to scores.

import type { Tensor } from "../../engine/mod.ts";
import { uncertaintyParts } from "../../nn/mod.ts";
import { checked, softmax } from "./scores.ts";
import type {
  LabelUncertainty,
  SampledPosterior,
  ScoreFunction,
} from "./posterior.ts";

/** The scores of a row, and how unsure each is where there are samples. */
export interface RowScores {
  readonly scores: Float64Array<ArrayBuffer>;
  readonly uncertainty?: readonly LabelUncertainty[];
}

/** A model's logits, or those of each sample of its weights. */
export function logitsOf(
  forward: () => { readonly logits: Tensor },
  sampled: SampledPosterior | undefined,
): Tensor {
  if (!sampled) return forward().logits;
  return sampled.posterior.getLogits(forward, {
    numPredictions: 30,
    seed: 0,
    ...sampled.sampling,
  });
}

/** Scores of logits. */
export function scoresOf(
  name: ScoreFunction,
  logits: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  if (name === "softmax") return softmax(logits);
  const values = Float64Array.from(checked(logits));
  return name === "none" ? values : values.map((x) => 1 / (1 + Math.exp(-x)));
}

/** The mean scores of samples, `[samples, width]`, and how these disagree. */
export function averaged(
  name: ScoreFunction,
  logits: Float32Array,
  width: number,
): RowScores {
  const count = logits.length / width;
  const samples = Array.from(
    { length: count },
    (_, i) => scoresOf(name, logits.subarray(i * width, (i + 1) * width)),
  );
  const mean = (term: (scores: Float64Array) => number) =>
    samples.reduce((sum, scores) => sum + term(scores), 0) / count;
  const scores = new Float64Array(width)
    .map((_, k) => mean((own) => own[k] ?? NaN));
  const parts = name === "softmax" ? sharedParts(samples, width) : undefined;
  const uncertainty = Array.from(scores, (score, k): LabelUncertainty => ({
    std: Math.sqrt(mean((own) => ((own[k] ?? NaN) - score) ** 2)),
    ...name === "sigmoid"
      ? ownParts(samples.map((own) => own[k] ?? NaN))
      : parts,
  }));
  return { scores, uncertainty };
}

/** The uncertainty of one choice among all labels. */
function sharedParts(
  samples: readonly Float64Array[],
  classes: number,
): Omit<LabelUncertainty, "std"> {
  const members = samples.length;
  const { total, mutualInformation } = uncertaintyParts(
    samples.flatMap((own) => [...own]),
    { members, classes },
  );
  return {
    entropy: total[0] ?? NaN,
    mutualInformation: mutualInformation[0] ?? NaN,
  };
}

/** The uncertainty of a label that is there or not, whatever the others. */
function ownParts(
  probabilities: readonly number[],
): Omit<LabelUncertainty, "std"> {
  return sharedParts(
    probabilities.map((p) => Float64Array.of(p, 1 - p)),
    2,
  );
}

/** The mean probabilities of tokens, of `[samples, length, width]` logits. */
export function averagedTokens(
  logits: Float32Array,
  { length, width }: { length: number; width: number },
): Float64Array<ArrayBuffer>[] {
  const samples = logits.length / (length * width);
  return Array.from({ length }, (_, token) => {
    const mean = new Float64Array(width);
    for (let sample = 0; sample < samples; sample++) {
      const at = (sample * length + token) * width;
      const own = softmax(logits.subarray(at, at + width));
      for (let k = 0; k < width; k++) {
        mean[k] = (mean[k] ?? 0) + (own[k] ?? NaN) / samples;
      }
    }
    return mean;
  });
}
