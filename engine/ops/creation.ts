// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Functions that make tensors from values of the host.

import { currentDevice, type Device } from "../gpu/device.ts";
import {
  type DType,
  dtypeOf,
  DTYPES,
  isTypedArray,
  type NumberArray,
  type TypedArray,
} from "../dtype.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "../shape.ts";
import { shared } from "../gpu/replication.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { checkAll } from "../whole_numbers.ts";
import { fillInto } from "../launch/flat.ts";

/** Numbers, or arrays of them nested to any depth, all of equal length. */
export type Nested = number | readonly Nested[];

/** The element type of a tensor made from values of type `V`. */
export type DTypeOf<V> = V extends { BYTES_PER_ELEMENT: number }
  ? V extends Float16Array | Float32Array | Float64Array ? "f32"
  : V extends Int8Array | Int16Array | Int32Array | BigInt64Array ? "i32"
  : "u32"
  : "f32";

/** Options that all functions share which make tensors. */
export interface TensorOptions<D extends DType = DType> {
  /**
   * The element type.
   *
   * @default {"f32"; for typed arrays of integers "i32" or "u32", and "i32" for
   * `arange`}
   */
  dtype?: D;
  /**
   * Whether `backward` finds this tensor's gradient.
   *
   * @default {false}
   */
  requiresGrad?: boolean;
  /**
   * The device that holds the tensor.
   *
   * @default {the current device}
   */
  device?: Device;
}

/** Options of {@linkcode tensor}. */
export interface FromValuesOptions<D extends DType = DType>
  extends TensorOptions<D> {
  /**
   * The shape, where the values are flat.
   *
   * @default {the nesting of the values}
   */
  shape?: Shape;
}

/**
 * Makes a tensor from numbers, nested arrays or a typed array.
 *
 * Typed arrays of floats (16, 32 or 64 bits) become f32. Typed arrays of
 * integers with a sign (8, 16, 32 or 64 bits) become i32, others u32. `dtype`
 * overrides this; if it is an integer type, fractions are rounded towards zero,
 * as `cast()` does.
 *
 * @param values A number, nested arrays of numbers, or a typed array.
 * @param options The element type, the shape and more.
 * @returns A tensor with the values, row by row.
 * @throws {TypeError} If nested arrays are ragged or hold anything but numbers,
 * if the values do not fill the shape, or if no such element type exists.
 * @throws {RangeError} If the element type is an integer type and a value is
 * NaN or out of its range.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals(tensor([[1, 2], [3, 4]]).shape, [2, 2]);
 * assertEquals(tensor(new Int32Array(6), { shape: [2, 3] }).dtype, "i32");
 * assertEquals(tensor(Float64Array.of(0.5)).dtype, "f32");
 * ```
 */
export function tensor<
  V extends Nested | NumberArray,
  D extends DType = DTypeOf<V>,
>(
  values: V,
  options: FromValuesOptions<D> = {},
): Tensor<D> {
  const given: Nested | NumberArray = values;
  const typed = ArrayBuffer.isView(given) ? given : undefined;
  const nesting = typed ? [typed.length] : nestingOf(given as Nested);
  const { shape = nesting, dtype = usualType(given) as D } = options;
  checkType(dtype);
  checkShape("make a tensor", shape);
  const flat = typed ? numbersOf(typed) : flatten(given as Nested, nesting);
  if (flat.length !== sizeOf(shape)) {
    throw new TypeError(
      `Cannot make a tensor of shape ${
        formatShape(shape)
      } from ${flat.length} values: it has ${sizeOf(shape)} elements`,
    );
  }
  // Conversion may fail, and would then leave a tensor behind: so it comes
  // first.
  const converted = isOf(dtype, flat)
    ? flat
    : DTYPES[dtype].from(dtype === "f32" ? flat : towardsZero(flat));
  const x = shared(() => empty(shape, dtype, options));
  x.write(converted);
  return x;
}

/** Rounds numbers for an integer type that the caller asked for by name. */
function towardsZero(values: ArrayLike<number>): number[] {
  return Array.from(values, Math.trunc);
}

function isOf(dtype: DType, values: ArrayLike<number>): values is TypedArray {
  return isTypedArray(values) && dtypeOf(values) === dtype;
}

/** The element type of a tensor made of values, if the caller names none. */
function usualType(values: Nested | NumberArray): DType {
  if (!ArrayBuffer.isView(values)) return "f32";
  const kind = values.constructor.name;
  if (kind.startsWith("Float")) return "f32";
  if (kind.startsWith("Int") || kind.startsWith("BigInt")) return "i32";
  if (kind.startsWith("Uint") || kind.startsWith("BigUint")) return "u32";
  throw new TypeError(
    `Cannot make a tensor of a ${kind}: expected numbers, nested arrays of ` +
      "them or a typed array",
  );
}

function numbersOf(values: NumberArray): ArrayLike<number> {
  return values instanceof BigInt64Array || values instanceof BigUint64Array
    ? Array.from(values, Number) // Beyond 2⁵³ rounded, and out of range still.
    : values;
}

/**
 * Makes a tensor whose elements are all the same number.
 *
 * @param shape The shape of the result.
 * @param value The number.
 * @param options The element type and more.
 * @returns A tensor of that number.
 * @throws {TypeError} If the value is not a number, or no such element type
 * exists.
 * @throws {RangeError} If the element type does not hold the number, or the
 * shape is not one.
 *
 * @example Usage
 * ```ts
 * import { full, initialize } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await full([2], 7).data()], [7, 7]);
 * ```
 */
export function full<D extends DType = "f32">(
  shape: Shape,
  value: number,
  options: TensorOptions<D> = {},
): Tensor<D> {
  const { dtype = "f32" as D } = options;
  checkType(dtype);
  checkShape("make a tensor", shape);
  if (typeof value !== "number") throw notANumber(value);
  checkAll(dtype, [value]);
  const x = empty(shape, dtype, options);
  fillInto(x, value);
  return x;
}

/**
 * Makes a tensor of zeros.
 *
 * @param shape The shape of the result.
 * @param options The element type and more.
 * @returns A tensor of zeros.
 * @throws {RangeError} If the shape is not one.
 *
 * @example Usage
 * ```ts
 * import { initialize, zeros } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await zeros([2]).data()], [0, 0]);
 * ```
 */
export function zeros<D extends DType = "f32">(
  shape: Shape,
  options: TensorOptions<D> = {},
): Tensor<D> {
  return full(shape, 0, options);
}

/**
 * Makes a tensor of ones.
 *
 * @param shape The shape of the result.
 * @param options The element type and more.
 * @returns A tensor of ones.
 * @throws {RangeError} If the shape is not one.
 *
 * @example Usage
 * ```ts
 * import { initialize, ones } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await ones([2]).data()], [1, 1]);
 * ```
 */
export function ones<D extends DType = "f32">(
  shape: Shape,
  options: TensorOptions<D> = {},
): Tensor<D> {
  return full(shape, 1, options);
}

/**
 * Makes the tensor `[0, 1, …, length - 1]`, of i32 unless `dtype` says
 * otherwise.
 *
 * @param length The number of elements.
 * @param options The element type and more.
 * @returns A tensor with one axis.
 * @throws {RangeError} If the length is not a whole number from 0.
 *
 * @example Usage
 * ```ts
 * import { arange, initialize } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await arange(3).data()], [0, 1, 2]);
 * ```
 */
export function arange<D extends DType = "i32">(
  length: number,
  options: TensorOptions<D> = {},
): Tensor<D> {
  checkShape("make a range", [length]);
  const { dtype = "i32" as D } = options;
  checkType(dtype);
  const x = shared(() => empty([length], dtype, options));
  const values = DTYPES[dtype].view(new ArrayBuffer(4 * length), 0, length);
  for (let i = 0; i < length; i++) values[i] = i;
  x.write(values);
  return x;
}

function empty<D extends DType>(
  shape: Shape,
  dtype: D,
  options: TensorOptions,
): Tensor<D> {
  const { device = currentDevice(), requiresGrad } = options;
  const x = allocate(device, [...shape], dtype);
  if (requiresGrad) {
    if (dtype !== "f32") {
      throw new TypeError(
        `Cannot require a gradient of a ${dtype} tensor: it must be f32`,
      );
    }
    x.requiresGrad = true;
  }
  return x;
}

function checkType(dtype: DType): void {
  if (!Object.hasOwn(DTYPES, dtype)) {
    throw new TypeError(
      `Cannot make a tensor of ${dtype}: the types are ${
        Object.keys(DTYPES).join(", ")
      }`,
    );
  }
}

function nestingOf(values: Nested): number[] {
  const shape: number[] = [];
  for (let at: Nested | undefined = values; Array.isArray(at); at = at[0]) {
    shape.push(at.length);
  }
  return shape;
}

function flatten(values: Nested, shape: Shape): number[] {
  const flat: number[] = [];
  const visit = (at: Nested, depth: number) => {
    if (!Array.isArray(at)) {
      if (typeof at !== "number") throw notANumber(at);
      if (depth === shape.length) return void flat.push(at);
    } else if (depth < shape.length && at.length === shape[depth]) {
      // By index, so that the holes of a sparse array are visited, too.
      for (let i = 0; i < at.length; i++) visit(at[i], depth + 1);
      return;
    }
    throw new TypeError(
      `Cannot make a tensor from ragged arrays: expected shape ${
        formatShape(shape)
      } throughout`,
    );
  };
  visit(values, 0);
  return flat;
}

/**
 * The error for a value in a number's place; it names the kind of the value.
 */
function notANumber(value: unknown): TypeError {
  const kind = value === null
    ? "null"
    : value === undefined
    ? "undefined"
    : typeof value === "object"
    ? `a ${value.constructor?.name ?? "object"}`
    : `a ${typeof value}`;
  const wish = ArrayBuffer.isView(value)
    ? "join typed arrays to one and give a shape"
    : typeof value === "bigint" || typeof value === "boolean"
    ? "convert it with Number()"
    : "expected numbers, nested arrays of them or a typed array";
  return new TypeError(`Cannot make a tensor from ${kind}: ${wish}`);
}
