// Copyright 2026 the swagpu authors. MIT license.

// How options of generation change the scores of the next token, on the host: a
// processor changes one row of scores in place. The arithmetic is that of 32-bit
// floats, as in transformers.

import type { GenerationConfig } from "../../models/generation/mod.ts";

/**
 * Changes the scores of the next token.
 *
 * @param tokens The tokens so far, the prompt's first.
 * @param scores A score for each token of the vocabulary.
 */
export type LogitsProcessor = (
  tokens: readonly number[],
  scores: Float32Array,
) => void;

/** What {@linkcode logitsProcessors} needs besides the configuration. */
export interface ProcessorContext {
  /** Tokens before the first new one. */
  readonly promptLength: number;
  /** Tokens that a row may have, the prompt's counted. */
  readonly maxLength: number;
  /** The tokens that end a row. */
  readonly eosTokenIds: readonly number[];
}

/** The processors of a configuration, in the order of transformers. */
export function logitsProcessors(
  config: GenerationConfig,
  { promptLength, maxLength, eosTokenIds }: ProcessorContext,
): LogitsProcessor[] {
  const processors: LogitsProcessor[] = [];
  const { sequenceBias, badWordsIds, suppressTokens, beginSuppressTokens } =
    config;
  if (sequenceBias) processors.push(biasSequences(sequenceBias));
  if (config.repetitionPenalty !== 1) {
    processors.push(penalizeRepetition(config.repetitionPenalty));
  }
  if (config.noRepeatNgramSize > 0) {
    processors.push(forbidRepeatedNgrams(config.noRepeatNgramSize));
  }
  if (badWordsIds) processors.push(forbidWords(badWordsIds, eosTokenIds));
  if (eosTokenIds.length > 0) {
    const length = config.minNewTokens === null
      ? config.minLength
      : promptLength + config.minNewTokens;
    if (length > promptLength) {
      processors.push(requireLength(length, eosTokenIds));
    }
  }
  if (config.forcedBosTokenId !== null) {
    processors.push(forceAt(1, [config.forcedBosTokenId]));
  }
  if (config.forcedEosTokenId !== null) {
    processors.push(
      forceAt(maxLength - 1, listOf(config.forcedEosTokenId)),
    );
  }
  if (config.removeInvalidValues) processors.push(removeInvalidValues);
  if (suppressTokens) processors.push(suppress(suppressTokens));
  if (beginSuppressTokens) {
    const begin = promptLength > 1 || config.forcedBosTokenId === null
      ? promptLength
      : promptLength + 1;
    processors.push(suppressAt(begin, beginSuppressTokens));
  }
  if (config.doSample) processors.push(...warpers(config, eosTokenIds.length));
  if (config.renormalizeLogits) processors.push(logSoftmax);
  return processors;
}

/** Those that narrow down what is sampled from. */
function warpers(
  config: GenerationConfig,
  endings: number,
): LogitsProcessor[] {
  const { temperature, topK, topP, minP, numBeams } = config;
  // Beams that end need others to take their place.
  const kept = numBeams > 1 ? Math.max(2, endings + 1) : 1;
  return [
    ...(temperature !== 1 ? [divideBy(temperature)] : []),
    ...(topK > 0 ? [keepTopK(topK, kept)] : []),
    ...(topP < 1 ? [keepTopP(topP, kept)] : []),
    ...(minP !== null ? [keepAboveP(minP, kept)] : []),
  ];
}

/** One or several as a list. */
export function listOf(
  value: number | readonly number[] | null,
): readonly number[] {
  if (value === null) return [];
  return typeof value === "number" ? [value] : value;
}

/** Adds a bias to the last token of each sequence where it would complete it. */
export function biasSequences(
  biases: readonly (readonly [readonly number[], number])[],
): LogitsProcessor {
  return (tokens, scores) => {
    for (const [sequence, bias] of biases) {
      const last = sequence[sequence.length - 1] ?? -1;
      if (last < 0 || last >= scores.length) {
        throw new RangeError(
          `Cannot bias token ${last}: there are ${scores.length} tokens`,
        );
      }
      // One token too strict for a row that is a sequence's whole beginning,
      // and so in transformers.
      if (sequence.length > 1 && sequence.length > tokens.length) continue;
      const start = tokens.length - sequence.length + 1;
      let completes = true;
      for (let i = 0; i < sequence.length - 1; i++) {
        if (tokens[start + i] !== sequence[i]) completes = false;
      }
      if (completes) scores[last] = (scores[last] ?? 0) + bias;
    }
  };
}

/** Forbids to complete a word; the end of a row is never forbidden. */
export function forbidWords(
  words: readonly (readonly number[])[],
  eosTokenIds: readonly number[],
): LogitsProcessor {
  return biasSequences(
    words
      .filter((word) => word.length > 1 || !eosTokenIds.includes(word[0] ?? -1))
      .map((word) => [word, -Infinity]),
  );
}

/** Makes tokens that were there less likely: once each, prompt included. */
export function penalizeRepetition(penalty: number): LogitsProcessor {
  return (tokens, scores) => {
    for (const token of new Set(tokens)) {
      const score = scores[token];
      if (score === undefined) continue;
      scores[token] = score < 0 ? score * penalty : score / penalty;
    }
  };
}

/** Forbids to complete a run of `size` tokens that was there before. */
export function forbidRepeatedNgrams(size: number): LogitsProcessor {
  return (tokens, scores) => {
    const start = tokens.length - size + 1; // of the run to be completed
    for (let i = 0; i < start; i++) {
      let same = true;
      for (let k = 0; k < size - 1 && same; k++) {
        same = tokens[i + k] === tokens[start + k];
      }
      const banned = tokens[i + size - 1];
      if (same && banned !== undefined && banned < scores.length) {
        scores[banned] = -Infinity;
      }
    }
  };
}

/** Forbids to end a row before it has `length` tokens. */
export function requireLength(
  length: number,
  eosTokenIds: readonly number[],
): LogitsProcessor {
  const forbid = suppress(eosTokenIds);
  return (tokens, scores) => {
    if (tokens.length < length) forbid(tokens, scores);
  };
}

/** Allows only `forced` after exactly `length` tokens. */
export function forceAt(
  length: number,
  forced: readonly number[],
): LogitsProcessor {
  return (tokens, scores) => {
    if (tokens.length !== length) return;
    scores.fill(-Infinity);
    for (const token of forced) {
      if (token < scores.length) scores[token] = 0;
    }
  };
}

/** Forbids tokens. */
export function suppress(forbidden: readonly number[]): LogitsProcessor {
  return (_, scores) => {
    for (const token of forbidden) {
      if (token < scores.length) scores[token] = -Infinity;
    }
  };
}

/** Forbids tokens after exactly `length` tokens. */
export function suppressAt(
  length: number,
  forbidden: readonly number[],
): LogitsProcessor {
  const forbid = suppress(forbidden);
  return (tokens, scores) => {
    if (tokens.length === length) forbid(tokens, scores);
  };
}

const LARGEST_F32 = 3.4028234663852886e38;

/** Makes NaN 0 and infinities the largest finite numbers. */
export function removeInvalidValues(
  _: readonly number[],
  scores: Float32Array,
): void {
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] ?? 0;
    scores[i] = Number.isNaN(score)
      ? 0
      : Math.min(LARGEST_F32, Math.max(-LARGEST_F32, score));
  }
}

/** Divides by a temperature: above 1 the tokens become more alike. */
export function divideBy(temperature: number): LogitsProcessor {
  return (_, scores) => {
    for (let i = 0; i < scores.length; i++) {
      scores[i] = (scores[i] ?? 0) / temperature;
    }
  };
}

/** Keeps the `count` best tokens, and all that are as good as the last. */
export function keepTopK(count: number, kept = 1): LogitsProcessor {
  return (_, scores) => {
    const rank = Math.min(Math.max(count, kept), scores.length);
    const threshold = scores.toSorted()[scores.length - rank] ?? -Infinity;
    for (let i = 0; i < scores.length; i++) {
      if ((scores[i] ?? 0) < threshold) scores[i] = -Infinity;
    }
  };
}

/**
 * Keeps the best tokens whose probabilities together reach `share`, and all that
 * are as good as the last of them.
 */
export function keepTopP(share: number, kept = 1): LogitsProcessor {
  return (_, scores) => {
    const probabilities = softmax(scores);
    const order = ascending(scores);
    let last = Math.max(0, order.length - kept);
    let below = 0;
    for (const [place, i] of order.subarray(0, last).entries()) {
      below += probabilities[i] ?? 0;
      if (below > 1 - share) {
        last = place;
        break;
      }
    }
    const least = scores[order[last] ?? 0] ?? 0;
    for (let i = 0; i < scores.length; i++) {
      if ((scores[i] ?? 0) < least) scores[i] = -Infinity;
    }
  };
}

/** Keeps tokens at least `share` as probable as the best. */
export function keepAboveP(share: number, kept = 1): LogitsProcessor {
  return (_, scores) => {
    const probabilities = softmax(scores);
    const order = ascending(scores);
    const least = share * (probabilities[order[order.length - 1] ?? 0] ?? 0);
    const worst = scores[order[Math.max(0, order.length - kept)] ?? 0] ?? 0;
    for (let i = 0; i < scores.length; i++) {
      const drop = (scores[i] ?? 0) < worst && (probabilities[i] ?? 0) < least;
      if (drop) scores[i] = -Infinity;
    }
  };
}

/** The places of the scores, the lowest first. */
function ascending(scores: Float32Array): Uint32Array {
  return Uint32Array.from(scores.keys()).sort((a, b) =>
    (scores[a] ?? 0) - (scores[b] ?? 0) || 0
  );
}

/** The probabilities of scores, in float64. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  const y = Float64Array.from(scores);
  const highest = maximum(y);
  if (highest === -Infinity) return y.fill(0);
  let sum = 0;
  for (let i = 0; i < y.length; i++) {
    sum += y[i] = Math.exp((y[i] ?? 0) - highest);
  }
  return y.map((value) => value / sum);
}

/** Turns scores into the logarithms of their probabilities, in place. */
export function logSoftmax(_: readonly number[], scores: Float32Array): void {
  const highest = maximum(scores);
  let sum = 0;
  for (let i = 0; i < scores.length; i++) {
    sum += Math.exp((scores[i] ?? 0) - highest);
  }
  const shift = highest + Math.log(sum);
  for (let i = 0; i < scores.length; i++) {
    scores[i] = (scores[i] ?? 0) - shift;
  }
}

function maximum(values: ArrayLike<number>): number {
  let highest = -Infinity;
  for (let i = 0; i < values.length; i++) {
    highest = Math.max(highest, values[i] ?? -Infinity);
  }
  return highest;
}
