// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Perplexity: how many tokens a language model hesitates between.
 *
 * @module
 */

import { meanOf } from "../sums.ts";

/**
 * The perplexity exp(−1/n Σᵢ log pᵢ) of tokens. That of a corpus is the
 * perplexity of all its tokens together.
 *
 * @param logProbabilities The natural logarithm of each token's probability.
 * @returns A value of at least 1: the number of equally likely tokens that would
 * be as hard to guess.
 * @throws {RangeError} If there are no tokens, or a logarithm is above 0 or NaN.
 *
 * @example Every token has one chance in four
 * ```ts
 * import { perplexity } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(perplexity([-Math.log(4), -Math.log(4)]), 4);
 * ```
 */
export function perplexity(logProbabilities: ArrayLike<number>): number {
  return Math.exp(meanSurprise(logProbabilities));
}

/**
 * The mean number of bits that tokens take to write, −1/n Σᵢ log₂ pᵢ: the
 * logarithm to base 2 of the {@linkcode perplexity}.
 *
 * @param logProbabilities The natural logarithm of each token's probability.
 * @returns Bits per token, at least 0.
 * @throws {RangeError} If there are no tokens, or a logarithm is above 0 or NaN.
 *
 * @example Every token has one chance in four
 * ```ts
 * import { bitsPerToken } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(bitsPerToken([-Math.log(4), -Math.log(4)]), 2);
 * ```
 */
export function bitsPerToken(logProbabilities: ArrayLike<number>): number {
  return meanSurprise(logProbabilities) / Math.LN2;
}

function meanSurprise(logProbabilities: ArrayLike<number>): number {
  const tokens = logProbabilities.length;
  if (tokens === 0) {
    throw new RangeError("Cannot measure perplexity: there are no tokens");
  }
  return meanOf(tokens, (i) => {
    const logarithm = logProbabilities[i] ?? NaN;
    // Rounding may put a probability a little above 1.
    if (logarithm <= 1e-3) return Math.max(-logarithm, 0);
    throw new RangeError(
      `Cannot measure perplexity: log-probability ${i} is ${logarithm}, but must be at most 0`,
    );
  });
}
