// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise ops of two operands, with broadcasting. Each op is a row of a
// table: its value and its two derivatives, as WGSL expressions in the operands
// a and b, the result y and the incoming gradient dy. Most of the file is
// documentation.

import type { DType } from "../dtype.ts";
import type { Expression } from "../kernels/elementwise.ts";
import { evaluate } from "../launch/evaluate.ts";
import { broadcastShapes, sameShape, type Shape } from "../shape.ts";
import { record } from "../tape.ts";
import type { AnyTensor, Tensor } from "../tensor.ts";
import { requireHolds } from "../whole_numbers.ts";
import { defineProbe } from "../tuning/choice.ts";
import { mentioned } from "./mentioned.ts";
import { full } from "./creation.ts";
import { PROBED_ELEMENTS } from "./rehearsals.ts";
import { sumTo } from "./reduce.ts";
import { requireFloat } from "./require_float.ts";
import { unary } from "./unary.ts";

// launch/flat.ts declares the family; the probe runs a whole op.
defineProbe("elementwise", {
  usual: "texels",
  other: "buffers",
  run: (device) => {
    const [a, b] = [0, 1].map(() => full([PROBED_ELEMENTS], 0.5, { device }));
    return () => void (a && b && add(a, b));
  },
});

/**
 * A tensor, or a number that stands for a tensor of that one value. Beside a
 * tensor of integers the number must be an integer of that type, too: 0.5 or
 * NaN is refused, not rounded.
 */
export type Operand<D extends DType = "f32"> = Tensor<D> | number;

/** The value of an op, as WGSL. */
interface ValueRow {
  y: string;
  /** The value for floats, where NaN needs another expression. */
  ofFloats?: string;
}

/** An op whose result has the type of its operands, with its derivatives. */
interface ArithmeticRow extends ValueRow {
  da: string;
  db: string;
}

const ARITHMETIC = {
  add: { y: "a + b", da: "dy", db: "dy" },
  sub: { y: "a - b", da: "dy", db: "-dy" },
  mul: { y: "a * b", da: "dy * b", db: "dy * a" },
  div: { y: "a / b", da: "dy / b", db: "-dy * a / (b * b)" },
  pow: { y: "power(a, b)", da: "power_dx(a, b, dy)", db: "power_de(a, b, dy)" },
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
} satisfies Record<string, ArithmeticRow>;

/** Comparisons: their result is u32 and has no derivative. */
const COMPARISONS = {
  equal: { y: "u32(a == b)", ofFloats: "u32(a == b && ordered(a, b))" },
  notEqual: { y: "u32(a != b)", ofFloats: "u32(a != b || !ordered(a, b))" },
  less: { y: "u32(a < b)", ofFloats: "u32(a < b && ordered(a, b))" },
  lessEqual: { y: "u32(a <= b)", ofFloats: "u32(a <= b && ordered(a, b))" },
  greater: { y: "u32(a > b)", ofFloats: "u32(a > b && ordered(a, b))" },
  greaterEqual: { y: "u32(a >= b)", ofFloats: "u32(a >= b && ordered(a, b))" },
} satisfies Record<string, ValueRow>;

const NAMES = ["a", "b", "y", "dy"] as const;

/**
 * Expressions that were made before, by label, text, type and which are
 * numbers.
 */
const made = new Map<string, Expression>();

function arithmetic<D extends DType>(
  name: keyof typeof ARITHMETIC,
  a: Operand<D>,
  b: Operand<D>,
): Tensor<D> {
  const row: ArithmeticRow = ARITHMETIC[name];
  const { dtype, tensors, run } = prepare(name, a, b);
  const y = run(valueOf(row, dtype), dtype, name, { a, b });
  return record(y, tensors, (dy) => {
    const derivative = (body: string, x: Operand<D>) => {
      if (typeof x === "number") return [];
      if (!x.requiresGrad) return [undefined];
      const dx = body === "dy"
        ? dy
        : run(body, "f32", `${name}_backward`, { a, b, y, dy });
      return [sumTo(dx, x.shape)];
    };
    return [...derivative(row.da, a), ...derivative(row.db, b)];
  });
}

function compare<D extends DType>(
  name: keyof typeof COMPARISONS,
  a: Operand<D>,
  b: Operand<D>,
): Tensor<"u32"> {
  const { dtype, run } = prepare(name, a, b);
  return run(valueOf(COMPARISONS[name], dtype), "u32", name, { a, b });
}

function valueOf(row: ValueRow, dtype: DType): string {
  return dtype === "f32" ? row.ofFloats ?? row.y : row.y;
}

/** A call whose operands were checked. */
interface Call<D extends DType> {
  /** The type of the operands. */
  dtype: D;
  /** The operands that are not numbers. */
  tensors: readonly Tensor<D>[];
  /** Evaluates WGSL over the named operands, broadcast to the common shape. */
  run<R extends DType>(
    body: string,
    result: R,
    label: string,
    operands: Readonly<Record<string, Operand<DType>>>,
  ): Tensor<R>;
}

/** Checks the operands of an op and finds their common shape. */
function prepare<D extends DType>(
  name: string,
  a: Operand<D>,
  b: Operand<D>,
): Call<D> {
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
  return { dtype, tensors, run };

  function run<R extends DType>(
    body: string,
    result: R,
    label: string,
    operands: Readonly<Record<string, Operand<DType>>>,
  ): Tensor<R> {
    const scalars: Record<string, number> = {};
    const used: AnyTensor[] = [];
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
    // The key's first three parts determine the type of the result.
    let expression = made.get(key) as Expression<R> | undefined;
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
 * Adds: `a + b`.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of the common shape and of the same element type.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
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
export function add<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  return arithmetic("add", a, b);
}

/**
 * Subtracts: `a - b`.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of the common shape and of the same element type.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { initialize, sub, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await sub(1, tensor([1, 5])).data()], [0, -4]);
 * ```
 */
export function sub<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  return arithmetic("sub", a, b);
}

/**
 * Multiplies element by element: `a · b`. For products of matrices see
 * `matmul`.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of the common shape and of the same element type.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { initialize, mul, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await mul(tensor([1, 5]), 3).data()], [3, 15]);
 * ```
 */
export function mul<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  return arithmetic("mul", a, b);
}

/**
 * Divides: `a / b`. The quotient of integers is rounded towards zero; where a
 * tensor of integers holds a divisor of 0, the result is `a`.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of the common shape and of the same element type.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 * @throws {RangeError} If integers are divided by the number 0.
 *
 * @example Usage
 * ```ts
 * import { div, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await div(tensor([1, 5]), 2).data()], [0.5, 2.5]);
 * ```
 */
export function div<D extends DType>(a: Operand<D>, b: Operand<D>): Tensor<D> {
  return arithmetic("div", a, b);
}

/**
 * Raises to a power: `aᵇ`, as IEEE 754 defines it. The result is 1 for the
 * exponent 0 and for the base 1, whatever the other operand is. A negative base
 * needs a whole exponent; otherwise the result is NaN. Powers with whole
 * exponents up to 16 are products, so that those of whole numbers are exact
 * where a float holds them; others may be off by one unit in the last place for
 * each factor. All other powers are right within 2 units in the last place.
 * Results too small for a normal float may be 0.
 *
 * The derivative with respect to the base is 0 where the exponent is 0. The one
 * with respect to the exponent is NaN for negative bases, and 0 where the base
 * is 0 and the exponent is not negative.
 *
 * @param a The base, a tensor of floats.
 * @param b The exponent, a tensor of floats or a number; both broadcast.
 * @returns A tensor of floats of the common shape.
 * @throws {TypeError} If the shapes do not broadcast or a tensor is not of
 * floats.
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
  if (typeof b !== "number") return arithmetic("pow", a, b);
  if (b === 2) return unary("square", a, {}, "pow");
  if (b === 3) return unary("cube", a, {}, "pow");
  const whole = Number.isInteger(b) && Math.abs(b) <= 16;
  return unary(whole ? "whole_power" : "power", a, { exponent: b }, "pow");
}

/**
 * Takes the smaller element of each pair. Where both
 * are equal, each gets half of the gradient. NaN beats every number.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of the common shape and of the same element type.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { initialize, minimum, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await minimum(tensor([1, 5]), 3).data()], [1, 3]);
 * ```
 */
export function minimum<D extends DType>(
  a: Operand<D>,
  b: Operand<D>,
): Tensor<D> {
  return arithmetic("minimum", a, b);
}

/**
 * Takes the larger element of each pair. Where both
 * are equal, each gets half of the gradient. NaN beats every number.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of the common shape and of the same element type.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { initialize, maximum, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await maximum(tensor([1, 5]), 3).data()], [3, 5]);
 * ```
 */
export function maximum<D extends DType>(
  a: Operand<D>,
  b: Operand<D>,
): Tensor<D> {
  return arithmetic("maximum", a, b);
}

/**
 * Compares: 1 where `a = b`, and 0 elsewhere. NaN equals nothing.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of u32 of the common shape, without a derivative.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { equal, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await equal(tensor([1, 2, 3]), 2).data()], [0, 1, 0]);
 * ```
 */
export function equal<D extends DType>(
  a: Operand<D>,
  b: Operand<D>,
): Tensor<"u32"> {
  return compare("equal", a, b);
}

/**
 * Compares: 1 where `a ≠ b`, and 0 elsewhere. NaN differs from everything.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of u32 of the common shape, without a derivative.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { initialize, notEqual, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await notEqual(tensor([1, 2, 3]), 2).data()], [1, 0, 1]);
 * ```
 */
export function notEqual<D extends DType>(
  a: Operand<D>,
  b: Operand<D>,
): Tensor<"u32"> {
  return compare("notEqual", a, b);
}

/**
 * Compares: 1 where `a < b`, and 0 elsewhere. It is 0
 * where either operand is NaN.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of u32 of the common shape, without a derivative.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { initialize, less, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await less(tensor([1, 2, 3]), 2).data()], [1, 0, 0]);
 * ```
 */
export function less<D extends DType>(
  a: Operand<D>,
  b: Operand<D>,
): Tensor<"u32"> {
  return compare("less", a, b);
}

/**
 * Compares: 1 where `a ≤ b`, and 0 elsewhere. It is 0
 * where either operand is NaN.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of u32 of the common shape, without a derivative.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { initialize, lessEqual, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await lessEqual(tensor([1, 2, 3]), 2).data()], [1, 1, 0]);
 * ```
 */
export function lessEqual<D extends DType>(
  a: Operand<D>,
  b: Operand<D>,
): Tensor<"u32"> {
  return compare("lessEqual", a, b);
}

/**
 * Compares: 1 where `a > b`, and 0 elsewhere. It is 0
 * where either operand is NaN.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of u32 of the common shape, without a derivative.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { greater, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await greater(tensor([1, 2, 3]), 2).data()], [0, 0, 1]);
 * ```
 */
export function greater<D extends DType>(
  a: Operand<D>,
  b: Operand<D>,
): Tensor<"u32"> {
  return compare("greater", a, b);
}

/**
 * Compares: 1 where `a ≥ b`, and 0 elsewhere. It is 0
 * where either operand is NaN.
 *
 * @param a A tensor or a number.
 * @param b A tensor or a number; both broadcast.
 * @returns A tensor of u32 of the common shape, without a derivative.
 * @throws {TypeError} If the shapes do not broadcast, the element types differ,
 * or a number is not of the integer type beside it.
 *
 * @example Usage
 * ```ts
 * import { greaterEqual, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await greaterEqual(tensor([1, 2, 3]), 2).data()], [0, 1, 1]);
 * ```
 */
export function greaterEqual<D extends DType>(
  a: Operand<D>,
  b: Operand<D>,
): Tensor<"u32"> {
  return compare("greaterEqual", a, b);
}
