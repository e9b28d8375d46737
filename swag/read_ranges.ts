// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Reads many ranges of buffers from the GPU into arrays, however large they are
 * together.
 *
 * @module
 */

import type { Device, Tensor } from "../engine/mod.ts";

/** A range of a buffer from an element on, and the array that it is read into. */
export type Range = [Tensor, number, Float32Array<ArrayBuffer>];

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
        offset: byteOffset + at * 4,
        bytes: byteLength,
      })),
    );
    group.forEach(([, , target], i) => {
      target.set(new Float32Array(buffers[i] ?? new ArrayBuffer(0)));
    });
  }));
}
