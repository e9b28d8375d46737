// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// WebGPU limits how many bytes of a buffer one binding holds. A call over more
// elements than that is cut into several dispatches. Every launcher and op cuts
// with the functions of this file, in three steps:
//
//   1. The call covers an index space, such as [rows, columns]. The caller says
//      along which axes it may be cut and into how many indices, for which
//      `rowsThatFit` knows the limit.
//   2. `boxes` cuts the index space. The boxes cover every index exactly once.
//   3. `view` binds the elements of a tensor that a box reads or writes.
//
// Where nothing needs cutting, which is nearly always, callers skip the first two
// steps. `windows` and `part` are the short form for tensors of whole rows.

import type { Binding } from "../gpu/block.ts";
import type { Device } from "../gpu/device.ts";
import { TEXEL_WINDOW } from "../gpu/texels.ts";
import type { AnyTensor } from "../tensor.ts";

/** Bindings start at multiples of this many elements (256 bytes). */
const OFFSET_UNIT = 64;

/**
 * Elements to leave free in a binding for the offset of a {@linkcode View} and
 * for rounding its length up, when the number of elements to bind is chosen.
 */
const VIEW_SLACK = 2 * OFFSET_UNIT;

/** Consecutive indices along one axis, such as the rows that one dispatch handles. */
export interface Window {
  /** The first index. */
  start: number;
  /** The number of indices. */
  count: number;
}

/** A part of an index space, cut along any of its axes. */
export interface Box {
  /** The first index along each axis. */
  readonly start: readonly number[];
  /** The number of indices along each axis. */
  readonly count: readonly number[];
}

/** The whole of an index space, as a box. */
export function wholeBox(lengths: readonly number[]): Box {
  return { start: lengths.map(() => 0), count: lengths };
}

/** A way to cut a box: along one axis, into windows of at most `step` indices. */
export interface Cut {
  axis: number;
  step: number;
}

/**
 * Cuts an axis into windows.
 *
 * @returns Windows of `step` indices, of which the last may be shorter; one empty
 * window for an axis without indices.
 */
export function windowsOf(length: number, step: number): Window[] {
  if (length <= step) return [{ start: 0, count: length }];
  const list: Window[] = [];
  for (let start = 0; start < length; start += step) {
    list.push({ start, count: Math.min(step, length - start) });
  }
  return list;
}

/**
 * Cuts an index space into boxes.
 *
 * @param lengths The number of indices along each axis.
 * @param choose Names the next cut of a box that is too large, given its lengths,
 * or returns `undefined` for a box that one dispatch can take. A cut must make the
 * box smaller.
 * @returns Boxes that cover every index exactly once. Those that an earlier cut
 * set apart follow each other, so that later cuts vary fastest.
 */
export function boxes(
  lengths: readonly number[],
  choose: (count: readonly number[]) => Cut | undefined,
): Box[] {
  const list: Box[] = [];
  cutBox(wholeBox(lengths), choose, list);
  return list;
}

function cutBox(
  box: Box,
  choose: (count: readonly number[]) => Cut | undefined,
  list: Box[],
): void {
  const cut = choose(box.count);
  if (!cut) {
    list.push(box);
    return;
  }
  const { axis, step } = cut;
  const from = box.start[axis] ?? 0;
  for (const { start, count } of windowsOf(box.count[axis] ?? 0, step)) {
    const part = {
      start: box.start.with(axis, from + start),
      count: box.count.with(axis, count),
    };
    cutBox(part, choose, list);
  }
}

/** For {@linkcode boxes}: makes the first of the cuts that a box still exceeds. */
export function inOrder(
  ...cuts: readonly Cut[]
): (count: readonly number[]) => Cut | undefined {
  return (count) => cuts.find(({ axis, step }) => (count[axis] ?? 0) > step);
}

/** Elements that one binding holds, wherever the first of them lies. */
export function elementsThatFit(
  { maxBindingSize }: Pick<Device, "maxBindingSize">,
): number {
  return Math.floor(maxBindingSize / 4) - VIEW_SLACK;
}

/** What {@linkcode rowsThatFit} needs to know. */
export interface RowLimit {
  /** What the caller does, for the message: `Cannot ${action} rows of …`. */
  action: string;
  /** The number of elements from one row to the next. */
  size: number;
  /** Windows hold a multiple of this many rows. @default {1} */
  unit?: number;
  /** The fewest rows that the caller can work with. @default {unit} */
  least?: number;
  /** Elements to leave free in the binding. @default {those that a view needs} */
  slack?: number;
}

/**
 * Computes how many rows one binding holds.
 *
 * @throws {RangeError} If these are fewer than the caller can work with: then the
 * call cannot be cut.
 */
export function rowsThatFit(
  { maxBindingSize }: Pick<Device, "maxBindingSize">,
  { action, size, unit = 1, least = unit, slack = VIEW_SLACK }: RowLimit,
): number {
  const room = Math.floor(maxBindingSize / 4) - slack;
  const rows = Math.floor(room / (size * unit)) * unit;
  if (rows >= least) return rows;
  throw new RangeError(
    `Cannot ${action} rows of ${size} elements: ${
      least === 1 ? "one exceeds" : `${least} of them exceed`
    } the device's largest binding of ${maxBindingSize} bytes`,
  );
}

/** A range of a tensor's elements as a kernel sees it. */
export interface View {
  /** What to bind. */
  binding: AnyTensor | Binding;
  /** The number of elements in the binding before the first of the range. */
  offset: number;
}

/**
 * Binds a range of a tensor's elements, which may start anywhere. If one binding
 * holds the whole tensor, the tensor is bound; otherwise a window of it, from the
 * last legal offset that is not beyond `start`.
 *
 * @param x The tensor.
 * @param start The first element of the range.
 * @param count The number of elements.
 * @returns What to bind, and where the range starts in it: the kernel must add the
 * offset to its indices.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { view } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2, 3, 4]);
 * assertEquals(view(x, 1, 2), { binding: x, offset: 1 });
 * ```
 */
export function view(x: AnyTensor, start: number, count: number): View {
  if (x.fitsBinding) return { binding: x, offset: start };
  const offset = start % OFFSET_UNIT;
  return { binding: x.window(start - offset, offset + count), offset };
}

/** How the elements of a tensor lie in the index space of a call. */
export interface Operand {
  tensor: AnyTensor;
  /** The element that belongs to the first index. @default {0} */
  start?: number;
  /** The number of elements from one index to the next along each axis. */
  strides: readonly number[];
}

/** Binds the elements of an operand from the first to the last index of a box. */
export function viewOf(
  { tensor, start = 0, strides }: Operand,
  box: Box,
): View {
  let first = start;
  for (let i = 0; i < strides.length; i++) {
    first += (box.start[i] ?? 0) * (strides[i] ?? 0);
  }
  if (tensor.fitsBinding) return { binding: tensor, offset: first };
  return view(tensor, first, spanOf(strides, box.count));
}

/** Counts the elements from the first to the last of a walk over a box. */
export function spanOf(
  strides: readonly number[],
  count: readonly number[],
): number {
  let span = 1;
  for (let i = 0; i < strides.length; i++) {
    span += ((count[i] ?? 1) - 1) * (strides[i] ?? 0);
  }
  return span;
}

/**
 * Cuts rows into windows, so that the part of every tensor that belongs to a
 * window fits one binding.
 *
 * @param device The device whose binding limit counts.
 * @param rows The number of rows.
 * @param rowSizes For each tensor, the number of elements that belong to a row.
 * @returns Windows that start at multiples of 64 rows, so that each is a legal
 * binding offset for rows of any length. One window if nothing needs cutting.
 * @throws {RangeError} If 64 rows of a tensor do not fit one binding.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { windows } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * assertEquals(windows(device, 10, [3]), [{ start: 0, count: 10 }]);
 * assertEquals(windows({ maxBindingSize: 1024 }, 100, [3]), [
 *   { start: 0, count: 64 },
 *   { start: 64, count: 36 },
 * ]);
 * ```
 */
export function windows(
  device: Pick<Device, "maxBindingSize">,
  rows: number,
  rowSizes: readonly number[],
): Window[] {
  const size = Math.max(1, ...rowSizes);
  if (rows * size * 4 <= device.maxBindingSize) {
    return [{ start: 0, count: rows }];
  }
  const step = rowsThatFit(device, {
    action: "split",
    size,
    unit: OFFSET_UNIT,
    slack: OFFSET_UNIT,
  });
  return windowsOf(rows, step);
}

/**
 * Cuts rows like {@linkcode windows}, but into small windows, for kernels whose
 * operands are copied to textures first.
 */
export function texelWindows(
  device: Pick<Device, "maxBindingSize">,
  rows: number,
  rowSizes: readonly number[],
): Window[] {
  const least = OFFSET_UNIT * (Math.max(...rowSizes) + 1) * 4;
  const maxBindingSize = Math.min(
    device.maxBindingSize,
    Math.max(TEXEL_WINDOW, least),
  );
  return windows({ maxBindingSize }, rows, rowSizes);
}

/**
 * Binds the rows of a tensor that a window covers.
 *
 * @param x A tensor of rows.
 * @param window A window that {@linkcode windows} made.
 * @param rowSize The number of elements of a row of `x`.
 * @returns The tensor itself if the window covers all of it, otherwise a part.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { part, windows } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * const x = tensor([[1, 2], [3, 4]]);
 * for (const window of windows(device, 2, [2])) {
 *   assertEquals(part(x, window, 2), x); // to be given to `launch` in `bind`
 * }
 * ```
 */
export function part(
  x: AnyTensor,
  window: Window,
  rowSize: number,
): AnyTensor | Binding {
  const { start, count } = window;
  if (start === 0 && x.fitsBinding && count * rowSize === x.size) return x;
  return x.window(start * rowSize, count * rowSize);
}
