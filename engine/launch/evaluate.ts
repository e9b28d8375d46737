// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  type Expression,
  MAX_AXES,
  stridedKernel,
} from "../kernels/elementwise.ts";
import { grid, launch } from "./launch.ts";
import { evaluateFlat } from "./flat.ts";
import {
  broadcastStrides,
  collapseAxes,
  formatShape,
  type Shape,
  sizeOf,
} from "../shape.ts";
import type { DType } from "../dtype.ts";
import { allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { view, VIEW_SLACK } from "./view.ts";

/** Evaluates an expression over operands that broadcast to `shape`. */
export function evaluate<D extends DType>(
  shape: Shape,
  expression: Expression<D>,
  operands: readonly AnyTensor[],
  scalars: Readonly<Record<string, number>> = {},
): Tensor<D> {
  const [first] = operands;
  if (!first) throw new TypeError(`Cannot ${expression.name}: no tensor given`);
  const device = first.device;
  const y = allocate(device, shape, expression.result);
  if (y.size === 0) return y;
  if (operands.every((x) => x.size === y.size)) {
    evaluateFlat(y, expression, operands, scalars);
    return y;
  }
  const axes = collapseAxes(
    shape,
    operands.map((x) => broadcastStrides(x.shape, shape)),
  );
  if (axes.shape.length > MAX_AXES) {
    throw new RangeError(
      `Cannot ${expression.name} with result ${
        formatShape(shape)
      }: broadcasting alternates over more than ${MAX_AXES} axes`,
    );
  }
  const places = axes.strides.map((strides) => ({ start: 0, strides }));
  evaluatePiece(y, expression, operands, scalars, axes.shape, 0, places);
  return y;
}

/** Where an operand's part of a piece starts, and its strides. */
interface Place {
  start: number;
  strides: readonly number[];
}

/**
 * Evaluates the elements of y from `start` on that `shape` holds: at once if
 * their parts fit bindings, else the outermost axis in two halves.
 */
function evaluatePiece(
  y: AnyTensor,
  expression: Expression,
  operands: readonly AnyTensor[],
  scalars: Readonly<Record<string, number>>,
  shape: Shape,
  start: number,
  places: readonly Place[],
): void {
  const count = sizeOf(shape);
  const fit = y.device.maxBindingSize / 4 - VIEW_SLACK;
  const axis = shape.findIndex((length) => length > 1);
  // No operand spans more than the result, whose strides bound theirs.
  if (
    axis >= 0 && count > fit && ![y, ...operands].every((x) => x.fitsBinding)
  ) {
    const length = shape[axis] ?? 1;
    const half = Math.ceil(length / 2);
    evaluatePiece(
      y,
      expression,
      operands,
      scalars,
      shape.with(axis, half),
      start,
      places,
    );
    evaluatePiece(
      y,
      expression,
      operands,
      scalars,
      shape.with(axis, length - half),
      start + half * (count / length),
      places.map((place) => ({
        ...place,
        start: place.start + half * (place.strides[axis] ?? 0),
      })),
    );
    return;
  }
  const result = view(y, start, count);
  const parts = operands.map((x, k) => {
    const { start: first = 0, strides = [] } = places[k] ?? {};
    const reach = shape.reduce(
      (at, n, i) => at + (n - 1) * (strides[i] ?? 0),
      1,
    );
    return { ...view(x, first, reach), strides };
  });
  const last = shape.length - 1;
  const length = shape[last] ?? 1;
  const vector = length % 4 === 0 && result.offset % 4 === 0 &&
    parts.every(({ offset, strides }) =>
      strides[last] === 0 ||
      strides[last] === 1 &&
        [offset, ...strides.slice(0, -1)].every((value) => value % 4 === 0)
    );
  const unit = vector ? 4 : 1;
  const steps = vector
    ? parts.map((part) => part.strides[last] ?? 0)
    : undefined;
  const lead = MAX_AXES - shape.length;
  const params: Record<string, number> = {
    ...scalars,
    count: count / unit,
    o_result: result.offset / unit,
  };
  for (let i = 1; i < MAX_AXES; i++) {
    const at = i - lead;
    params[`n${i}`] = (shape[at] ?? 1) / (at === last ? unit : 1);
  }
  parts.forEach(({ offset, strides }, k) => {
    const name = expression.operands[k]?.[0];
    const scale = strides[last] === 1 ? unit : 1;
    params[`o_${name}`] = offset / scale;
    for (let i = 0; i < MAX_AXES; i++) {
      const at = i - lead;
      params[`s_${name}${i}`] = (strides[at] ?? 0) / (at === last ? 1 : scale);
    }
  });
  const kernel = stridedKernel(expression, { rank: shape.length, steps });
  launch(y.device, kernel, {
    bind: [...parts.map((part) => part.binding), result.binding],
    params,
    groups: grid(count / unit, kernel.workgroupSize),
  });
}

const mentions = new Map<string, string[]>();

/** The operand names that an expression mentions, of those given. */
export function mentioned(body: string, names: readonly string[]): string[] {
  let found = mentions.get(body);
  if (!found) {
    found = names.filter((name) => new RegExp(`\\b${name}\\b`).test(body));
    mentions.set(body, found);
  }
  return found;
}
