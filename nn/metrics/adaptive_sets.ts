// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Adaptive conformal sets: classes in order of falling probability, until enough
 * probability has come together. They are larger where the model is uncertain.
 *
 * @module
 */

import { checkQuantile, SET_TOLERANCE } from "./conformal.ts";
import { checkChoice, checkCount, checkKnown } from "./known_options.ts";
import {
  checkDistributions,
  checkLabels,
  columns,
  type RowsOptions,
} from "./rows.ts";

/** Options of {@linkcode apsScores}. */
export interface ApsScoresOptions {
  /**
   * A uniform random number in [0, 1] for each row, [rows]. Without it, scores
   * are deterministic, and cover a little more than they promise.
   */
  u?: ArrayLike<number>;
}

/** Options of {@linkcode apsSets}. */
export interface ApsSetsOptions extends RowsOptions {
  /**
   * Whether the class at which the probability reaches the quantile is in the
   * set. `false` leaves it out unless it is the most probable one: that belongs
   * to deterministic scores. `true` takes it in, which is one class more than
   * the promise needs. `"randomized"` decides with `u`: that belongs to
   * randomized scores.
   * @default {"randomized" if there is `u`, otherwise `false`}
   */
  includeLast?: boolean | "randomized";
  /**
   * A uniform random number in [0, 1] for each row, [rows]; only for
   * `"randomized"`.
   */
  u?: ArrayLike<number>;
}

/** How classes of a high rank are punished. */
export interface RapsPenalty {
  /** What each rank above `kReg` adds to a score, at least 0. */
  lambda: number;
  /** How many classes are free of it, an integer of at least 0. */
  kReg: number;
}

/** Options of {@linkcode rapsScores}. */
export interface RapsScoresOptions extends ApsScoresOptions, RapsPenalty {}

/** Options of {@linkcode rapsSets}. */
export interface RapsSetsOptions extends ApsSetsOptions, RapsPenalty {}

const PENALTY_OPTIONS = ["lambda", "kReg"];
const SETS_OPTIONS = ["classes", "includeLast", "u"];
const NO_PENALTY: RapsPenalty = { lambda: 0, kReg: 0 };

/**
 * The scores of adaptive prediction sets (APS): the probability of the label and
 * of all classes that are more probable, less u times that of the label (Romano
 * et al., 2020).
 *
 * @param probabilities Predictions for calibration rows, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The random numbers u.
 * @returns Scores, [rows], for `conformalQuantile`.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a row is not a probability distribution, or u does not match.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example The label is the second most probable class
 * ```ts
 * import { apsScores } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...apsScores([0.25, 0.5, 0.25], [0])], [0.75]);
 * assertEquals([...apsScores([0.25, 0.5, 0.25], [0], { u: [1] })], [0.5]);
 * ```
 */
export function apsScores(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: ApsScoresOptions = {},
): Float64Array<ArrayBuffer> {
  checkKnown("score labels", options, ["u"]);
  return scoresOf(probabilities, labels, { ...options, ...NO_PENALTY });
}

/**
 * Adaptive prediction sets (APS): the most probable classes, until their
 * probability reaches q.
 *
 * Classes that are as probable as the last one are all in the set.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param quantile q, the conformal quantile of {@linkcode apsScores}.
 * @param options The number of classes, and what becomes of the last one.
 * @returns 1 where the class is in the set, otherwise 0, [rows, classes]. Only
 * randomized sets may be empty.
 * @throws {RangeError} If the values do not fill whole rows, a row is not a
 * probability distribution, q is NaN, or u does not match.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example A certain row and an uncertain one
 * ```ts
 * import { apsSets } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const probabilities = [0.9, 0.06, 0.04, 0.5, 0.3, 0.2];
 * const sets = apsSets(probabilities, 0.8, { classes: 3 });
 * assertEquals([...sets], [1, 0, 0, 1, 1, 0]);
 * ```
 */
export function apsSets(
  probabilities: ArrayLike<number>,
  quantile: number,
  options: ApsSetsOptions,
): Uint8Array<ArrayBuffer> {
  checkKnown("predict sets", options, SETS_OPTIONS);
  return setsOf(probabilities, quantile, { ...options, ...NO_PENALTY });
}

/**
 * The scores of regularized adaptive prediction sets (RAPS): those of
 * {@linkcode apsScores} plus λ · max(0, rank − kReg), where the most probable
 * class has rank 1 (Angelopoulos et al., 2021).
 *
 * @param probabilities Predictions for calibration rows, [rows, classes].
 * @param labels The class of each row, [rows].
 * @param options The penalty, and the random numbers u.
 * @returns Scores, [rows], for `conformalQuantile`.
 * @throws {RangeError} If the values do not fill whole rows, a label is not a
 * class, a row is not a probability distribution, u does not match, or the
 * penalty is out of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example The label is the second most probable class
 * ```ts
 * import { rapsScores } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const penalty = { lambda: 0.5, kReg: 1 };
 * assertEquals([...rapsScores([0.25, 0.5, 0.25], [0], penalty)], [1.25]);
 * ```
 */
export function rapsScores(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: RapsScoresOptions,
): Float64Array<ArrayBuffer> {
  checkKnown("score labels", options, [...PENALTY_OPTIONS, "u"]);
  return scoresOf(probabilities, labels, options);
}

/**
 * Regularized adaptive prediction sets (RAPS): as {@linkcode apsSets}, where
 * each class of a rank above kReg adds λ to the sum, so that large sets become
 * rare.
 *
 * Randomized sets drop the last class if u is below
 * (sum − q) / (p − λ · max(0, L − kReg) + λ · [L > kReg]) for the probability p
 * and the rank L of that class, as MAPIE has it.
 *
 * @param probabilities Predictions, [rows, classes].
 * @param quantile q, the conformal quantile of {@linkcode rapsScores}.
 * @param options The number of classes, the penalty, and what becomes of the
 * last class.
 * @returns 1 where the class is in the set, otherwise 0, [rows, classes].
 * @throws {RangeError} If the values do not fill whole rows, a row is not a
 * probability distribution, q is NaN, u does not match, or the penalty is out
 * of range.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example The penalty keeps the second class out
 * ```ts
 * import { rapsSets } from "@swagpu/swagpu/nn/metrics";
 * import { assertEquals } from "@std/assert";
 *
 * const options = { classes: 3, lambda: 0.5, kReg: 1 };
 * const sets = rapsSets([0.5, 0.3, 0.2], 0.8, options);
 * assertEquals([...sets], [1, 0, 0]);
 * ```
 */
export function rapsSets(
  probabilities: ArrayLike<number>,
  quantile: number,
  options: RapsSetsOptions,
): Uint8Array<ArrayBuffer> {
  checkKnown("predict sets", options, [...SETS_OPTIONS, ...PENALTY_OPTIONS]);
  return setsOf(probabilities, quantile, options);
}

function scoresOf(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  { u, lambda, kReg }: RapsScoresOptions,
): Float64Array<ArrayBuffer> {
  const action = "score labels";
  const classes = checkLabels(action, probabilities, labels);
  checkDistributions(action, probabilities, classes);
  checkPenalty(action, { lambda, kReg });
  if (u) checkUniform(action, u, labels.length);
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const label = labels[row] ?? 0;
    const p = probabilities[row * classes + label] ?? NaN;
    const { order, sums } = ranked(probabilities, row, {
      classes,
      lambda,
      kReg,
    });
    return (sums[order.indexOf(label)] ?? NaN) - (u?.[row] ?? 0) * p;
  });
}

function setsOf(
  probabilities: ArrayLike<number>,
  quantile: number,
  options: RapsSetsOptions,
): Uint8Array<ArrayBuffer> {
  const action = "predict sets";
  const { classes, u, lambda, kReg } = options;
  const { includeLast = u ? "randomized" : false } = options;
  const rows = columns(action, probabilities.length, classes);
  checkDistributions(action, probabilities, classes);
  checkQuantile(action, quantile);
  checkPenalty(action, { lambda, kReg });
  const choices = [true, false, "randomized"];
  checkChoice(action, "includeLast", { value: includeLast, choices });
  if ((includeLast === "randomized") !== (u !== undefined)) {
    throw new RangeError(
      `Cannot ${action}: u belongs to includeLast: "randomized", and only to that`,
    );
  }
  if (u) checkUniform(action, u, rows);
  const sets = new Uint8Array(rows * classes);
  for (let row = 0; row < rows; row++) {
    const { order, sums } = ranked(probabilities, row, options);
    const p = (k: number) => probabilities[row * classes + k] ?? NaN;
    const last = includeLast === false
      ? Math.max(sums.findLastIndex((s) => s <= quantile + SET_TOLERANCE), 0)
      : sums.findIndex((sum) => sum >= quantile - SET_TOLERANCE);
    const least = last < 0 ? -Infinity : p(order[last] ?? 0) - SET_TOLERANCE;
    for (let k = 0; k < classes; k++) {
      sets[row * classes + k] = p(k) >= least ? 1 : 0;
    }
    if (!u || last < 0) continue;
    const dropped = order[last] ?? 0;
    const size = order.reduce((n, k) => n + (p(k) >= least ? 1 : 0), 0);
    const width = p(dropped) - lambda * Math.max(0, size - kReg) +
      (size > kReg ? lambda : 0);
    const excess = ((sums[last] ?? NaN) - quantile) / width;
    if (excess - (u[row] ?? NaN) > SET_TOLERANCE) {
      sets[row * classes + dropped] = 0;
    }
  }
  return sets;
}

/**
 * The classes of a row by falling probability, and the sums of probabilities
 * and penalties up to each of them.
 */
function ranked(
  probabilities: ArrayLike<number>,
  row: number,
  { classes, lambda, kReg }: RowsOptions & RapsPenalty,
): { order: number[]; sums: number[] } {
  const p = (k: number) => probabilities[row * classes + k] ?? NaN;
  const order = Array.from({ length: classes }, (_, k) => k)
    .sort((a, b) => p(b) - p(a));
  let sum = 0;
  const sums = order.map((k, i) => {
    sum += p(k);
    return sum + lambda * Math.max(0, i + 1 - kReg);
  });
  return { order, sums };
}

function checkPenalty(action: string, { lambda, kReg }: RapsPenalty): void {
  checkCount(action, "kReg", { value: kReg, least: 0 });
  if (lambda >= 0 && lambda < Infinity) return;
  throw new RangeError(
    `Cannot ${action}: lambda is ${lambda}, but must be a number of at least 0`,
  );
}

function checkUniform(
  action: string,
  u: ArrayLike<number>,
  rows: number,
): void {
  if (u.length !== rows) {
    throw new RangeError(
      `Cannot ${action}: ${u.length} random numbers for ${rows} rows, expected one for each`,
    );
  }
  for (let row = 0; row < rows; row++) {
    const value = u[row] ?? NaN;
    if (value >= 0 && value <= 1) continue;
    throw new RangeError(
      `Cannot ${action}: random number ${row} is ${value}, but must be in [0, 1]`,
    );
  }
}
