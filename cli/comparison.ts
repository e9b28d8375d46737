// Copyright 2026 the swagpu authors. MIT license.

/**
 * Compares what runs predict for the same rows: the scores of each with an interval,
 * and for each pair the differences with their intervals and tests.
 *
 * @module
 */

import {
  binaryReliabilityBins,
  bootstrap,
  type BootstrapOptions,
  brierScore,
  contingencyTable,
  f1Score,
  matthewsCorrelation,
  mcnemar,
  negativeLogLikelihood,
  pairedBootstrap,
  pearsonCorrelation,
  type Resampled,
  spearmanCorrelation,
} from "../nn/mod.ts";
import type { ComparedRows, Predictions } from "./compared_rows.ts";

/** The scores of classes that may come first in the table. */
export const MAIN_METRICS = ["accuracy", "f1", "mcc"] as const;

/** A run with what it predicts. */
export interface PredictedRun extends Predictions {
  /** The name of the run. */
  readonly name: string;
  /** The rows. */
  readonly rows: ComparedRows;
}

/** Options of {@linkcode compareRuns}. */
export interface CompareOptions {
  /** The score of classes that comes first. */
  main: (typeof MAIN_METRICS)[number];
  /** How often rows are drawn. */
  resamples: number;
  /** Decides which rows are drawn. */
  seed: number;
}

/** A number with the ends of its interval. */
export interface Interval {
  /** The number for all rows. */
  value: number;
  /** The lower end. */
  low: number;
  /** The upper end. */
  high: number;
}

/** How two runs differ. */
export interface PairComparison {
  /** The name of the first run. */
  a: string;
  /** The name of the second. */
  b: string;
  /** By score: how much higher it is for the first run. */
  differences: Record<string, Interval & { pValue: number }>;
  /** On how many rows both runs, one or none is right; not for a regression. */
  mcnemar?: {
    both: number;
    onlyA: number;
    onlyB: number;
    neither: number;
    pValue: number;
  };
}

/** The result of {@linkcode compareRuns}. */
export interface Comparison {
  /** The number of rows. */
  rows: number;
  /** How often rows were drawn. */
  resamples: number;
  /** What decided which. */
  seed: number;
  /** The probability that an interval is to cover. */
  confidenceLevel: number;
  /** The class whose F1 is shown; the macro mean without one. */
  f1Class?: string;
  /** The scores of each run, by name. */
  runs: { run: string; scores: Record<string, Interval> }[];
  /** Each pair of runs. */
  pairs: PairComparison[];
}

const CONFIDENCE_LEVEL = 0.95;

/**
 * Compares runs. All of them, and all differences, are scored on the same resamples of
 * the rows.
 *
 * @param runs At least two runs on the same rows.
 * @param options The score that comes first, and how rows are drawn.
 */
export function compareRuns(
  runs: readonly PredictedRun[],
  { main, resamples, seed }: CompareOptions,
): Comparison {
  const options = { resamples, seed, confidenceLevel: CONFIDENCE_LEVEL };
  const classes = runs[0]?.rows.classes;
  const positive = classes?.length === 2 ? classes[1] : undefined;
  const samples = runs.map((run) => samplesOf(run, { main, positive }));
  const hits = runs.map(hitsOf);
  return {
    rows: runs[0]?.rows.gold.length ?? 0,
    resamples,
    seed,
    confidenceLevel: CONFIDENCE_LEVEL,
    ...main === "f1" && positive !== undefined ? { f1Class: positive } : {},
    runs: runs.map(({ name }, i) => ({
      run: name,
      scores: mapValues(samples[i] ?? {}, (sample) => {
        const { observed, confidenceInterval } = bootstrap(sample, options);
        return { value: observed, ...confidenceInterval };
      }),
    })),
    pairs: runs.flatMap((a, i) =>
      runs.slice(i + 1).map((b, offset) => {
        const j = i + 1 + offset;
        return {
          a: a.name,
          b: b.name,
          differences: mapValues(
            samples[i] ?? {},
            (sample, name) =>
              differenceOf(sample, samples[j]?.[name] ?? [], options),
          ),
          ...mcnemarOf(hits[i], hits[j]),
        };
      })
    ),
  };
}

/** The difference of a score, its interval and its p-value. */
function differenceOf(
  a: Resampled,
  b: Resampled,
  options: BootstrapOptions,
): Interval & { pValue: number } {
  const { observed, confidenceInterval, pValue } = pairedBootstrap(
    a,
    b,
    options,
  );
  return { value: observed, ...confidenceInterval, pValue };
}

/** McNemar's test, where there are classes. */
function mcnemarOf(
  a: Uint8Array | undefined,
  b: Uint8Array | undefined,
): Pick<PairComparison, "mcnemar"> {
  if (!a || !b) return {};
  const table = contingencyTable(a, b);
  const [[both, onlyA], [onlyB, neither]] = table;
  const { pValue } = mcnemar(table);
  return { mcnemar: { both, onlyA, onlyB, neither, pValue } };
}

/** 1 for each row that is right; `undefined` for a regression. */
function hitsOf(
  { labels, rows: { gold } }: PredictedRun,
): Uint8Array<ArrayBuffer> | undefined {
  return labels &&
    Uint8Array.from(labels, (label, row) => label === gold[row] ? 1 : 0);
}

/** The scores of a run by name, as rows that can be resampled. */
function samplesOf(
  run: PredictedRun,
  { main, positive }: {
    main: CompareOptions["main"];
    positive: string | undefined;
  },
): Record<string, Resampled> {
  const { values, labels, rows: { gold, classes: names } } = run;
  const hits = hitsOf(run);
  const of = (statistic: (rows: ArrayLike<number>) => number) => ({
    rows: gold.length,
    statistic,
  });
  if (!labels || !names || !hits) return numberSamples(values, gold);
  const classes = names.length;
  const rowOf = (row: number) =>
    values.subarray(row * classes, (row + 1) * classes);
  const ofRows = (score: (p: Float64Array, label: number) => number) =>
    Float64Array.from(gold, (label, row) => score(rowOf(row), label));
  // What it is about: all classes, or whether it is the class whose F1 is shown.
  const id = positive === undefined ? -1 : names.indexOf(positive);
  const outcome = positive === undefined
    ? (label: number) => label
    : (label: number) => label === id ? 1 : 0;
  const [predicted, truth] = [labels, gold].map((list) =>
    Int32Array.from(list, main === "f1" ? outcome : (label) => label)
  );
  const confidences = Float64Array.from(
    labels,
    (label, row) => Math.min(rowOf(row)[label] ?? NaN, 1),
  );
  const first: Record<CompareOptions["main"], () => Resampled> = {
    accuracy: () => hits,
    f1: () =>
      of((rows) =>
        f1Score(pick(predicted ?? [], rows), pick(truth ?? [], rows), {
          average: positive === undefined ? "macro" : "binary",
        })
      ),
    mcc: () =>
      of((rows) =>
        matthewsCorrelation(
          pick(predicted ?? [], rows),
          pick(truth ?? [], rows),
        )
      ),
  };
  return {
    [main]: first[main](),
    nll: ofRows((p, label) => negativeLogLikelihood(p, [label])),
    ece: of(calibrationErrorOf(confidences, hits)),
    brier: ofRows((p, label) => brierScore(p, [label])),
  };
}

/**
 * The expected calibration error of some rows, Σ_b n_b/n · |acc_b − conf_b| = 1/n Σ_b
 * |Σᵢ (hitᵢ − confᵢ)|. The bin of each row is found once, and not for each resample.
 */
function calibrationErrorOf(
  confidences: Float64Array,
  hits: Uint8Array,
): (rows: ArrayLike<number>) => number {
  const gaps = confidences.map((confidence, row) =>
    (hits[row] ?? NaN) - confidence
  );
  const bins = Uint32Array.from(
    confidences,
    (confidence) =>
      binaryReliabilityBins([confidence], [0]).findIndex(({ count }) =>
        count > 0
      ),
  );
  const sums = new Float64Array(bins.reduce((a, b) => Math.max(a, b), 0) + 1);
  return (rows) => {
    sums.fill(0);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] ?? 0;
      const bin = bins[row] ?? 0;
      sums[bin] = (sums[bin] ?? NaN) + (gaps[row] ?? NaN);
    }
    return sums.reduce((sum, gap) => sum + Math.abs(gap), 0) / rows.length;
  };
}

/** The scores of a regression by name. */
function numberSamples(
  values: Float64Array,
  targets: ArrayLike<number>,
): Record<string, Resampled> {
  const rows = values.length;
  const squares = values.map((value, i) => (value - (targets[i] ?? NaN)) ** 2);
  return {
    rmse: {
      rows,
      statistic: (own) => {
        const picked = pick(squares, own);
        return Math.sqrt(picked.reduce((sum, x) => sum + x, 0) / own.length);
      },
    },
    pearson: {
      rows,
      statistic: (own) =>
        pearsonCorrelation(pick(values, own), pick(targets, own)),
    },
    spearman: {
      rows,
      statistic: (own) =>
        spearmanCorrelation(pick(values, own), pick(targets, own)),
    },
  };
}

/** The values of some rows. */
function pick(
  values: ArrayLike<number>,
  rows: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(rows, (row) => values[row] ?? NaN);
}

function mapValues<T, U>(
  record: Record<string, T>,
  map: (value: T, name: string) => U,
): Record<string, U> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, map(value, name)]),
  );
}
