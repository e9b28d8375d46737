// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Scores of predicted distributions of numbers: a normal distribution of each
 * row, several of them, or samples.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";
import { errorFunction, normalDensity } from "./normal_distribution.ts";
import { checkNumbers, checkPaired } from "./rows.ts";
import { meanOf } from "./sums.ts";

/** A score of each row, and their mean. */
export interface RowScores {
  /** The score of each row, [rows]. */
  perRow: Float64Array<ArrayBuffer>;
  /** The mean over the rows. */
  mean: number;
}

/** Options of {@linkcode gaussianNegativeLogLikelihood}. */
export interface GaussianLikelihoodOptions {
  /**
   * Whether ½ log 2π is part of the score. PyTorch's `GaussianNLLLoss` leaves it
   * out by default.
   * @default {true}
   */
  constant?: boolean;
}

/** The number of predictions for each row of a regression. */
export interface SamplesOptions {
  /** The number of samples, or of ensemble members. */
  members: number;
}

/** Options of {@linkcode ensembleCrps}. */
export interface EnsembleCrpsOptions extends SamplesOptions {
  /**
   * Whether to estimate the score of the distribution that the samples come
   * from, rather than that of the samples themselves, which is larger the fewer
   * there are (Ferro, 2014). It needs at least 2.
   * @default {false}
   */
  fair?: boolean;
}

/** The variance of each row and its two parts, each [rows]. */
export interface VarianceParts {
  /** The mean of the members' means. */
  mean: Float64Array<ArrayBuffer>;
  /** The mean of the members' variances: noise in the data. */
  aleatoric: Float64Array<ArrayBuffer>;
  /** The variance of the members' means: how much the members disagree. */
  epistemic: Float64Array<ArrayBuffer>;
  /** The variance of the mixture, aleatoric + epistemic. */
  total: Float64Array<ArrayBuffer>;
}

/**
 * The negative log-likelihood of normal distributions,
 * ½ (log σ² + (y − μ)²/σ² + log 2π).
 *
 * @param prediction The mean μ and the variance σ² above 0, each [rows].
 * @param targets True values y, [rows].
 * @param options Whether the constant counts.
 * @returns Nats of each row, and their mean.
 * @throws {RangeError} If the lists differ in length or are empty, or a variance
 * is not above 0.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example The mean of a standard normal distribution
 * ```ts
 * import { gaussianNegativeLogLikelihood } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const prediction = { mean: [0], variance: [1] };
 * const { mean } = gaussianNegativeLogLikelihood(prediction, [0]);
 * assertAlmostEquals(mean, Math.log(2 * Math.PI) / 2);
 * ```
 */
export function gaussianNegativeLogLikelihood(
  prediction: { mean: ArrayLike<number>; variance: ArrayLike<number> },
  targets: ArrayLike<number>,
  options: GaussianLikelihoodOptions = {},
): RowScores {
  const action = "score normal distributions";
  checkKnown(action, options, ["constant"]);
  const { mean, variance } = prediction;
  checkPaired(action, mean, targets);
  checkSpread(action, variance, { length: mean.length, name: "variance" });
  const constant = options.constant ?? true ? Math.log(2 * Math.PI) / 2 : 0;
  return scores(targets.length, (row) => {
    const v = variance[row] ?? NaN;
    const difference = (targets[row] ?? NaN) - (mean[row] ?? NaN);
    return (Math.log(v) + difference ** 2 / v) / 2 + constant;
  });
}

/**
 * The negative log-likelihood of equal mixtures of normal distributions,
 * −log 1/M Σₘ N(y; μₘ, σ²ₘ): that of an ensemble whose members predict a mean
 * and a variance.
 *
 * @param prediction Means and variances above 0, each [rows, members].
 * @param targets True values y, [rows].
 * @param options The number of members.
 * @returns Nats of each row, and their mean.
 * @throws {RangeError} If the lists do not match, or a variance is not above 0.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Equal members are like one of them
 * ```ts
 * import { mixtureNegativeLogLikelihood } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const prediction = { mean: [0, 0], variance: [1, 1] };
 * const score = mixtureNegativeLogLikelihood(prediction, [0], { members: 2 });
 * assertAlmostEquals(score.mean, Math.log(2 * Math.PI) / 2);
 * ```
 */
export function mixtureNegativeLogLikelihood(
  prediction: { mean: ArrayLike<number>; variance: ArrayLike<number> },
  targets: ArrayLike<number>,
  options: SamplesOptions,
): RowScores {
  const action = "score mixtures";
  checkKnown(action, options, ["members"]);
  const { members } = options;
  const { mean, variance } = prediction;
  checkMembers(action, mean, { members, rows: targets.length });
  checkSpread(action, variance, { length: mean.length, name: "variance" });
  return scores(targets.length, (row) => {
    const logs = Array.from({ length: members }, (_, m) => {
      const at = row * members + m;
      const v = variance[at] ?? NaN;
      const difference = (targets[row] ?? NaN) - (mean[at] ?? NaN);
      return -(Math.log(2 * Math.PI * v) + difference ** 2 / v) / 2;
    });
    const largest = Math.max(...logs);
    const sum = logs.reduce((s, log) => s + Math.exp(log - largest), 0);
    return Math.log(members) - largest - Math.log(sum);
  });
}

/**
 * Splits the variance of an ensemble's prediction into the members' own mean
 * variance and the variance of their means: the law of total variance,
 * Var y = 1/M Σₘ σ²ₘ + 1/M Σₘ (μₘ − μ̄)².
 *
 * @param prediction Means, and variances of at least 0, each [rows, members].
 * @param options The number of members.
 * @returns The mean and the variance of the mixture, and its two parts.
 * @throws {RangeError} If the lists do not match, or a variance is negative.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two members that are certain of different values
 * ```ts
 * import { varianceParts } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const prediction = { mean: [1, 3], variance: [0, 0] };
 * const parts = varianceParts(prediction, { members: 2 });
 * assertEquals([...parts.mean, ...parts.epistemic], [2, 1]);
 * assertEquals([...parts.aleatoric, ...parts.total], [0, 1]);
 * ```
 */
export function varianceParts(
  prediction: { mean: ArrayLike<number>; variance: ArrayLike<number> },
  options: SamplesOptions,
): VarianceParts {
  const action = "split variances";
  checkKnown(action, options, ["members"]);
  const { members } = options;
  const { mean: means, variance } = prediction;
  const rows = means.length / members;
  checkMembers(action, means, { members, rows });
  checkSpread(action, variance, {
    length: means.length,
    name: "variance",
    mayBeZero: true,
  });
  const each = (of: (row: number) => number) =>
    Float64Array.from({ length: rows }, (_, row) => of(row));
  const mean = each((row) =>
    meanOf(members, (m) => means[row * members + m] ?? NaN)
  );
  const aleatoric = each((row) =>
    meanOf(members, (m) => variance[row * members + m] ?? NaN)
  );
  const epistemic = each((row) =>
    meanOf(
      members,
      (m) => ((means[row * members + m] ?? NaN) - (mean[row] ?? NaN)) ** 2,
    )
  );
  const total = each((row) =>
    (aleatoric[row] ?? NaN) + (epistemic[row] ?? NaN)
  );
  return { mean, aleatoric, epistemic, total };
}

/**
 * The continuous ranked probability score (CRPS) of normal distributions,
 * σ (z (2Φ(z) − 1) + 2φ(z) − 1/√π) with z = (y − μ)/σ (Gneiting et al., 2005).
 *
 * It is in the unit of y, and becomes the absolute error as σ goes to 0.
 *
 * @param prediction The mean μ and the standard deviation σ of at least 0, each
 * [rows].
 * @param targets True values y, [rows].
 * @returns The score of each row, at least 0, and their mean.
 * @throws {RangeError} If the lists differ in length or are empty, or a standard
 * deviation is negative.
 *
 * @example Certain, and off by 2
 * ```ts
 * import { gaussianCrps } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const prediction = { mean: [1], standardDeviation: [0] };
 * assertEquals(gaussianCrps(prediction, [3]).mean, 2);
 * ```
 */
export function gaussianCrps(
  prediction: { mean: ArrayLike<number>; standardDeviation: ArrayLike<number> },
  targets: ArrayLike<number>,
): RowScores {
  const action = "score normal distributions";
  const { mean, standardDeviation } = prediction;
  checkPaired(action, mean, targets);
  checkSpread(action, standardDeviation, {
    length: mean.length,
    name: "standard deviation",
    mayBeZero: true,
  });
  return scores(targets.length, (row) => {
    const deviation = standardDeviation[row] ?? NaN;
    const difference = (targets[row] ?? NaN) - (mean[row] ?? NaN);
    if (deviation === 0) return Math.abs(difference);
    const z = difference / deviation;
    const score = z * errorFunction(z * Math.SQRT1_2) + 2 * normalDensity(z) -
      1 / Math.sqrt(Math.PI);
    return deviation * score;
  });
}

/**
 * The continuous ranked probability score (CRPS) of samples,
 * 1/S Σᵢ |xᵢ − y| − 1/(2 S²) Σᵢⱼ |xᵢ − xⱼ|.
 *
 * @param samples Predictions, [rows, members].
 * @param targets True values y, [rows].
 * @param options The number of samples, and whether the score is fair: then
 * 2 S (S − 1) stands in place of 2 S².
 * @returns The score of each row, and their mean. Fair scores may be negative.
 * @throws {RangeError} If the lists do not match, hold NaN, or there is a single
 * sample for a fair score.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two samples around the true value
 * ```ts
 * import { ensembleCrps } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ensembleCrps([0, 2], [1], { members: 2 }).mean, 0.5);
 * const fair = ensembleCrps([0, 2], [1], { members: 2, fair: true });
 * assertEquals(fair.mean, 0);
 * ```
 */
export function ensembleCrps(
  samples: ArrayLike<number>,
  targets: ArrayLike<number>,
  options: EnsembleCrpsOptions,
): RowScores {
  const action = "score samples";
  checkKnown(action, options, ["members", "fair"]);
  const { members, fair = false } = options;
  checkMembers(action, samples, { members, rows: targets.length });
  checkNumbers(action, samples, "sample");
  if (fair && members < 2) {
    throw new RangeError(
      `Cannot ${action}: there is a single sample, but a fair score needs at least 2`,
    );
  }
  return scores(targets.length, (row) => {
    const own = Float64Array.from(
      { length: members },
      (_, m) => samples[row * members + m] ?? NaN,
    ).sort();
    const target = targets[row] ?? NaN;
    const error = meanOf(members, (m) => Math.abs((own[m] ?? NaN) - target));
    // In rising order, Σᵢⱼ |xᵢ − xⱼ| is 2 Σᵢ (2i − S + 1) xᵢ.
    const middle = own[members >> 1] ?? NaN;
    const spread = meanOf(
      members,
      (m) => (2 * m - members + 1) * ((own[m] ?? NaN) - middle),
    );
    return error - spread / (fair ? members - 1 : members);
  });
}

/** Scores of rows, and their mean. */
function scores(rows: number, score: (row: number) => number): RowScores {
  const perRow = Float64Array.from({ length: rows }, (_, row) => score(row));
  return { perRow, mean: meanOf(rows, (row) => perRow[row] ?? NaN) };
}

/** Throws unless there are `members` values for each row. */
function checkMembers(
  action: string,
  values: ArrayLike<number>,
  { members, rows }: { members: number; rows: number },
): void {
  const isCount = Number.isSafeInteger(members) && members > 0;
  if (!isCount || !(rows > 0) || values.length !== rows * members) {
    throw new RangeError(
      `Cannot ${action}: ${values.length} values of ${members} members for ${rows} rows, expected ${members} for each row`,
    );
  }
}

/** Throws unless variances, or their roots, are positive numbers. */
function checkSpread(
  action: string,
  spread: ArrayLike<number>,
  { length, name, mayBeZero = false }: {
    length: number;
    name: string;
    mayBeZero?: boolean;
  },
): void {
  if (spread.length !== length) {
    throw new RangeError(
      `Cannot ${action}: ${length} means and ${spread.length} of ${name}, expected equal numbers`,
    );
  }
  for (let i = 0; i < spread.length; i++) {
    const value = spread[i] ?? NaN;
    if (value > 0 || (mayBeZero && value === 0)) continue;
    throw new RangeError(
      `Cannot ${action}: ${name} ${i} is ${value}, but must be ${
        mayBeZero ? "a number of at least 0" : "a number above 0"
      }`,
    );
  }
}
