// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Softmax and its logarithm; kernels/softmax.ts holds the arithmetic.

import { type Kernel, specialize } from "../gpu/kernel.ts";
import { ROW_VARIANTS, rowsPerGroup } from "../kernels/rows.ts";
import { softmaxBackward, softmaxForward } from "../kernels/softmax.ts";
import { grid, launch, part } from "../launch/launch.ts";
import { rowForm, rowWindows } from "../launch/rows.ts";
import { normalizeAxis, sizeOf } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { defineProbe, defineVariants } from "../tuning/choice.ts";
import { probeOfRows } from "./rehearsals.ts";
import { requireFloat } from "./require_float.ts";

defineVariants("softmax", ROW_VARIANTS);
defineProbe("softmax", {
  usual: "texels",
  other: "serial",
  run: probeOfRows((x) => softmax(x)),
});

/** Options of {@linkcode softmax} and {@linkcode logSoftmax}. */
export interface SoftmaxOptions {
  /**
   * The axis to normalize along; negative ones count from the last.
   *
   * @default {-1}
   */
  axis?: number;
}

/**
 * Takes the softmax along an axis: `yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)`, computed from
 * `x - max(x)`. The elements along the axis then add up to 1. If all of them are
 * -∞, the result is NaN.
 *
 * @param x A tensor of any shape, of f32.
 * @param options The axis.
 * @returns A tensor of the shape of `x`.
 * @throws {TypeError} If `x` is not of f32.
 * @throws {RangeError} If `x` does not have the axis.
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
  return normalizeExponentials(x, options, 0);
}

/**
 * Takes the logarithm of the softmax along an axis: `yᵢ = xᵢ - log Σⱼ exp(xⱼ)`. It
 * is finite even where the softmax itself would round to 0. If all elements along
 * the axis are -∞, the result is NaN.
 *
 * @param x A tensor of any shape, of f32.
 * @param options The axis.
 * @returns A tensor of the shape of `x`.
 * @throws {TypeError} If `x` is not of f32.
 * @throws {RangeError} If `x` does not have the axis.
 *
 * @example Usage
 * ```ts
 * import { initialize, logSoftmax, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const [, y = NaN] = await logSoftmax(tensor([200, 0])).data();
 * assertAlmostEquals(y, -200); // though exp(-200) is 0 in 32 bits
 * ```
 */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return normalizeExponentials(x, options, 1);
}

function normalizeExponentials(
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
    kernel: Kernel,
    tensors: readonly Tensor[],
  ): void {
    const whole = n * inner;
    for (const w of rowWindows(device, form, x.size / whole, [whole])) {
      const rows = w.count * inner;
      launch(device, specialize(kernel, { LOG: log }), {
        bind: tensors.map((tensor) => part(tensor, w, whole)),
        params: { rows, n: form.vectors ? n / 4 : n, inner },
        groups: grid(rows, rowsPerGroup(kernel, form)),
      });
    }
  }
}
