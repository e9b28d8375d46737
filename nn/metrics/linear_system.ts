// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A small system of linear equations.

/**
 * Solves A x = y, where A is symmetric and has no negative eigenvalue, by
 * Cholesky's decomposition. If A is singular, as little as possible is added to
 * its diagonal.
 *
 * @param matrix A, [n, n]; only its lower triangle is read.
 * @param right y, [n].
 * @returns x, [n].
 */
export function solve(
  matrix: Float64Array,
  right: Float64Array,
): Float64Array<ArrayBuffer> {
  const size = right.length;
  let largest = 0;
  for (let i = 0; i < size; i++) {
    largest = Math.max(largest, matrix[i * size + i] ?? 0);
  }
  for (let added = 0;; added = Math.max(added * 10, largest * 1e-14)) {
    const lower = decompose(matrix, size, added);
    if (lower) return substitute(lower, right);
    if (!(added < Infinity) || largest === 0) {
      return new Float64Array(size);
    }
  }
}

/** L with L Lᵀ = A + d I, or `undefined` if that is not positive definite. */
function decompose(
  matrix: Float64Array,
  size: number,
  added: number,
): Float64Array | undefined {
  const lower = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = (matrix[i * size + j] ?? NaN) + (i === j ? added : 0);
      for (let k = 0; k < j; k++) {
        sum -= (lower[i * size + k] ?? 0) * (lower[j * size + k] ?? 0);
      }
      const diagonal = matrix[i * size + i] ?? NaN;
      if (i === j && !(sum > 1e-15 * diagonal)) return undefined;
      lower[i * size + j] = i === j
        ? Math.sqrt(sum)
        : sum / (lower[j * size + j] ?? NaN);
    }
  }
  return lower;
}

/** x with L Lᵀ x = y. */
function substitute(
  lower: Float64Array,
  right: Float64Array,
): Float64Array<ArrayBuffer> {
  const size = right.length;
  const x = Float64Array.from(right);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) {
      x[i] = (x[i] ?? 0) - (lower[i * size + k] ?? 0) * (x[k] ?? 0);
    }
    x[i] = (x[i] ?? 0) / (lower[i * size + i] ?? NaN);
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) {
      x[i] = (x[i] ?? 0) - (lower[k * size + i] ?? 0) * (x[k] ?? 0);
    }
    x[i] = (x[i] ?? 0) / (lower[i * size + i] ?? NaN);
  }
  return x;
}
