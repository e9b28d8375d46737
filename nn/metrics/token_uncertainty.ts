// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How uncertain an ensemble, or samples of a posterior, are about each token
 * of a generated text.
 *
 * The measures are those of Malinin and Gales (2021) as lm-polygraph computes
 * them; its names stand in the descriptions.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";
import { rowEntropy } from "./rows.ts";
import {
  type EnsembleTextsOptions,
  readTexts,
  rowOf,
  TEXTS_OPTIONS,
  visitMixtures,
} from "./token_mixtures.ts";

/** Uncertainties of tokens in nats, each [texts, tokens]; NaN for padding. */
export interface TokenUncertainty {
  /** The entropy of the mixture. */
  totalUncertainty: Float64Array<ArrayBuffer>;
  /** The plain mean of the members' entropies. */
  dataUncertainty: Float64Array<ArrayBuffer>;
  /**
   * totalUncertainty − dataUncertainty. In mode `"ep"` it may be negative,
   * because the mean is not weighted.
   */
  mutualInformation: Float64Array<ArrayBuffer>;
  /** −Σ mixture · mean log p, the cross-entropy with the mean logarithm. */
  epklTotalUncertainty: Float64Array<ArrayBuffer>;
  /** epklTotalUncertainty − dataUncertainty, the expected pairwise KL. */
  epkl: Float64Array<ArrayBuffer>;
  /**
   * epklTotalUncertainty − totalUncertainty, the reverse mutual information.
   */
  rmi: Float64Array<ArrayBuffer>;
}

/**
 * The uncertainty about each token of generated texts.
 *
 * @param logits The members' scores of the next token at each place,
 * [members, texts, tokens, vocabulary].
 * @param tokens The generated tokens, [texts, tokens], padded to equal length
 * with any token.
 * @param options The number of members, the lengths, and how to mix.
 * @returns Six measures of each token.
 * @throws {RangeError} If the values do not match the tokens and members, a
 * token is not in the vocabulary, a length is out of range, or a score is NaN.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two members that contradict each other about one token
 * ```ts
 * import { ensembleTokenUncertainty } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = [99, 0, 0, 99];
 * const uncertainty = ensembleTokenUncertainty(logits, [0], {
 *   members: 2,
 *   lengths: [1],
 * });
 * assertAlmostEquals(uncertainty.totalUncertainty[0] ?? 0, Math.LN2);
 * assertAlmostEquals(uncertainty.mutualInformation[0] ?? 0, Math.LN2);
 * ```
 */
export function ensembleTokenUncertainty(
  logits: ArrayLike<number>,
  tokens: ArrayLike<number>,
  options: EnsembleTextsOptions,
): TokenUncertainty {
  const action = "measure token uncertainty";
  checkKnown(action, options, TEXTS_OPTIONS);
  const task = readTexts(action, logits, { tokens, ...options });
  const empty = () => new Float64Array(tokens.length).fill(NaN);
  const result: TokenUncertainty = {
    totalUncertainty: empty(),
    dataUncertainty: empty(),
    mutualInformation: empty(),
    epklTotalUncertainty: empty(),
    epkl: empty(),
    rmi: empty(),
  };
  visitMixtures(task, (at, { mixture }) => {
    const { members, vocabulary } = task;
    const total = rowEntropy(mixture, 0, vocabulary);
    let data = 0;
    const logs = new Float64Array(vocabulary);
    for (let m = 0; m < members; m++) {
      const own = rowOf(task, m, at);
      data += rowEntropy(own.map(Math.exp), 0, vocabulary) / members;
      for (const [k, log] of own.entries()) {
        logs[k] = (logs[k] ?? 0) + log / members;
      }
    }
    let cross = 0;
    for (const [k, p] of mixture.entries()) {
      // 0 · log 0 counts as 0.
      if (p !== 0) cross -= p * (logs[k] ?? NaN);
    }
    result.totalUncertainty[at] = total;
    result.dataUncertainty[at] = data;
    result.mutualInformation[at] = total - data;
    result.epklTotalUncertainty[at] = cross;
    result.epkl[at] = cross - data;
    result.rmi[at] = cross - total;
  });
  return result;
}
