// Copyright 2026 the swagpu authors. MIT license.

// The numbers of a report as plain data, for files and other programs.

import { selectiveMetrics } from "../nn/metrics/mod.ts";
import { checkReportOptions, checkResults } from "./check_results.ts";
import { evaluate, type Evaluation, type Scores } from "./evaluation.ts";
import { regressionScores } from "./figures/regression.ts";
import type { ReportOptions, RunResults } from "./run_results.ts";

/**
 * The scores of a method for predicted classes: the mean over its seeds. What cannot
 * be computed is absent.
 */
export interface MethodSummary {
  /** The name of the method. */
  name: string;
  /** The number of seeds. */
  seeds: number;
  /** The share of labels that are the most probable class. */
  accuracy: number;
  /** Wilson's interval of 95 % of the run's own accuracy. */
  accuracyInterval: readonly [number, number];
  /** The negative log-likelihood of the labels, in nats per row. */
  nll: number;
  /** The expected calibration error. */
  ece: number;
  /** The Brier score, summed over classes. */
  brier: number;
  /** The negative log-likelihood after temperature scaling. */
  calibratedNll?: number;
  /** The temperature. */
  temperature?: number;
  /** The area under the risk–coverage curve of the run itself. */
  aurc?: number;
}

/** The scores of a method for predicted numbers. */
export interface RegressionSummary {
  /** The name of the method. */
  name: string;
  /** The root of the mean squared error. */
  rmse: number;
  /** The negative log-likelihood of the predicted normal distributions, in nats. */
  nll: number;
  /** The mean continuous ranked probability score. */
  crps: number;
  /** The share of true values in the central interval of 90 %. */
  coverage90: number;
  /** The mean width of that interval. */
  width90: number;
}

/** The numbers of a run. */
export interface RunSummary {
  /** The heading of the report. */
  title: string;
  /** When the run was made. */
  date?: string;
  /** The number of rows of the test set. */
  rows: number;
  /** The method that the report shows where it shows one. */
  primary?: string;
  /** The scores for predicted classes, method by method. */
  methods: readonly MethodSummary[];
  /** The scores of the known distribution of labels. */
  oracle?: Pick<MethodSummary, "accuracy" | "nll" | "ece" | "brier">;
  /** The scores for predicted numbers, method by method. */
  regression: readonly RegressionSummary[];
  /** The other scores of the run, by name. */
  scores: Readonly<Record<string, number>>;
}

/** Leaves out scores that are not numbers: JSON has no NaN. */
function known(scores: Partial<Scores> & { aurc?: number }): Partial<Scores> {
  return Object.fromEntries(
    Object.entries(scores).filter(([, value]) => Number.isFinite(value)),
  );
}

function methodSummaries(evaluation: Evaluation): MethodSummary[] {
  const { methods, results: { labels } } = evaluation;
  return methods.map((evaluated) => {
    const { method, bySeed, scores, accuracyInterval } = evaluated;
    const { accuracy, nll, ece, brier, calibratedNll, temperature } = scores;
    const { aurc } = selectiveMetrics(method.probabilities, labels);
    return {
      name: method.name,
      seeds: bySeed.length,
      accuracy,
      accuracyInterval,
      nll,
      ece,
      brier,
      ...known({ calibratedNll, temperature, aurc }),
    };
  });
}

/** The numbers of a run that has been evaluated. */
export function summaryOf(
  results: RunResults,
  evaluation: Evaluation | null,
): RunSummary {
  const { title, date, regression, classification, scores = [] } = results;
  const oracle = evaluation?.oracle;
  return {
    title,
    ...(date === undefined ? {} : { date }),
    rows: classification?.labels.length ?? regression?.targets.length ?? 0,
    ...(evaluation ? { primary: evaluation.primary.method.name } : {}),
    methods: evaluation ? methodSummaries(evaluation) : [],
    ...(oracle
      ? {
        oracle: {
          accuracy: oracle.accuracy,
          nll: oracle.nll,
          ece: oracle.ece,
          brier: oracle.brier,
        },
      }
      : {}),
    regression: regression && regression.targets.length > 0
      ? regression.methods.map((method) => ({
        name: method.name,
        ...regressionScores(regression, method),
      }))
      : [],
    scores: Object.fromEntries(scores.map(({ name, value }) => [name, value])),
  };
}

/**
 * Computes the numbers of a report as plain data, which `JSON.stringify` writes.
 *
 * @param results The results of the run.
 * @param options Bins and intervals.
 * @returns The scores of every method.
 * @throws {RangeError} If parts of the results do not fit together, or an option is
 * out of range.
 * @throws {TypeError} If there is an option that is not known.
 *
 * @example The accuracy of one method
 * ```ts
 * import { summarizeRun } from "@swagpu/swagpu/report";
 * import { assertEquals } from "@std/assert";
 *
 * const { methods } = summarizeRun({
 *   title: "Two rows",
 *   classification: {
 *     labels: [0, 1],
 *     methods: [{ name: "SWAG", probabilities: [0.9, 0.1, 0.6, 0.4] }],
 *   },
 * });
 * assertEquals(methods[0]?.accuracy, 0.5);
 * ```
 */
export function summarizeRun(
  results: RunResults,
  options: ReportOptions = {},
): RunSummary {
  const checked = checkReportOptions(options);
  checkResults(results);
  return summaryOf(results, evaluate(results.classification, checked));
}
