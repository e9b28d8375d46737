// Copyright 2026 the swagpu authors. MIT license.

/**
 * A model and its tokenizer as one function from texts to results, for each
 * task.
 *
 * Arguments and results are those of Hugging Face's pipelines, in camelCase:
 * `entity_group` is `entityGroup`. A list of inputs gives a list of results in
 * the same order; where a number of results is asked for (`topK`,
 * `numReturnSequences`), each input of a list has a list of them, even of one.
 *
 * @module
 */

import { initialize } from "../../engine/mod.ts";
import { checkOptions } from "../../nn/mod.ts";
import {
  type AutoClass,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
} from "../auto.ts";
import { AutoTokenizer } from "../auto_tokenizer.ts";
import { checkCount } from "./scores.ts";
import {
  featureExtraction,
  type FeatureExtractionPipeline,
} from "./feature_extraction.ts";
import { fillMask, type FillMaskPipeline } from "./fill_mask.ts";
import type {
  PosteriorSampling,
  PosteriorSource,
  SampledPosterior,
} from "./posterior.ts";
import {
  questionAnswering,
  type QuestionAnsweringPipeline,
} from "./question_answering.ts";
import {
  type SummarizationPipeline,
  text2Text,
  type Text2TextGenerationPipeline,
  type TranslationPipeline,
} from "./text2text_generation.ts";
import {
  textClassification,
  type TextClassificationPipeline,
} from "./text_classification.ts";
import {
  textGeneration,
  type TextGenerationPipeline,
} from "./text_generation.ts";
import {
  tokenClassification,
  type TokenClassificationPipeline,
} from "./token_classification.ts";
import type { AnyModel, Pipeline, PipelineSetup } from "./types.ts";
import type { PretrainedOptions } from "../pretrained.ts";
import type { Tasks } from "../registry.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

export type * from "./feature_extraction.ts";
export type * from "./fill_mask.ts";
export type * from "./posterior.ts";
export type * from "./question_answering.ts";
export type * from "./text2text_generation.ts";
export type * from "./text_classification.ts";
export type * from "./text_generation.ts";
export type * from "./token_classification.ts";
export type * from "./types.ts";

/** The pipeline of each task. */
export interface PipelineTasks {
  /** Labels for texts. */
  "text-classification": TextClassificationPipeline;
  /** Another name of `text-classification`. */
  "sentiment-analysis": TextClassificationPipeline;
  /** Labels for tokens, or entities. */
  "token-classification": TokenClassificationPipeline;
  /** Another name of `token-classification`. */
  "ner": TokenClassificationPipeline;
  /** Answers that stand in a text. */
  "question-answering": QuestionAnsweringPipeline;
  /** Tokens for the places of masks. */
  "fill-mask": FillMaskPipeline;
  /** Hidden states. */
  "feature-extraction": FeatureExtractionPipeline;
  /** Texts from texts. */
  "text2text-generation": Text2TextGenerationPipeline;
  /** Summaries. */
  "summarization": SummarizationPipeline;
  /** Translations. */
  "translation": TranslationPipeline;
  /**
   * Translations between two languages, such as `translation_en_to_fr`, whose
   * parameters the configuration may hold.
   */
  [task: `translation_${string}_to_${string}`]: TranslationPipeline;
  /** Continuations of texts. */
  "text-generation": TextGenerationPipeline;
}

/** The name of a task. */
export type PipelineTask = keyof PipelineTasks;

/** What a pipeline can be made of, in place of a folder. */
export interface PipelineParts<T extends PipelineTask = PipelineTask> {
  /** A model of the task's kind; it is put into evaluation mode. */
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
  /** Rows that the model sees at a time. @default {8} */
  batchSize?: number;
  /** A tokenizer, or where it lies. @default {the model's source} */
  tokenizer?: Tokenizer | string;
  /**
   * A distribution over the model's weights, such as a `SwagModel`, or what
   * makes one for the loaded model; it is freed with the pipeline then. Scores of
   * `text-classification` and `token-classification` are means over its samples,
   * and labels of texts say how unsure they are.
   *
   * @default {none: the model's own weights}
   */
  posterior?: PosteriorSource | undefined;
  /** How to sample it. @default {30 samples of seed 0} */
  sampling?: PosteriorSampling | undefined;
}

/** The file that a posterior is written to, beside a model. */
const POSTERIOR_NAME = "swag.safetensors";

/** Tasks whose scores can be averaged. */
const AVERAGED: readonly string[] = [
  "text-classification",
  "sentiment-analysis",
  "token-classification",
  "ner",
];

/** How the pipeline of a task is made. */
interface Recipe {
  load(source: string, options: PretrainedOptions): Promise<AnyModel>;
  make(setup: PipelineSetup<AnyModel>): Pipeline;
}

function recipe<M extends AnyModel, P extends Pipeline<M>>(
  auto: AutoClass<NoInfer<M>>,
  make: (setup: PipelineSetup<M>) => P,
): Recipe {
  return {
    load: (source, options) => auto.fromPretrained(source, options),
    make: (setup) => make(setup as PipelineSetup<M>),
  };
}

type Seq2SeqSetup = PipelineSetup<Tasks["seq2SeqLM"]>;

const CLASSIFY = recipe(AutoModelForSequenceClassification, textClassification);
const LABEL = recipe(AutoModelForTokenClassification, tokenClassification);
const TRANSLATE = recipe(
  AutoModelForSeq2SeqLM,
  (setup: Seq2SeqSetup) =>
    text2Text(setup, (translationText) => ({ translationText })),
);

const RECIPES: Readonly<Record<string, Recipe>> = {
  "text-classification": CLASSIFY,
  "sentiment-analysis": CLASSIFY,
  "token-classification": LABEL,
  "ner": LABEL,
  "question-answering": recipe(
    AutoModelForQuestionAnswering,
    questionAnswering,
  ),
  "fill-mask": recipe(AutoModelForMaskedLM, fillMask),
  "feature-extraction": recipe(AutoModel, featureExtraction),
  "text2text-generation": recipe(
    AutoModelForSeq2SeqLM,
    (setup: Seq2SeqSetup) =>
      text2Text(setup, (generatedText) => ({ generatedText })),
  ),
  "summarization": recipe(
    AutoModelForSeq2SeqLM,
    (setup: Seq2SeqSetup) =>
      text2Text(setup, (summaryText) => ({ summaryText })),
  ),
  "translation": TRANSLATE,
  "text-generation": recipe(AutoModelForCausalLM, textGeneration),
};

/**
 * Makes a function that does a task: from texts to results, in batches of rows
 * of like length.
 *
 * It opens the GPU if that has not been done. The pipeline's type says what it
 * takes and gives; it can be called several times at once.
 *
 * @param task What to do.
 * @param source A folder, a name on the hub, or a model and its tokenizer. Only
 * a model that was loaded here is freed with the pipeline.
 * @param options How to find the files, and rows at a time.
 * @throws {RangeError} If there is no such task, or the architecture has no
 * model for it.
 * @throws {TypeError} If a posterior is given for a task that it is not for.
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
 * @example With the posterior that lies beside a model
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
 * ```
 */
export async function pipeline<T extends PipelineTask>(
  task: T,
  source: string | PipelineParts<T>,
  options: PipelineOptions = {},
): Promise<PipelineTasks[T]> {
  const { make, load } = recipeOf(task);
  checkOptions(options, { action: "make a pipeline", known: OPTIONS });
  const { batchSize = 8, tokenizer, posterior, sampling = {}, ...rest } =
    options;
  checkCount("batchSize", batchSize);
  checkCount("numPredictions", sampling.numPredictions ?? 1);
  if (options.sampling && !posterior) {
    throw new TypeError(
      "Cannot sample without a posterior: give one, such as a SwagModel",
    );
  }
  if (posterior && !AVERAGED.includes(task)) {
    throw new TypeError(
      `Cannot use a posterior for ${task}: it is for ${AVERAGED.join(", ")}`,
    );
  }
  await initialize();
  const parts = typeof source === "string"
    ? await loadParts(load, source, tokenizer ?? source, rest)
    : source;
  const owned = typeof source === "string";
  if (owned && !posterior) await tellOfPosterior(source);
  try {
    parts.model.config.checkVocabulary(parts.tokenizer);
    const own = typeof posterior === "function"
      ? await posterior(parts.model)
      : posterior;
    if (posterior && typeof own?.getLogits !== "function") {
      throw new TypeError(
        `Cannot use ${own} as a posterior: expected a SwagModel, or another ` +
          "object with getLogits()",
      );
    }
    const sampled: SampledPosterior | undefined = own &&
      { posterior: own, sampling };
    const made = make({ ...parts, task, batchSize, owned, sampled });
    if (typeof posterior === "function") {
      alsoFrees(made, sampled?.posterior);
    }
    return made as PipelineTasks[T];
  } catch (error) {
    if (owned) parts.model.dispose();
    throw error;
  }
}

/** Says on the console that a posterior beside a model is not used. */
async function tellOfPosterior(folder: string): Promise<void> {
  const path = `${folder}/${POSTERIOR_NAME}`;
  try {
    await Deno.stat(path);
  } catch {
    return;
  }
  // deno-lint-ignore no-console -- results would be surer than they should be
  console.warn(
    `pipeline: the posterior in ${path} is not used; give posterior: (model) ` +
      "=> SwagModel.load(path, model) to average over its samples",
  );
}

/** Lets a pipeline free its posterior, too. */
function alsoFrees(made: Pipeline, posterior: unknown): void {
  const { dispose } = made;
  const both = () => {
    (posterior as Partial<Disposable> | undefined)?.[Symbol.dispose]?.();
    dispose();
  };
  Object.assign(made, { dispose: both, [Symbol.dispose]: both });
}

function recipeOf(task: string): Recipe {
  if (Object.hasOwn(RECIPES, task)) {
    const found = RECIPES[task];
    if (found) return found;
  }
  if (/^translation_.+_to_.+$/.test(task)) return TRANSLATE;
  throw new RangeError(
    `Cannot make a pipeline for "${task}": the tasks are ${
      Object.keys(RECIPES).map((name) => `"${name}"`).join(", ")
    }, "translation_xx_to_yy"`,
  );
}

/** Loads the tokenizer, which is small, and then the model. */
async function loadParts(
  load: Recipe["load"],
  source: string,
  tokenizer: Tokenizer | string,
  options: PretrainedOptions,
): Promise<{ model: AnyModel; tokenizer: Tokenizer }> {
  const found = typeof tokenizer === "string"
    ? await AutoTokenizer.fromPretrained(tokenizer, options)
    : tokenizer;
  return { tokenizer: found, model: await load(source, options) };
}
