// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise ops. Each is a row: its value, then its derivatives, as WGSL
// expressions in x (or a, b), the result y and the incoming gradient dy.

import type { DType } from "../dtype.ts";
import { evaluate } from "../evaluate.ts";
import type { ParamType } from "../kernel.ts";
import {
  broadcastShapes,
  formatShape,
  sameShape,
  type Shape,
} from "../shape.ts";
import { record } from "../tape.ts";
import { alias, type Tensor } from "../tensor.ts";
import { sumTo } from "./reduce.ts";

/** A tensor, or a number that stands for a tensor of that one value. */
export type Operand = Tensor | number;

const mentions = new Map<string, string[]>();

/** The operand names that an expression mentions, of those given. */
function mentioned(body: string, names: readonly string[]): string[] {
  let found = mentions.get(body);
  if (!found) {
    found = names.filter((name) => new RegExp(`\\b${name}\\b`).test(body));
    mentions.set(body, found);
  }
  return found;
}

// ---------------------------------------------------------------- one operand

interface UnaryRow {
  y: string;
  dx: string;
  /** Names of numbers that the call gives. */
  scalars?: readonly string[];
}

const UNARY = {
  neg: { y: "-x", dx: "-dy" },
  abs: { y: "abs(x)", dx: "dy * sign(x)" },
  exp: { y: "exp(x)", dx: "dy * y" },
  log: { y: "log(x)", dx: "dy / x" },
  sqrt: { y: "sqrt(x)", dx: "0.5 * dy / y" },
  sin: { y: "sin(x)", dx: "dy * cos(x)" },
  cos: { y: "cos(x)", dx: "-dy * sin(x)" },
  tanh: { y: "tanh_safe(x)", dx: "dy * (1.0 - y * y)" },
  erf: { y: "erf(x)", dx: "dy * 1.1283791670955126 * exp(-x * x)" },
  sigmoid: { y: "sigmoid(x)", dx: "dy * y * (1.0 - y)" },
  relu: { y: "max(x, 0.0)", dx: "select(0.0, dy, x > 0.0)" },
  elu: {
    y: "select(alpha * (exp(min(x, 0.0)) - 1.0), x, x > 0.0)",
    dx: "select(dy * (y + alpha), dy, x > 0.0)",
    scalars: ["alpha"],
  },
  silu: {
    y: "x * sigmoid(x)",
    dx: "dy * (y + sigmoid(x) * (1.0 - y))",
  },
  gelu: { y: "gelu(x)", dx: "dy * gelu_grad(x)" },
  gelu_tanh: { y: "gelu_tanh(x)", dx: "dy * gelu_tanh_grad(x)" },
  power: {
    y: "power(x, exponent)",
    dx: "dy * exponent * power(x, exponent - 1.0)",
    scalars: ["exponent"],
  },
  clamp: {
    y: "clamp(x, low, high)",
    dx: "select(0.0, dy, x >= low && x <= high)",
    scalars: ["low", "high"],
  },
} satisfies Record<string, UnaryRow>;

function unary(
  name: keyof typeof UNARY,
  x: Tensor,
  scalars: Readonly<Record<string, number>> = {},
): Tensor {
  requireFloat(name, x);
  const row: UnaryRow = UNARY[name];
  const fields = (row.scalars ?? []).map((s) => [s, "f32"] as const);
  const y = evaluate(
    x.shape,
    {
      name,
      body: row.y,
      operands: [["x", "f32"]],
      scalars: fields,
      result: "f32",
    },
    [x],
    scalars,
  );
  return record(y, [x], (dy) => {
    const tensors: Record<string, Tensor> = { x, y, dy };
    const names = mentioned(row.dx, ["x", "y", "dy"]);
    return [evaluate(
      x.shape,
      {
        name: `${name}_backward`,
        body: row.dx,
        operands: names.map((n) => [n, "f32"] as const),
        scalars: fields,
        result: "f32",
      },
      names.map((n) => tensors[n] ?? dy),
      scalars,
    )];
  });
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

/** Limits every element to `[low, high]`; the derivative outside is 0. */
export function clamp(x: Tensor, low: number, high: number): Tensor {
  return unary("clamp", x, { low, high });
}

/** Converts elements to another type; to integers, towards zero. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return record(alias(x), [x], (dy) => [dy]);
  return evaluate(x.shape, {
    name: `cast_${dtype}`,
    body: `${dtype}(x)`,
    operands: [["x", x.dtype]],
    result: dtype,
  }, [x]);
}

// --------------------------------------------------------------- two operands

interface BinaryRow {
  y: string;
  da?: string;
  db?: string;
  /** The result's type, where it is not that of the operands. */
  result?: DType;
}

const BINARY = {
  add: { y: "a + b", da: "dy", db: "dy" },
  sub: { y: "a - b", da: "dy", db: "-dy" },
  mul: { y: "a * b", da: "dy * b", db: "dy * a" },
  div: { y: "a / b", da: "dy / b", db: "-dy * a / (b * b)" },
  pow: {
    y: "power(a, b)",
    da: "dy * b * power(a, b - 1.0)",
    db: "select(0.0, dy * power(a, b) * log(a), a > 0.0)",
  },
  minimum: {
    y: "min(a, b)",
    da: "dy * select(select(0.0, 0.5, a == b), 1.0, a < b)",
    db: "dy * select(select(0.0, 0.5, a == b), 1.0, b < a)",
  },
  maximum: {
    y: "max(a, b)",
    da: "dy * select(select(0.0, 0.5, a == b), 1.0, a > b)",
    db: "dy * select(select(0.0, 0.5, a == b), 1.0, b > a)",
  },
  equal: { y: "u32(a == b)", result: "u32" },
  notEqual: { y: "u32(a != b)", result: "u32" },
  less: { y: "u32(a < b)", result: "u32" },
  lessEqual: { y: "u32(a <= b)", result: "u32" },
  greater: { y: "u32(a > b)", result: "u32" },
  greaterEqual: { y: "u32(a >= b)", result: "u32" },
} satisfies Record<string, BinaryRow>;

function binary(name: keyof typeof BINARY, a: Operand, b: Operand): Tensor {
  const row: BinaryRow = BINARY[name];
  const given: Record<string, Operand> = { a, b };
  const tensors = [a, b].filter((x) => typeof x !== "number");
  const [first] = tensors;
  if (!first) throw new TypeError(`Cannot ${name} two numbers: give a tensor`);
  const { dtype } = first;
  for (const x of tensors) {
    if (x.dtype !== dtype) {
      throw new TypeError(
        `Cannot ${name} ${dtype} and ${x.dtype}: cast() one of them`,
      );
    }
  }
  if (name === "pow") requireFloat(name, first);
  const shape = tensors.reduce<Shape>(
    (s, x) => sameShape(s, x.shape) ? s : broadcastShapes(name, s, x.shape),
    first.shape,
  );
  const y = run(row.y, row.result ?? dtype, name, given);
  if (!row.da) return y;
  return record(y, tensors, (dy) => {
    const derivative = (body: string, x: Operand) => {
      if (typeof x === "number") return [];
      if (!x.requiresGrad) return [undefined];
      const dx = body === "dy"
        ? dy
        : run(body, "f32", `${name}_backward`, { ...given, y, dy });
      return [sumTo(dx, x.shape)];
    };
    return [...derivative(row.da ?? "", a), ...derivative(row.db ?? "", b)];
  });

  function run(
    body: string,
    result: DType,
    label: string,
    operands: Readonly<Record<string, Operand>>,
  ): Tensor {
    const names = mentioned(body, Object.keys(operands));
    const scalars: Record<string, number> = {};
    const fields: [string, ParamType][] = [];
    const views: [string, DType][] = [];
    const used: Tensor[] = [];
    for (const n of names) {
      const x = operands[n] ?? 0;
      if (typeof x === "number") {
        scalars[n] = x;
        fields.push([n, dtype]);
      } else {
        views.push([n, x.dtype]);
        used.push(x);
      }
    }
    return evaluate(
      shape,
      { name: label, body, operands: views, scalars: fields, result },
      used,
      scalars,
    );
  }
}

/**
 * Adds, broadcasting: `a + b`.
 *
 * @throws {TypeError} If the shapes do not broadcast or the types differ.
 *
 * @example Usage
 * ```ts
 * import { add, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = add(tensor([[1, 2], [3, 4]]), tensor([10, 20]));
 * assertEquals([...await y.data()], [11, 22, 13, 24]);
 * ```
 */
export function add(a: Operand, b: Operand): Tensor {
  return binary("add", a, b);
}

/** Subtracts, broadcasting: `a - b`. */
export function sub(a: Operand, b: Operand): Tensor {
  return binary("sub", a, b);
}

/** Multiplies element by element, broadcasting: `a · b`. */
export function mul(a: Operand, b: Operand): Tensor {
  return binary("mul", a, b);
}

/** Divides, broadcasting: `a / b`. */
export function div(a: Operand, b: Operand): Tensor {
  return binary("div", a, b);
}

/**
 * Raises to a power, broadcasting: `aᵇ`. Whole-number exponents take negative
 * bases; the derivative towards the exponent needs a positive base.
 */
export function pow(a: Tensor, b: Operand): Tensor {
  return typeof b === "number"
    ? unary("power", a, { exponent: b })
    : binary("pow", a, b);
}

/** The smaller of each pair; where both are equal they share the gradient. */
export function minimum(a: Operand, b: Operand): Tensor {
  return binary("minimum", a, b);
}

/** The larger of each pair; where both are equal they share the gradient. */
export function maximum(a: Operand, b: Operand): Tensor {
  return binary("maximum", a, b);
}

/** 1 where `a = b`, else 0, as u32. */
export function equal(a: Operand, b: Operand): Tensor {
  return binary("equal", a, b);
}

/** 1 where `a ≠ b`, else 0, as u32. */
export function notEqual(a: Operand, b: Operand): Tensor {
  return binary("notEqual", a, b);
}

/** 1 where `a < b`, else 0, as u32. */
export function less(a: Operand, b: Operand): Tensor {
  return binary("less", a, b);
}

/** 1 where `a ≤ b`, else 0, as u32. */
export function lessEqual(a: Operand, b: Operand): Tensor {
  return binary("lessEqual", a, b);
}

/** 1 where `a > b`, else 0, as u32. */
export function greater(a: Operand, b: Operand): Tensor {
  return binary("greater", a, b);
}

/** 1 where `a ≥ b`, else 0, as u32. */
export function greaterEqual(a: Operand, b: Operand): Tensor {
  return binary("greaterEqual", a, b);
}

// ----------------------------------------------------------------- selection

/**
 * Takes `a` where the condition is not 0, else `b`; all three broadcast.
 *
 * @param condition A tensor of integers, such as a comparison gives.
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
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  if (condition.dtype === "f32") {
    throw new TypeError(
      "Cannot choose by a condition of f32: compare it, or cast() to u32",
    );
  }
  const dtype = typeof a !== "number"
    ? a.dtype
    : typeof b !== "number"
    ? b.dtype
    : "f32";
  const given = [["a", a], ["b", b]] as const;
  const tensors: Tensor[] = [];
  const operands: [string, DType][] = [["c", condition.dtype]];
  const fields: [string, ParamType][] = [];
  const scalars: Record<string, number> = {};
  let shape: Shape = condition.shape;
  for (const [name, x] of given) {
    if (typeof x === "number") {
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

/** Puts `value` where the mask is not 0; elsewhere `x`. The mask broadcasts. */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
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

function requireFloat(action: string, x: Tensor): void {
  if (x.dtype !== "f32") {
    throw new TypeError(
      `Cannot ${action} a tensor of ${x.dtype}: cast() it to f32`,
    );
  }
}
