// Copyright 2026 the swagpu authors. MIT license.

// The parts of uncertainty, and the likelihood of fewer samples, from the predictions
// of single samples.

import {
  negativeLogLikelihood,
  uncertaintyParts,
} from "../../nn/metrics/mod.ts";
import type { MethodResults } from "../run_results.ts";

/** The parts of uncertainty in nats, each [rows]. */
export interface Parts {
  /** Noise in the data: the samples' own mean entropy. */
  aleatoric: ArrayLike<number>;
  /** How much samples disagree. */
  epistemic: ArrayLike<number>;
  /** The part of it that is disagreement between particles. */
  between?: ArrayLike<number>;
}

/** Values in the order [rows, samples, classes]. */
function byRow(
  values: ArrayLike<number>,
  { rows, samples, classes }: {
    rows: number;
    samples: number;
    classes: number;
  },
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(values.length);
  for (let s = 0; s < samples; s++) {
    for (let row = 0; row < rows; row++) {
      const from = (s * rows + row) * classes;
      const to = (row * samples + s) * classes;
      for (let k = 0; k < classes; k++) {
        result[to + k] = values[from + k] ?? NaN;
      }
    }
  }
  return result;
}

/** The mean over groups of consecutive samples, [samples / size, rows, classes]. */
function meansOf(
  values: ArrayLike<number>,
  size: number,
  width: number,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(values.length / size);
  for (let i = 0; i < values.length; i++) {
    const to = Math.floor(i / (size * width)) * width + i % width;
    result[to] = (result[to] ?? 0) + (values[i] ?? NaN) / size;
  }
  return result;
}

/**
 * The parts of a method's uncertainty; `null` if neither samples nor a summary of them
 * were given. With particles, disagreement between them is the mutual information of
 * the particles' own means.
 */
export function partsOf(
  method: MethodResults,
  classes: number,
): Parts | null {
  const { uncertainty, sampleProbabilities, probabilities, particles = 1 } =
    method;
  if (uncertainty) {
    const { expected, mutualInformation, betweenParticles } = uncertainty;
    return {
      aleatoric: expected,
      epistemic: mutualInformation,
      ...(betweenParticles ? { between: betweenParticles } : {}),
    };
  }
  if (!sampleProbabilities || probabilities.length === 0) return null;
  const rows = probabilities.length / classes;
  const samples = sampleProbabilities.length / probabilities.length;
  const { expected, mutualInformation } = uncertaintyParts(
    byRow(sampleProbabilities, { rows, samples, classes }),
    { members: samples, classes },
  );
  const parts = { aleatoric: expected, epistemic: mutualInformation };
  if (particles === 1) return parts;
  const width = probabilities.length;
  const means = meansOf(sampleProbabilities, samples / particles, width);
  const { mutualInformation: between } = uncertaintyParts(
    byRow(means, { rows, samples: particles, classes }),
    { members: particles, classes },
  );
  return { ...parts, between };
}

/** The negative log-likelihood of the mean over the first 1, 2, … samples. */
export function nllBySamples(
  sampleProbabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  width: number,
): { samples: number; nll: number }[] {
  const count = sampleProbabilities.length / width;
  const sum = new Float64Array(width);
  const result = [];
  for (let s = 0; s < count; s++) {
    for (let i = 0; i < width; i++) {
      sum[i] = (sum[i] ?? 0) + (sampleProbabilities[s * width + i] ?? NaN);
    }
    const mean = sum.map((value) => value / (s + 1));
    result.push({ samples: s + 1, nll: negativeLogLikelihood(mean, labels) });
  }
  return result;
}
