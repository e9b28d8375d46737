// Copyright 2026 the swagpu authors. MIT license.

/**
 * Predicted numbers as normal distributions, for a report. A model of numbers predicts
 * a mean alone. How far the truth is from it is its noise, which must be estimated; how
 * far samples of the posterior are apart is what the weights leave open.
 *
 * @module
 */

import type {
  NamedScore,
  RegressionMethod,
  RegressionResults,
} from "../report/mod.ts";
import { meanOf, standardDeviations } from "./classifier.ts";
import type { MethodScores, ReportRows } from "./report_predictions.ts";
import { numberScores } from "./tasks/text_scores.ts";

/** Predicted numbers, and how far the samples of the weights are apart. */
interface Numbers {
  mean: Float64Array<ArrayBuffer>;
  spread: Float64Array<ArrayBuffer>;
}

/** Rows to report, and the rows that noise is estimated on for them. */
interface NumberFold {
  rows: readonly number[];
  numbers: Numbers;
  targets: ArrayLike<number>;
  fitting: readonly number[];
}

function numbersOf(members: readonly Float32Array<ArrayBuffer>[]): Numbers {
  const mean = meanOf(members);
  return { mean, spread: standardDeviations(members, mean) };
}

/**
 * Turns scores into predicted normal distributions.
 *
 * @param methods The scores of each method.
 * @param rows The rows, with their numbers.
 * @param texts What is shown of each row of the test set.
 */
export function regressionResults(
  methods: readonly MethodScores[],
  { test, fit }: ReportRows,
  texts: readonly string[],
): RegressionResults {
  const targets = Float64Array.from(test.labels);
  const results = methods.flatMap((own): RegressionMethod[] => {
    const numbers = numbersOf(own.test);
    const { mean, spread } = numbers;
    const folds = own.fit && fit
      ? [{
        rows: [...targets.keys()],
        numbers: numbersOf(own.fit),
        targets: fit.labels,
        fitting: Array.from(fit.labels, (_, row) => row),
      }]
      : halves(numbers, targets);
    const deviation = spread.slice();
    for (const { rows, ...fold } of folds) {
      const noise = noiseOf(fold);
      for (const row of rows) {
        deviation[row] = Math.hypot(spread[row] ?? 0, noise);
      }
    }
    const isSpread = own.test.length > 1 && spread.every((value) => value > 0);
    return [
      ...isSpread
        ? [{ name: `${own.name}, spread alone`, mean, deviation: spread }]
        : [],
      { name: own.name, mean, deviation },
    ];
  });
  return {
    targets,
    texts,
    methods: results,
    note: noteOn(fit !== undefined, results.length > methods.length),
  };
}

/** What the deviations are, in words. */
function noteOn(isFitted: boolean, hasSpread: boolean): string {
  return (hasSpread
    ? "The standard deviation is √(spread² + noise²): spread is that of the " +
      "predictions of the posterior's samples, 0 for methods without samples, and "
    : "The standard deviation is the noise: ") +
    "noise is one number, how far the truth is from the predictions beyond their " +
    `spread, fitted on ${
      isFitted
        ? "the rows that were given to fit on"
        : "each half of the rows for the other half"
    }.${
      hasSpread
        ? " With the spread alone, intervals hold what the weights leave open, " +
          "but not the noise, so that they are expected to be too narrow."
        : ""
    }`;
}

/** Even and odd rows, each with the other to fit on, as for temperatures. */
function halves(numbers: Numbers, targets: ArrayLike<number>): NumberFold[] {
  const all = Array.from(targets, (_, row) => row);
  const ofParity = (parity: number) => all.filter((row) => row % 2 === parity);
  // A single row can only be fitted on itself.
  if (all.length < 2) return [{ rows: all, numbers, targets, fitting: all }];
  return [0, 1].map((parity) => ({
    rows: ofParity(parity),
    numbers,
    targets,
    fitting: ofParity(1 - parity),
  }));
}

/** The standard deviation that the spread does not explain, above 0. */
function noiseOf(
  { numbers, targets, fitting }: Omit<NumberFold, "rows">,
): number {
  const { mean, spread } = numbers;
  const meanOver = (of: (row: number) => number) =>
    fitting.reduce((sum, row) => sum + of(row), 0) / fitting.length;
  const squares = meanOver((row) =>
    ((targets[row] ?? 0) - (mean[row] ?? 0)) ** 2
  );
  const explained = meanOver((row) => (spread[row] ?? 0) ** 2);
  // Where the spread is more than all errors, a thousandth of them keeps it above 0.
  const least = Math.max(1e-3 * Math.sqrt(squares), 1e-9);
  return Math.max(Math.sqrt(Math.max(squares - explained, 0)), least);
}

/** The scores of a report that its tables do not hold by themselves. */
export function numberNamedScores(
  { methods, targets }: RegressionResults,
): NamedScore[] {
  const best = methods.at(-1);
  if (!best) return [];
  const { pearson = NaN, spearman = NaN } = numberScores(
    Float64Array.from(best.mean),
    targets,
  );
  return [
    {
      name: `Pearson correlation of ${best.name}`,
      type: "pearsonr",
      value: pearson,
    },
    {
      name: `Spearman correlation of ${best.name}`,
      type: "spearmanr",
      value: spearman,
    },
  ].filter(({ value }) => Number.isFinite(value));
}
