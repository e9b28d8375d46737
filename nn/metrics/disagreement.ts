// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How much the members of an ensemble, or samples of a posterior, disagree.
 *
 * @module
 */

import { argmaxRows } from "./classification.ts";
import { checkChoice, checkKnown } from "./known_options.ts";
import { checkDistributions, columns } from "./rows.ts";
import type { MembersOptions } from "./uncertainty.ts";

/** Options of {@linkcode memberMoments}. */
export interface MemberMomentsOptions extends MembersOptions {
  /**
   * What is subtracted from the number of members where squared differences are
   * averaged: 0 for the standard deviation of these members, 1 to estimate that
   * of all possible ones.
   * @default {0}
   */
  correction?: 0 | 1;
}

/** The mean prediction of each row, and its spread over the members. */
export interface MemberMoments {
  /** p̄, the mean probability, [rows, classes]. */
  mean: Float64Array<ArrayBuffer>;
  /** The standard deviation of the probability, [rows, classes]. */
  standardDeviation: Float64Array<ArrayBuffer>;
}

/** Options of {@linkcode variationRatio}. */
export interface VariationRatioOptions extends MembersOptions {
  /**
   * `"mode"` is the share of members that do not vote for the class with most
   * votes (Freeman, 1965). `"mean-class"` is the share that does not vote for
   * the most probable class of the mean prediction, and `"probabilistic"` is
   * 1 − p̄ of that class: both as in torch-uncertainty.
   * @default {"mode"}
   */
  definition?: "mode" | "mean-class" | "probabilistic";
}

/** Options of {@linkcode pairwiseDivergence}. */
export interface PairwiseDivergenceOptions extends MembersOptions {
  /**
   * Whether a member is compared with the others only, or with itself too, which
   * adds zeros to the mean.
   * @default {"distinct"}
   */
  pairs?: "distinct" | "all";
}

/**
 * The mean prediction of the members, and the standard deviation of each
 * probability over them.
 *
 * The largest value of a row of the mean is the confidence of the ensemble, and
 * `argmaxRows` gives its class.
 *
 * @param probabilities Predictions, [rows, members, classes].
 * @param options The number of members and of classes, and the correction.
 * @returns Means and standard deviations. With a correction of 1, the standard
 * deviations of a single member are NaN.
 * @throws {RangeError} If the values do not fill whole rows, a prediction is not
 * a probability distribution, or the correction is neither 0 nor 1.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two certain members that contradict each other
 * ```ts
 * import { memberMoments } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const moments = memberMoments([1, 0, 0, 1], { members: 2, classes: 2 });
 * assertEquals([...moments.mean], [0.5, 0.5]);
 * assertEquals([...moments.standardDeviation], [0.5, 0.5]);
 * ```
 */
export function memberMoments(
  probabilities: ArrayLike<number>,
  options: MemberMomentsOptions,
): MemberMoments {
  const action = "average members";
  checkKnown(action, options, ["members", "classes", "correction"]);
  const { members, classes, correction = 0 } = options;
  checkChoice(action, "correction", { value: correction, choices: [0, 1] });
  const rows = membersRows(action, probabilities, options);
  checkDistributions(action, probabilities, classes);
  const mean = new Float64Array(rows * classes);
  const standardDeviation = new Float64Array(rows * classes);
  for (let i = 0; i < mean.length; i++) {
    const start = Math.floor(i / classes) * members * classes + i % classes;
    let sum = 0;
    for (let m = 0; m < members; m++) {
      sum += probabilities[start + m * classes] ?? NaN;
    }
    const center = sum / members;
    let squares = 0;
    for (let m = 0; m < members; m++) {
      squares += ((probabilities[start + m * classes] ?? NaN) - center) ** 2;
    }
    mean[i] = center;
    standardDeviation[i] = Math.sqrt(squares / (members - correction));
  }
  return { mean, standardDeviation };
}

/**
 * The variation ratio of each row: the share of members whose class is not that
 * of the majority, 1 − f/M for f votes of M.
 *
 * A member votes for its most probable class, the first of equally probable
 * ones.
 *
 * @param probabilities Predictions, [rows, members, classes].
 * @param options The number of members and of classes, and the definition.
 * @returns Values in [0, 1), [rows]; 0 if all members agree.
 * @throws {RangeError} If the values do not fill whole rows, a prediction is not
 * a probability distribution, or there is no such definition.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example One of three members sees another class
 * ```ts
 * import { variationRatio } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const probabilities = [0.9, 0.1, 0.8, 0.2, 0.4, 0.6];
 * const [ratio = 0] = variationRatio(probabilities, { members: 3, classes: 2 });
 * assertAlmostEquals(ratio, 1 / 3);
 * ```
 */
export function variationRatio(
  probabilities: ArrayLike<number>,
  options: VariationRatioOptions,
): Float64Array<ArrayBuffer> {
  const action = "measure variation";
  checkKnown(action, options, ["members", "classes", "definition"]);
  const { members, classes, definition = "mode" } = options;
  checkChoice(action, "definition", {
    value: definition,
    choices: ["mode", "mean-class", "probabilistic"],
  });
  const rows = membersRows(action, probabilities, options);
  const { mean } = memberMoments(probabilities, { members, classes });
  const chosen = argmaxRows(mean, { classes });
  const votes = argmaxRows(probabilities, { classes });
  return Float64Array.from({ length: rows }, (_, row) => {
    const best = chosen[row] ?? 0;
    if (definition === "probabilistic") {
      return 1 - (mean[row * classes + best] ?? NaN);
    }
    const counts = countVotes(votes, row, options);
    const agreeing = definition === "mode" ? Math.max(...counts) : counts[best];
    return 1 - (agreeing ?? NaN) / members;
  });
}

/**
 * The disagreement of each row: the share of pairs of members that see different
 * classes.
 *
 * @param probabilities Predictions, [rows, members, classes].
 * @param options The number of members, at least 2, and of classes.
 * @returns Values in [0, 1], [rows].
 * @throws {RangeError} If the values do not fill whole rows, a prediction is not
 * a probability distribution, or there is a single member.
 *
 * @example One of three members sees another class than the two others
 * ```ts
 * import { disagreement } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const probabilities = [0.9, 0.1, 0.8, 0.2, 0.4, 0.6];
 * const [share = 0] = disagreement(probabilities, { members: 3, classes: 2 });
 * assertAlmostEquals(share, 2 / 3);
 * ```
 */
export function disagreement(
  probabilities: ArrayLike<number>,
  options: MembersOptions,
): Float64Array<ArrayBuffer> {
  const action = "measure disagreement";
  checkKnown(action, options, ["members", "classes"]);
  const { members, classes } = options;
  const rows = membersRows(action, probabilities, options);
  checkDistributions(action, probabilities, classes);
  checkPairs(action, members);
  const votes = argmaxRows(probabilities, { classes });
  const pairs = members * (members - 1);
  return Float64Array.from({ length: rows }, (_, row) => {
    const same = countVotes(votes, row, options)
      .reduce((sum, count) => sum + count * (count - 1), 0);
    return 1 - same / pairs;
  });
}

/**
 * The expected pairwise Kullback–Leibler divergence (EPKL) of each row: the mean
 * of KL(pᵢ ‖ pⱼ) over ordered pairs of members (Malinin and Gales, 2021).
 *
 * It takes logarithms, because probabilities lose what is far below 1: those of
 * `logSoftmaxRows` are exact.
 *
 * @param logProbabilities Logarithms of predictions, [rows, members, classes].
 * @param options The number of members and of classes, and which pairs count.
 * @returns Nats, [rows]; 0 if all members agree, infinite if one of them rules
 * out what another does not.
 * @throws {RangeError} If the values do not fill whole rows, a row is not the
 * logarithm of a distribution, or there is a single member and only distinct
 * pairs count.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Log-odds that differ by log 9
 * ```ts
 * import { logSoftmaxRows, pairwiseDivergence } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = [Math.log(3), 0, 0, Math.log(3)];
 * const logs = logSoftmaxRows(logits, { classes: 2 });
 * const [epkl = 0] = pairwiseDivergence(logs, { members: 2, classes: 2 });
 * assertAlmostEquals(epkl, Math.log(3) / 2);
 * ```
 */
export function pairwiseDivergence(
  logProbabilities: ArrayLike<number>,
  options: PairwiseDivergenceOptions,
): Float64Array<ArrayBuffer> {
  const action = "compare members";
  checkKnown(action, options, ["members", "classes", "pairs"]);
  const { members, classes, pairs = "distinct" } = options;
  checkChoice(action, "pairs", { value: pairs, choices: ["distinct", "all"] });
  const rows = membersRows(action, logProbabilities, options);
  if (pairs === "distinct") checkPairs(action, members);
  const probabilities = Float64Array.from(logProbabilities, Math.exp);
  checkDistributions(action, probabilities, classes);
  const scale = pairs === "all" ? 1 : members / (members - 1);
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      let [own, mass, logs] = [0, 0, 0];
      for (let m = 0; m < members; m++) {
        const at = (row * members + m) * classes + k;
        const [p, log] = [
          probabilities[at] ?? NaN,
          logProbabilities[at] ?? NaN,
        ];
        own += p === 0 ? 0 : p * log / members;
        mass += p / members;
        logs += log / members;
      }
      // 0 · log 0 counts as 0.
      if (mass !== 0) sum += own - mass * logs;
    }
    // The exact sum is never negative, but the rounded one may be.
    return Math.max(sum, 0) * scale;
  });
}

/** The number of rows; throws if the values do not fill whole rows. */
function membersRows(
  action: string,
  values: ArrayLike<number>,
  { members, classes }: MembersOptions,
): number {
  columns(action, values.length, members);
  columns(action, values.length, classes);
  return columns(action, values.length, members * classes);
}

function checkPairs(action: string, members: number): void {
  if (members >= 2) return;
  throw new RangeError(
    `Cannot ${action}: there is ${members} member, but pairs need at least 2`,
  );
}

/** How many members of a row vote for each class. */
function countVotes(
  votes: Uint32Array,
  row: number,
  { members, classes }: MembersOptions,
): Uint32Array {
  const counts = new Uint32Array(classes);
  for (const vote of votes.subarray(row * members, (row + 1) * members)) {
    counts[vote] = (counts[vote] ?? 0) + 1;
  }
  return counts;
}
