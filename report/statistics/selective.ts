// Copyright 2026 the swagpu authors. MIT license.

// Selective prediction: how errors fall when the least confident rows are left out.

/** Errors among the most confident rows, for every number of rows kept. */
export interface RiskCoverage {
  /** The share of rows kept, k/n for k = 1…n. */
  coverage: Float64Array<ArrayBuffer>;
  /** The share of errors among them. */
  risk: Float64Array<ArrayBuffer>;
  /** The area under the curve; NaN for a single row. */
  aurc: number;
  /** The largest coverage with at most 5 % of errors; NaN if there is none. */
  coverageAt5: number;
  /** The share of errors among the most confident 80 %. */
  riskAt80: number;
}

/**
 * The risk–coverage curve of errors in an order of falling confidence:
 * risk(k) = errors among the first k / k, at coverage k/n.
 *
 * AURC is the trapezoid rule from coverage 1/n to 1, divided by 1 − 1/n
 * (torch-uncertainty's definition; Geifman & El-Yaniv, 2017).
 */
export function riskCoverage(errors: ArrayLike<number>): RiskCoverage {
  const n = errors.length;
  const coverage = new Float64Array(n);
  const risk = new Float64Array(n);
  let wrong = 0;
  let area = 0;
  let coverageAt5 = NaN;
  for (let k = 0; k < n; k++) {
    wrong += errors[k] ?? 0;
    coverage[k] = (k + 1) / n;
    risk[k] = wrong / (k + 1);
    // Integers are compared, because 0.05 is rounded.
    if (20 * wrong <= k + 1) coverageAt5 = (k + 1) / n;
    if (k > 0) area += ((risk[k - 1] ?? 0) + (risk[k] ?? 0)) / 2;
  }
  return {
    coverage,
    risk,
    aurc: n > 1 ? area / (n - 1) : NaN,
    coverageAt5,
    riskAt80: risk[Math.ceil(4 * n / 5) - 1] ?? NaN,
  };
}

/** Rows in an order of falling confidence; equal ones keep their order. */
export function byConfidence(confidence: ArrayLike<number>): number[] {
  return Array.from(confidence, (_, row) => row)
    .sort((a, b) => (confidence[b] ?? 0) - (confidence[a] ?? 0));
}

/** The curve of the same errors if every one of them were ranked last. */
export function optimalRiskCoverage(errors: ArrayLike<number>): RiskCoverage {
  return riskCoverage(Float64Array.from(errors).sort());
}
