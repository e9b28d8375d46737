// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The launcher of kernels/reduce.ts. Neighbouring reduced axes are taken as one,
// so that a kernel sees x as [outer, n, inner]; where kept axes lie between
// reduced ones, the stretches are reduced one after the other, from the last.

import type { DType } from "../dtype.ts";
import { copyStrided } from "./copy.ts";
import { evaluate } from "./evaluate.ts";
import { argmaxKernel, SELECT_INDEX } from "../kernels/argmax.ts";
import {
  type ReduceForm,
  reduceKernel,
  type Reduction,
} from "../kernels/reduce.ts";
import { grid, launch } from "./launch.ts";
import { fillInto } from "./flat.ts";
import { normalizeAxis, type Shape, sizeOf } from "../shape.ts";
import { alias, allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { TEXEL_WINDOW } from "../gpu/texels.ts";
import { chooseVariant, defineVariants } from "../tuning/choice.ts";
import { view, VIEW_SLACK } from "./view.ts";

defineVariants("reduce", ["serial", "texels", "workgroup"]);

/** Bytes between which x is worth a copy to a texture, which is kept. */
const TEXEL_BYTES = [256 * 1024, 8 * TEXEL_WINDOW] as const;

/** Elements along the reduced axis that one invocation or workgroup takes. */
const ROW_CHUNK = 1024;
const COLUMN_CHUNK = 128;

/** Options of the reductions. */
export interface ReduceOptions {
  /**
   * The axis or axes to reduce; negative ones count from the last.
   *
   * @default {all axes}
   */
  axis?: number | readonly number[];
  /**
   * Whether reduced axes stay, with length 1.
   *
   * @default {false}
   */
  keepDims?: boolean;
}

/** What a reduction over some axes of a shape means. */
export interface Plan {
  /** Which axes are reduced. */
  reduced: boolean[];
  /** The result with length 1 at the reduced axes. */
  kept: number[];
  /** The result's shape. */
  shape: number[];
  /** Elements behind one element of the result. */
  count: number;
}

/** Reads the options of a reduction of x. */
export function plan(
  action: string,
  x: AnyTensor,
  options: ReduceOptions,
): Plan {
  const { axis, keepDims = false } = options;
  const rank = x.shape.length;
  const axes = axis === undefined
    ? x.shape.map((_, i) => i)
    : (typeof axis === "number" ? [axis] : axis).map((a) =>
      normalizeAxis(action, a, rank)
    );
  const reduced = x.shape.map((_, i) => axes.includes(i));
  const kept = x.shape.map((length, i) => reduced[i] ? 1 : length);
  const shape = keepDims ? kept : x.shape.filter((_, i) => !reduced[i]);
  const count = sizeOf(x.shape.filter((_, i) => reduced[i]));
  return { reduced, kept, shape, count };
}

/**
 * Reduces the marked axes; the result has `shape`. Nothing is recorded.
 *
 * A sum of no elements is 0, and 0 times an infinite `scale`, as a mean's is
 * then, is NaN. Other operations need an element, which callers see to.
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

/** Reduces x, seen as [outer, n, inner], along the middle, in stages. */
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
      { outer, n, inner, parts, chunk },
      parts === 1 ? scale : 1,
    );
    if (current !== x) current.dispose();
    if (parts === 1) return y;
    current = y;
    n = parts;
  }
}

interface StageSizes {
  outer: number;
  n: number;
  inner: number;
  parts: number;
  chunk: number;
}

function stage(
  x: AnyTensor,
  y: AnyTensor,
  op: Reduction,
  sizes: StageSizes,
  scale: number,
): void {
  const { device } = x;
  const { chunk } = sizes;
  const form = chooseForm(x, sizes);
  const kernel = reduceKernel({ form, op, dtype: x.dtype });
  for (const piece of stagePieces(x, sizes)) {
    const { outer, n, inner, resume, last } = piece;
    const parts = Math.ceil(n / chunk);
    const results = outer * parts * inner;
    const from = view(x, piece.x, outer * n * inner);
    const to = view(y, piece.y, results);
    launch(device, kernel, {
      bind: [from.binding, to.binding],
      params: {
        outer,
        n,
        inner,
        parts,
        chunk,
        x_offset: from.offset,
        y_offset: to.offset,
        resume: resume ? 1 : 0,
        scale: last ? scale : 1,
      },
      groups: form === "workgroup" ? grid(results, 1) : grid(
        form.startsWith("columns4") ? results / 4 : results,
        kernel.workgroupSize,
      ),
    });
  }
}

/** One dispatch of a stage. */
interface StagePiece {
  /** The first element of x and of y. */
  x: number;
  y: number;
  outer: number;
  n: number;
  inner: number;
  /** Whether y holds what earlier pieces made of the same results. */
  resume: boolean;
  /** Whether no later piece adds to the same results. */
  last: boolean;
}

/** Cuts a stage into dispatches whose parts of x fit one binding. */
function stagePieces(x: AnyTensor, sizes: StageSizes): StagePiece[] {
  const { outer, n, inner, parts, chunk } = sizes;
  const fit = Math.floor(x.device.maxBindingSize / 4) - VIEW_SLACK;
  if (x.fitsBinding || inner === 1 || Math.min(chunk, n) * inner <= fit) {
    return pieces(x, sizes).map((piece) => ({
      x: (piece.o * n + piece.k) * inner,
      y: (piece.o * parts + piece.k / chunk) * inner,
      outer: piece.outer,
      n: piece.n,
      inner,
      resume: false,
      last: true,
    }));
  }
  const width = inner <= fit ? inner : Math.floor(fit / 64) * 64;
  const rows = inner <= fit ? Math.floor(fit / inner) : 1;
  const list: StagePiece[] = [];
  for (let part = 0; part < outer * parts; part++) {
    const start = (part % parts) * chunk;
    const end = Math.min(start + chunk, n);
    const base = Math.floor(part / parts) * n;
    for (let i = 0; i < inner; i += width) {
      for (let k = start; k < end; k += rows) {
        list.push({
          x: (base + k) * inner + i,
          y: part * inner + i,
          outer: 1,
          n: Math.min(rows, end - k),
          inner: Math.min(width, inner - i),
          resume: k > start,
          last: k + rows >= end,
        });
      }
    }
  }
  return list;
}

function chooseForm(
  x: AnyTensor,
  { n, inner }: StageSizes,
): ReduceForm {
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

/** How rows are reduced, in loops of so many turns. */
function chooseReduce(
  x: AnyTensor,
  turns: number,
): "serial" | "texels" | "workgroup" {
  const { device, bytes } = x;
  const [least, most] = TEXEL_BYTES;
  const chosen = chooseVariant(
    device,
    "reduce",
    "all",
    () =>
      !device.isSoftware
        ? "workgroup"
        : bytes >= least && bytes <= most
        ? "texels"
        : "serial",
  );
  if (chosen === "workgroup" || turns > device.maxTurns) return "workgroup";
  return chosen === "texels" ? "texels" : "serial";
}

/** Stretches of [outer, n], whole chunks each, that fit one binding. */
function pieces(
  x: AnyTensor,
  { outer, n, inner, chunk }: StageSizes,
): { o: number; outer: number; k: number; n: number }[] {
  if (x.fitsBinding) return [{ o: 0, outer, k: 0, n }];
  const fit = Math.floor(x.device.maxBindingSize / 4) - VIEW_SLACK;
  const list: { o: number; outer: number; k: number; n: number }[] = [];
  const rows = Math.floor(fit / (n * inner));
  if (rows > 0) {
    for (let o = 0; o < outer; o += rows) {
      list.push({ o, outer: Math.min(rows, outer - o), k: 0, n });
    }
    return list;
  }
  const stretch = Math.floor(fit / (chunk * inner)) * chunk;
  if (stretch === 0) {
    throw new RangeError(
      `Cannot reduce ${chunk} rows of ${inner} elements: they exceed the ` +
        `device's largest binding of ${x.device.maxBindingSize} bytes`,
    );
  }
  for (let o = 0; o < outer; o++) {
    for (let k = 0; k < n; k += stretch) {
      list.push({ o, outer: 1, k, n: Math.min(stretch, n - k) });
    }
  }
  return list;
}

/** A shape as [outer, n, inner] around its one stretch of reduced axes. */
function middle(shape: Shape, reduced: readonly boolean[]): StageSizes {
  const real = reduced.map((mark, i) => mark && shape[i] !== 1);
  const first = real.indexOf(true);
  const end = real.lastIndexOf(true) + 1;
  const n = first < 0 ? 1 : sizeOf(shape.slice(first, end));
  return {
    outer: first < 0 ? sizeOf(shape) : sizeOf(shape.slice(0, first)),
    n,
    inner: first < 0 ? 1 : sizeOf(shape.slice(end)),
    parts: 1,
    chunk: n,
  };
}

/** The index of the extreme over the one stretch of marked axes. */
export function argExtreme(
  op: "max" | "min",
  x: AnyTensor,
  reduced: readonly boolean[],
  shape: Shape,
): Tensor<"i32"> {
  const sizes = middle(x.shape, reduced);
  const { n, inner } = sizes;
  if (inner > 1 && n > x.device.maxTurns) {
    return argExtreme(op, lastAxis(x, sizes), [false, true], shape);
  }
  // Beyond this, a workgroup's invocations would take too many turns.
  const { workgroupSize } = argmaxKernel({
    variant: "workgroup",
    op,
    dtype: x.dtype,
  });
  const most = Math.floor(x.device.maxTurns / 2) * workgroupSize;
  if (n > most) return argExtremeOfParts(op, x, sizes, shape, most);
  const y = allocate(x.device, shape, "i32");
  const workgroup = inner === 1 &&
    chooseReduce(x, n) === "workgroup";
  const variant = workgroup ? "workgroup" : "serial";
  const kernel = argmaxKernel({ variant, op, dtype: x.dtype });
  for (const { o, outer } of pieces(x, sizes)) {
    const from = view(x, o * n * inner, outer * n * inner);
    const to = view(y, o * inner, outer * inner);
    launch(x.device, kernel, {
      bind: [from.binding, to.binding],
      params: { outer, n, inner, x_offset: from.offset, y_offset: to.offset },
      groups: workgroup
        ? grid(outer, 1)
        : grid(outer * inner, kernel.workgroupSize),
    });
  }
  return y;
}

/** The same over rows so long that they are cut into parts of `length`. */
function argExtremeOfParts(
  op: "max" | "min",
  x: AnyTensor,
  { outer, n }: StageSizes,
  shape: Shape,
  length: number,
): Tensor<"i32"> {
  const { device } = x;
  const parts = Math.ceil(n / length);
  const values = allocate(device, [outer, parts], x.dtype);
  const indices = allocate(device, [outer, parts], "i32");
  const numbers = allocate(device, [1, parts], "i32");
  numbers.write(Int32Array.from({ length: parts }, (_, i) => i));
  for (let k = 0; k < parts; k++) {
    const start = k * length;
    const count = Math.min(length, n - start);
    const part = allocate(device, [outer, count], x.dtype);
    copyStrided(
      x,
      part,
      [outer, count],
      { offset: start, strides: [n, 1] },
      { offset: 0, strides: [count, 1] },
    );
    const place = { offset: k, strides: [parts] };
    const found = [
      [reduceAxes(part, [false, true], [outer], op), values],
      [argExtreme(op, part, [false, true], [outer]), indices],
    ] as const;
    for (const [from, to] of found) {
      copyStrided(from, to, [outer], { offset: 0, strides: [1] }, place);
      from.dispose();
    }
    part.dispose();
  }
  const best = argExtreme(op, values, [false, true], [outer, 1]);
  const chosen = evaluate(
    [outer, parts],
    {
      name: "index_of_parts",
      body: "select(0, index + k * length, k == best)",
      operands: [["index", "i32"], ["k", "i32"], ["best", "i32"]],
      scalars: [["length", "i32"]],
      result: "i32",
    },
    [indices, numbers, best],
    { length },
  );
  const y = reduceAxes(chosen, [false, true], shape, "sum");
  for (const used of [values, indices, numbers, best, chosen]) used.dispose();
  return y;
}

/** x [outer, n, inner] as [outer · inner, n]: rows that a workgroup can walk. */
function lastAxis(
  x: AnyTensor,
  { outer, n, inner }: StageSizes,
): AnyTensor {
  const y = allocate(x.device, [outer * inner, n], x.dtype);
  copyStrided(
    x,
    y,
    [outer, inner, n],
    { offset: 0, strides: [n * inner, 1, inner] },
    { offset: 0, strides: [inner * n, n, 1] },
  );
  return y;
}

/** Puts dy at the indices along the one stretch of marked axes, 0 elsewhere. */
export function placeAt(
  dy: Tensor,
  index: AnyTensor,
  shape: Shape,
  reduced: readonly boolean[],
): Tensor {
  const dx = allocate(dy.device, shape);
  const sizes = middle(shape, reduced);
  const { n, inner } = sizes;
  for (const { o, outer } of pieces(dx, sizes)) {
    const count = outer * n * inner;
    const from = view(dy, o * inner, outer * inner);
    const to = view(dx, o * n * inner, count);
    launch(dy.device, SELECT_INDEX, {
      bind: [
        view(index, o * inner, outer * inner).binding,
        from.binding,
        to.binding,
      ],
      params: { count, n, inner, y_offset: from.offset, x_offset: to.offset },
      groups: grid(count, SELECT_INDEX.workgroupSize),
    });
  }
  return dx;
}
