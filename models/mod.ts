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
export * from "./architectures/bart.ts";
export * from "./batch.ts";
export * from "./architectures/bert.ts";
export * from "./cache.ts";
export * from "./files/checkpoint.ts";
export * from "./config.ts";
export * from "./generation/mod.ts";
export * from "./files/hub.ts";
export type * from "./io.ts";
export * from "./loss.ts";
export * from "./architectures/marian.ts";
export * from "./architectures/modernbert.ts";
export * from "./packing/packing.ts";
export * from "./pipelines/mod.ts";
export * from "./pretrained.ts";
export * from "./registry.ts";
export * from "./architectures/roberta.ts";
export * from "./tokenizer/mod.ts";
export { type JsonFields, readJson } from "./files/json.ts";
