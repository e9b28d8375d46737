// Copyright 2026 the swagpu authors. MIT license.

/**
 * The architectures: their configurations, models and heads.
 *
 * @module
 */

export {
  BertConfig,
  BertForMaskedLM,
  BertForMultipleChoice,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertLMHeadModel,
  BertModel,
  BertPooledClassifier,
  BertPreTrainedModel,
} from "./bert.ts";
export type { BertConfigOptions, BertModelOptions } from "./bert.ts";
export { BertLikeConfig } from "./bert_config.ts";
export type { BertLikeConfigOptions, BertLikeDefaults } from "./bert_config.ts";
export { BertEmbeddings } from "./bert_embeddings.ts";
export type {
  BertEmbeddingsConfig,
  BertEmbeddingsOptions,
} from "./bert_embeddings.ts";
export {
  BertAttention,
  BertEncoder,
  BertIntermediate,
  BertLayer,
  BertOutput,
  BertPooler,
  BertSelfAttention,
} from "./bert_blocks.ts";
export type {
  BertAttentionInputs,
  BertBlockConfig,
  BertInputs,
} from "./bert_blocks.ts";
export {
  RobertaConfig,
  RobertaForCausalLM,
  RobertaForMaskedLM,
  RobertaForMultipleChoice,
  RobertaForQuestionAnswering,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaModel,
  RobertaPreTrainedModel,
} from "./roberta.ts";
export type { RobertaConfigOptions, RobertaModelOptions } from "./roberta.ts";
export {
  ModernBertClassifier,
  ModernBertForMaskedLM,
  ModernBertForMultipleChoice,
  ModernBertForQuestionAnswering,
  ModernBertForSequenceClassification,
  ModernBertForTokenClassification,
  ModernBertModel,
  ModernBertPreTrainedModel,
} from "./modernbert.ts";
export type { ModernBertMaskedLMInputs } from "./modernbert.ts";
export { ModernBertConfig } from "./modernbert_config.ts";
export type {
  ClassifierPooling,
  ModernBertConfigOptions,
} from "./modernbert_config.ts";
export type { ModernBertBlockInputs } from "./modernbert_blocks.ts";
export {
  BartConfig,
  BartForCausalLM,
  BartForConditionalGeneration,
  BartForQuestionAnswering,
  BartForSequenceClassification,
  BartModel,
  BartPreTrainedModel,
  BartWithHead,
} from "./bart.ts";
export type { BartConfigOptions } from "./bart.ts";
export { Seq2SeqConfig } from "./bart_config.ts";
export type { Seq2SeqConfigOptions, Seq2SeqDefaults } from "./bart_config.ts";
export type {
  DecoderInputs,
  DecoderOutput,
  Seq2SeqDecoder,
  Seq2SeqEncoder,
} from "./bart_stacks.ts";
export {
  MarianConfig,
  MarianForCausalLM,
  MarianModel,
  MarianMTModel,
  MarianPreTrainedModel,
} from "./marian.ts";
export type { MarianConfigOptions } from "./marian.ts";
