// Copyright 2026 the swagpu authors. MIT license.

// The outputs of cases at their probes, in 64-bit arithmetic from the same
// 32-bit inputs.

import { type AttentionSizes, probes, random } from "./data.ts";

function at(values: Float32Array, index: number): number {
  return values[index] ?? NaN;
}

/** `a·b`; seeds 1 and 2 hold the operands as they are stored. */
export function matmulReference(
  m: number,
  k: number,
  n: number,
  { transposeA, transposeB }: { transposeA: boolean; transposeB: boolean },
): number[] {
  const a = random(m * k, 1);
  const b = random(k * n, 2);
  return probes(m * n).map((place) => {
    const row = Math.floor(place / n);
    const column = place % n;
    let sum = 0;
    for (let i = 0; i < k; i++) {
      sum += at(a, transposeA ? i * m + row : row * k + i) *
        at(b, transposeB ? column * k + i : i * n + column);
    }
    return sum;
  });
}

/** Attention over tensors `[batch, length, heads, size]` of seeds 1, 2 and 3. */
export function attentionReference(sizes: AttentionSizes): number[] {
  const { batch, heads, length, size } = sizes;
  const total = batch * length * heads * size;
  const q = random(total, 1);
  const k = random(total, 2);
  const v = random(total, 3);
  const width = heads * size;
  return probes(total).map((place) => {
    const column = place % size;
    const head = Math.floor(place / size) % heads;
    const first = Math.floor(place / (length * width)) * length;
    const query = Math.floor(place / width) * width + head * size;
    const scores = Array.from({ length }, (_, j) => {
      const key = (first + j) * width + head * size;
      let sum = 0;
      for (let d = 0; d < size; d++) sum += at(q, query + d) * at(k, key + d);
      return sum / Math.sqrt(size);
    });
    const most = Math.max(...scores);
    let numerator = 0;
    let denominator = 0;
    scores.forEach((score, j) => {
      const weight = Math.exp(score - most);
      denominator += weight;
      numerator += weight *
        at(v, (first + j) * width + head * size + column);
    });
    return numerator / denominator;
  });
}

/** Layer norm of seed 4 with weights 1, biases 0 and eps 1e-5. */
export function layerNormReference(rows: number, columns: number): number[] {
  const x = random(rows * columns, 4);
  return probes(rows * columns).map((place) => {
    const row = x.subarray(place - place % columns).subarray(0, columns);
    const mean = row.reduce((sum, value) => sum + value, 0) / columns;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
      columns;
    return (at(x, place) - mean) / Math.sqrt(variance + 1e-5);
  });
}

/** Seed 5 plus seed 6. */
export function addReference(length: number): number[] {
  const a = random(length, 5);
  const b = random(length, 6);
  return probes(length).map((i) => at(a, i) + at(b, i));
}

/** Seed 7, and so many times seed 8 on top. */
export function chainReference(links: number, length: number): number[] {
  const a = random(length, 7);
  const b = random(length, 8);
  return probes(length).map((i) => at(a, i) + links * at(b, i));
}

/** The softmax of seed 9's rows. */
export function softmaxReference(rows: number, columns: number): number[] {
  const x = random(rows * columns, 9);
  return probes(rows * columns).map((place) => {
    const row = x.subarray(place - place % columns).subarray(0, columns);
    const sum = row.reduce((total, value) => total + Math.exp(value), 0);
    return Math.exp(at(x, place)) / sum;
  });
}

/** How far collections of SWAG's cases move an element at most. */
export const SWAG_STEP = 0.001;

/** The scale of SWAG's samples. */
export const SWAG_SCALE = 0.5;

/** Samples that a variance is taken over: some 1,000 columns and draws in all. */
export function swagDraws(rank: number): number {
  return Math.ceil(1280 / rank);
}

/**
 * The variance of SWAG's samples after `rank` collections, of which collection t
 * moves element j by `SWAG_STEP sin(t j)`. Such moves have a variance of
 * `SWAG_STEP² / 2` and are orthogonal, to half a percent. A deviation is what a
 * collection differs by from the mean so far, and has `1 - 1/t` of that variance.
 */
export function swagVarianceReference(rank: number): number[] {
  let columns = 0;
  for (let t = 1; t <= rank; t++) columns += 1 - 1 / t;
  const shares = 1 - 1 / rank + columns / (rank - 1);
  return [SWAG_SCALE * shares * SWAG_STEP ** 2 / 2];
}
