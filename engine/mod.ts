// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Tensors on the GPU and their derivatives.
 *
 * Ops are free functions that record their work and return at once; `await`
 * appears only where numbers leave the GPU. The engine knows nothing of layers
 * or models. What a new op or kernel is made of comes from a second entry point,
 * `@swagpu/swagpu/engine/kernels`.
 *
 * A tour of the code in four files: {@linkcode Tensor} (tensor.ts), an op with
 * its derivative (ops/normalization.ts), its kernels (kernels/layer_norm.ts), and
 * how dispatches reach the GPU (gpu/stream.ts).
 *
 * @example A gradient
 * ```ts
 * import {
 *   backward,
 *   initialize,
 *   matmul,
 *   scope,
 *   sum,
 *   tanh,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const w = tensor([[1, 0], [0, 1]], { requiresGrad: true });
 * {
 *   using _ = scope(); // frees everything made inside
 *   backward(sum(tanh(matmul(tensor([[0, 0]]), w))));
 * }
 * assertEquals([...await w.grad!.data()], [0, 0, 0, 0]);
 * ```
 *
 * @module
 */

export {
  capture,
  type CapturedStep,
  type CaptureOptions,
} from "./capture/capture.ts";
export type {
  HostValues,
  StepFeed,
  StepInput,
  TensorBundle,
} from "./capture/inputs.ts";
export type { DType, NumberArray, TypedArray, TypedArrays } from "./dtype.ts";
export {
  defaultGenerator,
  Generator,
  type GeneratorState,
  manualSeed,
  type RandomStream,
} from "./generator.ts";
export {
  type Backend,
  type BackendEvidence,
  backendHint,
  type BackendHost,
  backendOf,
  describeAdapter,
} from "./gpu/backend.ts";
export {
  currentDevice,
  Device,
  type DeviceOptions,
  initialize,
  openDevice,
  setDevice,
} from "./gpu/device.ts";
export {
  DeviceLostError,
  GpuError,
  GpuOutOfMemoryError,
  NoAdapterError,
} from "./gpu/errors.ts";
export type { Pool, PoolStatistics } from "./gpu/pool.ts";
export type { Stream, StreamStatistics } from "./gpu/stream.ts";
export type { Activation } from "./kernels/matmul_activation.ts";
export {
  attention,
  type AttentionDropout,
  type AttentionOptions,
  attentionProbabilities,
} from "./ops/attention.ts";
export {
  add,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  maximum,
  minimum,
  mul,
  notEqual,
  type Operand,
  pow,
  sub,
} from "./ops/binary.ts";
export {
  cachedAttention,
  type CachedAttentionOptions,
  writeCache,
  type WriteCacheOptions,
} from "./ops/cached_attention.ts";
export {
  arange,
  type DTypeOf,
  type FromValuesOptions,
  full,
  type Nested,
  ones,
  tensor,
  type TensorOptions,
  zeros,
} from "./ops/creation.ts";
export { crossEntropy, type CrossEntropyOptions } from "./ops/cross_entropy.ts";
export { cumsum, type CumsumOptions } from "./ops/cumsum.ts";
export { dropout, type DropoutOptions } from "./ops/dropout.ts";
export { gatedActivation } from "./ops/gated.ts";
export {
  embedding,
  type EmbeddingOptions,
  gather,
  indexSelect,
} from "./ops/indexing.ts";
export {
  bceWithLogits,
  type BceWithLogitsOptions,
  klDivergence,
  type KlDivergenceOptions,
  mseLoss,
  type MseLossOptions,
} from "./ops/loss.ts";
export type { LossReduction } from "./ops/loss_reduction.ts";
export { matmul, type MatmulOptions } from "./ops/matmul.ts";
export {
  concat,
  expand,
  permute,
  reshape,
  slice,
  type SliceOptions,
  split,
  squeeze,
  stack,
  transpose,
  unsqueeze,
  unstack,
} from "./ops/movement.ts";
export {
  addLayerNorm,
  type AddLayerNormOptions,
  type AddLayerNormResult,
  layerNorm,
  type LayerNormOptions,
} from "./ops/normalization.ts";
export {
  bernoulli,
  normal,
  type NormalOptions,
  type RandomOptions,
  uniform,
  type UniformOptions,
} from "./ops/random.ts";
export {
  argmax,
  type ArgmaxOptions,
  logSumExp,
  max,
  mean,
  min,
  type ReduceOptions,
  sum,
  variance,
  type VarianceOptions,
} from "./ops/reduce.ts";
export { rotary, type RotaryOptions, rotaryQkv } from "./ops/rotary.ts";
export { maskedFill, where } from "./ops/selection.ts";
export { logSoftmax, softmax, type SoftmaxOptions } from "./ops/softmax.ts";
export {
  abs,
  cast,
  clamp,
  cos,
  elu,
  erf,
  exp,
  gelu,
  type GeluOptions,
  log,
  neg,
  relu,
  sigmoid,
  silu,
  sin,
  sqrt,
  tanh,
} from "./ops/unary.ts";
export { keep, Scope, scope, type Scoped } from "./scope.ts";
export type { Shape } from "./shape.ts";
export {
  backward,
  type BackwardOptions,
  detach,
  isRecording,
  noGrad,
} from "./tape.ts";
export {
  type AnyTensor,
  type ArraysOf,
  hasDType,
  type IntegerTensor,
  readAll,
  Tensor,
} from "./tensor.ts";
export {
  type AppliedChoices,
  applyChoices,
  chosen,
  classesOf,
  familyNames,
  pin,
  pinned,
  variantsOf,
} from "./tuning/choice.ts";
export { fileTuneStore } from "./tuning/file.ts";
export {
  tune,
  tuneKey,
  type TuneMeasurement,
  type TuneOptions,
  type TuneReport,
  type TuneStore,
} from "./tuning/tuner.ts";

import "./trials.ts"; // So that tune() knows how to measure the families.
