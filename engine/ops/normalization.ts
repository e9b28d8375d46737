// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Layer norm, softmax and log-softmax. Longer than most files: a third of it
// documents the interface.

import type { Device } from "../gpu/device.ts";
import { specialize } from "../gpu/kernel.ts";
import {
  COLUMNS_WORKGROUP,
  layerNormBackward,
  layerNormBlocks,
  layerNormColumns,
  layerNormForward,
  layerNormPartials,
  partialsWorkgroup,
} from "../kernels/layer_norm.ts";
import { ROW_VARIANTS, type RowForm, rowsPerGroup } from "../kernels/rows.ts";
import { softmaxBackward, softmaxForward } from "../kernels/softmax.ts";
import { grid, launch, part, type Window } from "../launch/launch.ts";
import { reduceAxes } from "../launch/reduction.ts";
import { rowForm, rowWindows } from "../launch/rows.ts";
import { formatShape, normalizeAxis, sameShape, sizeOf } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { defineVariants } from "../tuning/choice.ts";
import { fillInto } from "../launch/flat.ts";
import { requireFloat } from "./require_float.ts";

defineVariants("layer_norm", ROW_VARIANTS);
defineVariants("softmax", ROW_VARIANTS);

// ----------------------------------------------------------------- layer norm

/** Options of {@linkcode addLayerNorm}. */
export interface AddLayerNormOptions {
  /**
   * What normalised values are multiplied by, `[C]`.
   *
   * @default {ones}
   */
  weight?: Tensor;
  /**
   * What is added to them, `[C]`.
   *
   * @default {zeros}
   */
  bias?: Tensor;
  /**
   * Added to the variance.
   *
   * @default {1e-5}
   */
  eps?: number;
}

/** Options of {@linkcode layerNorm}. */
export interface LayerNormOptions extends AddLayerNormOptions {
  /**
   * What is added to `x` before normalising, of `x`'s shape.
   *
   * @default {nothing}
   */
  residual?: Tensor;
}

/** What {@linkcode addLayerNorm} gives. */
export interface AddLayerNormResult {
  /** The normalised sum. */
  y: Tensor;
  /** The sum itself, which the next residual connection adds to. */
  sum: Tensor;
}

/**
 * Layer normalisation over the last axis:
 * `y = (x - mean) / √(variance + eps) · weight + bias`, with the biased
 * variance. With `residual`, of `x + residual`, in the same kernel.
 *
 * @param x `[…, C]`
 * @returns `[…, C]`
 * @throws {TypeError} If shapes or types do not fit.
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
  if (!residual) return normalise(x, undefined, options).y;
  const { y, sum } = addLayerNorm(x, residual, options);
  if (!y.requiresGrad) sum.dispose();
  return y;
}

/**
 * Adds and normalises in one kernel: `sum = x + residual` and
 * `y = layerNorm(sum)`, both of use to models that normalise first.
 *
 * @param x `[…, C]`
 * @param residual `[…, C]`
 * @throws {TypeError} If shapes or types do not fit.
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
  const { y, sum } = normalise(x, residual, options);
  return { y, sum };
}

function normalise(
  x: Tensor,
  residual: Tensor | undefined,
  options: AddLayerNormOptions,
): AddLayerNormResult {
  const { weight, bias, eps = 1e-5 } = options;
  checkNormalise(x, residual, options);
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
  // Every binding must be given, of which some are neither read nor written.
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
      groups: grid(w.count, rowsPerGroup(form)),
    });
  }
  unused.dispose();
  if (residual) record(sum, [x, residual], (dy) => [dy, dy]);
  const inputs = [sum, ...(weight ? [weight] : []), ...(bias ? [bias] : [])];
  record(y, inputs, (dy, into) => {
    const at = weight ? 2 : 1; // the place of the bias among the inputs
    const sums = weight?.requiresGrad || bias?.requiresGrad || false;
    const saved: Saved = { form, x: sum, statistics, weight };
    const { dx, partials } = form.held > 0 ? blocksBackward(saved, dy, sums) : {
      dx: sum.requiresGrad ? normaliseBackward(saved, dy) : undefined,
      partials: sums ? partialSums(saved, dy) : undefined,
    };
    return [
      dx,
      ...(weight ? [finish(form, partials, 0, weight, into[1])] : []),
      ...(bias ? [finish(form, partials, 1, bias, into[at])] : []),
    ];
  });
  // Backward alone reads the statistics: else they need not wait for the scope.
  if (!y.requiresGrad) statistics.dispose();
  return { y, sum };
}

/** Records results without elements: the sums over no rows are 0. */
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

/** What backward needs of forward. */
interface Saved {
  form: RowForm;
  x: Tensor;
  statistics: Tensor;
  weight: Tensor | undefined;
}

/** Sums for dweight and dbias over blocks of rows, `[blocks, 2, C]`. */
interface Partials {
  partials: Tensor;
  blocks: number;
}

function normaliseBackward(
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
      groups: grid(w.count, rowsPerGroup(form)),
    });
  }
  unused.dispose();
  return dx;
}

/** Rows that one invocation may walk, with so many turns of loops for each. */
function mostRows(device: Device, turns: number): number {
  return Math.max(1, Math.floor(Math.min(2 ** 20, device.maxTurns) / turns));
}

/** Blocks of `span` rows in each window, so that none straddles two. */
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
  for (const { w, first, blocks } of list) {
    launch(device, layerNormPartials(form), {
      bind: [
        part(dy, w, size),
        part(x, w, size),
        part(statistics, w, 4),
        partials,
      ],
      params: { rows: w.count, columns, span, first },
      groups: [Math.ceil(columns / partialsWorkgroup(form)), blocks],
    });
  }
  return fewBlocks({ partials, blocks });
}

/** dx and the partial sums in one pass. */
function blocksBackward(
  { form, x, statistics, weight }: Saved,
  dy: Tensor,
  sums: boolean,
): { dx: Tensor | undefined; partials: Partials | undefined } {
  const { device, shape } = x;
  const size = shape[shape.length - 1] ?? 1;
  const rows = x.size / size;
  const fit = Math.max(1, Math.floor(device.maxBindingSize / (16 * size)));
  const turns = 1 + Math.ceil(Math.log2(form.lanes)); // a row's, and its tree's
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
      groups: grid(blocks, rowsPerGroup(form)),
    });
  }
  unused?.dispose();
  return { dx, partials: partials && fewBlocks({ partials, blocks }) };
}

/** Blocks whose partial sums one invocation may add. */
const MOST_BLOCKS = 4096;

/** Few enough blocks: where there are more, their sums are added up before. */
function fewBlocks({ partials, blocks }: Partials): Partials {
  if (blocks <= MOST_BLOCKS) return { partials, blocks };
  const [, ...row] = partials.shape;
  const sums = reduceAxes(partials, [true, false, false], [1, ...row], "sum");
  partials.dispose();
  return { partials: sums, blocks: 1 };
}

/** Adds the partial sums of one half up: into a gradient, or a new tensor. */
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
    groups: [Math.ceil(columns / COLUMNS_WORKGROUP)],
  });
  return target;
}

function checkNormalise(
  x: Tensor,
  residual: Tensor | undefined,
  { weight, bias }: AddLayerNormOptions,
): void {
  const { shape } = x;
  const size = shape[shape.length - 1];
  if (size === undefined) {
    throw new TypeError("Cannot normalise a scalar: it has no axis");
  }
  if (residual && !sameShape(residual.shape, shape)) {
    throw new TypeError(
      `Cannot normalise ${formatShape(shape)} plus a residual of ${
        formatShape(residual.shape)
      }: the shapes must be equal`,
    );
  }
  for (const [name, parameter] of Object.entries({ weight, bias })) {
    if (parameter && !sameShape(parameter.shape, [size])) {
      throw new TypeError(
        `Cannot normalise ${formatShape(shape)} with a ${name} of ${
          formatShape(parameter.shape)
        }: expected [${size}]`,
      );
    }
  }
  for (const tensor of [x, residual, weight, bias]) {
    if (tensor) requireFloat("normalise", tensor);
  }
}

// -------------------------------------------------------------------- softmax

/** Options of {@linkcode softmax} and {@linkcode logSoftmax}. */
export interface SoftmaxOptions {
  /**
   * The axis whose elements add up to 1, counted from either end.
   *
   * @default {-1}
   */
  axis?: number;
}

/**
 * Softmax along an axis: `yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)`, computed from
 * `x - max(x)`. Where all elements are -∞ the result is NaN.
 *
 * @throws {TypeError} If `x` is not of f32.
 * @throws {RangeError} If there is no such axis.
 *
 * @example Usage
 * ```ts
 * import { initialize, softmax, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await softmax(tensor([5, 5])).data()], [0.5, 0.5]);
 * ```
 */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return normaliseExponentials(x, options, 0);
}

/**
 * Logarithm of the softmax along an axis: `yᵢ = xᵢ - log Σⱼ exp(xⱼ)`, finite
 * where the softmax itself would round to 0. Where all elements are -∞ the
 * result is NaN.
 *
 * @throws {TypeError} If `x` is not of f32.
 * @throws {RangeError} If there is no such axis.
 */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return normaliseExponentials(x, options, 1);
}

function normaliseExponentials(
  x: Tensor,
  { axis = -1 }: SoftmaxOptions,
  log: 0 | 1,
): Tensor {
  requireFloat("take the softmax of", x);
  const { device, shape } = x;
  const at = normalizeAxis("take the softmax along", axis, shape.length);
  const n = shape[at] ?? 1;
  const inner = sizeOf(shape.slice(at + 1));
  const y = allocate(device, shape);
  if (y.size === 0) return record(y, [x], (dy) => [dy]);
  const vectors = inner === 1 && n % 4 === 0;
  const form = rowForm(device, "softmax", {
    n,
    rows: x.size / n,
    vectors,
    turns: 2 * (vectors ? n / 4 : n),
  });
  run(softmaxForward(form), [x, y]);
  return record(y, [x], (dy) => {
    const dx = allocate(device, shape);
    run(softmaxBackward(form), [y, dy, dx]);
    return [dx];
  });

  function run(
    kernel: ReturnType<typeof softmaxForward>,
    tensors: readonly Tensor[],
  ): void {
    const whole = n * inner;
    for (const w of rowWindows(device, form, x.size / whole, [whole])) {
      const rows = w.count * inner;
      launch(device, specialize(kernel, { LOG: log }), {
        bind: tensors.map((tensor) => part(tensor, w, whole)),
        params: { rows, n: form.vectors ? n / 4 : n, inner },
        groups: grid(rows, rowsPerGroup(form)),
      });
    }
  }
}
