// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Tests of whether two models differ on the same rows, as SciPy and statsmodels
 * have them.
 *
 * @module
 */

import type { TestResult } from "./correlation_tests.ts";
import { logChoose, studentTwoSided } from "./distributions.ts";
import { checkChoice, checkKnown } from "./known_options.ts";
import { normalCdf } from "./normal_distribution.ts";
import { ranks, tieSizes } from "./ranks.ts";
import { checkNumbers, checkPaired } from "./rows.ts";
import { meanOf, Sum } from "./sums.ts";

/**
 * How often two models are right on the same rows: `[[both, only the first],
 * [only the second, neither]]`.
 */
export type ContingencyTable = readonly [
  readonly [number, number],
  readonly [number, number],
];

/** Options of {@linkcode mcnemar}. */
export interface McnemarOptions {
  /**
   * Whether to use the binomial distribution instead of chi-square.
   * @default {true}
   */
  exact?: boolean;
  /**
   * Whether chi-square is corrected for continuity.
   * @default {true}
   */
  correction?: boolean;
  /**
   * Whether the probability of the observed counts themselves counts one half,
   * with the binomial distribution; the p-value is then less cautious.
   * @default {false}
   */
  midP?: boolean;
}

/**
 * Counts on which rows two models are right, for {@linkcode mcnemar}.
 *
 * @param a Whether the first model is right on each row, as 1 or 0 or as
 * booleans, [rows].
 * @param b The same of the second.
 * @returns `[[both, only the first], [only the second, neither]]`.
 * @throws {RangeError} If the lists differ in length or are empty.
 *
 * @example Four rows
 * ```ts
 * import { contingencyTable } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const table = contingencyTable([1, 1, 1, 0], [1, 0, 0, 0]);
 * assertEquals(table, [[1, 2], [0, 1]]);
 * ```
 */
export function contingencyTable(
  a: ArrayLike<number | boolean>,
  b: ArrayLike<number | boolean>,
): ContingencyTable {
  if (a.length !== b.length || a.length === 0) {
    throw new RangeError(
      `Cannot compare models: lists of ${a.length} and ${b.length}, expected the same length above 0`,
    );
  }
  const table: [[number, number], [number, number]] = [[0, 0], [0, 0]];
  for (let row = 0; row < a.length; row++) {
    table[a[row] ? 0 : 1][b[row] ? 0 : 1]++;
  }
  return table;
}

/**
 * McNemar's test: whether two classifiers are right equally often, from the
 * rows on which only one of them is (McNemar, 1947), as statsmodels' `mcnemar`.
 *
 * With b and c such rows, the exact p-value is that of b heads in b + c throws
 * of a coin, to either side. Otherwise (b − c)² / (b + c), or (|b − c| − 1)² /
 * (b + c) with correction, is compared with chi-square.
 *
 * @param table How often both, one or none is right; see
 * {@linkcode contingencyTable}.
 * @param options Which distribution.
 * @returns The smaller of b and c, or chi-square, and the p-value. Where b + c
 * is 0, the p-value is 1, and chi-square is NaN.
 * @throws {RangeError} If the table does not hold counts, or `midP` is asked for
 * without `exact`.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example One of five rows against four
 * ```ts
 * import { mcnemar } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { pValue } = mcnemar([[40, 1], [4, 5]]);
 * assertAlmostEquals(pValue, 2 * (1 + 5) / 2 ** 5);
 * ```
 */
export function mcnemar(
  table: ContingencyTable,
  options: McnemarOptions = {},
): TestResult {
  const action = "compare classifiers";
  checkKnown(action, options, ["exact", "correction", "midP"]);
  const { exact = true, correction = true, midP = false } = options;
  const counts = table.flat();
  const isTable = counts.length === 4 &&
    counts.every((count) => Number.isSafeInteger(count) && count >= 0);
  if (!isTable) {
    throw new RangeError(
      `Cannot ${action}: the table is ${
        JSON.stringify(table)
      }, but must hold two rows of two counts`,
    );
  }
  if (midP && !exact) {
    throw new RangeError(`Cannot ${action}: midP needs the exact distribution`);
  }
  const [, b = 0, c = 0] = counts;
  const total = b + c;
  if (exact) {
    const statistic = Math.min(b, c);
    const of = (k: number): number =>
      Math.exp(logChoose(total, k) - total * Math.LN2);
    const tail = new Sum();
    for (let k = 0; k <= statistic; k++) tail.add(of(k));
    const pValue = Math.min(2 * tail.value, 1);
    if (!midP || total === 0) return { statistic, pValue };
    return { statistic, pValue: Math.max(pValue - of(statistic), 0) };
  }
  if (total === 0) return { statistic: NaN, pValue: 1 };
  const distance = correction ? Math.abs(b - c) - 1 : b - c;
  const statistic = distance ** 2 / total;
  return { statistic, pValue: 2 * normalCdf(-Math.sqrt(statistic)) };
}

/** A t-test. */
export interface TTestResult extends TestResult {
  /** The number of rows less one. */
  degreesOfFreedom: number;
}

/**
 * The paired t-test of whether the mean difference is 0, as
 * `scipy.stats.ttest_rel`: t = d̄ / √(s²/n) with the variance s² of the
 * differences over n − 1.
 *
 * @param a Scores of one model, [rows].
 * @param b Scores of the other on the same rows, [rows].
 * @returns t and its two-sided p-value; both NaN if all differences are 0.
 * @throws {RangeError} If the lists differ in length, hold less than two rows,
 * or hold NaN.
 *
 * @example A difference of 1, 2 and 3
 * ```ts
 * import { ttestRel } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const { statistic, pValue } = ttestRel([2, 4, 6], [1, 2, 3]);
 * assertAlmostEquals(statistic, 2 * Math.sqrt(3));
 * assertAlmostEquals(pValue, 0.07417990022744862);
 * ```
 */
export function ttestRel(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): TTestResult {
  const differences = differencesOf("compare means", a, b);
  const rows = differences.length;
  if (rows < 2) {
    throw new RangeError("Cannot compare means: expected at least two rows");
  }
  const at = (i: number): number => differences[i] ?? NaN;
  const mean = meanOf(rows, at);
  const squares = meanOf(rows, (i) => (at(i) - mean) ** 2);
  const statistic = mean / Math.sqrt(squares / (rows - 1));
  const degreesOfFreedom = rows - 1;
  return {
    statistic,
    pValue: studentTwoSided(statistic, degreesOfFreedom),
    degreesOfFreedom,
  };
}

/** Options of {@linkcode wilcoxon}. */
export interface WilcoxonOptions {
  /**
   * `"exact"` counts all signs, which needs differences that are not 0, and is
   * an approximation where some are equal; `"approx"` is a normal distribution
   * with the variance corrected for ties; `"auto"` is exact for up to 50 rows
   * whose differences are distinct and not 0.
   * @default {"auto"}
   */
  method?: "auto" | "exact" | "approx";
  /**
   * Whether the normal distribution is corrected for continuity.
   * @default {false}
   */
  correction?: boolean;
}

/**
 * Wilcoxon's signed-rank test of whether differences are symmetric around 0, as
 * `scipy.stats.wilcoxon`. Rows without a difference are left out.
 *
 * @param a Scores of one model, [rows].
 * @param b Scores of the other on the same rows, [rows].
 * @param options Which distribution.
 * @returns The smaller sum of the ranks of |a − b|, over rows of one sign, and
 * its two-sided p-value.
 * @throws {RangeError} If the lists differ in length or hold NaN, all
 * differences are 0, or the exact distribution is asked for with a correction
 * or where one difference is 0.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Always better
 * ```ts
 * import { wilcoxon } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const result = wilcoxon([2, 4, 6, 8], [1, 2, 3, 4]);
 * assertEquals(result, { statistic: 0, pValue: 2 / 2 ** 4 });
 * ```
 */
export function wilcoxon(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: WilcoxonOptions = {},
): TestResult {
  const action = "compare ranks";
  checkKnown(action, options, ["method", "correction"]);
  const { method = "auto", correction = false } = options;
  checkChoice(action, "method", {
    value: method,
    choices: ["auto", "exact", "approx"],
  });
  const all = differencesOf(action, a, b);
  const differences = all.filter((difference) => difference !== 0);
  const rows = differences.length;
  if (rows === 0) {
    throw new RangeError(`Cannot ${action}: all differences are 0`);
  }
  const sizes = differences.map(Math.abs);
  const places = ranks(sizes);
  const ties = tieSizes(sizes);
  let above = 0;
  differences.forEach((difference, i) => {
    if (difference > 0) above += places[i] ?? 0;
  });
  const statistic = Math.min(above, rows * (rows + 1) / 2 - above);
  if (method === "exact" && correction) {
    throw new RangeError(
      `Cannot ${action}: correction is for the normal distribution, but the method is "exact"`,
    );
  }
  const hasZeros = rows < all.length;
  if (method === "exact" && hasZeros) {
    throw new RangeError(
      `Cannot ${action}: the exact distribution needs differences that are not 0`,
    );
  }
  const isSmall = ties.length === 0 && !hasZeros && rows <= 50;
  if (method === "exact" || (method === "auto" && isSmall)) {
    return { statistic, pValue: exactRanks(rows, above) };
  }
  const tied = ties.reduce((sum, size) => sum + size * (size * size - 1), 0);
  const variance = rows * (rows + 1) * (2 * rows + 1) / 24 - tied / 48;
  const distance = rows * (rows + 1) / 4 - statistic;
  const z = Math.max(distance - (correction ? 0.5 : 0), 0) /
    Math.sqrt(variance);
  return { statistic, pValue: 2 * normalCdf(-z) };
}

/**
 * The two-sided p-value of a sum of positive ranks, if signs are random. A sum
 * that equal ranks have put between whole numbers is rounded down, as in SciPy.
 */
function exactRanks(rows: number, sum: number): number {
  // Adding the ranks one by one, each of which counts or does not.
  const total = rows * (rows + 1) / 2;
  if (sum === total / 2) return 1;
  const shares = new Float64Array(total + 1);
  shares[0] = 1;
  for (let rank = 1; rank <= rows; rank++) {
    for (let at = total; at >= 0; at--) {
      const without = shares[at] ?? 0;
      const withRank = at >= rank ? shares[at - rank] ?? 0 : 0;
      shares[at] = (without + withRank) / 2;
    }
  }
  const place = Math.floor(sum);
  // The distribution is symmetric, so the shorter tail is one from below.
  let tail = 0;
  for (let at = 0; at <= Math.min(place, total - place); at++) {
    tail += shares[at] ?? 0;
  }
  return Math.min(1, 2 * tail);
}

function differencesOf(
  action: string,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const rows = checkPaired(action, a, b);
  checkNumbers(action, a, "score");
  checkNumbers(action, b, "score");
  return Float64Array.from(
    { length: rows },
    (_, row) => (a[row] ?? NaN) - (b[row] ?? NaN),
  );
}
