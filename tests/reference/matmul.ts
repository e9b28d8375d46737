// Copyright 2026 the swagpu authors. MIT license.

/** The sizes of a product and how its operands are stored. */
export interface MatmulSizes {
  m: number;
  n: number;
  k: number;
  transposeA?: boolean;
  transposeB?: boolean;
  /** Products in all. @default {1} */
  batch?: number;
  /** For each product, which matrix of `a` it takes. @default {its own} */
  itemA?: (item: number) => number;
  /** For each product, which matrix of `b` it takes. @default {its own} */
  itemB?: (item: number) => number;
}

/** `op(a)·op(b)` by the definition, in the precision of the inputs' numbers. */
export function matmulReference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  sizes: MatmulSizes,
): Float64Array {
  const { m, n, k, transposeA = false, transposeB = false, batch = 1 } = sizes;
  const { itemA = (i) => i, itemB = (i) => i } = sizes;
  const y = new Float64Array(batch * m * n);
  for (let item = 0; item < batch; item++) {
    const [startA, startB] = [itemA(item) * m * k, itemB(item) * k * n];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) {
          sum += (a[startA + (transposeA ? l * m + i : i * k + l)] ?? NaN) *
            (b[startB + (transposeB ? j * k + l : l * n + j)] ?? NaN);
        }
        y[(item * m + i) * n + j] = sum;
      }
    }
  }
  return y;
}

/** The error function by its series or its continued fraction. */
export function erfReference(x: number): number {
  const z = Math.abs(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let i = 1; i < 200; i++) {
      term *= -z * z / i;
      sum += term / (2 * i + 1);
    }
    return Math.sign(x) * 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let i = 60; i > 0; i--) fraction = i / 2 / (z + fraction);
  const tail = Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction);
  return Math.sign(x) * (1 - tail);
}

/** The activations that a product can end with. */
export const ACTIVATION_REFERENCES = {
  gelu: (x: number): number => 0.5 * x * (1 + erfReference(x / Math.SQRT2)),
  gelu_tanh: (x: number): number =>
    0.5 * x *
    (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  relu: (x: number): number => Math.max(x, 0),
  sigmoid: (x: number): number => 1 / (1 + Math.exp(-x)),
  silu: (x: number): number => x / (1 + Math.exp(-x)),
  tanh: (x: number): number => Math.tanh(x),
} as const;
