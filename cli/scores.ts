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
  namingRows,
  type PosteriorOptions,
  posteriorScores,
  scoresOf,
} from "./classifier.ts";
import { namesOf } from "./labels.ts";
import type { Progress } from "./progress.ts";
import type { RowSource } from "./rows.ts";
import type { Texts } from "./texts.ts";

/** Texts with what is true of them. */
export interface Examples {
  /** The texts. */
  texts: Texts;
  /** Classes, or the numbers of a regression. */
  labels: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  /** Where they come from. */
  source: RowSource;
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
  /** Where progress is told. */
  progress: Progress;
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
  { progress, ...options }: EvaluateOptions,
): Promise<MethodScores[]> {
  const { fit } = options;
  const { swag } = classifier;
  const texts = examples.texts.count + (fit?.texts.count ?? 0);
  // The weights as they are, their mean, and the samples.
  const passes = swag ? 2 + options.samples : 1;
  using stage = progress.stage(
    "evaluating",
    texts * passes,
    swag ? "passes" : "texts",
  );
  const advance = (more: number) => stage.advance(more);
  const results: MethodScores[] = [];
  const methods = methodsOf(classifier, { ...options, advance });
  for (const { method, predict } of methods) {
    const predictOf = ({ source, texts }: Examples) =>
      namingRows(source, () => predict(texts));
    const predicted = await predictOf(examples);
    const fitted = fit && { predicted: await predictOf(fit), ...fit };
    const scores = isRegression(classifier.model.config)
      ? regressionScores(predicted, examples.labels)
      : classScores(predicted, examples.labels, fitted);
    results.push({ method, scores });
  }
  return results;
}

/** What one ought to know about the numbers. */
export function remarksOn(results: readonly MethodScores[]): string[] {
  return results
    .filter(({ scores: { nll, scaled_nll } }) =>
      nll !== undefined && scaled_nll !== undefined && scaled_nll > nll
    )
    .map(({ method, scores: { temperature } }) =>
      `The temperature of ${method} (${temperature?.toFixed(2)}) makes its ` +
      "own file better and this one worse: fit it on texts that are like " +
      "these, and that the model did not learn from"
    );
}

/** Of which class the F1 is: the second of two, or the mean of all. */
export function f1Class({ model: { config } }: Classifier): string | undefined {
  const names = namesOf(config);
  return isRegression(config) || names.length !== 2 ? undefined : names[1];
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
  const mse = meanSquaredError(predicted, targets);
  return {
    rmse: Math.sqrt(mse),
    mse,
    pearson: pearsonCorrelation(predicted, targets),
    spearman: spearmanCorrelation(predicted, targets),
  };
}

const HEADS: Readonly<Record<string, string>> = {
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
 * The numbers as a table, a method a row.
 *
 * @param results What was measured.
 * @param positive The class that the F1 is of; none for the mean of all.
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
