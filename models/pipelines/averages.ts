// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// From logits to scores: those of a model, or the mean over samples of its
// weights.

import type { Tensor } from "../../engine/mod.ts";
import { uncertaintyParts } from "../../nn/mod.ts";
import type { SpanLogits } from "../weight_samples.ts";
import { checked, softmax } from "./scores.ts";
import type {
  LabelUncertainty,
  SampledPosterior,
  ScoreFunction,
} from "./posterior.ts";

/** The scores of a row and, where there are samples, their uncertainty. */
export interface RowScores {
  readonly scores: Float64Array<ArrayBuffer>;
  readonly uncertainty?: readonly LabelUncertainty[];
}

/** The logits of a model, or of each sample of its weights. */
export function logitsOf(
  forward: () => { readonly logits: Tensor },
  sampled: SampledPosterior | undefined,
): Tensor {
  return sampled ? sampledLogits(forward, sampled) : forward().logits;
}

/**
 * The scores of the first and the last token of answers, `[batch, length]` each, or
 * those of each sample of the weights, `[batch, samples, 2, length]`.
 */
export function spanLogitsOf(
  forward: () => SpanLogits,
  sampled: SampledPosterior | undefined,
): Tensor[] {
  if (sampled) return [sampledLogits(forward, sampled)];
  const { startLogits, endLogits } = forward();
  return [startLogits, endLogits];
}

function sampledLogits(
  forward: () => { readonly logits: Tensor } | SpanLogits,
  { posterior, sampling }: SampledPosterior,
): Tensor {
  return posterior.getLogits(forward, {
    numPredictions: posterior.defaultPredictions ?? 30,
    seed: 0,
    ...sampling,
  });
}

/** Turns logits into scores. */
export function scoresOf(
  name: ScoreFunction,
  logits: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  if (name === "softmax") return softmax(logits);
  const values = Float64Array.from(checked(logits));
  return name === "none" ? values : values.map((x) => 1 / (1 + Math.exp(-x)));
}

/**
 * The mean scores over samples, and how much the samples disagree. `logits` is
 * `[samples, width]`.
 */
export function averaged(
  name: ScoreFunction,
  logits: Float32Array | Float64Array,
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

/** The uncertainty of a choice among all labels. */
export function sharedParts(
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

/** The uncertainty of a label that is independent of the others. */
function ownParts(
  probabilities: readonly number[],
): Omit<LabelUncertainty, "std"> {
  return sharedParts(
    probabilities.map((p) => Float64Array.of(p, 1 - p)),
    2,
  );
}

/** The probabilities of a token's labels. */
export interface TokenScores {
  /** The mean over samples of the weights. */
  readonly scores: Float64Array<ArrayBuffer>;
  /** Those of each sample, if there are any. */
  readonly samples?: readonly Float64Array<ArrayBuffer>[] | undefined;
}

/**
 * The probabilities of each token's labels, as the mean over samples. `logits`
 * is `[samples, length, width]`.
 */
export function averagedTokens(
  logits: Float32Array,
  { length, width, isSampled }: {
    length: number;
    width: number;
    /** Whether there is a posterior, even if only one sample is drawn. */
    isSampled: boolean;
  },
): TokenScores[] {
  const count = logits.length / (length * width);
  return Array.from({ length }, (_, token): TokenScores => {
    const samples = Array.from({ length: count }, (_, sample) => {
      const at = (sample * length + token) * width;
      return softmax(logits.subarray(at, at + width));
    });
    return { scores: meanOf(samples), ...isSampled && { samples } };
  });
}

/** The element-wise mean of lists of the same length. */
export function meanOf(
  lists: readonly Float64Array[],
): Float64Array<ArrayBuffer> {
  const mean = new Float64Array(lists[0]?.length ?? 0);
  for (const list of lists) {
    for (let k = 0; k < mean.length; k++) {
      mean[k] = (mean[k] ?? 0) + (list[k] ?? NaN) / lists.length;
    }
  }
  return mean;
}

/** How unsure one of several labels is, by the probabilities of each sample. */
export function labelUncertainty(
  samples: readonly Float64Array[],
  id: number,
): LabelUncertainty {
  const classes = samples[0]?.length ?? 0;
  return { std: labelStd(samples, id), ...sharedParts(samples, classes) };
}

/** The standard deviation of a label's probability over samples. */
export function labelStd(
  samples: readonly Float64Array[],
  id: number,
): number {
  return stdOf(samples.map((probabilities) => probabilities[id] ?? NaN));
}

/** The standard deviation of numbers, which divides by how many they are. */
export function stdOf(own: readonly number[]): number {
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const center = mean(own);
  return Math.sqrt(mean(own.map((value) => (value - center) ** 2)));
}
