// Copyright 2026 the swagpu authors. MIT license.

// The scores of methods over seeds: mean, standard deviation, and how large a deep
// ensemble does as well.

import { deepEnsembleEquivalent } from "../../nn/metrics/mod.ts";
import type { MethodResult } from "./results.ts";
import type { Scores } from "./scores.ts";

/** A score over seeds. */
export interface Spread {
  readonly mean: number;
  /** The sample standard deviation; 0 for one seed. */
  readonly sd: number;
}

/** A method over seeds. */
export interface MethodSummary
  extends Pick<MethodResult, "method" | "title" | "family" | "runs"> {
  readonly seeds: number;
  readonly scores: { readonly [Name in keyof Scores]?: Spread };
  /**
   * The number of members of a deep ensemble with the same mean calibrated negative
   * log-likelihood; see `deepEnsembleEquivalent`.
   */
  readonly equivalent?: number;
}

/**
 * Summarizes the results of a task.
 *
 * @param results The results of each seed, with the same methods in the same order.
 */
export function summarize(
  results: readonly (readonly MethodResult[])[],
): MethodSummary[] {
  const [first = []] = results;
  const summaries = first.map((result, i): MethodSummary => {
    const { method, title, family, runs } = result;
    const own = results.flatMap((seed) => seed[i] ?? []);
    const names = Object.keys(result.scores) as (keyof Scores)[];
    const scores: Partial<Record<keyof Scores, Spread>> = {};
    for (const name of names) {
      scores[name] = spreadOf(own.flatMap(({ scores }) => scores[name] ?? []));
    }
    return { method, title, family, runs, seeds: own.length, scores };
  });
  const ensembles = summaries.flatMap(({ method, family, runs, scores }) =>
    (method === "standard" || family === "ensemble") && scores.calibratedNll
      ? [{ members: runs, nll: scores.calibratedNll.mean }]
      : []
  );
  return summaries.map((summary) => {
    const { calibratedNll } = summary.scores;
    // A single network alone has nothing between it and itself.
    if (!calibratedNll || ensembles.length < 2) return summary;
    const equivalent = deepEnsembleEquivalent(calibratedNll.mean, ensembles);
    return { ...summary, equivalent };
  });
}

function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / Math.max(1, values.length - 1)) };
}
