// Copyright 2026 the swagpu authors. MIT license.

/**
 * What language models say of tokens that are known: how probable each is, and which
 * token the model holds to be the most probable.
 *
 * @module
 */

import {
  type AnyTensor,
  argmax,
  crossEntropy,
  type IntegerTensor,
  type Tensor,
} from "../../engine/mod.ts";
import type { PretrainedConfig } from "../../models/mod.ts";

/** What a model says of the known tokens of a row. */
export interface TokenScores {
  /** The ids of the true tokens. */
  readonly labels: Int32Array<ArrayBuffer>;
  /** The natural logarithm of each true token's probability. */
  readonly logProbabilities: Float32Array<ArrayBuffer>;
  /** The ids of the most probable tokens. */
  readonly best: Int32Array<ArrayBuffer>;
  /** The natural logarithm of the most probable tokens' probabilities. */
  readonly bestLogProbabilities: Float32Array<ArrayBuffer>;
}

/** Scores without values for the tokens of a row. */
export function emptyScores(labels: ArrayLike<number>): TokenScores {
  const count = labels.length;
  return {
    labels: Int32Array.from(labels),
    logProbabilities: new Float32Array(count),
    best: new Int32Array(count),
    bestLogProbabilities: new Float32Array(count),
  };
}

/**
 * Computes what {@linkcode TokenScores} hold, three small tensors `[tokens]`: the
 * scores of a whole vocabulary never leave the GPU.
 *
 * @param logits The scores of the vocabulary for each token, `[tokens, vocabulary]`.
 * @param labels The ids of the true tokens, `[tokens]`.
 * @returns The losses of the true tokens, the best tokens, and the losses of these.
 */
export function tokenTensors(
  logits: Tensor,
  labels: IntegerTensor,
): [losses: AnyTensor, best: AnyTensor, bestLosses: AnyTensor] {
  const best = argmax(logits, { axis: 1 });
  return [
    crossEntropy(logits, labels, { reduction: "none" }),
    best,
    crossEntropy(logits, best, { reduction: "none" }),
  ];
}

/**
 * The logarithm of each probability's mean over members.
 *
 * @param members The logarithms of each member, all equally many.
 */
export function logMeans(
  members: readonly ArrayLike<number>[],
): Float64Array<ArrayBuffer> {
  const [first = []] = members;
  return Float64Array.from({ length: first.length }, (_, i) => {
    let highest = -Infinity;
    for (const own of members) highest = Math.max(highest, own[i] ?? NaN);
    if (!Number.isFinite(highest)) return highest;
    let sum = 0;
    for (const own of members) sum += Math.exp((own[i] ?? NaN) - highest);
    return highest + Math.log(sum / members.length);
  });
}

/**
 * How many tokens of a row are predicted right. Each member votes for the token that
 * it holds to be the most probable, with the probability that it gives to it.
 */
export function countCorrect(members: readonly TokenScores[]): number {
  const [first] = members;
  if (!first) return 0;
  let correct = 0;
  first.labels.forEach((label, i) => {
    const votes = new Map<number, number>();
    for (const { best, bestLogProbabilities } of members) {
      const token = best[i] ?? -1;
      const weight = Math.exp(bestLogProbabilities[i] ?? NaN);
      votes.set(token, (votes.get(token) ?? 0) + weight);
    }
    const [[winner]] = [...votes].sort(([, a], [, b]) => b - a) as [
      [number, number],
    ];
    if (winner === label) correct++;
  });
  return correct;
}

/** The most scores of tokens in the vocabulary that a batch may have: 256 MiB. */
const MOST_SCORES = 2 ** 26;

/**
 * How many rows are computed at a time: as many as asked for, or fewer if the scores
 * of the vocabulary for all of their tokens would take more than 256 MiB.
 *
 * @param asked The most rows.
 * @param longest The tokens of the longest row for which there are scores.
 * @param config The configuration of the model, which has the size of the vocabulary.
 */
export function rowsAtATime(
  asked: number,
  longest: number,
  config: PretrainedConfig,
): number {
  const { vocab_size: vocabulary } = config.toJSON();
  const width = typeof vocabulary === "number" ? vocabulary : 1;
  const fitting = Math.floor(MOST_SCORES / (Math.max(1, longest) * width));
  return Math.max(1, Math.min(asked, fitting));
}
