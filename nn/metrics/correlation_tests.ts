// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Correlations as SciPy gives them, with the probability of so large a
 * correlation where there is none.
 *
 * @module
 */

import { studentTwoSided } from "./distributions.ts";
import { compareNumbers, ranks, tieSizes } from "./ranks.ts";
import { pearsonCorrelation } from "./regression.ts";
import { checkPaired } from "./rows.ts";

/** A correlation or another statistic, and its p-value. */
export interface TestResult {
  /** The statistic: a correlation, a sum of ranks, a ratio. */
  statistic: number;
  /**
   * The probability of a statistic at least this far from what is expected,
   * to either side, if there is no effect.
   */
  pValue: number;
}

/**
 * Pearson's linear correlation and its two-sided p-value, as `scipy.stats.pearsonr`.
 *
 * The p-value assumes normal variables: `t = r √((n − 2) / (1 − r²))` then has
 * Student's distribution with n − 2 degrees of freedom.
 *
 * {@linkcode pearsonCorrelation} gives the same correlation, but 0 for a
 * constant list.
 *
 * @param x Values, [rows].
 * @param y Values, [rows].
 * @returns A correlation in [−1, 1] and its p-value; both NaN if either list is
 * constant or holds NaN. The p-value of two rows is 1.
 * @throws {RangeError} If the lists differ in length or hold less than two
 * values.
 *
 * @example On a falling line
 * ```ts
 * import { pearsonr } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { statistic, pValue } = pearsonr([1, 2, 3, 4], [5, 3, 1, -1]);
 * assertAlmostEquals(statistic, -1);
 * assertAlmostEquals(pValue, 0);
 * ```
 */
export function pearsonr(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
): TestResult {
  checkPairs(x, y);
  const statistic = isConstant(x) || isConstant(y)
    ? NaN
    : pearsonCorrelation(x, y);
  return { statistic, pValue: correlationPValue(statistic, x.length) };
}

/**
 * Spearman's correlation of ranks and its two-sided p-value, as
 * `scipy.stats.spearmanr`. Equal values share their mean rank.
 *
 * The p-value is that of Student's t with n − 2 degrees of freedom, which is an
 * approximation for ranks.
 *
 * @param x Values, [rows].
 * @param y Values, [rows].
 * @returns A correlation in [−1, 1] and its p-value; both NaN if either list is
 * constant or holds NaN.
 * @throws {RangeError} If the lists differ in length or hold less than two
 * values.
 *
 * @example Any rising curve has correlation 1
 * ```ts
 * import { spearmanr } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(spearmanr([1, 2, 3, 4], [1, 8, 27, 64]).statistic, 1);
 * ```
 */
export function spearmanr(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
): TestResult {
  checkPairs(x, y);
  return pearsonr(ranks(x), ranks(y));
}

/**
 * Kendall's tau-b, as `scipy.stats.kendalltau`: how many more pairs of rows both
 * lists order alike than differently,
 *
 * ```text
 * (C − D) / √((P − Tₓ)(P − T_y))
 * ```
 *
 * where C of P pairs are ordered alike, D differently, and Tₓ and T_y are tied
 * in one list. It takes n log n steps (Knight, 1966).
 *
 * @param x Values, [rows].
 * @param y Values, [rows].
 * @returns A value in [−1, 1]; NaN if either list is constant or holds NaN.
 * @throws {RangeError} If the lists differ in length or hold less than two
 * values.
 *
 * @example One of three pairs is the wrong way round
 * ```ts
 * import { kendallTau } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(kendallTau([1, 2, 3], [1, 3, 2]), 1 / 3);
 * ```
 */
export function kendallTau(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
): number {
  checkPairs(x, y);
  const [xs, ys] = [Array.from(x), Array.from(y)];
  if ([...xs, ...ys].some(Number.isNaN)) return NaN;
  const order = Array.from(xs.keys()).sort((a, b) =>
    compareNumbers(xs[a] ?? 0, xs[b] ?? 0) ||
    compareNumbers(ys[a] ?? 0, ys[b] ?? 0)
  );
  // Rows that are equal in both lists are neighbors now; number the groups.
  let group = 0;
  const groups = order.map((row, i) => {
    const before = order[i - 1] ?? row;
    return xs[row] === xs[before] && ys[row] === ys[before] ? group : ++group;
  });
  const discordant = inversions(order.map((row) => ys[row] ?? 0));
  const pairs = (n: number): number => n * (n - 1) / 2;
  const tied = (sizes: number[]): number =>
    sizes.reduce((sum, size) => sum + pairs(size), 0);
  const all = pairs(xs.length);
  const [tiedX, tiedY] = [tied(tieSizes(xs)), tied(tieSizes(ys))];
  const more = all - tiedX - tiedY + tied(tieSizes(groups)) - 2 * discordant;
  const tau = more / Math.sqrt(all - tiedX) / Math.sqrt(all - tiedY);
  return Math.max(-1, Math.min(1, tau));
}

/** How many pairs of a list are in falling order; sorts the list. */
function inversions(list: number[]): number {
  let count = 0;
  let from = list;
  let to = new Array<number>(list.length);
  for (let width = 1; width < list.length; width *= 2) {
    for (let start = 0; start < list.length; start += 2 * width) {
      const middle = Math.min(start + width, list.length);
      const end = Math.min(start + 2 * width, list.length);
      let [left, right] = [start, middle];
      for (let i = start; i < end; i++) {
        const isLeft = left < middle &&
          (right >= end || (from[left] ?? 0) <= (from[right] ?? 0));
        if (!isLeft) count += middle - left;
        to[i] = from[isLeft ? left++ : right++] ?? 0;
      }
    }
    [from, to] = [to, from];
  }
  return count;
}

/** The two-sided p-value of a correlation of `rows` pairs. */
function correlationPValue(correlation: number, rows: number): number {
  if (Number.isNaN(correlation)) return NaN;
  const degrees = rows - 2;
  if (degrees === 0) return 1;
  const unexplained = 1 - correlation ** 2;
  if (unexplained <= 0) return 0;
  return studentTwoSided(
    correlation * Math.sqrt(degrees / unexplained),
    degrees,
  );
}

function isConstant(values: ArrayLike<number>): boolean {
  return Array.from(values).every((value) => value === values[0]);
}

function checkPairs(x: ArrayLike<number>, y: ArrayLike<number>): void {
  if (checkPaired("correlate", x, y) < 2) {
    throw new RangeError(
      "Cannot correlate: lists of 1, expected at least two values",
    );
  }
}
