// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Texts to the hidden states of their tokens.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import type { Tasks } from "../registry.ts";
import { callable, encodeAll, scored, textsOf } from "./batches.ts";
import type { Pipeline, PipelineSetup, TruncatedOptions } from "./types.ts";

/** The states of a text's tokens as one array. */
export interface TextFeatures {
  /** `[1, tokens, hidden]`. */
  readonly shape: readonly [number, number, number];
  /** The states, token by token. */
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
  /** Whether to give arrays with a shape instead of lists. @default {false} */
  returnTensors?: boolean | undefined;
}

/**
 * Gives the last hidden state of every token, special tokens included: lists
 * `[1, tokens, hidden]` for each text.
 */
export interface FeatureExtractionPipeline extends Pipeline<Tasks["base"]> {
  /** The states of a text. */
  (
    text: string,
    options?: FeatureExtractionOptions & { returnTensors?: false | undefined },
  ): Promise<number[][][]>;
  /** The states of each text. */
  (
    texts: readonly string[],
    options?: FeatureExtractionOptions & { returnTensors?: false | undefined },
  ): Promise<number[][][][]>;
  /** The states of a text as one array. */
  (
    text: string,
    options: FeatureExtractionOptions & { returnTensors: true },
  ): Promise<TextFeatures>;
  /** The states of each text as an array. */
  (
    texts: readonly string[],
    options: FeatureExtractionOptions & { returnTensors: true },
  ): Promise<TextFeatures[]>;
}

/** Makes the pipeline of a model without a head. */
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
    const texts = textsOf(setup.task, input);
    const encodings = encodeAll(setup, texts, options);
    const features: TextFeatures[] = [];
    const results = scored(
      { ...setup, batchSize },
      encodings,
      (tokens) => [model.forward(tokens).lastHiddenState],
    );
    for await (const { rows, length, outputs: [states] } of results) {
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
    const given = returnTensors ? features : features.map(nested);
    return typeof input === "string" ? given[0] : given;
  }

  return callable(setup, extract);
}

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
