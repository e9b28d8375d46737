// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that compares a sentence with others.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import type { Tasks } from "../registry.ts";
import { makePipeline, type Pipeline, type PipelineSetup } from "./base.ts";
import { textsOf } from "./batches.ts";
import {
  checkReturnStd,
  EMBEDDING_OPTIONS,
  type EmbeddingOptions,
  embedSentences,
  spread,
} from "./sentence_embedding.ts";

/** A sentence, and those that it is compared with. */
export interface SimilarityInput {
  /** The sentence. */
  sourceSentence: string;
  /** The sentences that it is compared with. */
  sentences: readonly string[];
}

/** Options of {@linkcode SentenceSimilarityPipeline}. */
export interface SentenceSimilarityOptions extends EmbeddingOptions {
  /**
   * Whether to return the means over the posterior's samples with their standard
   * deviations. It needs a posterior.
   *
   * @default {false}
   */
  returnStd?: boolean | undefined;
}

const OPTIONS = [
  ...EMBEDDING_OPTIONS,
  "returnStd",
] satisfies (keyof SentenceSimilarityOptions)[];

/** The similarities to each sentence over the samples of a posterior. */
export interface UncertainSimilarity {
  /** The mean for each sentence. */
  mean: number[];
  /** The standard deviation for each sentence. */
  std: number[];
}

/**
 * Compares a sentence with others: it returns the cosine of the angle between
 * their embeddings, for each of the others, from -1 to 1. Arguments and result
 * are those of the task `sentence-similarity` of the hub. How sentences are
 * embedded is described at {@linkcode SentenceEmbeddingPipeline}.
 *
 * With a posterior, both embeddings of a cosine are by the same sample, and the
 * result is the mean of the cosines.
 */
export interface SentenceSimilarityPipeline extends Pipeline<Tasks["base"]> {
  /** Compares a sentence with each of the others. */
  (
    input: SimilarityInput,
    options?: SentenceSimilarityOptions & { returnStd?: false | undefined },
  ): Promise<number[]>;
  /** Compares them, and returns the deviations over the posterior's samples. */
  (
    input: SimilarityInput,
    options: SentenceSimilarityOptions & { returnStd: true },
  ): Promise<UncertainSimilarity>;
}

/** Makes the pipeline from a model without a head. */
export function sentenceSimilarity(
  setup: PipelineSetup<Tasks["base"]>,
): SentenceSimilarityPipeline {
  async function compare(
    input: SimilarityInput,
    options: SentenceSimilarityOptions = {},
  ): Promise<number[] | UncertainSimilarity> {
    checkOptions(options, { action: "compare", known: OPTIONS });
    const { returnStd = false, ...rest } = options;
    checkReturnStd(setup, returnStd);
    const { sourceSentence, sentences } = checkInput(input);
    const texts = textsOf(setup.task, [sourceSentence, ...sentences]);
    const { rows: [source, ...others], width } = await embedSentences(
      setup,
      texts,
      rest,
    );
    const spreads = others.map((other) => {
      const samples = (source?.length ?? 0) / width;
      const cosines = Float64Array.from({ length: samples }, (_, s) => {
        const [from, to] = [s * width, (s + 1) * width];
        return cosineSimilarity(
          source?.subarray(from, to) ?? [],
          other.subarray(from, to),
        );
      });
      return spread(cosines, 1);
    });
    const mean = spreads.map(({ mean: [value = NaN] }) => value);
    if (!returnStd) return mean;
    return { mean, std: spreads.map(({ std: [value = NaN] }) => value) };
  }

  return makePipeline(setup, compare as SentenceSimilarityPipeline);
}

/** @throws {TypeError} If it is not a sentence with a list of others. */
function checkInput(input: SimilarityInput): SimilarityInput {
  const { sourceSentence, sentences } = Object(input) as SimilarityInput;
  if (typeof sourceSentence === "string" && Array.isArray(sentences)) {
    return { sourceSentence, sentences };
  }
  throw new TypeError(
    `Cannot compare ${JSON.stringify(input)}: expected a sentence and others ` +
      'like { sourceSentence: "…", sentences: ["…", "…"] }',
  );
}

/**
 * The cosine of the angle between two vectors: `a · b / (|a| |b|)`, in float64.
 *
 * @param a A vector, such as an embedding.
 * @param b A vector of the same length.
 * @returns The cosine, from -1 to 1; 0 if a vector has the length 0, and NaN if
 * one holds NaN.
 * @throws {TypeError} If the vectors have different lengths.
 *
 * @example Usage
 * ```ts
 * import { cosineSimilarity } from "@swagpu/swagpu/models";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * assertAlmostEquals(cosineSimilarity([1, 2], [2, 4]), 1);
 * assertAlmostEquals(cosineSimilarity([1, 0], [0, 3]), 0);
 * assertAlmostEquals(cosineSimilarity([1, 0], [1, 1]), Math.SQRT1_2);
 * ```
 */
export function cosineSimilarity(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): number {
  if (a.length !== b.length) {
    throw new TypeError(
      `Cannot compare vectors of ${a.length} and ${b.length} numbers: they ` +
        "must be equally long",
    );
  }
  let dot = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? NaN, b[i] ?? NaN];
    dot += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  const lengths = Math.sqrt(squaresA) * Math.sqrt(squaresB);
  if (lengths === 0) return 0;
  return Math.max(-1, Math.min(1, dot / lengths));
}
