// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The prediction rejection ratio: how well an uncertainty tells good texts from
 * bad ones, where quality is any number.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";
import { checkNumbers, checkPaired, finiteValues } from "./rows.ts";
import { meansOfFirst } from "./selective.ts";
import { meanOf } from "./sums.ts";

/** Options of {@linkcode predictionRejectionRatio}. */
export interface PredictionRejectionOptions {
  /**
   * The largest share of rows that is rejected, in (0, 1].
   * @default {1}
   */
  maxRejection?: number;
  /**
   * The area of a random order. lm-polygraph draws 1,000 orders; this is what
   * they tend to.
   * @default {the mean of the scaled quality}
   */
  randomArea?: number;
}

/** An area, those that it is compared with, and the ratio. */
export interface PredictionRejection {
  /** The area under the quality of the rows that are kept. */
  area: number;
  /** The area if rows were rejected by their quality. */
  oracleArea: number;
  /** The area of a random order. */
  randomArea: number;
  /**
   * (area − randomArea) / (oracleArea − randomArea): 1 for the best order, 0 for
   * a random one, below 0 for a worse one. The area itself if all orders are
   * equal.
   */
  prr: number;
}

/**
 * The prediction rejection ratio (PRR; Malinin et al., 2017), as lm-polygraph
 * computes it.
 *
 * Quality is scaled to [0, 1] by its least and largest value; a constant one
 * counts as ½. The area is the mean, over the number j of rows that are kept, of
 * the mean quality of the j least uncertain rows. Rows of equal uncertainty
 * share their mean quality.
 *
 * @param uncertainty A score of each row, larger where it is less certain,
 * [rows].
 * @param quality How good each row is, [rows].
 * @param options How many rows may be rejected, and the area of a random order.
 * @returns The areas and the ratio.
 * @throws {RangeError} If the lists differ in length, are empty, hold a number
 * that is not finite, or `maxRejection` rejects no row or is above 1.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example The best order
 * ```ts
 * import { predictionRejectionRatio } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { prr } = predictionRejectionRatio([0.1, 0.5, 0.9], [3, 2, 1]);
 * assertEquals(prr, 1);
 * ```
 */
export function predictionRejectionRatio(
  uncertainty: ArrayLike<number>,
  quality: ArrayLike<number>,
  options: PredictionRejectionOptions = {},
): PredictionRejection {
  const action = "compare rejections";
  checkKnown(action, options, ["maxRejection", "randomArea"]);
  const { maxRejection = 1 } = options;
  const rows = checkPaired(action, uncertainty, quality);
  checkNumbers(action, uncertainty, "uncertainty");
  const values = finiteValues(action, quality, "quality");
  const rejected = Math.floor(maxRejection * rows);
  if (!(maxRejection <= 1 && rejected >= 1)) {
    throw new RangeError(
      `Cannot ${action}: maxRejection is ${maxRejection}, but must be at most 1 and reject at least one of ${rows} rows`,
    );
  }
  const low = values.reduce((least, x) => Math.min(least, x), Infinity);
  const high = values.reduce((largest, x) => Math.max(largest, x), -Infinity);
  const scaled = values.map((x) => high > low ? (x - low) / (high - low) : 0.5);
  const areaOf = (certainty: ArrayLike<number>): number => {
    const means = meansOfFirst(certainty, scaled);
    return meanOf(rejected, (i) => means[rows - 1 - i] ?? NaN);
  };
  const area = areaOf(Float64Array.from(uncertainty, (u) => -u));
  const oracleArea = areaOf(scaled);
  const randomArea = options.randomArea ??
    meanOf(rows, (row) => scaled[row] ?? NaN);
  const prr = oracleArea === randomArea
    ? area
    : (area - randomArea) / (oracleArea - randomArea);
  return { area, oracleArea, randomArea, prr };
}
