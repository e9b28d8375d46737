// Copyright 2026 the swagpu authors. MIT license.

/**
 * Measures what is predicted for texts: one class, several classes, votes or numbers.
 *
 * @module
 */

import type { PretrainedConfig } from "../../models/mod.ts";
import {
  accuracy,
  applyTemperature,
  argmaxRows,
  brierScore,
  brierScoreLoss,
  entropy,
  expectedCalibrationError,
  f1Score,
  fitTemperature,
  logProbabilities,
  matthewsCorrelation,
  meanSquaredError,
  negativeLogLikelihood,
  pearsonCorrelation,
  softCrossEntropy,
  spearmanCorrelation,
} from "../../nn/mod.ts";
import { isMultiLabel, isRegression } from "../classifier.ts";
import { namesOf } from "../labels.ts";
import { labelKind, type LabelValue } from "./label_values.ts";

/** What is predicted for rows, and what their labels are. */
export interface Predicted {
  /** Probabilities, or the numbers of a regression, `[rows, labels]`. */
  readonly predicted: Float64Array<ArrayBuffer>;
  /** The label of each row. */
  readonly labels: ArrayLike<LabelValue>;
}

/** Options of {@linkcode textScores}. */
export interface TextScoresOptions {
  /** The configuration of the model. */
  readonly config: PretrainedConfig;
  /** The least probability of a class that is predicted, of several. @default {0.5} */
  readonly threshold?: number | undefined;
  /** Rows to fit a temperature on. */
  readonly fitted?: Predicted | undefined;
}

/**
 * The score of the same answer for every row: of the most frequent class, or of the
 * mean number.
 *
 * @param labels The label of each row.
 * @param metric The name of the score.
 * @returns The score; `undefined` if labels or score are of another kind.
 */
export function constantScore(
  labels: readonly LabelValue[],
  metric: string,
  config: PretrainedConfig,
): number | undefined {
  const numbers = labels.filter((label) => typeof label === "number");
  if (numbers.length < labels.length || labels.length === 0) return undefined;
  const mean = numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  if (isRegression(config)) {
    const variance = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) /
      numbers.length;
    const scores = new Map([["rmse", Math.sqrt(variance)], ["mse", variance]]);
    return scores.get(metric);
  }
  if (metric === "mcc") return 0;
  if (metric !== "accuracy") return undefined;
  const counts = new Map<number, number>();
  for (const label of numbers) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Math.max(...counts.values()) / numbers.length;
}

/** The class whose F1 is measured: the second of two; `undefined` for the macro mean. */
export function f1Class(config: PretrainedConfig): string | undefined {
  const names = namesOf(config);
  const isChoice = !isRegression(config) && !isMultiLabel(config);
  return isChoice && names.length === 2 ? names[1] : undefined;
}

/** The head of the column of F1, which names its class. */
export function f1Head(ofClass: string | undefined): string {
  return `F1 (${ofClass?.slice(0, 20) ?? "macro"})`;
}

/** The scores of predictions by name, in the order of the columns of a table. */
export function textScores(
  { predicted, labels }: Predicted,
  { config, threshold = 0.5, fitted }: TextScoresOptions,
): Record<string, number> {
  const values = Array.from(labels);
  const lists = values.filter((label) => typeof label !== "number");
  const numbers = values.filter((label) => typeof label === "number");
  switch (labelKind(config, lists.length > 0)) {
    case "class":
      return classScores(predicted, numbers, fitted);
    case "classes":
      return multiLabelScores(predicted, lists, threshold);
    case "votes":
      return voteScores(predicted, lists);
    case "numbers":
      return config.numLabels === 1
        ? numberScores(predicted, numbers)
        : severalNumberScores(predicted, lists, namesOf(config));
  }
}

/**
 * The scores of one class a text, and again after temperature scaling if there are
 * rows to fit a temperature on.
 */
export function classScores(
  probabilities: Float64Array<ArrayBuffer>,
  labels: readonly number[],
  fitted: Predicted | undefined,
): Record<string, number> {
  const classes = probabilities.length / labels.length;
  const predicted = argmaxRows(probabilities, { classes });
  const scores: Record<string, number> = {
    accuracy: accuracy(probabilities, labels),
    nll: negativeLogLikelihood(probabilities, labels),
    ece: expectedCalibrationError(probabilities, labels),
    brier: brierScore(probabilities, labels),
    f1: f1Score(predicted, labels, {
      average: classes === 2 ? "binary" : "macro",
    }),
    mcc: matthewsCorrelation(predicted, labels),
  };
  if (!fitted) return scores;
  const temperature = fitTemperature(
    logProbabilities(fitted.predicted),
    Array.from(fitted.labels, Number),
  );
  const scaled = applyTemperature(
    logProbabilities(probabilities),
    temperature,
    { classes },
  );
  return {
    ...scores,
    temperature,
    scaled_nll: negativeLogLikelihood(scaled, labels),
    scaled_ece: expectedCalibrationError(scaled, labels),
  };
}

/**
 * The scores of several classes a text: F1 over all decisions and the mean over the
 * classes, the share of texts whose classes are all right, and the mean over all
 * decisions of the binary cross-entropy and of the squared error.
 */
function multiLabelScores(
  probabilities: Float64Array<ArrayBuffer>,
  labels: readonly (readonly number[])[],
  threshold: number,
): Record<string, number> {
  const truth = labels.flat();
  const classes = truth.length / labels.length;
  const chosen = [...probabilities].map((p) => p >= threshold ? 1 : 0);
  const ofClass = (values: readonly number[], id: number) =>
    labels.map((_, row) => values[row * classes + id] ?? NaN);
  const f1s = Array.from(
    { length: classes },
    (_, id) => f1Score(ofClass(chosen, id), ofClass(truth, id)),
  );
  const isWrong = new Set<number>();
  truth.forEach((label, i) => {
    if (label !== chosen[i]) isWrong.add(Math.floor(i / classes));
  });
  const pairs = [...probabilities].flatMap((p) => [1 - p, p]);
  return {
    f1_micro: f1Score(chosen, truth),
    f1_macro: f1s.reduce((sum, f1) => sum + f1 / classes, 0),
    subset_accuracy: 1 - isWrong.size / labels.length,
    nll: negativeLogLikelihood(pairs, truth),
    brier: brierScoreLoss(probabilities, truth),
  };
}

/**
 * The scores of votes: how often the most probable class has the most votes, the
 * cross-entropy with their distribution, by how much it exceeds the entropy of the
 * votes, the squared distance, and how the entropy of predictions correlates with that
 * of votes.
 */
function voteScores(
  probabilities: Float64Array<ArrayBuffer>,
  labels: readonly (readonly number[])[],
): Record<string, number> {
  const votes = Float64Array.from(labels.flat());
  const classes = votes.length / labels.length;
  const options = { classes };
  const crossEntropy = softCrossEntropy(probabilities, votes, options);
  return {
    accuracy: accuracy(probabilities, argmaxRows(votes, options)),
    cross_entropy: crossEntropy,
    kl: crossEntropy - softCrossEntropy(votes, votes, options),
    brier: classes * meanSquaredError(probabilities, votes),
    entropy_pearson: pearsonCorrelation(
      entropy(probabilities, options),
      entropy(votes, options),
    ),
  };
}

/** The scores of one number a text. */
export function numberScores(
  predicted: ArrayLike<number>,
  targets: ArrayLike<number>,
): Record<string, number> {
  const mse = meanSquaredError(predicted, targets);
  return {
    rmse: Math.sqrt(mse),
    mse,
    pearson: pearsonCorrelation(predicted, targets),
    spearman: spearmanCorrelation(predicted, targets),
  };
}

/** The scores of each number, as `rmse/valence`, after their means over the numbers. */
function severalNumberScores(
  predicted: Float64Array<ArrayBuffer>,
  targets: readonly (readonly number[])[],
  names: readonly string[],
): Record<string, number> {
  const width = names.length;
  const each = names.map((name, id) => ({
    name,
    scores: numberScores(
      predicted.filter((_, i) => i % width === id),
      targets.map((row) => row[id] ?? NaN),
    ),
  }));
  const keys = Object.keys(each[0]?.scores ?? {});
  const mean = (key: string) =>
    each.reduce((sum, { scores }) => sum + (scores[key] ?? NaN) / width, 0);
  return Object.fromEntries([
    ...keys.map((key) => [key, mean(key)]),
    ...each.flatMap(({ name, scores }) =>
      Object.entries(scores).map(([key, score]) => [`${key}/${name}`, score])
    ),
  ]);
}
