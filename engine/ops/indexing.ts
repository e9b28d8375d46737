// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Ops that pick elements by index. Indices that the host wrote are checked. The GPU
// may have computed others: one of them that is out of range gives NaN (among
// integers, the least number).
//
// Longer than most files: a third of it documents the interface, and the
// derivatives stay beside the ops.

import type { DType } from "../dtype.ts";
import { isWorthMirroring } from "../gpu/texels.ts";
import { HALVES_EACH } from "../half_values.ts";
import { checkIntegers } from "../integer_range.ts";
import {
  EMBEDDING,
  EMBEDDING4,
  EMBEDDING_LINK,
  EMBEDDING_SCATTER,
  EMBEDDING_SCATTER4,
  SCATTER_RUN,
} from "../kernels/embedding.ts";
import { GATHER, GATHER_BACKWARD } from "../kernels/gather.ts";
import {
  type Box,
  boxes,
  inOrder,
  rowsThatFit,
  type View,
  view,
  wholeBox,
  type Window,
  windowsOf,
} from "../launch/cut.ts";
import { fillInto } from "../launch/flat.ts";
import { grid, launch } from "../launch/launch.ts";
import { formatShape, normalizeAxis, sizeOf } from "../shape.ts";
import { backward, record } from "../tape.ts";
import {
  allocate,
  type AnyTensor,
  type IntegerTensor,
  type Tensor,
} from "../tensor.ts";
import {
  chooseVariant,
  defineProbe,
  defineVariants,
} from "../tuning/choice.ts";
import { arange, full } from "./creation.ts";
import { operand, PROBED_ELEMENTS } from "./rehearsals.ts";

defineVariants("embedding", ["buffers", "texels"]);
defineProbe("embedding", {
  usual: "texels",
  other: "buffers",
  run: (device) => {
    const width = 128;
    const tokens = PROBED_ELEMENTS / width;
    const table = operand(device, [tokens, width]);
    const ids = arange(tokens, { device, dtype: "i32" });
    const gradient = full([tokens, width], 0.5, { device });
    return () => backward(embedding(ids, table), { gradient });
  },
});

/** Cuts rows of a tensor into windows of at most `most` that fit one binding. */
function cutRows(
  action: string,
  x: AnyTensor,
  rows: number,
  size: number,
  most = Infinity,
): Window[] {
  if (x.fitsBinding && rows <= most) return [{ start: 0, count: rows }];
  const step = Math.min(most, rowsThatFit(x.device, { action, size }));
  return windowsOf(rows, step);
}

/** Cuts rows of a table that is stored as f16, so that each part starts a vector. */
function cutHalves(
  halves: Tensor<"u32">,
  rows: number,
  width: number,
): Window[] {
  if (halves.fitsBinding) return [{ start: 0, count: rows }];
  const step = rowsThatFit(halves.device, {
    action: "look up",
    size: Math.ceil(width / 2),
    unit: HALVES_EACH,
  });
  return windowsOf(rows, step);
}

/** Binds rows of such a table. The offset counts elements, as in a view of f32. */
function viewHalves(
  halves: Tensor<"u32">,
  { start, count }: Window,
  width: number,
): View {
  const words = Math.ceil(count * width / 2);
  const { binding, offset } = view(halves, start * width / 2, words);
  return { binding, offset: offset * 2 };
}

function requireIndices(action: string, index: AnyTensor): void {
  if (index.dtype === "f32") {
    throw new TypeError(
      `Cannot ${action} by indices of f32: cast() them to i32`,
    );
  }
}

// ------------------------------------------------------------------ embedding

/** Options of {@linkcode embedding}. */
export interface EmbeddingOptions {
  /**
   * The row of the table that stands for padding. It gets no gradient.
   *
   * @default {undefined}
   */
  paddingIdx?: number;
}

/**
 * Looks up rows of a table: `y[…, :] = table[ids[…], :]`.
 *
 * The gradient of the table is summed in the order of the tokens. That takes time
 * proportional to tokens × width, whatever the number of rows. An id outside the
 * table that the GPU computed gives a row of NaN.
 *
 * @param ids Integers of any shape `[…]`.
 * @param table `[rows, width]`, of f32, which may be stored as f16.
 * @param options The padding row.
 * @returns `[…, width]`
 * @throws {TypeError} If the ids are of f32, or the table is not of f32 with two
 * axes.
 * @throws {RangeError} If the host wrote an id that is outside the table, or the
 * padding row is.
 *
 * @example Usage
 * ```ts
 * import { embedding, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const table = tensor([[1, 2], [3, 4], [5, 6]]);
 * const ids = tensor([2, 0], { dtype: "i32" });
 * assertEquals([...await embedding(ids, table).data()], [5, 6, 1, 2]);
 * ```
 */
export function embedding(
  ids: IntegerTensor,
  table: Tensor,
  options: EmbeddingOptions = {},
): Tensor {
  requireIndices("look up", ids);
  const [n, width] = table.shape;
  if (n === undefined || width === undefined || table.shape.length !== 2) {
    throw new TypeError(
      `Cannot look up rows of a tensor of shape ${
        formatShape(table.shape)
      }: it must have two axes`,
    );
  }
  if (table.dtype !== "f32") {
    throw new TypeError(
      `Cannot look up rows of a table of ${table.dtype}: it must be f32; ` +
        "indexSelect() takes all types",
    );
  }
  const { paddingIdx } = options;
  if (
    paddingIdx !== undefined &&
    !(Number.isInteger(paddingIdx) && paddingIdx >= 0 && paddingIdx < n)
  ) {
    throw new RangeError(
      `Cannot pad with row ${paddingIdx}: the table has ${n} rows`,
    );
  }
  checkIntegers(ids, {
    limit: n,
    message: (id, place) =>
      `Cannot look up id ${id} at ${place}: the table has ${n} rows`,
  });
  const device = table.device;
  const y = allocate(device, [...ids.shape, width]);
  const tokens = ids.size;
  const vector = width % 4 === 0;
  const { halves } = table;
  const kernel = (vector ? EMBEDDING4 : EMBEDDING)[halves ? "f16" : "f32"];
  const tableRows = halves
    ? cutHalves(halves, n, width)
    : cutRows("look up", table, n, width);
  for (const w of y.size > 0 ? cutRows("look up", y, tokens, width) : []) {
    const to = view(y, w.start * width, w.count * width);
    for (const rows of tableRows) {
      const from = halves
        ? viewHalves(halves, rows, width)
        : view(table, rows.start * width, rows.count * width);
      launch(device, kernel, {
        bind: [from.binding, ids, to.binding],
        params: {
          tokens: w.count,
          width,
          n,
          first: rows.start,
          rows: rows.count,
          ids_offset: w.start,
          y_offset: to.offset,
          table_offset: from.offset,
        },
        groups: grid(
          w.count * width / (vector ? 4 : 1),
          kernel.workgroupSize,
        ),
      });
    }
  }
  return record(y, [table], (dy, [into]) => {
    const gradient = into ?? allocate(device, table.shape);
    if (!into) fillInto(gradient, 0);
    if (dy.size > 0) scatter(dy, ids, gradient, paddingIdx ?? -1);
    return [gradient];
  });
}

/** Adds dy [tokens, width] to the rows of the table that ids name. */
function scatter(
  dy: Tensor,
  ids: IntegerTensor,
  table: Tensor,
  padding: number,
): void {
  const [n = 0, width = 0] = table.shape;
  const { device } = table;
  const link = allocate(device, [ids.size], "u32");
  const vector = width % 4 === 0;
  const chosen = chooseVariant(
    device,
    "embedding",
    "all",
    () =>
      device.isSoftware && isWorthMirroring(dy.bytes) ? "texels" : "buffers",
  );
  const texels = vector && chosen === "texels";
  const variant = texels ? "texels" : "buffers";
  const run = vector ? texels ? 4 * SCATTER_RUN : 4 : 1;
  // An invocation follows all tokens of the same row, for each column.
  const most = Math.floor(device.maxTurns / (texels ? SCATTER_RUN + 1 : 1));
  for (const tokens of cutRows("scatter", dy, ids.size, width, most)) {
    const [start, end] = [tokens.start, tokens.start + tokens.count];
    const linkKernel = EMBEDDING_LINK[variant];
    launch(device, linkKernel, {
      bind: [ids, link],
      params: { start, end, padding },
      groups: grid(tokens.count, linkKernel.workgroupSize),
    });
    const from = view(dy, start * width, tokens.count * width);
    for (const rows of cutRows("scatter", table, n, width)) {
      const to = view(table, rows.start * width, rows.count * width);
      const kernel = vector ? EMBEDDING_SCATTER4[variant] : EMBEDDING_SCATTER;
      launch(device, kernel, {
        bind: [from.binding, ids, link, to.binding],
        params: {
          start,
          end,
          width,
          n,
          first: rows.start,
          rows: rows.count,
          y_offset: from.offset,
          table_offset: to.offset,
        },
        groups: grid(
          tokens.count * Math.ceil(width / run),
          kernel.workgroupSize,
        ),
      });
    }
  }
  link.dispose();
}

// --------------------------------------------------------------------- gather

/**
 * The sizes of a pick: y [outer, m, inner] takes from x [outer, n, inner]. The
 * index of y[o, j, i] is element `o·index_o + j·index_j + i·index_i`.
 */
interface Pick {
  outer: number;
  n: number;
  m: number;
  inner: number;
  index_o: number;
  index_j: number;
  index_i: number;
}

/** Cuts a pick into boxes of [outer, m, n], that is of y's and of x's rows. */
function cutPick(
  x: AnyTensor,
  y: AnyTensor,
  { outer, n, m, inner }: Pick,
  most: number,
): Box[] {
  const lengths = [outer, m, n];
  if (x.fitsBinding && y.fitsBinding && m <= most) return [wholeBox(lengths)];
  const limit = (tensor: AnyTensor) =>
    tensor.fitsBinding
      ? Infinity
      : rowsThatFit(tensor.device, { action: "pick", size: inner });
  return boxes(
    lengths,
    inOrder(
      { axis: 0, step: 1 },
      { axis: 1, step: Math.min(most, limit(y)) },
      { axis: 2, step: limit(x) },
    ),
  );
}

/** Copies picked elements from x to y or, with `backward`, adds those of y to x. */
function pick(
  x: AnyTensor,
  index: IntegerTensor,
  y: AnyTensor,
  sizes: Pick,
  backward: boolean,
): void {
  const { n, m, inner } = sizes;
  // An invocation of the backward kernel walks over the whole index.
  const most = backward ? x.device.maxTurns : Infinity;
  for (const box of cutPick(x, y, sizes, most)) {
    const [o = 0, j = 0, first = 0] = box.start;
    const [outer = 0, columns = 0, rows = 0] = box.count;
    const xs = view(
      x,
      (o * n + first) * inner,
      ((outer - 1) * n + rows) * inner,
    );
    const ys = view(
      y,
      (o * m + j) * inner,
      ((outer - 1) * m + columns) * inner,
    );
    const kernel = backward ? GATHER_BACKWARD : GATHER;
    launch(x.device, kernel, {
      bind: backward
        ? [ys.binding, index, xs.binding]
        : [xs.binding, index, ys.binding],
      params: {
        ...sizes,
        outer,
        m: columns,
        first,
        rows,
        x_offset: xs.offset,
        y_offset: ys.offset,
        index_offset: o * sizes.index_o + j * sizes.index_j,
        bad: x.dtype === "i32"
          ? 0x80000000
          : x.dtype === "u32"
          ? 0
          : 0x7fc00000,
      },
      groups: grid(
        outer * inner * (backward ? 1 : columns),
        kernel.workgroupSize,
      ),
    });
  }
}

function picked<D extends DType>(
  action: string,
  x: Tensor<D>,
  index: IntegerTensor,
  shape: number[],
  sizes: Pick,
): Tensor<D> {
  checkIntegers(index, {
    limit: sizes.n,
    message: (i, place) =>
      `Cannot ${action} index ${i} at ${place}: the axis has ${sizes.n} elements`,
  });
  const y = allocate(x.device, shape, x.dtype);
  if (y.size > 0) pick(x, index, y, sizes, false);
  return record(y, [x], (dy, [into]) => {
    const dx = into ?? allocate(x.device, x.shape);
    if (!into) fillInto(dx, 0);
    if (dy.size > 0) pick(dx, index, dy, sizes, true);
    return [dx];
  });
}

/**
 * Picks elements along an axis, with an index for every element of the result: for
 * axis 0 of two, `y[i, j] = x[index[i, j], j]`.
 *
 * An index out of range that the GPU computed gives NaN (in a tensor of integers,
 * the least number).
 *
 * @param x A tensor of any type.
 * @param index Integers. Same shape as `x`, except along the axis.
 * @param axis The axis to pick along; negative ones count from the last.
 * @returns A tensor of the shape of `index` and the type of `x`.
 * @throws {TypeError} If the shapes do not fit together, or the index is of f32.
 * @throws {RangeError} If `x` does not have the axis, or the host wrote an index
 * that is out of range.
 *
 * @example Usage
 * ```ts
 * import { gather, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * const index = tensor([[2], [0]], { dtype: "i32" });
 * assertEquals([...await gather(x, index, 1).data()], [3, 4]);
 * ```
 */
export function gather<D extends DType>(
  x: Tensor<D>,
  index: IntegerTensor,
  axis = 0,
): Tensor<D> {
  requireIndices("gather", index);
  const a = normalizeAxis("gather along", axis, x.shape.length);
  const fits = index.shape.length === x.shape.length &&
    index.shape.every((length, i) => i === a || length === x.shape[i]);
  if (!fits) {
    throw new TypeError(
      `Cannot gather ${formatShape(x.shape)} along axis ${a} by indices of ${
        formatShape(index.shape)
      }: all other lengths must be equal`,
    );
  }
  const m = index.shape[a] ?? 0;
  const inner = sizeOf(x.shape.slice(a + 1));
  return picked("gather", x, index, [...index.shape], {
    outer: sizeOf(x.shape.slice(0, a)),
    n: x.shape[a] ?? 0,
    m,
    inner,
    index_o: m * inner,
    index_j: inner,
    index_i: 1,
  });
}

/**
 * Picks whole slices along an axis: for axis 0, `y[j, …] = x[index[j], …]`.
 *
 * An index out of range that the GPU computed gives NaN (in a tensor of integers,
 * the least number).
 *
 * @param x A tensor of any type.
 * @param index Integers `[m]`; they may repeat.
 * @param axis The axis to pick along; negative ones count from the last.
 * @returns A tensor of the type of `x`, with length `m` along the axis.
 * @throws {TypeError} If the index does not have exactly one axis, or is of f32.
 * @throws {RangeError} If `x` does not have the axis, or the host wrote an index
 * that is out of range.
 *
 * @example Usage
 * ```ts
 * import { indexSelect, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 2], [3, 4]]);
 * const index = tensor([1, 1, 0], { dtype: "i32" });
 * assertEquals([...await indexSelect(x, index).data()], [3, 4, 3, 4, 1, 2]);
 * ```
 */
export function indexSelect<D extends DType>(
  x: Tensor<D>,
  index: IntegerTensor,
  axis = 0,
): Tensor<D> {
  requireIndices("select", index);
  const a = normalizeAxis("select along", axis, x.shape.length);
  if (index.shape.length !== 1) {
    throw new TypeError(
      `Cannot select by indices of shape ${
        formatShape(index.shape)
      }: they must lie along one axis`,
    );
  }
  return picked("select", x, index, x.shape.with(a, index.size), {
    outer: sizeOf(x.shape.slice(0, a)),
    n: x.shape[a] ?? 0,
    m: index.size,
    inner: sizeOf(x.shape.slice(a + 1)),
    index_o: 0,
    index_j: 1,
    index_i: 0,
  });
}
