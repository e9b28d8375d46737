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

export * from "./capture/capture.ts";
export type {
  HostValues,
  StepFeed,
  StepInput,
  TensorBundle,
} from "./capture/inputs.ts";
export * from "./checkpoint.ts";
export type { DType, NumberArray, TypedArray, TypedArrays } from "./dtype.ts";
export {
  defaultGenerator,
  Generator,
  type GeneratorState,
  manualSeed,
} from "./generator.ts";
export * from "./gpu/backend.ts";
export * from "./gpu/device.ts";
export * from "./gpu/errors.ts";
export { ReplicaError } from "./gpu/replication.ts";
export type { Pool, PoolStatistics } from "./gpu/pool.ts";
export type { Stream, StreamStatistics } from "./gpu/stream.ts";
export type { Activation } from "./kernels/matmul_activation.ts";
export * from "./ops/attention.ts";
export * from "./ops/binary.ts";
export * from "./ops/cached_attention.ts";
export * from "./ops/creation.ts";
export * from "./ops/cross_entropy.ts";
export * from "./ops/cumsum.ts";
export * from "./ops/dropout.ts";
export * from "./ops/gated.ts";
export * from "./ops/indexing.ts";
export * from "./ops/loss.ts";
export type { LossReduction } from "./ops/loss_reduction.ts";
export * from "./ops/matmul.ts";
export * from "./ops/movement.ts";
export * from "./ops/normalization.ts";
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
export * from "./ops/recurrent.ts";
export type {
  GruResult,
  LstmOptions,
  LstmResult,
  RecurrentOptions,
} from "./ops/recurrent_options.ts";
export * from "./ops/rotary.ts";
export * from "./ops/selection.ts";
export * from "./ops/softmax.ts";
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
export * from "./ops/unfold.ts";
export type { RandomStream } from "./random_stream.ts";
export * from "./replicas.ts";
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
export * from "./tuning/file.ts";
export * from "./tuner.ts";
