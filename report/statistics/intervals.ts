// Copyright 2026 the swagpu authors. MIT license.

// Intervals of 95 %: by drawing rows again, and of a binomial share.

/** Random numbers in [0, 1) from a seed (Mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The value below which a share of the sorted values lies, interpolated. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/**
 * Percentile bootstrap intervals (Efron, 1979). Each time n of the n rows are drawn
 * with replacement; `measure` gets how often each was drawn, and returns scores.
 *
 * The draws depend only on the number of rows, so methods are compared on the same
 * rows, and a report of the same numbers is the same.
 *
 * @returns An interval for each score; none without rows or draws.
 */
export function resampled(
  rows: number,
  times: number,
  measure: (weights: Uint32Array) => readonly number[],
): (readonly [number, number])[] {
  if (rows < 2 || times < 2) return [];
  const random = randomNumbers(rows);
  const weights = new Uint32Array(rows);
  const scores: number[][] = [];
  for (let time = 0; time < times; time++) {
    weights.fill(0);
    for (let i = 0; i < rows; i++) {
      const row = Math.floor(rows * random());
      weights[row] = (weights[row] ?? 0) + 1;
    }
    measure(weights).forEach((score, i) => {
      if (!Number.isNaN(score)) (scores[i] ??= []).push(score);
    });
  }
  return scores.map((values) => {
    values.sort((a, b) => a - b);
    return [quantile(values, 0.025), quantile(values, 0.975)] as const;
  });
}

/**
 * The interval of a share of which `hits` of `n` were seen (Wilson, 1927):
 * (p̂ + z²/2n ± z √(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n), z = 1.96.
 */
export function wilsonInterval(
  hits: number,
  n: number,
): readonly [number, number] {
  if (n === 0) return [0, 1];
  const z = 1.959963984540054;
  const share = hits / n;
  const center = share + z * z / (2 * n);
  const width = z *
    Math.sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  const scale = 1 + z * z / n;
  return [
    Math.max(0, (center - width) / scale),
    Math.min(1, (center + width) / scale),
  ];
}

/**
 * The range that holds the share of hits among n rows in 95 % of all cases, if each
 * is a hit with probability p: the quantiles of 2.5 % and 97.5 % of the binomial
 * distribution, divided by n.
 */
export function binomialBand(
  p: number,
  n: number,
): readonly [number, number] {
  if (n === 0 || p <= 0 || p >= 1) return [0, 1];
  const odds = Math.log(p / (1 - p));
  let log = n * Math.log1p(-p); // log P(0 hits)
  let below = 0;
  let low = -1;
  for (let hits = 0; hits < n; hits++) {
    below += Math.exp(log);
    if (low < 0 && below >= 0.025) low = hits;
    if (below >= 0.975) return [low / n, hits / n];
    log += Math.log((n - hits) / (hits + 1)) + odds;
  }
  return [Math.max(low, 0) / n, 1];
}
