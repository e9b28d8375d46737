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
  /** Where progress is shown. */
  progress: Progress;
}

/** A method of prediction. */
interface Method {
  method: string;
  /** Predicts probabilities, or the numbers of a regression. */
  predict(texts: TokenizedTexts): Promise<Float64Array<ArrayBuffer>>;
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
    predict: async (texts: TokenizedTexts) =>
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
