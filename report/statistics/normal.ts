// Copyright 2026 the swagpu authors. MIT license.

// Predicted normal distributions, and how well the truth follows them.

/**
 * The distribution function of the standard normal distribution, with an error below
 * 1.2e-7 (Chebyshev fit of erfc, Press et al., Numerical Recipes, §6.2).
 */
export function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + z / 2);
  const coefficients = [
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
  ];
  const series = coefficients.reduceRight((sum, c) => sum * t + c, 0);
  const tail = t * Math.exp(-z * z + series) / 2;
  return x >= 0 ? 1 - tail : tail;
}

/** Predictions of numbers with their truth. */
export interface NormalPredictions {
  targets: ArrayLike<number>;
  mean: ArrayLike<number>;
  deviation: ArrayLike<number>;
}

/** Where in its predicted distribution each true value lies, in [0, 1]. */
export function quantilesOf(
  { targets, mean, deviation }: NormalPredictions,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(
    targets,
    (y, i) => normalCdf((y - (mean[i] ?? NaN)) / (deviation[i] ?? NaN)),
  );
}

/** Scores of predicted normal distributions. */
export interface NormalScores {
  /** The root of the mean squared error. */
  rmse: number;
  /** The mean of ½ log 2πσ² + (y − μ)² / 2σ². */
  nll: number;
  /**
   * The mean continuous ranked probability score,
   * σ (z (2Φ(z) − 1) + 2φ(z) − 1/√π), z = (y − μ)/σ (Gneiting et al., 2005).
   */
  crps: number;
  /** The share of true values in the central interval of 90 %. */
  coverage90: number;
  /** The mean width of that interval. */
  width90: number;
}

/** The quantile of 95 % of the standard normal distribution. */
export const Z95 = 1.6448536269514722;

/** Scores predictions; every score is NaN if there are none. */
export function normalScores(predictions: NormalPredictions): NormalScores {
  const { targets, mean, deviation } = predictions;
  const n = targets.length;
  let [squares, nll, crps, covered, width] = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const sigma = deviation[i] ?? NaN;
    const error = (targets[i] ?? NaN) - (mean[i] ?? NaN);
    const z = error / sigma;
    squares += error * error;
    nll += Math.log(2 * Math.PI * sigma * sigma) / 2 + z * z / 2;
    const density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
    crps += sigma *
      (z * (2 * normalCdf(z) - 1) + 2 * density - 1 / Math.sqrt(Math.PI));
    covered += Math.abs(z) <= Z95 ? 1 : 0;
    width += 2 * Z95 * sigma;
  }
  return {
    rmse: Math.sqrt(squares / n),
    nll: nll / n,
    crps: crps / n,
    coverage90: covered / n,
    width90: width / n,
  };
}
