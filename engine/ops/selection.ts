// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Ops that choose between elements by a condition.

import type { DType } from "../dtype.ts";
import { evaluate } from "../launch/evaluate.ts";
import type { ParamType } from "../gpu/kernel.ts";
import {
  broadcastShapes,
  formatShape,
  sameShape,
  type Shape,
} from "../shape.ts";
import { record } from "../tape.ts";
import { hasDType, type IntegerTensor, type Tensor } from "../tensor.ts";
import { requireHolds } from "../whole_numbers.ts";
import type { Operand } from "./binary.ts";
import { sumTo } from "./reduce.ts";

/**
 * Takes elements of `a` where the condition is not 0, and of `b` elsewhere. All
 * three broadcast.
 *
 * @param condition A tensor of integers, such as a comparison gives.
 * @param a A tensor or a number.
 * @param b A tensor or a number.
 * @returns A tensor of the common shape and of the type of `a` and `b`; of
 * floats, if both are numbers.
 * @throws {TypeError} If the shapes do not broadcast, the types differ, or a
 * number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { greater, initialize, tensor, where } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([-1, 2]);
 * const y = where(greater(x, 0), x, 0);
 * assertEquals([...await y.data()], [0, 2]);
 * ```
 */
export function where<D extends DType = "f32">(
  condition: IntegerTensor,
  a: Operand<D>,
  b: Operand<D>,
): Tensor<D> {
  if (hasDType(condition, "f32")) {
    throw new TypeError(
      "Cannot choose by a condition of f32: compare it, or cast() to u32",
    );
  }
  const [first] = [a, b].filter((x) => typeof x !== "number");
  const dtype = first?.dtype ?? "f32" as D; // Two numbers make floats.
  const given = [["a", a], ["b", b]] as const;
  const tensors: Tensor<D>[] = [];
  const operands: [string, DType][] = [["c", condition.dtype]];
  const fields: [string, ParamType][] = [];
  const scalars: Record<string, number> = {};
  let shape: Shape = condition.shape;
  for (const [name, x] of given) {
    if (typeof x === "number") {
      requireHolds("choose between", dtype, x);
      fields.push([name, dtype]);
      scalars[name] = x;
      continue;
    }
    if (x.dtype !== dtype) {
      throw new TypeError(
        `Cannot choose between ${dtype} and ${x.dtype}: cast() one of them`,
      );
    }
    operands.push([name, dtype]);
    tensors.push(x);
    shape = broadcastShapes("choose between", shape, x.shape);
  }
  const y = evaluate(
    shape,
    {
      name: "where",
      body: `select(b, a, c != ${condition.dtype}(0))`,
      operands,
      scalars: fields,
      result: dtype,
    },
    [condition, ...tensors],
    scalars,
  );
  return record(y, tensors, (dy) =>
    tensors.map((x, i) => {
      if (!x.requiresGrad) return undefined;
      const isA = i === 0 && typeof a !== "number";
      const dx = isA ? where(condition, dy, 0) : where(condition, 0, dy);
      return sumTo(dx, x.shape);
    }));
}

/**
 * Replaces elements by a number where a mask is not 0.
 *
 * @param x A tensor of any type.
 * @param mask A tensor of integers that broadcasts to x's shape.
 * @param value The number.
 * @returns A tensor of x's shape and type.
 * @throws {TypeError} If the mask does not broadcast to x's shape, or the
 * number is not of x's integer type.
 *
 * @example Usage
 * ```ts
 * import { initialize, less, maskedFill, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([-1, 2]);
 * assertEquals([...await maskedFill(x, less(x, 0), 9).data()], [9, 2]);
 * ```
 */
export function maskedFill<D extends DType>(
  x: Tensor<D>,
  mask: IntegerTensor,
  value: number,
): Tensor<D> {
  const shape = broadcastShapes("mask", x.shape, mask.shape);
  if (!sameShape(shape, x.shape)) {
    throw new TypeError(
      `Cannot mask ${formatShape(x.shape)} by ${
        formatShape(mask.shape)
      }: the mask must broadcast to the tensor`,
    );
  }
  return where(mask, value, x);
}
