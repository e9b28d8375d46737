// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Groups of rows of similar confidence: what a reliability diagram draws, and
 * what calibration errors are computed from.
 *
 * @module
 */

import { checkChoice, checkKnown } from "./known_options.ts";
import { Sum } from "./sums.ts";
import { checkOutcomes, topLabels } from "./top_label.ts";

/** Options of {@linkcode reliabilityBins}: how confidences are grouped. */
export interface BinsOptions {
  /**
   * The number of groups, from 1 to 1,000,000.
   * @default {15}
   */
  bins?: number;
  /**
   * `"equal-width"` cuts (0, 1] into intervals of equal width; `"equal-mass"`
   * sorts the rows by confidence and cuts them into groups of equal size (the
   * first ones have one row more if there is a remainder).
   * @default {"equal-width"}
   */
  binning?: "equal-width" | "equal-mass";
  /**
   * Which end belongs to an interval of equal width: `"right"` is (a, b], as
   * Guo et al. (2017) define it, where 0 belongs to the first one; `"left"` is
   * [a, b), as netcal and torchmetrics have it, where 1 belongs to the last one.
   * @default {"right"}
   */
  closed?: "right" | "left";
  /**
   * Whether a confidence of exactly 1 gets one more interval, [1, 1],
   * as in torchmetrics. Only for intervals that are closed on the left.
   * @default {false}
   */
  ownBinForOne?: boolean;
}

/** The predictions whose confidence falls in one group. */
export interface ReliabilityBin {
  /**
   * The lower end of the interval, which does not belong to it unless `closed`
   * is `"left"`. In groups of equal mass, the smallest confidence of the group.
   */
  lower: number;
  /**
   * The upper end of the interval, which belongs to it unless `closed` is
   * `"left"`. In groups of equal mass, the largest confidence of the group.
   */
  upper: number;
  /** How many rows fall in it. */
  count: number;
  /** The mean confidence of these rows; 0 if there are none. */
  confidence: number;
  /** The share of these rows that is predicted right; 0 if there are none. */
  accuracy: number;
}

/** The names of all {@linkcode BinsOptions}. */
export const BINS_OPTIONS: readonly string[] = [
  "bins",
  "binning",
  "closed",
  "ownBinForOne",
];

/** The largest number of bins: more would only fill the memory. */
const MAX_BINS = 1_000_000;

/**
 * Groups predictions by confidence, for a reliability diagram.
 *
 * Confidence is the largest probability of a row. Without options, bin b of B
 * holds the rows with confidence in (b/B, (b+1)/B].
 *
 * @param probabilities Predictions, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The number of bins, and how they are cut.
 * @returns Every bin in order, including empty ones.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a probability is not in [0, 1], or an option is out of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two bins
 * ```ts
 * import { reliabilityBins } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const probabilities = [0.5, 0.5, 0.25, 0.75];
 * const [low, high] = reliabilityBins(probabilities, [0, 0], { bins: 2 });
 * assertEquals([low?.count, low?.confidence, low?.accuracy], [1, 0.5, 1]);
 * assertEquals([high?.count, high?.confidence, high?.accuracy], [1, 0.75, 0]);
 * ```
 */
export function reliabilityBins(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: BinsOptions = {},
): ReliabilityBin[] {
  const action = "group predictions";
  checkBins(action, options, BINS_OPTIONS);
  const { confidences, correct } = topLabels(action, probabilities, labels);
  return group(confidences, correct, options);
}

/**
 * Groups probabilities of an event by their value, beside how often the event
 * happened.
 *
 * For two classes, the event is class 1 and its probability is compared with
 * its frequency, whatever is predicted. Confidences and whether the prediction
 * was right give the bins of {@linkcode reliabilityBins}.
 *
 * @param scores The probability of the event, [rows].
 * @param outcomes 1 where the event happened, otherwise 0, [rows].
 * @param options The number of bins, and how they are cut.
 * @returns Every bin in order; `accuracy` is the frequency of the event.
 * @throws {RangeError} If the lists differ in length or are empty, a
 * probability is not in [0, 1], an outcome is not 0 or 1, or an option is out
 * of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example It rained on one of two days that had a chance of 80 %
 * ```ts
 * import { binaryReliabilityBins } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const bins = binaryReliabilityBins([0.8, 0.8], [1, 0], { bins: 5 });
 * assertEquals(bins[3], {
 *   lower: 3 / 5,
 *   upper: 4 / 5,
 *   count: 2,
 *   confidence: 0.8,
 *   accuracy: 0.5,
 * });
 * ```
 */
export function binaryReliabilityBins(
  scores: ArrayLike<number>,
  outcomes: ArrayLike<number>,
  options: BinsOptions = {},
): ReliabilityBin[] {
  const action = "group predictions";
  checkBins(action, options, BINS_OPTIONS);
  checkOutcomes(action, scores, outcomes);
  return group(clipped(scores), outcomes, options);
}

/** Throws unless the options say how to cut bins. */
export function checkBins(
  action: string,
  options: BinsOptions,
  known: readonly string[],
): void {
  checkKnown(action, options, known);
  const { bins = 15, binning, closed, ownBinForOne } = options;
  if (!Number.isSafeInteger(bins) || bins < 1 || bins > MAX_BINS) {
    throw new RangeError(
      `Cannot ${action}: ${bins} bins, but there must be an integer from 1 to ${MAX_BINS}`,
    );
  }
  const choices: [string, unknown, unknown[]][] = [
    ["binning", binning, ["equal-width", "equal-mass"]],
    ["closed", closed, ["right", "left"]],
    ["ownBinForOne", ownBinForOne, [true, false]],
  ];
  for (const [name, value, choices_] of choices) {
    if (value === undefined) continue;
    checkChoice(action, name, { value, choices: choices_ });
  }
  if (binning === "equal-mass" && (closed || ownBinForOne)) {
    throw new RangeError(
      `Cannot ${action}: closed and ownBinForOne are about intervals, but bins of equal mass have none`,
    );
  }
  if (ownBinForOne && closed !== "left") {
    throw new RangeError(
      `Cannot ${action}: ownBinForOne needs closed: "left", because intervals closed on the right hold 1`,
    );
  }
}

/** Probabilities, where rounding may have put one above 1. */
export function clipped(scores: ArrayLike<number>): Float64Array<ArrayBuffer> {
  return Float64Array.from(scores).map((p) => Math.min(p, 1));
}

/** Bins of confidences, beside the mean of their outcomes. */
export function group(
  confidences: Float64Array,
  outcomes: ArrayLike<number>,
  options: BinsOptions,
): ReliabilityBin[] {
  const bins = options.binning === "equal-mass"
    ? cutByMass(confidences, outcomes, options.bins ?? 15)
    : cutByWidth(confidences, outcomes, options);
  for (const bin of bins) {
    bin.confidence /= Math.max(bin.count, 1);
    bin.accuracy /= Math.max(bin.count, 1);
  }
  return bins;
}

function cutByWidth(
  confidences: Float64Array,
  outcomes: ArrayLike<number>,
  { bins: count = 15, closed = "right", ownBinForOne = false }: BinsOptions,
): ReliabilityBin[] {
  const bins: ReliabilityBin[] = Array.from(
    { length: ownBinForOne ? count + 1 : count },
    (_, b) => ({
      lower: b / count,
      upper: Math.min((b + 1) / count, 1),
      count: 0,
      confidence: 0,
      accuracy: 0,
    }),
  );
  const sums = bins.map(() => new Sum());
  for (const [row, confidence] of confidences.entries()) {
    const at = closed === "right"
      ? rightClosedBin(confidence, count)
      : Math.min(leftClosedBin(confidence, count), bins.length - 1);
    const bin = bins[at];
    if (!bin) continue;
    bin.count++;
    sums[at]?.add(confidence);
    bin.accuracy += outcomes[row] ?? 0;
  }
  for (const [at, bin] of bins.entries()) bin.confidence = sums[at]?.value ?? 0;
  return bins;
}

/** The bin b with b/B < c ≤ (b+1)/B. */
function rightClosedBin(confidence: number, bins: number): number {
  let bin = Math.max(Math.ceil(confidence * bins) - 1, 0);
  // The product above is rounded, so compare with the ends of the interval.
  if (bin > 0 && confidence <= bin / bins) bin--;
  if (bin < bins - 1 && confidence > (bin + 1) / bins) bin++;
  return bin;
}

/** The bin b with b/B ≤ c < (b+1)/B, which is B for c = 1. */
function leftClosedBin(confidence: number, bins: number): number {
  let bin = Math.floor(confidence * bins);
  if (bin > 0 && confidence < bin / bins) bin--;
  if (bin < bins && confidence >= (bin + 1) / bins) bin++;
  return bin;
}

function cutByMass(
  confidences: Float64Array,
  outcomes: ArrayLike<number>,
  count: number,
): ReliabilityBin[] {
  const order = Array.from(confidences.keys())
    .sort((a, b) => (confidences[a] ?? 0) - (confidences[b] ?? 0));
  const largest = confidences[order.at(-1) ?? 0] ?? 0;
  const size = Math.floor(order.length / count);
  const larger = order.length % count;
  let start = 0;
  return Array.from({ length: count }, (_, b) => {
    const rows = order.slice(start, start + size + (b < larger ? 1 : 0));
    start += rows.length;
    const sum = new Sum();
    let accuracy = 0;
    for (const row of rows) {
      sum.add(confidences[row] ?? 0);
      accuracy += outcomes[row] ?? 0;
    }
    return {
      lower: confidences[rows[0] ?? -1] ?? largest,
      upper: confidences[rows.at(-1) ?? -1] ?? largest,
      count: rows.length,
      confidence: sum.value,
      accuracy,
    };
  });
}
