// Copyright 2026 the swagpu authors. MIT license.

/**
 * Transformers that load and save Hugging Face's files.
 *
 * Each architecture has one main file in `architectures/`, such as `bert.ts`,
 * which holds its model and all its heads, from top to bottom. Files beside it
 * that begin with the same name hold its blocks and the fields of its
 * configuration: `bert_blocks.ts`, `bert_config.ts`. RoBERTa uses BERT's
 * blocks, and Marian BART's. `auto.ts` registers the architectures; an
 * application can add another one from a single file with
 * {@linkcode registerArchitecture}.
 *
 * The attribute paths of a model are its parameters' names in checkpoints.
 * Models take tensors of token ids, which {@linkcode Tokenizer} makes. They
 * know nothing of posteriors.
 *
 * @example Scores of a tiny, untrained classifier
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertForSequenceClassification } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({
 *   vocabSize: 50,
 *   hiddenSize: 16,
 *   numHiddenLayers: 1,
 *   numAttentionHeads: 2,
 *   intermediateSize: 32,
 *   numLabels: 3,
 * });
 * const model = new BertForSequenceClassification(config).eval();
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 3]);
 * ```
 *
 * @module
 */

// ------------------------------------------------------- models of any kind

export * from "./auto.ts";
export * from "./auto_tokenizer.ts";
export { architectureOf, registerArchitecture } from "./registry.ts";
export type {
  Architecture,
  RegisterOptions,
  TaskModel,
  Tasks,
} from "./registry.ts";
export * from "./pretrained.ts";
export type { PretrainedOptions } from "./resolve.ts";
export { registerWrapper, type WrappedModel, type Wrapper } from "./wrapped.ts";
export type {
  SpanLogits,
  WeightSampler,
  WeightSamples,
  WeightSampling,
} from "./weight_samples.ts";
export * from "./config.ts";

// --------------------------------------------------------------- architectures

export * from "./architectures/mod.ts";

// --------------------------------------------------------- inputs and outputs

export type * from "./io.ts";
export * from "./batch.ts";
export * from "./cache.ts";
export {
  type BlockLists,
  type BlockStack,
  runBlock,
  type RunBlockOptions,
} from "./gradient_checkpointing.ts";
export * from "./loss.ts";
export * from "./activation.ts";
export {
  AttentionPooling,
  type AttentionPoolingOptions,
  ConcatPooling,
  type ConcatPoolingOptions,
  ConvPooling,
  type ConvPoolingOptions,
  meanPooling,
  PooledForSequenceClassification,
  type PooledInputs,
  type PooledOptions,
  type PoolingHead,
  type PoolingInputs,
  type PoolingMode,
  poolTokens,
  type PoolTokensOptions,
  RecurrentPooling,
  type RecurrentPoolingOptions,
  type StatesEncoder,
  TokenPooling,
  type TokenPoolingOptions,
  WeightedLayerPooling,
  type WeightedLayerPoolingOptions,
  WKPooling,
  type WKPoolingOptions,
} from "./pooling/mod.ts";
export * from "./packing/mod.ts";

// ----------------------------------------------------------------- fine-tuning

export * from "./fine_tuning/mod.ts";
// -------------------------------------------------------------------- adapters

export * from "./peft/mod.ts";

// ----------------------------------------------------------------------- files

export * from "./files/checkpoint.ts";
export type { Alongside } from "./files/alongside.ts";
export { resolveFiles } from "./files/hub.ts";
export type { ResolveOptions } from "./files/hub.ts";
export type { ResolvedFiles } from "./files/model_folder.ts";

// --------------------------- tokenizers, collators, generation and pipelines

export * from "./tokenizer/mod.ts";
export * from "./collators/mod.ts";
export * from "./generation/mod.ts";
export * from "./pipelines/mod.ts";
