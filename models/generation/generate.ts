// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Generates texts token by token, by greedy search, sampling or beam search. The
 * results are those of Hugging Face's `generate`.
 *
 * An encoder runs once. A decoder runs once for each new token, and computes that
 * token only. Tokens are chosen on the GPU, and the host checks only now and then
 * whether all rows have ended.
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

/** Options of {@linkcode generate}, besides {@linkcode GenerationOptions}. */
export interface GenerateOptions extends GenerationOptions {
  /**
   * The prompts, `[batch, length]`, padded on the left; or, for a model with an
   * encoder, the sources, padded on the right. Prompts of length 0 begin with
   * `bosTokenId`.
   */
  inputIds: Rows;
  /**
   * 1 at tokens, 0 at padding.
   *
   * @default {0 at `padTokenId`, unless that is also an end token; else 1}
   */
  attentionMask?: Rows | undefined;
  /**
   * The first tokens of the answers, for a model with an encoder. The decoder's
   * start token is put before them if no row begins with it.
   *
   * @default {the decoder's start token, or else `bosTokenId`}
   */
  decoderInputIds?: Rows | undefined;
  /**
   * The configuration, of which the other options replace fields.
   *
   * @default {the model's own, else the fields of its configuration}
   */
  generationConfig?: GenerationConfig | undefined;
  /**
   * The source of random numbers for `doSample`. Each call takes one stream.
   *
   * @default {the default generator, see `manualSeed`}
   */
  generator?: Generator | undefined;
  /**
   * A function that is called after every step with the new token of each row;
   * rows that have ended get the padding token. It costs a read-back for each
   * step. It cannot be used with beams, because they may drop tokens again.
   *
   * @default {none}
   */
  streamer?: ((tokens: number[][]) => void) | undefined;
}

/** The result of {@linkcode generate}. */
export interface GenerateOutput {
  /**
   * The prompts with their new tokens, `[batch · numReturnSequences, length]`;
   * shorter rows are filled with the padding token. For a model with an encoder,
   * the answers, beginning with the decoder's start token.
   */
  sequences: number[][];
  /** The score of each row, from beam search. */
  sequencesScores?: number[];
}

/**
 * Continues prompts, or answers sources, until each row ends or has `maxLength`
 * tokens.
 *
 * With `numBeams` above 1, this is beam search. With `doSample`, tokens are
 * sampled; otherwise the best token is taken each time. The model should be in
 * evaluation mode.
 *
 * The host waits for the GPU ten times at most, however long the rows are, unless
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
 * @param options The prompts or sources, and how to continue them.
 * @returns The tokens of each row and, with beams, the scores.
 * @throws {TypeError} If the prompts are not rows, the options do not fit
 * together or are not supported, or the model does not use the cache it is
 * given.
 * @throws {RangeError} If the prompts leave no room for a token, a token is not
 * in the model's vocabulary, more rows are asked for than there are beams, the
 * model's scores hold NaN, or the options forbid every token of a row.
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
  checkTableSize(config, prompts.length, maxLength);
  const positions = answers
    ? []
    : masks.map((mask) => mask.filter((kept) => kept !== 0).length - 1);
  const searchOptions = {
    device: currentDevice(),
    config,
    prompts,
    positions,
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

/** The most tokens of a row. */
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

/** The most tokens in the table of a call, which then takes 256 MiB. */
const MOST_TOKENS = 2 ** 26;

function checkTableSize(
  { numBeams, numReturnSequences }: GenerationConfig,
  prompts: number,
  maxLength: number,
): void {
  const rows = Math.max(numBeams, numReturnSequences);
  const tokens = prompts * rows * maxLength;
  if (tokens <= MOST_TOKENS) return;
  throw new RangeError(
    `Cannot generate ${maxLength} tokens in ${rows} rows for each of ` +
      `${prompts} prompts: together these are ${tokens} tokens, and the most ` +
      `is ${MOST_TOKENS}; lower numBeams, numReturnSequences or maxLength`,
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
