// Copyright 2026 the swagpu authors. MIT license.

/**
 * Transformers that load and save Hugging Face's files.
 *
 * An architecture is one file, read from top to bottom; attribute paths are
 * the names in checkpoints. Models take tensors of token numbers, which
 * {@linkcode Tokenizer} makes, and know nothing of posteriors.
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

export * from "./activation.ts";
export * from "./auto.ts";
export * from "./auto_tokenizer.ts";
export * from "./bart.ts";
export * from "./batch.ts";
export * from "./bert.ts";
export * from "./cache.ts";
export * from "./checkpoint.ts";
export * from "./config.ts";
export * from "./generate.ts";
export * from "./generation_config.ts";
export * from "./hub.ts";
export type * from "./io.ts";
export * from "./loss.ts";
export * from "./marian.ts";
export * from "./modernbert.ts";
export * from "./packing.ts";
export * from "./pipeline.ts";
export * from "./pretrained.ts";
export * from "./registry.ts";
export * from "./roberta.ts";
export * from "./sentencepiece.ts";
export * from "./tokenizer.ts";
