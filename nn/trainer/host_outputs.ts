// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Outputs and labels of many batches, put together on the host.

import {
  type AnyTensor,
  type HostValues,
  Tensor,
  type TypedArray,
} from "../../engine/mod.ts";

/** What fills up arrays of batches with different lengths. */
const PADDING = -100;

/**
 * Puts the arrays of batches together along their first axis. Where other axes
 * differ, as the number of tokens does, shorter ones are filled up with -100, as
 * Hugging Face's `Trainer` does.
 *
 * @throws {TypeError} If the numbers of axes differ.
 */
export function concatBatches(parts: readonly HostValues[]): HostValues {
  const [first, ...others] = parts;
  if (!first) return { data: new Float32Array(), shape: [0] };
  const rank = first.shape.length;
  if (others.some(({ shape }) => shape.length !== rank)) {
    throw new TypeError(
      "Cannot put batches together: their outputs have different numbers of axes",
    );
  }
  // A scalar of each batch becomes an element.
  const shaped = rank === 0
    ? parts.map(({ data }) => ({ data, shape: [1] }))
    : parts;
  const widest = (axis: number) =>
    Math.max(...shaped.map(({ shape }) => shape[axis] ?? 0));
  const inner = shaped[0]?.shape.slice(1).map((_, i) => widest(i + 1)) ?? [];
  const rows = shaped.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const size = inner.reduce((product, length) => product * length, 1);
  const data = emptyLike(first.data, rows * size);
  let at = 0;
  for (const part of shaped) {
    copyPadded(part, { into: data, at, inner });
    at += (part.shape[0] ?? 0) * size;
  }
  return { data, shape: [rows, ...inner] };
}

function emptyLike(data: TypedArray, length: number): TypedArray {
  return data instanceof Float32Array
    ? new Float32Array(length)
    : data instanceof Uint32Array
    ? new Uint32Array(length)
    : new Int32Array(length);
}

/** Copies a batch to its place, with padding at the ends of its axes. */
function copyPadded(
  { data, shape }: HostValues,
  { into, at, inner }: { into: TypedArray; at: number; inner: number[] },
): void {
  const own = shape.slice(1);
  if (own.every((length, i) => length === inner[i])) {
    into.set(data, at);
    return;
  }
  const size = inner.reduce((product, length) => product * length, 1);
  into.fill(PADDING, at, at + (shape[0] ?? 0) * size);
  const width = own.at(-1) ?? 1; // The runs that stay together.
  const outer = shape.slice(0, -1);
  const strides = inner.map((_, i) =>
    inner.slice(i + 1).reduce((product, length) => product * length, 1)
  );
  const steps = [size, ...strides];
  for (let run = 0; run * width < data.length; run++) {
    let left = run;
    let to = at;
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const length = outer[axis] ?? 1;
      to += (left % length) * (steps[axis] ?? 1);
      left = Math.floor(left / length);
    }
    into.set(data.subarray(run * width, (run + 1) * width), to);
  }
}

/** The tensors of an output by name, without its loss. */
export function tensorsOf(output: unknown): Record<string, AnyTensor> {
  if (typeof output !== "object" || output === null) return {};
  if (output instanceof Tensor) return {}; // It is the loss.
  const tensors: Record<string, AnyTensor> = {};
  for (const [name, value] of Object.entries(output)) {
    if (name !== "loss" && value instanceof Tensor) tensors[name] = value;
  }
  return tensors;
}
