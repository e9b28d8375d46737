// Copyright 2026 the swagpu authors. MIT license.

/** Options of {@linkcode layerNorm}. */
export interface ReferenceLayerNorm {
  columns: number;
  weight?: ArrayLike<number>;
  bias?: ArrayLike<number>;
  residual?: ArrayLike<number>;
  eps?: number;
}

/** Layer norm in float64: (x - mean) / √(variance + eps) · weight + bias. */
export function layerNorm(
  x: ArrayLike<number>,
  options: ReferenceLayerNorm,
): Float64Array {
  const { columns, weight, bias, residual, eps = 1e-5 } = options;
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    const row = Array.from(
      { length: columns },
      (_, c) => (x[start + c] ?? 0) + (residual?.[start + c] ?? 0),
    );
    const mean = row.reduce((sum, v) => sum + v, 0) / columns;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / columns;
    row.forEach((v, c) =>
      y[start + c] = (v - mean) / Math.sqrt(variance + eps) *
          (weight?.[c] ?? 1) + (bias?.[c] ?? 0)
    );
  }
  return y;
}
