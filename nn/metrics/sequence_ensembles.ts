// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How uncertain an ensemble is about whole texts, from the log-probability that
 * each member gives to each of them.
 *
 * @module
 */

import { checkKnown } from "./known_options.ts";
import { checkNumbers, columns } from "./rows.ts";

/** Options of {@linkcode sequenceEnsembleUncertainty}. */
export interface SequenceEnsembleOptions {
  /** The number of ensemble members, or of posterior samples. */
  members: number;
  /** The number of hypotheses for each input. */
  hypotheses: number;
}

/** Uncertainties of inputs about whole texts, each [inputs]. */
export interface SequenceEnsembleUncertainty {
  /** −Σ w p, the negative mean probability of the hypotheses (PEStu, EPStu). */
  sequenceTotalUncertainty: Float64Array<ArrayBuffer>;
  /**
   * The mean of log p − log pₘ over hypotheses and members, the reverse mutual
   * information (PESrmi, EPSrmi).
   */
  sequenceRmi: Float64Array<ArrayBuffer>;
  /** The mean of |log p − log pₘ| (PESrmiabs, EPSrmiabs). */
  sequenceAbsoluteRmi: Float64Array<ArrayBuffer>;
  /**
   * The mean of pₘ/p (log pₘ − log p), the mutual information between the text and
   * the member. With log-probabilities that are not divided by lengths, and all
   * possible texts as hypotheses, it is exact; with others it is an estimate by
   * importance sampling. (lm-polygraph has none.)
   */
  sequenceMutualInformation: Float64Array<ArrayBuffer>;
}

/**
 * The uncertainty of an ensemble about whole texts (Malinin and Gales, 2021, as
 * lm-polygraph computes it).
 *
 * With p = 1/M Σₘ pₘ of each hypothesis and weights w = p / Σ p over the
 * hypotheses of an input, sums over hypotheses are weighted by w.
 *
 * @param logProbabilities The log-probability of each hypothesis by each member,
 * usually divided by its length, [inputs, members, hypotheses].
 * @param options The number of members and of hypotheses.
 * @returns Four measures of each input.
 * @throws {RangeError} If the values do not fill whole inputs, or hold NaN.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Members that agree
 * ```ts
 * import { sequenceEnsembleUncertainty } from "@swagpu/swagpu/nn/metrics";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logs = [Math.log(0.5), Math.log(0.5)];
 * const { sequenceTotalUncertainty, sequenceRmi } = sequenceEnsembleUncertainty(
 *   logs,
 *   { members: 2, hypotheses: 1 },
 * );
 * assertAlmostEquals(sequenceTotalUncertainty[0] ?? 0, -0.5);
 * assertAlmostEquals(sequenceRmi[0] ?? NaN, 0);
 * ```
 */
export function sequenceEnsembleUncertainty(
  logProbabilities: ArrayLike<number>,
  options: SequenceEnsembleOptions,
): SequenceEnsembleUncertainty {
  const action = "measure sequence uncertainty";
  checkKnown(action, options, ["members", "hypotheses"]);
  const { members, hypotheses } = options;
  columns(action, logProbabilities.length, members);
  columns(action, logProbabilities.length, hypotheses);
  const width = members * hypotheses;
  const inputs = columns(action, logProbabilities.length, width);
  checkNumbers(action, logProbabilities, "log-probability");
  const total = new Float64Array(inputs);
  const rmi = new Float64Array(inputs);
  const absolute = new Float64Array(inputs);
  const information = new Float64Array(inputs);
  for (let input = 0; input < inputs; input++) {
    const log = (m: number, h: number) =>
      logProbabilities[input * width + m * hypotheses + h] ?? NaN;
    const own = Array.from({ length: hypotheses }, (_, h) => {
      let largest = -Infinity;
      for (let m = 0; m < members; m++) largest = Math.max(largest, log(m, h));
      let sum = 0;
      for (let m = 0; m < members; m++) sum += Math.exp(log(m, h) - largest);
      return largest + Math.log(sum / members);
    });
    const best = Math.max(...own);
    const mass = own.reduce((sum, l) => sum + Math.exp(l - best), 0);
    let [sum, difference, distance, shared] = [0, 0, 0, 0];
    for (const [h, mean] of own.entries()) {
      const weight = Math.exp(mean - best) / mass;
      sum -= weight * Math.exp(mean);
      for (let m = 0; m < members; m++) {
        const gap = weight * (mean - log(m, h)) / members;
        difference += gap;
        distance += Math.abs(gap);
        const ratio = Math.exp(log(m, h) - mean);
        if (ratio > 0) shared -= ratio * gap; // 0 · log 0 counts as 0.
      }
    }
    [total[input], rmi[input], absolute[input]] = [sum, difference, distance];
    information[input] = Math.max(0, shared);
  }
  return {
    sequenceTotalUncertainty: total,
    sequenceRmi: rmi,
    sequenceAbsoluteRmi: absolute,
    sequenceMutualInformation: information,
  };
}
