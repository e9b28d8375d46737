// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Ops that move elements. Tensors are contiguous, so all ops copy, except those
// that only change the shape. Most of the file is documentation.

import { copyStrided } from "../launch/copy.ts";
import {
  broadcastShapes,
  broadcastStrides,
  checkShape,
  formatShape,
  normalizeAxis,
  sameShape,
  type Shape,
  sizeOf,
  stridesOf,
} from "../shape.ts";
import { record } from "../tape.ts";
import { alias, allocate, type Tensor } from "../tensor.ts";
import type { DType } from "../dtype.ts";
import { fillInto } from "../launch/flat.ts";
import { sumTo } from "./reduce.ts";

/**
 * Gives the elements another shape, over the same memory.
 *
 * @param x A tensor of any type.
 * @param shape The new shape. One length may be -1: it follows from the others.
 * @returns A view of x.
 * @throws {TypeError} If the shape has another number of elements, or -1 stands
 * beside a length of 0, so that any number would do.
 *
 * @example Usage
 * ```ts
 * import { arange, initialize, reshape } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals(reshape(arange(6), [2, -1]).shape, [2, 3]);
 * ```
 */
export function reshape<D extends DType>(
  x: Tensor<D>,
  shape: Shape,
): Tensor<D> {
  const open = shape.indexOf(-1);
  const known = sizeOf(shape.filter((_, i) => i !== open));
  if (open >= 0 && known === 0) {
    throw new TypeError(
      `Cannot reshape ${formatShape(x.shape)} to ${
        formatShape(shape)
      }: beside a length of 0 the open one may be any; write it out`,
    );
  }
  const full = shape.map((n, i) => i === open ? x.size / known : n);
  if (
    sizeOf(full) !== x.size || full.some((n) => !Number.isInteger(n) || n < 0)
  ) {
    throw new TypeError(
      `Cannot reshape ${formatShape(x.shape)} to ${
        formatShape(shape)
      }: the numbers of elements differ`,
    );
  }
  return record(alias(x, full), [x], (dy) => [alias(dy, x.shape)]);
}

/**
 * Removes an axis of length 1, or all of them.
 *
 * @param x A tensor of any type.
 * @param axis The axis; negative ones count from the last. Without it, all axes
 * of length 1 go.
 * @returns A view of x.
 * @throws {TypeError} If the axis has another length.
 * @throws {RangeError} If the axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { initialize, squeeze, zeros } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = zeros([1, 2, 1]);
 * assertEquals([squeeze(x).shape, squeeze(x, 0).shape], [[2], [2, 1]]);
 * ```
 */
export function squeeze<D extends DType>(
  x: Tensor<D>,
  axis?: number,
): Tensor<D> {
  if (axis === undefined) return reshape(x, x.shape.filter((n) => n !== 1));
  const a = normalizeAxis("squeeze", axis, x.shape.length);
  if (x.shape[a] !== 1) {
    throw new TypeError(
      `Cannot squeeze axis ${axis} of ${
        formatShape(x.shape)
      }: its length is not 1`,
    );
  }
  return reshape(x, x.shape.filter((_, i) => i !== a));
}

/**
 * Inserts an axis of length 1.
 *
 * @param x A tensor of any type.
 * @param axis The new axis in the result; negative ones count from its last.
 * @returns A view of x.
 * @throws {RangeError} If the result has no such axis.
 *
 * @example Usage
 * ```ts
 * import { initialize, unsqueeze, zeros } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals(unsqueeze(zeros([2, 3]), 1).shape, [2, 1, 3]);
 * ```
 */
export function unsqueeze<D extends DType>(
  x: Tensor<D>,
  axis: number,
): Tensor<D> {
  const a = normalizeAxis("insert", axis, x.shape.length + 1);
  return reshape(x, x.shape.toSpliced(a, 0, 1));
}

/**
 * Reorders the axes.
 *
 * @param x A tensor of any type.
 * @param axes For each axis of the result the axis of x; negative ones count
 * from the last.
 * @returns A tensor of x's type.
 * @throws {TypeError} If `axes` does not name every axis once.
 * @throws {RangeError} If an axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { initialize, permute, zeros } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals(permute(zeros([2, 3, 4]), [2, 0, 1]).shape, [4, 2, 3]);
 * ```
 */
export function permute<D extends DType>(
  x: Tensor<D>,
  axes: readonly number[],
): Tensor<D> {
  const rank = x.shape.length;
  const order = axes.map((axis) => normalizeAxis("permute", axis, rank));
  if (order.length !== rank || new Set(order).size !== rank) {
    throw new TypeError(
      `Cannot permute ${formatShape(x.shape)} by ${
        formatShape(axes)
      }: every axis must appear once`,
    );
  }
  return record(permuted(x, order), [x], (dy) => {
    const inverse = order.map((_, i) => order.indexOf(i));
    return [permuted(dy, inverse)];
  });
}

function permuted<D extends DType>(
  x: Tensor<D>,
  order: readonly number[],
): Tensor<D> {
  const shape = order.map((axis) => x.shape[axis] ?? 1);
  const moving = order.filter((axis) => x.shape[axis] !== 1);
  if (moving.every((axis, i) => i === 0 || axis > (moving[i - 1] ?? 0))) {
    return alias(x, shape);
  }
  const strides = stridesOf(x.shape);
  const y = allocate(x.device, shape, x.dtype);
  copyStrided(
    x,
    y,
    shape,
    { offset: 0, strides: order.map((axis) => strides[axis] ?? 0) },
    { offset: 0, strides: stridesOf(shape) },
  );
  return y;
}

/**
 * Swaps two axes; without a choice the last two, as for matrices.
 *
 * @param x A tensor of any type.
 * @param a One axis; negative ones count from the last.
 * @param b The other axis.
 * @returns A tensor of x's type.
 * @throws {RangeError} If an axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor, transpose } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = transpose(tensor([[1, 2], [3, 4]]));
 * assertEquals([...await y.data()], [1, 3, 2, 4]);
 * ```
 */
export function transpose<D extends DType>(
  x: Tensor<D>,
  a = -2,
  b = -1,
): Tensor<D> {
  const rank = x.shape.length;
  const i = normalizeAxis("transpose", a, rank);
  const j = normalizeAxis("transpose", b, rank);
  const order = x.shape.map((_, axis) =>
    axis === i ? j : axis === j ? i : axis
  );
  return permute(x, order);
}

/** A range of one axis. */
export interface SliceOptions {
  /**
   * The axis; negative ones count from the last.
   *
   * @default {0}
   */
  axis?: number;
  /**
   * The first index taken; negative ones count from the end.
   *
   * @default {0}
   */
  start?: number;
  /**
   * The index after the last one taken; negative ones count from the end.
   *
   * @default {the length of the axis}
   */
  end?: number;
}

/**
 * Takes a range of one axis, or of several.
 *
 * @param x A tensor of any type.
 * @param ranges One range, or one for each of several axes.
 * @returns A tensor of x's type.
 * @throws {RangeError} If an axis does not exist or a range exceeds it.
 *
 * @example Usage
 * ```ts
 * import { initialize, slice, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * const y = slice(x, { axis: 1, start: 1 });
 * assertEquals([...await y.data()], [2, 3, 5, 6]);
 * ```
 */
export function slice<D extends DType>(
  x: Tensor<D>,
  ranges: SliceOptions | readonly SliceOptions[],
): Tensor<D> {
  const starts = x.shape.map(() => 0);
  const shape = [...x.shape];
  for (const range of Array.isArray(ranges) ? ranges : [ranges]) {
    const a = normalizeAxis("slice", range.axis ?? 0, x.shape.length);
    const length = x.shape[a] ?? 0;
    const { start = 0, end = length } = range;
    const first = start < 0 ? start + length : start;
    const last = end < 0 ? end + length : end;
    if (
      !Number.isInteger(first) || !Number.isInteger(last) || first < 0 ||
      last > length || first > last
    ) {
      throw new RangeError(
        `Cannot slice axis ${a} of ${
          formatShape(x.shape)
        } from ${start} to ${end}: the axis has ${length} elements`,
      );
    }
    starts[a] = first;
    shape[a] = last - first;
  }
  if (sameShape(shape, x.shape)) {
    return record(alias(x), [x], (dy) => [dy]);
  }
  const strides = stridesOf(x.shape);
  const inside = {
    offset: starts.reduce(
      (sum, start, i) => sum + start * (strides[i] ?? 0),
      0,
    ),
    strides,
  };
  const dense = { offset: 0, strides: stridesOf(shape) };
  const y = allocate(x.device, shape, x.dtype);
  copyStrided(x, y, shape, inside, dense);
  return record(y, [x], (dy) => {
    const dx = allocate(x.device, x.shape);
    fillInto(dx, 0);
    copyStrided(dy, dx, shape, dense, inside);
    return [dx];
  });
}

/**
 * Joins tensors along an axis.
 *
 * @param tensors Tensors of one type whose other lengths are equal.
 * @param axis The axis; negative ones count from the last.
 * @returns A tensor of their type.
 * @throws {TypeError} If no tensor is given, or shapes or types do not fit.
 * @throws {RangeError} If the axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { concat, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = concat([tensor([[1], [2]]), tensor([[3, 4], [5, 6]])], 1);
 * assertEquals([...await y.data()], [1, 3, 4, 2, 5, 6]);
 * ```
 */
export function concat<D extends DType>(
  tensors: readonly Tensor<D>[],
  axis = 0,
): Tensor<D> {
  const [first] = tensors;
  if (!first) throw new TypeError("Cannot join tensors: expected at least one");
  const a = normalizeAxis("join along", axis, first.shape.length);
  const sizes: number[] = [];
  for (const x of tensors) {
    const fits = x.shape.length === first.shape.length &&
      x.shape.every((n, i) => i === a || n === first.shape[i]);
    if (!fits) {
      throw new TypeError(
        `Cannot join ${formatShape(first.shape)} and ${
          formatShape(x.shape)
        } along axis ${a}: all other lengths must be equal`,
      );
    }
    if (x.dtype !== first.dtype) {
      throw new TypeError(
        `Cannot join ${first.dtype} and ${x.dtype}: cast() one of them`,
      );
    }
    sizes.push(x.shape[a] ?? 0);
  }
  const shape = first.shape.with(a, sizes.reduce((sum, n) => sum + n, 0));
  const strides = stridesOf(shape);
  const y = allocate(first.device, shape, first.dtype);
  let at = 0;
  tensors.forEach((x, i) => {
    const offset = at * (strides[a] ?? 0);
    const dense = { offset: 0, strides: stridesOf(x.shape) };
    copyStrided(x, y, x.shape, dense, { offset, strides });
    at += sizes[i] ?? 0;
  });
  return record(y, tensors, (dy) => {
    let start = 0;
    return tensors.map((x, i) => {
      const end = start + (sizes[i] ?? 0);
      const dx = x.requiresGrad
        ? slice(dy, { axis: a, start, end })
        : undefined;
      start = end;
      return dx;
    });
  });
}

/**
 * Joins tensors along a new axis.
 *
 * @param tensors Tensors of one type and one shape.
 * @param axis The new axis in the result; negative ones count from its last.
 * @returns A tensor of their type.
 * @throws {TypeError} If no tensor is given, or shapes or types do not fit.
 * @throws {RangeError} If the result has no such axis.
 *
 * @example Usage
 * ```ts
 * import { initialize, stack, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = stack([tensor([1, 2]), tensor([3, 4])], 1);
 * assertEquals([...await y.data()], [1, 3, 2, 4]);
 * ```
 */
export function stack<D extends DType>(
  tensors: readonly Tensor<D>[],
  axis = 0,
): Tensor<D> {
  return concat(tensors.map((x) => unsqueeze(x, axis)), axis);
}

/**
 * Cuts an axis into parts.
 *
 * @param x A tensor of any type.
 * @param sizes The length of every part, of which the last may be shorter; or
 * the length of each part. An axis of length 0 gives one part of length 0.
 * @param axis The axis; negative ones count from the last.
 * @returns The parts, in order.
 * @throws {RangeError} If the axis does not exist, or the sizes do not add up
 * to its length.
 *
 * @example Usage
 * ```ts
 * import { arange, initialize, split } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const shapes = split(arange(5), 2).map((part) => part.shape);
 * assertEquals(shapes, [[2], [2], [1]]);
 * ```
 */
export function split<D extends DType>(
  x: Tensor<D>,
  sizes: number | readonly number[],
  axis = 0,
): Tensor<D>[] {
  const a = normalizeAxis("split", axis, x.shape.length);
  const length = x.shape[a] ?? 0;
  const list = typeof sizes === "number"
    ? Array.from(
      { length: sizes > 0 ? Math.max(Math.ceil(length / sizes), 1) : 0 },
      (_, i) => Math.min(sizes, length - i * sizes),
    )
    : sizes;
  checkShape("split into parts", list);
  if (list.reduce((sum, n) => sum + n, 0) !== length) {
    throw new RangeError(
      `Cannot split axis ${a} of ${formatShape(x.shape)} into ${
        typeof sizes === "number" ? sizes : formatShape(sizes)
      }: the sizes must add up to ${length}`,
    );
  }
  let start = 0;
  return list.map((size) => {
    const part = slice(x, { axis: a, start, end: start + size });
    start += size;
    return part;
  });
}

/**
 * Cuts an axis into its entries.
 *
 * @param x A tensor of any type.
 * @param axis The axis; negative ones count from the last.
 * @returns For each entry a tensor without that axis.
 * @throws {RangeError} If the axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor, unstack } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const [, second] = unstack(tensor([[1, 2], [3, 4]]));
 * assertEquals([...await second!.data()], [3, 4]);
 * ```
 */
export function unstack<D extends DType>(x: Tensor<D>, axis = 0): Tensor<D>[] {
  const a = normalizeAxis("unstack", axis, x.shape.length);
  if (x.shape[a] === 0) return [];
  return split(x, 1, a).map((part) => squeeze(part, a));
}

/**
 * Repeats elements along axes of length 1 to a larger shape, as broadcasting
 * does.
 *
 * @param x A tensor of any type.
 * @param shape The shape of the result.
 * @returns A tensor of x's type.
 * @throws {TypeError} If x does not broadcast to the shape.
 * @throws {RangeError} If a length is not a whole number from 0.
 *
 * @example Usage
 * ```ts
 * import { expand, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await expand(tensor([[1], [2]]), [2, 2]).data()], [1, 1, 2, 2]);
 * ```
 */
export function expand<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  checkShape("make a tensor", shape);
  if (sameShape(x.shape, shape)) return record(alias(x), [x], (dy) => [dy]);
  if (!sameShape(broadcastShapes("expand", x.shape, shape), shape)) {
    throw new TypeError(
      `Cannot expand ${formatShape(x.shape)} to ${
        formatShape(shape)
      }: lengths must be equal or 1 at every axis, counted from the last`,
    );
  }
  const y = allocate(x.device, [...shape], x.dtype);
  copyStrided(
    x,
    y,
    shape,
    { offset: 0, strides: broadcastStrides(x.shape, shape) },
    { offset: 0, strides: stridesOf(shape) },
  );
  return record(y, [x], (dy) => [sumTo(dy, x.shape)]);
}
