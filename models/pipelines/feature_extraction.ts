// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that computes the hidden states of texts.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import {
  modesOf,
  normalized,
  type PoolingMode,
  poolTokens,
} from "../pooling/mod.ts";
import type { Tasks } from "../registry.ts";
import {
  makePipeline,
  type Pipeline,
  type PipelineSetup,
  type TruncatedOptions,
} from "./base.ts";
import { encodeAll, scored, textsOf } from "./batches.ts";

/** The hidden states of a text's tokens as one array. */
export interface TextFeatures {
  /** The shape, `[1, tokens, hidden]`. */
  readonly shape: readonly [number, number, number];
  /** The states, one token after the other. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** The vector of a text as an array. */
export interface PooledFeatures {
  /** The shape, `[hidden]`; with several modes `[modes · hidden]`. */
  readonly shape: readonly [number];
  /** The numbers of the vector. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** The names of {@linkcode FeatureExtractionOptions}. */
const OPTIONS = [
  "returnTensors",
  "pooling",
  "normalize",
  "truncation",
  "maxLength",
  "batchSize",
] satisfies (keyof FeatureExtractionOptions)[];

/** Options of {@linkcode FeatureExtractionPipeline}. */
export interface FeatureExtractionOptions extends TruncatedOptions {
  /** Whether to return arrays with a shape instead of lists. @default {false} */
  returnTensors?: boolean | undefined;
  /**
   * How the states of a text's tokens become one vector; several modes are
   * joined. `"none"` keeps the states of all tokens.
   *
   * @default {"none"}
   */
  pooling?: "none" | PoolingMode | readonly PoolingMode[] | undefined;
  /**
   * Whether vectors have the Euclidean length 1: those of texts, or without
   * pooling those of tokens.
   *
   * @default {false}
   */
  normalize?: boolean | undefined;
}

/** Options of calls that return the states of tokens. */
export interface TokenFeaturesOptions extends FeatureExtractionOptions {
  /** With `"none"`, the states of all tokens are returned. @default {"none"} */
  pooling?: "none" | undefined;
}

/** Options of calls that return a vector of each text. */
export interface PooledFeaturesOptions extends FeatureExtractionOptions {
  /** How the states of a text's tokens become one vector. */
  pooling: PoolingMode | readonly PoolingMode[];
}

/**
 * Computes the last hidden state of every token, special tokens included. Each
 * text gives nested lists of `[1, tokens, hidden]` numbers. With `pooling`, each
 * text gives one list of numbers.
 *
 * The task `sentence-embedding` pools as the files of a model say.
 */
export interface FeatureExtractionPipeline extends Pipeline<Tasks["base"]> {
  /** Computes the states of one text. */
  (
    text: string,
    options?: TokenFeaturesOptions & { returnTensors?: false | undefined },
  ): Promise<number[][][]>;
  /** Computes the states of each text. */
  (
    texts: readonly string[],
    options?: TokenFeaturesOptions & { returnTensors?: false | undefined },
  ): Promise<number[][][][]>;
  /** Computes the states of one text as an array. */
  (
    text: string,
    options: TokenFeaturesOptions & { returnTensors: true },
  ): Promise<TextFeatures>;
  /** Computes the states of each text as an array. */
  (
    texts: readonly string[],
    options: TokenFeaturesOptions & { returnTensors: true },
  ): Promise<TextFeatures[]>;
  /** Computes the vector of one text. */
  (
    text: string,
    options: PooledFeaturesOptions & { returnTensors?: false | undefined },
  ): Promise<number[]>;
  /** Computes the vector of each text. */
  (
    texts: readonly string[],
    options: PooledFeaturesOptions & { returnTensors?: false | undefined },
  ): Promise<number[][]>;
  /** Computes the vector of one text as an array. */
  (
    text: string,
    options: PooledFeaturesOptions & { returnTensors: true },
  ): Promise<PooledFeatures>;
  /** Computes the vector of each text as an array. */
  (
    texts: readonly string[],
    options: PooledFeaturesOptions & { returnTensors: true },
  ): Promise<PooledFeatures[]>;
}

/** Makes the pipeline from a model without a head. */
export function featureExtraction(
  setup: PipelineSetup<Tasks["base"]>,
): FeatureExtractionPipeline {
  const { model } = setup;

  async function extract(
    input: string | readonly string[],
    options: FeatureExtractionOptions = {},
  ): Promise<unknown> {
    checkOptions(options, { action: "extract features", known: OPTIONS });
    const { returnTensors = false, batchSize = setup.batchSize } = options;
    const { pooling = "none", normalize = false } = options;
    const mode = pooling === "none" ? undefined : modesOf(pooling);
    const texts = textsOf(setup.task, input);
    const encodings = encodeAll(setup, texts, options);
    const features: (TextFeatures | PooledFeatures)[] = [];
    let width = 0;
    const batches = scored(
      { ...setup, batchSize },
      encodings,
      (tokens) => {
        const { lastHiddenState: states } = model.forward(tokens);
        const { attentionMask } = tokens;
        const x = mode && attentionMask
          ? poolTokens(states, { attentionMask, mode })
          : states;
        width = x.shape.at(-1) ?? 0;
        return [normalize ? normalized(x) : x];
      },
    );
    for await (const { rows, length, outputs: [values] } of batches) {
      const size = mode ? width : length * width;
      for (const [i, row] of rows.entries()) {
        const tokens = encodings[row]?.inputIds.length ?? 0;
        const own = mode ? width : tokens * width;
        const data = Float32Array.from(
          values?.subarray(i * size, i * size + own) ?? [],
        );
        features[row] = mode
          ? { shape: [width], data }
          : { shape: [1, tokens, width], data };
      }
    }
    const results = returnTensors ? features : features.map(nested);
    return typeof input === "string" ? results[0] : results;
  }

  return makePipeline(setup, extract as FeatureExtractionPipeline);
}

/** Features as nested lists. */
function nested(
  { shape: [, tokens, width = 0], data }: TextFeatures | PooledFeatures,
): number[] | number[][][] {
  if (tokens === undefined) return [...data];
  return [
    Array.from(
      { length: tokens },
      (_, i) => [...data.subarray(i * width, (i + 1) * width)],
    ),
  ];
}
