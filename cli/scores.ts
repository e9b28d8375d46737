// Copyright 2026 the swagpu authors. MIT license.

/**
 * Measures how good predictions are: the numbers that `evaluate` prints.
 *
 * @module
 */

import {
  type Classifier,
  meanPredictions,
  type PosteriorOptions,
  scoresOf,
} from "./classifier.ts";
import { namingRows } from "./not_finite.ts";
import { methodsOf, passesOf } from "./posterior.ts";
import type { Progress } from "./progress.ts";
import type { ScoreColumns } from "./tasks/task.ts";
import type { MeasuredTexts } from "./tasks/text_rows.ts";
import { textScores } from "./tasks/text_scores.ts";

/** The scores of a method of prediction. */
export interface MethodScores {
  /** The method, such as "SWAG". */
  method: string;
  /** The scores by name. */
  scores: Record<string, number>;
}

/** Options of {@linkcode evaluateAll}. */
export interface EvaluateOptions extends PosteriorOptions {
  /** Texts to fit a temperature on. */
  fit?: MeasuredTexts | undefined;
  /** The least probability of a class that is predicted, of several. @default {0.5} */
  threshold?: number | undefined;
  /** Receives the scores of each method: a list for each sample of the weights. */
  onScores?:
    | ((method: string, scores: Float32Array<ArrayBuffer>[]) => void)
    | undefined;
  /** Where progress is shown. */
  progress: Progress;
}

/** Evaluates the model's own weights and, with a posterior, SWA and SWAG. */
export async function evaluateAll(
  classifier: Classifier,
  examples: MeasuredTexts,
  { progress, threshold, ...options }: EvaluateOptions,
): Promise<MethodScores[]> {
  const { fit } = options;
  const { model } = classifier;
  const { config } = model;
  const texts = examples.texts.count + (fit?.texts.count ?? 0);
  const methods = methodsOf(classifier, options);
  const passes = passesOf(methods);
  using stage = progress.stage(
    "evaluating",
    texts * passes,
    passes > 1 ? "passes" : "texts",
  );
  const advance = (more: number) => stage.advance(more);
  const results: MethodScores[] = [];
  for (const { method, over } of methods) {
    const membersOf = ({ source, texts }: MeasuredTexts) =>
      namingRows(
        source,
        () => over(() => scoresOf(model, texts, { ...options, advance })),
      );
    const members = await membersOf(examples);
    options.onScores?.(method, members);
    const { labels } = examples;
    const predicted = meanPredictions(config, members);
    const fitted = fit && {
      predicted: meanPredictions(config, await membersOf(fit)),
      labels: fit.labels,
    };
    const scores = textScores({ predicted, labels }, {
      config,
      threshold,
      fitted,
    });
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

/** The usual heads of the columns of scores. */
export const HEADS: Readonly<Record<string, string>> = {
  accuracy: "accuracy",
  f1: "F1",
  nll: "NLL",
  ece: "ECE",
  brier: "Brier",
  mcc: "MCC",
  f1_micro: "F1 (micro)",
  f1_macro: "F1 (macro)",
  subset_accuracy: "subset acc.",
  cross_entropy: "cross-entropy",
  kl: "KL",
  entropy_pearson: "entropy r",
  temperature: "at T",
  scaled_nll: "scaled NLL",
  scaled_ece: "scaled ECE",
  rmse: "RMSE",
  mse: "MSE",
  pearson: "Pearson",
  spearman: "Spearman",
};

/** The decimals of a score, unless its column has others. */
const DECIMALS = 4;

/**
 * Writes scores as a table with one row for each method. Where each of several numbers
 * has scores of its own, such as `rmse/valence`, another table follows, with one row
 * for each method and number.
 *
 * @param results The scores.
 * @param columns How scores are shown that have other columns than usual.
 */
export function renderScores(
  results: readonly MethodScores[],
  columns: ScoreColumns = {},
): string {
  const names = Object.keys(results[0]?.scores ?? {});
  const parts = names.filter((name) => name.includes("/"))
    .map((name) => name.slice(name.indexOf("/") + 1));
  const headOf = (name: string) => columns[name]?.head ?? HEADS[name] ?? name;
  const own = names.filter((name) => !name.includes("/"));
  const rowOf = (
    method: string,
    scores: MethodScores["scores"],
    names: readonly string[],
  ) => [
    method,
    ...names.map((name) =>
      scores[name]?.toFixed(columns[name]?.decimals ?? DECIMALS) ?? ""
    ),
  ];
  const whole = renderCells([
    ["", ...own.map(headOf)],
    ...results.map(({ method, scores }) => rowOf(method, scores, own)),
  ]);
  if (parts.length === 0) return whole;
  const [first = ""] = parts;
  const each = names.filter((name) => name.endsWith(`/${first}`))
    .map((name) => name.slice(0, name.indexOf("/")));
  return `${whole}\n` + renderCells([
    ["", ...each.map(headOf)],
    ...results.flatMap(({ method, scores }) =>
      [...new Set(parts)].map((part) =>
        rowOf(
          `${method}, ${part}`,
          scores,
          each.map((name) => `${name}/${part}`),
        )
      )
    ),
  ]);
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
