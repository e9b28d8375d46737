// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How uncertain a single model is about what it generates: from samples, by
 * their meaning, and from the tokens of one text.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";
import { checkClass, checkNumbers, checkPaired, columns } from "./rows.ts";
import { meanOf, Sum } from "./sums.ts";

/** Options of {@linkcode semanticEntropy}. */
export interface SemanticEntropyOptions {
  /** The number of sampled texts for each input. */
  samples: number;
  /** The texts, [inputs, samples]; only `unique` needs them. */
  texts?: ArrayLike<string>;
}

/** Entropies over meanings in nats, each [inputs]. */
export interface SemanticEntropy {
  /**
   * −1/S Σᵢ log p(cluster of sample i), where p(cluster) is the sum of the
   * probabilities of its samples, not normalized (Kuhn et al., 2023). A text
   * that was drawn twice counts twice, and values may exceed the logarithm of
   * the number of clusters. (lm-polygraph: SemanticEntropy.)
   */
  monteCarlo: Float64Array<ArrayBuffer>;
  /**
   * −Σᵢ p log p of the same masses, over samples.
   */
  direct: Float64Array<ArrayBuffer>;
  /**
   * As `monteCarlo`, where each text of a cluster counts once in its mass; only
   * with `texts`. (lm-polygraph: SemanticEntropyUnique.)
   */
  unique?: Float64Array<ArrayBuffer>;
  /**
   * The entropy of the clusters' frequencies, which needs no probabilities
   * (Farquhar et al., 2024: discrete semantic entropy). (lm-polygraph:
   * SemanticEntropyEmpirical.)
   */
  discrete: Float64Array<ArrayBuffer>;
  /** −Σᵢ f log f of the frequencies, over samples. */
  discreteDirect: Float64Array<ArrayBuffer>;
  /**
   * The entropy of the clusters' masses, normalized to 1 (Farquhar et al.,
   * 2024).
   */
  normalized: Float64Array<ArrayBuffer>;
}

/** Options of {@linkcode monteCarloSequenceEntropy}. */
export interface MonteCarloSequenceEntropyOptions {
  /** The number of sampled texts for each input. */
  samples: number;
  /**
   * The number of tokens of each text, [inputs, samples]. With it, the
   * log-probability of each text is divided by its length.
   */
  lengths?: ArrayLike<number>;
}

/** How sure a model is of texts that it generated, each [texts]. */
export interface SequenceConfidence {
  /**
   * −Σ log p over the tokens. (lm-polygraph: MaximumSequenceProbability.)
   */
  negativeLogProbability: Float64Array<ArrayBuffer>;
  /**
   * The mean of −log p over the tokens. (lm-polygraph's class Perplexity is this
   * mean, not its exponential.)
   */
  meanNegativeLogProbability: Float64Array<ArrayBuffer>;
  /** exp(mean log p), the geometric mean of the tokens' probabilities. */
  lengthNormalizedProbability: Float64Array<ArrayBuffer>;
  /** exp(−mean log p), the perplexity of the text. */
  perplexity: Float64Array<ArrayBuffer>;
}

/**
 * Semantic entropy: how many meanings sampled texts have, rather than how many
 * wordings (Kuhn et al., 2023).
 *
 * Texts of equal meaning form a cluster, usually those that entail each other.
 *
 * @param logProbabilities The log-probability of each sampled text,
 * [inputs, samples].
 * @param clusters The cluster number of each text, [inputs, samples]. Numbers
 * count within an input.
 * @param options The number of samples, and the texts.
 * @returns Six versions of the entropy; see there.
 * @throws {RangeError} If the lists do not fill whole inputs or do not match, a
 * log-probability is NaN, or a cluster is not an integer of at least 0.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two of four texts mean the same
 * ```ts
 * import { semanticEntropy } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logs = [-1, -1, -1, -1];
 * const { discrete } = semanticEntropy(logs, [0, 0, 1, 1], { samples: 4 });
 * assertAlmostEquals(discrete[0] ?? 0, Math.LN2);
 * ```
 */
export function semanticEntropy(
  logProbabilities: ArrayLike<number>,
  clusters: ArrayLike<number>,
  options: SemanticEntropyOptions,
): SemanticEntropy {
  const action = "measure semantic entropy";
  checkKnown(action, options, ["samples", "texts"]);
  const { samples, texts } = options;
  const inputs = columns(action, logProbabilities.length, samples);
  checkPaired(action, logProbabilities, clusters);
  checkNumbers(action, logProbabilities, "log-probability");
  if (texts && texts.length !== clusters.length) {
    throw new RangeError(
      `Cannot ${action}: ${texts.length} texts and ${clusters.length} clusters, expected equal numbers`,
    );
  }
  for (let i = 0; i < clusters.length; i++) {
    checkClass(action, clusters[i] ?? -1, { row: i, name: "cluster" });
  }
  const empty = () => new Float64Array(inputs);
  const result = {
    monteCarlo: empty(),
    direct: empty(),
    ...(texts ? { unique: empty() } : {}),
    discrete: empty(),
    discreteDirect: empty(),
    normalized: empty(),
  } satisfies SemanticEntropy as SemanticEntropy;
  for (let input = 0; input < inputs; input++) {
    const all = Array.from({ length: samples }, (_, s) => input * samples + s);
    const groups = Map.groupBy(all, (i) => clusters[i] ?? 0);
    const total = logSum(all.map((i) => logProbabilities[i] ?? NaN));
    const seen = new Set<string>();
    for (const members of groups.values()) {
      const size = members.length;
      const mass = logSum(members.map((i) => logProbabilities[i] ?? NaN));
      const frequency = size / samples;
      const share = Math.exp(mass - total);
      add(result.monteCarlo, input, -mass * frequency);
      add(result.direct, input, size * surprise(mass));
      add(result.discrete, input, -frequency * Math.log(frequency));
      add(
        result.discreteDirect,
        input,
        -size * frequency * Math.log(frequency),
      );
      add(result.normalized, input, share === 0 ? 0 : share * (total - mass));
      if (!texts || !result.unique) continue;
      seen.clear();
      const first = members.filter((i) => {
        const isNew = !seen.has(texts[i] ?? "");
        seen.add(texts[i] ?? "");
        return isNew;
      });
      const own = logSum(first.map((i) => logProbabilities[i] ?? NaN));
      add(result.unique, input, -own * frequency);
    }
  }
  return result;
}

/**
 * The Monte Carlo estimate of the entropy of a model's texts, −1/S Σ log p over
 * sampled texts.
 *
 * @param logProbabilities The log-probability of each sampled text,
 * [inputs, samples].
 * @param options The number of samples, and the lengths if log-probabilities
 * should be divided by them (normalized entropy; Malinin and Gales, 2021).
 * @returns Nats, or nats per token, [inputs].
 * @throws {RangeError} If the lists do not fill whole inputs or do not match, a
 * log-probability is NaN, or a length is not a positive integer.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two samples
 * ```ts
 * import { monteCarloSequenceEntropy } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...monteCarloSequenceEntropy([-2, -4], { samples: 2 })], [3]);
 * ```
 */
export function monteCarloSequenceEntropy(
  logProbabilities: ArrayLike<number>,
  options: MonteCarloSequenceEntropyOptions,
): Float64Array<ArrayBuffer> {
  const action = "measure sequence entropy";
  checkKnown(action, options, ["samples", "lengths"]);
  const { samples, lengths } = options;
  const inputs = columns(action, logProbabilities.length, samples);
  checkNumbers(action, logProbabilities, "log-probability");
  if (lengths) {
    checkPaired(action, logProbabilities, lengths);
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i] ?? NaN;
      if (Number.isSafeInteger(length) && length > 0) continue;
      throw new RangeError(
        `Cannot ${action}: length ${i} is ${length}, but must be an integer above 0`,
      );
    }
  }
  return Float64Array.from(
    { length: inputs },
    (_, input) =>
      -meanOf(samples, (s) => {
        const at = input * samples + s;
        return (logProbabilities[at] ?? NaN) / (lengths?.[at] ?? 1);
      }),
  );
}

/**
 * How sure a model is of each text, from the log-probabilities of its tokens.
 *
 * @param logProbabilities The log-probability of each generated token, one list
 * for each text.
 * @returns Four measures of each text.
 * @throws {RangeError} If a text has no tokens, or a log-probability is NaN.
 *
 * @example Two tokens
 * ```ts
 * import { sequenceConfidence } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { perplexity } = sequenceConfidence([[Math.log(0.5), Math.log(0.125)]]);
 * assertAlmostEquals(perplexity[0] ?? 0, 4);
 * ```
 */
export function sequenceConfidence(
  logProbabilities: readonly ArrayLike<number>[],
): SequenceConfidence {
  const action = "measure confidence";
  const means = Float64Array.from(logProbabilities, (list, text) => {
    if (list.length === 0) {
      throw new RangeError(`Cannot ${action}: text ${text} has no tokens`);
    }
    checkNumbers(action, list, "log-probability");
    return -meanOf(list.length, (i) => list[i] ?? NaN);
  });
  return {
    negativeLogProbability: Float64Array.from(logProbabilities, (list) => {
      const sum = new Sum();
      for (let i = 0; i < list.length; i++) sum.add(-(list[i] ?? NaN));
      return sum.value;
    }),
    meanNegativeLogProbability: means,
    lengthNormalizedProbability: means.map((mean) => Math.exp(-mean)),
    perplexity: means.map(Math.exp),
  };
}

/** log Σ exp of numbers. */
function logSum(logs: readonly number[]): number {
  const largest = logs.reduce((max, log) => Math.max(max, log), -Infinity);
  if (largest === -Infinity) return -Infinity;
  let sum = 0;
  for (const log of logs) sum += Math.exp(log - largest);
  return largest + Math.log(sum);
}

/** −p log p of a log-probability; 0 for p = 0. */
function surprise(log: number): number {
  return log === -Infinity ? 0 : -Math.exp(log) * log;
}

function add(list: Float64Array, at: number, term: number): void {
  list[at] = (list[at] ?? 0) + term;
}
