// Copyright 2026 the swagpu authors. MIT license.

/**
 * Measures how good predictions are: the numbers that `evaluate` prints.
 *
 * @module
 */

import {
  accuracy,
  applyTemperature,
  argmaxRows,
  brierScore,
  expectedCalibrationError,
  f1Score,
  fitTemperature,
  logProbabilities,
  matthewsCorrelation,
  meanSquaredError,
  negativeLogLikelihood,
  pearsonCorrelation,
  softmaxRows,
  spearmanCorrelation,
} from "../nn/mod.ts";
import {
  type Classifier,
  isRegression,
  meanOf,
  namingRows,
  type PosteriorOptions,
  posteriorScores,
  scoresOf,
} from "./classifier.ts";
import { namesOf } from "./labels.ts";
import type { Examples } from "./prepare_examples.ts";
import type { Progress } from "./progress.ts";
import type { TokenizedTexts } from "./tokenized_texts.ts";

/** The scores of a method of prediction. */
export interface MethodScores {
  /** The method, such as "SWAG". */
  method: string;
  /** The scores by name. */
  scores: Record<string, number>;
}

/** Options of {@linkcode evaluateAll}. */
export interface EvaluateOptions extends PosteriorOptions {
  /** Examples to fit a temperature on. */
  fit?: Examples | undefined;
  /** Receives the scores of each method: a list for each sample of the weights. */
  onScores?:
    | ((method: string, scores: Float32Array<ArrayBuffer>[]) => void)
    | undefined;
  /** Where progress is shown. */
  progress: Progress;
}

/** A method of prediction. */
export interface Method {
  method: string;
  /** Computes the scores with each sample of the weights. */
  scores(texts: TokenizedTexts): Promise<Float32Array<ArrayBuffer>[]>;
}

/** Evaluates the model's own weights and, with a posterior, SWA and SWAG. */
export async function evaluateAll(
  classifier: Classifier,
  examples: Examples,
  { progress, ...options }: EvaluateOptions,
): Promise<MethodScores[]> {
  const { fit } = options;
  const { swag } = classifier;
  const texts = examples.texts.count + (fit?.texts.count ?? 0);
  // The model's own weights, the mean of the posterior, and its samples.
  const passes = swag ? 2 + options.samples : 1;
  using stage = progress.stage(
    "evaluating",
    texts * passes,
    swag ? "passes" : "texts",
  );
  const advance = (more: number) => stage.advance(more);
  const results: MethodScores[] = [];
  const methods = methodsOf(classifier, { ...options, advance });
  const { numLabels: classes } = classifier.model.config;
  const isRaw = isRegression(classifier.model.config);
  const predictedFrom = (scores: readonly Float32Array<ArrayBuffer>[]) =>
    meanOf(
      isRaw ? scores : scores.map((own) => softmaxRows(own, { classes })),
    );
  for (const { method, scores: scoresWith } of methods) {
    const membersOf = ({ source, texts }: Examples) =>
      namingRows(source, () => scoresWith(texts));
    const members = await membersOf(examples);
    options.onScores?.(method, members);
    const predicted = predictedFrom(members);
    const fitted = fit &&
      { predicted: predictedFrom(await membersOf(fit)), ...fit };
    const scores = isRaw
      ? regressionScores(predicted, examples.labels)
      : classScores(predicted, examples.labels, fitted);
    results.push({ method, scores });
  }
  return results;
}

/** Warnings about results that mislead. */
export function remarksOn(results: readonly MethodScores[]): string[] {
  return results
    .filter(({ scores: { nll, scaled_nll } }) =>
      nll !== undefined && scaled_nll !== undefined && scaled_nll > nll
    )
    .map(({ method, scores: { temperature } }) =>
      `The temperature of ${method} (${
        temperature?.toFixed(2)
      }) improves the ` +
      "file that it was fitted on and makes this one worse: fit it on texts " +
      "that are like these, and that the model was not trained on"
    );
}

/** The class whose F1 is shown: the second of two; `undefined` for the macro mean. */
export function f1Class({ model: { config } }: Classifier): string | undefined {
  const names = namesOf(config);
  return isRegression(config) || names.length !== 2 ? undefined : names[1];
}

/** The methods of a model: its own weights and, with a posterior, SWA and SWAG. */
export function methodsOf(
  { model, swag }: Classifier,
  options: PosteriorOptions,
): Method[] {
  const methods: Method[] = [{
    method: "last iterate",
    scores: async (texts) => [await scoresOf(model, texts, options)],
  }];
  if (!swag) return methods;
  const sampled = (method: string, some: Partial<PosteriorOptions>) => ({
    method,
    scores: (texts: TokenizedTexts) =>
      posteriorScores(model, swag, texts, { ...options, ...some }),
  });
  return [
    ...methods,
    sampled("SWA", { samples: 1, scale: 0 }),
    ...options.samples > 0 ? [sampled("SWAG", {})] : [],
  ];
}

/** Measures probabilities, and again after temperature scaling if rows to fit on are given. */
export function classScores(
  probabilities: Float64Array<ArrayBuffer>,
  labels: ArrayLike<number>,
  fitted:
    | { predicted: Float64Array<ArrayBuffer>; labels: ArrayLike<number> }
    | undefined,
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
    fitted.labels,
  );
  const scaled = applyTemperature(
    logProbabilities(probabilities),
    temperature,
    {
      classes,
    },
  );
  return {
    ...scores,
    temperature,
    scaled_nll: negativeLogLikelihood(scaled, labels),
    scaled_ece: expectedCalibrationError(scaled, labels),
  };
}

/** Measures predicted numbers. */
export function regressionScores(
  predicted: Float64Array<ArrayBuffer>,
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

/** The heads of the columns of scores. */
export const HEADS: Readonly<Record<string, string>> = {
  accuracy: "accuracy",
  nll: "NLL",
  ece: "ECE",
  brier: "Brier",
  mcc: "MCC",
  temperature: "at T",
  scaled_nll: "scaled NLL",
  scaled_ece: "scaled ECE",
  rmse: "RMSE",
  mse: "MSE",
  pearson: "Pearson",
  spearman: "Spearman",
};

/**
 * Writes scores as a table with one row for each method.
 *
 * @param results The scores.
 * @param positive The class whose F1 is shown; `undefined` for the macro mean.
 */
export function renderScores(
  results: readonly MethodScores[],
  positive?: string,
): string {
  const names = Object.keys(results[0]?.scores ?? {});
  const f1 = `F1 (${positive?.slice(0, 20) ?? "macro"})`;
  const headOf = (name: string) => name === "f1" ? f1 : HEADS[name] ?? name;
  const cells = [
    ["", ...names.map(headOf)],
    ...results.map(({ method, scores }) => [
      method,
      ...names.map((name) => scores[name]?.toFixed(4) ?? ""),
    ]),
  ];
  return renderCells(cells);
}

/** Writes cells in columns: the first to the left, the others to the right. */
export function renderCells(cells: readonly (readonly string[])[]): string {
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0))
  );
  return cells.map((row) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ") + "\n"
  ).join("");
}
