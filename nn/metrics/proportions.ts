// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Intervals of proportions, and p-values of several tests at once, as
 * statsmodels has them.
 *
 * @module
 */

import { betaQuantile, normalQuantile } from "./distributions.ts";
import {
  checkChoice,
  checkCount,
  checkKnown,
  checkShare,
} from "./known_options.ts";

/** Options of {@linkcode proportionConfint}. */
export interface ProportionOptions {
  /**
   * The probability that the interval misses the proportion.
   * @default {0.05}
   */
  alpha?: number;
  /**
   * `"wilson"` inverts the score test (Wilson, 1927); `"beta"` is exact
   * (Clopper and Pearson, 1934); `"normal"` is p ± z √(p (1 − p) / n), which is
   * poor near 0 and 1.
   * @default {"wilson"}
   */
  method?: "wilson" | "beta" | "normal";
}

/**
 * The interval of a proportion, such as an accuracy, as statsmodels'
 * `proportion_confint`.
 *
 * @param count The number of successes.
 * @param nobs The number of trials.
 * @param options The level and the method. The default of statsmodels is
 * `"normal"`.
 * @returns The lower and the upper end, within [0, 1].
 * @throws {RangeError} If the counts are no whole numbers with
 * 0 ≤ count ≤ nobs and nobs > 0, or an option is out of range.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example 3 of 10
 * ```ts
 * import { proportionConfint } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const [low, high] = proportionConfint(3, 10);
 * assertAlmostEquals(low, 0.10779126740630104);
 * assertAlmostEquals(high, 0.6032218525388546);
 * ```
 */
export function proportionConfint(
  count: number,
  nobs: number,
  options: ProportionOptions = {},
): [low: number, high: number] {
  const action = "estimate a proportion";
  checkKnown(action, options, ["alpha", "method"]);
  const { alpha = 0.05, method = "wilson" } = options;
  checkCount(action, "count", { value: count, least: 0 });
  checkCount(action, "nobs", { value: nobs, least: Math.max(count, 1) });
  checkShare(action, "alpha", alpha);
  checkChoice(action, "method", {
    value: method,
    choices: ["wilson", "beta", "normal"],
  });
  if (method === "beta") {
    return [
      count === 0 ? 0 : betaQuantile(alpha / 2, count, nobs - count + 1),
      count === nobs ? 1 : betaQuantile(1 - alpha / 2, count + 1, nobs - count),
    ];
  }
  const z = normalQuantile(alpha / 2);
  const p = count / nobs;
  const clip = (value: number): number => Math.min(Math.max(value, 0), 1);
  if (method === "normal") {
    const distance = z * Math.sqrt(p * (1 - p) / nobs);
    return [clip(p - distance), clip(p + distance)];
  }
  const factor = 1 + z * z / nobs;
  const center = (p + z * z / (2 * nobs)) / factor;
  const distance = z / factor *
    Math.sqrt(p * (1 - p) / nobs + z * z / (4 * nobs * nobs));
  return [clip(center - distance), clip(center + distance)];
}

/** Options of {@linkcode multipletests}. */
export interface MultipleTestsOptions {
  /**
   * `"bonferroni"` and `"holm"` bound the probability of any false discovery,
   * Holm's never with less power; `"fdr_bh"` bounds the expected share of false
   * discoveries (Benjamini and Hochberg, 1995).
   * @default {"holm"}
   */
  method?: "bonferroni" | "holm" | "fdr_bh";
}

/**
 * P-values corrected for the number of tests, as statsmodels' `multipletests`.
 * Those that stay below a level are significant at that level.
 *
 * @param pValues The p-value of each test.
 * @param options The method. The default of statsmodels is `"hs"`.
 * @returns Corrected p-values in the order of the tests, at most 1.
 * @throws {RangeError} If there are no tests, a p-value is not in [0, 1], or
 * there is no such method.
 * @throws {TypeError} If there is an unknown option.
 *
 * @example Two tests
 * ```ts
 * import { multipletests } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([...multipletests([0.25, 0.01])], [0.25, 0.02]);
 * ```
 */
export function multipletests(
  pValues: ArrayLike<number>,
  options: MultipleTestsOptions = {},
): Float64Array<ArrayBuffer> {
  const action = "correct p-values";
  checkKnown(action, options, ["method"]);
  const { method = "holm" } = options;
  checkChoice(action, "method", {
    value: method,
    choices: ["bonferroni", "holm", "fdr_bh"],
  });
  const given = Array.from(pValues);
  const tests = given.length;
  if (tests === 0) throw new RangeError(`Cannot ${action}: there are none`);
  given.forEach((p, i) => {
    if (p >= 0 && p <= 1) return;
    throw new RangeError(
      `Cannot ${action}: p-value ${i} is ${p}, but must be in [0, 1]`,
    );
  });
  if (method === "bonferroni") {
    return Float64Array.from(given, (p) => Math.min(p * tests, 1));
  }
  const result = new Float64Array(tests);
  const rising = Array.from(given.keys()).sort((a, b) =>
    (given[a] ?? 0) - (given[b] ?? 0)
  );
  if (method === "holm") {
    let largest = 0;
    rising.forEach((test, place) => {
      largest = Math.max(largest, (given[test] ?? 0) * (tests - place));
      result[test] = Math.min(largest, 1);
    });
    return result;
  }
  let least = 1;
  rising.reverse().forEach((test, i) => {
    least = Math.min(least, (given[test] ?? 0) * tests / (tests - i));
    result[test] = least;
  });
  return result;
}
