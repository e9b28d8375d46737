// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Numbers with a shape on the host, as captured steps take them, and their
// tensors.

import {
  type HostValues,
  type Shape,
  Tensor,
  tensor,
  type TypedArray,
} from "../../engine/mod.ts";
import type { StepInputs } from "../../nn/mod.ts";

/** Integers with a shape, on the host. A step gets them as an i32 tensor. */
export interface IntegerValues {
  /** The elements, row by row. */
  readonly data: Int32Array<ArrayBuffer>;
  /** The lengths of the axes. */
  readonly shape: Shape;
}

/** Floats with a shape, on the host. A step gets them as an f32 tensor. */
export interface FloatValues {
  /** The elements, row by row. */
  readonly data: Float32Array<ArrayBuffer>;
  /** The lengths of the axes. */
  readonly shape: Shape;
}

/**
 * Turns the host values of a batch into tensors, as `train()` does for `step`.
 * It serves loops that are written by hand, such as those that evaluate. The
 * tensors belong to the current scope.
 *
 * @param feed The batch: typed arrays, `{ data, shape }`, and anything else,
 * which is passed on unchanged.
 * @returns The same names, with tensors in place of host values.
 * @throws {TypeError} If data do not fill their shape.
 *
 * @example Usage
 * ```ts
 * import { initialize, scope } from "@swagpu/swagpu/engine";
 * import { toTensors } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using _ = scope();
 * const { inputIds, count } = toTensors({
 *   inputIds: { data: Int32Array.of(2, 7, 9, 3), shape: [2, 2] },
 *   count: 4,
 * });
 * assertEquals([inputIds.dtype, inputIds.shape, count], ["i32", [2, 2], 4]);
 * ```
 */
export function toTensors<Feed extends object>(feed: Feed): StepInputs<Feed> {
  return Object.fromEntries(
    Object.entries(feed).map(([name, value]) => [name, tensorOf(value)]),
  ) as StepInputs<Feed>;
}

/** A host value as a tensor; anything else as it is. */
function tensorOf(value: unknown): unknown {
  if (value instanceof Tensor) return value;
  if (isTyped(value)) return tensor(value);
  return isHostValues(value)
    ? tensor(value.data, { shape: value.shape })
    : value;
}

function isTyped(value: unknown): value is TypedArray {
  return value instanceof Float32Array || value instanceof Int32Array ||
    value instanceof Uint32Array;
}

function isHostValues(value: unknown): value is HostValues {
  return typeof value === "object" && value !== null && "data" in value &&
    "shape" in value && isTyped(value.data) && Array.isArray(value.shape);
}
