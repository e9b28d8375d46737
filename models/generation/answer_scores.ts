// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Scores answers that are written already, with several samples of the weights: the
// probability that each gives to each token, and how far they disagree there. Unlike
// generation this runs all tokens of an answer at once.

import type { PosteriorSampling, WeightSamples } from "../weight_samples.ts";
import {
  AnswerBatch,
  positionsOf,
  type ScoringModel,
  type WrittenAnswer,
} from "./answer_batch.ts";
import { type MixtureEntropies, TokenMixture } from "./token_mixture.ts";

/** What several samples of the weights say of an answer. */
export interface AnswerScores extends MixtureEntropies {
  /** The log-probability of each token by each sample. */
  readonly logProbabilities: readonly Float64Array[];
}

/** How answers are scored. */
export interface ScoringOptions {
  readonly posterior: WeightSamples;
  readonly sampling: PosteriorSampling;
  /** The most answers at a time. */
  readonly batchSize: number;
  /** How samples are mixed; see `EnsembleTextsOptions`. */
  readonly mode: "pe" | "ep";
}

/** The most scores of a batch, of which there are several copies. */
const MOST_SCORES = 2 ** 24;

/**
 * Scores answers with all samples, in batches of answers of similar length.
 *
 * @returns What the samples say of each answer.
 * @throws {RangeError} If a score is NaN.
 * @throws {TypeError} If the model does not score all positions.
 */
export async function scoreAnswers(
  model: ScoringModel,
  answers: readonly WrittenAnswer[],
  options: ScoringOptions,
): Promise<AnswerScores[]> {
  const lengths = answers.map(positionsOf);
  const lengthAt = (index: number) => lengths[index] ?? 0;
  const order = [...answers.keys()]
    .sort((a, b) => lengthAt(a) - lengthAt(b));
  const fields = model.config.toJSON();
  const size = fields.decoder_vocab_size ?? fields.vocab_size;
  const vocabulary = typeof size === "number" ? size : 1;
  const scores: AnswerScores[] = [];
  for (let at = 0; at < order.length;) {
    const rows: number[] = [];
    for (; at < order.length; at++) {
      const tokens = lengthAt(order[at] ?? 0) * vocabulary;
      const isFull = rows.length === options.batchSize ||
        tokens * (rows.length + 1) > MOST_SCORES;
      if (isFull && rows.length > 0) break;
      rows.push(order[at] ?? 0);
    }
    const batch = new AnswerBatch(
      model,
      rows.flatMap((row) => answers[row] ?? []),
    );
    const found = await scoreBatch(batch, options);
    rows.forEach((row, i) => scores[row] = found[i] as AnswerScores);
  }
  return scores;
}

/** Scores a batch with all samples. */
async function scoreBatch(
  batch: AnswerBatch,
  { posterior, sampling, mode }: ScoringOptions,
): Promise<AnswerScores[]> {
  // Weights by the text so far have to be known before samples can be mixed.
  const before = mode === "ep"
    ? await posterior.mapSamples(() => batch.logProbabilities(), sampling)
    : [];
  const starts = new Set(batch.spans.map(([start]) => start));
  const weights = weightsByPrefix(before, (at) => starts.has(at));
  using mixture = new TokenMixture();
  const logs = await posterior.mapSamples(
    (sample) =>
      batch.logProbabilities((logits) => mixture.add(logits, weights[sample])),
    sampling,
  );
  const { total, data, cross } = await mixture.entropies();
  return batch.spans.map(([start, end]) => ({
    total: total.subarray(start, end),
    data: data.subarray(start, end),
    cross: cross.subarray(start, end),
    logProbabilities: logs.map((own) => own.subarray(start, end)),
  }));
}

/**
 * The weight of each sample at each place: its share in the probability that all
 * samples give to the text so far.
 *
 * @param logs The log-probability of each token by each sample.
 * @param isFirst Whether a text begins at a place.
 */
function weightsByPrefix(
  logs: readonly Float64Array[],
  isFirst: (at: number) => boolean,
): Float32Array<ArrayBuffer>[] {
  const prefixes = logs.map((own) => {
    let sum = 0;
    return own.map((log, at) => {
      if (isFirst(at)) sum = 0;
      const before = sum;
      sum += log;
      return before;
    });
  });
  const weights = prefixes.map(({ length }) => new Float32Array(length));
  for (let at = 0; at < (logs[0]?.length ?? 0); at++) {
    const own = prefixes.map((prefix) => prefix[at] ?? NaN);
    const largest = Math.max(...own);
    const masses = own.map((log) => Math.exp(log - largest));
    const total = masses.reduce((sum, mass) => sum + mass, 0);
    weights.forEach((list, m) => list[at] = (masses[m] ?? NaN) / total);
  }
  return weights;
}
