// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Sums up how uncertain an ensemble is about each token of texts: means over tokens
 * and hypotheses, and measures of whole texts.
 *
 * @module
 */

import { checkCount, checkKnown } from "./known_options.ts";
import { checkNumbers } from "./rows.ts";
import {
  type SequenceEnsembleUncertainty,
  sequenceEnsembleUncertainty,
} from "./sequence_ensembles.ts";
import {
  type EnsembleTextsOptions,
  TEXTS_OPTIONS,
  visitPlaces,
} from "./token_mixtures.ts";
import type { TokenUncertainty } from "./token_uncertainty.ts";

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
export interface TextSums extends SequenceEnsembleUncertainty {
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

/** @throws {RangeError} If texts are not whole groups of hypotheses. */
export function checkHypotheses(
  action: string,
  texts: number,
  hypotheses: number,
): void {
  checkCount(action, "hypotheses", { value: hypotheses });
  if (texts % hypotheses === 0) return;
  throw new RangeError(
    `Cannot ${action}: ${texts} texts are not whole groups of ${hypotheses} hypotheses`,
  );
}

/**
 * Sums up the uncertainty about tokens, where it is known already: a large
 * vocabulary's scores need not leave the GPU. {@linkcode ensembleTextUncertainty}
 * does all from scores.
 *
 * @param uncertainty The uncertainty of each token, each [texts, tokens].
 * @param logProbabilities The log-probability of each token by each member,
 * [members, texts, tokens].
 * @param options The number of members and of hypotheses, the lengths, and how
 * members are mixed.
 * @returns Measures of each input.
 * @throws {RangeError} If the values do not match the members and lengths, a length
 * is out of range, or a log-probability of a token is NaN.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example From the uncertainty of two tokens to that of a text
 * ```ts
 * import {
 *   ensembleTokenUncertainty,
 *   sumUpTokenUncertainty,
 * } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const options = { members: 2, lengths: [2] };
 * const logits = [0, 0, 99, 0, 0, 0, 0, 99];
 * const byToken = ensembleTokenUncertainty(logits, [0, 1], options);
 * const half = Math.log(0.5);
 * const { tokenMutualInformation } = sumUpTokenUncertainty(
 *   byToken,
 *   [half, -99, half, 0],
 *   options,
 * );
 * // Nothing at the first token, one bit at the second.
 * assertAlmostEquals(tokenMutualInformation[0] ?? NaN, Math.LN2 / 2);
 * ```
 */
export function sumUpTokenUncertainty(
  uncertainty: TokenUncertainty,
  logProbabilities: ArrayLike<number>,
  options: TextUncertaintyOptions,
): TextSums {
  const action = "sum up token uncertainty";
  checkKnown(action, options, [...TEXTS_OPTIONS, "hypotheses"]);
  const { hypotheses = 1, members, lengths, mode = "pe" } = options;
  const texts = lengths.length;
  checkCount(action, "members", { value: members });
  checkHypotheses(action, texts, hypotheses);
  const places = uncertainty.totalUncertainty.length;
  const width = places / texts;
  const isWrong = logProbabilities.length !== places * members ||
    !Number.isSafeInteger(width) ||
    Object.values(uncertainty).some(({ length }) => length !== places) ||
    Array.from(lengths).some((length) =>
      !(Number.isSafeInteger(length) && length >= 1 && length <= width)
    );
  if (isWrong) {
    throw new RangeError(
      `Cannot ${action}: ${logProbabilities.length} log-probabilities and ` +
        `${places} tokens for ${members} members and lengths [${
          Array.from(lengths).join(", ")
        }], expected one for each member and token`,
    );
  }
  const inputs = texts / hypotheses;
  const scores = new Float64Array(texts);
  const own = new Float64Array(inputs * members * hypotheses);
  // The log-probability that each member gives to the text so far.
  const prefix = new Float64Array(members);
  visitPlaces({ lengths, width }, (at, text) => {
    if (at % width === 0) prefix.fill(0);
    const logs = Float64Array.from(
      prefix,
      (_, m) => logProbabilities[m * places + at] ?? NaN,
    );
    checkNumbers(action, logs, "log-probability");
    const weights = prefix.map((p) => mode === "ep" ? p : 0);
    const length = lengths[text] ?? NaN;
    scores[text] = (scores[text] ?? 0) +
      (logSumExp(weights.map((w, m) => w + (logs[m] ?? NaN))) -
          logSumExp(weights)) / length;
    for (let m = 0; m < members; m++) {
      const input = Math.floor(text / hypotheses);
      const place = (input * members + m) * hypotheses + text % hypotheses;
      own[place] = (own[place] ?? 0) + (logs[m] ?? NaN) / (length + 1);
      prefix[m] = (prefix[m] ?? 0) + (logs[m] ?? NaN);
    }
  });
  const hypothesisWeights = weightsOf(scores, hypotheses);
  const mean = (values: Float64Array) =>
    weightedMeans(values, hypothesisWeights, { lengths, hypotheses });
  return {
    ...sequenceEnsembleUncertainty(own, { members, hypotheses }),
    tokenTotalUncertainty: mean(uncertainty.totalUncertainty),
    tokenDataUncertainty: mean(uncertainty.dataUncertainty),
    tokenMutualInformation: mean(uncertainty.mutualInformation),
    tokenRmi: mean(uncertainty.rmi),
    tokenEpkl: mean(uncertainty.epkl),
    hypothesisWeights,
    memberLogProbabilities: own,
  };
}

/** Means over the tokens of each hypothesis, and over hypotheses by their weights. */
export function weightedMeans(
  values: Float64Array,
  weights: Float64Array,
  { lengths, hypotheses }: { lengths: ArrayLike<number>; hypotheses: number },
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(lengths.length / hypotheses);
  const width = values.length / lengths.length;
  visitPlaces({ lengths, width }, (at, text) => {
    const input = Math.floor(text / hypotheses);
    const share = (weights[text] ?? NaN) / (lengths[text] ?? NaN);
    result[input] = (result[input] ?? 0) + share * (values[at] ?? NaN);
  });
  return result;
}

/** exp of scores, normalized within each group. */
function weightsOf(
  scores: Float64Array,
  size: number,
): Float64Array<ArrayBuffer> {
  const weights = new Float64Array(scores.length);
  for (let start = 0; start < scores.length; start += size) {
    const group = scores.subarray(start, start + size);
    const total = logSumExp(group);
    weights.set(group.map((score) => Math.exp(score - total)), start);
  }
  return weights;
}

/** log Σ exp of numbers. */
function logSumExp(logs: Float64Array): number {
  const largest = Math.max(...logs);
  if (largest === -Infinity) return -Infinity;
  return largest +
    Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0));
}
