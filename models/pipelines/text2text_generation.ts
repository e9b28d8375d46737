// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Texts to other texts: translations, summaries and whatever else a model with
 * an encoder and a decoder was taught to write.
 *
 * @module
 */

import { generate } from "../generation/generate.ts";
import type { Tasks } from "../registry.ts";
import { callable, encodeAll, likeLengths, textsOf } from "./batches.ts";
import {
  type GenerationCallOptions,
  padRows,
  splitOptions,
  taskParameters,
  withDefaults,
} from "./generation.ts";
import type { Pipeline, PipelineSetup } from "./types.ts";

export type { GenerationCallOptions };

/** A text that a model wrote. */
export interface GeneratedText {
  /** The text. */
  generatedText: string;
}

/** A translation. */
export interface Translation {
  /** The text. */
  translationText: string;
}

/** A summary. */
export interface Summary {
  /** The text. */
  summaryText: string;
}

/**
 * Writes texts from texts.
 *
 * A single text gives a list with what was written, a list of texts gives one
 * each, and with `numReturnSequences` a list each.
 *
 * Generation follows the call's options, the configuration's
 * `task_specific_params`, the model's generation configuration, and then these:
 * `numBeams` 4 and `maxNewTokens` 256, as far as the model knows so many places.
 */
export interface Text2TextPipeline<R> extends Pipeline<Tasks["seq2SeqLM"]> {
  /** What is written for a text: one, or `numReturnSequences`. */
  (text: string, options?: GenerationCallOptions): Promise<R[]>;
  /** What is written for each text. */
  (
    texts: readonly string[],
    options?: GenerationCallOptions & { numReturnSequences?: never },
  ): Promise<R[]>;
  /** The best of what is written for each text. */
  (
    texts: readonly string[],
    options: GenerationCallOptions & { numReturnSequences: number },
  ): Promise<R[][]>;
}

/** Writes texts. */
export type Text2TextGenerationPipeline = Text2TextPipeline<GeneratedText>;

/** Translates texts. */
export type TranslationPipeline = Text2TextPipeline<Translation>;

/** Summarizes texts. */
export type SummarizationPipeline = Text2TextPipeline<Summary>;

const DEFAULTS = { maxNewTokens: 256, numBeams: 4 } as const;

/** Makes a pipeline that writes texts; `result` says what one looks like. */
export function text2Text<R>(
  setup: PipelineSetup<Tasks["seq2SeqLM"]>,
  result: (text: string) => R,
): Text2TextPipeline<R> {
  const { model, tokenizer } = setup;

  async function write(
    input: string | readonly string[],
    options: GenerationCallOptions = {},
  ): Promise<R[] | R[][]> {
    const { batchSize, truncation, cleanUpSpaces = false, ...call } =
      splitOptions(options, setup);
    const parameters = taskParameters(setup, options.generationConfig);
    const { numReturnSequences: count = 1 } = options;
    const room = Math.max(1, model.config.maxTokens - 1);
    const generation = withDefaults(call.generation, parameters, {
      ...DEFAULTS,
      maxNewTokens: Math.min(DEFAULTS.maxNewTokens, room),
    });
    const texts = textsOf(setup.task, input);
    const prefixed = texts.map((text) => `${parameters.prefix}${text}`);
    const encodings = encodeAll(setup, prefixed, { truncation });
    const written: R[][] = [];
    for (const { rows, longest } of likeLengths(encodings, batchSize)) {
      const sources = padRows(rows.map((row) => encodings[row]), {
        length: longest,
        padding: tokenizer.padTokenId ?? 0,
        side: "right",
      });
      const { sequences } = await generate(model, {
        ...sources,
        generationConfig: parameters.config,
        generator: call.generator,
        ...generation,
        numReturnSequences: count,
      });
      const decoded = tokenizer.batchDecode(sequences, {
        skipSpecialTokens: true,
        cleanUpSpaces,
      });
      for (const [i, row] of rows.entries()) {
        written[row] = decoded.slice(i * count, (i + 1) * count).map(result);
      }
    }
    return typeof input === "string"
      ? written[0] ?? []
      : options.numReturnSequences === undefined
      ? written.flat()
      : written;
  }

  return callable(setup, write);
}
