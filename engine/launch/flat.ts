// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise expressions over operands of one shape, and the changes of existing
// tensors that are made of them: to fill, to copy, to add. These changes are not
// part of the public interface, because they have no derivative; a derivative that
// needs the elements from before a change throws (changes.ts).

import { touch } from "../changes.ts";
import type { DType } from "../dtype.ts";
import { replicasAtOnce } from "../gpu/replication.ts";
import {
  type Expression,
  FLAT_VARIANTS,
  flatKernel,
  oldTexels,
  readsTexels,
} from "../kernels/elementwise.ts";
import type { AnyTensor, Tensor } from "../tensor.ts";
import { chooseVariant, defineVariants } from "../tuning/choice.ts";
import { part, texelWindows, windows } from "./cut.ts";
import { widened } from "./halves.ts";
import { grid, launch } from "./launch.ts";

defineVariants("elementwise", FLAT_VARIANTS);

/** Results of fewer elements are not worth copies of the operands to textures. */
const LEAST_TEXELS = 64 * 1024;

/**
 * Evaluates an element-wise expression over operands of one shape and overwrites a
 * tensor with it. There is no derivative.
 *
 * @param result The tensor to write, which must not be one of the operands.
 * @param expression The expression in WGSL, with the names of its operands.
 * @param operands The operands, in the order of their names.
 * @param scalars The values of the expression's scalars.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor, zeros } from "@swagpu/swagpu/engine";
 * import { evaluateFlat, type Expression } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const expression: Expression = {
 *   name: "scale",
 *   body: "x * factor",
 *   operands: [["x", "f32"]],
 *   scalars: [["factor", "f32"]],
 *   result: "f32",
 * };
 * const y = zeros([2]);
 * evaluateFlat(y, expression, [tensor([1, 2])], { factor: 10 });
 * assertEquals([...await y.data()], [10, 20]);
 * ```
 */
export function evaluateFlat(
  result: AnyTensor,
  expression: Expression,
  operands: readonly AnyTensor[],
  scalars: Readonly<Record<string, number>> = {},
): void {
  const device = result.device;
  const variant = chooseVariant(
    device,
    "elementwise",
    "all",
    () =>
      device.isSoftware && result.size * replicasAtOnce() >= LEAST_TEXELS
        ? "texels"
        : "buffers",
  );
  if (variant === "texels" && readsTexels(expression)) {
    return evaluateTexels(result, expression, operands, scalars);
  }
  const kernel = flatKernel(expression);
  if (result.fitsBinding) { // Nearly always. Windows would cost host time.
    launch(device, kernel, {
      bind: [...operands, result],
      params: { ...scalars, count: result.size },
      groups: grid(Math.ceil(result.size / 4), kernel.workgroupSize),
    });
    return;
  }
  for (const window of windows(device, result.size, [1])) {
    launch(device, kernel, {
      bind: [...operands, result].map((x) => part(x, window, 1)),
      params: { ...scalars, count: window.count },
      groups: grid(Math.ceil(window.count / 4), kernel.workgroupSize),
    });
  }
}

/** Does the same, but reads operands of f32 as texels, a small window at a time. */
function evaluateTexels(
  result: AnyTensor,
  expression: Expression,
  operands: readonly AnyTensor[],
  scalars: Readonly<Record<string, number>>,
): void {
  const { device } = result;
  const kernel = flatKernel(expression, "texels");
  const bound = [...operands, result];
  if (oldTexels(expression)) bound.push(result);
  for (const window of texelWindows(device, result.size, [1])) {
    launch(device, kernel, {
      bind: bound.map((x) => part(x, window, 1)),
      params: { ...scalars, count: window.count },
      groups: grid(Math.ceil(window.count / 4), kernel.workgroupSize),
    });
  }
}

const SUM: Expression = {
  name: "sum_of_two",
  body: "a + b",
  operands: [["a", "f32"], ["b", "f32"]],
  result: "f32",
};

const ADD: Expression = {
  name: "add_into",
  body: "target_ + a",
  operands: [["a", "f32"]],
  result: "f32",
  update: true,
};

/**
 * Adds to a tensor in place. If `b` is given, overwrites the tensor with `a + b`.
 *
 * @param target The tensor to change, of f32.
 * @param a A tensor of the same number of elements, of f32.
 * @param b A tensor of the same number of elements, of f32.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { addInto } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2]);
 * addInto(x, tensor([10, 20]));
 * assertEquals([...await x.data()], [11, 22]);
 * ```
 */
export function addInto(target: Tensor, a: Tensor, b?: Tensor): void {
  touch(target);
  if (b) evaluateFlat(target, SUM, [a, b]);
  else evaluateFlat(target, ADD, [a]);
}

const FILLS: Readonly<Record<DType, Expression>> = {
  f32: fillExpression("f32"),
  i32: fillExpression("i32"),
  u32: fillExpression("u32"),
};

function fillExpression(dtype: DType): Expression {
  return {
    name: `fill_${dtype}`,
    body: "value",
    operands: [],
    scalars: [["value", dtype]],
    result: dtype,
    update: true,
  };
}

/**
 * Sets every element of a tensor to a number, in place.
 *
 * @param target The tensor to change, of any type.
 * @param value The number.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { fillInto } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2]);
 * fillInto(x, 7);
 * assertEquals([...await x.data()], [7, 7]);
 * ```
 */
export function fillInto(target: AnyTensor, value: number): void {
  touch(target);
  evaluateFlat(target, FILLS[target.dtype], [], { value });
}

const COPY: Expression = {
  name: "copy_into",
  body: "a",
  operands: [["a", "f32"]],
  result: "f32",
  update: true,
};

/**
 * Overwrites the elements of a tensor with those of another, in place.
 *
 * @param target The tensor to change, of f32.
 * @param a A tensor of the same number of elements, of f32, which may be stored
 * as f16.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { copyInto } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2]);
 * copyInto(x, tensor([3, 4]));
 * assertEquals([...await x.data()], [3, 4]);
 * ```
 */
export function copyInto(target: Tensor, a: Tensor): void {
  touch(target);
  const wide = widened(a);
  evaluateFlat(target, COPY, [wide]);
  if (wide !== a) wide.dispose();
}
