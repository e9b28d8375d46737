// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The launcher of the element-wise kernels for operands that broadcast.

import type { DType } from "../dtype.ts";
import {
  type Expression,
  MAX_AXES,
  stridedKernel,
} from "../kernels/elementwise.ts";
import {
  broadcastStrides,
  collapseAxes,
  formatShape,
  type Shape,
  sizeOf,
  stridesOf,
} from "../shape.ts";
import { allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import {
  type Box,
  boxes,
  elementsThatFit,
  type Operand,
  viewOf,
  wholeBox,
} from "./cut.ts";
import { evaluateFlat } from "./flat.ts";
import { grid, launch } from "./launch.ts";

/**
 * Evaluates an expression over operands that broadcast to `shape`.
 *
 * @throws {RangeError} If the operands broadcast along so many separate axes that
 * no kernel follows them.
 */
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
  const piece: Piece = {
    expression,
    scalars,
    result: { tensor: y, strides: stridesOf(axes.shape) },
    operands: operands.map((tensor, k) => ({
      tensor,
      strides: axes.strides[k] ?? [],
    })),
    box: wholeBox(axes.shape),
  };
  if ([y, ...operands].every((x) => x.fitsBinding)) {
    launchPiece(piece);
    return y;
  }
  // Halves along the outermost axis, until the result's part fits. No operand
  // spans more than the result does, whose strides bound the operands' strides.
  const room = elementsThatFit(device);
  const list = boxes(axes.shape, (count) => {
    const axis = count.findIndex((length) => length > 1);
    return axis < 0 || sizeOf(count) <= room
      ? undefined
      : { axis, step: Math.ceil((count[axis] ?? 1) / 2) };
  });
  for (const box of list) launchPiece({ ...piece, box });
  return y;
}

/** The part of an expression's result that one dispatch evaluates. */
interface Piece {
  expression: Expression;
  /** The numbers in the expression, by name. */
  scalars: Readonly<Record<string, number>>;
  result: Operand;
  operands: readonly Operand[];
  /** The elements of the result to evaluate. */
  box: Box;
}

function launchPiece(
  { expression, scalars, result, operands, box }: Piece,
): void {
  const shape = box.count;
  const count = sizeOf(shape);
  const to = viewOf(result, box);
  const views = operands.map((operand) => viewOf(operand, box));
  const last = shape.length - 1;
  const fours = (shape[last] ?? 1) % 4 === 0 && to.offset % 4 === 0 &&
    operands.every(({ strides }, k) => hasFours(strides, views[k]?.offset));
  const unit = fours ? 4 : 1;
  const steps = fours
    ? operands.map(({ strides }) => strides[last] ?? 0)
    : undefined;
  const lead = MAX_AXES - shape.length;
  const params: Record<string, number> = {
    ...scalars,
    count: count / unit,
    o_result: to.offset / unit,
  };
  for (let i = 1; i < MAX_AXES; i++) {
    const at = i - lead;
    params[`n${i}`] = (shape[at] ?? 1) / (at === last ? unit : 1);
  }
  operands.forEach(({ strides }, k) => {
    const name = expression.operands[k]?.[0];
    const scale = strides[last] === 1 ? unit : 1;
    params[`o_${name}`] = (views[k]?.offset ?? 0) / scale;
    for (let i = 0; i < MAX_AXES; i++) {
      const at = i - lead;
      params[`s_${name}${i}`] = (strides[at] ?? 0) / (at === last ? 1 : scale);
    }
  });
  const kernel = stridedKernel(expression, { rank: shape.length, steps });
  launch(result.tensor.device, kernel, {
    bind: [...views.map(({ binding }) => binding), to.binding],
    params,
    groups: grid(count / unit, kernel.workgroupSize),
  });
}

/**
 * Whether four neighbors of the result along the last axis need one element of an
 * operand, or four that start at a multiple of four elements.
 */
function hasFours(strides: readonly number[], offset = 0): boolean {
  const last = strides.length - 1;
  if (strides[last] === 0) return true;
  return strides[last] === 1 && offset % 4 === 0 &&
    strides.every((stride, i) => i === last || stride % 4 === 0);
}
