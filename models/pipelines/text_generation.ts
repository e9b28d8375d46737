// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that continues texts.
 *
 * @module
 */

import { generate } from "../generation/mod.ts";
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
  const { model, tokenizer } = setup;

  async function write(
    input: string | readonly string[],
    options: TextGenerationOptions = {},
  ): Promise<GeneratedText[] | GeneratedText[][]> {
    const { returnFullText = true, addSpecialTokens, ...others } = options;
    const { batchSize, truncation, cleanUpSpaces = true, ...call } =
      splitOptions(others, setup);
    const parameters = taskParameters(setup, options.generationConfig);
    const { numReturnSequences: count = 1 } = options;
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
      const { sequences } = await generate(model, {
        ...prompts,
        generationConfig: parameters.config,
        generator: call.generator,
        ...withDefaults(call.generation, parameters, {
          ...DEFAULTS,
          maxNewTokens: Math.min(DEFAULTS.maxNewTokens, room),
        }),
        numReturnSequences: count,
      });
      for (const [i, row] of rows.entries()) {
        const inputIds = encodings[row]?.inputIds ?? [];
        const prompt = tokenizer.decode(inputIds, decoding);
        const own = sequences.slice(i * count, (i + 1) * count);
        written[row] = own.map((sequence) => {
          const ids = sequence.slice(longest - inputIds.length);
          // Decoded with the prompt: the first new token may change its spelling.
          const text = tokenizer.decode(ids, decoding).slice(prompt.length);
          return {
            generatedText: returnFullText ? `${prefixed[row]}${text}` : text,
          };
        });
      }
    }
    return typeof input === "string" ? written[0] ?? [] : written;
  }

  return makePipeline(setup, write as TextGenerationPipeline);
}
