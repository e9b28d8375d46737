// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Generates texts with several samples of a model's weights, and measures how far the
 * samples disagree: about each token, about whole texts, and about what they mean.
 *
 * @module
 */

import type { Utility } from "../../nn/metrics/mod.ts";
import { checkOwnPosterior } from "../own_posterior.ts";
import type { PosteriorSampling, WeightSamples } from "../weight_samples.ts";
import { isCausal, type ScoringModel } from "./answer_batch.ts";
import { type AnswerScores, scoreAnswers } from "./answer_scores.ts";
import {
  type AnswerUncertainty,
  measureAnswers,
} from "./answer_uncertainty.ts";
import { generate, type GenerateOptions } from "./generate.ts";
import { GenerationConfig } from "./generation_config.ts";
import { begunRows, maskOf, readRows, targetsOf } from "./prompts.ts";
import {
  answerOf,
  type DistinctAnswer,
  distinctAnswers,
  type RowDecoder,
  textsOfAnswers,
} from "./written_rows.ts";

/**
 * Options of {@linkcode generateWithUncertainty}, besides those of `generate`.
 */
export interface UncertainGenerateOptions
  extends Omit<GenerateOptions, "streamer"> {
  /** The distribution over the weights of the model, such as a `SwagModel`. */
  posterior: WeightSamples;
  /** Turns tokens into texts: the tokenizer of the model. */
  tokenizer: RowDecoder;
  /**
   * Which samples of the weights, and how many. Each writes an answer to each prompt,
   * or `numReturnSequences`.
   *
   * @default {10 samples of seed 0}
   */
  sampling?: PosteriorSampling | undefined;
  /**
   * Whether two texts mean the same, such as that each entails the other. It is
   * called for different texts only, and may be asynchronous.
   *
   * @default {no two different texts mean the same}
   */
  equivalent?:
    | ((a: string, b: string) => boolean | PromiseLike<boolean>)
    | undefined;
  /**
   * How good a text is if another one is right, by which the answer is chosen.
   *
   * @default {`sentenceChrf`, the share of runs of characters that both have}
   */
  utility?: Utility<string> | undefined;
  /**
   * How the samples' predictions of the next token are mixed: `"pe"` takes their mean
   * (product of expectations), `"ep"` weights them by the probability that each gives
   * to the text so far (expectation of products).
   *
   * @default {"pe"}
   */
  mode?: "pe" | "ep" | undefined;
}

/**
 * Generates as `generate` does, with each of several samples of the model's weights,
 * and measures how far the answers and the samples differ. Afterwards the model has its
 * own weights again.
 *
 * For each prompt:
 *
 * 1. Each sample writes an answer. Tokens need not be drawn for that: each sample of
 *    the weights has its own best answer.
 * 2. All samples score all answers. What they disagree about is uncertainty that more
 *    training data would remove: mutual information, for each token and for whole
 *    texts.
 * 3. Answers that mean the same form a cluster; the entropy over the clusters is the
 *    semantic entropy.
 * 4. The answer with the largest expected utility is chosen (minimum Bayes risk): the
 *    one that all answers agree with most.
 *
 * Measures have the definitions of lm-polygraph; see `ensembleTextUncertainty`,
 * `semanticEntropy` and `minimumBayesRisk`. Probabilities are those of the model,
 * before `temperature`, `topK` and other options change the scores.
 *
 * Generation and scoring draw each sample again, so that the memory does not grow
 * with their number. Until the promise settles, whatever else uses the model computes
 * with some sample; pipelines that write wait for each other. With `MCDropout` a sample drops other elements in each run.
 *
 * @param model A decoder, with or without an encoder beside it.
 * @param options The posterior, the tokenizer, the prompts or sources, and how to
 * continue them.
 * @returns The answer to each prompt with its uncertainty.
 * @throws {TypeError} If a posterior or tokenizer is missing, the posterior is over
 * another model or scales logits, or a prompt holds nothing but padding; and what `generate` and the
 * posterior throw.
 * @throws {RangeError} If a score of the model, or a utility, is NaN, or the mode is
 * unknown.
 *
 * @example How sure a model is of what it writes
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BartConfig,
 *   BartForConditionalGeneration,
 *   generateWithUncertainty,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { SwagModel } from "@swagpu/swagpu/swag";
 * import { assert, assertEquals } from "@std/assert";
 *
 * await initialize();
 * const words = "[PAD] [UNK] [CLS] [SEP] [MASK] a small dog barks";
 * const tokenizer = new Tokenizer(
 *   new Map([["vocab.txt", words.replaceAll(" ", "\n")]]),
 * );
 * const model = new BartForConditionalGeneration(
 *   new BartConfig({
 *     vocabSize: tokenizer.vocabSize,
 *     dModel: 16,
 *     encoderLayers: 1,
 *     decoderLayers: 1,
 *     encoderAttentionHeads: 2,
 *     decoderAttentionHeads: 2,
 *     encoderFfnDim: 32,
 *     decoderFfnDim: 32,
 *     padTokenId: 0,
 *     eosTokenId: 3,
 *     decoderStartTokenId: 2,
 *   }),
 * ).eval();
 * const posterior = SwagModel.fromBase(model);
 * posterior.collectModel(); // along a training, many times
 *
 * const [answer] = await generateWithUncertainty(model, {
 *   posterior,
 *   tokenizer,
 *   sampling: { numPredictions: 4, scale: 0.5, seed: 7 },
 *   inputIds: [tokenizer.encode("a small dog").inputIds],
 *   maxNewTokens: 4,
 *   equivalent: (a, b) => a.toLowerCase() === b.toLowerCase(),
 * });
 * assert(answer);
 * // All samples of a single collection are the same.
 * assertEquals(answer.candidates.length, 1);
 * assertEquals(answer.semanticEntropy.discrete, 0);
 * assert(answer.tokenMutualInformation < 1e-5);
 * ```
 */
export async function generateWithUncertainty(
  model: ScoringModel,
  options: UncertainGenerateOptions,
): Promise<AnswerUncertainty[]> {
  const {
    posterior,
    tokenizer,
    sampling = {},
    equivalent = () => false,
    utility,
    mode = "pe",
    ...generation
  } = options;
  check(model, options);
  // All calls must draw the same samples.
  const { defaultPredictions = 10 } = posterior;
  const { numPredictions = Math.min(10, defaultPredictions), seed = 0 } =
    sampling;
  const samples = { ...sampling, numPredictions, seed };
  const prompts = await promptsOf(model, generation);
  const { inputIds, attentionMask, decoderInputIds, config } = prompts;
  const outputs = await posterior.mapSamples(
    async () =>
      (await generate(model, {
        ...generation,
        ...{ inputIds, attentionMask, decoderInputIds },
      })).sequences,
    samples,
  );
  const each = config.numReturnSequences;
  const written = prompts.all.map(({ length }, prompt) =>
    distinctAnswers(
      outputs.flatMap((rows) =>
        rows.slice(prompt * each, (prompt + 1) * each)
          .map((row) => answerOf(row, length, config))
      ),
    )
  );
  const scores = await scoreAnswers(
    model,
    written.flatMap((answers, prompt) =>
      answers.map(({ tokens }) => ({
        source: prompts.all[prompt]?.source ?? [],
        prefix: prompts.all[prompt]?.prefix ?? [],
        tokens,
      }))
    ),
    { posterior, sampling: samples, mode, batchSize: inputIds.length * each },
  );
  const results: AnswerUncertainty[] = [];
  let at = 0;
  for (const [prompt, answers] of written.entries()) {
    const own = scores.slice(at, at += answers.length);
    const prefix = isCausal(model) ? prompts.all[prompt]?.prefix ?? [] : [];
    const texts = textsOfAnswers(answers, prefix, tokenizer);
    results.push(
      await measureAnswers(joined(answers, texts, own), {
        ...{ equivalent, mode },
        ...utility && { utility },
      }),
    );
  }
  return results;
}

/** What is known of each answer. */
function joined(
  answers: readonly DistinctAnswer[],
  texts: readonly string[],
  scores: readonly AnswerScores[],
) {
  return answers.map((answer, i) => ({
    ...answer,
    text: texts[i] ?? "",
    scores: scores[i] as AnswerScores,
  }));
}

/**
 * @throws {TypeError} If something is missing, or cannot be used.
 * @throws {RangeError} If the mode is unknown.
 */
function check(model: ScoringModel, options: UncertainGenerateOptions): void {
  const { posterior, tokenizer } = options;
  if (typeof posterior?.mapSamples !== "function") {
    throw new TypeError(
      `Cannot generate with samples of ${posterior}: expected a SwagModel, or ` +
        "another posterior with mapSamples()",
    );
  }
  checkOwnPosterior(model, posterior);
  const { temperature = 1 } = posterior;
  if (temperature !== 1) {
    throw new TypeError(
      `Cannot generate with a posterior at temperature ${temperature}: it would not ` +
        "count; the option temperature changes how tokens are drawn",
    );
  }
  if (typeof tokenizer?.batchDecode !== "function") {
    throw new TypeError(
      `Cannot compare answers as texts by ${tokenizer}: expected a tokenizer`,
    );
  }
  const { mode = "pe", equivalent, utility } = options;
  for (const [name, compare] of Object.entries({ equivalent, utility })) {
    if (compare === undefined || typeof compare === "function") continue;
    throw new TypeError(
      `Cannot compare answers by ${name} ${compare}: expected a function of two ` +
        "texts",
    );
  }
  if (mode !== "pe" && mode !== "ep") {
    throw new RangeError(
      `Cannot mix samples by mode ${
        JSON.stringify(mode)
      }: expected "pe" or "ep"`,
    );
  }
  if (!("streamer" in options) || options.streamer === undefined) return;
  throw new TypeError(
    "Cannot stream answers of several samples: they are written one after the " +
      "other",
  );
}

/** A prompt on the host. */
interface Prompt {
  /** The source's tokens; none where the model has no encoder. */
  readonly source: readonly number[];
  /** The tokens before the answer, without padding. */
  readonly prefix: readonly number[];
  /** How many tokens of the rows that are written come before the answer. */
  readonly length: number;
}

/** Reads the prompts once for all samples, as `generate` understands them. */
async function promptsOf(
  model: ScoringModel,
  options: Omit<GenerateOptions, "streamer">,
) {
  const { inputIds, attentionMask, decoderInputIds, generationConfig } =
    options;
  const { generator: _, ...fields } = options;
  const config = (generationConfig ?? model.generationConfig ??
    GenerationConfig.fromModelConfig(model.config)).with(fieldsOf(fields));
  const causal = isCausal(model);
  const [rows = [], givenMasks, targets] = await readRows({
    inputIds: causal ? begunRows(inputIds, config) : inputIds,
    attentionMask,
    decoderInputIds,
  });
  const masks = givenMasks ?? maskOf(rows, config);
  const begun = causal ? rows : targetsOf(rows, targets, config);
  const all = rows.map((row, i): Prompt => {
    const real = row.filter((_, t) => masks[i]?.[t] !== 0);
    if (causal && real.length === 0) {
      throw new TypeError(
        `Cannot generate from inputIds: row ${i} holds nothing but padding, give a ` +
          "token",
      );
    }
    const { length = 0 } = begun[i] ?? [];
    return causal
      ? { source: [], prefix: real, length }
      : { source: real, prefix: begun[i] ?? [], length };
  });
  return {
    ...{ all, config, inputIds: rows },
    attentionMask: givenMasks,
    decoderInputIds: targets,
  };
}

/** The options that replace fields of the configuration. */
function fieldsOf(
  options: Omit<GenerateOptions, "streamer" | "generator">,
) {
  const {
    inputIds: _ids,
    attentionMask: _mask,
    decoderInputIds: _targets,
    generationConfig: _config,
    ...fields
  } = options;
  return fields;
}
