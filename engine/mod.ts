// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Tensors on the GPU and their derivatives.
 *
 * Ops are free functions that record and return at once; `await` appears only
 * where numbers leave the GPU. The engine knows nothing of layers or models.
 *
 * A tour in four files: {@linkcode Tensor} (tensor.ts), an op with its
 * derivative (ops/normalization.ts), its kernels (kernels/layer_norm.ts), and
 * how dispatches reach the GPU (stream.ts).
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
export { type Backend, describeAdapter } from "./gpu/backend.ts";
export * from "./gpu/device.ts";
export * from "./dtype.ts";
export * from "./gpu/errors.ts";
export type { Explain, Faults } from "./gpu/faults.ts";
export * from "./gpu/kernel.ts";
export * from "./launch/launch.ts";
export { chooseRowForm, type RowWork } from "./launch/rows.ts";
export {
  dependsOn,
  onReplay,
  type Param,
  preventReplay,
  ReplayParam,
} from "./gpu/observer.ts";
export * from "./gpu/block.ts";
export * from "./gpu/pool.ts";
export * from "./random.ts";
export * from "./scope.ts";
export * from "./shape.ts";
export type {
  HostValues,
  StepFeed,
  StepInput,
  TensorBundle,
} from "./capture/inputs.ts";
export * from "./gpu/stream.ts";
export * from "./tape.ts";
export { declareTexels, type TexelBinding } from "./gpu/texels.ts";
export * from "./tensor.ts";
export * from "./tuning/choice.ts";
export * from "./tuning/file.ts";
export * from "./tuning/tuner.ts";
import "./tuning/trials.ts";
export * from "./ops/attention.ts";
export * from "./ops/binary.ts";
export * from "./ops/cached_attention.ts";
export * from "./ops/creation.ts";
export * from "./ops/cumsum.ts";
export * from "./ops/dropout.ts";
export * from "./ops/gated.ts";
export * from "./ops/indexing.ts";
export * from "./ops/loss.ts";
export * from "./ops/matmul.ts";
export * from "./ops/movement.ts";
export * from "./ops/normalization.ts";
export * from "./ops/reduce.ts";
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
