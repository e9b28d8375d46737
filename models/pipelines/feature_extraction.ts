// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that computes the hidden states of texts.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
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

/** The names of {@linkcode FeatureExtractionOptions}. */
const OPTIONS = [
  "returnTensors",
  "truncation",
  "maxLength",
  "batchSize",
] satisfies (keyof FeatureExtractionOptions)[];

/** Options of {@linkcode FeatureExtractionPipeline}. */
export interface FeatureExtractionOptions extends TruncatedOptions {
  /** Whether to return arrays with a shape instead of lists. @default {false} */
  returnTensors?: boolean | undefined;
}

/**
 * Computes the last hidden state of every token, special tokens included. Each
 * text gives nested lists of `[1, tokens, hidden]` numbers.
 */
export interface FeatureExtractionPipeline extends Pipeline<Tasks["base"]> {
  /** Computes the states of one text. */
  (
    text: string,
    options?: FeatureExtractionOptions & { returnTensors?: false | undefined },
  ): Promise<number[][][]>;
  /** Computes the states of each text. */
  (
    texts: readonly string[],
    options?: FeatureExtractionOptions & { returnTensors?: false | undefined },
  ): Promise<number[][][][]>;
  /** Computes the states of one text as an array. */
  (
    text: string,
    options: FeatureExtractionOptions & { returnTensors: true },
  ): Promise<TextFeatures>;
  /** Computes the states of each text as an array. */
  (
    texts: readonly string[],
    options: FeatureExtractionOptions & { returnTensors: true },
  ): Promise<TextFeatures[]>;
}

/** Makes the pipeline from a model without a head. */
export function featureExtraction(
  setup: PipelineSetup<Tasks["base"]>,
): FeatureExtractionPipeline {
  const { model } = setup;

  type Lists = FeatureExtractionOptions & { returnTensors?: false | undefined };
  type Arrays = FeatureExtractionOptions & { returnTensors: true };
  function extract(text: string, options?: Lists): Promise<number[][][]>;
  function extract(
    texts: readonly string[],
    options?: Lists,
  ): Promise<number[][][][]>;
  function extract(text: string, options: Arrays): Promise<TextFeatures>;
  function extract(
    texts: readonly string[],
    options: Arrays,
  ): Promise<TextFeatures[]>;
  async function extract(
    input: string | readonly string[],
    options: FeatureExtractionOptions = {},
  ): Promise<unknown> {
    checkOptions(options, { action: "extract features", known: OPTIONS });
    const { returnTensors = false, batchSize = setup.batchSize } = options;
    const texts = textsOf(setup.task, input);
    const encodings = encodeAll(setup, texts, options);
    const features: TextFeatures[] = [];
    const batches = scored(
      { ...setup, batchSize },
      encodings,
      (tokens) => [model.forward(tokens).lastHiddenState],
    );
    for await (const { rows, length, outputs: [states] } of batches) {
      const width = (states?.length ?? 0) / rows.length / length;
      for (const [i, row] of rows.entries()) {
        const tokens = encodings[row]?.inputIds.length ?? 0;
        const start = i * length * width;
        features[row] = {
          shape: [1, tokens, width],
          data: Float32Array.from(
            states?.subarray(start, start + tokens * width) ?? [],
          ),
        };
      }
    }
    const results = returnTensors ? features : features.map(nested);
    return typeof input === "string" ? results[0] : results;
  }

  return makePipeline(setup, extract);
}

/** Features as nested lists. */
function nested(
  { shape: [, tokens, width], data }: TextFeatures,
): number[][][] {
  return [
    Array.from(
      { length: tokens },
      (_, i) => [...data.subarray(i * width, (i + 1) * width)],
    ),
  ];
}
