// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise ops of one operand. Each is a row: its value, then its
// derivative, as WGSL expressions in x, the result y and the incoming gradient
// dy.

import type { DType } from "../dtype.ts";
import { evaluate } from "../launch/evaluate.ts";
import type { Expression } from "../kernels/elementwise.ts";
import { record } from "../tape.ts";
import { alias, type Tensor } from "../tensor.ts";
import { mentioned } from "./mentioned.ts";
import { requireFloat } from "./require_float.ts";

interface UnaryRow {
  y: string;
  dx: string;
  /** Names of numbers that the call gives. */
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
 * Evaluates and records a row of the table.
 *
 * @param action What messages call it.
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

/** Both directions of a row, made at its first use. */
interface UnaryExpressions {
  forward: Expression;
  backward: Expression;
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

/** Negates: `y = -x`. */
export function neg(x: Tensor): Tensor {
  return unary("neg", x);
}

/** Absolute value: `y = |x|`, with derivative 0 at 0. */
export function abs(x: Tensor): Tensor {
  return unary("abs", x);
}

/** Exponential: `y = eˣ`. */
export function exp(x: Tensor): Tensor {
  return unary("exp", x);
}

/** Natural logarithm; -∞ at 0, NaN below. */
export function log(x: Tensor): Tensor {
  return unary("log", x);
}

/** Square root; NaN below 0. */
export function sqrt(x: Tensor): Tensor {
  return unary("sqrt", x);
}

/** Sine of radians. */
export function sin(x: Tensor): Tensor {
  return unary("sin", x);
}

/** Cosine of radians. */
export function cos(x: Tensor): Tensor {
  return unary("cos", x);
}

/** Hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return unary("tanh", x);
}

/** Error function `2/√π ∫₀ˣ exp(-t²) dt`, to 2 units in the last place. */
export function erf(x: Tensor): Tensor {
  return unary("erf", x);
}

/** Logistic function `1 / (1 + e⁻ˣ)`. */
export function sigmoid(x: Tensor): Tensor {
  return unary("sigmoid", x);
}

/** Rectifier: `max(x, 0)`, with derivative 0 at 0. */
export function relu(x: Tensor): Tensor {
  return unary("relu", x);
}

/** Exponential linear unit: `x` above 0, `alpha (eˣ - 1)` below. */
export function elu(x: Tensor, alpha = 1): Tensor {
  return unary("elu", x, { alpha });
}

/** Sigmoid linear unit, also called swish: `x / (1 + e⁻ˣ)`. */
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
 * Gaussian error linear unit: `x Φ(x)`, with Φ the normal distribution, or
 * its approximation by tanh.
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
 * Limits every element to `[low, high]`; the derivative outside is 0. NaN stays.
 * Where `low` exceeds `high`, every number becomes `high`.
 *
 * @throws {RangeError} If a limit is NaN.
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
 * Converts elements to another type. Floats become integers towards zero; NaN
 * becomes 0, and what is out of range the nearest number that both types hold.
 * Between i32 and u32 the bits stay.
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return record(alias(x), [x], (dy) => [dy]);
  return evaluate(x.shape, {
    name: `cast_${dtype}`,
    body: x.dtype === "f32"
      ? `select(${dtype}(x), ${dtype}(0), is_nan(x))`
      : `${dtype}(x)`,
    operands: [["x", x.dtype]],
    result: dtype,
  }, [x]);
}
