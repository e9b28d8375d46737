// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Sums and means of long lists, with little rounding and no overflow.

/**
 * A sum that also keeps what rounding drops (Neumaier, 1974), so its error does
 * not grow with the number of terms. The sum of terms among which there is NaN
 * or an infinity is that of plain addition.
 */
export class Sum {
  #total = 0;
  #dropped = 0;

  /** Adds a term. */
  add(term: number): void {
    const next = this.#total + term;
    this.#dropped += Math.abs(this.#total) >= Math.abs(term)
      ? (this.#total - next) + term
      : (term - next) + this.#total;
    this.#total = next;
  }

  /** The sum of the terms so far. */
  get value(): number {
    return Number.isFinite(this.#total)
      ? this.#total + this.#dropped
      : this.#total;
  }
}

/**
 * The mean of `count` terms, where `term` gives each of them by its index. The
 * mean of finite terms is finite, even if their sum overflows.
 */
export function meanOf(count: number, term: (i: number) => number): number {
  const sum = new Sum();
  for (let i = 0; i < count; i++) sum.add(term(i));
  if (Number.isFinite(sum.value)) return sum.value / count;
  const shares = new Sum();
  for (let i = 0; i < count; i++) shares.add(term(i) / count);
  return shares.value;
}

/**
 * Differences from the mean, scaled so that the largest is about 1. A
 * correlation depends on nothing else. The differences of a constant list are
 * zeros, those of a list with NaN or an infinity are NaN.
 */
export function deviations(
  values: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const shifted = scaledToOne(values);
  // Differences from the first value are exact where values are close together,
  // so those of a constant list are exactly 0.
  const first = shifted[0] ?? 0;
  const distances = scaledToOne(shifted.map((value) => value - first));
  const mean = meanOf(distances.length, (i) => distances[i] ?? 0);
  return distances.map((distance) => distance - mean);
}

/**
 * Multiplies values by the power of two that brings the largest magnitude into
 * [1/4, 1/2). It rounds only values that are far smaller than the largest.
 */
function scaledToOne(values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i] ?? NaN);
    if (!Number.isFinite(size)) {
      return new Float64Array(values.length).fill(NaN);
    }
    largest = Math.max(largest, size);
  }
  if (largest === 0) return Float64Array.from(values);
  const exponent = -2 - Math.floor(Math.log2(largest));
  // Two steps, because one power of two may be out of range.
  const half = 2 ** Math.trunc(exponent / 2);
  const rest = 2 ** (exponent - Math.trunc(exponent / 2));
  return Float64Array.from(values, (value) => value * half * rest);
}
