// Copyright 2026 the swagpu authors. MIT license.

/**
 * The tasks that there are pipelines for: their types, the model that each is
 * loaded with, and the function that makes it.
 *
 * @module
 */

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
import type { LoadedParts, PretrainedOptions } from "../pretrained.ts";
import type { Tasks } from "../registry.ts";
import type { AnyModel, Pipeline, PipelineSetup } from "./base.ts";
import {
  featureExtraction,
  type FeatureExtractionPipeline,
} from "./feature_extraction.ts";
import { fillMask, type FillMaskPipeline } from "./fill_mask.ts";
import {
  questionAnswering,
  type QuestionAnsweringPipeline,
} from "./question_answering.ts";
import {
  sentenceEmbedding,
  type SentenceEmbeddingPipeline,
} from "./sentence_embedding.ts";
import { readSentenceModules } from "./read_sentence_modules.ts";
import type { SentenceModules } from "./sentence_modules.ts";
import {
  sentenceSimilarity,
  type SentenceSimilarityPipeline,
} from "./sentence_similarity.ts";
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
import {
  zeroShotClassification,
  type ZeroShotClassificationPipeline,
} from "./zero_shot_classification.ts";

/** The pipeline of each task. */
export interface PipelineTasks {
  /** Labels texts. */
  "text-classification": TextClassificationPipeline;
  /** Another name of `text-classification`. */
  "sentiment-analysis": TextClassificationPipeline;
  /** Labels tokens, or finds entities. */
  "token-classification": TokenClassificationPipeline;
  /** Another name of `token-classification`. */
  "ner": TokenClassificationPipeline;
  /** Labels texts by any labels, with a model of natural language inference. */
  "zero-shot-classification": ZeroShotClassificationPipeline;
  /** Finds the part of a text that answers a question. */
  "question-answering": QuestionAnsweringPipeline;
  /** Predicts masked tokens. */
  "fill-mask": FillMaskPipeline;
  /** Computes hidden states. */
  "feature-extraction": FeatureExtractionPipeline;
  /** Makes one vector of each sentence. */
  "sentence-embedding": SentenceEmbeddingPipeline;
  /** Compares a sentence with others. */
  "sentence-similarity": SentenceSimilarityPipeline;
  /** Writes texts from texts. */
  "text2text-generation": Text2TextGenerationPipeline;
  /** Summarizes texts. */
  "summarization": SummarizationPipeline;
  /** Translates texts. */
  "translation": TranslationPipeline;
  /**
   * Translates between two languages, as in `translation_en_to_fr`. The model's
   * configuration may hold parameters for them.
   */
  [task: `translation_${string}_to_${string}`]: TranslationPipeline;
  /** Continues texts. */
  "text-generation": TextGenerationPipeline;
}

/** The name of a task. */
export type PipelineTask = keyof PipelineTasks;

/** How the pipeline of a task is made. */
export interface Recipe {
  /** The kind of model. */
  readonly kind: keyof Tasks;
  load(
    source: string,
    options: PretrainedOptions,
  ): Promise<LoadedParts<AnyModel>>;
  /** Reads how sentences are embedded, where the task does so. */
  readModules?(
    source: string,
    options: PretrainedOptions,
  ): Promise<SentenceModules>;
  make(setup: PipelineSetup<AnyModel>): Pipeline;
}

function recipe<M extends AnyModel, P extends Pipeline<M>>(
  kind: keyof Tasks,
  auto: AutoClass<NoInfer<M>>,
  make: (setup: PipelineSetup<M>) => P,
): Recipe {
  return {
    kind,
    load: (source, options) => auto.loadParts(source, options),
    // The model is what `load` returned, or the caller's, whose type was checked.
    make: (setup) => make(setup as PipelineSetup<M>),
  };
}

type Seq2SeqSetup = PipelineSetup<Tasks["seq2SeqLM"]>;

const CLASSIFY = recipe(
  "sequenceClassification",
  AutoModelForSequenceClassification,
  textClassification,
);
const LABEL = recipe(
  "tokenClassification",
  AutoModelForTokenClassification,
  tokenClassification,
);
const TRANSLATE = recipe(
  "seq2SeqLM",
  AutoModelForSeq2SeqLM,
  (setup: Seq2SeqSetup) =>
    text2Text(setup, (translationText) => ({ translationText })),
);

const RECIPES: Readonly<Record<string, Recipe>> = {
  "text-classification": CLASSIFY,
  "sentiment-analysis": CLASSIFY,
  "token-classification": LABEL,
  "ner": LABEL,
  "zero-shot-classification": recipe(
    "sequenceClassification",
    AutoModelForSequenceClassification,
    zeroShotClassification,
  ),
  "question-answering": recipe(
    "questionAnswering",
    AutoModelForQuestionAnswering,
    questionAnswering,
  ),
  "fill-mask": recipe("maskedLM", AutoModelForMaskedLM, fillMask),
  "feature-extraction": recipe("base", AutoModel, featureExtraction),
  "sentence-embedding": {
    ...recipe("base", AutoModel, sentenceEmbedding),
    readModules: readSentenceModules,
  },
  "sentence-similarity": {
    ...recipe("base", AutoModel, sentenceSimilarity),
    readModules: readSentenceModules,
  },
  "text2text-generation": recipe(
    "seq2SeqLM",
    AutoModelForSeq2SeqLM,
    (setup: Seq2SeqSetup) =>
      text2Text(setup, (generatedText) => ({ generatedText })),
  ),
  "summarization": recipe(
    "seq2SeqLM",
    AutoModelForSeq2SeqLM,
    (setup: Seq2SeqSetup) =>
      text2Text(setup, (summaryText) => ({ summaryText })),
  ),
  "translation": TRANSLATE,
  "text-generation": recipe("causalLM", AutoModelForCausalLM, textGeneration),
};

/** The one task that leaves the states of the model as they are. */
const PLAIN_TASK = "feature-extraction";

/** The kinds of models that write texts. */
const WRITERS: readonly (keyof Tasks)[] = ["seq2SeqLM", "causalLM"];

/** The tasks that take a posterior. */
export const POSTERIOR_TASKS: readonly string[] = Object.keys(RECIPES)
  .filter((task) => task !== PLAIN_TASK);

/** The method of a posterior that a task needs; `undefined` if it takes none. */
export function posteriorMethod(
  task: string,
): "getLogits" | "mapSamples" | undefined {
  if (task === PLAIN_TASK) return undefined;
  return WRITERS.includes(recipeOf(task).kind) ? "mapSamples" : "getLogits";
}

/** @throws {RangeError} If there is no such task. */
export function recipeOf(task: string): Recipe {
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
