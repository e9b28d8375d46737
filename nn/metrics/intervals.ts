// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Whether predicted intervals and quantiles of numbers hold what they promise.
 *
 * @module
 */

import { checkKnown, checkShare } from "./known_options.ts";
import { normalCdf } from "./normal_distribution.ts";
import { checkNumbers, checkPaired } from "./rows.ts";
import { meanOf } from "./sums.ts";

/** How often intervals hold the true value, and how wide they are. */
export interface IntervalCoverage {
  /** The share of rows whose value is in its interval, ends included. */
  coverage: number;
  /** The mean of upper − lower, where an empty interval has width 0. */
  meanWidth: number;
}

/** Options of {@linkcode quantileCalibration}: which levels are compared. */
export interface QuantileCalibrationOptions {
  /**
   * Levels in (0, 1).
   * @default {[0.05, 0.1, …, 0.95]}
   */
  levels?: ArrayLike<number>;
}

/** How often values are below their predicted quantiles. */
export interface QuantileCalibration {
  /** The levels compared, [levels]. */
  levels: Float64Array<ArrayBuffer>;
  /** The share of rows at each level, equal to it if calibrated, [levels]. */
  empirical: Float64Array<ArrayBuffer>;
  /** The mean of |empirical − level|. */
  meanAbsolute: number;
  /** The mean of (empirical − level)². */
  meanSquared: number;
}

/**
 * How often intervals hold the true value, and how wide they are on average.
 *
 * An interval that ends before it starts is empty: it holds nothing and has
 * width 0. `conformalizedQuantiles` may give such intervals.
 *
 * @param interval The ends of the interval of each row, each [rows].
 * @param targets True values, [rows].
 * @returns The coverage in [0, 1] and the mean width.
 * @throws {RangeError} If the lists differ in length, are empty or hold NaN.
 *
 * @example One of two
 * ```ts
 * import { intervalCoverage } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(intervalCoverage({ lower: [0, 0], upper: [1, 3] }, [1, 4]), {
 *   coverage: 0.5,
 *   meanWidth: 2,
 * });
 * ```
 */
export function intervalCoverage(
  interval: { lower: ArrayLike<number>; upper: ArrayLike<number> },
  targets: ArrayLike<number>,
): IntervalCoverage {
  const { lower, upper } = interval;
  checkInterval("count coverage", interval, targets);
  let covered = 0;
  for (let row = 0; row < targets.length; row++) {
    const y = targets[row] ?? NaN;
    if ((lower[row] ?? NaN) <= y && y <= (upper[row] ?? NaN)) covered++;
  }
  return {
    coverage: covered / targets.length,
    meanWidth: meanOf(
      targets.length,
      (row) => Math.max((upper[row] ?? NaN) - (lower[row] ?? NaN), 0),
    ),
  };
}

/**
 * The interval score (Winkler score): the width of an interval plus 2/α times
 * how far the value lies outside, on average over rows.
 *
 * It is least for the true quantiles at α/2 and 1 − α/2 (Gneiting and Raftery,
 * 2007).
 *
 * @param interval The ends of the interval of each row, each [rows].
 * @param targets True values, [rows].
 * @param alpha The share of values that may lie outside, in (0, 1).
 * @returns A score in the unit of the values, at least 0.
 * @throws {RangeError} If the lists differ in length, are empty or hold NaN, an
 * interval ends before it starts, or α is not in (0, 1).
 *
 * @example One above an interval of width 2
 * ```ts
 * import { intervalScore } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const interval = { lower: [0], upper: [2] };
 * assertAlmostEquals(intervalScore(interval, [3], 0.1), 22);
 * ```
 */
export function intervalScore(
  interval: { lower: ArrayLike<number>; upper: ArrayLike<number> },
  targets: ArrayLike<number>,
  alpha: number,
): number {
  const action = "score intervals";
  const { lower, upper } = interval;
  checkInterval(action, interval, targets);
  checkShare(action, "alpha", alpha);
  return meanOf(targets.length, (row) => {
    const y = targets[row] ?? NaN;
    const [low, high] = [lower[row] ?? NaN, upper[row] ?? NaN];
    if (low > high) {
      throw new RangeError(
        `Cannot ${action}: interval ${row} is [${low}, ${high}], but must not end before it starts`,
      );
    }
    const outside = Math.max(low - y, y - high, 0);
    return high - low + 2 / alpha * outside;
  });
}

/**
 * The pinball loss of predicted quantiles: τ (y − q) where the value is above,
 * (1 − τ) (q − y) where it is below, on average over rows.
 *
 * @param predicted The predicted quantile q of each row, [rows].
 * @param targets True values y, [rows].
 * @param quantile The level τ, in (0, 1).
 * @returns A loss in the unit of the values, least for the true quantile.
 * @throws {RangeError} If the lists differ in length or are empty, or τ is not
 * in (0, 1).
 *
 * @example A quantile that should be above nine of ten values
 * ```ts
 * import { pinballLoss } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(pinballLoss([0], [1], 0.9), 0.9);
 * assertAlmostEquals(pinballLoss([1], [0], 0.9), 0.1);
 * ```
 */
export function pinballLoss(
  predicted: ArrayLike<number>,
  targets: ArrayLike<number>,
  quantile: number,
): number {
  const action = "score quantiles";
  const rows = checkPaired(action, predicted, targets);
  checkShare(action, "quantile", quantile);
  return meanOf(rows, (row) => {
    const difference = (targets[row] ?? NaN) - (predicted[row] ?? NaN);
    return difference >= 0
      ? quantile * difference
      : (quantile - 1) * difference;
  });
}

/**
 * The probability integral transform of normal distributions, Φ((y − μ)/σ): how
 * probable a value below the true one was. If the distributions are right, it is
 * uniform in [0, 1].
 *
 * @param prediction The mean μ and the standard deviation σ above 0, each
 * [rows].
 * @param targets True values y, [rows].
 * @returns Probabilities, [rows], for {@linkcode quantileCalibration}.
 * @throws {RangeError} If the lists differ in length or are empty, or a standard
 * deviation is not above 0.
 *
 * @example One standard deviation above the mean
 * ```ts
 * import { gaussianPit } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const [p = 0] = gaussianPit({ mean: [1], standardDeviation: [2] }, [3]);
 * assertAlmostEquals(p, 0.841344746068543);
 * ```
 */
export function gaussianPit(
  prediction: { mean: ArrayLike<number>; standardDeviation: ArrayLike<number> },
  targets: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const action = "transform values";
  const { mean, standardDeviation } = prediction;
  checkPaired(action, mean, targets);
  checkPaired(action, standardDeviation, targets);
  return Float64Array.from({ length: targets.length }, (_, row) => {
    const deviation = standardDeviation[row] ?? NaN;
    if (!(deviation > 0)) {
      throw new RangeError(
        `Cannot ${action}: standard deviation ${row} is ${deviation}, but must be a number above 0`,
      );
    }
    return normalCdf(((targets[row] ?? NaN) - (mean[row] ?? NaN)) / deviation);
  });
}

/**
 * Quantile calibration of a regression: the share of rows whose value is below
 * its predicted quantile, at each level (Kuleshov et al., 2018).
 *
 * @param pit The predicted probability of a value below the true one, [rows], as
 * {@linkcode gaussianPit} gives it.
 * @param options The levels.
 * @returns The share at each level, and how far it is from the level.
 * @throws {RangeError} If there are no rows, a probability is not in [0, 1], or
 * a level is not in (0, 1).
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Values spread evenly
 * ```ts
 * import { quantileCalibration } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { empirical } = quantileCalibration([0.1, 0.3, 0.6, 0.9], {
 *   levels: [0.25, 0.5, 0.75],
 * });
 * assertEquals([...empirical], [0.25, 0.5, 0.75]);
 * ```
 */
export function quantileCalibration(
  pit: ArrayLike<number>,
  options: QuantileCalibrationOptions = {},
): QuantileCalibration {
  return calibrationOf(pit, options, (p) => p);
}

/**
 * The coverage of central intervals: the share of rows whose value lies in the
 * middle share of its predicted distribution, at each level.
 *
 * @param pit The predicted probability of a value below the true one, [rows].
 * @param options The levels: the share that an interval should hold.
 * @returns The coverage at each level, and how far it is from the level.
 * @throws {RangeError} If there are no rows, a probability is not in [0, 1], or
 * a level is not in (0, 1).
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Half of the values lie in the middle half
 * ```ts
 * import { centralIntervalCalibration } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { empirical } = centralIntervalCalibration([0.1, 0.3, 0.6, 0.9], {
 *   levels: [0.5],
 * });
 * assertEquals([...empirical], [0.5]);
 * ```
 */
export function centralIntervalCalibration(
  pit: ArrayLike<number>,
  options: QuantileCalibrationOptions = {},
): QuantileCalibration {
  return calibrationOf(pit, options, (p) => Math.abs(2 * p - 1));
}

/** Nineteen levels, each the float64 that is nearest to its decimal. */
const LEVELS = Float64Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

/** The share of rows whose rank is not above each level. */
function calibrationOf(
  pit: ArrayLike<number>,
  options: QuantileCalibrationOptions,
  rank: (p: number) => number,
): QuantileCalibration {
  const action = "compare quantiles";
  checkKnown(action, options, ["levels"]);
  const levels = Float64Array.from(options.levels ?? LEVELS);
  if (pit.length === 0 || levels.length === 0) {
    throw new RangeError(
      `Cannot ${action}: ${pit.length} rows and ${levels.length} levels, expected at least one of each`,
    );
  }
  for (const level of levels) checkShare(action, "a level", level);
  const ranks = Float64Array.from(pit, (p, row) => {
    if (p >= 0 && p <= 1) return rank(p);
    throw new RangeError(
      `Cannot ${action}: row ${row} is ${p}, but must be a probability in [0, 1]`,
    );
  });
  const empirical = levels.map((level) =>
    ranks.reduce((count, r) => count + (r <= level ? 1 : 0), 0) / ranks.length
  );
  const gap = (i: number) => (empirical[i] ?? NaN) - (levels[i] ?? NaN);
  return {
    levels,
    empirical,
    meanAbsolute: meanOf(levels.length, (i) => Math.abs(gap(i))),
    meanSquared: meanOf(levels.length, (i) => gap(i) ** 2),
  };
}

/** Throws unless each row has an interval and a value. */
function checkInterval(
  action: string,
  { lower, upper }: { lower: ArrayLike<number>; upper: ArrayLike<number> },
  targets: ArrayLike<number>,
): void {
  checkPaired(action, lower, targets);
  checkPaired(action, upper, targets);
  checkNumbers(action, lower, "lower end");
  checkNumbers(action, upper, "upper end");
  checkNumbers(action, targets, "value");
}
