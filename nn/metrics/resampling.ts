// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Random numbers from a seed, and quantiles: what a bootstrap needs.

/**
 * Uniform random numbers in [0, 1) that depend on the seed alone: SFC32 by
 * Chris Doty-Humphrey, from PractRand.
 */
export function seededRandom(seed: number): () => number {
  let a = 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = seed | 0;
  let count = 1;
  const next = (): number => {
    const sum = (a + b + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The first numbers still show the seed.
  for (let i = 0; i < 12; i++) next();
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

/** As many row numbers as there are rows, drawn with replacement. */
export function drawIndices(
  random: () => number,
  rows: number,
): Uint32Array<ArrayBuffer> {
  const drawn = new Uint32Array(rows);
  for (let i = 0; i < rows; i++) drawn[i] = Math.floor(random() * rows);
  return drawn;
}

/**
 * The quantile of a list at a share in [0, 1], with linear interpolation
 * between neighbors: NumPy's default.
 */
export function quantileOf(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const left = Math.min(Math.floor(at), sorted.length - 1);
  const low = sorted[left] ?? NaN;
  const high = sorted[Math.min(left + 1, sorted.length - 1)] ?? NaN;
  return low + (at - left) * (high - low);
}
