// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Reads many ranges of buffers from the GPU into arrays, however large they are
 * together.
 *
 * @module
 */

import type { AnyTensor, Device } from "../engine/mod.ts";

/** The arrays that ranges are read into. */
type Target =
  | Float32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>;

/** A range of a buffer from a byte on, and the array that it is read into. */
export type Range = [AnyTensor, number, Target];

/** The most bytes that go through one staging buffer, if a range is not larger. */
const MAX_BYTES = 2 ** 30;

/**
 * Fills the arrays of all ranges. All copies are recorded before anything is
 * awaited, so that they show one moment, whatever is done to the buffers later.
 *
 * @param device Where the buffers are.
 * @param ranges What to read.
 */
export async function readRanges(
  device: Device,
  ranges: readonly Range[],
): Promise<void> {
  const most = Math.min(MAX_BYTES, device.maxBindingSize);
  const groups: Range[][] = [[]];
  let total = 0;
  for (const range of ranges) {
    const bytes = Math.ceil(range[2].byteLength / 8) * 8;
    if (total > 0 && total + bytes > most) {
      groups.push([]);
      total = 0;
    }
    groups.at(-1)?.push(range);
    total += bytes;
  }
  await Promise.all(groups.map(async (group) => {
    const buffers = await device.stream.read(
      group.map(([{ block, byteOffset }, at, { byteLength }]) => ({
        block,
        offset: byteOffset + at,
        bytes: Math.ceil(byteLength / 4) * 4,
      })),
    );
    group.forEach(([, , { buffer, byteOffset, byteLength }], i) => {
      const bytes = new Uint8Array(buffers[i] ?? new ArrayBuffer(0));
      new Uint8Array(buffer, byteOffset, byteLength)
        .set(bytes.subarray(0, byteLength));
    });
  }));
}

/** The values of a range as words of four bytes, with zeros at the end where a word is not full. */
export function wordsOf(
  { buffer, byteOffset, byteLength }: ArrayBufferView,
): Uint32Array<ArrayBuffer> {
  const isWhole = byteLength % 4 === 0 && byteOffset % 4 === 0;
  if (isWhole && buffer instanceof ArrayBuffer) {
    return new Uint32Array(buffer, byteOffset, byteLength / 4);
  }
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  new Uint8Array(words.buffer).set(
    new Uint8Array(buffer, byteOffset, byteLength),
  );
  return words;
}
