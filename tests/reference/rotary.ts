// Copyright 2026 the swagpu authors. MIT license.

// Rotary positions in float64, as the paper's formula with halves for pairs.

/** What the kernels take, in plain numbers. */
export interface ReferenceRotary {
  batch: number;
  length: number;
  heads: number;
  depth: number;
  theta: number;
  /** Places [B, S] or [1, S]. */
  positions?: ArrayLike<number>;
  /** Tensors side by side in a row, and which of them to take. @default {1, 0} */
  parts?: number;
  part?: number;
  /** Whether to turn at all. @default {true} */
  turn?: boolean;
}

/** One tensor [B, S, H·D] of those in x, turned by its places. */
export function rotary(
  x: ArrayLike<number>,
  options: ReferenceRotary,
): Float64Array {
  const { batch, length, heads, depth, theta, positions } = options;
  const { parts = 1, part = 0, turn = true } = options;
  const width = heads * depth;
  const half = depth / 2;
  const y = new Float64Array(batch * length * width);
  for (let t = 0; t < batch * length; t++) {
    const place = positions?.[t % positions.length] ?? t % length;
    for (let h = 0; h < heads; h++) {
      for (let n = 0; n < half; n++) {
        const angle = turn ? place * theta ** (-2 * n / depth) : 0;
        const from = (t * parts + part) * width + h * depth + n;
        const to = t * width + h * depth + n;
        const [a, b] = [x[from] ?? NaN, x[from + half] ?? NaN];
        y[to] = a * Math.cos(angle) - b * Math.sin(angle);
        y[to + half] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
  }
  return y;
}
