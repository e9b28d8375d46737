// Copyright 2026 the swagpu authors. MIT license.

/**
 * A classifier: a model that scores texts, with its tokenizer and, if it has one, its
 * posterior.
 *
 * @module
 */

import { disk, NotFound } from "../host/mod.ts";
import type {
  AutoModelForSequenceClassification,
  PretrainedConfig,
  ProblemType,
  Tokenizer,
} from "../models/mod.ts";
import { softmaxRows } from "../nn/mod.ts";
import { checkFinite } from "./not_finite.ts";
import { runPaced } from "./paced_batches.ts";
import type { SampleOptions } from "./posterior.ts";
import type { LoadedModel } from "./tasks/task.ts";
import type { TextBatches } from "./tokenized_texts.ts";

/** The file that holds a posterior, beside the model's own. */
export const POSTERIOR_NAME = "swag.safetensors";

/** The most tokens of a row, unless an option says otherwise. */
const MAX_LENGTH = 512;

/** A model that gives each text scores. */
export type TextModel = Awaited<
  ReturnType<typeof AutoModelForSequenceClassification.fromPretrained>
>;

/** A model that gives each text scores, its tokenizer and its posterior. */
export type Classifier = LoadedModel<TextModel>;

/** Whether a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await disk(path).stat(path);
    return true;
  } catch (error) {
    if (error instanceof NotFound) return false;
    throw error;
  }
}

/** Whether the model predicts numbers, not classes. */
export function isRegression(config: PretrainedConfig): boolean {
  const { problemType, numLabels } = config;
  return problemType === "regression" ||
    (problemType === null && numLabels === 1);
}

/** Whether the model gives a text any number of classes. */
export function isMultiLabel({ problemType }: PretrainedConfig): boolean {
  return problemType === "multi_label_classification";
}

/** The kind of labels that the model's problem has; collators take it. */
export function problemTypeOf(config: PretrainedConfig): ProblemType {
  return config.problemType ??
    (isRegression(config) ? "regression" : "single_label_classification");
}

/**
 * The most tokens that a row may have.
 *
 * @param asked The value of the option, if it was given.
 * @throws {RangeError} If the model supports fewer positions.
 */
export function maxLengthOf(
  config: PretrainedConfig,
  tokenizer: Tokenizer,
  asked: number | undefined,
): number {
  const most = config.maxTokens;
  if (asked !== undefined && asked > most) {
    throw new RangeError(
      `Cannot use --max-length ${asked}: the model supports ${most} positions`,
    );
  }
  return asked ?? Math.min(most, tokenizer.modelMaxLength, MAX_LENGTH);
}

/** Options of {@linkcode scoresOf}. */
export interface ScoreOptions {
  /** How many texts are scored at a time. */
  batchSize: number;
  /** How many texts to score, from the first on. @default {all} */
  rows?: number | undefined;
  /** Called from time to time with how many more texts have been scored. */
  advance?: ((more: number) => void) | undefined;
}

/**
 * Computes the model's scores of all texts, `[texts, labels]`. The model is put in
 * evaluation mode.
 *
 * @throws {NotFiniteError} If a score is not a finite number.
 */
export async function scoresOf(
  model: TextModel,
  texts: TextBatches,
  { batchSize, rows: count = texts.count, advance }: ScoreOptions,
): Promise<Float32Array<ArrayBuffer>> {
  const { usesPacking, config: { numLabels: width } } = model;
  const scores = new Float32Array(count * width);
  model.eval();
  await runPaced(texts.lengths.subarray(0, count), {
    batchSize,
    advance,
    compute: (
      rows,
    ) => [model.forward(texts.batch(rows, { usesPacking })).logits],
    take(rows, [values = NO_VALUES]) {
      rows.forEach((row, index) => {
        const own = values.subarray(index * width, (index + 1) * width);
        checkFinite(own, row);
        scores.set(own, row * width);
      });
    },
  });
  return scores;
}

const NO_VALUES = new Float32Array();

/** How to score texts with the samples of a posterior. */
export type PosteriorOptions = ScoreOptions & SampleOptions;

/** The predictions of samples, one row after the other: `[rows, samples, classes]`. */
export function interleaved(
  members: readonly Float64Array<ArrayBuffer>[],
  classes: number,
): Float64Array<ArrayBuffer> {
  const rows = (members[0]?.length ?? 0) / classes;
  const all = new Float64Array(rows * members.length * classes);
  members.forEach((own, s) => {
    for (let row = 0; row < rows; row++) {
      const part = own.subarray(row * classes, (row + 1) * classes);
      all.set(part, (row * members.length + s) * classes);
    }
  });
  return all;
}

/** 1 / (1 + e⁻ˣ) of each score, the probabilities of independent classes. */
export function sigmoids(scores: ArrayLike<number>): Float64Array<ArrayBuffer> {
  return Float64Array.from(scores, (x) => 1 / (1 + Math.exp(-x)));
}

/**
 * What a model predicts for texts, `[texts, labels]`: the mean over samples of the
 * weights of probabilities, which are independent for several labels, or of numbers.
 */
export function meanPredictions(
  config: PretrainedConfig,
  scores: readonly Float32Array<ArrayBuffer>[],
): Float64Array<ArrayBuffer> {
  if (isRegression(config)) return meanOf(scores);
  if (isMultiLabel(config)) return meanOf(scores.map(sigmoids));
  const classes = config.numLabels;
  return meanOf(scores.map((own) => softmaxRows(own, { classes })));
}

/** The element-wise mean of lists of the same length. */
export function meanOf(
  lists: readonly ArrayLike<number>[],
): Float64Array<ArrayBuffer> {
  const mean = new Float64Array(lists[0]?.length ?? 0);
  for (const list of lists) {
    for (let i = 0; i < mean.length; i++) {
      mean[i] = (mean[i] ?? 0) + (list[i] ?? 0) / lists.length;
    }
  }
  return mean;
}

/**
 * The element-wise standard deviation of lists of the same length around their mean:
 * √(Σ (x − mean)² / n).
 */
export function standardDeviations(
  lists: readonly ArrayLike<number>[],
  mean: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const squares = lists.map((list) =>
    Float64Array.from(list, (x, i) => (x - (mean[i] ?? 0)) ** 2)
  );
  return meanOf(squares).map(Math.sqrt);
}
