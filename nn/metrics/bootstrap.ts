// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How far a score could have been off with other rows, and whether one model is
 * really better than another: bootstrap intervals and paired comparisons.
 *
 * @module
 */

import { checkCount, checkKnown, checkShare } from "./known_options.ts";
import { drawIndices, quantileOf, seededRandom } from "./resampling.ts";
import { checkNumbers, checkPaired } from "./rows.ts";
import { meanOf } from "./sums.ts";

/**
 * What is resampled: scores of rows, of which the mean counts, or any statistic
 * of rows, such as the F1 of the rows with these numbers.
 */
export type Resampled = ArrayLike<number> | RowStatistic;

/** A statistic of some rows of a data set. */
export interface RowStatistic {
  /** The number of rows of the data set. */
  rows: number;
  /** The statistic of the rows with these numbers; a number may occur twice. */
  statistic: (rows: ArrayLike<number>) => number;
}

/** How rows are drawn. */
export interface ResampleOptions {
  /**
   * How often rows are drawn.
   * @default {1000}
   */
  resamples?: number;
  /**
   * Which rows are drawn; equal seeds give equal results.
   * @default {0}
   */
  seed?: number;
  /** The rows of each resample, instead of random ones. */
  indices?: readonly ArrayLike<number>[];
}

/** Options of {@linkcode bootstrap} and {@linkcode pairedBootstrap}. */
export interface BootstrapOptions extends ResampleOptions {
  /**
   * The probability that the interval is to cover.
   * @default {0.95}
   */
  confidenceLevel?: number;
}

/** The two ends of an interval. */
export interface ConfidenceInterval {
  /** The lower end. */
  low: number;
  /** The upper end. */
  high: number;
}

/** What a bootstrap tells about a statistic. */
export interface BootstrapResult {
  /** The statistic of all rows. */
  observed: number;
  /** The interval between percentiles of the resamples. */
  confidenceInterval: ConfidenceInterval;
  /** The standard deviation of the resamples, with n − 1. */
  standardError: number;
  /** The statistic of each resample. */
  bootstrapDistribution: Float64Array<ArrayBuffer>;
}

/** What a paired bootstrap tells about a difference. */
export interface PairedBootstrapResult extends BootstrapResult {
  /**
   * The probability of a difference above the observed one, to either side, if
   * there is none: (1 + #{|dᵢ − d̄| ≥ |d|}) / (1 + resamples), as
   * sacreBLEU, but with ≥, so that it is 1 where the models never differ.
   */
  pValue: number;
  /** The share of resamples in which the first is not better than the second. */
  fractionNotBetter: number;
}

const OPTIONS = ["resamples", "seed", "indices", "confidenceLevel"];

/**
 * The bootstrap interval of a score: rows are drawn with replacement, as many
 * as there are, and the interval lies between percentiles of the scores that
 * result (Efron, 1979), as `scipy.stats.bootstrap` with `method="percentile"`.
 *
 * @param sample The score of each row, or a statistic of rows.
 * @param options How often, and which level.
 * @returns The score, its interval and its standard error.
 * @throws {RangeError} If there are no rows, a score is NaN, an option is out of
 * range, or `indices` holds a number that is no row.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example The accuracy of 100 rows
 * ```ts
 * import { bootstrap } from "@swagpu/swagpu/nn";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const hits = Array.from({ length: 100 }, (_, row) => row < 80 ? 1 : 0);
 * const { observed, confidenceInterval: { low, high } } = bootstrap(hits);
 * assertEquals(observed, 0.8);
 * assert(low > 0.68 && low < 0.76 && high > 0.84 && high < 0.92);
 * ```
 *
 * @example Any statistic
 * ```ts
 * import { bootstrap, f1Score } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const predicted = [0, 1, 1, 0];
 * const labels = [0, 1, 0, 0];
 * const { observed } = bootstrap({
 *   rows: 4,
 *   statistic: (rows) =>
 *     f1Score(
 *       Array.from(rows, (row) => predicted[row] ?? 0),
 *       Array.from(rows, (row) => labels[row] ?? 0),
 *     ),
 * });
 * assertEquals(observed, 2 / 3);
 * ```
 */
export function bootstrap(
  sample: Resampled,
  options: BootstrapOptions = {},
): BootstrapResult {
  const action = "resample rows";
  checkKnown(action, options, OPTIONS);
  const { rows, statistic } = statisticOf(action, sample);
  const estimates = resample(action, rows, statistic, options);
  return summarize(action, statistic(allRows(rows)), estimates, options);
}

/**
 * Whether one model is better than another on the same rows: both are scored on
 * the same resamples, and the differences say how sure the better one is
 * (Koehn, 2004).
 *
 * @param a The scores of the first model on each row, or a statistic of rows.
 * @param b Those of the second.
 * @param options How often, and which level.
 * @returns The difference a − b, its interval and its p-value.
 * @throws {RangeError} If the numbers of rows differ or are 0, a score is NaN,
 * an option is out of range, or `indices` holds a number that is no row.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Better on every row
 * ```ts
 * import { pairedBootstrap } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const result = pairedBootstrap([0.9, 0.8, 0.7], [0.8, 0.7, 0.6]);
 * assertAlmostEquals(result.observed, 0.1);
 * assertEquals(result.fractionNotBetter, 0);
 * ```
 */
export function pairedBootstrap(
  a: Resampled,
  b: Resampled,
  options: BootstrapOptions = {},
): PairedBootstrapResult {
  const action = "compare models";
  checkKnown(action, options, OPTIONS);
  const [first, second] = [statisticOf(action, a), statisticOf(action, b)];
  if (first.rows !== second.rows) {
    throw new RangeError(
      `Cannot ${action}: ${first.rows} and ${second.rows} rows, expected the same rows`,
    );
  }
  const difference = (rows: ArrayLike<number>): number =>
    first.statistic(rows) - second.statistic(rows);
  const observed = difference(allRows(first.rows));
  const estimates = resample(action, first.rows, difference, options);
  const mean = meanOf(estimates.length, (i) => estimates[i] ?? NaN);
  let beyond = 0;
  let notBetter = 0;
  for (const estimate of estimates) {
    if (Math.abs(estimate - mean) >= Math.abs(observed)) beyond++;
    if (estimate <= 0) notBetter++;
  }
  return {
    ...summarize(action, observed, estimates, options),
    pValue: (beyond + 1) / (estimates.length + 1),
    fractionNotBetter: notBetter / estimates.length,
  };
}

/** Options of {@linkcode pairedPermutationTest}. */
export interface PermutationOptions {
  /**
   * How often signs are drawn.
   * @default {1000}
   */
  resamples?: number;
  /**
   * Which signs are drawn; equal seeds give equal results.
   * @default {0}
   */
  seed?: number;
  /** The signs of each row for each draw, 1 or −1, instead of random ones. */
  signs?: readonly ArrayLike<number>[];
}

/** What a permutation test tells about a difference. */
export interface PermutationResult {
  /** The mean difference. */
  observed: number;
  /** The mean difference with each draw of signs. */
  nullDistribution: Float64Array<ArrayBuffer>;
  /**
   * The probability of a difference at least this large, to either side, if
   * there is none: (1 + #{|dᵢ| ≥ |d|}) / (1 + draws).
   */
  pValue: number;
}

/**
 * Tests whether two models differ on the same rows: if they do not, the sign of
 * the difference in each row is chance. Rows get random signs, and the observed
 * mean difference is compared with those that result.
 *
 * @param a The scores of the first model, [rows].
 * @param b Those of the second, [rows].
 * @param options How many draws.
 * @returns The mean difference a − b and its p-value.
 * @throws {RangeError} If the lists differ in length or are empty, a score is
 * NaN, an option is out of range, or a sign is neither 1 nor −1.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Equal models
 * ```ts
 * import { pairedPermutationTest } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pairedPermutationTest([1, 2], [1, 2]).pValue, 1);
 * ```
 */
export function pairedPermutationTest(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: PermutationOptions = {},
): PermutationResult {
  const action = "compare models";
  checkKnown(action, options, ["resamples", "seed", "signs"]);
  const { resamples = 1000, seed = 0, signs } = options;
  checkCount(action, "resamples", { value: resamples });
  const rows = checkPaired(action, a, b);
  checkNumbers(action, a, "score");
  checkNumbers(action, b, "score");
  const difference = (i: number): number => (a[i] ?? NaN) - (b[i] ?? NaN);
  const observed = meanOf(rows, difference);
  checkCount(action, "seed", { value: seed, least: 0 });
  const random = seededRandom(seed);
  const draws = signs?.length ?? resamples;
  if (signs && (options.resamples ?? options.seed) !== undefined) {
    throw new RangeError(
      `Cannot ${action}: signs are given, so resamples and seed must not be`,
    );
  }
  if (draws === 0) throw new RangeError(`Cannot ${action}: signs is empty`);
  const nullDistribution = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw++) {
    const given = signs?.[draw];
    if (given) checkSigns(action, given, rows);
    nullDistribution[draw] = meanOf(rows, (i) => {
      const sign = given ? given[i] ?? 1 : random() < 0.5 ? 1 : -1;
      return sign * difference(i);
    });
  }
  // Equal differences must not count as smaller because of rounding.
  const least = Math.abs(observed) * (1 - 1e-12);
  const reached = nullDistribution.filter((mean) => Math.abs(mean) >= least);
  return {
    observed,
    nullDistribution,
    pValue: (reached.length + 1) / (draws + 1),
  };
}

function checkSigns(
  action: string,
  signs: ArrayLike<number>,
  rows: number,
): void {
  const isFine = signs.length === rows &&
    Array.from(signs).every((sign) => sign === 1 || sign === -1);
  if (isFine) return;
  throw new RangeError(
    `Cannot ${action}: signs must be 1 or -1 for each of ${rows} rows`,
  );
}

/** The statistic of what is resampled; of scores it is the mean. */
function statisticOf(action: string, sample: Resampled): RowStatistic {
  if ("statistic" in sample) {
    checkCount(action, "rows", { value: sample.rows });
    return sample;
  }
  if (sample.length === 0) {
    throw new RangeError(`Cannot ${action}: there are no rows`);
  }
  checkNumbers(action, sample, "score");
  return {
    rows: sample.length,
    statistic: (rows) =>
      meanOf(rows.length, (i) => sample[rows[i] ?? -1] ?? NaN),
  };
}

function allRows(rows: number): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, row) => row);
}

/** The statistic of each resample. */
function resample(
  action: string,
  rows: number,
  statistic: (rows: ArrayLike<number>) => number,
  options: ResampleOptions,
): Float64Array<ArrayBuffer> {
  const { resamples = 1000, seed = 0, indices } = options;
  checkCount(action, "resamples", { value: resamples });
  if (!indices) {
    checkCount(action, "seed", { value: seed, least: 0 });
    const random = seededRandom(seed);
    return Float64Array.from(
      { length: resamples },
      () => statistic(drawIndices(random, rows)),
    );
  }
  if (options.resamples !== undefined || options.seed !== undefined) {
    throw new RangeError(
      `Cannot ${action}: indices are given, so resamples and seed must not be`,
    );
  }
  if (indices.length === 0) {
    throw new RangeError(`Cannot ${action}: indices is empty`);
  }
  return Float64Array.from(indices, (list, i) => {
    const isFine = list.length > 0 &&
      Array.from(list).every((row) =>
        Number.isSafeInteger(row) && row >= 0 && row < rows
      );
    if (!isFine) {
      throw new RangeError(
        `Cannot ${action}: resample ${i} must hold numbers of ${rows} rows`,
      );
    }
    return statistic(list);
  });
}

/** The interval and standard error of resampled estimates. */
function summarize(
  action: string,
  observed: number,
  estimates: Float64Array<ArrayBuffer>,
  { confidenceLevel = 0.95 }: BootstrapOptions,
): BootstrapResult {
  checkShare(action, "confidenceLevel", confidenceLevel);
  const count = estimates.length;
  const mean = meanOf(count, (i) => estimates[i] ?? NaN);
  const squares = meanOf(count, (i) => ((estimates[i] ?? NaN) - mean) ** 2);
  return {
    observed,
    confidenceInterval: {
      low: quantileOf(estimates, (1 - confidenceLevel) / 2),
      high: quantileOf(estimates, (1 + confidenceLevel) / 2),
    },
    standardError: count > 1 ? Math.sqrt(squares * count / (count - 1)) : NaN,
    bootstrapDistribution: estimates,
  };
}
