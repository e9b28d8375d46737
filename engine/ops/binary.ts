// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise ops of two operands, broadcasting. Each is a row: its value, then
// its derivatives, as WGSL expressions in a, b, the result y and the incoming
// gradient dy.

import type { DType } from "../dtype.ts";
import { evaluate } from "../launch/evaluate.ts";
import type { Expression } from "../kernels/elementwise.ts";
import { broadcastShapes, sameShape, type Shape } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { requireHolds } from "../whole_numbers.ts";
import { sumTo } from "./reduce.ts";
import { mentioned } from "./mentioned.ts";
import { requireFloat } from "./require_float.ts";
import { unary } from "./unary.ts";

/**
 * A tensor, or a number that stands for a tensor of that one value. Beside a
 * tensor of integers it must be one of them: 0.5 or NaN is refused, not cut.
 */
export type Operand = Tensor | number;

interface BinaryRow {
  y: string;
  /** The same for floats, where NaN makes a difference. */
  ofFloats?: string;
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
    da: "power_dx(a, b, dy)",
    db: "power_de(a, b, dy)",
  },
  minimum: {
    y: "min(a, b)",
    ofFloats: "minimum_of(a, b)",
    da: "select(select(dy, 0.5 * dy, a == b), 0.0, a > b && ordered(a, b))",
    db: "select(select(dy, 0.5 * dy, a == b), 0.0, b > a && ordered(a, b))",
  },
  maximum: {
    y: "max(a, b)",
    ofFloats: "maximum_of(a, b)",
    da: "select(select(dy, 0.5 * dy, a == b), 0.0, a < b && ordered(a, b))",
    db: "select(select(dy, 0.5 * dy, a == b), 0.0, b < a && ordered(a, b))",
  },
  equal: {
    y: "u32(a == b)",
    ofFloats: "u32(a == b && ordered(a, b))",
    result: "u32",
  },
  notEqual: {
    y: "u32(a != b)",
    ofFloats: "u32(a != b || !ordered(a, b))",
    result: "u32",
  },
  less: {
    y: "u32(a < b)",
    ofFloats: "u32(a < b && ordered(a, b))",
    result: "u32",
  },
  lessEqual: {
    y: "u32(a <= b)",
    ofFloats: "u32(a <= b && ordered(a, b))",
    result: "u32",
  },
  greater: {
    y: "u32(a > b)",
    ofFloats: "u32(a > b && ordered(a, b))",
    result: "u32",
  },
  greaterEqual: {
    y: "u32(a >= b)",
    ofFloats: "u32(a >= b && ordered(a, b))",
    result: "u32",
  },
} satisfies Record<string, BinaryRow>;

const NAMES = ["a", "b", "y", "dy"] as const;
const made = new Map<string, Expression>();

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
  for (const x of [a, b]) {
    if (typeof x === "number") requireHolds(name, dtype, x);
  }
  if (name === "pow") requireFloat(name, first);
  if (name === "div" && b === 0 && dtype !== "f32") {
    throw new RangeError(
      `Cannot div ${dtype} by 0: there is no infinity among integers, cast() ` +
        "the tensor to f32",
    );
  }
  const shape = tensors.reduce<Shape>(
    (s, x) => sameShape(s, x.shape) ? s : broadcastShapes(name, s, x.shape),
    first.shape,
  );
  const value = dtype === "f32" ? row.ofFloats ?? row.y : row.y;
  const y = run(value, row.result ?? dtype, name, given);
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
    const scalars: Record<string, number> = {};
    const used: Tensor[] = [];
    let key = `${label}|${body}|${dtype}`;
    for (const n of mentioned(body, NAMES)) {
      const x = operands[n] ?? 0;
      if (typeof x === "number") {
        scalars[n] = x;
        key += `|${n}`;
      } else {
        used.push(x);
      }
    }
    let expression = made.get(key);
    if (!expression) {
      const isNumber = (n: string) => typeof operands[n] === "number";
      const names = mentioned(body, NAMES);
      expression = {
        name: label,
        body,
        operands: names.filter((n) => !isNumber(n)).map((n) => {
          const x = operands[n];
          return [n, typeof x === "object" ? x.dtype : dtype];
        }),
        scalars: names.filter(isNumber).map((n) => [n, dtype]),
        result,
      };
      made.set(key, expression);
    }
    return evaluate(shape, expression, used, scalars);
  }
}

/**
 * Adds, broadcasting: `a + b`.
 *
 * @throws {TypeError} If the shapes do not broadcast, the types differ, or a
 * number stands beside integers and is none of them.
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

/**
 * Divides, broadcasting: `a / b`. Of integers the fraction is cut off, towards
 * zero; where a tensor of integers divides by its 0 the result is `a`.
 *
 * @throws {TypeError} As {@linkcode add}.
 * @throws {RangeError} If integers are to be divided by the number 0.
 */
export function div(a: Operand, b: Operand): Tensor {
  return binary("div", a, b);
}

/**
 * Raises to a power, broadcasting: `aᵇ`, as IEEE 754 defines it: 1 for the
 * exponent 0 and for the base 1, whatever the other is; a negative base takes
 * whole exponents alone, else the result is NaN. Whole exponents up to 64
 * multiply, so that squares and cubes of small whole numbers are exact.
 *
 * The derivative towards the base is 0 for the exponent 0; the one towards the
 * exponent is 0 where a base of 0 has an exponent that is not negative, and NaN
 * for negative bases.
 *
 * @throws {TypeError} If the shapes do not broadcast or a tensor is not of f32.
 *
 * @example Usage
 * ```ts
 * import { initialize, pow, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = pow(tensor([5, 0, -2]), tensor([2, -1, 3]));
 * assertEquals([...await y.data()], [25, Infinity, -8]);
 * ```
 */
export function pow(a: Tensor, b: Operand): Tensor {
  if (typeof b !== "number") return binary("pow", a, b);
  if (b === 2) return unary("square", a, {}, "pow");
  if (b === 3) return unary("cube", a, {}, "pow");
  const whole = Number.isInteger(b) && Math.abs(b) <= 64;
  return unary(whole ? "whole_power" : "power", a, { exponent: b }, "pow");
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
