// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What is written over an existing tensor. Not part of the public interface:
// such a change has no derivative, and a derivative that needs what was there
// before throws (changes.ts).

import { touch } from "../changes.ts";
import {
  type Expression,
  FLAT_VARIANTS,
  flatKernel,
  oldTexels,
  readsTexels,
} from "../kernels/elementwise.ts";
import { grid, launch, part, windows } from "./launch.ts";
import type { DType } from "../dtype.ts";
import type { AnyTensor, Tensor } from "../tensor.ts";
import { TEXEL_WINDOW } from "../gpu/texels.ts";
import { chooseVariant, defineVariants } from "../tuning/choice.ts";

defineVariants("elementwise", FLAT_VARIANTS);

/** Elements from which copies to textures are worth their while. */
const LEAST_TEXELS = 64 * 1024;

/**
 * Evaluates an expression over operands of one shape into `result`, which must
 * not be among the operands.
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
      device.isSoftware && result.size >= LEAST_TEXELS ? "texels" : "buffers",
  );
  if (variant === "texels" && readsTexels(expression)) {
    return evaluateTexels(result, expression, operands, scalars);
  }
  const kernel = flatKernel(expression);
  if (result.fitsBinding) { // Nearly always; windows cost the host time.
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

/** The same with what is of f32 read as texels, a small window at a time. */
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
  const maxBindingSize = Math.min(device.maxBindingSize, TEXEL_WINDOW);
  for (const window of windows({ maxBindingSize }, result.size, [1])) {
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

/** Adds `a` to the target; with `b`, writes `a + b` over it. */
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

/** Sets every element of the target to a number. */
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

/** Overwrites the target with `a`, of the same number of elements. */
export function copyInto(target: Tensor, a: Tensor): void {
  touch(target);
  evaluateFlat(target, COPY, [a]);
}
