// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The layout of a safetensors file that is written: its header, and the order of
// its tensors.

import { isCount } from "./malformed.ts";
import { layoutRank, type SafetensorsDtype } from "./safetensors_dtype.ts";
import { byteLength, METADATA, PREFIX_BYTES } from "./safetensors_header.ts";

/** A tensor to lay out. */
export interface Placeable {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/** The layout of a file: its first bytes, and its tensors in order. */
export interface Layout<T> {
  readonly head: Uint8Array<ArrayBuffer>;
  readonly tensors: readonly { name: string; tensor: T; bytes: number }[];
  /** The size of the whole file in bytes. */
  readonly size: number;
}

/**
 * Lays out tensors as Hugging Face's own writer does: by element type, then by
 * name. The header is padded with spaces so that the data is aligned to 8
 * bytes.
 */
export function layOut<T extends Placeable>(
  tensors: Iterable<readonly [string, T]>,
  metadata: Readonly<Record<string, string>>,
): Layout<T> {
  const sorted = [...tensors].sort(([a, x], [b, y]) =>
    layoutRank(x.dtype) - layoutRank(y.dtype) || compareCodePoints(a, b)
  );
  const fields = Object.keys(metadata).length === 0
    ? []
    : [`"${METADATA}":${JSON.stringify(metadata)}`];
  const placed: { name: string; tensor: T; bytes: number }[] = [];
  const seen = new Set<string>([METADATA]);
  let offset = 0;
  for (const [name, tensor] of sorted) {
    const label = JSON.stringify(name);
    if (seen.has(name)) {
      throw new TypeError(
        `Cannot write tensor ${label}: the name is ${
          name === METADATA ? "reserved" : "given twice"
        }`,
      );
    }
    seen.add(name);
    const { dtype, shape } = tensor;
    const bytes = shape.every(isCount) ? byteLength(dtype, shape) : null;
    if (bytes === null) {
      throw new RangeError(
        `Cannot write tensor ${label}: the shape [${
          shape.join(", ")
        }] of dtype ${dtype} has no possible size`,
      );
    }
    const end = offset + bytes;
    fields.push(
      `${label}:{"dtype":"${dtype}","shape":[${
        shape.join(",")
      }],"data_offsets":[${offset},${end}]}`,
    );
    placed.push({ name, tensor, bytes });
    offset = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(PREFIX_BYTES + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, PREFIX_BYTES);
  return { head, tensors: placed, size: head.length + offset };
}

/** Compares strings by code point, which is the order of their UTF-8 bytes. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = (left[i]?.codePointAt(0) ?? 0) -
      (right[i]?.codePointAt(0) ?? 0);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
