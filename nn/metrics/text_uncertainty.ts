// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How uncertain an ensemble, or samples of a posterior, are about generated
 * texts.
 *
 * The measures are those of Malinin and Gales (2021) as lm-polygraph computes
 * them; its names stand in the descriptions.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";
import { rowEntropy } from "./rows.ts";
import {
  checkHypotheses,
  sumUpTokenUncertainty,
  type TextSums,
  type TextUncertaintyOptions,
  weightedMeans,
} from "./text_sums.ts";
import {
  readTexts,
  rowOf,
  TEXTS_OPTIONS,
  visitMixtures,
} from "./token_mixtures.ts";
import { ensembleTokenUncertainty } from "./token_uncertainty.ts";

/** Uncertainties of inputs, each [inputs] unless it says otherwise. */
export interface TextUncertainty extends TextSums {
  /**
   * The entropy of the 5 most probable tokens, normalized: its mean over the tokens
   * of a hypothesis and then over the hypotheses by their weights (PETent5, EPTent5).
   */
  tokenEntropyTop5: Float64Array<ArrayBuffer>;
  /** The same of the 10 most probable tokens (PETent10, EPTent10). */
  tokenEntropyTop10: Float64Array<ArrayBuffer>;
  /** The same of the 15 most probable tokens (PETent15, EPTent15). */
  tokenEntropyTop15: Float64Array<ArrayBuffer>;
}

/**
 * The uncertainty about generated texts: means of the token measures, and
 * measures of whole texts.
 *
 * Each input has one generated text, or several hypotheses that follow each
 * other.
 *
 * @param logits The members' scores of the next token at each place,
 * [members, inputs · hypotheses, tokens, vocabulary].
 * @param tokens The generated tokens, [inputs · hypotheses, tokens], padded to
 * equal length with any token.
 * @param options The number of members and of hypotheses, the lengths, and how
 * to mix.
 * @returns Measures of each input.
 * @throws {RangeError} If the values do not match the tokens and members, a
 * token is not in the vocabulary, a length is out of range, or a score is NaN.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two members that agree have no mutual information
 * ```ts
 * import { ensembleTextUncertainty } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = [0, 0, 1, 2, 0, 0, 1, 2];
 * const uncertainty = ensembleTextUncertainty(logits, [0, 1], {
 *   members: 2,
 *   lengths: [2],
 * });
 * assertAlmostEquals(uncertainty.tokenMutualInformation[0] ?? NaN, 0);
 * ```
 */
export function ensembleTextUncertainty(
  logits: ArrayLike<number>,
  tokens: ArrayLike<number>,
  options: TextUncertaintyOptions,
): TextUncertainty {
  const action = "measure text uncertainty";
  checkKnown(action, options, [...TEXTS_OPTIONS, "hypotheses"]);
  const { hypotheses = 1, members, lengths, mode } = options;
  checkHypotheses(action, lengths.length, hypotheses);
  const task = readTexts(action, logits, { tokens, ...options });
  const own = { members, lengths, ...(mode ? { mode } : {}) };
  const byToken = ensembleTokenUncertainty(logits, tokens, own);
  const top = [5, 10, 15].map(() => new Float64Array(tokens.length));
  const logProbabilities = new Float64Array(members * tokens.length);
  visitMixtures(task, (at, { mixture }) => {
    const sorted = Float64Array.from(mixture).sort().reverse();
    for (const [i, count] of [5, 10, 15].entries()) {
      const kept = sorted.subarray(0, count);
      const mass = kept.reduce((sum, p) => sum + p, 0);
      const list = top[i];
      if (list) {
        list[at] = rowEntropy(kept.map((p) => p / mass), 0, kept.length);
      }
    }
    for (let m = 0; m < members; m++) {
      logProbabilities[m * tokens.length + at] =
        rowOf(task, m, at)[tokens[at] ?? 0] ?? NaN;
    }
  });
  const sums = sumUpTokenUncertainty(byToken, logProbabilities, {
    ...own,
    hypotheses,
  });
  const [tokenEntropyTop5, tokenEntropyTop10, tokenEntropyTop15] = top.map((
    values,
  ) =>
    weightedMeans(values, sums.hypothesisWeights, { lengths, hypotheses })
  ) as [
    Float64Array<ArrayBuffer>,
    Float64Array<ArrayBuffer>,
    Float64Array<ArrayBuffer>,
  ];
  return { ...sums, tokenEntropyTop5, tokenEntropyTop10, tokenEntropyTop15 };
}
