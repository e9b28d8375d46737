// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise ops of two operands, broadcasting. Each is a row: its value, then
// its derivatives, as WGSL expressions in a, b, the result y and the incoming
// gradient dy.

import type { DType } from "../dtype.ts";
import { evaluate, mentioned } from "../evaluate.ts";
import type { Expression } from "../kernels/elementwise.ts";
import { broadcastShapes, sameShape, type Shape } from "../shape.ts";
import { record } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { sumTo } from "./reduce.ts";
import { requireFloat, unary } from "./unary.ts";

/** A tensor, or a number that stands for a tensor of that one value. */
export type Operand = Tensor | number;

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
