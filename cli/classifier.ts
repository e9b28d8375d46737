// Copyright 2026 the swagpu authors. MIT license.

/**
 * A model with its tokenizer and, where there is one, its posterior.
 *
 * @module
 */

import { keep, noGrad, readAll, scope, type Tensor } from "../engine/mod.ts";
import {
  AutoConfig,
  AutoModelForSequenceClassification,
  AutoTokenizer,
  type PretrainedConfig,
  resolveFiles,
  type Tokenizer,
} from "../models/mod.ts";
import { batches, softmaxRows } from "../nn/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { placeOf, type RowSource } from "./rows.ts";
import type { Texts } from "./texts.ts";

/** The file that holds a posterior, beside the model's own. */
export const POSTERIOR_NAME = "swag.safetensors";

/** The longest rows, unless an option says otherwise. */
const MAX_LENGTH = 512;

/** A model of texts to scores. */
export type TextModel = Awaited<
  ReturnType<typeof AutoModelForSequenceClassification.fromPretrained>
>;

/** What a folder holds. */
export interface Classifier {
  readonly model: TextModel;
  readonly tokenizer: Tokenizer;
  /** The posterior, if there is one. */
  readonly swag: SwagModel | undefined;
}

/**
 * Reads a folder, or a model of the hub.
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

/** Whether there is a file or folder. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether the model predicts a number, not a class. */
export function isRegression(config: PretrainedConfig): boolean {
  const { problemType, numLabels } = config;
  return problemType === "regression" ||
    (problemType === null && numLabels === 1);
}

/**
 * Reads the configuration of a model that the commands can use.
 *
 * @param source A folder, or a model of the hub.
 * @throws {TypeError} If it predicts several labels or numbers for a text: one
 * class or one number of those would look like an answer.
 */
export async function usableConfig(source: string): Promise<PretrainedConfig> {
  const config = await AutoConfig.fromPretrained(source);
  const { problemType, numLabels } = config;
  const several = problemType === "multi_label_classification"
    ? "several labels"
    : isRegression(config) && numLabels !== 1
    ? `${numLabels} numbers`
    : undefined;
  if (several === undefined) return config;
  throw new TypeError(
    `Cannot use ${source}: it predicts ${several} for each text, and this ` +
      "command one class or one number; the library's " +
      'pipeline("text-classification") and SwagModel.predict() do that',
  );
}

/**
 * How many tokens a row may have.
 *
 * @param wanted What an option says.
 * @throws {RangeError} If the model knows fewer places.
 */
export function maxLengthOf(
  config: PretrainedConfig,
  tokenizer: Tokenizer,
  wanted: number | undefined,
): number {
  const known = config.maxTokens;
  if (wanted !== undefined && wanted > known) {
    throw new RangeError(
      `Cannot use --max-length ${wanted}: the model knows ${known} places`,
    );
  }
  return wanted ?? Math.min(known, tokenizer.modelMaxLength, MAX_LENGTH);
}

/** How texts are scored. */
export interface ScoreOptions {
  /** Texts at a time. */
  batchSize: number;
  /** How many texts, from the first on. @default {all} */
  rows?: number | undefined;
  /** Called now and then with how many more texts are scored. */
  advance?: ((more: number) => void) | undefined;
}

/** The time between two readings of scores, in milliseconds. */
const READ_EVERY = 500;

/** The most batches between two readings. */
const MOST_BATCHES = 64;

/**
 * The model's scores of all texts, [texts, labels]; it is in `eval()`.
 *
 * Scores are read about twice a second, so that progress can be told.
 *
 * @throws {NotFiniteError} If a score is not a finite number.
 */
export async function scoresOf(
  model: TextModel,
  texts: Texts,
  { batchSize, rows: count = texts.count, advance }: ScoreOptions,
): Promise<Float32Array<ArrayBuffer>> {
  const lengths = texts.lengths.subarray(0, count);
  const { numLabels: width } = model.config;
  // One bucket: rows of like length are scored together.
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
      part.forEach((row, at) => {
        const own = values[i]?.subarray(at * width, (at + 1) * width) ?? [];
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

/** The scores of some batches, read with one wait. */
async function scoresOfParts(
  model: TextModel,
  texts: Texts,
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

/** Scores that are not finite numbers, so that they say nothing. */
export class NotFiniteError extends RangeError {
  /** The text, counted from 0. */
  readonly row: number;
  /** The name of the class. */
  override readonly name = "NotFiniteError";

  /**
   * @param row The text, counted from 0.
   * @param scores Its scores.
   * @param place How messages name the text.
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

  /** The same error with the text named by its file. */
  at(source: RowSource, first = 0): NotFiniteError {
    const row = first + this.row;
    return new NotFiniteError(row, this.#scores, placeOf(source, row));
  }
}

/** Names the file in the error of scores that are not finite. */
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
  /** How many. */
  samples: number;
  /** Times the covariance. */
  scale: number;
  /** Decides the draws. */
  seed: number;
}

/** The scores of each sample of the weights; the model's own are put back. */
export async function posteriorScores(
  model: TextModel,
  swag: SwagModel,
  texts: Texts,
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

/** Probabilities of every sample, row by row: [texts, samples, classes]. */
export function memberProbabilities(
  scores: readonly Float32Array<ArrayBuffer>[],
  classes: number,
): Float64Array<ArrayBuffer> {
  const samples = scores.length;
  const rows = (scores[0]?.length ?? 0) / classes;
  const members = new Float64Array(rows * samples * classes);
  scores.forEach((sample, s) => {
    const probabilities = softmaxRows(sample, { classes });
    for (let row = 0; row < rows; row++) {
      const own = probabilities.subarray(row * classes, (row + 1) * classes);
      members.set(own, (row * samples + s) * classes);
    }
  });
  return members;
}

/** The mean of equally long lists, place by place. */
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
 * The standard deviations of equally long lists around their mean, place by
 * place: √(Σ (x − mean)² / n).
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
