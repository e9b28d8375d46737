// Copyright 2026 the swagpu authors. MIT license.

/**
 * Makes the pipeline of a task from a model and its tokenizer, which it loads or
 * is given.
 *
 * @module
 */

import { initialize } from "../../engine/mod.ts";
import { exists } from "../../nn/formats/mod.ts";
import { checkOptions } from "../../nn/mod.ts";
import { AutoTokenizer } from "../auto_tokenizer.ts";
import { checkOwnPosterior } from "../own_posterior.ts";
import type { LoadedParts, PretrainedOptions } from "../pretrained.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import type { AnyModel } from "./base.ts";
import { checkSource } from "./check_parts.ts";
import type { PosteriorSampling, PosteriorSource } from "./posterior.ts";
import { checkCount } from "./scores.ts";
import {
  type PipelineTask,
  type PipelineTasks,
  POSTERIOR_TASKS,
  posteriorMethod,
  type Recipe,
  recipeOf,
} from "./tasks.ts";

/**
 * A model and its tokenizer, from which a pipeline can be made without loading.
 */
export interface PipelineParts<T extends PipelineTask = PipelineTask> {
  /** A model of the task's kind. It is put into evaluation mode. */
  model: PipelineTasks[T]["model"];
  /** The tokenizer that belongs to it. */
  tokenizer: Tokenizer;
}

/** The names of {@linkcode PipelineOptions}. */
const OPTIONS = [
  "batchSize",
  "tokenizer",
  "posterior",
  "sampling",
  "config",
  "ignoreMismatchedSizes",
  "onLoad",
  "revision",
  "cacheFolder",
  "endpoint",
  "token",
  "files",
  "optionalFiles",
  "offline",
  "timeout",
  "signal",
] satisfies (keyof PipelineOptions)[];

/** Options of {@linkcode pipeline}. */
export interface PipelineOptions extends PretrainedOptions {
  /** The number of rows that the model computes at a time. @default {8} */
  batchSize?: number;
  /**
   * The tokenizer, or the folder or repository that it is loaded from.
   *
   * @default {the model's source}
   */
  tokenizer?: Tokenizer | string;
  /**
   * A distribution over the model's weights, for example a `SwagModel`, or a
   * function that makes one for the loaded model; the pipeline then frees what
   * the function returned. Scores and embeddings become means over its samples; of
   * texts that samples write, the one is chosen that the others agree with most.
   * Results also hold how unsure they are. It is for all tasks but
   * `feature-extraction`.
   *
   * A folder that was written around a posterior, such as that of a `swag_bert`,
   * brings its own; `null` leaves it out.
   *
   * @default {the folder's own, if it was written around one; else none: the model's
   * weights}
   */
  posterior?: PosteriorSource | null | undefined;
  /**
   * How to sample the posterior.
   *
   * @default {30 samples of seed 0; 10 where texts are written}
   */
  sampling?: PosteriorSampling | undefined;
}

/** The name of the file beside a model that may hold its posterior. */
const POSTERIOR_NAME = "swag.safetensors";

/**
 * Makes a function that performs a task: it takes texts and returns results. It
 * computes them in batches of texts of similar length.
 *
 * The GPU is opened if that has not happened yet. The type of the pipeline says
 * what it takes and returns. It may be called again while a call is running.
 *
 * @param task The name of the task.
 * @param source A folder or a repository of the hub, from which the model is
 * loaded and then freed with the pipeline; or a model and its tokenizer, which
 * stay the caller's.
 * @param options How to find and load the files, how many rows to compute at a
 * time, and a posterior.
 * @returns The pipeline: a function with the model, the tokenizer and
 * `dispose()`.
 * @throws {RangeError} If there is no such task, or the architecture has no
 * model for it.
 * @throws {TypeError} If the model has another head than the task needs, or an
 * option is given that has no use there: a posterior for a task that cannot
 * average, or how to load a model that is given.
 *
 * @example A tiny, untrained classifier
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   pipeline,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const words = "[PAD] [UNK] [CLS] [SEP] [MASK] i like hate it";
 * const tokenizer = new Tokenizer(
 *   new Map([["vocab.txt", words.replaceAll(" ", "\n")]]),
 * );
 * const model = new BertForSequenceClassification(
 *   new BertConfig({
 *     vocabSize: tokenizer.vocabSize,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *     id2label: { 0: "bad", 1: "good" },
 *   }),
 * );
 * const classify = await pipeline("text-classification", { model, tokenizer });
 * const results = await classify(["I like it", "I hate it"], { topK: 2 });
 * assertEquals(results.length, 2);
 * assertEquals(results[0]?.map(({ label }) => label).toSorted(), ["bad", "good"]);
 * ```
 *
 * @example Labels that the model has not seen
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   pipeline,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const words = "[PAD] [UNK] [CLS] [SEP] [MASK] the team won this is about";
 * const tokenizer = new Tokenizer(
 *   new Map([["vocab.txt", words.replaceAll(" ", "\n")]]),
 * );
 * const model = new BertForSequenceClassification(
 *   new BertConfig({
 *     vocabSize: tokenizer.vocabSize,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *     id2label: { 0: "contradiction", 1: "neutral", 2: "entailment" },
 *   }),
 * );
 * const parts = { model, tokenizer };
 * const classify = await pipeline("zero-shot-classification", parts);
 * const { labels, scores } = await classify("The team won", ["sports", "art"], {
 *   hypothesisTemplate: "This is about {}.",
 * });
 * assertEquals(labels.toSorted(), ["art", "sports"]);
 * assertEquals(scores.length, 2);
 * ```
 *
 * @example Sentences as vectors
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertModel,
 *   cosineSimilarity,
 *   pipeline,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { assertAlmostEquals, assertEquals } from "@std/assert";
 *
 * await initialize();
 * const words = "[PAD] [UNK] [CLS] [SEP] [MASK] i like hate it";
 * const tokenizer = new Tokenizer(
 *   new Map([["vocab.txt", words.replaceAll(" ", "\n")]]),
 * );
 * const model = new BertModel(
 *   new BertConfig({
 *     vocabSize: tokenizer.vocabSize,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *   }),
 * );
 * const embed = await pipeline("sentence-embedding", { model, tokenizer });
 * const [a, b] = await embed(["I like it", "I hate it"], { normalize: true });
 * assertEquals(a!.length, 16);
 *
 * const compare = await pipeline("sentence-similarity", { model, tokenizer });
 * const [similarity] = await compare({
 *   sourceSentence: "I like it",
 *   sentences: ["I hate it"],
 * });
 * assertAlmostEquals(similarity!, cosineSimilarity(a!, b!), 1e-4);
 * ```
 *
 * @example An answer, and how far samples of the weights disagree about it
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForQuestionAnswering,
 *   pipeline,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { SwagModel } from "@swagpu/swagpu/swag";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const words = "[PAD] [UNK] [CLS] [SEP] [MASK] who won the team in paris";
 * const tokenizer = new Tokenizer(
 *   new Map([["vocab.txt", words.replaceAll(" ", "\n")]]),
 * );
 * const model = new BertForQuestionAnswering(
 *   new BertConfig({
 *     vocabSize: tokenizer.vocabSize,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *   }),
 * );
 * const posterior = SwagModel.fromBase(model);
 * posterior.collectModel(); // along a training, many times
 *
 * const parts = { model, tokenizer };
 * const ask = await pipeline("question-answering", parts, {
 *   posterior,
 *   sampling: { numPredictions: 4 },
 * });
 * const { answer, score, std } = await ask({
 *   question: "Who won?",
 *   context: "The team won in Paris",
 * });
 * assert("The team won in Paris".includes(answer));
 * // All samples of a single collection are the same.
 * assert(score > 0 && (std ?? NaN) < 1e-6);
 * ```
 *
 * @example With the posterior that is saved beside a model
 * ```ts ignore
 * import { pipeline } from "@swagpu/swagpu/models";
 * import { SwagModel } from "@swagpu/swagpu/swag";
 *
 * const folder = "my-model";
 * using classify = await pipeline("text-classification", folder, {
 *   posterior: (model) => SwagModel.load(`${folder}/swag.safetensors`, model),
 *   sampling: { scale: 0.5 },
 * });
 * const [{ label, score, mutualInformation }] = await classify("So so.");
 * ```
 *
 * @example Models of the hub
 * ```ts ignore
 * import { pipeline } from "@swagpu/swagpu/models";
 *
 * using answer = await pipeline(
 *   "question-answering",
 *   "deepset/roberta-base-squad2",
 * );
 * const { score, start, end, answer: text } = await answer({
 *   question: "Where do I live?",
 *   context: "My name is Wolfgang and I live in Berlin",
 * });
 *
 * using ner = await pipeline("ner", "dslim/bert-base-NER");
 * const entities = await ner("My name is Wolfgang and I live in Berlin", {
 *   aggregationStrategy: "simple",
 * });
 *
 * using translate = await pipeline("translation", "Helsinki-NLP/opus-mt-en-de");
 * const [first] = await translate("I live in Berlin.", { numBeams: 2 });
 *
 * using sort = await pipeline(
 *   "zero-shot-classification",
 *   "facebook/bart-large-mnli",
 * );
 * const { labels, scores } = await sort(
 *   "My phone must be repaired at once!",
 *   ["urgent", "phone", "computer"],
 *   { multiLabel: true },
 * );
 *
 * using compare = await pipeline(
 *   "sentence-similarity",
 *   "sentence-transformers/bert-base-nli-mean-tokens",
 * );
 * const similarities = await compare({
 *   sourceSentence: "That is a happy person",
 *   sentences: ["That is a happy dog", "Today is a sunny day"],
 * });
 * ```
 */
export async function pipeline<T extends PipelineTask>(
  task: T,
  source: string | PipelineParts<T>,
  options: PipelineOptions = {},
): Promise<PipelineTasks[T]> {
  const { kind, make, load, readModules } = recipeOf(task);
  checkOptions(options, { action: "make a pipeline", known: OPTIONS });
  const { batchSize = 8, tokenizer, posterior, sampling = {}, ...rest } =
    options;
  checkCount("batchSize", batchSize);
  checkCount("numPredictions", sampling.numPredictions ?? 1);
  const owned = typeof source === "string";
  const method = posteriorMethod(task);
  const mayHaveOwn = owned && method && posterior === undefined;
  if (options.sampling && !posterior && !mayHaveOwn) throw withoutPosterior();
  if (posterior && !method) {
    const tasks = POSTERIOR_TASKS.join(", ");
    throw new TypeError(
      `Cannot use a posterior for ${task}: it is for ${tasks}`,
    );
  }
  checkSource(task, source, { kind, loading: { tokenizer, ...rest } });
  await initialize();
  const modules = owned ? await readModules?.(source, rest) : undefined;
  const parts = owned
    ? await loadParts(load, {
      source: modules?.transformer ?? source,
      tokenizer,
      options: rest,
    }).catch((error) => {
      modules?.[Symbol.dispose]();
      throw error;
    })
    : { ...source, posterior: undefined };
  const wrapper = usedWrapper(parts.posterior, { task, source, posterior });
  // What the caller's function has made for this pipeline alone.
  let made: object | undefined;
  const release = () => {
    disposeOf(made);
    wrapper?.[Symbol.dispose]();
    if (owned) parts.model.dispose();
    modules?.[Symbol.dispose]();
  };
  try {
    if (owned && posterior === undefined && !parts.posterior) {
      await warnOfUnusedPosterior(source);
    }
    parts.model.config.checkVocabulary(parts.tokenizer);
    const own = typeof posterior === "function"
      ? await posterior(parts.model)
      : posterior ?? wrapper;
    if (typeof posterior === "function") made = own;
    if (options.sampling && !own) throw withoutPosterior();
    if ((posterior || own) && method && typeof own?.[method] !== "function") {
      throw new TypeError(
        `Cannot use ${own} as a posterior: expected a SwagModel, or another ` +
          `object with ${method}()`,
      );
    }
    if (own) checkOwnPosterior(parts.model, own);
    return make({
      model: parts.model,
      tokenizer: parts.tokenizer,
      task,
      batchSize,
      sampled: own && { posterior: own, sampling },
      modules,
      release,
    }) as PipelineTasks[T];
  } catch (error) {
    release();
    throw error;
  }
}

function withoutPosterior(): TypeError {
  return new TypeError(
    "Cannot sample without a posterior: give one, such as a SwagModel",
  );
}

/**
 * The posterior around which a folder was written, if it is to be used; else it is
 * freed.
 */
function usedWrapper<W extends Disposable>(
  wrapper: W | undefined,
  { task, source, posterior }: {
    task: string;
    source: unknown;
    /** The option. */
    posterior: PosteriorSource | null | undefined;
  },
): W | undefined {
  if (!wrapper) return undefined;
  if (posterior === undefined && posteriorMethod(task)) return wrapper;
  wrapper[Symbol.dispose]();
  if (posterior !== undefined) return undefined;
  // deno-lint-ignore no-console -- results look more certain than they are
  console.warn(
    `pipeline: the posterior of ${source} is not used, because ${task} cannot ` +
      "average over its samples; give posterior: null to say so",
  );
  return undefined;
}

/** Prints a warning if there is a posterior beside a model. */
async function warnOfUnusedPosterior(folder: string): Promise<void> {
  const path = `${folder}/${POSTERIOR_NAME}`;
  if (!await exists(path)) return;
  // deno-lint-ignore no-console -- results look more certain than they are
  console.warn(
    `pipeline: the posterior in ${path} is not used; give posterior: (model) ` +
      "=> SwagModel.load(path, model) to average over its samples",
  );
}

/** Frees a posterior, if it holds memory. */
function disposeOf(posterior: object | undefined): void {
  (posterior as Partial<Disposable> | undefined)?.[Symbol.dispose]?.();
}

/** Loads the tokenizer first, because it is small, and then the model. */
async function loadParts(
  load: Recipe["load"],
  { source, tokenizer = source, options }: {
    source: string;
    tokenizer: Tokenizer | string | undefined;
    options: PretrainedOptions;
  },
): Promise<LoadedParts<AnyModel> & { readonly tokenizer: Tokenizer }> {
  const found = typeof tokenizer === "string"
    ? await AutoTokenizer.fromPretrained(tokenizer, options)
    : tokenizer;
  return { tokenizer: found, ...await load(source, options) };
}
