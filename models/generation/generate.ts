// Copyright 2026 the swagpu authors. MIT license.

// This module is browser compatible.

/**
 * Continuing texts, and answering them, token by token: the best one, a drawn
 * one, or the best of several rows. What is generated is what Hugging Face's
 * `generate` gives.
 *
 * An encoder runs once, a decoder once for each new token, over that token
 * alone. Tokens are chosen on the GPU; the host only looks now and then whether
 * all rows have ended.
 *
 * @module
 */

import {
  currentDevice,
  defaultGenerator,
  type Generator,
} from "../../engine/mod.ts";
import { BeamSearch } from "./beam_search.ts";
import {
  type CausalModel,
  PromptDecoder,
  type Seq2SeqModel,
  TargetDecoder,
} from "./decoders.ts";
import { GreedySearch } from "./greedy_search.ts";
import { listOf } from "./processors.ts";
import {
  begunRows,
  checkKnown,
  maskOf,
  readRows,
  type Rows,
  targetsOf,
} from "./prompts.ts";
import { runSearch } from "./search.ts";
import { GenerationConfig } from "./generation_config.ts";
import type { GenerationOptions } from "./generation_options.ts";

/** Options of {@linkcode generate}; {@linkcode GenerationOptions} beside them. */
export interface GenerateOptions extends GenerationOptions {
  /**
   * What is continued, `[batch, length]`, padded on the left; or, for a model
   * with an encoder, the sources, padded on the right. Prompts without any token
   * begin with `bosTokenId`.
   */
  inputIds: Rows;
  /**
   * 1 where a token counts, 0 where it is padding.
   *
   * @default all 1, or 0 at `padTokenId` where that is not also an end token
   */
  attentionMask?: Rows | undefined;
  /**
   * What answers begin with, for a model with an encoder. The decoder's start
   * token is put before them if no row begins with it.
   *
   * @default {the decoder's start token, or else `bosTokenId`}
   */
  decoderInputIds?: Rows | undefined;
  /**
   * What the other options replace fields of.
   *
   * @default the model's own, or what its configuration says
   */
  generationConfig?: GenerationConfig | undefined;
  /**
   * Where random numbers come from, if `doSample` is set: one stream a call.
   *
   * @default the default generator, see `manualSeed`
   */
  generator?: Generator | undefined;
  /**
   * Called after every step with the new tokens of each row; rows that have
   * ended get padding. It costs a read-back a step, and beams have no use for
   * it: what they choose may be dropped again.
   *
   * @default {none}
   */
  streamer?: ((tokens: number[][]) => void) | undefined;
}

/** What {@linkcode generate} gives. */
export interface GenerateOutput {
  /**
   * Prompts and what follows them, `[batch · numReturnSequences, length]`;
   * shorter rows are filled with the padding token. For a model with an encoder
   * these are the answers, the decoder's start token first.
   */
  sequences: number[][];
  /** Beam search's score of each row. */
  sequencesScores?: number[];
}

/**
 * Continues prompts, or answers sources, until each row ends or has `maxLength`
 * tokens.
 *
 * With `numBeams` above 1 this is beam search, with `doSample` tokens are
 * drawn, else the best token is taken each time. The model should be in
 * evaluation mode.
 *
 * However long the rows, the host waits for the GPU ten times at most, unless
 * there is a `streamer`.
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
 * @param model A decoder, with or without an encoder beside it.
 * @param options The prompts or sources, and how to continue.
 * @throws {TypeError} If the prompts are no rows, the options do not fit together
 * or are not supported, or the model does not use the cache it is given.
 * @throws {RangeError} If the prompts leave no place for a token or hold one that
 * the model does not know, more rows are asked for than there are beams, the
 * model's scores hold NaN, or options forbid every token of a row.
 */
export async function generate(
  model: CausalModel | Seq2SeqModel,
  options: GenerateOptions,
): Promise<GenerateOutput> {
  const {
    inputIds,
    attentionMask,
    decoderInputIds,
    generationConfig,
    generator = defaultGenerator(),
    streamer,
    ...fields
  } = options;
  const config = (generationConfig ?? model.generationConfig ??
    GenerationConfig.fromModelConfig(model.config)).with(fields);
  const { numBeams } = config;
  config.checkUse();
  checkOptions(config, streamer);
  const answers = isSeq2Seq(model);
  const [sources = [], givenMasks, targets] = await readRows({
    inputIds: answers ? inputIds : begunRows(inputIds, config),
    attentionMask,
    decoderInputIds,
  });
  const { vocab_size: known, decoder_vocab_size: answered = known } = model
    .config.toJSON();
  checkKnown("inputIds", sources, known);
  checkKnown("decoderInputIds", targets ?? [], answered);
  const masks = givenMasks ?? maskOf(sources, config);
  if (targets && !answers) {
    throw new TypeError(
      `Cannot generate from decoderInputIds with a model of type ` +
        `"${model.config.modelType}": it has no encoder beside its decoder`,
    );
  }
  const prompts = answers ? targetsOf(sources, targets, config) : sources;
  const promptLength = prompts[0]?.length ?? 0;
  const maxLength = maxLengthOf(config, fields.maxLength, promptLength, model);
  checkLengths(promptLength, maxLength);
  checkPlaces(config, prompts.length, maxLength);
  const places = answers
    ? []
    : masks.map((mask) => mask.filter((kept) => kept !== 0).length - 1);
  const searchOptions = {
    device: currentDevice(),
    config,
    prompts,
    places,
    maxLength,
    eosTokenIds: listOf(config.eosTokenId),
    stream: config.doSample ? generator.next() : undefined,
  };
  using search = numBeams > 1
    ? new BeamSearch(searchOptions)
    : new GreedySearch(searchOptions);
  using decoder = answers
    ? new TargetDecoder(model, search, sources, masks)
    : new PromptDecoder(model, search, prompts, masks);
  await runSearch(search, (length) => decoder.scores(length), {
    promptLength,
    maxLength,
    invalid: config.removeInvalidValues,
    streamer,
  });
  return await search.result();
}

function isSeq2Seq(model: CausalModel | Seq2SeqModel): model is Seq2SeqModel {
  if (!model.config.isEncoderDecoder) return false;
  if ("encode" in model) return true;
  throw new TypeError(
    `Cannot generate with a model of type "${model.config.modelType}": it has ` +
      "an encoder beside its decoder, and no encode()",
  );
}

// ------------------------------------------------------------------- options

function maxLengthOf(
  config: GenerationConfig,
  given: number | undefined,
  promptLength: number,
  model: CausalModel | Seq2SeqModel,
): number {
  if (config.maxNewTokens !== null) return promptLength + config.maxNewTokens;
  const standard = new GenerationConfig().maxLength;
  if (given !== undefined || config.maxLength !== standard) {
    return config.maxLength;
  }
  return Math.min(promptLength + standard, model.config.maxTokens);
}

function checkLengths(promptLength: number, maxLength: number): void {
  if (promptLength >= maxLength) {
    throw new RangeError(
      `Cannot generate after ${promptLength} tokens: maxLength is ` +
        `${maxLength}, raise it or set maxNewTokens`,
    );
  }
}

/** Places for tokens that a call may ask for: 256 MiB for each table of them. */
const MOST_PLACES = 2 ** 26;

function checkPlaces(
  { numBeams, numReturnSequences }: GenerationConfig,
  prompts: number,
  maxLength: number,
): void {
  const rows = Math.max(numBeams, numReturnSequences);
  const places = prompts * rows * maxLength;
  if (places <= MOST_PLACES) return;
  throw new RangeError(
    `Cannot generate ${maxLength} tokens in ${rows} rows for each of ` +
      `${prompts} prompts: that is ${places} places, and there may be ` +
      `${MOST_PLACES}; lower numBeams, numReturnSequences or maxLength`,
  );
}

function checkOptions(
  { numBeams, numReturnSequences, doSample }: GenerationConfig,
  streamer: GenerateOptions["streamer"],
): void {
  if (streamer && numBeams > 1) {
    throw new TypeError(
      `Cannot stream with ${numBeams} beams: what they choose may be dropped`,
    );
  }
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
