// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Whether the weights that a posterior has collected describe a region, or only a way
 * through it. All follows from the deviations held, D with K rows, of the collections
 * from i = n - K + 1 to n. The weights themselves are
 *
 * ```text
 * θᵢ - θ̄ₙ = Dᵢ - Σ_{j > i} Dⱼ / (j - 1)
 * ```
 *
 * because θ̄ⱼ₋₁ = θ̄ⱼ - Dⱼ / (j - 1). So every sum over weights of products of two
 * collections is a combination of the K² entries of D Dᵀ, which the GPU adds up from
 * some columns of D at a time.
 *
 * @module
 */

import {
  abs,
  add,
  keep,
  matmul,
  mul,
  noGrad,
  readAll,
  sub,
  sum,
  type Tensor,
  tensor,
} from "../engine/mod.ts";
import { eachDeviations } from "./deviation_rows.ts";
import type { Posterior } from "./posterior.ts";

/**
 * What the collections of a posterior tell about it; see
 * {@linkcode SwagModel.diagnostics}. If all were the same, the ratios are NaN.
 */
export interface SwagDiagnostics {
  /** The number of deviations held. */
  rank: number;
  /**
   * In how many directions the deviations spread about equally, from 1 to `rank`: the
   * participation ratio of the eigenvalues λ of D Dᵀ, (Σ λ)² / Σ λ².
   */
  effectiveRank: number;
  /**
   * How well the variances of single weights agree between the first and the second
   * half of the collections held: 1 - Σ |v₁ - v₂| / Σ (v₁ + v₂), from 0 to 1.
   */
  varianceAgreement: number;
  /**
   * The value of {@linkcode varianceAgreement} to be expected of collections that are
   * independent and normal, with h in a half: 1 - Γ(h/2) / (√π Γ((h + 1)/2)).
   */
  expectedAgreement: number;
  /**
   * How far apart the means of the two halves are, in standard errors: 1 for
   * independent collections, and more for weights that drift, or hardly move from one
   * collection to the next.
   */
  drift: number;
  /**
   * Whether the weights went around in a region between the collections, which takes a
   * learning rate that is high enough: whether `drift` is at most 2.
   */
  isExploring: boolean;
}

/** The largest drift of weights that explore: two standard errors. */
const MOST_DRIFT = 2;

/** Two halves need two collections each, so that they have variances. */
const LEAST_RANK = 4;

/** A matrix of coefficients on the host. */
type Rows = readonly Float64Array[];

/** Diagnoses a posterior, with one wait. */
export async function diagnose(posterior: Posterior): Promise<SwagDiagnostics> {
  const { count, rank } = posterior;
  if (rank < LEAST_RANK) {
    throw new RangeError(
      `Cannot diagnose a posterior that holds ${rank} deviations: collect at ` +
        `least ${LEAST_RANK}, with noCovMat: false and a maxNumModels of as many`,
    );
  }
  const half = Math.floor(rank / 2);
  const weights = weightRows(count, rank);
  const halves = [weights.slice(0, half), weights.slice(rank - half)];
  const means = halves.map(meanRow);
  const spreads = halves.map((rows, k) =>
    rows.map((row) => row.map((x, i) => x - (means[k]?.[i] ?? 0)))
  );
  const [gram, difference, total] = await sums(posterior, spreads);

  let [trace, square] = [0, 0];
  for (let k = 0; k < rank; k++) trace += gram[k * rank + k] ?? 0;
  for (let at = 0; at < rank ** 2; at++) square += (gram[at] ?? 0) ** 2;
  const apart = means[0]?.map((x, i) => x - (means[1]?.[i] ?? 0)) ??
    new Float64Array();
  const distance = quadratic(gram, apart);
  // The variance of a mean, which is that of a half by its number of collections.
  const error = spreads.flat().reduce(
    (sum, row) => sum + quadratic(gram, row) / (half - 1) / half,
    0,
  );
  const drift = Math.sqrt(distance / error);
  return {
    rank,
    effectiveRank: trace ** 2 / square,
    varianceAgreement: 1 - difference / total,
    expectedAgreement: 1 - giniOfVariances(half),
    drift,
    isExploring: drift <= MOST_DRIFT,
  };
}

/** The rows L of θᵢ - θ̄ₙ = Σₖ Lᵢₖ Dₖ. */
function weightRows(count: number, rank: number): Rows {
  return Array.from(
    { length: rank },
    (_, i) =>
      Float64Array.from({ length: rank }, (_, k) => {
        if (k <= i) return k === i ? 1 : 0;
        return -1 / (count - rank + k); // j - 1, where j = n - K + 1 + k.
      }),
  );
}

function meanRow(rows: Rows): Float64Array {
  const [first = new Float64Array()] = rows;
  return first.map((_, i) =>
    rows.reduce((sum, row) => sum + (row[i] ?? 0), 0) / rows.length
  );
}

/** xᵀ D Dᵀ x. */
function quadratic(gram: ArrayLike<number>, x: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < x.length; k++) {
    for (let l = 0; l < x.length; l++) {
      sum += (x[k] ?? 0) * (x[l] ?? 0) * (gram[k * x.length + l] ?? 0);
    }
  }
  return sum;
}

/** The parts of the diagnosis that the GPU adds up over all weights. */
interface Totals {
  /** D Dᵀ. */
  gram: Tensor;
  /** Σ |v₁ - v₂|. */
  difference: Tensor;
  /** Σ (v₁ + v₂). */
  total: Tensor;
}

/** Adds up D Dᵀ, Σ |v₁ - v₂| and Σ (v₁ + v₂). */
async function sums(
  posterior: Posterior,
  spreads: readonly Rows[],
): Promise<[ArrayLike<number>, number, number]> {
  const device = posterior.pieces[0]?.segment.device;
  const matrices = spreads.map((rows) =>
    tensor(rows.map((row) => [...row]), device ? { device } : {})
  );
  let totals: Totals | undefined;
  noGrad(() =>
    eachDeviations(posterior, (rows) => {
      const [first, second] = matrices.map((matrix) => {
        const spread = matmul(matrix, rows);
        return sum(mul(spread, spread), { axis: 0 });
      }) as [Tensor, Tensor];
      const own: Totals = {
        gram: matmul(rows, rows, { transposeB: true }),
        difference: sum(abs(sub(first, second))),
        total: sum(add(first, second)),
      };
      const before = totals;
      totals = before
        ? {
          gram: add(before.gram, own.gram),
          difference: add(before.difference, own.difference),
          total: add(before.total, own.total),
        }
        : own;
      for (const x of Object.values(totals)) keep(x);
      for (const x of Object.values(before ?? {})) x.dispose();
    })
  );
  for (const matrix of matrices) matrix.dispose();
  if (!totals) return [[], 0, 0];
  const { gram, difference, total } = totals as Totals;
  try {
    const [values = [], ofDifference, ofTotal] = await readAll([
      gram,
      difference,
      total,
    ]);
    return [values, ofDifference?.[0] ?? NaN, ofTotal?.[0] ?? NaN];
  } finally {
    for (const x of [gram, difference, total]) x.dispose();
  }
}

/**
 * E |v₁ - v₂| / E (v₁ + v₂) of the variances of h independent normal numbers each,
 * which are gamma distributed with the shape (h - 1)/2: Gini's coefficient of that
 * distribution, Γ(h/2) / (√π Γ((h + 1)/2)).
 */
function giniOfVariances(half: number): number {
  // Γ(h/2) / Γ((h + 1)/2), by r(h + 2) = r(h) · h / (h + 1) from r(1) and r(2) on.
  let ratio = half % 2 === 1 ? Math.sqrt(Math.PI) : 2 / Math.sqrt(Math.PI);
  for (let h = half % 2 === 1 ? 1 : 2; h < half; h += 2) ratio *= h / (h + 1);
  return ratio / Math.sqrt(Math.PI);
}
