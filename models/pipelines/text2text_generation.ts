// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipelines that write texts from texts: translations, summaries and
 * whatever else a model with an encoder and a decoder was trained to write.
 *
 * @module
 */

import type { Tasks } from "../registry.ts";
import { makePipeline, type Pipeline, type PipelineSetup } from "./base.ts";
import { encodeAll, likeLengths, textsOf } from "./batches.ts";
import {
  type GenerationCallOptions,
  padRows,
  splitOptions,
  taskParameters,
  withDefaults,
} from "./generation_options.ts";
import { writeAnswers, type WritingUncertainty } from "./written_answers.ts";

/** A text that a model generated. With a posterior it also holds how unsure it is. */
export interface GeneratedText extends Partial<WritingUncertainty> {
  /** The text. */
  generatedText: string;
}

/** A translation. With a posterior it also holds how unsure it is. */
export interface Translation extends Partial<WritingUncertainty> {
  /** The translated text. */
  translationText: string;
}

/** A summary. With a posterior it also holds how unsure it is. */
export interface Summary extends Partial<WritingUncertainty> {
  /** The summarizing text. */
  summaryText: string;
}

/**
 * Writes texts from texts.
 *
 * A single text gives a list of results. A list of texts gives one result for
 * each text, or with `numReturnSequences` a list of results for each. Several that a
 * generation configuration asks for, and the call does not, follow one another.
 *
 * A generation option is taken from the call; else from the configuration's
 * `task_specific_params`; else from the model's generation configuration. The
 * defaults are `numBeams` 4 and `maxNewTokens` 256, or fewer tokens if the model
 * supports fewer positions.
 *
 * With a posterior, each sample of the weights writes a text, and the result is the one
 * that all of them agree with most (minimum Bayes risk); see
 * {@linkcode generateWithUncertainty}. `numReturnSequences` then counts different
 * texts, of which there may be fewer.
 */
export interface Text2TextPipeline<R> extends Pipeline<Tasks["seq2SeqLM"]> {
  /** Writes one result for a text, or `numReturnSequences`. */
  (text: string, options?: GenerationCallOptions): Promise<R[]>;
  /** Writes one result for each text. */
  (
    texts: readonly string[],
    options?: GenerationCallOptions & { numReturnSequences?: never },
  ): Promise<R[]>;
  /** Writes the best `numReturnSequences` results for each text. */
  (
    texts: readonly string[],
    options: GenerationCallOptions & { numReturnSequences: number },
  ): Promise<R[][]>;
}

/** The pipeline that writes texts from texts. */
export type Text2TextGenerationPipeline = Text2TextPipeline<GeneratedText>;

/** The pipeline that translates texts. */
export type TranslationPipeline = Text2TextPipeline<Translation>;

/** The pipeline that summarizes texts. */
export type SummarizationPipeline = Text2TextPipeline<Summary>;

const DEFAULTS = { maxNewTokens: 256, numBeams: 4 } as const;

/** Makes a pipeline that writes texts; `result` turns a text into a result. */
export function text2Text<R>(
  setup: PipelineSetup<Tasks["seq2SeqLM"]>,
  result: (text: string) => R,
): Text2TextPipeline<R> {
  const { model, tokenizer, sampled } = setup;

  async function write(
    input: string | readonly string[],
    options: GenerationCallOptions = {},
  ): Promise<R[] | R[][]> {
    const { batchSize, truncation, cleanUpSpaces = false, ...call } =
      splitOptions(options, setup);
    const parameters = taskParameters(setup, options.generationConfig);
    const { numReturnSequences: count = parameters.config.numReturnSequences } =
      options;
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
      const decode = (rows: readonly (readonly number[])[]) =>
        tokenizer.batchDecode(rows, { skipSpecialTokens: true, cleanUpSpaces });
      const texts = await writeAnswers(model, sampled, {
        rows: sources,
        config: parameters.config,
        generator: call.generator,
        options: generation,
        compare: call.compare,
        count,
      }, { plain: decode, batchDecode: decode });
      for (const [i, row] of rows.entries()) {
        written[row] = (texts[i] ?? []).map(({ text, ...uncertainty }) => ({
          ...result(text),
          ...uncertainty,
        }));
      }
    }
    return typeof input === "string"
      ? written[0] ?? []
      : options.numReturnSequences === undefined
      ? written.flat()
      : written;
  }

  return makePipeline(setup, write as Text2TextPipeline<R>);
}
