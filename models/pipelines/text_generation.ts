// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that continues texts.
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
import type { GeneratedText } from "./text2text_generation.ts";
import { writeAnswers } from "./written_answers.ts";

/** Options of {@linkcode TextGenerationPipeline}. */
export interface TextGenerationOptions extends GenerationCallOptions {
  /** Whether results begin with the given text. @default {true} */
  returnFullText?: boolean | undefined;
  /** Whether to add the special tokens that frame a text. @default {true} */
  addSpecialTokens?: boolean | undefined;
}

/**
 * Continues texts. Each text has a list of continuations.
 *
 * A generation option is taken from the call; else from the configuration's
 * `task_specific_params`; else from the model's generation configuration. The
 * defaults are `doSample` with `temperature` 0.7 and `maxNewTokens` 256, or fewer
 * tokens if the model supports fewer positions.
 *
 * With a posterior, each sample of the weights writes a continuation, and the result
 * is the one that all of them agree with most (minimum Bayes risk); see
 * {@linkcode generateWithUncertainty}. `numReturnSequences` then counts different
 * texts, of which there may be fewer.
 */
export interface TextGenerationPipeline extends Pipeline<Tasks["causalLM"]> {
  /** Continues a text. */
  (text: string, options?: TextGenerationOptions): Promise<GeneratedText[]>;
  /** Continues each text. */
  (
    texts: readonly string[],
    options?: TextGenerationOptions,
  ): Promise<GeneratedText[][]>;
}

const DEFAULTS = {
  maxNewTokens: 256,
  doSample: true,
  temperature: 0.7,
} as const;

/** Makes the pipeline from a model that continues texts. */
export function textGeneration(
  setup: PipelineSetup<Tasks["causalLM"]>,
): TextGenerationPipeline {
  const { model, tokenizer, sampled } = setup;

  async function write(
    input: string | readonly string[],
    options: TextGenerationOptions = {},
  ): Promise<GeneratedText[] | GeneratedText[][]> {
    const { returnFullText = true, addSpecialTokens, ...others } = options;
    const { batchSize, truncation, cleanUpSpaces = true, ...call } =
      splitOptions(others, setup);
    const parameters = taskParameters(setup, options.generationConfig);
    const { numReturnSequences: count = parameters.config.numReturnSequences } =
      options;
    const texts = textsOf(setup.task, input);
    const prefixed = texts.map((text) => `${parameters.prefix}${text}`);
    const encodings = encodeAll(setup, prefixed, {
      truncation,
      addSpecialTokens,
    });
    const decoding = { skipSpecialTokens: true, cleanUpSpaces };
    const written: GeneratedText[][] = [];
    for (const { rows, longest } of likeLengths(encodings, batchSize)) {
      const prompts = padRows(rows.map((row) => encodings[row]), {
        length: longest,
        padding: tokenizer.padTokenId ?? 0,
        side: "left",
      });
      const room = Math.max(1, model.config.maxTokens - longest);
      const own = rows.map((row) => encodings[row]?.inputIds ?? []);
      const texts = await writeAnswers(model, sampled, {
        rows: prompts,
        config: parameters.config,
        generator: call.generator,
        options: withDefaults(call.generation, parameters, {
          ...DEFAULTS,
          maxNewTokens: Math.min(DEFAULTS.maxNewTokens, room),
        }),
        compare: call.compare,
        count,
      }, {
        // Decoded with the prompt: the first new token may change its spelling.
        plain: (sequences) =>
          sequences.map((sequence, i) => {
            const inputIds = own[Math.floor(i / count)] ?? [];
            const prompt = tokenizer.decode(inputIds, decoding);
            const ids = sequence.slice(longest - inputIds.length);
            return tokenizer.decode(ids, decoding).slice(prompt.length);
          }),
        batchDecode: (rows) => tokenizer.batchDecode(rows, decoding),
      });
      for (const [i, row] of rows.entries()) {
        written[row] = (texts[i] ?? []).map(({ text, ...uncertainty }) => ({
          generatedText: returnFullText ? `${prefixed[row]}${text}` : text,
          ...uncertainty,
        }));
      }
    }
    return typeof input === "string" ? written[0] ?? [] : written;
  }

  return makePipeline(setup, write as TextGenerationPipeline);
}
