// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Dense symmetric matrices on the host, in float64: what a Gaussian of a few
 * thousand weights needs. Matrices are stored by rows, and only their lower
 * triangle is read. Inner loops run along rows, which lie in one piece.
 *
 * @module
 */

/** A matrix that is tridiagonal and symmetric. */
export interface Tridiagonal {
  /** The diagonal, [n]. */
  readonly diagonal: Float64Array;
  /** The squares of the elements next to the diagonal: element i is between i and i + 1. */
  readonly squares: Float64Array;
}

/**
 * Factors A + d I = L Lᵀ (Cholesky).
 *
 * @param matrix A, [n, n].
 * @param size n.
 * @param added d.
 * @returns L, [n, n], whose upper triangle is zero; `undefined` if A + d I is not
 * positive definite.
 */
export function cholesky(
  matrix: Float64Array,
  size: number,
  added: number,
): Float64Array<ArrayBuffer> | undefined {
  const lower = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = lower.subarray(i * size, i * size + i + 1);
    for (let j = 0; j <= i; j++) {
      const other = lower.subarray(j * size, j * size + j);
      let sum = (matrix[i * size + j] as number) + (i === j ? added : 0);
      for (let k = 0; k < j; k++) {
        sum -= (row[k] as number) * (other[k] as number);
      }
      if (i > j) {
        row[j] = sum / (lower[j * size + j] as number);
      } else if (sum > 0 && sum < Infinity) {
        row[j] = Math.sqrt(sum);
      } else return undefined;
    }
  }
  return lower;
}

/**
 * Solves Lᵀ x = y in place: from numbers of variance 1, numbers whose covariance is
 * (L Lᵀ)⁻¹.
 *
 * @param lower L, [n, n].
 * @param y y, [n], which becomes x.
 */
export function solveTransposed(lower: Float64Array, y: Float64Array): void {
  const size = y.length;
  for (let i = size - 1; i >= 0; i--) {
    const row = lower.subarray(i * size, i * size + i + 1);
    const x = (y[i] as number) / (row[i] as number);
    y[i] = x;
    for (let k = 0; k < i; k++) {
      y[k] = (y[k] as number) - (row[k] as number) * x;
    }
  }
}

/**
 * Inverts L.
 *
 * @param lower L, [n, n].
 * @param size n.
 * @returns L⁻¹, [n, n], whose upper triangle is zero.
 */
export function invertLower(
  lower: Float64Array,
  size: number,
): Float64Array<ArrayBuffer> {
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const row = inverse.subarray(i * size, i * size + i + 1);
    // Row i of L⁻¹ is (eᵢ - Σₖ Lᵢₖ · row k) / Lᵢᵢ.
    row[i] = 1;
    for (let k = 0; k < i; k++) {
      const factor = lower[i * size + k] as number;
      const other = inverse.subarray(k * size, k * size + k + 1);
      for (let j = 0; j <= k; j++) {
        row[j] = (row[j] as number) - factor * (other[j] as number);
      }
    }
    const pivot = lower[i * size + i] as number;
    for (let j = 0; j <= i; j++) row[j] = (row[j] as number) / pivot;
  }
  return inverse;
}

/**
 * Turns a symmetric matrix into a tridiagonal one with the same eigenvalues, by
 * Householder's reflections, of which each clears a row. Afterwards the determinant
 * of A + d I takes n operations for any d, where a factorization takes n³ / 3.
 *
 * @param matrix A, [n, n]. It is not changed.
 * @param size n.
 * @returns The tridiagonal matrix.
 */
export function tridiagonalize(
  matrix: Float64Array,
  size: number,
): Tridiagonal {
  const a = Float64Array.from(matrix);
  const diagonal = new Float64Array(size);
  const squares = new Float64Array(Math.max(0, size - 1));
  const p = new Float64Array(size);
  for (let k = size - 1; k >= 1; k--) {
    diagonal[k] = a[k * size + k] as number;
    const v = a.subarray(k * size, k * size + k);
    let rest = 0;
    for (let i = 0; i < k - 1; i++) rest += (v[i] as number) ** 2;
    const last = v[k - 1] as number;
    const square = rest + last * last;
    squares[k - 1] = square;
    if (rest === 0) continue;
    // v - α e becomes the vector of the reflection I - v vᵀ / β.
    const alpha = last > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    v[k - 1] = last - alpha;
    const beta = square - alpha * last;
    reflect(a, size, v, { beta, p });
  }
  if (size > 0) diagonal[0] = a[0] as number;
  return { diagonal, squares };
}

/** A ← (I - v vᵀ / β) A (I - v vᵀ / β), for the first rows and columns. */
function reflect(
  a: Float64Array,
  size: number,
  v: Float64Array,
  { beta, p }: { beta: number; p: Float64Array },
): void {
  const count = v.length;
  p.fill(0, 0, count);
  for (let i = 0; i < count; i++) {
    const row = a.subarray(i * size, i * size + i + 1);
    const own = v[i] as number;
    let sum = (row[i] as number) * own;
    for (let j = 0; j < i; j++) {
      const x = row[j] as number;
      sum += x * (v[j] as number);
      p[j] = (p[j] as number) + x * own;
    }
    p[i] = (p[i] as number) + sum;
  }
  let product = 0;
  for (let i = 0; i < count; i++) {
    p[i] = (p[i] as number) / beta;
    product += (p[i] as number) * (v[i] as number);
  }
  const half = product / (2 * beta);
  for (let i = 0; i < count; i++) {
    p[i] = (p[i] as number) - half * (v[i] as number);
  }
  for (let i = 0; i < count; i++) {
    const row = a.subarray(i * size, i * size + i + 1);
    const [own, other] = [v[i] as number, p[i] as number];
    for (let j = 0; j <= i; j++) {
      row[j] = (row[j] as number) - own * (p[j] as number) -
        other * (v[j] as number);
    }
  }
}

/**
 * log det (T + d I) and the trace of (T + d I)⁻¹, which is the derivative of the
 * former with respect to d.
 *
 * @param matrix T.
 * @param shift d.
 * @returns Both; NaN if T + d I is not positive definite.
 */
export function shiftedDeterminant(
  { diagonal, squares }: Tridiagonal,
  shift: number,
): { logDeterminant: number; traceOfInverse: number } {
  let logDeterminant = 0;
  let traceOfInverse = 0;
  // The pivots of T + d I = L D Lᵀ, and their derivatives.
  let pivot = 0;
  let slope = 0;
  for (let i = 0; i < diagonal.length; i++) {
    const share = i > 0 ? (squares[i - 1] as number) / pivot : 0;
    slope = 1 + (i > 0 ? share * slope / pivot : 0);
    pivot = (diagonal[i] as number) + shift - share;
    if (!(pivot > 0)) return { logDeterminant: NaN, traceOfInverse: NaN };
    logDeterminant += Math.log(pivot);
    traceOfInverse += slope / pivot;
  }
  return { logDeterminant, traceOfInverse };
}
