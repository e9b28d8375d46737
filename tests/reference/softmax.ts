// Copyright 2026 the swagpu authors. MIT license.

/** Log-softmax in float64 of element (o, c, i) along the axis of length n. */
export function logSoftmax(
  x: ArrayLike<number>,
  n: number,
  inner: number,
): Float64Array {
  const y = new Float64Array(x.length);
  for (let row = 0; row < x.length / n; row++) {
    const base = Math.floor(row / inner) * n * inner + row % inner;
    const values = Array.from(
      { length: n },
      (_, c) => x[base + c * inner] ?? 0,
    );
    const top = Math.max(...values);
    const sum = values.reduce((s, v) => s + Math.exp(v - top), 0);
    values.forEach((v, c) => y[base + c * inner] = v - top - Math.log(sum));
  }
  return y;
}

/** Softmax in float64. */
export function softmax(
  x: ArrayLike<number>,
  n: number,
  inner: number,
): Float64Array {
  return logSoftmax(x, n, inner).map(Math.exp);
}
