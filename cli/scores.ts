// Copyright 2026 the swagpu authors. MIT license.

/**
 * How good predictions are: the numbers that `evaluate` prints.
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
  type PosteriorOptions,
  posteriorScores,
  scoresOf,
} from "./classifier.ts";
import type { Texts } from "./texts.ts";

/** Texts with what is true of them. */
export interface Examples {
  /** The texts. */
  texts: Texts;
  /** Classes, or the numbers of a regression. */
  labels: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
}

/** A method and its numbers, by name. */
export interface MethodScores {
  /** The weights that predicted. */
  method: string;
  /** The numbers. */
  scores: Record<string, number>;
}

/** How to evaluate. */
export interface EvaluateOptions extends PosteriorOptions {
  /** Examples to fit a temperature on. */
  fit?: Examples | undefined;
}

/** A method's predictions: probabilities, or numbers. */
interface Method {
  method: string;
  predict(texts: Texts): Promise<Float64Array<ArrayBuffer>>;
}

/** Evaluates the weights as they are and, with a posterior, SWA and SWAG. */
export async function evaluateAll(
  classifier: Classifier,
  examples: Examples,
  options: EvaluateOptions,
): Promise<MethodScores[]> {
  const { fit } = options;
  const results: MethodScores[] = [];
  for (const { method, predict } of methodsOf(classifier, options)) {
    const predicted = await predict(examples.texts);
    const fitted = fit && { predicted: await predict(fit.texts), ...fit };
    const scores = isRegression(classifier.model.config)
      ? regressionScores(predicted, examples.labels)
      : classScores(predicted, examples.labels, fitted);
    results.push({ method, scores });
  }
  return results;
}

function methodsOf(
  { model, swag }: Classifier,
  options: PosteriorOptions,
): Method[] {
  const classes = model.config.numLabels;
  const raw = isRegression(model.config);
  const finish = (scores: Float32Array<ArrayBuffer>) =>
    raw ? Float64Array.from(scores) : softmaxRows(scores, { classes });
  const methods: Method[] = [{
    method: "last iterate",
    predict: async (texts) => finish(await scoresOf(model, texts, options)),
  }];
  if (!swag) return methods;
  const sampled = (method: string, some: Partial<PosteriorOptions>) => ({
    method,
    predict: async (texts: Texts) =>
      meanOf(
        (await posteriorScores(model, swag, texts, { ...options, ...some }))
          .map(finish),
      ),
  });
  return [
    ...methods,
    sampled("SWA", { samples: 1, scale: 0 }),
    ...options.samples > 0 ? [sampled("SWAG", {})] : [],
  ];
}

function classScores(
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

function regressionScores(
  predicted: Float64Array<ArrayBuffer>,
  targets: ArrayLike<number>,
): Record<string, number> {
  return {
    mse: meanSquaredError(predicted, targets),
    pearson: pearsonCorrelation(predicted, targets),
    spearman: spearmanCorrelation(predicted, targets),
  };
}

const HEADS: Readonly<Record<string, string>> = {
  accuracy: "accuracy",
  nll: "NLL",
  ece: "ECE",
  brier: "Brier",
  f1: "F1",
  mcc: "MCC",
  temperature: "at T",
  scaled_nll: "scaled NLL",
  scaled_ece: "scaled ECE",
  mse: "MSE",
  pearson: "Pearson",
  spearman: "Spearman",
};

/** The numbers as a table, a method a row. */
export function renderScores(results: readonly MethodScores[]): string {
  const names = Object.keys(results[0]?.scores ?? {});
  const cells = [
    ["", ...names.map((name) => HEADS[name] ?? name)],
    ...results.map(({ method, scores }) => [
      method,
      ...names.map((name) => scores[name]?.toFixed(4) ?? ""),
    ]),
  ];
  const widths = [...names.keys(), names.length].map((column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0))
  );
  return cells.map((row) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ") + "\n"
  ).join("");
}
