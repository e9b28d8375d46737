// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { specialize } from "../gpu/kernel.ts";
import { COPY, COPY4, COPY_AXES } from "../kernels/copy.ts";
import { grid, launch } from "./launch.ts";
import { collapseAxes, formatShape, type Shape, sizeOf } from "../shape.ts";
import type { AnyTensor } from "../tensor.ts";
import { view, VIEW_SLACK } from "./view.ts";

/** How a strided copy walks one tensor, in elements. */
export interface Walk {
  offset: number;
  strides: readonly number[];
}

/**
 * Copies the elements that `from` walks in x to those that `to` walks in y,
 * over all indices of `shape`. The tensors must not share memory.
 *
 * @throws {RangeError} If the walk does not reduce to six axes.
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
  const fit = x.device.maxBindingSize / 4 - VIEW_SLACK;
  copyPiece(x, y, axes.shape, [from.offset, s], [to.offset, t], fit);
}

/** Elements from the first to the last of a walk. */
function span(shape: Shape, strides: readonly number[]): number {
  return shape.reduce((sum, n, i) => sum + (n - 1) * (strides[i] ?? 0), 1);
}

type Place = readonly [offset: number, strides: readonly number[]];

/** Copies at once if both sides fit their bindings, else in two halves. */
function copyPiece(
  x: AnyTensor,
  y: AnyTensor,
  shape: Shape,
  [x0, s]: Place,
  [y0, t]: Place,
  fit: number,
): void {
  const spanX = x.fitsBinding ? 0 : span(shape, s);
  const spanY = y.fitsBinding ? 0 : span(shape, t);
  if (spanX <= fit && spanY <= fit) {
    dispatch(x, y, shape, [x0, s], [y0, t]);
    return;
  }
  const strides = spanX > fit ? s : t;
  const reach = shape.map((n, i) => (n - 1) * (strides[i] ?? 0));
  const axis = reach.indexOf(Math.max(...reach));
  const length = shape[axis] ?? 1;
  const half = Math.ceil(length / 2);
  const first = shape.map((n, i) => i === axis ? half : n);
  const second = shape.map((n, i) => i === axis ? length - half : n);
  copyPiece(x, y, first, [x0, s], [y0, t], fit);
  copyPiece(
    x,
    y,
    second,
    [x0 + half * (s[axis] ?? 0), s],
    [y0 + half * (t[axis] ?? 0), t],
    fit,
  );
}

function dispatch(
  x: AnyTensor,
  y: AnyTensor,
  shape: Shape,
  [x0, s]: Place,
  [y0, t]: Place,
): void {
  const from = view(x, x0, span(shape, s));
  const to = view(y, y0, span(shape, t));
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
    // The first axis keeps the first place, the others move to the last.
    const at = i === 0 ? 0 : i - COPY_AXES + rank;
    const given = i === 0 || at > 0;
    const scale = at === last ? 1 : unit;
    params[`s${i}`] = given ? (s[at] ?? 0) / scale : 0;
    params[`t${i}`] = given ? (t[at] ?? 0) / scale : 0;
    if (i === 0) continue;
    params[`n${i}`] = given ? (shape[at] ?? 1) / (at === last ? unit : 1) : 1;
  }
  const kernel = specialize(vector ? COPY4 : COPY, { AXES: rank });
  launch(x.device, kernel, {
    bind: [from.binding, to.binding],
    params,
    groups: grid(sizeOf(shape) / unit, kernel.workgroupSize),
  });
}
