// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Generates texts with samples of a model's weights: a new sample for each call, or
 * for each of several answers to the same prompt.
 *
 * @module
 */

import type { WeightSampler, WeightSampling } from "../weight_samples.ts";
import type { CausalModel, Seq2SeqModel } from "./decoders.ts";
import {
  generate,
  type GenerateOptions,
  type GenerateOutput,
} from "./generate.ts";
import { GenerationConfig } from "./generation_config.ts";
import { listOf } from "./processors.ts";

/** Options of {@linkcode generateWithSamples}, besides those of `generate`. */
export interface SampledGenerateOptions extends GenerateOptions {
  /** The distribution over the weights of the model, such as a `SwagModel`. */
  posterior: WeightSampler;
  /**
   * Which sample of the weights; with `samplePerSequence` the first of them.
   *
   * @default {the next ones of the posterior}
   */
  sampling?: WeightSampling | undefined;
  /**
   * Whether each of the `numReturnSequences` answers to a prompt comes from another
   * sample of the weights, with the indices `index`, `index + 1` and so on. Otherwise
   * one sample writes all of them.
   *
   * @default {false}
   */
  samplePerSequence?: boolean | undefined;
}

/**
 * Generates as {@linkcode generate} does, while the model holds samples of its
 * weights. Afterwards it has its own weights again, also if there was an error.
 *
 * How much the answers of several samples differ tells how sure the model is of what
 * it writes. Tokens need not be sampled for that: each sample of the weights has its
 * own best answer, so that with `samplePerSequence` neither `doSample` nor beams are
 * needed for more than one.
 *
 * @example Three answers, each of another sample of the weights
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertLMHeadModel,
 *   generateWithSamples,
 * } from "@swagpu/swagpu/models";
 * import { SwagModel } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new BertLMHeadModel(
 *   new BertConfig({
 *     vocabSize: 50,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *     isDecoder: true,
 *   }),
 * ).eval();
 * const posterior = SwagModel.fromBase(model);
 * posterior.collectModel(); // along a training, many times
 * const { sequences } = await generateWithSamples(model, {
 *   posterior,
 *   sampling: { scale: 0.5, seed: 7 },
 *   samplePerSequence: true,
 *   numReturnSequences: 3,
 *   inputIds: [[2, 7, 9]],
 *   maxNewTokens: 4,
 * });
 * assertEquals(sequences.length, 3);
 * ```
 *
 * @param model A decoder, with or without an encoder beside it.
 * @param options The posterior, the prompts or sources, and how to continue them.
 * @returns As `generate`: the answers to the first prompt come first.
 * @throws {TypeError} If a posterior is missing, or there is a `streamer` for several
 * answers of different samples; and what `generate` and the posterior throw.
 */
export async function generateWithSamples(
  model: CausalModel | Seq2SeqModel,
  options: SampledGenerateOptions,
): Promise<GenerateOutput> {
  const { posterior, sampling = {}, samplePerSequence = false, ...own } =
    options;
  if (typeof posterior?.withSample !== "function") {
    throw new TypeError(
      `Cannot generate with samples of ${posterior}: expected a SwagModel, or ` +
        "another object with withSample()",
    );
  }
  if (!samplePerSequence) {
    return await posterior.withSample(sampling, () => generate(model, own));
  }
  const { generationConfig, streamer, ...fields } = own;
  const config = generationConfig ?? model.generationConfig ??
    GenerationConfig.fromModelConfig(model.config);
  const count = fields.numReturnSequences ?? config.numReturnSequences;
  if (streamer && count > 1) {
    throw new TypeError(
      `Cannot stream ${count} answers of different samples: they are written one ` +
        "after the other",
    );
  }
  const outputs: GenerateOutput[] = [];
  for (let i = 0; i < count; i++) {
    const one = { ...own, numReturnSequences: 1 };
    outputs.push(
      await posterior.withSample(
        sampleAt(sampling, i),
        () => generate(model, one),
      ),
    );
  }
  const { padTokenId = config.padTokenId, eosTokenId = config.eosTokenId } =
    fields;
  return interleave(outputs, padTokenId ?? listOf(eosTokenId)[0] ?? 0);
}

/** The sample that is so many after the first; without either name, the next one. */
function sampleAt(sampling: WeightSampling, after: number): WeightSampling {
  const { seed, index } = sampling;
  if (seed === undefined && index === undefined) return sampling;
  return { ...sampling, index: (index ?? 0) + after };
}

/** Puts the answers to the same prompt side by side, all of the same length. */
function interleave(
  outputs: readonly GenerateOutput[],
  padding: number,
): GenerateOutput {
  const lengths = outputs.map(({ sequences: [row] }) => row?.length ?? 0);
  const length = Math.max(...lengths);
  const rows = outputs[0]?.sequences.length ?? 0;
  const inOrder = <T>(pick: (output: GenerateOutput, row: number) => T): T[] =>
    Array.from(
      { length: rows },
      (_, row) => outputs.map((output) => pick(output, row)),
    ).flat();
  const sequences = inOrder(({ sequences }, row) => {
    const own = sequences[row] ?? [];
    return [...own, ...Array(length - own.length).fill(padding)];
  });
  if (!outputs[0]?.sequencesScores) return { sequences };
  return {
    sequences,
    sequencesScores: inOrder(({ sequencesScores }, row) =>
      sequencesScores?.[row] ?? NaN
    ),
  };
}
