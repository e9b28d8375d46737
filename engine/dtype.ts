// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** The element type of a {@linkcode Tensor}: 32-bit floats or integers. */
export type DType = "f32" | "i32" | "u32";

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
  /** Converts values; to integers, towards zero. */
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
    from: (values) => Int32Array.from(values),
  },
  u32: {
    bytes: 4,
    wgsl: "u32",
    view: (buffer, offset, length) => new Uint32Array(buffer, offset, length),
    from: (values) => Uint32Array.from(values),
  },
};

/** The element type that a typed array holds. */
export function dtypeOf(values: TypedArray): DType {
  if (values instanceof Float32Array) return "f32";
  return values instanceof Int32Array ? "i32" : "u32";
}
