// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reductions over any axes; reduction.ts launches the kernels.

import { evaluate } from "../launch/evaluate.ts";
import { argExtreme, placeAt } from "../launch/arg_extreme.ts";
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
import { alias, allocate, type Tensor } from "../tensor.ts";
import { requireFloat } from "./require_float.ts";
import { fillInto } from "../launch/flat.ts";

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
function plan(action: string, x: Tensor, options: ReduceOptions): Plan {
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
 * Sums over the axes along which `shape` was broadcast to `x.shape`: the
 * derivative of broadcasting. Gives `x` itself where nothing was broadcast.
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
 * Sums over axes.
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
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  const { reduced, kept, shape } = plan("sum", x, options);
  const y = reduceAxes(x, reduced, shape, "sum");
  return record(y, [x], (dy) => [spread(dy, kept, x.shape, 1)]);
}

/**
 * Takes the mean over axes.
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
 * Takes the largest element over axes. The gradient goes to the first of the
 * largest, in row-major order.
 *
 * @throws {RangeError} If there is no element to take.
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
export function max(x: Tensor, options: ReduceOptions = {}): Tensor {
  return extreme("max", x, options);
}

/** Takes the smallest element over axes; in all else like {@linkcode max}. */
export function min(x: Tensor, options: ReduceOptions = {}): Tensor {
  return extreme("min", x, options);
}

function extreme(op: "max" | "min", x: Tensor, options: ReduceOptions): Tensor {
  const { reduced, kept, shape, count } = plan(
    `take the ${op} over`,
    x,
    options,
  );
  requireElements(`take the ${op} of`, x, count);
  // Stretches after the first are reduced on their own, so that one index says
  // where the gradient goes.
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
   * Whether the axis stays, with length 1.
   *
   * @default {false}
   */
  keepDims?: boolean;
}

/**
 * Finds the index of the largest element, as i32; the first among equals.
 *
 * @throws {RangeError} If there is no element.
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
export function argmax(x: Tensor, options: ArgmaxOptions = {}): Tensor {
  const { reduced, shape, count } = plan("search", x, options);
  requireElements("search", x, count);
  return argExtreme("max", x, reduced, shape);
}

/**
 * Takes `log Σ exp x` over axes, shifted by the maximum so that nothing
 * overflows. Of no elements it is -∞, the logarithm of 0.
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
    // A shift of ±∞ would turn into NaN; then the sum says 0 or ∞ by itself.
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
  // Not exp(x - y): a large y has lost the digits that tell it from x.
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
   * What is taken off the number of elements in the divisor: 1 for the
   * unbiased estimate, 0 for the mean square.
   *
   * @default {1}
   */
  correction?: number;
}

/**
 * Takes the variance over axes, `Σ (x - mean)² / (n - correction)`, from centred
 * values, so that a shift of all elements does not matter. NaN where
 * `n ≤ correction`.
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
  const centre = reduceAxes(x, reduced, kept, "sum", 1 / count);
  // Far from 0 the rounded mean may be off by more than the spread: the mean of
  // the deviations from it is the rest.
  const deviations = evaluate(x.shape, {
    name: "deviation",
    body: "x - m",
    operands: [["x", "f32"], ["m", "f32"]],
    result: "f32",
  }, [x, centre]);
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
      [x, centre, rest, alias(dy, kept)],
      { scale: 2 / divisor },
    ),
  ]);
  if (!y.requiresGrad) {
    centre.dispose();
    rest.dispose();
  }
  return y;
}

function filled(x: Tensor, shape: Shape, value: number): Tensor {
  const y = allocate(x.device, shape, x.dtype);
  fillInto(y, value);
  return y;
}

function requireElements(action: string, x: Tensor, count: number): void {
  if (count === 0) {
    throw new RangeError(
      `Cannot ${action} ${formatShape(x.shape)}: there is no element`,
    );
  }
}
