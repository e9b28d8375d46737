// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Continuing texts, token by token: the best one, a drawn one, or the best of
 * several rows. What is generated is what Hugging Face's `generate` gives.
 *
 * @module
 */

import {
  defaultGenerator,
  type Generator,
  noGrad,
  readAll,
  scope,
  slice,
  Tensor,
  tensor,
} from "../engine/mod.ts";
import { listOf, logitsProcessors } from "./_logits_processors.ts";
import { beamSearch, extend, type NextLogits } from "./_search.ts";
import type { PretrainedConfig } from "./config.ts";
import {
  GenerationConfig,
  type GenerationOptions,
} from "./generation_config.ts";

/** What {@linkcode generate} gives a model: integers `[batch, length]`. */
export interface CausalInputs {
  /** The tokens so far. */
  inputIds: Tensor;
  /** 1 where a token counts, 0 where it is padding. */
  attentionMask: Tensor;
  /** Each token's place among those that count, from 0; 1 for padding. */
  positionIds: Tensor;
}

/** A model that scores the next token at every place. */
export interface CausalModel {
  /** The configuration. */
  readonly config: PretrainedConfig;
  /** Gives logits `[batch, length, vocabulary]`. */
  forward(inputs: CausalInputs): { logits: Tensor };
}

/** Rows of whole numbers, equally long. */
export type Rows = Tensor | readonly (readonly number[])[];

/** Options of {@linkcode generate}; {@linkcode GenerationOptions} beside them. */
export interface GenerateOptions extends GenerationOptions {
  /** The prompts, `[batch, length]`; pad them on the left. */
  inputIds: Rows;
  /**
   * 1 where a token counts, 0 where it is padding.
   *
   * @default all 1, or 0 at `padTokenId` where that is not also an end token
   */
  attentionMask?: Rows | undefined;
  /**
   * What the other options replace fields of.
   *
   * @default what the model's own configuration says
   */
  generationConfig?: GenerationConfig;
  /**
   * Where random numbers come from, if `doSample` is set.
   *
   * @default the default generator, see `manualSeed`
   */
  generator?: Generator;
}

/** What {@linkcode generate} gives. */
export interface GenerateOutput {
  /**
   * Prompts and what follows them, `[batch · numReturnSequences, length]`;
   * shorter rows are filled with the padding token.
   */
  sequences: number[][];
  /** Beam search's score of each row. */
  sequencesScores?: number[];
}

/**
 * Continues prompts until each row ends, or has `maxLength` tokens.
 *
 * With `numBeams` above 1 this is beam search, with `doSample` tokens are
 * drawn, else the best token is taken each time. The model should be in
 * evaluation mode.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertLMHeadModel, generate } from "@swagpu/swagpu/models";
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
 * const { sequences } = await generate(model, {
 *   inputIds: [[2, 7, 9]],
 *   maxNewTokens: 4,
 *   numBeams: 2,
 * });
 * assertEquals(sequences[0]?.slice(0, 3), [2, 7, 9]);
 * assertEquals(sequences[0]?.length, 7);
 * ```
 *
 * @param model A model without an encoder beside it.
 * @param options The prompts, and how to continue them.
 * @throws {TypeError} If the prompts are not rows of equal length, or the model
 * has an encoder beside its decoder.
 * @throws {RangeError} If the prompts leave no place for a token, or more rows
 * are asked for than there are beams.
 */
export async function generate(
  model: CausalModel,
  options: GenerateOptions,
): Promise<GenerateOutput> {
  const { inputIds, attentionMask, generationConfig, generator, ...fields } =
    options;
  if (model.config.isEncoderDecoder) {
    throw new TypeError(
      `Cannot generate with a model of type "${model.config.modelType}": ` +
        "it has an encoder beside its decoder",
    );
  }
  const config = (generationConfig ??
    GenerationConfig.fromModelConfig(model.config)).with(fields);
  const prompts = await readRows("inputIds", inputIds);
  const masks = attentionMask
    ? await readRows("attentionMask", attentionMask, prompts)
    : maskOf(prompts, config);
  const promptLength = prompts[0]?.length ?? 0;
  const limits = {
    promptLength,
    maxLength: maxLengthOf(config, fields.maxLength, promptLength, model),
    eosTokenIds: listOf(config.eosTokenId),
  };
  checkReturned(config);
  checkLengths(limits);
  const search = {
    ...limits,
    config,
    processors: logitsProcessors(config, limits),
    generator: generator ?? defaultGenerator(),
  };
  const { numBeams, numReturnSequences } = config;
  const copies = numBeams > 1 ? numBeams : numReturnSequences;
  const next = decoder(model, repeat(masks, copies), config);
  return numBeams > 1
    ? await beamSearch(prompts, next, search)
    : { sequences: await extend(repeat(prompts, copies), next, search) };
}

// ------------------------------------------------------------------- options

/** Rows on the host, checked to be equally long, and as long as `like`. */
async function readRows(
  name: string,
  rows: Rows,
  like?: readonly (readonly number[])[],
): Promise<number[][]> {
  let read: number[][];
  let shape: readonly number[];
  if (rows instanceof Tensor) {
    shape = rows.shape;
    const values = [...await rows.data()];
    const [batch = 0, length = 0] = shape;
    read = Array.from(
      { length: batch },
      (_, i) => values.slice(i * length, (i + 1) * length),
    );
  } else {
    read = rows.map((row) => [...row]);
    shape = [read.length, read[0]?.length ?? 0];
    if (read.some((row) => row.length !== shape[1])) {
      throw new TypeError(
        `Cannot generate from ${name} of ${
          read.map((row) => row.length).join(", ")
        } tokens: the rows must be equally long`,
      );
    }
  }
  const wanted = like ? [like.length, like[0]?.length ?? 0] : undefined;
  if (
    shape.length !== 2 || shape.includes(0) ||
    (wanted && wanted.join() !== shape.join())
  ) {
    throw new TypeError(
      `Cannot generate from ${name} [${shape.join(", ")}]: it must be ` +
        (wanted ? `[${wanted.join(", ")}] like inputIds` : "[batch, length]"),
    );
  }
  return read;
}

/** The mask of prompts that come without one. */
function maskOf(
  prompts: readonly (readonly number[])[],
  { padTokenId, eosTokenId }: GenerationConfig,
): number[][] {
  // Where rows may end with the padding token, it may be a part of the prompt.
  const known = !listOf(eosTokenId).includes(padTokenId ?? -1);
  return prompts.map((row) =>
    row.map((token) => known && token === padTokenId ? 0 : 1)
  );
}

function maxLengthOf(
  config: GenerationConfig,
  given: number | undefined,
  promptLength: number,
  model: CausalModel,
): number {
  if (config.maxNewTokens !== null) return promptLength + config.maxNewTokens;
  const standard = new GenerationConfig().maxLength;
  if (given !== undefined || config.maxLength !== standard) {
    return config.maxLength;
  }
  const places = model.config.toJSON().max_position_embeddings;
  return Math.min(
    promptLength + standard,
    typeof places === "number" ? places : Infinity,
  );
}

function checkLengths(
  { promptLength, maxLength }: { promptLength: number; maxLength: number },
): void {
  if (promptLength >= maxLength) {
    throw new RangeError(
      `Cannot generate after ${promptLength} tokens: maxLength is ` +
        `${maxLength}, raise it or set maxNewTokens`,
    );
  }
}

function checkReturned(config: GenerationConfig): void {
  const { numBeams, numReturnSequences, doSample } = config;
  if (numReturnSequences === 1 || (numBeams === 1 && doSample)) return;
  if (numReturnSequences > numBeams) {
    throw new RangeError(
      `Cannot return ${numReturnSequences} rows for each prompt: ` +
        (numBeams === 1
          ? "without beams and sampling there is one"
          : `there are ${numBeams} beams`),
    );
  }
}

/** Each row `count` times in a row. */
function repeat<T>(rows: readonly T[], count: number): T[] {
  return rows.flatMap((row) => Array.from({ length: count }, () => row));
}

// --------------------------------------------------------------------- model

/** Scores rows by running the model over all of each. */
function decoder(
  model: CausalModel,
  masks: readonly (readonly number[])[],
  { removeInvalidValues }: GenerationConfig,
): NextLogits {
  return async (rows) => {
    using _ = scope();
    const length = rows[0]?.length ?? 0;
    const shape = [rows.length, length];
    const mask = new Int32Array(rows.length * length).fill(1);
    const positions = new Int32Array(mask.length);
    for (const [row, kept] of masks.entries()) {
      mask.set(kept, row * length);
      let before = 0;
      for (let i = row * length; i < (row + 1) * length; i++) {
        positions[i] = mask[i] ? before++ : 1;
      }
    }
    const { logits } = noGrad(() =>
      model.forward({
        inputIds: tensor(Int32Array.from(rows.flat()), { shape }),
        attentionMask: tensor(mask, { shape }),
        positionIds: tensor(positions, { shape }),
      })
    );
    const last = noGrad(() => slice(logits, { axis: 1, start: -1 }));
    const [values] = await readAll([last]);
    const scores = Float32Array.from(values ?? []);
    if (!removeInvalidValues && scores.some(Number.isNaN)) {
      throw new RangeError(
        `Cannot choose token ${length + 1}: the model's logits hold NaN`,
      );
    }
    return scores;
  };
}
