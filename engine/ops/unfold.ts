// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The stretches that a convolution reads. kernels/unfold.ts holds the kernels.

import type { Kernel } from "../gpu/kernel.ts";
import { UNFOLD, UNFOLD_BACKWARD } from "../kernels/unfold.ts";
import { rowsThatFit, view, windowsOf } from "../launch/cut.ts";
import { grid, launch } from "../launch/launch.ts";
import { formatShape } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { requireFloat } from "./require_float.ts";

/** Options of {@linkcode unfold}. */
export interface UnfoldOptions {
  /** How many elements a stretch has. */
  size: number;
  /** The distance from one stretch to the next. @default {1} */
  stride?: number | undefined;
  /** The distance between the elements of a stretch. @default {1} */
  dilation?: number | undefined;
  /** How many zeros stand before and after each row. @default {[0, 0]} */
  padding?: readonly [before: number, after: number] | undefined;
}

/**
 * Lays out the stretches of the last axis that a convolution reads:
 * `y[…, j, o] = x[…, o·stride + j·dilation - before]`, and 0 in the padding.
 *
 * With weights `[out, in·size]`, the product with `[batch, in·size, count]` is a
 * convolution of `[batch, in, length]`.
 *
 * @param x A tensor of floats, `[…, length]`.
 * @param options The size of the stretches, their distances, and the padding.
 * @returns A tensor `[…, size, count]`, with
 * `count = ⌊(length + before + after - dilation·(size - 1) - 1) / stride⌋ + 1`.
 * @throws {TypeError} If x has no axis or is not of floats.
 * @throws {RangeError} If a number is out of range, or no stretch fits a row.
 *
 * @example Neighbors, with a zero at the end
 * ```ts
 * import { initialize, tensor, unfold } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = unfold(tensor([1, 2, 3]), { size: 2, padding: [0, 1] });
 * assertEquals(y.shape, [2, 3]);
 * assertEquals([...await y.data()], [1, 2, 3, 2, 3, 0]);
 * ```
 */
export function unfold(x: Tensor, options: UnfoldOptions): Tensor {
  const { size, stride = 1, dilation = 1, padding = [0, 0] } = options;
  const [before, after] = padding;
  const { device, shape } = x;
  requireFloat("unfold", x);
  const length = shape.at(-1);
  if (length === undefined) {
    throw new TypeError("Cannot unfold a scalar: it has no axis");
  }
  const numbers = { size, stride, dilation, before, after };
  for (const [name, value] of Object.entries(numbers)) {
    const least = name === "before" || name === "after" ? 0 : 1;
    if (Number.isInteger(value) && value >= least && value < 2 ** 31) continue;
    throw new RangeError(
      `Cannot unfold with ${
        least === 0
          ? `a padding of ${value} ${name} each row`
          : `${name} ${value}`
      }: expected a whole number of at least ${least}`,
    );
  }
  const room = length + before + after - dilation * (size - 1) - 1;
  if (room < 0) {
    throw new RangeError(
      `Cannot unfold ${formatShape(shape)} into stretches over ${
        dilation * (size - 1) + 1
      } elements: a row has ${length + before + after} with its padding`,
    );
  }
  const count = Math.floor(room / stride) + 1;
  const lead = shape.slice(0, -1);
  const y = allocate(device, [...lead, size, count]);
  const sizes = { length, size, count, stride, dilation, padding: before };
  run(UNFOLD, [x, y], sizes, size * count);
  return record(y, [x], (dy) => {
    const dx = allocate(device, shape);
    run(UNFOLD_BACKWARD, [dy, dx], sizes, length);
    return [dx];
  });
}

/** Runs a kernel that writes `each` elements of every row. */
function run(
  kernel: Kernel,
  [source, target]: readonly [Tensor, Tensor],
  sizes:
    & { length: number; size: number; count: number }
    & Record<
      string,
      number
    >,
  each: number,
): void {
  if (target.size === 0) return;
  const { device } = target;
  const rows = target.size / each;
  const wide = Math.max(sizes.length, sizes.size * sizes.count);
  const fits = source.fitsBinding && target.fitsBinding;
  const step = fits
    ? rows
    : rowsThatFit(device, { action: "unfold", size: wide });
  for (const { start, count } of windowsOf(rows, step)) {
    const part = (x: Tensor) =>
      view(x, start * x.size / rows, count * x.size / rows);
    const [read, written] = [part(source), part(target)];
    const [x, y] = kernel === UNFOLD ? [read, written] : [written, read];
    launch(device, kernel, {
      bind: [read.binding, written.binding],
      params: {
        ...sizes,
        items: count * each,
        x_offset: x.offset,
        y_offset: y.offset,
      },
      groups: grid(count * each, kernel.workgroupSize),
    });
  }
}
