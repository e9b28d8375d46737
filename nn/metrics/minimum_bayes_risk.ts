// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Which of several answers to choose, when each is a sample of what the answer may
 * be.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";

/** How good an answer is if another one is right; more is better. */
export type Utility<Answer> = (answer: Answer, truth: Answer) => number;

/** Options of {@linkcode minimumBayesRisk}. */
export interface MinimumBayesRiskOptions<Answer> {
  /**
   * Samples of what may be right.
   *
   * @default {the candidates themselves}
   */
  references?: readonly Answer[] | undefined;
  /**
   * How much each reference counts, such as its probability; only their ratios
   * matter.
   *
   * @default {all count the same}
   */
  weights?: ArrayLike<number> | undefined;
}

/** The choice, and how all candidates do. */
export interface MinimumBayesRiskChoice<Answer> {
  /** The candidate with the largest expected utility; of equal ones the first. */
  readonly choice: Answer;
  /** Its number among the candidates. */
  readonly index: number;
  /** The expected utility of each candidate, [candidates]. */
  readonly expectedUtilities: Float64Array<ArrayBuffer>;
}

/**
 * Chooses the candidate of least expected loss, or largest expected utility, over
 * samples of what may be right:
 *
 * ```text
 * ŷ = argmax_y Σ_r w_r u(y, r) / Σ_r w_r
 * ```
 *
 * Texts that were written with different samples of a model's weights are samples of
 * its posterior predictive distribution, so that the choice takes the doubt about
 * the weights into account. Kumar and Byrne, "Minimum Bayes-Risk Decoding for
 * Statistical Machine Translation", 2004; Eikema and Aziz, "Is MAP Decoding All You
 * Need?", 2020. It calls the utility candidates · references times.
 *
 * @param candidates The answers to choose from.
 * @param utility How good an answer is if another one is right, such as a chrF score.
 * @param options What may be right, and how much each of it counts.
 * @returns The choice, and the expected utility of each candidate.
 * @throws {RangeError} If there are no candidates or references, a weight is
 * negative, all are 0, there is not one for each reference, or a utility is NaN.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example The answer that most agrees with the others
 * ```ts
 * import { minimumBayesRisk } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const shared = (a: string, b: string) => {
 *   const words = new Set(b.split(" "));
 *   return a.split(" ").filter((word) => words.has(word)).length;
 * };
 * const { choice } = minimumBayesRisk(
 *   ["a small dog", "the dog", "the small dog", "a cat"],
 *   shared,
 * );
 * assertEquals(choice, "a small dog");
 * ```
 */
export function minimumBayesRisk<Answer>(
  candidates: readonly Answer[],
  utility: Utility<Answer>,
  options: MinimumBayesRiskOptions<Answer> = {},
): MinimumBayesRiskChoice<Answer> {
  const action = "choose an answer";
  checkKnown(action, options, ["references", "weights"]);
  const { references = candidates } = options;
  if (candidates.length === 0 || references.length === 0) {
    throw new RangeError(
      `Cannot ${action} among ${candidates.length} candidates by ` +
        `${references.length} references: there must be one of each at least`,
    );
  }
  const weights = options.weights
    ? Float64Array.from(options.weights)
    : new Float64Array(references.length).fill(1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const isWrong = weights.length !== references.length || !(total > 0) ||
    total === Infinity || weights.some((weight) => !(weight >= 0));
  if (isWrong) {
    throw new RangeError(
      `Cannot ${action} with weights [${
        [...weights].join(", ")
      }]: each of the ` +
        `${references.length} references needs one of at least 0, and not all ` +
        "may be 0",
    );
  }
  const expectedUtilities = Float64Array.from(candidates, (candidate, i) => {
    let sum = 0;
    for (const [j, reference] of references.entries()) {
      sum += (weights[j] ?? 0) * utility(candidate, reference);
    }
    if (!Number.isNaN(sum)) return sum / total;
    throw new RangeError(
      `Cannot ${action}: the utility of candidate ${i} is not a number`,
    );
  });
  const index = expectedUtilities.reduce(
    (best, value, i) => value > (expectedUtilities[best] ?? NaN) ? i : best,
    0,
  );
  return { choice: candidates[index] as Answer, index, expectedUtilities };
}
