// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The log evidence of a Laplace approximation, and the prior precision and noise that
 * make it largest.
 *
 * @module
 */

import type { Curvature } from "./curvature.ts";

/** What the evidence follows from. */
export interface Evidence {
  readonly curvature: Curvature;
  /** The sum of the squared weights. */
  readonly squaredNorm: number;
  /**
   * The log-likelihood of the data; for numbers the sum of squared errors and their
   * number instead.
   */
  readonly fit: number | SquaredErrors;
}

/** How well numbers are predicted. */
export interface SquaredErrors {
  readonly sum: number;
  readonly count: number;
}

/** The settings that the evidence is a function of. */
export interface Hyperparameters {
  /** The precision λ of the prior. */
  readonly priorPrecision: number;
  /** The standard deviation σ of the noise in numbers; 1 for classes and labels. */
  readonly noise: number;
}

/** What is not to be chosen. */
export type GivenHyperparameters = {
  readonly [Name in keyof Hyperparameters]?: Hyperparameters[Name] | undefined;
};

/** The interval in which a prior precision is searched. */
const PRECISIONS = [1e-8, 1e8] as const;

/**
 * The log evidence: with P weights θ and their Hessian H, for numbers divided by σ²,
 *
 *   log p(D | θ) + (P log λ - λ |θ|² - log det (H + λ I)) / 2.
 */
export function logEvidence(
  { curvature, squaredNorm, fit }: Evidence,
  { priorPrecision, noise }: Hyperparameters,
): number {
  const variance = noise * noise;
  const { size } = curvature;
  const shifted = curvature.shifted(priorPrecision * variance);
  const logDeterminant = shifted.logDeterminant - size * Math.log(variance);
  const likelihood = typeof fit === "number"
    ? fit
    : -(fit.sum / variance + fit.count * Math.log(2 * Math.PI * variance)) / 2;
  return likelihood +
    (size * Math.log(priorPrecision) - priorPrecision * squaredNorm -
        logDeterminant) / 2;
}

/**
 * The number of weights that the data determine, Σ s / (s + λ) over the eigenvalues s
 * of the Hessian.
 */
function effectiveWeights(
  { curvature }: Evidence,
  { priorPrecision, noise }: Hyperparameters,
): number {
  const shift = priorPrecision * noise * noise;
  return curvature.size - shift * curvature.shifted(shift).traceOfInverse;
}

/**
 * Chooses what is not given so that the evidence is largest. In log λ the evidence is
 * concave, and its derivative is (γ - λ |θ|²) / 2 with the effective number of weights
 * γ, which bisection brings to zero. Noise and precision take turns (MacKay, "Bayesian
 * Interpolation", 1992): σ² = Σ error² / (count - γ).
 *
 * @throws {RangeError} If the noise must be chosen, and there are no errors.
 */
export function chooseHyperparameters(
  evidence: Evidence,
  given: GivenHyperparameters,
): Hyperparameters {
  const { fit } = evidence;
  if (typeof fit === "number" || given.noise !== undefined) {
    const { noise = 1 } = given;
    const { priorPrecision = bestPrecision(evidence, noise) } = given;
    return { priorPrecision, noise };
  }
  if (!(fit.sum > 0)) {
    throw new RangeError(
      "Cannot choose the noise: the model predicts every number exactly, give " +
        "the option noise",
    );
  }
  let noise = Math.sqrt(fit.sum / fit.count);
  for (let round = 0;; round++) {
    const { priorPrecision = bestPrecision(evidence, noise) } = given;
    const now = { priorPrecision, noise };
    const free = fit.count - effectiveWeights(evidence, now);
    const next = Math.sqrt(fit.sum / Math.max(free, Number.EPSILON));
    if (round === 200 || Math.abs(next / noise - 1) < 1e-9) return now;
    noise = next;
  }
}

function bestPrecision(evidence: Evidence, noise: number): number {
  let [low, high] = PRECISIONS.map(Math.log) as [number, number];
  while (high - low > 1e-10) {
    const middle = (low + high) / 2;
    const priorPrecision = Math.exp(middle);
    const slope = effectiveWeights(evidence, { priorPrecision, noise }) -
      priorPrecision * evidence.squaredNorm;
    // NaN: rounding has made the Hessian indefinite, and λ has to outweigh it.
    if (slope <= 0) high = middle;
    else low = middle;
  }
  return Math.exp((low + high) / 2);
}
