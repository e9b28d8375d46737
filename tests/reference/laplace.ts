// Copyright 2026 the swagpu authors. MIT license.

// The loss of a linear layer in float64, its Hessian by finite differences, and the
// determinant and inverse of a matrix by elimination: nothing here knows the closed
// forms that are tested.

/** Data of a linear layer: features with a 1 at the end, and labels. */
export interface LinearData {
  readonly features: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly outputs: number;
}

export type Problem =
  | "regression"
  | "single_label_classification"
  | "multi_label_classification";

/** The logits of a row; weights are counted by output. */
function logitsOf(
  weights: readonly number[],
  row: readonly number[],
  outputs: number,
): number[] {
  return Array.from(
    { length: outputs },
    (_, c) =>
      row.reduce(
        (sum, x, j) => sum + x * (weights[c * row.length + j] ?? 0),
        0,
      ),
  );
}

/** The negative log-likelihood; of numbers with noise of variance 1. */
export function loss(
  problem: Problem,
  { features, labels, outputs }: LinearData,
  weights: readonly number[],
): number {
  return features.reduce((total, row, n) => {
    const f = logitsOf(weights, row, outputs);
    if (problem === "single_label_classification") {
      const all = Math.log(f.reduce((sum, x) => sum + Math.exp(x), 0));
      return total + all - (f[labels[n] ?? 0] ?? NaN);
    }
    return f.reduce((sum, x, c) => {
      const label = labels[n * outputs + c] ?? NaN;
      return problem === "regression"
        ? sum + (x - label) ** 2 / 2 + Math.log(2 * Math.PI) / 2
        : sum + Math.log(1 + Math.exp(x)) - label * x;
    }, total);
  }, 0);
}

/** The Hessian of a function by central differences. */
export function hessian(
  f: (x: readonly number[]) => number,
  at: readonly number[],
  step = 1e-3,
): number[][] {
  const moved = (i: number, j: number, a: number, b: number) =>
    f(at.map((x, k) => x + step * ((k === i ? a : 0) + (k === j ? b : 0))));
  return at.map((_, i) =>
    at.map((_, j) =>
      (moved(i, j, 1, 1) - moved(i, j, 1, -1) - moved(i, j, -1, 1) +
        moved(i, j, -1, -1)) / (4 * step * step)
    )
  );
}

/** Inverse and log determinant of a positive definite matrix, by elimination. */
export function invert(
  matrix: readonly (readonly number[])[],
): { inverse: number[][]; logDeterminant: number } {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [
    ...row,
    ...Array.from({ length: n }, (_, j) => i === j ? 1 : 0),
  ]);
  let logDeterminant = 0;
  for (let i = 0; i < n; i++) {
    const row = rows[i] ?? [];
    const pivot = row[i] ?? NaN;
    logDeterminant += Math.log(pivot);
    for (let k = 0; k < 2 * n; k++) row[k] = (row[k] ?? NaN) / pivot;
    for (const other of rows) {
      if (other === row) continue;
      const factor = other[i] ?? NaN;
      for (let k = 0; k < 2 * n; k++) {
        other[k] = (other[k] ?? NaN) - factor * (row[k] ?? NaN);
      }
    }
  }
  return { inverse: rows.map((row) => row.slice(n)), logDeterminant };
}
