// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The engine's second door, for people who write kernels and ops of their own.
 *
 * @module
 */

export { isThenable } from "./asynchronous.ts";
export { tick, touch } from "./changes.ts";
export { backendHint, backendOf } from "./gpu/backend.ts";
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
export { observer } from "./gpu/observer.ts";
export { declareInput, declareTexels } from "./gpu/texels.ts";
export type { Expression } from "./kernels/elementwise.ts";
export { PHILOX } from "./kernels/random.ts";
export { grid, launch, part, type Window, windows } from "./launch/launch.ts";
export { copyStrided } from "./launch/copy.ts";
export { copyInto, evaluateFlat, fillInto } from "./launch/flat.ts";
export { stopwatchFor } from "./tuning/stopwatch.ts";
