// Copyright 2026 the swagpu authors. MIT license.

/**
 * A model and its tokenizer as one function from texts to results, for each
 * task.
 *
 * Arguments and results are those of Hugging Face's pipelines, in camelCase:
 * `entity_group` is `entityGroup`. A list of inputs gives a list of results in
 * the same order. Where a number of results is asked for (`topK`,
 * `numReturnSequences`), each input of a list has a list of results, even of one.
 *
 * @module
 */

export * from "./pipeline.ts";
export type { PipelineTask, PipelineTasks } from "./tasks.ts";
export type {
  AnyModel,
  CallOptions,
  Pipeline,
  TruncatedOptions,
} from "./base.ts";
export type {
  LabelUncertainty,
  PosteriorSampling,
  PosteriorSource,
  ScoreFunction,
  WeightPosterior,
} from "./posterior.ts";
export type {
  AggregationStrategy,
  EntityGroup,
  TokenLabel,
} from "./entities.ts";
export type { GenerationCallOptions } from "./generation_options.ts";
export type { WritingUncertainty } from "./written_answers.ts";
export type {
  FeatureExtractionOptions,
  FeatureExtractionPipeline,
  PooledFeatures,
  PooledFeaturesOptions,
  TextFeatures,
  TokenFeaturesOptions,
} from "./feature_extraction.ts";
export type {
  FillMaskOptions,
  FillMaskPipeline,
  MaskFilling,
} from "./fill_mask.ts";
export type { Answer } from "./question_windows.ts";
export type {
  QuestionAnsweringOptions,
  QuestionAnsweringPipeline,
  QuestionInput,
} from "./question_answering.ts";
export type {
  EmbeddingOptions,
  SentenceEmbeddingOptions,
  SentenceEmbeddingPipeline,
  UncertainEmbedding,
} from "./sentence_embedding.ts";
export { cosineSimilarity } from "./sentence_similarity.ts";
export type {
  SentenceSimilarityOptions,
  SentenceSimilarityPipeline,
  SimilarityInput,
  UncertainSimilarity,
} from "./sentence_similarity.ts";
export type {
  GeneratedText,
  SummarizationPipeline,
  Summary,
  Text2TextGenerationPipeline,
  Text2TextPipeline,
  Translation,
  TranslationPipeline,
} from "./text2text_generation.ts";
export type {
  TextClassificationOptions,
  TextClassificationPipeline,
  TextLabel,
  TextPair,
} from "./text_classification.ts";
export type {
  TextGenerationOptions,
  TextGenerationPipeline,
} from "./text_generation.ts";
export type {
  EntityGroupOptions,
  TokenClassificationOptions,
  TokenClassificationPipeline,
  TokenLabelOptions,
} from "./token_classification.ts";
export type {
  ZeroShotClassificationPipeline,
  ZeroShotLabeledOptions,
  ZeroShotOptions,
  ZeroShotResult,
} from "./zero_shot_classification.ts";
