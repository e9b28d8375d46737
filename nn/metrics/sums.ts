// Copyright 2026 the swagpu authors. MIT license.
// Sums and correlations of long lists, with little rounding and no overflow.

/**
 * A sum that also keeps what rounding drops (Neumaier, 1974): its error does
 * not grow with the number of terms. NaN and infinities go through.
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
 * The mean of `count` terms, each made by its place; finite if they are, even
 * where their sum would not be.
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
 * Distances from the mean, divided by a number that makes the largest about 1:
 * all that a correlation depends on. A constant list gives zeros, a list with
 * NaN or an infinity gives NaN.
 */
export function deviations(
  values: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const shifted = scaledToOne(values);
  // Distances to the first value are exact where values are close together, so
  // that a constant list has none at all.
  const first = shifted[0] ?? 0;
  const distances = scaledToOne(shifted.map((value) => value - first));
  const mean = meanOf(distances.length, (i) => distances[i] ?? 0);
  return distances.map((distance) => distance - mean);
}

/**
 * Values times the power of two that brings the largest into [1/4, 1/2), which
 * rounds nothing but what is far smaller.
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
  // In two steps: one power alone may be out of range.
  const half = 2 ** Math.trunc(exponent / 2);
  const rest = 2 ** (exponent - Math.trunc(exponent / 2));
  return Float64Array.from(values, (value) => value * half * rest);
}
