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
export * from "./select_rows.ts";
export * from "./values.ts";
export type { RawTextFeature, TextFeature } from "./text_features.ts";
export { multiHot, softLabels } from "./text_labels.ts";
export type { FeatureLabel, LabelValues } from "./text_labels.ts";
export * from "./text_collator.ts";
export * from "./token_labels.ts";
export * from "./token_collator.ts";
export * from "./question_features.ts";
export * from "./question_collator.ts";
export * from "./question_answers.ts";
export type { MaskingOptions, MaskingPlace } from "./masking.ts";
export * from "./language_model_collator.ts";
export * from "./whole_words.ts";
export * from "./group_texts.ts";
export * from "./seq2seq_collator.ts";
export * from "./length_batches.ts";
