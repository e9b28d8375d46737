// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { currentDevice, type Device } from "../device.ts";
import { type DType, dtypeOf, DTYPES, type TypedArray } from "../dtype.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "../shape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { fillInto } from "./inplace.ts";

/** Numbers, or arrays of them nested to any depth, all of equal length. */
export type Nested = number | readonly Nested[];

/** Options of the functions that make tensors. */
export interface TensorOptions {
  /**
   * The element type.
   *
   * @default {"f32", or the type of the typed array given}
   */
  dtype?: DType;
  /**
   * Whether `backward` is to find this tensor's gradient.
   *
   * @default {false}
   */
  requiresGrad?: boolean;
  /**
   * The device to hold it.
   *
   * @default {the current device}
   */
  device?: Device;
}

/** Options of {@linkcode tensor}. */
export interface FromValuesOptions extends TensorOptions {
  /**
   * The shape of flat values.
   *
   * @default {the nesting of the values}
   */
  shape?: Shape;
}

/**
 * Makes a tensor from numbers, nested arrays or a typed array.
 *
 * @throws {TypeError} If nested arrays are ragged, or the values do not fill
 * the shape.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals(tensor([[1, 2], [3, 4]]).shape, [2, 2]);
 * assertEquals(tensor(new Int32Array(6), { shape: [2, 3] }).dtype, "i32");
 * ```
 */
export function tensor(
  values: Nested | TypedArray,
  options: FromValuesOptions = {},
): Tensor {
  const typed = ArrayBuffer.isView(values) ? values : undefined;
  const nesting = typed ? [typed.length] : nestingOf(values as Nested);
  const { shape = nesting, dtype = typed ? dtypeOf(typed) : "f32" } = options;
  checkShape("make a tensor", shape);
  const flat = typed ?? flatten(values as Nested, nesting);
  if (flat.length !== sizeOf(shape)) {
    throw new TypeError(
      `Cannot make a tensor of shape ${
        formatShape(shape)
      } from ${flat.length} values: it has ${sizeOf(shape)} elements`,
    );
  }
  const x = empty(shape, { ...options, dtype });
  x.write(
    typed && dtypeOf(typed) === dtype ? typed : DTYPES[dtype].from(flat),
  );
  return x;
}

/**
 * Makes a tensor of one number.
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
export function full(
  shape: Shape,
  value: number,
  options: TensorOptions = {},
): Tensor {
  checkShape("make a tensor", shape);
  const x = empty(shape, options);
  fillInto(x, value);
  return x;
}

/** Makes a tensor of zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** Makes a tensor of ones. */
export function ones(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}

/**
 * Makes the tensor `[0, 1, …, length - 1]` of 32-bit integers.
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
export function arange(length: number, options: TensorOptions = {}): Tensor {
  checkShape("make a range", [length]);
  const { dtype = "i32" } = options;
  const values = Array.from({ length }, (_, i) => i);
  return tensor(DTYPES[dtype].from(values), options);
}

function empty(shape: Shape, options: TensorOptions): Tensor {
  const { dtype = "f32", device = currentDevice(), requiresGrad } = options;
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

function nestingOf(values: Nested): number[] {
  const shape: number[] = [];
  for (let at: Nested | undefined = values; Array.isArray(at); at = at[0]) {
    shape.push(at.length);
  }
  return shape;
}

function flatten(values: Nested, shape: Shape, depth = 0): number[] {
  if (typeof values === "number" && depth === shape.length) return [values];
  if (typeof values === "number" || values.length !== shape[depth]) {
    throw new TypeError(
      `Cannot make a tensor from ragged arrays: expected shape ${
        formatShape(shape)
      } throughout`,
    );
  }
  return values.flatMap((value) => flatten(value, shape, depth + 1));
}
