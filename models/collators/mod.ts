// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Collators: from texts or tokens with their labels to the arrays of a batch, for
 * every task, and the choice of rows that are padded to similar lengths.
 *
 * Names and rules are those of the collators and training scripts of
 * transformers. Batches are on the host, as `inputs` of `train()` wants them.
 *
 * @module
 */

export { bucketedLength } from "./bucketed_length.ts";
export type { BucketedLengthOptions } from "./bucketed_length.ts";
export type {
  CollatedBatch,
  CollatorOptions,
  TokenizedFeature,
} from "./padding.ts";
export { selectRows } from "./select_rows.ts";
export { toTensors } from "./values.ts";
export type { FloatValues, IntegerValues } from "./values.ts";
export type { RawTextFeature, TextFeature } from "./text_features.ts";
export { multiHot, softLabels } from "./text_labels.ts";
export type { FeatureLabel, LabelValues } from "./text_labels.ts";
export { DataCollatorWithPadding } from "./text_collator.ts";
export type { TextCollatorOptions, TextLabels } from "./text_collator.ts";
export {
  alignWordLabels,
  tokenizeAndAlignLabels,
  tokenizeAndAlignSpans,
} from "./token_labels.ts";
export type {
  AlignOptions,
  LabeledSpan,
  LabeledTokens,
  TokenizeLabelsOptions,
} from "./token_labels.ts";
export { DataCollatorForTokenClassification } from "./token_collator.ts";
export type {
  TokenBatchWithLabels,
  TokenCollatorOptions,
  TokenLabeledFeature,
} from "./token_collator.ts";
export { prepareQuestionAnswering } from "./question_features.ts";
export type {
  AnsweredExample,
  AnsweredFeature,
  GivenAnswers,
  PrepareQuestionsOptions,
  QuestionExample,
  QuestionFeature,
} from "./question_features.ts";
export { DataCollatorForQuestionAnswering } from "./question_collator.ts";
export type { AnswerPositions, QuestionTokens } from "./question_collator.ts";
export { postprocessQaPredictions } from "./question_answers.ts";
export type {
  PostprocessQaOptions,
  QaPrediction,
  RankedAnswer,
  WindowScores,
} from "./question_answers.ts";
export type { MaskingOptions, MaskingPlace } from "./masking.ts";
export { DataCollatorForLanguageModeling } from "./language_model_collator.ts";
export type { LanguageModelCollatorOptions } from "./language_model_collator.ts";
export { DataCollatorForWholeWordMask } from "./whole_words.ts";
export type { WholeWordCollatorOptions } from "./whole_words.ts";
export { groupTexts } from "./group_texts.ts";
export type { GroupTextsOptions, TokenBlock } from "./group_texts.ts";
export {
  DataCollatorForSeq2Seq,
  shiftTokensRight,
} from "./seq2seq_collator.ts";
export type {
  RawSeq2SeqFeature,
  Seq2SeqBatch,
  Seq2SeqCollatorOptions,
  Seq2SeqFeature,
  ShiftedLabels,
  ShiftingModel,
  TokenizedSeq2SeqFeature,
} from "./seq2seq_collator.ts";
export { groupByLength, uniformLengthBatches } from "./length_batches.ts";
export type {
  GroupByLengthOptions,
  UniformLengthOptions,
} from "./length_batches.ts";
