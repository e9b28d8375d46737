// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The same training with several seeds: how much of a score is luck.

import { manualSeed } from "../engine/mod.ts";
import { checkOptions } from "./options.ts";

/** The scores of a run by name. */
export type SeedScores = Readonly<Record<string, number>>;

/** What {@linkcode runSeeds} knows of one run. */
export interface SeedRun {
  /** The seed. */
  readonly seed: number;
  /** The scores; an empty record if the run has failed. */
  readonly scores: SeedScores;
  /** Why the run has no scores, such as a loss that was not finite. */
  readonly failure?: string | undefined;
}

/** The distribution of a score over runs. */
export interface ScoreSummary {
  /** The number of runs that have the score. */
  readonly count: number;
  /** Their mean; NaN if there are none. */
  readonly mean: number;
  /** Their standard deviation, divided by `count - 1`; NaN for fewer than two. */
  readonly sd: number;
  /** The least value. */
  readonly min: number;
  /** The middle value, or the mean of the two in the middle. */
  readonly median: number;
  /** The largest value. */
  readonly max: number;
}

/** Options of {@linkcode summarizeSeeds}. */
export interface SummarizeSeedsOptions {
  /** The score by which a run is degenerate. */
  readonly metric?: string | undefined;
  /**
   * What a run must beat, such as the share of the most frequent class: one
   * that does not has learned nothing.
   *
   * @default {none}
   */
  readonly degenerate?: number | undefined;
  /** Whether a greater score is better. @default {true} */
  readonly greaterIsBetter?: boolean | undefined;
}

/** The distribution of the scores of several runs. */
export interface SeedsSummary {
  /** Each score by name, in the order of the first run. */
  readonly scores: Readonly<Record<string, ScoreSummary>>;
  /**
   * The runs that do not beat `degenerate`, those that failed among them;
   * `undefined` if it was not given.
   */
  readonly degenerate?: readonly SeedRun[];
  /** Their share of all runs. */
  readonly degenerateShare?: number;
}

/**
 * Runs the same training with several seeds, one after the other. Before each
 * run the seed is set by `manualSeed`. A run that ends with a RangeError, as one
 * does whose loss is not finite, has failed, and the others go on; any other
 * error ends the series.
 *
 * Fine-tuning on few examples scatters so much that one run says little: Mosbach
 * et al., "On the Stability of Fine-tuning BERT", 2021, report means, standard
 * deviations and failed runs of 25 seeds.
 *
 * @param seeds The seeds, each a whole number below 2³².
 * @param run Trains with a seed, frees what it has made, and gives scores.
 * @returns The runs, in the order of the seeds.
 * @throws {RangeError} If there are no seeds, or one occurs twice.
 *
 * @example The mean of a random number
 * ```ts
 * import { initialize, normal, scope } from "@swagpu/swagpu/engine";
 * import { runSeeds, summarizeSeeds } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const runs = await runSeeds([0, 1, 2, 3, 4], async () => {
 *   using _ = scope();
 *   return { x: await normal([]).item() };
 * });
 * const { scores, degenerateShare } = summarizeSeeds(runs, {
 *   metric: "x",
 *   degenerate: -10,
 * });
 * assertAlmostEquals(scores.x?.mean ?? NaN, 0, 2);
 * assertAlmostEquals(degenerateShare ?? NaN, 0);
 * ```
 */
export async function runSeeds(
  seeds: readonly number[],
  run: (seed: number) => SeedScores | Promise<SeedScores>,
): Promise<SeedRun[]> {
  if (seeds.length === 0 || new Set(seeds).size < seeds.length) {
    throw new RangeError(
      `Cannot run with seeds [${seeds.join(", ")}]: there must be one at ` +
        "least, and each once",
    );
  }
  const runs: SeedRun[] = [];
  for (const seed of seeds) {
    manualSeed(seed);
    try {
      runs.push({ seed, scores: { ...await run(seed) } });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      runs.push({ seed, scores: {}, failure: error.message });
    }
  }
  return runs;
}

/**
 * Summarizes runs that differ in their seeds: mean, standard deviation, and the
 * share of those that have learned nothing.
 *
 * @param runs The runs.
 * @param options What a run must beat.
 * @returns The distribution of each score.
 * @throws {TypeError} If `degenerate` is given and `metric` is not, or an option
 * is not known.
 *
 * @example Three runs, one of which is no better than a guess
 * ```ts
 * import { summarizeSeeds } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * const runs = [0.7, 0.8, 0.5].map((accuracy, seed) => ({
 *   seed,
 *   scores: { accuracy },
 * }));
 * const summary = summarizeSeeds(runs, { metric: "accuracy", degenerate: 0.5 });
 * assertAlmostEquals(summary.scores.accuracy?.mean ?? NaN, 2 / 3);
 * assertEquals(summary.degenerate?.map(({ seed }) => seed), [2]);
 * ```
 */
export function summarizeSeeds(
  runs: readonly SeedRun[],
  options: SummarizeSeedsOptions = {},
): SeedsSummary {
  checkOptions(options, {
    action: "summarize runs",
    known: ["metric", "degenerate", "greaterIsBetter"],
  });
  const { metric, degenerate: bound, greaterIsBetter = true } = options;
  const names = new Set(runs.flatMap(({ scores }) => Object.keys(scores)));
  const scores = Object.fromEntries(
    [...names].map((name) => [
      name,
      summaryOf(runs.flatMap(({ scores }) => scores[name] ?? [])),
    ]),
  );
  if (bound === undefined) return { scores };
  if (metric === undefined) {
    throw new TypeError(
      `Cannot count runs as degenerate by ${bound}: name the metric`,
    );
  }
  const beats = (value = NaN) =>
    greaterIsBetter ? value > bound : value < bound;
  const degenerate = runs.filter(({ scores }) => !beats(scores[metric]));
  return {
    scores,
    degenerate,
    degenerateShare: degenerate.length / runs.length,
  };
}

function summaryOf(values: readonly number[]): ScoreSummary {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  const mean = sorted.reduce((sum, x) => sum + x, 0) / count;
  const squares = sorted.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  const at = (i: number) => sorted[i] ?? NaN;
  return {
    count,
    mean,
    sd: count < 2 ? NaN : Math.sqrt(squares / (count - 1)),
    min: at(0),
    median: (at((count - 1) >> 1) + at(count >> 1)) / 2,
    max: at(count - 1),
  };
}
