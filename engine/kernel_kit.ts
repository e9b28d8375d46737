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
export { observer } from "./gpu/observer.ts";
export type { Expression } from "./kernels/elementwise.ts";
export { PHILOX } from "./kernels/random.ts";
export { copyStrided, type Walk } from "./launch/copy.ts";
export { type View, view } from "./launch/cut.ts";
export { addInto, copyInto, evaluateFlat, fillInto } from "./launch/flat.ts";
export {
  grid,
  type Launch,
  launch,
  part,
  type Window,
  windows,
} from "./launch/launch.ts";
export { chooseRowForm, type RowWork } from "./launch/rows.ts";
export { allocate } from "./tensor.ts";
export { defineVariants } from "./tuning/choice.ts";
export { stopwatchFor } from "./tuning/stopwatch.ts";
