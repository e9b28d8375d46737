// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The launcher of the copy kernels: copies elements between tensors whose axes
// lie in memory in different orders or distances.

import { specialize } from "../gpu/kernel.ts";
import { COPY, COPY4, COPY_AXES } from "../kernels/copy.ts";
import { collapseAxes, formatShape, type Shape, sizeOf } from "../shape.ts";
import type { AnyTensor } from "../tensor.ts";
import {
  type Box,
  boxes,
  elementsThatFit,
  type Operand,
  spanOf,
  viewOf,
  wholeBox,
} from "./cut.ts";
import { grid, launch } from "./launch.ts";

/** Where the elements of a tensor lie that a strided copy reads or writes. */
export interface Walk {
  /** The element at the first index. */
  offset: number;
  /** The number of elements from one index to the next along each axis. */
  strides: readonly number[];
}

/**
 * Copies elements between tensors in which they lie at different distances. The
 * element of index `i` is `offset + Σ iₖ·stridesₖ` on either side. There is no
 * derivative, and the tensors must not share memory.
 *
 * @param x The tensor to read.
 * @param y The tensor to write, of the same type. Its other elements stay.
 * @param shape The indices to copy.
 * @param from Where their elements lie in `x`.
 * @param to Where their elements lie in `y`.
 * @throws {RangeError} If the axes cannot be merged into at most six.
 *
 * @example A column of a matrix
 * ```ts
 * import { initialize, tensor, zeros } from "@swagpu/swagpu/engine";
 * import { copyStrided } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 2], [3, 4]]);
 * const y = zeros([2]);
 * const column = { offset: 1, strides: [2] };
 * copyStrided(x, y, [2], column, { offset: 0, strides: [1] });
 * assertEquals([...await y.data()], [2, 4]);
 * ```
 */
export function copyStrided(
  x: AnyTensor,
  y: AnyTensor,
  shape: Shape,
  from: Walk,
  to: Walk,
): void {
  if (sizeOf(shape) === 0) return;
  const axes = collapseAxes(shape, [from.strides, to.strides]);
  if (axes.shape.length > COPY_AXES) {
    throw new RangeError(
      `Cannot copy elements of shape ${
        formatShape(shape)
      }: they lie along more than ${COPY_AXES} independent axes`,
    );
  }
  const [s = [], t = []] = axes.strides;
  const source: Operand = { tensor: x, start: from.offset, strides: s };
  const target: Operand = { tensor: y, start: to.offset, strides: t };
  if (x.fitsBinding && y.fitsBinding) {
    launchCopy(source, target, wholeBox(axes.shape));
    return;
  }
  // Halves along the axis that contributes most to the span of a walk, until both
  // spans fit.
  const room = elementsThatFit(x.device);
  const list = boxes(axes.shape, (count) => {
    const large = [source, target].find(({ tensor, strides }) =>
      !tensor.fitsBinding && spanOf(strides, count) > room
    );
    if (!large) return undefined;
    const spans = count.map((n, i) => (n - 1) * (large.strides[i] ?? 0));
    const axis = spans.indexOf(Math.max(...spans));
    return { axis, step: Math.ceil((count[axis] ?? 1) / 2) };
  });
  for (const box of list) launchCopy(source, target, box);
}

function launchCopy(source: Operand, target: Operand, box: Box): void {
  const shape = box.count;
  const [s, t] = [source.strides, target.strides];
  const from = viewOf(source, box);
  const to = viewOf(target, box);
  const last = shape.length - 1;
  const vector = s[last] === 1 && t[last] === 1 &&
    [
      from.offset,
      to.offset,
      shape[last] ?? 1,
      ...s.slice(0, -1),
      ...t.slice(0, -1),
    ]
      .every((value) => value % 4 === 0);
  const unit = vector ? 4 : 1;
  const rank = shape.length;
  const params: Record<string, number> = {
    count: sizeOf(shape) / unit,
    x_offset: from.offset / unit,
    y_offset: to.offset / unit,
  };
  for (let i = 0; i < COPY_AXES; i++) {
    // The first axis is in s0 and t0, the others are in the last fields.
    const at = i === 0 ? 0 : i - COPY_AXES + rank;
    const given = i === 0 || at > 0;
    const scale = at === last ? 1 : unit;
    params[`s${i}`] = given ? (s[at] ?? 0) / scale : 0;
    params[`t${i}`] = given ? (t[at] ?? 0) / scale : 0;
    if (i === 0) continue;
    params[`n${i}`] = given ? (shape[at] ?? 1) / (at === last ? unit : 1) : 1;
  }
  const kernel = specialize(vector ? COPY4 : COPY, { AXES: rank });
  launch(source.tensor.device, kernel, {
    bind: [from.binding, to.binding],
    params,
    groups: grid(sizeOf(shape) / unit, kernel.workgroupSize),
  });
}
