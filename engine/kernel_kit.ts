// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The parts that ops and kernels are made of, for people who write their own.
 *
 * An op checks its arguments, takes memory for its result with
 * {@linkcode allocate}, records kernels with {@linkcode launch}, and notes its
 * derivative with {@linkcode record}. All of that works inside captured steps.
 * Code that also changes state of the host there uses {@linkcode onReplay} and
 * {@linkcode dependsOn}. A kernel in several variants is declared with
 * {@linkcode defineVariants}. `examples/custom_op.ts` shows all of it in one file.
 *
 * @example An op with its derivative
 * ```ts
 * import {
 *   backward,
 *   initialize,
 *   mul,
 *   type Tensor,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import {
 *   allocate,
 *   defineKernel,
 *   grid,
 *   launch,
 *   record,
 * } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const DOUBLE = defineKernel({
 *   name: "double",
 *   wgsl: `
 *     struct Params { count: u32 }
 *     @group(0) @binding(0) var<storage, read> x: array<f32>;
 *     @group(0) @binding(1) var<storage, read_write> y: array<f32>;
 *     @group(0) @binding(2) var<uniform> params: Params;
 *     @compute @workgroup_size(64)
 *     fn main(@builtin(global_invocation_id) id: vec3<u32>) {
 *       if (id.x < params.count) { y[id.x] = 2 * x[id.x]; }
 *     }`,
 * });
 *
 * function double(x: Tensor): Tensor {
 *   const y = allocate(x.device, x.shape);
 *   launch(x.device, DOUBLE, {
 *     bind: [x, y],
 *     params: { count: x.size },
 *     groups: grid(x.size, DOUBLE.workgroupSize),
 *   });
 *   return record(y, [x], (dy) => [mul(dy, 2)]);
 * }
 *
 * await initialize();
 * const x = tensor([1, 2, 3], { requiresGrad: true });
 * const y = double(x);
 * backward(y, { gradient: x });
 * assertEquals([...await y.data()], [2, 4, 6]);
 * assertEquals([...await x.grad!.data()], [2, 4, 6]);
 * ```
 *
 * @module
 */

export { isThenable, runAndEnd } from "./asynchronous.ts";
export { tick, touch, type Versioned } from "./changes.ts";
export { outsideCheckpoints } from "./draws.ts";
export {
  type DType,
  type DTypeInfo,
  dtypeOf,
  DTYPES,
  type TypedArray,
} from "./dtype.ts";
export { HALF_MAX, packHalves } from "./half_values.ts";
export type { Binding, Block, ReplicaSpace } from "./gpu/block.ts";
export {
  type Access,
  definedKernels,
  defineKernel,
  defineKernels,
  type Kernel,
  type KernelFamily,
  type KernelSource,
  type ParamType,
  specialize,
} from "./gpu/kernel.ts";
export {
  dependsOn,
  isCapturing,
  onReplay,
  type Param,
  type PlainParam,
  preventReplay,
  ReplayParam,
} from "./gpu/observer.ts";
export { replicatedWgsl } from "./gpu/replicated_text.ts";
export {
  asReplicated,
  type ReplicaTable,
  type ReplicaWord,
} from "./gpu/replication.ts";
export type { Rider } from "./gpu/stream.ts";
export { declareInput, declareTexels } from "./gpu/texels.ts";
export type { Expression } from "./kernels/elementwise.ts";
export { HALVE_FLOATS, WIDEN_HALVES } from "./kernels/halves.ts";
export { PHILOX } from "./kernels/random.ts";
export * from "./launch/copy.ts";
export { type View, view } from "./launch/cut.ts";
export * from "./launch/flat.ts";
export { halve, widenInto } from "./launch/halves.ts";
export * from "./launch/launch.ts";
export { chooseRowForm, type RowWork } from "./launch/rows.ts";
export { sumTo } from "./ops/reduce.ts";
export {
  type Distribution,
  type FillOptions,
  fillRandom,
} from "./ops/random.ts";
export * from "./philox.ts";
export type { RandomStream } from "./random_stream.ts";
export { persist } from "./scope.ts";
export {
  broadcastShapes,
  checkShape,
  formatShape,
  sameShape,
  type Shape,
  sizeOf,
} from "./shape.ts";
export { record } from "./tape.ts";
export {
  alias,
  allocate,
  type AnyTensor,
  type BackwardFunction,
  type CheckpointNode,
  type JointBackwardFunction,
  type Node,
  type OpNode,
  type Storage,
} from "./tensor.ts";
export {
  chooseVariant,
  defineProbe,
  defineTrial,
  defineVariants,
  type Probe,
  type Trial,
} from "./tuning/choice.ts";
export { type Stopwatch, stopwatchFor } from "./tuning/stopwatch.ts";
