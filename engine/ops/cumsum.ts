// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  CUMSUM_FORMS,
  CUMSUM_STRETCH,
  CUMSUM_WORKGROUP,
} from "../kernels/cumsum.ts";
import { retype } from "../kernels/reduce.ts";
import { grid, launch } from "../launch/launch.ts";
import { normalizeAxis, sizeOf } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { defineVariants } from "../tuning/choice.ts";
import { chooseRowForm } from "../launch/rows.ts";
import { view, VIEW_SLACK } from "../launch/view.ts";

defineVariants("cumsum", ["serial", "workgroup"]);

/** Options of {@linkcode cumsum}. */
export interface CumsumOptions {
  /**
   * The axis to sum along; negative ones count from the last.
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
 * Takes running sums along an axis: `y[k] = x[0] + … + x[k]`, or
 * `x[k] + … + x[n - 1]` where `reverse` is set.
 *
 * Elements may be of any type; sums of integers wrap around. The derivative of
 * one direction is the running sum of the gradient in the other.
 *
 * @returns A tensor of x's shape and type.
 * @throws {RangeError} If there is no such axis.
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
export function cumsum(x: Tensor, options: CumsumOptions = {}): Tensor {
  const { axis = -1, reverse = false } = options;
  const a = normalizeAxis("sum along", axis, x.shape.length);
  return record(runningSum(x, a, reverse), [x], (dy) => [
    runningSum(dy, a, !reverse),
  ]);
}

function runningSum(x: Tensor, axis: number, reverse: boolean): Tensor {
  const { device, shape } = x;
  const y = allocate(device, shape, x.dtype);
  if (y.size === 0) return y;
  const inner = sizeOf(shape.slice(axis + 1));
  const turns = shape[axis] ?? 1;
  const form = inner > 1
    ? "serial"
    : chooseRowForm(device, "cumsum", { turns });
  const kernel = retype(CUMSUM_FORMS[form], x.dtype);
  for (const piece of pieces(x, axis, reverse)) {
    const { start, outer, n, resume } = piece;
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
        : grid(outer * inner, CUMSUM_WORKGROUP),
    });
  }
  return y;
}

/** What one dispatch sees: [outer, n, inner] from element `start` on. */
interface Piece {
  start: number;
  outer: number;
  n: number;
  /** Whether the piece goes on from the one before. */
  resume: boolean;
}

/** Cuts x into dispatches that fit one binding, in the order of the sum. */
function pieces(x: Tensor, axis: number, reverse: boolean): Piece[] {
  const outer = sizeOf(x.shape.slice(0, axis));
  const n = x.shape[axis] ?? 1;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const { maxTurns } = x.device;
  if (x.fitsBinding && n <= maxTurns) {
    return [{ start: 0, outer, n, resume: false }];
  }
  const fit = Math.floor(x.device.maxBindingSize / 4) - VIEW_SLACK;
  const list: Piece[] = [];
  const lines = n > maxTurns ? 0 : Math.floor(fit / (n * inner));
  if (lines > 0) {
    for (let o = 0; o < outer; o += lines) {
      const count = Math.min(lines, outer - o);
      list.push({ start: o * n * inner, outer: count, n, resume: false });
    }
    return list;
  }
  // One row more is the one to go on from. Whole stretches of the workgroup form
  // make the same sums as an undivided run.
  const most = Math.min(Math.floor(fit / inner) - 1, maxTurns);
  const rows = most < CUMSUM_STRETCH ? most : most - most % CUMSUM_STRETCH;
  if (rows < 1) {
    throw new RangeError(
      `Cannot sum along rows of ${inner} elements: two exceed the device's ` +
        `largest binding of ${x.device.maxBindingSize} bytes`,
    );
  }
  for (let o = 0; o < outer; o++) {
    for (let done = 0; done < n; done += rows) {
      const count = Math.min(rows, n - done);
      const k = reverse ? n - done - count : done;
      list.push({
        start: (o * n + k) * inner,
        outer: 1,
        n: count,
        resume: done > 0,
      });
    }
  }
  return list;
}
