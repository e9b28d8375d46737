// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The launcher of the reductions in kernels/reduce.ts. Neighboring reduced axes
// are merged into one, so that a kernel sees a tensor as [outer, n, inner] and
// reduces the middle. Where kept axes lie between reduced ones, the reduced axes
// are taken one after the other, from the last to the first.

import type { DType } from "../dtype.ts";
import { isWorthMirroring } from "../gpu/texels.ts";
import {
  type ReduceForm,
  reduceKernel,
  type Reduction,
} from "../kernels/reduce.ts";
import type { Shape } from "../shape.ts";
import { alias, allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { chooseVariant, defineVariants } from "../tuning/choice.ts";
import {
  type Box,
  boxes,
  elementsThatFit,
  inOrder,
  rowsThatFit,
  view,
  viewOf,
  wholeBox,
} from "./cut.ts";
import { fillInto } from "./flat.ts";
import { grid, launch } from "./launch.ts";

defineVariants("reduce", ["serial", "texels", "workgroup"]);

/** Elements along the reduced axis that one invocation or workgroup adds up. */
const ROW_CHUNK = 1024;
const COLUMN_CHUNK = 128;

/**
 * Reduces the marked axes; the result has `shape`. The tape records nothing.
 *
 * A sum of no elements is 0. A mean of none is NaN, because its `scale` is then
 * infinite. Callers make sure that the other operations have an element.
 */
export function reduceAxes<D extends DType>(
  x: Tensor<D>,
  reduced: readonly boolean[],
  shape: Shape,
  op: Reduction,
  scale = 1,
): Tensor<D> {
  if (x.size === 0) {
    const y = allocate(x.device, shape, x.dtype);
    fillInto(y, 0 * scale);
    return y;
  }
  const groups: { length: number; reduced: boolean }[] = [];
  x.shape.forEach((length, i) => {
    if (length === 1) return;
    const last = groups.at(-1);
    const mark = reduced[i] ?? false;
    if (last?.reduced === mark) last.length *= length;
    else groups.push({ length, reduced: mark });
  });
  if (!groups.some((group) => group.reduced)) {
    return scale === 1
      ? alias(x, shape)
      : reduceMiddle(x, [x.size, 1, 1], shape, op, scale);
  }
  let current = x;
  let inner = 1;
  for (let g = groups.length - 1; g >= 0; g--) {
    const group = groups[g];
    if (!group) continue;
    if (!group.reduced) {
      inner *= group.length;
      continue;
    }
    const before = groups.slice(0, g);
    const outer = before.reduce((product, { length }) => product * length, 1);
    const last = !before.some((earlier) => earlier.reduced);
    const y = reduceMiddle(
      current,
      [outer, group.length, inner],
      last ? shape : [outer * inner],
      op,
      last ? scale : 1,
    );
    if (current !== x) current.dispose();
    current = y;
  }
  return current;
}

/**
 * Reduces x, seen as [outer, length, inner], along the middle. Each stage reduces
 * chunks of the axis, until one chunk is left.
 */
function reduceMiddle<D extends DType>(
  x: Tensor<D>,
  [outer, length, inner]: readonly [number, number, number],
  shape: Shape,
  op: Reduction,
  scale: number,
): Tensor<D> {
  const chunk = inner === 1 ? ROW_CHUNK : COLUMN_CHUNK;
  let current = x;
  for (let n = length;;) {
    const parts = Math.ceil(n / chunk);
    const y = allocate(
      x.device,
      parts === 1 ? shape : [outer * parts * inner],
      x.dtype,
    );
    stage(
      current,
      y,
      op,
      { outer, n, inner, chunk },
      parts === 1 ? scale : 1,
    );
    if (current !== x) current.dispose();
    if (parts === 1) return y;
    current = y;
    n = parts;
  }
}

/** How a stage of a reduction sees its operand. */
export interface MiddleSizes {
  outer: number;
  /** The length of the axis to reduce. */
  n: number;
  inner: number;
  /** How many neighbors along the axis become one. */
  chunk: number;
}

/** One stage: every chunk of the middle axis of x becomes an element of y. */
function stage(
  x: AnyTensor,
  y: AnyTensor,
  op: Reduction,
  sizes: MiddleSizes,
  scale: number,
): void {
  const { n, inner, chunk } = sizes;
  const parts = Math.ceil(n / chunk);
  const form = chooseForm(x, sizes);
  const kernel = reduceKernel({ form, op, dtype: x.dtype });
  const operand = { tensor: x, strides: [n * inner, inner, 1] };
  for (const box of cutStage(x, sizes)) {
    const [o = 0, k = 0, i = 0] = box.start;
    const [boxOuter = 0, boxN = 0, boxInner = 0] = box.count;
    const boxParts = Math.ceil(boxN / chunk);
    const results = boxOuter * boxParts * boxInner;
    const from = viewOf(operand, box);
    const part = o * parts + Math.floor(k / chunk);
    const to = view(y, part * inner + i, results);
    // A chunk that was cut goes on from what its earlier boxes left in y.
    const last = k + boxN === n || (k + boxN) % chunk === 0;
    launch(x.device, kernel, {
      bind: [from.binding, to.binding],
      params: {
        outer: boxOuter,
        n: boxN,
        inner: boxInner,
        parts: boxParts,
        chunk,
        x_offset: from.offset,
        y_offset: to.offset,
        resume: k % chunk > 0 ? 1 : 0,
        scale: last ? scale : 1,
      },
      groups: form === "workgroup" ? grid(results, 1) : grid(
        form.startsWith("columns4") ? results / 4 : results,
        kernel.workgroupSize,
      ),
    });
  }
}

/**
 * Cuts a stage into dispatches. Chunks that do not fit a binding are cut, too: the
 * boxes of one chunk follow each other, in the order of its elements.
 */
function cutStage(x: AnyTensor, sizes: MiddleSizes): Box[] {
  const { outer, n, inner, chunk } = sizes;
  if (x.fitsBinding) return [wholeBox([outer, n, inner])];
  const room = elementsThatFit(x.device);
  if (inner === 1 || Math.min(chunk, n) * inner <= room) {
    return cutMiddle(x, sizes);
  }
  const width = inner <= room
    ? inner
    : rowsThatFit(x.device, { action: "reduce", size: 1, unit: 64 });
  const rows = Math.max(1, Math.floor(room / inner));
  return boxes(
    [outer, n, inner],
    inOrder(
      { axis: 0, step: 1 },
      { axis: 1, step: chunk },
      { axis: 2, step: width },
      { axis: 1, step: rows },
    ),
  );
}

/**
 * Cuts a tensor, seen as [outer, n, inner], into boxes that fit a binding and hold
 * whole chunks of the middle axis.
 *
 * @throws {RangeError} If one chunk does not fit.
 */
export function cutMiddle(
  x: AnyTensor,
  { outer, n, inner, chunk }: MiddleSizes,
): Box[] {
  const lengths = [outer, n, inner];
  if (x.fitsBinding) return [wholeBox(lengths)];
  const items = Math.floor(elementsThatFit(x.device) / (n * inner));
  if (items > 0) return boxes(lengths, inOrder({ axis: 0, step: items }));
  const step = rowsThatFit(x.device, {
    action: "reduce",
    size: inner,
    unit: chunk,
  });
  return boxes(lengths, inOrder({ axis: 0, step: 1 }, { axis: 1, step }));
}

function chooseForm(x: AnyTensor, { n, inner }: MiddleSizes): ReduceForm {
  const variant = chooseReduce(x, Math.min(n, ROW_CHUNK));
  if (variant === "workgroup" && inner === 1 && n > 1) return "workgroup";
  const form = inner > 1
    ? inner % 4 === 0 ? "columns4" : "element"
    : n % 4 === 0
    ? "rows4"
    : "element";
  return form !== "element" && variant === "texels" && x.dtype === "f32"
    ? `${form}Texels`
    : form;
}

/** Chooses how rows are reduced if the serial form needs `turns` turns of its loop. */
export function chooseReduce(
  x: AnyTensor,
  turns: number,
): "serial" | "texels" | "workgroup" {
  const { device, bytes } = x;
  const chosen = chooseVariant(
    device,
    "reduce",
    "all",
    () =>
      !device.isSoftware
        ? "workgroup"
        : isWorthMirroring(bytes)
        ? "texels"
        : "serial",
  );
  if (chosen === "workgroup" || turns > device.maxTurns) return "workgroup";
  return chosen === "texels" ? "texels" : "serial";
}
