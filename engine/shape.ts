// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Shapes: sizes, strides, axes and broadcasting.

/** The lengths of a tensor's axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/**
 * Counts the elements of a shape.
 *
 * @param shape The lengths of the axes.
 * @returns Their product.
 *
 * @example Usage
 * ```ts
 * import { sizeOf } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sizeOf([2, 3]), 6);
 * ```
 */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

/**
 * Writes a shape as it appears in messages.
 *
 * @param shape The lengths of the axes.
 * @returns Text such as `[2, 3]`.
 *
 * @example Usage
 * ```ts
 * import { formatShape } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatShape([2, 3]), "[2, 3]");
 * ```
 */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * Compares two shapes.
 *
 * @param a One shape.
 * @param b The other shape.
 * @returns Whether they have the same axes.
 *
 * @example Usage
 * ```ts
 * import { sameShape } from "@swagpu/swagpu/engine/kernels";
 * import { assert } from "@std/assert";
 *
 * assert(sameShape([2, 3], [2, 3]));
 * ```
 */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}

/** The row-major strides of a shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i] ?? 1;
  }
  return strides;
}

/**
 * Checks that every length of a shape is a non-negative integer, and that the
 * number of elements is below 2^53.
 *
 * @param action What is done, for the message: "make a tensor".
 * @param shape The lengths of the axes.
 * @throws {TypeError} If the shape is not an array.
 * @throws {RangeError} If a length is not a non-negative integer, or there are
 * 2^53 elements or more.
 *
 * @example Usage
 * ```ts
 * import { checkShape } from "@swagpu/swagpu/engine/kernels";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(
 *   () => checkShape("make a tensor", [-1]),
 *   RangeError,
 *   "Cannot make a tensor of shape [-1]: lengths must be non-negative integers",
 * );
 * ```
 */
export function checkShape(action: string, shape: Shape): void {
  if (!Array.isArray(shape)) {
    throw new TypeError(
      `Cannot ${action} of shape ${shape}: expected an array of lengths`,
    );
  }
  if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0)) {
    throw new RangeError(
      `Cannot ${action} of shape ${
        formatShape(shape)
      }: lengths must be non-negative integers`,
    );
  }
  if (!Number.isSafeInteger(sizeOf(shape))) {
    throw new RangeError(
      `Cannot ${action} of shape ${
        formatShape(shape)
      }: it would have more than 2^53 elements`,
    );
  }
}

/**
 * Turns an axis that may count from the last into one that counts from the
 * first.
 *
 * @throws {RangeError} If the tensor has no such axis.
 */
export function normalizeAxis(
  action: string,
  axis: number,
  rank: number,
): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank) {
    throw new RangeError(
      `Cannot ${action} axis ${axis}: the tensor has ${rank} axes`,
    );
  }
  return normal;
}

/**
 * Finds the shape that two shapes broadcast to, by NumPy's rule: the last axes
 * are aligned, and two lengths are equal or one of them is 1.
 *
 * @param action What is done, for the message: "add".
 * @param a One shape.
 * @param b The other shape.
 * @returns The common shape.
 * @throws {TypeError} If the shapes do not broadcast.
 *
 * @example Usage
 * ```ts
 * import { broadcastShapes } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(broadcastShapes("add", [4, 1], [3]), [4, 3]);
 * ```
 */
export function broadcastShapes(action: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = a[a.length - i] ?? 1;
    const n = b[b.length - i] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new TypeError(
        `Cannot ${action} ${formatShape(a)} and ${
          formatShape(b)
        }: lengths must be equal or 1 at every axis, counted from the last`,
      );
    }
    shape[rank - i] = m === 1 ? n : m;
  }
  return shape;
}

/**
 * The strides of `shape` when it is broadcast to `target`: 0 along repeated
 * axes.
 */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = stridesOf(shape);
  const offset = target.length - shape.length;
  return target.map((_, i) => {
    const length = shape[i - offset];
    return length === undefined || length === 1 ? 0 : strides[i - offset] ?? 0;
  });
}

/**
 * Merges neighboring axes whose elements every operand visits in one run, so
 * that most calls end with one or two axes.
 *
 * @returns The shorter shape, and each operand's strides for it.
 */
export function collapseAxes(
  shape: Shape,
  strides: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const out: number[] = [];
  const merged: number[][] = strides.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    const length = shape[i] ?? 1;
    if (length === 1) continue;
    const last = out.length - 1;
    const joins = last >= 0 &&
      strides.every((s, k) =>
        (merged[k]?.[last] ?? 0) === (s[i] ?? 0) * length
      );
    if (joins) {
      out[last] = (out[last] ?? 1) * length;
      strides.forEach((s, k) => (merged[k] ?? [])[last] = s[i] ?? 0);
    } else {
      out.push(length);
      strides.forEach((s, k) => merged[k]?.push(s[i] ?? 0));
    }
  }
  if (out.length === 0) {
    return { shape: [1], strides: strides.map(() => [0]) };
  }
  return { shape: out, strides: merged };
}
