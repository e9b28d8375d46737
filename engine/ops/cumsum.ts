// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { DType } from "../dtype.ts";
import { CUMSUM_STRETCH, cumsumKernel } from "../kernels/cumsum.ts";
import {
  type Box,
  boxes,
  elementsThatFit,
  inOrder,
  rowsThatFit,
  view,
  wholeBox,
} from "../launch/cut.ts";
import { grid, launch } from "../launch/launch.ts";
import { chooseRowForm } from "../launch/rows.ts";
import { normalizeAxis, sizeOf } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { defineVariants } from "../tuning/choice.ts";

defineVariants("cumsum", ["serial", "workgroup"]);

/** Options of {@linkcode cumsum}. */
export interface CumsumOptions {
  /**
   * The axis to sum along. Negative ones count from the last.
   *
   * @default {-1}
   */
  axis?: number;
  /**
   * Whether to sum from the last element to the first.
   *
   * @default {false}
   */
  reverse?: boolean;
}

/**
 * Computes running sums along an axis: `y[k] = x[0] + … + x[k]`, or with `reverse`
 * `y[k] = x[k] + … + x[n - 1]`.
 *
 * Sums of integers wrap around. The derivative is the running sum of the gradient
 * in the other direction.
 *
 * @param x A tensor of any shape and type.
 * @param options Axis and direction.
 * @returns A tensor of the shape and type of `x`.
 * @throws {RangeError} If `x` does not have the axis.
 *
 * @example Usage
 * ```ts
 * import { cumsum, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * assertEquals([...await cumsum(x).data()], [1, 3, 6, 4, 9, 15]);
 * const y = cumsum(x, { axis: 0, reverse: true });
 * assertEquals([...await y.data()], [5, 7, 9, 4, 5, 6]);
 * ```
 */
export function cumsum<D extends DType>(
  x: Tensor<D>,
  options: CumsumOptions = {},
): Tensor<D> {
  const { axis = -1, reverse = false } = options;
  const a = normalizeAxis("sum along", axis, x.shape.length);
  return record(runningSum(x, a, reverse), [x], (dy) => [
    runningSum(dy, a, !reverse),
  ]);
}

function runningSum<D extends DType>(
  x: Tensor<D>,
  axis: number,
  reverse: boolean,
): Tensor<D> {
  const { device, shape } = x;
  const y = allocate(device, shape, x.dtype);
  if (y.size === 0) return y;
  const inner = sizeOf(shape.slice(axis + 1));
  const turns = shape[axis] ?? 1;
  const form = inner > 1
    ? "serial"
    : chooseRowForm(device, "cumsum", { turns });
  const kernel = cumsumKernel({ variant: form, dtype: x.dtype });
  const lengths = [sizeOf(shape.slice(0, axis)), turns, inner];
  for (const box of cutSum(x, lengths)) {
    const [o = 0, done = 0] = box.start;
    const [outer = 0, n = 0] = box.count;
    const start = (o * turns + (reverse ? turns - done - n : done)) * inner;
    const resume = done > 0;
    // y's part also holds the row that the sum goes on from.
    const ahead = resume ? inner : 0;
    const lead = reverse ? 0 : ahead;
    const from = view(x, start, outer * n * inner);
    const to = view(y, start - lead, outer * n * inner + ahead);
    launch(device, kernel, {
      bind: [from.binding, to.binding],
      params: {
        outer,
        n,
        inner,
        x_offset: from.offset,
        y_offset: to.offset + lead,
        reverse: reverse ? 1 : 0,
        resume: resume ? 1 : 0,
      },
      groups: form === "workgroup"
        ? grid(outer, 1)
        : grid(outer * inner, kernel.workgroupSize),
    });
  }
  return y;
}

/**
 * Cuts [outer, n, inner] into boxes that fit one binding, in the order of the sum.
 * A box that starts within the axis n goes on from the box before it.
 */
function cutSum(x: AnyTensor, lengths: readonly number[]): Box[] {
  const [, n = 1, inner = 1] = lengths;
  const { device } = x;
  const { maxTurns } = device;
  if (x.fitsBinding && n <= maxTurns) return [wholeBox(lengths)];
  const lines = n > maxTurns
    ? 0
    : Math.floor(elementsThatFit(device) / (n * inner));
  if (lines > 0) return boxes(lengths, inOrder({ axis: 0, step: lines }));
  const fit = rowsThatFit(device, {
    action: "sum along",
    size: inner,
    least: 2,
  });
  const most = Math.min(fit - 1, maxTurns); // One is the row to go on from.
  // A multiple of the workgroup form's stretch makes the same sums as an uncut run.
  const step = most < CUMSUM_STRETCH ? most : most - most % CUMSUM_STRETCH;
  return boxes(lengths, inOrder({ axis: 0, step: 1 }, { axis: 1, step }));
}
