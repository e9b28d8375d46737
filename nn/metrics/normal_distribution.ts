// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The standard normal distribution, to nearly all digits of a float64.

/** The density exp(−z²/2) / √(2π). */
export function normalDensity(z: number): number {
  return Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
}

/** The probability Φ(z) of a value below z. */
export function normalCdf(z: number): number {
  return upperTail(-z * Math.SQRT1_2) / 2;
}

/** erf(x) = 2/√π ∫₀ˣ exp(−t²) dt. */
export function errorFunction(x: number): number {
  return Math.abs(x) < 2 ? series(x) : 1 - upperTail(x);
}

/** erfc(x) = 1 − erf(x), with few digits lost where it is small. */
function upperTail(x: number): number {
  if (x < 2) return x > -2 ? 1 - series(x) : 2 - upperTail(-x);
  // The continued fraction of the tail, from its far end.
  let fraction = x;
  for (let k = 120; k >= 1; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** erf(x) by a series without a difference (Abramowitz and Stegun, 7.1.6). */
function series(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}
