// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Tail probabilities and quantiles of the distributions that tests need: normal,
// Student's t, binomial and beta.

import { normalCdf } from "./normal_distribution.ts";

/**
 * The natural logarithm of the gamma function for x > 0: Stirling's series,
 * which is exact to the last digits from 15 on, after the recurrence
 * Γ(x + 1) = x·Γ(x) has brought x there.
 */
export function logGamma(x: number): number {
  let product = 1;
  let large = x;
  while (large < 15) product *= large++;
  const inverse = 1 / (large * large);
  // Bernoulli numbers B₂ₖ / (2k (2k − 1)), the last term first.
  let series = 0;
  for (
    const term of [
      -691 / 360360,
      1 / 1188,
      -1 / 1680,
      1 / 1260,
      -1 / 360,
      1 / 12,
    ]
  ) series = series * inverse + term;
  return (large - 0.5) * Math.log(large) - large +
    0.5 * Math.log(2 * Math.PI) + series / large - Math.log(product);
}

/** The logarithm of the binomial coefficient n over k. */
export function logChoose(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}

/** The smallest magnitude that the continued fraction divides by. */
const TINY = 1e-300;

/**
 * The regularized incomplete beta function I_x(a, b) for a, b > 0: the
 * probability that a Beta(a, b) variable is at most x. Lentz's evaluation of
 * the continued fraction, Abramowitz and Stegun 26.5.8.
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast below the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const scale = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) +
      b * Math.log1p(-x),
  ) / a;
  const away = (value: number): number => Math.abs(value) < TINY ? TINY : value;
  let c = 1;
  let d = 1 / away(1 - (a + b) * x / (a + 1));
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const before = fraction;
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= c * d;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= c * d;
    if (Math.abs(fraction - before) <= 1e-16 * Math.abs(fraction)) break;
  }
  return scale * fraction;
}

/** The value that a standard normal variable exceeds with this probability. */
export function normalQuantile(upperTail: number): number {
  return solve((z) => normalCdf(-z) <= upperTail, -40, 40);
}

/** The value that a Beta(a, b) variable does not exceed with this probability. */
export function betaQuantile(
  probability: number,
  a: number,
  b: number,
): number {
  return solve((x) => incompleteBeta(x, a, b) >= probability, 0, 1);
}

/** The two-sided p-value of Student's t with this many degrees of freedom. */
export function studentTwoSided(t: number, degrees: number): number {
  return incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5);
}

/** The least point of [low, high] from which on a predicate holds. */
function solve(
  holds: (x: number) => boolean,
  low: number,
  high: number,
): number {
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}
