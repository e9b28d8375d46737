// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The element types of tensors, and the typed arrays that hold elements on the
// host.

import { checkAll } from "./whole_numbers.ts";

/** The element type of a tensor: 32-bit floats or integers. */
export type DType = "f32" | "i32" | "u32";

/**
 * A typed array of any kind, from which `tensor` makes a tensor: of f32 for
 * floats, of i32 for integers with a sign, and of u32 for others.
 */
export type NumberArray =
  | Float32Array
  | Float64Array
  | Float16Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** For each element type, the typed array that holds elements on the host. */
export interface TypedArrays {
  /** 32-bit floats. */
  f32: Float32Array<ArrayBuffer>;
  /** 32-bit integers with a sign. */
  i32: Int32Array<ArrayBuffer>;
  /** 32-bit integers without a sign. */
  u32: Uint32Array<ArrayBuffer>;
}

/**
 * The typed array that holds elements of type `D` on the host; of any type,
 * where none is named.
 */
export type TypedArray<D extends DType = DType> = TypedArrays[D];

/** The properties of an element type. */
export interface DTypeInfo<D extends DType = DType> {
  /** The bytes of one element. */
  bytes: number;
  /** The name of the type in WGSL. */
  wgsl: string;
  /** Gives the elements in a buffer, from a byte offset. */
  view(buffer: ArrayBuffer, offset: number, length: number): TypedArray<D>;
  /**
   * Converts numbers to elements.
   *
   * @throws {RangeError} If an integer type does not hold a number: a fraction,
   * NaN, or a number out of range.
   */
  from(values: ArrayLike<number>): TypedArray<D>;
}

/** The properties of each element type. A new type is a new row here. */
export const DTYPES: { readonly [D in DType]: DTypeInfo<D> } = {
  f32: {
    bytes: 4,
    wgsl: "f32",
    view: (buffer, offset, length) => new Float32Array(buffer, offset, length),
    from: (values) => Float32Array.from(values),
  },
  i32: {
    bytes: 4,
    wgsl: "i32",
    view: (buffer, offset, length) => new Int32Array(buffer, offset, length),
    from: (values) => Int32Array.from(checkAll("i32", values)),
  },
  u32: {
    bytes: 4,
    wgsl: "u32",
    view: (buffer, offset, length) => new Uint32Array(buffer, offset, length),
    from: (values) => Uint32Array.from(checkAll("u32", values)),
  },
};

/**
 * Finds the element type of a typed array.
 *
 * @param values Elements of a tensor on the host.
 * @returns Their element type.
 *
 * @example Usage
 * ```ts
 * import { dtypeOf } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(dtypeOf(new Int32Array(2)), "i32");
 * ```
 */
export function dtypeOf(values: TypedArray): DType {
  if (values instanceof Float32Array) return "f32";
  return values instanceof Int32Array ? "i32" : "u32";
}

/** Whether a value is a typed array of an element type. */
export function isTypedArray(value: unknown): value is TypedArray {
  return value instanceof Float32Array || value instanceof Int32Array ||
    value instanceof Uint32Array;
}
