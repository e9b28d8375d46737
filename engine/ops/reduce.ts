// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reductions over any axes. launch/reduction.ts launches their kernels. Half of
// the file is documentation.

import type { DType } from "../dtype.ts";
import { argExtreme, placeAt } from "../launch/arg_extreme.ts";
import { evaluate } from "../launch/evaluate.ts";
import { fillInto } from "../launch/flat.ts";
import { reduceAxes } from "../launch/reduction.ts";
import { keep, scope } from "../scope.ts";
import {
  formatShape,
  normalizeAxis,
  sameShape,
  type Shape,
  sizeOf,
} from "../shape.ts";
import { noGrad, record } from "../tape.ts";
import { alias, allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { requireFloat } from "./require_float.ts";

/** Options of the reductions: {@linkcode sum}, {@linkcode mean} and others. */
export interface ReduceOptions {
  /**
   * The axis or axes to reduce; negative ones count from the last.
   *
   * @default {all axes}
   */
  axis?: number | readonly number[];
  /**
   * Whether the result keeps the reduced axes, with length 1.
   *
   * @default {false}
   */
  keepDims?: boolean;
}

/** A reduction over some axes of a shape. */
interface Plan {
  /** Which axes are reduced. */
  reduced: boolean[];
  /** The result with length 1 at the reduced axes. */
  kept: number[];
  /** The result's shape. */
  shape: number[];
  /** The number of elements that become one element of the result. */
  count: number;
}

/** Works out which axes of x a reduction takes and what shape it gives. */
function plan(action: string, x: AnyTensor, options: ReduceOptions): Plan {
  const { axis, keepDims = false } = options;
  const rank = x.shape.length;
  const axes = axis === undefined
    ? x.shape.map((_, i) => i)
    : (typeof axis === "number" ? [axis] : axis).map((a) =>
      normalizeAxis(action, a, rank)
    );
  const reduced = x.shape.map((_, i) => axes.includes(i));
  const kept = x.shape.map((length, i) => reduced[i] ? 1 : length);
  const shape = keepDims ? kept : x.shape.filter((_, i) => !reduced[i]);
  const count = sizeOf(x.shape.filter((_, i) => reduced[i]));
  return { reduced, kept, shape, count };
}

/**
 * Sums a tensor over the axes along which `shape` was broadcast to its shape.
 * This is the derivative of broadcasting.
 *
 * @param x The tensor, such as the gradient of a result.
 * @param shape The shape before broadcasting, such as an operand's.
 * @returns A tensor of that shape; x itself if nothing was broadcast.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { sumTo } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const dy = tensor([[1, 2], [3, 4]]);
 * assertEquals([...await sumTo(dy, [2]).data()], [4, 6]);
 * ```
 */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const reduced = x.shape.map((length, i) =>
    i < lead || (shape[i - lead] === 1 && length !== 1)
  );
  return reduceAxes(x, reduced, shape, "sum");
}

/** Repeats a reduction's gradient along the reduced axes, times `scale`. */
function spread(dy: Tensor, kept: Shape, shape: Shape, scale: number): Tensor {
  if (sameShape(kept, shape) && scale === 1) return alias(dy, shape);
  return evaluate(
    shape,
    {
      name: "spread",
      body: "x * scale",
      operands: [["x", "f32"]],
      scalars: [["scale", "f32"]],
      result: "f32",
    },
    [alias(dy, kept)],
    { scale },
  );
}

/**
 * Sums over axes. The sum of no elements is 0.
 *
 * @param x A tensor of any type; sums of integers wrap around.
 * @param options The axes.
 * @returns A tensor of x's type, without the reduced axes.
 * @throws {RangeError} If an axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { initialize, sum, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 2], [3, 4]]);
 * assertEquals(await sum(x).item(), 10);
 * assertEquals([...await sum(x, { axis: 0 }).data()], [4, 6]);
 * ```
 */
export function sum<D extends DType>(
  x: Tensor<D>,
  options: ReduceOptions = {},
): Tensor<D> {
  const { reduced, kept, shape } = plan("sum", x, options);
  const y = reduceAxes(x, reduced, shape, "sum");
  return record(y, [x], (dy) => [spread(dy, kept, x.shape, 1)]);
}

/**
 * Takes the mean over axes. The mean of no elements is NaN.
 *
 * @param x A tensor of floats.
 * @param options The axes.
 * @returns A tensor without the reduced axes.
 * @throws {TypeError} If x is not of floats.
 * @throws {RangeError} If an axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { initialize, mean, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await mean(tensor([[1, 3], [5, 9]]), { axis: -1 }).data()], [2, 7]);
 * ```
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireFloat("take the mean of", x);
  const { reduced, kept, shape, count } = plan(
    "take the mean over",
    x,
    options,
  );
  const y = reduceAxes(x, reduced, shape, "sum", 1 / count);
  return record(y, [x], (dy) => [spread(dy, kept, x.shape, 1 / count)]);
}

/**
 * Takes the largest element over axes; NaN if one is NaN. The gradient goes to
 * the first of the largest elements, in row-major order.
 *
 * @param x A tensor of any type.
 * @param options The axes.
 * @returns A tensor of x's type, without the reduced axes.
 * @throws {RangeError} If an axis does not exist, or there is no element to
 * take.
 *
 * @example Usage
 * ```ts
 * import { initialize, max, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await max(tensor([[1, 4], [3, 2]]), { axis: 0 }).data()], [3, 4]);
 * ```
 */
export function max<D extends DType>(
  x: Tensor<D>,
  options: ReduceOptions = {},
): Tensor<D> {
  return extreme("max", x, options);
}

/**
 * Takes the smallest element over axes; NaN if one is NaN. The gradient goes to
 * the first of the smallest elements, in row-major order.
 *
 * @param x A tensor of any type.
 * @param options The axes.
 * @returns A tensor of x's type, without the reduced axes.
 * @throws {RangeError} If an axis does not exist, or there is no element to
 * take.
 *
 * @example Usage
 * ```ts
 * import { initialize, min, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await min(tensor([[1, 4], [3, 2]]), { axis: 0 }).data()], [1, 2]);
 * ```
 */
export function min<D extends DType>(
  x: Tensor<D>,
  options: ReduceOptions = {},
): Tensor<D> {
  return extreme("min", x, options);
}

/** The largest or smallest element over axes. */
function extreme<D extends DType>(
  op: "max" | "min",
  x: Tensor<D>,
  options: ReduceOptions,
): Tensor<D> {
  const { reduced, kept, shape, count } = plan(
    `take the ${op} over`,
    x,
    options,
  );
  requireElements(`take the ${op} of`, x, count);
  // Marked axes that are not neighbors are reduced one run after the other, so
  // that in each step a single index says where the gradient goes.
  const marked = reduced.flatMap((mark, i) =>
    mark && x.shape[i] !== 1 ? [i] : []
  );
  const last = marked.filter((axis) =>
    x.shape.every((n, i) =>
      i < axis || reduced[i] || n === 1 ||
      !marked.some((other) => other > i)
    )
  );
  if (last.length < marked.length) {
    const inner = extreme(op, x, { axis: last, keepDims: true });
    const y = extreme(op, inner, options);
    if (!y.requiresGrad) inner.dispose();
    return y;
  }
  const y = reduceAxes(x, reduced, shape, op);
  return record(y, [x], (dy) => {
    const index = argExtreme(op, x, reduced, kept);
    const dx = placeAt(dy, index, x.shape, reduced);
    index.dispose();
    return [dx];
  });
}

/** Options of {@linkcode argmax}. */
export interface ArgmaxOptions {
  /**
   * The axis to search; negative ones count from the last.
   *
   * @default {all axes, as if they were one}
   */
  axis?: number;
  /**
   * Whether the searched axis stays, with length 1.
   *
   * @default {false}
   */
  keepDims?: boolean;
}

/**
 * Finds the index of the largest element along an axis; of equal ones, the
 * first.
 *
 * @param x A tensor of any type.
 * @param options The axis.
 * @returns The indices, a tensor of i32 without the searched axis.
 * @throws {RangeError} If the axis does not exist, or there is no element.
 *
 * @example Usage
 * ```ts
 * import { argmax, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 5, 5], [7, 2, 0]]);
 * assertEquals([...await argmax(x, { axis: 1 }).data()], [1, 0]);
 * ```
 */
export function argmax(
  x: AnyTensor,
  options: ArgmaxOptions = {},
): Tensor<"i32"> {
  const { reduced, shape, count } = plan("search", x, options);
  requireElements("search", x, count);
  return argExtreme("max", x, reduced, shape);
}

/**
 * Takes `log Σ exp x` over axes. The exponents are shifted by their maximum, so
 * that nothing overflows. For no elements the result is -∞, the logarithm of 0.
 *
 * @param x A tensor of floats.
 * @param options The axes.
 * @returns A tensor without the reduced axes.
 * @throws {TypeError} If x is not of floats.
 * @throws {RangeError} If an axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { initialize, logSumExp, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const y = await logSumExp(tensor([1000, 1000])).item();
 * assertAlmostEquals(y, 1000 + Math.LN2, 1e-3);
 * ```
 */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireFloat("take the logSumExp of", x);
  const { reduced, kept, shape } = plan("sum over", x, options);
  if (x.size === 0) {
    const y = filled(x, shape, -Infinity);
    return record(y, [x], () => [filled(x, x.shape, 0)]);
  }
  const { y, shift, total } = noGrad(() => {
    using _ = scope();
    const top = reduceAxes(x, reduced, kept, "max");
    // A shift of ±∞ would give NaN. Without one, the sum is 0 or ∞ as it should
    // be.
    const shift = evaluate(kept, {
      name: "finite_shift",
      body: "select(0.0, x, abs(x) <= 3.4028234e38)",
      operands: [["x", "f32"]],
      result: "f32",
    }, [top]);
    const e = evaluate(x.shape, {
      name: "exp_shifted",
      body: "exponential(x - m)",
      operands: [["x", "f32"], ["m", "f32"]],
      result: "f32",
    }, [x, shift]);
    const total = reduceAxes(e, reduced, kept, "sum");
    const y = evaluate(shape, {
      name: "log_shifted",
      body: "logarithm(s) + m",
      operands: [["s", "f32"], ["m", "f32"]],
      result: "f32",
    }, [alias(total, shape), alias(shift, shape)]);
    return { y: keep(y), shift: keep(shift), total: keep(total) };
  });
  // Not exp(x - y): rounding of a large y has lost the digits of the
  // difference.
  record(y, [x], (dy) => [
    evaluate(x.shape, {
      name: "log_sum_exp_backward",
      body:
        "select(dy * exponential(x - m) / s, 0.0, s == 0.0 || s > 3.4028234e38)",
      operands: [["x", "f32"], ["m", "f32"], ["s", "f32"], ["dy", "f32"]],
      result: "f32",
    }, [x, shift, total, alias(dy, kept)]),
  ]);
  if (!y.requiresGrad) {
    shift.dispose();
    total.dispose();
  }
  return y;
}

/** Options of {@linkcode variance}. */
export interface VarianceOptions extends ReduceOptions {
  /**
   * How much the divisor is less than the number of elements: 1 for the
   * unbiased estimate, 0 for the mean square.
   *
   * @default {1}
   */
  correction?: number;
}

/**
 * Takes the variance over axes, `Σ (x - mean)² / (n - correction)`. It is
 * computed from the deviations, so that adding a number to all elements does
 * not change it. The result is NaN if `n ≤ correction`.
 *
 * @param x A tensor of floats.
 * @param options The axes and the correction.
 * @returns A tensor without the reduced axes.
 * @throws {TypeError} If x is not of floats.
 * @throws {RangeError} If an axis does not exist.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor, variance } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals(await variance(tensor([1, 2, 3])).item(), 1);
 * ```
 */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  requireFloat("take the variance of", x);
  const { correction = 1 } = options;
  const { reduced, kept, shape, count } = plan(
    "take the variance over",
    x,
    options,
  );
  const divisor = count - correction;
  if (x.size === 0 || divisor <= 0) {
    const y = filled(x, shape, NaN);
    return record(y, [x], () => [filled(x, x.shape, NaN)]);
  }
  const center = reduceAxes(x, reduced, kept, "sum", 1 / count);
  // Far from 0, rounding may change the mean by more than the elements differ.
  // The mean of the deviations from it is that error.
  const deviations = evaluate(x.shape, {
    name: "deviation",
    body: "x - m",
    operands: [["x", "f32"], ["m", "f32"]],
    result: "f32",
  }, [x, center]);
  const rest = reduceAxes(deviations, reduced, kept, "sum", 1 / count);
  const squares = evaluate(x.shape, {
    name: "squared_deviation",
    body: "(d - r) * (d - r)",
    operands: [["d", "f32"], ["r", "f32"]],
    result: "f32",
  }, [deviations, rest]);
  const y = reduceAxes(squares, reduced, shape, "sum", 1 / divisor);
  deviations.dispose();
  squares.dispose();
  record(y, [x], (dy) => [
    evaluate(
      x.shape,
      {
        name: "variance_backward",
        body: "dy * ((x - m) - r) * scale",
        operands: [["x", "f32"], ["m", "f32"], ["r", "f32"], ["dy", "f32"]],
        scalars: [["scale", "f32"]],
        result: "f32",
      },
      [x, center, rest, alias(dy, kept)],
      { scale: 2 / divisor },
    ),
  ]);
  if (!y.requiresGrad) {
    center.dispose();
    rest.dispose();
  }
  return y;
}

/** A tensor of one number, on x's device. */
function filled(x: Tensor, shape: Shape, value: number): Tensor {
  const y = allocate(x.device, shape, x.dtype);
  fillInto(y, value);
  return y;
}

/** Checks that there is an element to take. */
function requireElements(action: string, x: AnyTensor, count: number): void {
  if (count === 0) {
    throw new RangeError(
      `Cannot ${action} ${formatShape(x.shape)}: there is no element`,
    );
  }
}
