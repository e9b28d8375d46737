// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Layer norm, softmax and log-softmax. Longer than most files: a third of it
// documents the interface.

import type { Device } from "../device.ts";
import { specialize } from "../kernel.ts";
import {
  COLUMNS_WORKGROUP,
  layerNormBackward,
  layerNormColumns,
  layerNormForward,
  layerNormPartials,
} from "../kernels/layer_norm.ts";
import { type RowForm, ROWS_OF } from "../kernels/rows.ts";
import { softmaxBackward, softmaxForward } from "../kernels/softmax.ts";
import { grid, launch, part, windows } from "../launch.ts";
import { formatShape, normalizeAxis, sameShape, sizeOf } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { chooseRowForm, defineVariants } from "../tune.ts";

defineVariants("layer_norm", ["serial", "workgroup"]);
defineVariants("softmax", ["serial", "workgroup"]);

/** How rows of `n` elements are walked, so many times. */
function formFor(
  family: string,
  device: Device,
  { n, vectors, passes }: { n: number; vectors: boolean; passes: number },
): RowForm {
  const turns = passes * (vectors ? n / 4 : n);
  return { variant: chooseRowForm(device, family, { turns }), vectors };
}

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
  if (y.size === 0) return { y, sum };
  const rows = x.size / size;
  const form = formFor("layer_norm", device, {
    n: size,
    vectors: size % 4 === 0,
    passes: 3,
  });
  const columns = form.vectors ? size / 4 : size;
  const statistics = allocate(device, [rows, 2]);
  // Every binding must be given; without a residual nothing is written here.
  const unused = residual ? undefined : allocate(device, [1]);
  const kernel = specialize(layerNormForward(form), {
    WEIGHT: weight ? 1 : 0,
    BIAS: bias ? 1 : 0,
    RESIDUAL: residual ? 1 : 0,
  });
  for (const w of windows(device, rows, [size, 2])) {
    const values = part(x, w, size);
    launch(device, kernel, {
      bind: [
        values,
        residual ? part(residual, w, size) : values,
        weight ?? values,
        bias ?? values,
        part(y, w, size),
        unused ?? part(sum, w, size),
        part(statistics, w, 2),
      ],
      params: { rows: w.count, columns, size, eps },
      groups: grid(w.count, ROWS_OF[form.variant]),
    });
  }
  unused?.dispose();
  if (residual) record(sum, [x, residual], (dy) => [dy, dy]);
  const inputs = [sum, ...(weight ? [weight] : []), ...(bias ? [bias] : [])];
  record(y, inputs, (dy, into) => {
    const at = weight ? 2 : 1; // the place of the bias among the inputs
    const sums = weight?.requiresGrad || bias?.requiresGrad
      ? partialSums(form, dy, sum, statistics)
      : undefined;
    return [
      sum.requiresGrad
        ? normaliseBackward(form, dy, sum, statistics, weight)
        : undefined,
      ...(weight ? [finish(form, sums, 0, weight, into[1])] : []),
      ...(bias ? [finish(form, sums, 1, bias, into[at])] : []),
    ];
  });
  // Backward alone reads the statistics: else they need not wait for the scope.
  if (!y.requiresGrad) statistics.dispose();
  return { y, sum };
}

function normaliseBackward(
  form: RowForm,
  dy: Tensor,
  x: Tensor,
  statistics: Tensor,
  weight: Tensor | undefined,
): Tensor {
  const { device, shape } = x;
  const size = shape[shape.length - 1] ?? 1;
  const dx = allocate(device, shape);
  const kernel = specialize(layerNormBackward(form), {
    WEIGHT: weight ? 1 : 0,
  });
  for (const w of windows(device, x.size / size, [size, 2])) {
    launch(device, kernel, {
      bind: [
        part(dy, w, size),
        part(x, w, size),
        part(statistics, w, 2),
        weight ?? part(x, w, size),
        part(dx, w, size),
      ],
      params: {
        rows: w.count,
        columns: form.vectors ? size / 4 : size,
        size,
      },
      groups: grid(w.count, ROWS_OF[form.variant]),
    });
  }
  return dx;
}

/** Sums for dweight and dbias over blocks of rows. */
function partialSums(
  form: RowForm,
  dy: Tensor,
  x: Tensor,
  statistics: Tensor,
): { partials: Tensor; blocks: number } {
  const { device, shape } = x;
  const size = shape[shape.length - 1] ?? 1;
  const rows = x.size / size;
  const span = form.variant === "serial"
    ? Math.max(32, Math.ceil(rows / 16))
    : Math.max(16, Math.ceil(rows / 128));
  const list = windows(device, rows, [size, 2]).map((window) => ({
    window,
    blocks: Math.ceil(window.count / span),
  }));
  const blocks = list.reduce((sum, each) => sum + each.blocks, 0);
  const partials = allocate(device, [blocks, 2, size]);
  const columns = form.vectors ? size / 4 : size;
  let first = 0;
  for (const { window, blocks } of list) {
    launch(device, layerNormPartials(form), {
      bind: [
        part(dy, window, size),
        part(x, window, size),
        part(statistics, window, 2),
        partials,
      ],
      params: { rows: window.count, columns, span, first },
      groups: [Math.ceil(columns / COLUMNS_WORKGROUP[form.variant]), blocks],
    });
    first += blocks;
  }
  return { partials, blocks };
}

/** Adds the partial sums of one half up: into a gradient, or a new tensor. */
function finish(
  form: RowForm,
  sums: { partials: Tensor; blocks: number } | undefined,
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
    groups: [Math.ceil(columns / COLUMNS_WORKGROUP[form.variant])],
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

function requireFloat(action: string, x: Tensor): void {
  if (x.dtype !== "f32") {
    throw new TypeError(
      `Cannot ${action} a tensor of ${x.dtype}: cast() it to f32`,
    );
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
  if (y.size === 0) return y;
  const form = formFor("softmax", device, {
    n,
    vectors: inner === 1 && n % 4 === 0,
    passes: 2,
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
    for (const w of windows(device, x.size / whole, [whole])) {
      const rows = w.count * inner;
      launch(device, specialize(kernel, { LOG: log }), {
        bind: tensors.map((tensor) => part(tensor, w, whole)),
        params: { rows, n: form.vectors ? n / 4 : n, inner },
        groups: grid(rows, ROWS_OF[form.variant]),
      });
    }
  }
}
