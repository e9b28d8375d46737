// Copyright 2026 the swagpu authors. MIT license.

// A SWAG posterior in float64, by the definitions: two passes for the moments,
// and the numbers of the noise from the generator's host twin.

import { philoxNormal } from "../../engine/kernel_kit.ts";
import {
  diagonalStream,
  type DrawKey,
  lowRankNoise,
} from "../../swag/noise.ts";

/** The mean and the population variance of each column of `rows`. */
export function twoPassMoments(
  rows: readonly ArrayLike<number>[],
): { mean: Float64Array; variance: Float64Array } {
  const size = rows[0]?.length ?? 0;
  const mean = new Float64Array(size);
  const variance = new Float64Array(size);
  for (const row of rows) {
    for (let i = 0; i < size; i++) {
      mean[i] = (mean[i] ?? 0) + (row[i] ?? 0) / rows.length;
    }
  }
  for (const row of rows) {
    for (let i = 0; i < size; i++) {
      const d = (row[i] ?? 0) - (mean[i] ?? 0);
      variance[i] = (variance[i] ?? 0) + d * d / rows.length;
    }
  }
  return { mean, variance };
}

/** The deviation of every row from the mean of the rows up to it. */
export function runningDeviations(
  rows: readonly ArrayLike<number>[],
): Float64Array[] {
  return rows.map((row, n) => {
    const { mean } = twoPassMoments(rows.slice(0, n + 1));
    return mean.map((m, i) => (row[i] ?? 0) - m);
  });
}

/** What a parameter's moments are. */
export interface ReferenceMoments {
  mean: ArrayLike<number>;
  variance: ArrayLike<number>;
  /** `[rank, size]`, oldest first. */
  deviations: ArrayLike<number>;
}

/** The sample of a parameter that lies at `start` in the logical vector. */
export function referenceSample(
  { mean, variance, deviations }: ReferenceMoments,
  { draw, scale, start, block }: {
    draw: DrawKey;
    scale: number;
    start: number;
    block?: number;
  },
): Float64Array {
  const size = mean.length;
  const rank = deviations.length / size;
  const stream = diagonalStream(draw);
  const z = lowRankNoise(draw, rank, block);
  return Float64Array.from(mean, (m, i) => {
    let sum = 0;
    for (let k = 0; k < rank; k++) {
      sum += (z[k] ?? 0) * (deviations[k * size + i] ?? 0);
    }
    const diagonal = Math.sqrt(variance[i] ?? 0) *
      philoxNormal(stream, start + i);
    const lowRank = rank > 1 ? sum / Math.sqrt(rank - 1) : 0;
    return m + Math.sqrt(scale) * (diagonal + lowRank);
  });
}

/** A row-major square matrix. */
export type Matrix = Float64Array;

/** scale · (diag σ² + Dᵀ D / (K - 1)), of one or more parameters together. */
export function referenceCovariance(
  moments: ReferenceMoments,
  scale: number,
): Matrix {
  const { variance, deviations } = moments;
  const size = variance.length;
  const rank = deviations.length / size;
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) {
        sum += (deviations[k * size + i] ?? 0) *
          (deviations[k * size + j] ?? 0);
      }
      matrix[i * size + j] = scale *
        (sum / (rank - 1) + (i === j ? variance[i] ?? 0 : 0));
    }
  }
  return matrix;
}

/** L with L Lᵀ = matrix, lower triangular. */
export function cholesky(matrix: Matrix): Matrix {
  const size = Math.sqrt(matrix.length);
  const lower = new Float64Array(matrix.length);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * size + j] ?? 0;
      for (let k = 0; k < j; k++) {
        sum -= (lower[i * size + k] ?? 0) * (lower[j * size + k] ?? 0);
      }
      lower[i * size + j] = i === j
        ? Math.sqrt(sum)
        : sum / (lower[j * size + j] ?? 1);
    }
  }
  return lower;
}

/** xᵀ (L Lᵀ)⁻¹ x. */
export function mahalanobis(lower: Matrix, x: ArrayLike<number>): number {
  const size = x.length;
  const y = new Float64Array(size);
  let total = 0;
  for (let i = 0; i < size; i++) {
    let sum = x[i] ?? 0;
    for (let k = 0; k < i; k++) sum -= (lower[i * size + k] ?? 0) * (y[k] ?? 0);
    y[i] = sum / (lower[i * size + i] ?? 1);
    total += (y[i] ?? 0) ** 2;
  }
  return total;
}
