// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Layer normalization and its derivatives; kernels/layer_norm.ts holds the
// arithmetic. Longer than most files: a quarter of it documents the interface, and
// the derivatives stay beside the op.

import type { Device } from "../gpu/device.ts";
import { specialize } from "../gpu/kernel.ts";
import {
  LAYER_NORM_COLUMNS,
  layerNormBackward,
  layerNormBlocks,
  layerNormColumns,
  layerNormForward,
  layerNormPartials,
} from "../kernels/layer_norm.ts";
import { ROW_VARIANTS, type RowForm, rowsPerGroup } from "../kernels/rows.ts";
import { fillInto } from "../launch/flat.ts";
import { grid, launch, part, type Window } from "../launch/launch.ts";
import { reduceAxes } from "../launch/reduction.ts";
import { rowForm, rowWindows } from "../launch/rows.ts";
import { formatShape, sameShape } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { defineProbe, defineVariants } from "../tuning/choice.ts";
import { probeOfRows } from "./rehearsals.ts";
import { requireFloat } from "./require_float.ts";

defineVariants("layer_norm", ROW_VARIANTS);
defineProbe("layer_norm", {
  usual: "texels",
  other: "serial",
  run: probeOfRows((x) => layerNorm(x)),
});

/** Options of {@linkcode addLayerNorm}. */
export interface AddLayerNormOptions {
  /**
   * A factor for each column of the normalized values, `[C]`.
   *
   * @default {ones}
   */
  weight?: Tensor;
  /**
   * A term to add to each column after that, `[C]`.
   *
   * @default {zeros}
   */
  bias?: Tensor;
  /**
   * A small number to add to the variance, so that rows of equal elements do not
   * divide by 0.
   *
   * @default {1e-5}
   */
  eps?: number;
}

/** Options of {@linkcode layerNorm}. */
export interface LayerNormOptions extends AddLayerNormOptions {
  /**
   * A tensor to add to `x` before normalizing. Same shape as `x`.
   *
   * @default {nothing}
   */
  residual?: Tensor;
}

/** The results of {@linkcode addLayerNorm}. */
export interface AddLayerNormResult {
  /** The normalized sum, `[…, C]`. */
  y: Tensor;
  /** The sum itself, `[…, C]`, to which the next residual connection adds. */
  sum: Tensor;
}

/**
 * Normalizes every row along the last axis:
 * `y = (x - mean) / √(variance + eps) · weight + bias`, with the biased variance.
 * With a `residual`, the rows of `x + residual` are normalized, in the same kernel.
 *
 * Ba, Kiros and Hinton, "Layer Normalization", 2016.
 *
 * @param x `[…, C]`, of f32.
 * @param options Weight, bias, residual and epsilon.
 * @returns `[…, C]`
 * @throws {TypeError} If the shapes do not fit together, a tensor is not of f32 or
 * `x` has no axis.
 *
 * @example Usage
 * ```ts
 * import { initialize, layerNorm, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const [a] = await layerNorm(tensor([[1, 2, 3]])).data();
 * assertAlmostEquals(a ?? NaN, -1.2247, 1e-3);
 * ```
 */
export function layerNorm(x: Tensor, options: LayerNormOptions = {}): Tensor {
  const { residual } = options;
  if (!residual) return normalize(x, undefined, options).y;
  const { y, sum } = addLayerNorm(x, residual, options);
  if (!y.requiresGrad) sum.dispose();
  return y;
}

/**
 * Adds and normalizes in one kernel: `sum = x + residual` and
 * `y = layerNorm(sum)`. Models that normalize before each block need both.
 *
 * @param x `[…, C]`, of f32.
 * @param residual `[…, C]`, of f32.
 * @param options Weight, bias and epsilon.
 * @returns The normalized sum and the sum itself.
 * @throws {TypeError} If the shapes do not fit together, a tensor is not of f32 or
 * `x` has no axis.
 *
 * @example Usage
 * ```ts
 * import { addLayerNorm, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const { sum } = addLayerNorm(tensor([[1, 2]]), tensor([[10, 20]]));
 * assertEquals([...await sum.data()], [11, 22]);
 * ```
 */
export function addLayerNorm(
  x: Tensor,
  residual: Tensor,
  options: AddLayerNormOptions = {},
): AddLayerNormResult {
  const { y, sum } = normalize(x, residual, options);
  return { y, sum };
}

function normalize(
  x: Tensor,
  residual: Tensor | undefined,
  options: AddLayerNormOptions,
): AddLayerNormResult {
  const { weight, bias, eps = 1e-5 } = options;
  checkLayerNorm(x, residual, options);
  const { device, shape } = x;
  const size = shape[shape.length - 1] ?? 0;
  const y = allocate(device, shape);
  const sum = residual ? allocate(device, shape) : x;
  if (y.size === 0) return normalizeNothing(x, residual, options, { y, sum });
  const rows = x.size / size;
  const vectors = size % 4 === 0;
  const columns = vectors ? size / 4 : size;
  const turns = 3 * columns;
  const form = rowForm(device, "layer_norm", { n: size, rows, vectors, turns });
  const statistics = allocate(device, [rows, 4]);
  // The kernel's bindings must all be given, though it may use only some of them.
  const unused = allocate(device, [1]);
  const kernel = specialize(layerNormForward(form), {
    WEIGHT: weight ? 1 : 0,
    BIAS: bias ? 1 : 0,
    RESIDUAL: residual ? 1 : 0,
  });
  for (const w of rowWindows(device, form, rows, [size, 4])) {
    const values = part(x, w, size);
    const unread = form.variant === "texels" ? unused : values;
    launch(device, kernel, {
      bind: [
        values,
        residual ? part(residual, w, size) : unread,
        weight ?? unread,
        bias ?? unread,
        part(y, w, size),
        residual ? part(sum, w, size) : unused,
        part(statistics, w, 4),
      ],
      params: { rows: w.count, columns, size, eps },
      groups: grid(w.count, rowsPerGroup(kernel, form)),
    });
  }
  unused.dispose();
  if (residual) record(sum, [x, residual], (dy) => [dy, dy]);
  const inputs = [sum, ...(weight ? [weight] : []), ...(bias ? [bias] : [])];
  record(y, inputs, (dy, into) => {
    const biasIndex = weight ? 2 : 1; // among the inputs
    const sums = weight?.requiresGrad || bias?.requiresGrad || false;
    const saved: Saved = { form, x: sum, statistics, weight };
    const { dx, partials } = form.held > 0 ? blocksBackward(saved, dy, sums) : {
      dx: sum.requiresGrad ? normalizeBackward(saved, dy) : undefined,
      partials: sums ? partialSums(saved, dy) : undefined,
    };
    return [
      dx,
      ...(weight ? [finish(form, partials, 0, weight, into[1])] : []),
      ...(bias ? [finish(form, partials, 1, bias, into[biasIndex])] : []),
    ];
  });
  // Only the derivative reads the statistics.
  if (!y.requiresGrad) statistics.dispose();
  return { y, sum };
}

/** Records results without elements. The gradients of the parameters are 0. */
function normalizeNothing(
  x: Tensor,
  residual: Tensor | undefined,
  { weight, bias }: AddLayerNormOptions,
  { y, sum }: AddLayerNormResult,
): AddLayerNormResult {
  if (residual) record(sum, [x, residual], (dy) => [dy, dy]);
  const parameters = [weight, bias].filter((p) => p !== undefined);
  record(y, [sum, ...parameters], (dy) => [
    dy,
    ...parameters.map(({ device, shape }) => {
      const zeros = allocate(device, shape);
      fillInto(zeros, 0);
      return zeros;
    }),
  ]);
  return { y, sum };
}

/** What the forward pass keeps for the derivative. */
interface Saved {
  form: RowForm;
  /** What was normalized: x, or x + residual. */
  x: Tensor;
  /** Four numbers for each row; see kernels/layer_norm.ts. */
  statistics: Tensor;
  weight: Tensor | undefined;
}

/** Sums for dweight and dbias, each over one block of rows. */
interface Partials {
  /** `[blocks, 2, C]` */
  partials: Tensor;
  blocks: number;
}

/** Computes dx alone. */
function normalizeBackward(
  { form, x, statistics, weight }: Saved,
  dy: Tensor,
): Tensor {
  const { device, shape } = x;
  const size = shape[shape.length - 1] ?? 1;
  const dx = allocate(device, shape);
  const unused = allocate(device, [1]);
  const kernel = specialize(layerNormBackward(form), {
    WEIGHT: weight ? 1 : 0,
  });
  for (const w of rowWindows(device, form, x.size / size, [size, 4])) {
    launch(device, kernel, {
      bind: [
        part(dy, w, size),
        part(x, w, size),
        part(statistics, w, 4),
        weight ?? unused,
        part(dx, w, size),
      ],
      params: {
        rows: w.count,
        columns: form.vectors ? size / 4 : size,
        size,
      },
      groups: grid(w.count, rowsPerGroup(kernel, form)),
    });
  }
  unused.dispose();
  return dx;
}

/** The most rows that one invocation may walk, if each takes `turns` loop turns. */
function mostRows(device: Device, turns: number): number {
  return Math.max(1, Math.floor(Math.min(2 ** 20, device.maxTurns) / turns));
}

/** Cuts rows into windows, and each window into blocks of `span` rows. */
function blocksOf(
  device: Device,
  form: RowForm,
  [rows, size]: readonly [number, number],
  span: number,
): { blocks: number; list: { w: Window; first: number; blocks: number }[] } {
  let first = 0;
  const list = rowWindows(device, form, rows, [size, 4]).map((w) => {
    const blocks = Math.ceil(w.count / span);
    const each = { w, first, blocks };
    first += blocks;
    return each;
  });
  return { blocks: first, list };
}

/** Computes the partial sums alone. */
function partialSums(
  { form, x, statistics }: Saved,
  dy: Tensor,
): Partials {
  const { device, shape } = x;
  const size = shape[shape.length - 1] ?? 1;
  const rows = x.size / size;
  const span = Math.min(
    form.variant === "workgroup"
      ? Math.max(16, Math.ceil(rows / 128))
      : Math.max(32, Math.ceil(rows / 16)),
    mostRows(device, 1),
  );
  const { blocks, list } = blocksOf(device, form, [rows, size], span);
  const partials = allocate(device, [blocks, 2, size]);
  const columns = form.vectors ? size / 4 : size;
  const kernel = layerNormPartials(form);
  for (const { w, first, blocks } of list) {
    launch(device, kernel, {
      bind: [
        part(dy, w, size),
        part(x, w, size),
        part(statistics, w, 4),
        partials,
      ],
      params: { rows: w.count, columns, span, first },
      groups: [Math.ceil(columns / kernel.workgroupSize), blocks],
    });
  }
  return fewBlocks({ partials, blocks });
}

/** Computes dx and the partial sums in one pass. */
function blocksBackward(
  { form, x, statistics, weight }: Saved,
  dy: Tensor,
  sums: boolean,
): { dx: Tensor | undefined; partials: Partials | undefined } {
  const { device, shape } = x;
  const size = shape[shape.length - 1] ?? 1;
  const rows = x.size / size;
  const fit = Math.max(1, Math.floor(device.maxBindingSize / (16 * size)));
  // One turn for a row, and those of the tree that adds its lanes up.
  const turns = 1 + Math.ceil(Math.log2(form.lanes));
  const span = Math.min(
    Math.max(4, Math.ceil(rows / Math.min(512, fit))),
    mostRows(device, turns),
  );
  const { blocks, list } = blocksOf(device, form, [rows, size], span);
  const dx = x.requiresGrad ? allocate(device, shape) : undefined;
  const partials = sums ? allocate(device, [blocks, 2, size]) : undefined;
  const unused = dx && partials ? undefined : allocate(device, [1]);
  const kernel = specialize(layerNormBlocks(form), {
    WEIGHT: weight ? 1 : 0,
    DX: dx ? 1 : 0,
    SUMS: partials ? 1 : 0,
  });
  for (const { w, first, blocks } of list) {
    launch(device, kernel, {
      bind: [
        part(dy, w, size),
        part(x, w, size),
        part(statistics, w, 4),
        weight ?? part(x, w, size),
        dx ? part(dx, w, size) : unused ?? x,
        partials ?? unused ?? x,
      ],
      params: {
        rows: blocks,
        length: w.count,
        columns: form.vectors ? size / 4 : size,
        span,
        first,
        size,
      },
      groups: grid(blocks, rowsPerGroup(kernel, form)),
    });
  }
  unused?.dispose();
  return { dx, partials: partials && fewBlocks({ partials, blocks }) };
}

/** The most blocks whose partial sums one invocation may add up. */
const MOST_BLOCKS = 4096;

/** Reduces partial sums of very many blocks to those of one. */
function fewBlocks({ partials, blocks }: Partials): Partials {
  if (blocks <= MOST_BLOCKS) return { partials, blocks };
  const [, ...row] = partials.shape;
  const sums = reduceAxes(partials, [true, false, false], [1, ...row], "sum");
  partials.dispose();
  return { partials: sums, blocks: 1 };
}

/**
 * Adds up the partial sums of a parameter: half 0 holds those of the weight, half 1
 * those of the bias. They are added to the gradient that exists already, if any.
 */
function finish(
  form: RowForm,
  sums: Partials | undefined,
  half: number,
  parameter: Tensor,
  into: Tensor | undefined,
): Tensor | undefined {
  if (!sums || !parameter.requiresGrad) return undefined;
  const { device, shape, size } = parameter;
  const target = into ?? allocate(device, shape);
  const columns = form.vectors ? size / 4 : size;
  launch(device, layerNormColumns(form), {
    bind: [sums.partials, target],
    params: { columns, blocks: sums.blocks, half, add: into ? 1 : 0 },
    groups: [Math.ceil(columns / LAYER_NORM_COLUMNS)],
  });
  return target;
}

function checkLayerNorm(
  x: Tensor,
  residual: Tensor | undefined,
  { weight, bias }: AddLayerNormOptions,
): void {
  const { shape } = x;
  const size = shape[shape.length - 1];
  if (size === undefined) {
    throw new TypeError("Cannot normalize a scalar: it has no axis");
  }
  if (residual && !sameShape(residual.shape, shape)) {
    throw new TypeError(
      `Cannot normalize ${formatShape(shape)} plus a residual of ${
        formatShape(residual.shape)
      }: the shapes must be equal`,
    );
  }
  for (const [name, parameter] of Object.entries({ weight, bias })) {
    if (parameter && !sameShape(parameter.shape, [size])) {
      throw new TypeError(
        `Cannot normalize ${formatShape(shape)} with a ${name} of ${
          formatShape(parameter.shape)
        }: expected [${size}]`,
      );
    }
  }
  for (const tensor of [x, residual, weight, bias]) {
    if (tensor) requireFloat("normalize", tensor);
  }
}
