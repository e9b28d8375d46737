// Copyright 2026 the swagpu authors. MIT license.

/**
 * A classifier: a model with its tokenizer and, if it has one, its posterior. It is
 * loaded from a folder, and scores texts.
 *
 * @module
 */

import { keep, noGrad, readAll, scope, type Tensor } from "../engine/mod.ts";
import {
  AutoConfig,
  AutoModelForSequenceClassification,
  AutoTokenizer,
  type PretrainedConfig,
  type ProblemType,
  resolveFiles,
  type Tokenizer,
} from "../models/mod.ts";
import { batches, softmaxRows } from "../nn/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { placeOf, type RowSource } from "../data/mod.ts";
import type { TextBatches } from "./tokenized_texts.ts";

/** The file that holds a posterior, beside the model's own. */
export const POSTERIOR_NAME = "swag.safetensors";

/** The most tokens of a row, unless an option says otherwise. */
const MAX_LENGTH = 512;

/** A model that gives each text scores. */
export type TextModel = Awaited<
  ReturnType<typeof AutoModelForSequenceClassification.fromPretrained>
>;

/** A model, its tokenizer and its posterior. */
export interface Classifier {
  readonly model: TextModel;
  readonly tokenizer: Tokenizer;
  /** The posterior, if there is one. */
  readonly swag: SwagModel | undefined;
}

/**
 * Loads a classifier from a folder or from the hub.
 *
 * @throws {Deno.errors.NotFound} If a file is missing.
 */
export async function loadClassifier(
  source: string,
  tokenizerFolder?: string,
): Promise<Classifier> {
  const { folder } = await resolveFiles(source);
  const tokenizer = await AutoTokenizer.fromPretrained(
    tokenizerFolder ?? source,
  );
  (await AutoConfig.fromPretrained(source)).checkVocabulary(tokenizer);
  const model = await AutoModelForSequenceClassification.fromPretrained(source);
  const path = `${folder}/${POSTERIOR_NAME}`;
  const swag = await exists(path)
    ? await SwagModel.load(path, model, { sameWeights: true })
    : undefined;
  return { model, tokenizer, swag };
}

/** Whether a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
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

/** The milliseconds between two readings of scores. */
const READ_EVERY = 500;

/** The most batches between two readings. */
const MOST_BATCHES = 64;

/**
 * Computes the model's scores of all texts, `[texts, labels]`. The model is put in
 * evaluation mode.
 *
 * Scores are read about twice a second, so that progress can be shown.
 *
 * @throws {NotFiniteError} If a score is not a finite number.
 */
export async function scoresOf(
  model: TextModel,
  texts: TextBatches,
  { batchSize, rows: count = texts.count, advance }: ScoreOptions,
): Promise<Float32Array<ArrayBuffer>> {
  const lengths = texts.lengths.subarray(0, count);
  const { numLabels: width } = model.config;
  // All rows are in one bucket, so that rows of similar length are scored together.
  const bucketBatches = Math.ceil(count / batchSize) + 1;
  const parts = [...batches(count, batchSize, { lengths, bucketBatches })];
  const scores = new Float32Array(count * width);
  model.eval();
  let size = 1;
  for (let start = 0; start < parts.length;) {
    const began = performance.now();
    const some = parts.slice(start, start + size);
    const values = await scoresOfParts(model, texts, some);
    for (const [i, part] of some.entries()) {
      part.forEach((row, index) => {
        const begin = index * width;
        const own = values[i]?.subarray(begin, begin + width) ?? [];
        if (!own.every(Number.isFinite)) throw new NotFiniteError(row, own);
        scores.set(own, row * width);
      });
    }
    advance?.(some.reduce((sum, part) => sum + part.length, 0));
    start += some.length;
    const each = (performance.now() - began) / some.length;
    const fitting = Math.floor(READ_EVERY / each);
    size = Math.max(1, Math.min(fitting, 2 * size, MOST_BATCHES));
  }
  return scores;
}

/** Computes the scores of some batches, and reads them with one wait. */
async function scoresOfParts(
  model: TextModel,
  texts: TextBatches,
  parts: readonly Uint32Array[],
): Promise<Float32Array[]> {
  using _ = scope();
  const logits: Tensor[] = noGrad(() =>
    parts.map((rows) => {
      using _ = scope();
      const { usesPacking } = model;
      return keep(model.forward(texts.batch(rows, { usesPacking })).logits);
    })
  );
  const values = await readAll(logits);
  return values.map((own) => Float32Array.from(own));
}

/** The scores of a text are not finite numbers. */
export class NotFiniteError extends RangeError {
  /** The number of the text, from 0 on. */
  readonly row: number;
  /** The name of the class. */
  override readonly name = "NotFiniteError";

  /**
   * @param row The number of the text, from 0 on.
   * @param scores The scores of the text.
   * @param place The name of the text in the message.
   */
  constructor(
    row: number,
    scores: ArrayLike<number>,
    place: string = `text ${row + 1}`,
  ) {
    super(
      `Cannot use the scores of ${place}: they are ` +
        `${Array.from(scores).slice(0, 3).join(", ")}${
          scores.length > 3 ? " …" : ""
        }, not finite numbers; the model has diverged, or samples of its ` +
        "posterior are too wide (lower --scale)",
    );
    this.row = row;
    this.#scores = scores;
  }

  readonly #scores: ArrayLike<number>;

  /** Makes the same error with a message that names the file and row of the text. */
  at(source: RowSource, first = 0): NotFiniteError {
    const row = first + this.row;
    return new NotFiniteError(row, this.#scores, placeOf(source, row));
  }
}

/** Does some work; if scores are not finite, the error names the file and row. */
export async function namingRows<T>(
  source: RowSource,
  work: () => Promise<T>,
  first = 0,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof NotFiniteError ? error.at(source, first) : error;
  }
}

/** Which samples of a posterior to score with. */
export interface PosteriorOptions extends ScoreOptions {
  /** How many samples to draw. */
  samples: number;
  /** The factor on the covariance. */
  scale: number;
  /** The seed of the samples. */
  seed: number;
}

/** Computes the scores with each sample of the weights, and restores the weights. */
export async function posteriorScores(
  model: TextModel,
  swag: SwagModel,
  texts: TextBatches,
  { samples, scale, seed, ...options }: PosteriorOptions,
): Promise<Float32Array<ArrayBuffer>[]> {
  const all: Float32Array<ArrayBuffer>[] = [];
  for (let index = 0; index < samples; index++) {
    all.push(
      await swag.withSample(
        { scale, seed, index },
        () => scoresOf(model, texts, options),
      ),
    );
  }
  return all;
}

/**
 * Computes the scores with each sample of the posterior. Without a posterior, or with 0
 * samples, there is one list: the scores with the weights alone.
 */
export async function memberScores(
  { model, swag }: Classifier,
  texts: TextBatches,
  options: PosteriorOptions,
): Promise<Float32Array<ArrayBuffer>[]> {
  return swag && options.samples > 0
    ? await posteriorScores(model, swag, texts, options)
    : [await scoresOf(model, texts, options)];
}

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
