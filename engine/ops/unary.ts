// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise ops of one operand. Each op is a row of a table: its value and
// its derivative, as WGSL expressions in the operand x, the result y and the
// incoming gradient dy.

import type { DType } from "../dtype.ts";
import { listKernels } from "../gpu/kernel.ts";
import {
  type Expression,
  flatKernel,
  type FlatVariant,
} from "../kernels/elementwise.ts";
import { evaluate } from "../launch/evaluate.ts";
import { widened } from "../launch/halves.ts";
import { record } from "../tape.ts";
import { alias, type AnyTensor, hasDType, type Tensor } from "../tensor.ts";
import { mentioned } from "./mentioned.ts";
import { requireFloat } from "./require_float.ts";

interface UnaryRow {
  y: string;
  dx: string;
  /** The names of numbers that each call gives. */
  scalars?: readonly string[];
}

const UNARY = {
  neg: { y: "-x", dx: "-dy" },
  abs: { y: "abs(x)", dx: "select(dy * sign(x), x, is_nan(x))" },
  exp: { y: "exponential(x)", dx: "dy * y" },
  log: { y: "logarithm(x)", dx: "dy / x" },
  sqrt: { y: "sqrt(x)", dx: "0.5 * dy / y" },
  sin: { y: "sin(x)", dx: "dy * cos(x)" },
  cos: { y: "cos(x)", dx: "-dy * sin(x)" },
  tanh: { y: "tanh_safe(x)", dx: "dy * tanh_grad(x)" },
  erf: { y: "erf(x)", dx: "dy * 1.1283791670955126 * exponential(-x * x)" },
  sigmoid: { y: "sigmoid(x)", dx: "dy * sigmoid_grad(x)" },
  relu: { y: "relu(x)", dx: "relu_grad(x, dy)" },
  elu: {
    y: "select(x, alpha * expm1(x), negative(x))",
    dx: "dy * select(1.0, alpha * exp(x), negative(x) || x == 0.0)",
    scalars: ["alpha"],
  },
  silu: {
    y: "x * sigmoid(x)",
    dx: "dy * (sigmoid(x) + x * sigmoid_grad(x))",
  },
  gelu: { y: "gelu(x)", dx: "dy * gelu_grad(x)" },
  gelu_tanh: { y: "gelu_tanh(x)", dx: "dy * gelu_tanh_grad(x)" },
  power: {
    y: "any_power(x, exponent)",
    dx: "dy * (exponent * any_power(x, exponent - 1.0))",
    scalars: ["exponent"],
  },
  whole_power: {
    y: "whole_power(x, exponent)",
    dx:
      "select(dy * (exponent * whole_power(x, exponent - 1.0)), 0.0, exponent == 0.0)",
    scalars: ["exponent"],
  },
  square: { y: "x * x", dx: "dy * (x + x)" },
  cube: { y: "x * x * x", dx: "dy * (3.0 * x * x)" },
  clamp: {
    y: "bounded(x, low, high)",
    dx: "select(0.0, dy, x >= low && x <= high)",
    scalars: ["low", "high"],
  },
} satisfies Record<string, UnaryRow>;

/**
 * Evaluates and records the op of a row of the table.
 *
 * @param name The name of the row.
 * @param x A tensor of floats.
 * @param scalars The numbers that the row names.
 * @param action The name of the op in error messages.
 * @returns A tensor of floats of x's shape.
 * @throws {TypeError} If x is not of floats.
 */
export function unary(
  name: keyof typeof UNARY,
  x: Tensor,
  scalars: Readonly<Record<string, number>> = {},
  action: string = name,
): Tensor {
  requireFloat(action, x);
  const { forward, backward } = expressions(name);
  const y = evaluate(x.shape, forward, [x], scalars);
  return record(y, [x], (dy) => {
    const tensors: Record<string, Tensor> = { x, y, dy };
    const operands = backward.operands.map(([n]) => tensors[n] ?? dy);
    return [evaluate(x.shape, backward, operands, scalars)];
  });
}

/** The expressions of a row, made at its first use. */
interface UnaryExpressions {
  forward: Expression<"f32">;
  backward: Expression<"f32">;
}

const made = new Map<string, UnaryExpressions>();

function expressions(name: keyof typeof UNARY): UnaryExpressions {
  let pair = made.get(name);
  if (!pair) {
    const row: UnaryRow = UNARY[name];
    const shared = {
      scalars: (row.scalars ?? []).map((s) => [s, "f32"] as const),
      result: "f32",
    } as const;
    const names = mentioned(row.dx, ["x", "y", "dy"]);
    pair = {
      forward: { ...shared, name, body: row.y, operands: [["x", "f32"]] },
      backward: {
        ...shared,
        name: `${name}_backward`,
        body: row.dx,
        operands: names.map((n) => [n, "f32"]),
      },
    };
    made.set(name, pair);
  }
  return pair;
}

// `deno task wgsl gelu` prints the kernel of a row, and `gelu_backward` that of its
// derivative.
for (const name of Object.keys(UNARY) as (keyof typeof UNARY)[]) {
  for (const direction of ["forward", "backward"] as const) {
    const kernelOf = (variant: FlatVariant) => () =>
      flatKernel(expressions(name)[direction], variant);
    listKernels(direction === "forward" ? name : `${name}_backward`, {
      buffers: kernelOf("buffers"),
      texels: kernelOf("texels"),
    });
  }
}

/**
 * Negates: `y = -x`.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { initialize, neg, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await neg(tensor([1, -2])).data()], [-1, 2]);
 * ```
 */
export function neg(x: Tensor): Tensor {
  return unary("neg", x);
}

/**
 * Takes the absolute value: `y = |x|`, with derivative 0 at 0.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { abs, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await abs(tensor([1, -2])).data()], [1, 2]);
 * ```
 */
export function abs(x: Tensor): Tensor {
  return unary("abs", x);
}

/**
 * Takes the exponential: `y = eˣ`.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { exp, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await exp(tensor([1])).item(), Math.E, 1e-6);
 * ```
 */
export function exp(x: Tensor): Tensor {
  return unary("exp", x);
}

/**
 * Takes the natural logarithm: -∞ at 0, and NaN below 0.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { initialize, log, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await log(tensor([2])).item(), Math.LN2, 1e-6);
 * ```
 */
export function log(x: Tensor): Tensor {
  return unary("log", x);
}

/**
 * Takes the square root; NaN below 0.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { initialize, sqrt, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await sqrt(tensor([2])).item(), Math.SQRT2, 1e-6);
 * ```
 */
export function sqrt(x: Tensor): Tensor {
  return unary("sqrt", x);
}

/**
 * Takes the sine of an angle in radians.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { initialize, sin, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await sin(tensor([1])).item(), Math.sin(1), 1e-5);
 * ```
 */
export function sin(x: Tensor): Tensor {
  return unary("sin", x);
}

/**
 * Takes the cosine of an angle in radians.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { cos, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await cos(tensor([1])).item(), Math.cos(1), 1e-5);
 * ```
 */
export function cos(x: Tensor): Tensor {
  return unary("cos", x);
}

/**
 * Takes the hyperbolic tangent.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { initialize, tanh, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await tanh(tensor([1])).item(), Math.tanh(1), 1e-6);
 * ```
 */
export function tanh(x: Tensor): Tensor {
  return unary("tanh", x);
}

/**
 * Takes the error function, `2/√π ∫₀ˣ exp(-t²) dt`, to 2 units in the last
 * place.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { erf, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await erf(tensor([1])).item(), 0.8427008, 1e-6);
 * ```
 */
export function erf(x: Tensor): Tensor {
  return unary("erf", x);
}

/**
 * Takes the logistic function: `y = 1 / (1 + e⁻ˣ)`.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { initialize, sigmoid, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await sigmoid(tensor([0])).data()], [0.5]);
 * ```
 */
export function sigmoid(x: Tensor): Tensor {
  return unary("sigmoid", x);
}

/**
 * Takes the rectifier: `y = max(x, 0)`, with derivative 0 at 0.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { initialize, relu, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await relu(tensor([-1, 2])).data()], [0, 2]);
 * ```
 */
export function relu(x: Tensor): Tensor {
  return unary("relu", x);
}

/**
 * Takes the exponential linear unit: `x` above 0, and `alpha (eˣ - 1)` below.
 *
 * @param x A tensor of floats.
 * @param alpha The factor below 0.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { elu, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await elu(tensor([-1]), 2).item(), 2 * Math.expm1(-1), 1e-6);
 * ```
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  return unary("elu", x, { alpha });
}

/**
 * Takes the sigmoid linear unit, also called swish: `y = x / (1 + e⁻ˣ)`.
 *
 * @param x A tensor of floats.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { initialize, silu, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await silu(tensor([1])).item(), 1 / (1 + Math.exp(-1)), 1e-6);
 * ```
 */
export function silu(x: Tensor): Tensor {
  return unary("silu", x);
}

/** Options of {@linkcode gelu}. */
export interface GeluOptions {
  /**
   * `"none"` for the exact form, `"tanh"` for Hugging Face's `gelu_new`.
   *
   * @default {"none"}
   */
  approximate?: "none" | "tanh";
}

/**
 * Takes the Gaussian error linear unit: `y = x Φ(x)`, where Φ is the
 * distribution function of the standard normal distribution, or its
 * approximation by tanh.
 *
 * @param x A tensor of floats.
 * @param options The form.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { gelu, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * assertAlmostEquals(await gelu(tensor([1])).item(), 0.8413447, 1e-6);
 * ```
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  const { approximate = "none" } = options;
  return unary(approximate === "tanh" ? "gelu_tanh" : "gelu", x);
}

/**
 * Limits every element to `[low, high]`; the derivative outside is 0. NaN stays
 * NaN. If `low` exceeds `high`, every number becomes `high`.
 *
 * @param x A tensor of floats.
 * @param low The least value.
 * @param high The largest value.
 * @returns A tensor of x's shape.
 * @throws {TypeError} If x is not of floats.
 * @throws {RangeError} If a limit is NaN.
 *
 * @example Usage
 * ```ts
 * import { clamp, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await clamp(tensor([-2, 0, 5]), -1, 1).data()], [-1, 0, 1]);
 * ```
 */
export function clamp(x: Tensor, low: number, high: number): Tensor {
  if (Number.isNaN(low) || Number.isNaN(high)) {
    throw new RangeError(
      `Cannot clamp to [${low}, ${high}]: the limits must be numbers`,
    );
  }
  return unary("clamp", x, { low, high });
}

/**
 * Converts elements to another type. Floats are rounded towards zero to become
 * integers; NaN becomes 0, and a number out of range becomes the nearest one
 * that both types hold. Between i32 and u32 the bits stay as they are. A
 * parameter that is stored as f16 is widened, for ops that do not take it.
 *
 * @param x A tensor of any type.
 * @param dtype The type of the result.
 * @returns A tensor of x's shape.
 *
 * @example Usage
 * ```ts
 * import { cast, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = cast(tensor([1.9, -1.9, NaN]), "i32");
 * assertEquals(await y.data(), Int32Array.of(1, -1, 0));
 * ```
 */
export function cast<D extends DType>(x: AnyTensor, dtype: D): Tensor<D> {
  const wide: AnyTensor = hasDType(x, "f32") ? widened(x) : x;
  if (hasDType(wide, dtype)) {
    return record(wide === x ? alias(wide) : wide, [x], (dy) => [dy]);
  }
  return evaluate(x.shape, {
    name: `cast_${dtype}`,
    body: x.dtype === "f32"
      ? `select(${dtype}(x), ${dtype}(0), is_nan(x))`
      : `${dtype}(x)`,
    operands: [["x", x.dtype]],
    result: dtype,
  }, [wide]);
}
