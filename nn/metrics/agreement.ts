// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Agreement of predictions and labels beyond chance: the Matthews correlation
 * and Cohen's kappa.
 *
 * @module
 */

import { tally } from "./class_counts.ts";
import { checkChoice, checkKnown } from "./known_options.ts";

/**
 * The Matthews correlation of predictions and labels, for any number of
 * classes: the correlation of their one-hot codes,
 *
 * ```text
 * (c·n − Σ tₖpₖ) / √((n² − Σ pₖ²)(n² − Σ tₖ²))
 * ```
 *
 * where c of n predictions are right and class k occurs tₖ times among labels
 * and pₖ times among predictions.
 *
 * @param predicted Class numbers, [rows].
 * @param labels True class numbers, [rows].
 * @returns A value in [−1, 1]; 0 if all labels or all predictions are equal.
 * @throws {RangeError} If the lists differ in length or hold a number
 * that is not a class.
 *
 * @example All right, and all wrong
 * ```ts
 * import { matthewsCorrelation } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(matthewsCorrelation([0, 1], [0, 1]), 1);
 * assertEquals(matthewsCorrelation([1, 0], [0, 1]), -1);
 * ```
 */
export function matthewsCorrelation(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
): number {
  const counts = tally("correlate classes", predicted, labels);
  const rows = labels.length;
  // The terms are integers below the square of the rows, so sums are exact.
  let correct = 0;
  let crossed = 0;
  let actualSquares = 0;
  let guessedSquares = 0;
  for (const { actual, guessed, hits } of counts.values()) {
    correct += hits;
    crossed += actual * guessed;
    actualSquares += actual * actual;
    guessedSquares += guessed * guessed;
  }
  const spread = (rows * rows - guessedSquares) * (rows * rows - actualSquares);
  return spread === 0 ? 0 : (correct * rows - crossed) / Math.sqrt(spread);
}

/** Options of {@linkcode cohenKappaScore}. */
export interface KappaOptions {
  /**
   * How much a disagreement counts: 1 (`null`), the distance of the two classes
   * (`"linear"`) or its square (`"quadratic"`), for classes that are steps of a
   * scale.
   * @default {null}
   */
  weights?: "linear" | "quadratic" | null;
  /**
   * The classes in the order of the scale. Default: the classes that occur, in
   * rising order, so that a class that does not occur is no step.
   */
  labels?: ArrayLike<number>;
}

/**
 * Cohen's kappa, the agreement beyond chance,
 *
 * ```text
 * 1 − Σ wᵢⱼ Oᵢⱼ / Σ wᵢⱼ Eᵢⱼ
 * ```
 *
 * where O counts label i with prediction j, E is what independence would give
 * for the same totals, and w weighs the disagreement.
 *
 * @param predicted Class numbers of one rater, [rows].
 * @param labels Class numbers of the other, [rows].
 * @param options How disagreements are weighed.
 * @returns 1 for full agreement, 0 for that of chance; NaN where both sides hold
 * only one class.
 * @throws {RangeError} If the lists differ in length or hold a number
 * that is not a class, or `labels` lacks a class.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Half right, as chance would be
 * ```ts
 * import { cohenKappaScore } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(cohenKappaScore([0, 1, 0, 1], [0, 0, 1, 1]), 0);
 * ```
 */
export function cohenKappaScore(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: KappaOptions = {},
): number {
  const action = "measure agreement";
  checkKnown(action, options, ["weights", "labels"]);
  const { weights = null } = options;
  checkChoice(action, "weights", {
    value: weights,
    choices: [null, "linear", "quadratic"],
  });
  const counts = tally(action, predicted, labels);
  const scale = options.labels
    ? Array.from(options.labels)
    : [...counts.keys()].sort((a, b) => a - b);
  const places = new Map(scale.map((label, place) => [label, place]));
  for (const label of counts.keys()) {
    if (places.has(label)) continue;
    throw new RangeError(
      `Cannot ${action}: class ${label} occurs, but labels are [${scale}]`,
    );
  }
  const weigh = (i: number, j: number): number =>
    weights === null
      ? (i === j ? 0 : 1)
      : weights === "linear"
      ? Math.abs(i - j)
      : (i - j) ** 2;
  let observed = 0;
  for (let row = 0; row < labels.length; row++) {
    observed += weigh(
      places.get(labels[row] ?? -1) ?? 0,
      places.get(predicted[row] ?? -1) ?? 0,
    );
  }
  let expected = 0;
  for (const [truth, { actual }] of counts) {
    for (const [guess, { guessed }] of counts) {
      expected += actual * guessed *
        weigh(places.get(truth) ?? 0, places.get(guess) ?? 0);
    }
  }
  return 1 - observed / (expected / labels.length);
}
