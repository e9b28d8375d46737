// Copyright 2026 the swagpu authors. MIT license.

/**
 * Tensors, transformers and SWAG on WebGPU, for Deno.
 *
 * There are four layers, each with its own entry point:
 *
 * - `@swagpu/swagpu/engine`: tensors on the GPU and their derivatives.
 * - `@swagpu/swagpu/nn`: modules, parameters, and what trains them.
 * - `@swagpu/swagpu/models`: transformers, in the file formats of Hugging Face.
 * - `@swagpu/swagpu/swag`: posteriors over the weights of any module.
 *
 * This module exports the names that most programs need.
 *
 * @example A posterior over the weights of a small network
 * ```ts
 * import {
 *   backward,
 *   crossEntropy,
 *   initialize,
 *   Linear,
 *   manualSeed,
 *   scope,
 *   SGD,
 *   SwagModel,
 *   tensor,
 * } from "@swagpu/swagpu";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * manualSeed(0);
 * const model = new Linear(2, 2);
 * const optimizer = new SGD(model.parameters(), { learningRate: 0.5 });
 * const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 5 });
 * const x = tensor([[0, 1], [1, 0], [1, 1]]);
 * const labels = tensor([0, 1, 1], { dtype: "i32" });
 * for (let step = 0; step < 40; step++) {
 *   using _ = scope();
 *   backward(crossEntropy(model.forward(x), labels));
 *   optimizer.step();
 *   if (step >= 30) swag.collectModel(model);
 * }
 * const logits = swag.getLogits(() => model.forward(x), {
 *   numPredictions: 8,
 *   scale: 0.5,
 *   seed: 7,
 * });
 * assertEquals(logits.shape, [3, 8, 2]); // [batch, predictions, classes]
 * ```
 *
 * @module
 */

export {
  add,
  argmax,
  attention,
  backward,
  capture,
  type CapturedStep,
  type CaptureOptions,
  concat,
  currentDevice,
  Device,
  type DeviceOptions,
  div,
  dropout,
  embedding,
  exp,
  gelu,
  initialize,
  keep,
  layerNorm,
  log,
  logSoftmax,
  manualSeed,
  matmul,
  mean,
  mul,
  noGrad,
  readAll,
  relu,
  reshape,
  scope,
  slice,
  softmax,
  sub,
  sum,
  tanh,
  Tensor,
  tensor,
  zeros,
} from "./engine/mod.ts";
export {
  AdamW,
  clipGradNorm,
  crossEntropy,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  linearSchedule,
  Module,
  mseLoss,
  MultiHeadAttention,
  Parameter,
  Scheduler,
  SGD,
  Trainer,
} from "./nn/mod.ts";
export {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  AutoTokenizer,
  BertConfig,
  BertForSequenceClassification,
  BertModel,
  generate,
  generateWithSamples,
  Packing,
  packingOf,
  pipeline,
  Tokenizer,
} from "./models/mod.ts";
export {
  MultiSwag,
  SwagConfig,
  SwagModel,
  SwagUpdateCallback,
} from "./swag/mod.ts";
export * from "./auto_swag.ts";
