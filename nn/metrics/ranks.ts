// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Ranks of a list, where equal values share their mean rank.

/**
 * Ranks from 1 on, where equal values share the mean of the ranks they span.
 * NaN has no rank, so all ranks of a list that holds NaN are NaN.
 */
export function ranks(values: ArrayLike<number>): Float64Array<ArrayBuffer> {
  const result = new Float64Array(values.length);
  const list = Array.from(values);
  if (list.some(Number.isNaN)) return result.fill(NaN);
  const order = Array.from(list.keys()).sort((a, b) =>
    compareNumbers(list[a] ?? 0, list[b] ?? 0)
  );
  for (let start = 0; start < order.length;) {
    const value = list[order[start] ?? 0];
    let end = start + 1;
    while (end < order.length && list[order[end] ?? 0] === value) end++;
    for (let i = start; i < end; i++) {
      result[order[i] ?? 0] = (start + 1 + end) / 2;
    }
    start = end;
  }
  return result;
}

/** How many values equal each distinct value, as lengths of runs above 1. */
export function tieSizes(values: ArrayLike<number>): number[] {
  const sorted = Array.from(values).sort(compareNumbers);
  const sizes: number[] = [];
  for (let start = 0; start < sorted.length;) {
    let end = start + 1;
    while (end < sorted.length && sorted[end] === sorted[start]) end++;
    if (end - start > 1) sizes.push(end - start);
    start = end;
  }
  return sizes;
}

/** Orders numbers, infinities included: their difference would be NaN. */
export function compareNumbers(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
