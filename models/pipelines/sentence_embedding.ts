// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that makes one vector of each sentence.
 *
 * @module
 */

import { slice, type Tensor, tensor } from "../../engine/mod.ts";
import { checkOptions } from "../../nn/mod.ts";
import {
  modesOf,
  normalized,
  type PoolingMode,
  poolTokens,
} from "../pooling/mod.ts";
import type { Tasks } from "../registry.ts";
import { logitsOf } from "./averages.ts";
import {
  makePipeline,
  type Pipeline,
  type PipelineSetup,
  type TruncatedOptions,
} from "./base.ts";
import { encodeAll, longestRow, scored, textsOf } from "./batches.ts";
import { checkCount, checked } from "./scores.ts";
import { MEAN, type SentenceModules } from "./sentence_modules.ts";

/** Options of the pipelines that embed sentences. */
export interface EmbeddingOptions extends TruncatedOptions {
  /**
   * How the states of tokens become one vector; several modes are joined.
   *
   * @default {what the folder's modules say, else "mean"}
   */
  pooling?: PoolingMode | readonly PoolingMode[] | undefined;
  /**
   * A text that is put before every sentence.
   *
   * @default {the prompt that `promptName` names}
   */
  prompt?: string | undefined;
  /**
   * The name of a prompt of the model's `config_sentence_transformers.json`.
   *
   * @default {what that file says, else none}
   */
  promptName?: string | undefined;
  /**
   * How many numbers of an embedding are kept, for models that put the most
   * important ones first.
   *
   * @default {all}
   */
  truncateDim?: number | undefined;
  /**
   * Whether the end of a text that is too long is dropped. Unlike in other
   * pipelines it is, as in sentence-transformers; `false` makes such a text an
   * error.
   *
   * @default {true}
   */
  truncation?: TruncatedOptions["truncation"];
  /**
   * The most tokens a text may have.
   *
   * @default {what the folder's modules say, at most what the model supports}
   */
  maxLength?: number | undefined;
}

/** Options of {@linkcode SentenceEmbeddingPipeline}. */
export interface SentenceEmbeddingOptions extends EmbeddingOptions {
  /**
   * Whether embeddings have the Euclidean length 1. `false` leaves the folder's
   * own normalization out.
   *
   * @default {what the folder's modules say, else false}
   */
  normalize?: boolean | undefined;
  /**
   * Whether to return the mean over the posterior's samples with its standard
   * deviation. It needs a posterior.
   *
   * @default {false}
   */
  returnStd?: boolean | undefined;
}

/** The names of {@linkcode EmbeddingOptions}. */
export const EMBEDDING_OPTIONS = [
  "pooling",
  "prompt",
  "promptName",
  "truncateDim",
  "truncation",
  "maxLength",
  "batchSize",
] satisfies (keyof EmbeddingOptions)[];

const OPTIONS = [
  ...EMBEDDING_OPTIONS,
  "normalize",
  "returnStd",
] satisfies (keyof SentenceEmbeddingOptions)[];

/** The embedding of a sentence over the samples of a posterior. */
export interface UncertainEmbedding {
  /**
   * The mean of the samples' embeddings. If these have the length 1, the mean is
   * the shorter the more they disagree.
   */
  mean: Float32Array<ArrayBuffer>;
  /** The standard deviation of each number over the samples. */
  std: Float32Array<ArrayBuffer>;
}

/**
 * Makes one vector of each sentence, so that sentences of like meaning have like
 * vectors, if the model was trained for it.
 *
 * A folder or repository of sentence-transformers says how: `modules.json` with
 * its `Pooling`, `Dense` and `Normalize`, the longest text, and prompts. Without
 * these files, or from a model that was passed, an embedding is the mean of the
 * tokens' last states. Options of a call replace what the files say.
 *
 * With a posterior, an embedding is the mean over its samples.
 */
export interface SentenceEmbeddingPipeline extends Pipeline<Tasks["base"]> {
  /** Embeds a sentence. */
  (
    sentence: string,
    options?: SentenceEmbeddingOptions & { returnStd?: false | undefined },
  ): Promise<Float32Array<ArrayBuffer>>;
  /** Embeds each sentence. */
  (
    sentences: readonly string[],
    options?: SentenceEmbeddingOptions & { returnStd?: false | undefined },
  ): Promise<Float32Array<ArrayBuffer>[]>;
  /** Embeds a sentence, with the deviation over the posterior's samples. */
  (
    sentence: string,
    options: SentenceEmbeddingOptions & { returnStd: true },
  ): Promise<UncertainEmbedding>;
  /** Embeds each sentence, with the deviation over the posterior's samples. */
  (
    sentences: readonly string[],
    options: SentenceEmbeddingOptions & { returnStd: true },
  ): Promise<UncertainEmbedding[]>;
}

/** Makes the pipeline from a model without a head. */
export function sentenceEmbedding(
  setup: PipelineSetup<Tasks["base"]>,
): SentenceEmbeddingPipeline {
  async function embed(
    input: string | readonly string[],
    options: SentenceEmbeddingOptions = {},
  ): Promise<unknown> {
    checkOptions(options, { action: "embed", known: OPTIONS });
    const { returnStd = false, ...rest } = options;
    checkReturnStd(setup, returnStd);
    const texts = textsOf(setup.task, input);
    const { rows, width } = await embedSentences(setup, texts, rest);
    const results = rows.map((samples) => {
      const own = spread(samples, width);
      const mean = Float32Array.from(own.mean);
      return returnStd ? { mean, std: Float32Array.from(own.std) } : mean;
    });
    return typeof input === "string" ? results[0] : results;
  }

  return makePipeline(setup, embed as SentenceEmbeddingPipeline);
}

/** @throws {TypeError} If deviations are asked for without a posterior. */
export function checkReturnStd(
  { sampled }: Pick<PipelineSetup<Tasks["base"]>, "sampled">,
  returnStd: boolean,
): void {
  if (!returnStd || sampled) return;
  throw new TypeError(
    "Cannot return standard deviations: the pipeline has no posterior",
  );
}

/** Embeddings of sentences. */
export interface Embeddings {
  /** For each sentence the embeddings by all samples, one after the other. */
  readonly rows: readonly Float32Array[];
  /** How many numbers an embedding has. */
  readonly width: number;
}

/**
 * Embeds sentences by the model, or by each sample of its weights.
 *
 * @throws {RangeError} If an embedding holds NaN, a text is too long and may not
 * be truncated, or an option is out of range.
 */
export async function embedSentences(
  setup: PipelineSetup<Tasks["base"]>,
  texts: readonly string[],
  options: Omit<SentenceEmbeddingOptions, "returnStd">,
): Promise<Embeddings> {
  const { model, tokenizer, sampled, modules = MEAN } = setup;
  const { pooling = modules.modes, normalize, truncateDim } = options;
  const { batchSize = setup.batchSize, truncation = true } = options;
  const mode = modesOf(pooling);
  if (truncateDim !== undefined) checkCount("truncateDim", truncateDim);
  const prompt = promptOf(modules, options);
  const clean = (text: string) => {
    const trimmed = (prompt + text).trim();
    return modules.lowerCase ? trimmed.toLowerCase() : trimmed;
  };
  const limit = options.maxLength ??
    Math.min(modules.maxLength ?? Infinity, longestRow(model, tokenizer));
  const all = encodeAll(setup, texts.map(clean), {
    truncation,
    ...(truncation !== false && limit !== Infinity && { maxLength: limit }),
  });
  const left = prompt === "" || modules.includePrompt
    ? 0
    : promptLength(setup, clean(""));

  const rows: Float32Array[] = [];
  let width = 0;
  const batches = scored(
    { ...setup, batchSize },
    all,
    (tokens, batch) => {
      const attentionMask = maskOf(
        batch.rows.map((row) => all[row]?.inputIds.length ?? 0),
        { length: batch.length, left },
      );
      const embedding = logitsOf(() => {
        const { lastHiddenState } = model.forward(tokens);
        let x: Tensor = poolTokens(lastHiddenState, { attentionMask, mode });
        for (const { kind, apply } of modules.steps) {
          if (kind !== "normalize" || normalize !== false) x = apply(x);
        }
        if (truncateDim !== undefined) {
          checkWidth(truncateDim, x);
          x = slice(x, { axis: 1, start: 0, end: truncateDim });
        }
        return { logits: normalize ? normalized(x) : x };
      }, sampled);
      width = embedding.shape.at(-1) ?? 0;
      return [embedding];
    },
  );
  for await (const { rows: own, outputs: [values] } of batches) {
    const size = (values?.length ?? 0) / own.length;
    for (const [i, row] of own.entries()) {
      const part = values?.slice(i * size, (i + 1) * size);
      rows[row] = checked(part ?? new Float32Array());
    }
  }
  return { rows, width };
}

/** @throws {RangeError} If more numbers are to be kept than there are. */
function checkWidth(truncateDim: number, x: Tensor): void {
  const width = x.shape.at(-1) ?? 0;
  if (truncateDim <= width) return;
  throw new RangeError(
    `Cannot use truncateDim ${truncateDim}: embeddings have ${width} numbers`,
  );
}

/**
 * The text that is put before sentences.
 *
 * @throws {TypeError} If both a prompt and its name are given.
 * @throws {RangeError} If there is no prompt of the name.
 */
function promptOf(
  { prompts, defaultPromptName }: Pick<
    SentenceModules,
    "prompts" | "defaultPromptName"
  >,
  { prompt, promptName }: EmbeddingOptions,
): string {
  if (prompt !== undefined && promptName !== undefined) {
    throw new TypeError(
      "Cannot use prompt and promptName: give one of them",
    );
  }
  if (typeof prompt === "string") return prompt;
  if (prompt !== undefined) {
    throw new TypeError(
      `Cannot use the prompt ${JSON.stringify(prompt)}: expected a text`,
    );
  }
  const name = promptName ?? defaultPromptName;
  if (name === null) return "";
  const found = Object.hasOwn(prompts, name) ? prompts[name] : undefined;
  if (found !== undefined) return found;
  const known = Object.keys(prompts).map((name) => `"${name}"`).join(", ");
  throw new RangeError(
    `Cannot use promptName "${name}": the model has ${
      known === "" ? "no prompts" : `the prompts ${known}`
    }`,
  );
}

/** How many tokens a prompt has, with those before it but not those behind. */
function promptLength(
  { tokenizer }: PipelineSetup<Tasks["base"]>,
  prompt: string,
): number {
  const { sequenceIds } = tokenizer.encode(prompt);
  return sequenceIds.length - (sequenceIds.at(-1) === null ? 1 : 0);
}

/** 1 for the tokens of each row except for the first `left`, else 0. */
function maskOf(
  lengths: readonly number[],
  { length, left }: { length: number; left: number },
): Tensor<"i32"> {
  const mask = new Int32Array(lengths.length * length);
  for (const [i, own] of lengths.entries()) {
    mask.fill(1, i * length + Math.min(left, own), i * length + own);
  }
  return tensor(mask, { shape: [lengths.length, length] });
}

/** Mean and standard deviation over rows of `width` numbers. */
export function spread(
  rows: ArrayLike<number>,
  width: number,
): { mean: Float64Array; std: Float64Array } {
  const count = rows.length / width;
  const mean = new Float64Array(width);
  const squares = new Float64Array(width);
  for (let i = 0; i < rows.length; i++) {
    mean[i % width] = (mean[i % width] ?? 0) + (rows[i] ?? NaN) / count;
  }
  for (let i = 0; i < rows.length; i++) {
    const difference = (rows[i] ?? NaN) - (mean[i % width] ?? NaN);
    squares[i % width] = (squares[i % width] ?? 0) + difference ** 2 / count;
  }
  return { mean, std: squares.map(Math.sqrt) };
}
