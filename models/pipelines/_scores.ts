// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Scores to probabilities, and the best of them.

/** Probabilities of all places, or of those that `allowed` names; else 0. */
export function softmax(
  scores: ArrayLike<number>,
  allowed?: ArrayLike<boolean>,
): Float64Array<ArrayBuffer> {
  const result = new Float64Array(scores.length);
  let highest = -Infinity;
  for (let i = 0; i < scores.length; i++) {
    if (allowed && !allowed[i]) continue;
    highest = Math.max(highest, scores[i] ?? NaN);
  }
  let total = 0;
  for (let i = 0; i < scores.length; i++) {
    if (allowed && !allowed[i]) continue;
    const value = Math.exp((scores[i] ?? NaN) - highest);
    result[i] = value;
    total += value;
  }
  return result.map((value) => value / total);
}

/** The place of the largest value; the first where several are. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if ((values[i] ?? NaN) > (values[best] ?? NaN)) best = i;
  }
  return best;
}

/** The places of the `count` largest values, the largest first. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  // A vocabulary is long: only what can be among the best is put in order.
  const ascending = Float64Array.from(values).sort();
  const least = ascending[Math.max(0, values.length - count)] ?? -Infinity;
  const places: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (!((values[i] ?? NaN) < least)) places.push(i);
  }
  return places
    .sort((a, b) => (values[b] ?? NaN) - (values[a] ?? NaN))
    .slice(0, count);
}

/** @throws {RangeError} If a count of results is not a whole number above 0. */
export function checkCount(name: string, count: number): void {
  if (Number.isSafeInteger(count) && count > 0) return;
  throw new RangeError(
    `Cannot use ${name} ${count}: it must be a whole number above 0`,
  );
}
