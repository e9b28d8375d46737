// Copyright 2026 the swagpu authors. MIT license.

/**
 * The quickstart's table, with one row for each method and one column for each score.
 *
 * @module
 */

import {
  accuracy,
  applyTemperature,
  brierScore,
  expectedCalibrationError,
  fitTemperature,
  logProbabilities,
  negativeLogLikelihood,
  softCrossEntropy,
} from "../../nn/metrics/mod.ts";

/** The predictions of a method for the test set. */
export interface Prediction {
  /** The name of the method, which is that of its row. */
  method: string;
  /** Its probabilities, [rows, classes]. */
  probabilities: ArrayLike<number>;
}

/** The truth about the test set. */
export interface Truth {
  /** The labels that were drawn, [rows]. */
  labels: ArrayLike<number>;
  /** The distribution that they were drawn from, [rows, classes]. */
  distribution: ArrayLike<number>;
}

/** The scores of one method. */
export interface Scores {
  /** The method. */
  method: string;
  /** The share of labels that are the most probable class. */
  accuracy: number;
  /** The negative log-likelihood of the labels. */
  nll: number;
  /** The expected calibration error with 15 bins. */
  ece: number;
  /** The Brier score, as a sum over classes. */
  brier: number;
  /** The cross-entropy with the true distribution. */
  crossEntropy: number;
  /** The temperature that was fitted on the first half; absent for the oracle. */
  temperature?: number;
  /** The negative log-likelihood of the second half at that temperature. */
  scaledNll?: number;
  /** The calibration error of the second half at that temperature. */
  scaledEce?: number;
}

/** Options of {@linkcode renderTable}. */
export interface TableOptions {
  /** A line above the table. */
  title?: string;
}

/** The name of the row that scores the true distribution itself. */
export const ORACLE = "oracle";

/**
 * Scores a method on the whole test set, and on its second half after temperature
 * scaling with a temperature that is fitted on the first half.
 *
 * @param prediction The method and its probabilities.
 * @param truth Labels and their distribution.
 * @returns Every column of the row.
 */
export function score(prediction: Prediction, truth: Truth): Scores {
  const { method, probabilities } = prediction;
  const { labels, distribution } = truth;
  const classes = probabilities.length / labels.length;
  const half = Math.floor(labels.length / 2);
  const scores = {
    method,
    accuracy: accuracy(probabilities, labels),
    nll: negativeLogLikelihood(probabilities, labels),
    ece: expectedCalibrationError(probabilities, labels),
    brier: brierScore(probabilities, labels),
    crossEntropy: softCrossEntropy(probabilities, distribution, { classes }),
  };
  if (method === ORACLE) return scores;
  const logits = logProbabilities(probabilities);
  const classOf = Array.from(labels);
  const temperature = fitTemperature(
    logits.subarray(0, half * classes),
    classOf.slice(0, half),
  );
  const scaled = applyTemperature(
    logits.subarray(half * classes),
    temperature,
    { classes },
  );
  const reported = classOf.slice(half);
  return {
    ...scores,
    temperature,
    scaledNll: negativeLogLikelihood(scaled, reported),
    scaledEce: expectedCalibrationError(scaled, reported),
  };
}

/**
 * Scores every method and, as the last row, the true distribution.
 *
 * @param predictions The methods in the order of the rows.
 * @param truth Labels and their distribution.
 * @returns One entry for each row.
 */
export function scoreAll(
  predictions: readonly Prediction[],
  truth: Truth,
): Scores[] {
  const oracle = { method: ORACLE, probabilities: truth.distribution };
  return [...predictions, oracle].map((entry) => score(entry, truth));
}

/**
 * Averages each score over several runs.
 *
 * @param runs The rows of each run, with the same methods in the same order.
 * @returns One entry for each method.
 * @throws {RangeError} If there is no run, or the runs differ in methods.
 */
export function meanScores(runs: readonly Scores[][]): Scores[] {
  const [first] = runs;
  if (first === undefined) {
    throw new RangeError("Cannot average scores: there are no runs");
  }
  return first.map((row, index) => {
    const rows = runs.map((run) => run[index]).filter((r) => r !== undefined);
    if (
      rows.length < runs.length || rows.some((r) => r.method !== row.method)
    ) {
      throw new RangeError(
        `Cannot average scores: row ${index} is not ${row.method} in every run`,
      );
    }
    const mean: Record<string, number> = {};
    for (const { key } of COLUMNS) {
      if (row[key] === undefined) continue;
      mean[key] = rows.reduce((sum, r) => sum + (r[key] ?? NaN), 0) /
        rows.length;
    }
    return { ...row, ...mean };
  });
}

interface Column {
  key: Exclude<keyof Scores, "method">;
  head: readonly [string, string];
  digits: number;
}

const COLUMNS: readonly Column[] = [
  { key: "accuracy", head: ["", "accuracy"], digits: 3 },
  { key: "nll", head: ["", "NLL"], digits: 3 },
  { key: "ece", head: ["", "ECE"], digits: 3 },
  { key: "brier", head: ["", "Brier"], digits: 3 },
  { key: "crossEntropy", head: ["CE to", "truth"], digits: 3 },
  { key: "scaledNll", head: ["scaled", "NLL"], digits: 3 },
  { key: "scaledEce", head: ["scaled", "ECE"], digits: 3 },
  { key: "temperature", head: ["at", "T"], digits: 2 },
];

/**
 * Writes the table as plain text, with aligned columns and a rule above the oracle.
 *
 * @param scores One entry for each row.
 * @param options A title.
 * @returns Lines with line ends.
 */
export function renderTable(
  scores: readonly Scores[],
  options: TableOptions = {},
): string {
  const cells = scores.map((row) => [
    row.method,
    ...COLUMNS.map(({ key, digits }) => row[key]?.toFixed(digits) ?? "–"),
  ]);
  const heads = [0, 1].map((line) => [
    line === 0 ? "" : "method",
    ...COLUMNS.map(({ head }) => head[line] ?? ""),
  ]);
  const all = [...heads, ...cells];
  const widths = [...heads[0] ?? []].map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? "").length))
  );
  const draw = (row: readonly string[]) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ").trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  const lines = [...heads.map(draw), rule];
  cells.forEach((row) => {
    if (row[0] === ORACLE) lines.push(rule);
    lines.push(draw(row));
  });
  if (options.title) lines.unshift(options.title, "");
  return lines.map((line) => line + "\n").join("");
}

/** The columns that are listed for every run. */
const BY_SEED = ["nll", "ece", "crossEntropy", "scaledNll"] as const;

/**
 * Lists the scores of each run: one line for each column of the table.
 *
 * @param runs The rows of each run.
 * @param methods The methods to list.
 * @returns Lines with line ends.
 */
export function renderSeeds(
  runs: readonly Scores[][],
  methods: readonly string[],
): string {
  const lines = BY_SEED.flatMap((key) => {
    const head = COLUMNS.find((column) => column.key === key)?.head ?? [];
    return methods.map((method) => {
      const values = runs.map((run) =>
        run.find((row) => row.method === method)?.[key]?.toFixed(3) ?? "–"
      );
      return [head.join(" ").trim(), method, ...values];
    });
  });
  const widths = [0, 1].map((column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0))
  );
  return ["Seed by seed:", ""].concat(
    lines.map((line) =>
      line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")
    ),
  ).map((line) => line + "\n").join("");
}
