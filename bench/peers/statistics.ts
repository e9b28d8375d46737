// Copyright 2026 the swagpu authors. MIT license.

// What is made of samples and outputs.

/** The median; of an even number, the mean of the middle two. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  if (sorted.length % 2 === 1) return upper;
  return (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** The middle, the edges and the spread of a peer's samples. */
export interface Summary {
  median: number;
  min: number;
  max: number;
  /** `(max - min) / median`. */
  spread: number;
}

/** Summarizes samples. */
export function summarize(values: readonly number[]): Summary {
  const middle = median(values);
  const min = Math.min(...values);
  const max = Math.max(...values);
  return { median: middle, min, max, spread: (max - min) / middle };
}

/**
 * How many times as long as `base` a peer takes: the median over the rounds of
 * the quotient of two samples taken one soon after the other, so that what
 * disturbs a whole round cancels.
 */
export function pairedRatio(
  samples: readonly number[],
  base: readonly number[],
): number {
  const rounds = Math.min(samples.length, base.length);
  return median(
    Array.from(
      { length: rounds },
      (_, i) => (samples[i] ?? NaN) / (base[i] ?? NaN),
    ),
  );
}

/** Whether outputs agree, and how far apart they are. */
export interface Agreement {
  agrees: boolean;
  /** The largest difference over the largest expected magnitude. */
  error: number;
}

/** Compares outputs with what they must be. NaN agrees with nothing. */
export function compare(
  outputs: readonly number[],
  expected: readonly number[],
  tolerance: number,
): Agreement {
  if (outputs.length !== expected.length || expected.length === 0) {
    return { agrees: false, error: NaN };
  }
  const scale = Math.max(...expected.map(Math.abs)) || 1;
  let error = 0;
  for (const [i, value] of expected.entries()) {
    const difference = Math.abs((outputs[i] ?? NaN) - value) / scale;
    if (!(difference <= error)) error = difference; // lets NaN through, too
    if (Number.isNaN(difference)) break;
  }
  return { agrees: error <= tolerance, error };
}
