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

import { checkCount, checkKnown } from "./known_options.ts";
import { rowEntropy } from "./rows.ts";
import {
  type SequenceEnsembleUncertainty,
  sequenceEnsembleUncertainty,
} from "./sequence_ensembles.ts";
import {
  type EnsembleTextsOptions,
  readTexts,
  rowOf,
  TEXTS_OPTIONS,
  visitMixtures,
  visitPlaces,
} from "./token_mixtures.ts";
import { ensembleTokenUncertainty } from "./token_uncertainty.ts";

/** Options of {@linkcode ensembleTextUncertainty}. */
export interface TextUncertaintyOptions extends EnsembleTextsOptions {
  /**
   * How many texts are hypotheses for the same input, one after the other, such
   * as the beams of a search.
   * @default {1}
   */
  hypotheses?: number;
}

/** Uncertainties of inputs, each [inputs] unless it says otherwise. */
export interface TextUncertainty extends SequenceEnsembleUncertainty {
  /**
   * The total uncertainty of a token, its mean over the tokens of a hypothesis
   * and then over the hypotheses by their weights (PETtu, EPTtu).
   */
  tokenTotalUncertainty: Float64Array<ArrayBuffer>;
  /** The same mean of the data uncertainty (PETdu, EPTdu). */
  tokenDataUncertainty: Float64Array<ArrayBuffer>;
  /** The same mean of the mutual information (PETmi, EPTmi). */
  tokenMutualInformation: Float64Array<ArrayBuffer>;
  /** The same mean of the reverse mutual information (PETrmi, EPTrmi). */
  tokenRmi: Float64Array<ArrayBuffer>;
  /** The same mean of the expected pairwise KL (PETepkl, EPTepkl). */
  tokenEpkl: Float64Array<ArrayBuffer>;
  /**
   * The same mean of the entropy of the 5 most probable tokens, normalized
   * (PETent5, EPTent5).
   */
  tokenEntropyTop5: Float64Array<ArrayBuffer>;
  /** The same of the 10 most probable tokens (PETent10, EPTent10). */
  tokenEntropyTop10: Float64Array<ArrayBuffer>;
  /** The same of the 15 most probable tokens (PETent15, EPTent15). */
  tokenEntropyTop15: Float64Array<ArrayBuffer>;
  /**
   * The weight of each hypothesis, proportional to the exponential of its mean
   * token log-probability under the mixture, [inputs, hypotheses].
   */
  hypothesisWeights: Float64Array<ArrayBuffer>;
  /**
   * The log-probability of each hypothesis by each member, divided by its number
   * of tokens plus 1 (the start token counts), [inputs, members, hypotheses].
   */
  memberLogProbabilities: Float64Array<ArrayBuffer>;
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
  const texts = lengths.length;
  checkCount(action, "hypotheses", { value: hypotheses });
  if (texts % hypotheses !== 0) {
    throw new RangeError(
      `Cannot ${action}: ${texts} texts are not whole groups of ${hypotheses} hypotheses`,
    );
  }
  const task = readTexts(action, logits, { tokens, ...options });
  const inputs = texts / hypotheses;
  const byToken = ensembleTokenUncertainty(logits, tokens, {
    members,
    lengths,
    ...(mode ? { mode } : {}),
  });
  const top = [5, 10, 15].map(() => new Float64Array(tokens.length));
  const scores = new Float64Array(texts);
  const own = new Float64Array(inputs * members * hypotheses);
  visitMixtures(task, (at, { text, mixture }) => {
    const token = tokens[at] ?? 0;
    const sorted = Float64Array.from(mixture).sort().reverse();
    for (const [i, count] of [5, 10, 15].entries()) {
      const kept = sorted.subarray(0, count);
      const mass = kept.reduce((sum, p) => sum + p, 0);
      const list = top[i];
      if (list) {
        list[at] = rowEntropy(kept.map((p) => p / mass), 0, kept.length);
      }
    }
    const length = lengths[text] ?? NaN;
    scores[text] = (scores[text] ?? 0) +
      Math.log(mixture[token] ?? NaN) / length;
    for (let m = 0; m < members; m++) {
      const input = Math.floor(text / hypotheses);
      const place = (input * members + m) * hypotheses + text % hypotheses;
      own[place] = (own[place] ?? 0) +
        (rowOf(task, m, at)[token] ?? NaN) / (length + 1);
    }
  });
  const hypothesisWeights = weightsOf(scores, hypotheses);
  const mean = (values: Float64Array) => {
    const result = new Float64Array(inputs);
    visitPlaces(task, (at, text) => {
      const input = Math.floor(text / hypotheses);
      const share = (hypothesisWeights[text] ?? NaN) / (lengths[text] ?? NaN);
      result[input] = (result[input] ?? 0) + share * (values[at] ?? NaN);
    });
    return result;
  };
  const [top5, top10, top15] = top.map(mean) as [
    Float64Array<ArrayBuffer>,
    Float64Array<ArrayBuffer>,
    Float64Array<ArrayBuffer>,
  ];
  return {
    ...sequenceEnsembleUncertainty(own, { members, hypotheses }),
    tokenTotalUncertainty: mean(byToken.totalUncertainty),
    tokenDataUncertainty: mean(byToken.dataUncertainty),
    tokenMutualInformation: mean(byToken.mutualInformation),
    tokenRmi: mean(byToken.rmi),
    tokenEpkl: mean(byToken.epkl),
    tokenEntropyTop5: top5,
    tokenEntropyTop10: top10,
    tokenEntropyTop15: top15,
    hypothesisWeights,
    memberLogProbabilities: own,
  };
}

/** exp of scores, normalized within each group. */
function weightsOf(
  scores: Float64Array,
  size: number,
): Float64Array<ArrayBuffer> {
  const weights = new Float64Array(scores.length);
  for (let start = 0; start < scores.length; start += size) {
    const group = scores.subarray(start, start + size);
    const largest = Math.max(...group);
    const own = group.map((score) => Math.exp(score - largest));
    const total = own.reduce((sum, w) => sum + w, 0);
    weights.set(own.map((w) => w / total), start);
  }
  return weights;
}
