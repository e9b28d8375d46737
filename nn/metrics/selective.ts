// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Selective prediction: how much better predictions are if the uncertain ones
 * are left to somebody else.
 *
 * @module
 */

import { ceilOfShare } from "./exact_shares.ts";
import { checkNumbers, checkPaired } from "./rows.ts";
import { topLabels } from "./top_label.ts";
import { Sum } from "./sums.ts";

/** The mean loss of the most confident rows, as their number grows. */
export interface RiskCoverageCurve {
  /** The share of the rows that is predicted, k/n for k = 1 … n, [rows]. */
  coverage: Float64Array<ArrayBuffer>;
  /** The mean loss of these rows, [rows]. */
  risk: Float64Array<ArrayBuffer>;
}

/** What {@linkcode selectiveMetrics} measures. */
export interface SelectiveMetrics {
  /** See {@linkcode areaUnderRiskCoverage}. */
  aurc: number;
  /** See {@linkcode areaUnderGeneralizedRiskCoverage}. */
  augrc: number;
  /** See {@linkcode coverageAtRisk}, at a risk of 0.05. */
  coverageAt5Risk: number;
  /** See {@linkcode riskAtCoverage}, at a coverage of 0.8. */
  riskAt80Coverage: number;
}

/**
 * The risk-coverage curve: the mean loss of the k most confident rows, for
 * every k (El-Yaniv and Wiener, 2010).
 *
 * Rows of equal confidence share their mean loss, so that the curve does not
 * depend on their order.
 *
 * @param confidences A score of each row, larger where the prediction is more
 * certain, [rows]. The negative of an uncertainty serves.
 * @param losses The loss of each row, [rows]: 1 where the prediction is wrong
 * and 0 elsewhere, or any other loss.
 * @returns Coverage and risk, from the most confident row to all of them.
 * @throws {RangeError} If the lists differ in length, are empty or hold NaN.
 *
 * @example The least confident of four rows is wrong
 * ```ts
 * import { riskCoverageCurve } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const { risk } = riskCoverageCurve([0.9, 0.6, 0.7, 0.8], [0, 1, 0, 0]);
 * assertEquals([...risk], [0, 0, 0, 0.25]);
 * ```
 */
export function riskCoverageCurve(
  confidences: ArrayLike<number>,
  losses: ArrayLike<number>,
): RiskCoverageCurve {
  const action = "draw a risk-coverage curve";
  const rows = checkPaired(action, confidences, losses);
  checkNumbers(action, confidences, "confidence");
  checkNumbers(action, losses, "loss");
  const risk = meansOfFirst(confidences, losses);
  return { coverage: risk.map((_, i) => (i + 1) / rows), risk };
}

/**
 * The area under the risk-coverage curve (AURC): the mean risk over all
 * coverages (Geifman et al., 2019).
 *
 * The area under the straight lines between coverages 1/n and 1, divided by
 * 1 − 1/n, as torch-uncertainty computes it.
 *
 * @param curve Coverage and risk.
 * @returns The area, at least 0; NaN for a single row.
 *
 * @example The more certain of two rows is right
 * ```ts
 * import { areaUnderRiskCoverage, riskCoverageCurve } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const curve = riskCoverageCurve([0.9, 0.6], [0, 1]);
 * assertEquals(areaUnderRiskCoverage(curve), 0.25);
 * ```
 */
export function areaUnderRiskCoverage(curve: RiskCoverageCurve): number {
  const { coverage, risk } = curve;
  return areaUnder(coverage, risk);
}

/**
 * The area under the generalized risk-coverage curve (AUGRC): the area of
 * risk · coverage, which is the share of all rows that is predicted and wrong
 * (Traub et al., 2024).
 *
 * @param curve Coverage and risk.
 * @returns The area, at least 0; NaN for a single row.
 *
 * @example All of four rows are wrong
 * ```ts
 * import {
 *   areaUnderGeneralizedRiskCoverage,
 *   riskCoverageCurve,
 * } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const curve = riskCoverageCurve([0.9, 0.8, 0.7, 0.6], [1, 1, 1, 1]);
 * assertAlmostEquals(areaUnderGeneralizedRiskCoverage(curve), 0.625);
 * ```
 */
export function areaUnderGeneralizedRiskCoverage(
  curve: RiskCoverageCurve,
): number {
  const { coverage, risk } = curve;
  return areaUnder(coverage, risk.map((r, i) => r * (coverage[i] ?? NaN)));
}

/**
 * The largest coverage at which the risk is not above a bound: the share of the
 * rows that a machine may answer if it may be wrong that often.
 *
 * @param curve Coverage and risk.
 * @param risk The bound, such as 0.05.
 * @returns A coverage in (0, 1]; NaN if the risk is above the bound everywhere.
 *
 * @example One error in four rows is too many
 * ```ts
 * import { coverageAtRisk, riskCoverageCurve } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const curve = riskCoverageCurve([0.9, 0.6, 0.7, 0.8], [0, 1, 0, 0]);
 * assertEquals(coverageAtRisk(curve, 0.05), 0.75);
 * ```
 */
export function coverageAtRisk(curve: RiskCoverageCurve, risk: number): number {
  const at = curve.risk.findLastIndex((r) => r <= risk);
  return curve.coverage[at] ?? NaN;
}

/**
 * The risk of the ⌈coverage · n⌉ most confident rows.
 *
 * @param curve Coverage and risk.
 * @param coverage The share of the rows that is predicted, in (0, 1], such as
 * 0.8. It counts as the decimal number that is written.
 * @returns The mean loss of these rows.
 * @throws {RangeError} If the coverage is not in (0, 1].
 *
 * @example Half of the rows
 * ```ts
 * import { riskAtCoverage, riskCoverageCurve } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const curve = riskCoverageCurve([0.9, 0.6, 0.7, 0.8], [1, 1, 0, 0]);
 * assertEquals(riskAtCoverage(curve, 0.5), 0.5);
 * ```
 */
export function riskAtCoverage(
  curve: RiskCoverageCurve,
  coverage: number,
): number {
  if (!(coverage > 0 && coverage <= 1)) {
    throw new RangeError(
      `Cannot measure risk: the coverage is ${coverage}, but must be in (0, 1]`,
    );
  }
  return curve.risk[ceilOfShare(curve.risk.length, coverage) - 1] ?? NaN;
}

/**
 * The usual measures of selective classification, where the largest probability
 * is the confidence and a wrong class is a loss of 1.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @returns Two areas and two points of the risk-coverage curve.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, or a probability is not in [0, 1].
 *
 * @example The less certain of two rows is wrong
 * ```ts
 * import { selectiveMetrics } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(selectiveMetrics([0.9, 0.1, 0.6, 0.4], [0, 1]), {
 *   aurc: 0.25,
 *   augrc: 0.25,
 *   coverageAt5Risk: 0.5,
 *   riskAt80Coverage: 0.5,
 * });
 * ```
 */
export function selectiveMetrics(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
): SelectiveMetrics {
  const action = "measure selective prediction";
  const { confidences, correct } = topLabels(action, probabilities, labels);
  const curve = riskCoverageCurve(confidences, correct.map((hit) => 1 - hit));
  return {
    aurc: areaUnderRiskCoverage(curve),
    augrc: areaUnderGeneralizedRiskCoverage(curve),
    coverageAt5Risk: coverageAtRisk(curve, 0.05),
    riskAt80Coverage: riskAtCoverage(curve, 0.8),
  };
}

/**
 * The mean value of the k rows of the largest scores, for every k. Rows of equal
 * score share their mean value.
 */
export function meansOfFirst(
  scores: ArrayLike<number>,
  values: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const order = Array.from({ length: scores.length }, (_, i) => i);
  order.sort((a, b) => {
    const [first = 0, second = 0] = [scores[a], scores[b]];
    return first > second ? -1 : first < second ? 1 : 0;
  });
  const means = new Float64Array(order.length);
  const sum = new Sum();
  for (let start = 0; start < order.length;) {
    const score = scores[order[start] ?? 0];
    let end = start;
    const before = sum.value;
    while (end < order.length && scores[order[end] ?? 0] === score) {
      sum.add(values[order[end] ?? 0] ?? NaN);
      end++;
    }
    const own = sum.value - before;
    for (let i = start; i < end; i++) {
      const share = (i + 1 - start) / (end - start);
      // The last of equal rows has the exact sum.
      means[i] = (i + 1 === end ? sum.value : before + own * share) / (i + 1);
    }
    start = end;
  }
  return means;
}

/** The mean height of straight lines between points of rising x. */
function areaUnder(x: Float64Array, y: Float64Array): number {
  if (x.length < 2) return NaN;
  const sum = new Sum();
  for (let i = 1; i < x.length; i++) {
    const width = (x[i] ?? NaN) - (x[i - 1] ?? NaN);
    sum.add(width * ((y[i] ?? NaN) + (y[i - 1] ?? NaN)) / 2);
  }
  return sum.value / ((x.at(-1) ?? NaN) - (x[0] ?? NaN));
}
