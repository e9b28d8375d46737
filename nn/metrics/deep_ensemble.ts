// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How large a deep ensemble would have to be in order to predict as well.
 *
 * @module
 */

/** How well the deep ensemble of some size predicts. */
export interface EnsembleScore {
  /** The number of its members. */
  readonly members: number;
  /** The negative log-likelihood, at a fitted temperature, in nats. */
  readonly nll: number;
}

/**
 * The deep-ensemble equivalent of a score: the least number of members with which
 * a deep ensemble predicts as well. Between measured sizes the score of ensembles
 * is interpolated linearly. A score that is no better than that of a single
 * network gives the smallest size, and one that is better than all ensembles gives
 * the largest.
 *
 * Compare log-likelihoods at a temperature that is fitted to other data; otherwise
 * methods differ for the most part by their temperature (Ashukha et al., "Pitfalls
 * of In-Domain Uncertainty Estimation and Ensembling in Deep Learning", 2020).
 *
 * @param nll The negative log-likelihood of the method, in nats.
 * @param ensembles The scores of deep ensembles, the smallest first.
 * @returns The number of members, not rounded.
 * @throws {RangeError} If there are no ensembles, sizes do not grow, or a score is
 * not a finite number.
 *
 * @example Half-way between two and four members
 * ```ts
 * import { deepEnsembleEquivalent } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const ensembles = [
 *   { members: 1, nll: 1 },
 *   { members: 2, nll: 0.75 },
 *   { members: 4, nll: 0.5 },
 * ];
 * assertEquals(deepEnsembleEquivalent(0.625, ensembles), 3);
 * ```
 */
export function deepEnsembleEquivalent(
  nll: number,
  ensembles: readonly EnsembleScore[],
): number {
  const action = "compare with deep ensembles";
  const [first] = ensembles;
  if (first === undefined) {
    throw new RangeError(`Cannot ${action}: there are none`);
  }
  for (const [i, { members }] of ensembles.entries()) {
    const before = ensembles[i - 1]?.members ?? 0;
    if (members > before && members < Infinity) continue;
    throw new RangeError(
      `Cannot ${action}: size ${members} comes after ${before}, but sizes must ` +
        "be positive and grow",
    );
  }
  for (const score of [nll, ...ensembles.map(({ nll }) => nll)]) {
    if (Number.isFinite(score)) continue;
    throw new RangeError(
      `Cannot ${action}: a score is ${score}, but must be a finite number`,
    );
  }
  let before = first;
  for (const next of ensembles) {
    if (next.nll <= nll) {
      if (next === first) return first.members;
      const share = (before.nll - nll) / (before.nll - next.nll);
      return before.members + share * (next.members - before.members);
    }
    before = next;
  }
  return before.members;
}
