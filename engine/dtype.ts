// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { checkAll } from "./whole_numbers.ts";

/** The element type of a {@linkcode Tensor}: 32-bit floats or integers. */
export type DType = "f32" | "i32" | "u32";

/**
 * A typed array of any kind, as {@linkcode tensor} takes them: floats become f32,
 * integers with a sign i32, others u32.
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

/** The typed array that holds the elements of a tensor on the host. */
export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** What is known of an element type. */
export interface DTypeInfo {
  /** Bytes of one element. */
  bytes: number;
  /** The name of the type in WGSL. */
  wgsl: string;
  /** Values in a buffer, from a byte offset. */
  view(buffer: ArrayBuffer, offset: number, length: number): TypedArray;
  /**
   * Converts values.
   *
   * @throws {RangeError} If one is no number of the type: a fraction, NaN or a
   * number out of range where the type holds integers.
   */
  from(values: ArrayLike<number>): TypedArray;
}

/** What differs between the element types; a new type is one row here. */
export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
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

/** The element type that a typed array holds. */
export function dtypeOf(values: TypedArray): DType {
  if (values instanceof Float32Array) return "f32";
  return values instanceof Int32Array ? "i32" : "u32";
}
