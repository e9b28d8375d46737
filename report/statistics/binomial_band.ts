// Copyright 2026 the swagpu authors. MIT license.

// The range of shares that chance alone explains.

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
