// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The log density of weights, log N(θ; θ̄, s (V + Dᵀ D / c)), where V is diagonal and
 * D has K rows. The covariance itself is never computed: with W = V⁻¹, d = θ - θ̄,
 * and the K×K matrix G = c I + D W Dᵀ, Woodbury's identity and the determinant lemma
 * give
 *
 * ```text
 * dᵀ (V + Dᵀ D / c)⁻¹ d = dᵀ W d - (D W d)ᵀ G⁻¹ (D W d)
 * log det (V + Dᵀ D / c) = log det V + log det G - K log c
 * ```
 *
 * Without a low-rank part K is 0, and the terms with c are absent. All sums are
 * computed on the host in float64, one parameter at a time.
 *
 * @module
 */

import { type Entry, type Layout, NONE } from "./layout.ts";
import { widen } from "./deviation_format.ts";
import type { RawMoments } from "./moments.ts";
import type { SwagSettings } from "./settings.ts";

/** Selects a Gaussian; see `SampleOptions`. */
export interface DensityOptions {
  readonly scale: number;
  readonly cov: boolean;
  readonly blockwise: boolean;
}

/** The sums over a block of weights that are independent of all others. */
class Sums {
  readonly rank: number;
  size = 0;
  quadratic = 0;
  logDeterminant = 0;
  /** D W Dᵀ, row-major. */
  readonly gram: Float64Array;
  /** D W d. */
  readonly projected: Float64Array;

  constructor(rank: number) {
    this.rank = rank;
    this.gram = new Float64Array(rank * rank);
    this.projected = new Float64Array(rank);
  }

  add(
    weights: ArrayLike<number>,
    { mean, squares, deviations: stored }: RawMoments,
    { count, clamp, name }: { count: number; clamp: number; name: string },
  ): void {
    const { rank, gram, projected } = this;
    const size = mean.length;
    const deviations = stored && rank > 0 ? widen(stored, size) : [];
    this.size += size;
    const row = new Float64Array(rank);
    for (let i = 0; i < size; i++) {
      const variance = Math.max((squares?.[i] ?? 0) / count, clamp);
      const d = (weights[i] ?? 0) - (mean[i] ?? 0);
      if (variance === 0) {
        throw new RangeError(
          `Cannot compute a density: weight ${i} of ${name} has variance 0, build ` +
            "the posterior with a positive varClamp",
        );
      }
      if (!Number.isFinite(d)) {
        throw new RangeError(
          `Cannot compute a density: weight ${i} of ${name} is ${
            weights[i]
          }, ` +
            `and its mean is ${mean[i]}`,
        );
      }
      this.quadratic += d * d / variance;
      this.logDeterminant += Math.log(variance);
      for (let k = 0; k < rank; k++) {
        row[k] = deviations[k * size + i] ?? 0;
        const scaled = (row[k] ?? 0) / variance;
        projected[k] = (projected[k] ?? 0) + scaled * d;
        for (let l = 0; l <= k; l++) {
          const at = k * rank + l;
          gram[at] = (gram[at] ?? 0) + scaled * (row[l] ?? 0);
        }
      }
    }
  }

  /** Computes log N of the weights that have been added; `divisor` is c. */
  logDensity(scale: number, divisor: number): number {
    const { rank, size, gram, projected } = this;
    let quadratic = this.quadratic;
    let logDeterminant = this.logDeterminant;
    if (rank > 0) logDeterminant -= rank * Math.log(divisor);
    // Factors G = L Lᵀ in place (Cholesky), and solves L y = D W d row by row.
    const y = new Float64Array(rank);
    for (let k = 0; k < rank; k++) {
      for (let l = 0; l <= k; l++) {
        let sum = (gram[k * rank + l] ?? 0) + (k === l ? divisor : 0);
        for (let m = 0; m < l; m++) {
          sum -= (gram[k * rank + m] ?? 0) * (gram[l * rank + m] ?? 0);
        }
        gram[k * rank + l] = k === l
          ? Math.sqrt(sum)
          : sum / (gram[l * rank + l] ?? 1);
      }
      const pivot = gram[k * rank + k] ?? 1;
      let sum = projected[k] ?? 0;
      for (let m = 0; m < k; m++) {
        sum -= (gram[k * rank + m] ?? 0) * (y[m] ?? 0);
      }
      y[k] = sum / pivot;
      quadratic -= (y[k] ?? 0) ** 2;
      logDeterminant += 2 * Math.log(pivot);
    }
    return -0.5 *
      (size * Math.log(2 * Math.PI * scale) + logDeterminant +
        quadratic / scale);
  }
}

/** The parts of a `Posterior` from which the density of weights is computed. */
export interface Gaussian {
  readonly settings: SwagSettings;
  readonly layout: Layout;
  /** The number of collections. */
  readonly count: number;
  /** The number of deviations held. */
  readonly rank: number;
  /** Reads the moments of some parameters. */
  read(entries: readonly Entry[]): Promise<RawMoments[]>;
}

/** Computes the log density of the weights that the model holds. */
export async function logDensity(
  posterior: Gaussian,
  { scale, cov, blockwise }: DensityOptions,
): Promise<number> {
  const { settings, layout: { entries }, count } = posterior;
  const columns = settings.normalize === "capacity"
    ? settings.maxNumModels
    : posterior.rank;
  const divisor = columns - 1;
  const rank = cov && divisor > 0 ? posterior.rank : 0;
  let total = 0;
  let sums = new Sums(rank);
  const close = () => {
    total += sums.logDensity(scale, divisor);
    sums = new Sums(rank);
  };
  for (const entry of entries) {
    if (entry.row === NONE) continue;
    const weights = await entry.parameter.data();
    const [moments] = await posterior.read([entry]);
    const { name } = entry;
    if (moments) {
      sums.add(weights, moments, { count, clamp: settings.varClamp, name });
    }
    if (blockwise) close();
  }
  if (!blockwise) close();
  return total;
}
