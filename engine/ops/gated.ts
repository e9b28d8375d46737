// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Gated activations. kernels/gated.ts holds the kernels.

import { gatedBackward, gatedForward } from "../kernels/gated.ts";
import type { Activation } from "../kernels/matmul_activation.ts";
import { grid, launch, part, windows } from "../launch/launch.ts";
import { formatShape } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";

/**
 * Applies a gated activation: `y = act(a) · b`, where `a` is the first and `b`
 * the second half of the last axis. One pass over memory computes it, and one
 * its derivative.
 *
 * Shazeer, "GLU Variants Improve Transformer", 2020. With `"gelu"` it is GeGLU,
 * with `"silu"` SwiGLU.
 *
 * @param x A tensor of floats, `[…, 2·I]`.
 * @param activation The activation of the first half.
 * @returns A tensor `[…, I]`.
 * @throws {TypeError} If the last axis is odd, or x is not of floats.
 *
 * @example Usage
 * ```ts
 * import { gatedActivation, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = gatedActivation(tensor([[1, -1, 3, 4]]), "relu");
 * assertEquals([...await y.data()], [3, 0]);
 * ```
 */
export function gatedActivation(x: Tensor, activation: Activation): Tensor {
  const { device, shape } = x;
  const wide = shape.at(-1) ?? 1;
  if (wide % 2 !== 0 || x.dtype !== "f32") {
    throw new TypeError(
      `Cannot gate ${x.dtype} ${formatShape(shape)}: ` +
        "expected f32 with a last axis of two halves",
    );
  }
  const width = wide / 2;
  const y = allocate(device, [...shape.slice(0, -1), width]);
  const rows = wide > 0 ? x.size / wide : 0;
  const unit = width % 4 === 0 ? 4 : 1;
  const form = { activation, wide: unit === 4 };
  const forward = gatedForward(form);
  for (const w of windows(device, rows, [wide])) {
    const items = w.count * width / unit;
    launch(device, forward, {
      bind: [part(x, w, wide), part(y, w, width)],
      params: { items, columns: width / unit },
      groups: grid(items, forward.workgroupSize),
    });
  }
  return record(y, [x], (dy) => {
    const backward = gatedBackward(form);
    const dx = allocate(device, shape);
    for (const w of windows(device, rows, [wide])) {
      const items = w.count * width / unit;
      launch(device, backward, {
        bind: [part(x, w, wide), part(dy, w, width), part(dx, w, wide)],
        params: { items, columns: width / unit },
        groups: grid(items, backward.workgroupSize),
      });
    }
    return [dx];
  });
}
