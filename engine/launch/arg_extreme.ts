// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The launcher of argmax and of the derivative of max: both need to know where
// the extreme lies. The reduced axes must lie side by side, so that the tensor can
// be seen as [outer, n, inner].

import { argmaxKernel, SELECT_INDEX } from "../kernels/argmax.ts";
import { type Shape, sizeOf } from "../shape.ts";
import { allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { copyStrided } from "./copy.ts";
import { viewOf } from "./cut.ts";
import { evaluate } from "./evaluate.ts";
import { grid, launch } from "./launch.ts";
import {
  chooseReduce,
  cutMiddle,
  type MiddleSizes,
  reduceAxes,
} from "./reduction.ts";

/** Sees a shape as [outer, n, inner], where the reduced axes make up the middle. */
function middleOf(shape: Shape, reduced: readonly boolean[]): MiddleSizes {
  const real = reduced.map((mark, i) => mark && shape[i] !== 1);
  const first = real.indexOf(true);
  if (first < 0) return { outer: sizeOf(shape), n: 1, inner: 1, chunk: 1 };
  const end = real.lastIndexOf(true) + 1;
  const n = sizeOf(shape.slice(first, end));
  return {
    outer: sizeOf(shape.slice(0, first)),
    n,
    inner: sizeOf(shape.slice(end)),
    chunk: n,
  };
}

/** Finds the index of the first extreme along the marked axes, as i32. */
export function argExtreme(
  op: "max" | "min",
  x: AnyTensor,
  reduced: readonly boolean[],
  shape: Shape,
): Tensor<"i32"> {
  const sizes = middleOf(x.shape, reduced);
  const { n, inner } = sizes;
  if (inner > 1 && n > x.device.maxTurns) {
    return argExtreme(op, movedLast(x, sizes), [false, true], shape);
  }
  // For longer rows, the invocations of a workgroup would take too many turns.
  const { workgroupSize } = argmaxKernel({
    variant: "workgroup",
    op,
    dtype: x.dtype,
  });
  const most = Math.floor(x.device.maxTurns / 2) * workgroupSize;
  if (n > most) return argExtremeOfParts(op, x, sizes, shape, most);
  const y = allocate(x.device, shape, "i32");
  const workgroup = inner === 1 &&
    chooseReduce(x, n) === "workgroup";
  const variant = workgroup ? "workgroup" : "serial";
  const kernel = argmaxKernel({ variant, op, dtype: x.dtype });
  const operand = { tensor: x, strides: [n * inner, inner, 1] };
  const result = { tensor: y, strides: [inner, 0, 1] };
  for (const box of cutMiddle(x, sizes)) {
    const [outer = 0] = box.count;
    const from = viewOf(operand, box);
    const to = viewOf(result, box);
    launch(x.device, kernel, {
      bind: [from.binding, to.binding],
      params: { outer, n, inner, x_offset: from.offset, y_offset: to.offset },
      groups: workgroup
        ? grid(outer, 1)
        : grid(outer * inner, kernel.workgroupSize),
    });
  }
  return y;
}

/**
 * Finds the index in very long rows: first the extreme and its index in each part
 * of `length` elements, then the first of the best parts.
 */
function argExtremeOfParts(
  op: "max" | "min",
  x: AnyTensor,
  { outer, n }: MiddleSizes,
  shape: Shape,
  length: number,
): Tensor<"i32"> {
  const { device } = x;
  const parts = Math.ceil(n / length);
  const values = allocate(device, [outer, parts], x.dtype);
  const indices = allocate(device, [outer, parts], "i32");
  const numbers = allocate(device, [1, parts], "i32");
  numbers.write(Int32Array.from({ length: parts }, (_, i) => i));
  for (let k = 0; k < parts; k++) {
    const start = k * length;
    const count = Math.min(length, n - start);
    const part = allocate(device, [outer, count], x.dtype);
    copyStrided(
      x,
      part,
      [outer, count],
      { offset: start, strides: [n, 1] },
      { offset: 0, strides: [count, 1] },
    );
    const column = { offset: k, strides: [parts] };
    const found = [
      [reduceAxes(part, [false, true], [outer], op), values],
      [argExtreme(op, part, [false, true], [outer]), indices],
    ] as const;
    for (const [from, to] of found) {
      copyStrided(from, to, [outer], { offset: 0, strides: [1] }, column);
      from.dispose();
    }
    part.dispose();
  }
  const best = argExtreme(op, values, [false, true], [outer, 1]);
  const chosen = evaluate(
    [outer, parts],
    {
      name: "index_of_parts",
      body: "select(0, index + k * length, k == best)",
      operands: [["index", "i32"], ["k", "i32"], ["best", "i32"]],
      scalars: [["length", "i32"]],
      result: "i32",
    },
    [indices, numbers, best],
    { length },
  );
  const y = reduceAxes(chosen, [false, true], shape, "sum");
  for (const used of [values, indices, numbers, best, chosen]) used.dispose();
  return y;
}

/** Copies x [outer, n, inner] to [outer · inner, n]: rows for a workgroup. */
function movedLast(
  x: AnyTensor,
  { outer, n, inner }: MiddleSizes,
): AnyTensor {
  const y = allocate(x.device, [outer * inner, n], x.dtype);
  copyStrided(
    x,
    y,
    [outer, inner, n],
    { offset: 0, strides: [n * inner, 1, inner] },
    { offset: 0, strides: [inner * n, n, 1] },
  );
  return y;
}

/** Makes a tensor of `shape` with dy at the indices along the marked axes, else 0. */
export function placeAt(
  dy: Tensor,
  index: AnyTensor,
  shape: Shape,
  reduced: readonly boolean[],
): Tensor {
  const dx = allocate(dy.device, shape);
  const sizes = middleOf(shape, reduced);
  const { n, inner } = sizes;
  const target = { tensor: dx, strides: [n * inner, inner, 1] };
  const strides = [inner, 0, 1];
  for (const box of cutMiddle(dx, sizes)) {
    const [outer = 0] = box.count;
    const count = outer * n * inner;
    const from = viewOf({ tensor: dy, strides }, box);
    const to = viewOf(target, box);
    launch(dy.device, SELECT_INDEX, {
      bind: [
        viewOf({ tensor: index, strides }, box).binding,
        from.binding,
        to.binding,
      ],
      params: { count, n, inner, y_offset: from.offset, x_offset: to.offset },
      groups: grid(count, SELECT_INDEX.workgroupSize),
    });
  }
  return dx;
}
