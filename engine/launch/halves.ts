// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Tensors of f32 whose elements are stored as f16, in half the memory: see
// `Tensor.halves`. They are widened where they are used, for as long as the
// dispatch takes, so that the elements in f32 exist for one tensor at a time.

import { halfWords, HALVES_EACH } from "../half_values.ts";
import { HALVE, WIDEN } from "../kernels/halves.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { chooseVariant } from "../tuning/choice.ts";
import { part, texelWindows, type Window, windows } from "./cut.ts";
import { grid, launch } from "./launch.ts";

/** Fewer elements are not worth a copy of the words to textures. */
const LEAST_TEXELS = 64 * 1024;

/** Words that hold the elements of an invocation. */
const WORDS_EACH = 4;

/**
 * Rounds the elements of a tensor to f16, to nearest, ties to even. They must be
 * between -65504 and 65504.
 *
 * @param x A tensor of f32.
 * @returns The bits, two elements a word.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { halve } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const [word = 0] = await halve(tensor([1, -2])).data();
 * assertEquals(word.toString(16), "c0003c00");
 * ```
 */
export function halve(x: Tensor): Tensor<"u32"> {
  const { device, size } = x;
  const halves = allocate(device, [halfWords(size)], "u32");
  if (size === 0) return halves;
  const rows = Math.ceil(size / HALVES_EACH);
  const sizes = [HALVES_EACH, WORDS_EACH];
  for (const window of windows(device, rows, sizes)) {
    launch(device, HALVE, {
      bind: [elements(x, window), part(halves, window, WORDS_EACH)],
      params: counts(x, window),
      groups: grid(window.count, HALVE.workgroupSize),
    });
  }
  return halves;
}

/**
 * Overwrites the elements of a tensor with those of {@linkcode halve}. It is
 * exact.
 *
 * @param target A tensor of f32. Padding behind its elements is overwritten, too.
 * @param halves What `halve` made of a tensor of the same number of elements.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor, zeros } from "@swagpu/swagpu/engine";
 * import { halve, widenInto } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const y = zeros([2]);
 * widenInto(y, halve(tensor([1, 0.1])));
 * assertEquals([...await y.data()], [1, 0.0999755859375]);
 * ```
 */
export function widenInto(target: Tensor, halves: Tensor<"u32">): void {
  const { device, size } = target;
  if (size === 0) return;
  const rows = Math.ceil(size / HALVES_EACH);
  const sizes = [HALVES_EACH, WORDS_EACH];
  const variant = chooseVariant(
    device,
    "elementwise",
    "all",
    () => device.isSoftware && size >= LEAST_TEXELS ? "texels" : "buffers",
  );
  const texels = variant === "texels";
  const kernel = WIDEN[texels ? "texels" : "buffers"];
  const cut = texels ? texelWindows : windows;
  for (const window of cut(device, rows, sizes)) {
    launch(device, kernel, {
      bind: [part(halves, window, WORDS_EACH), elements(target, window)],
      params: counts(target, window),
      groups: grid(window.count, kernel.workgroupSize),
    });
  }
}

/**
 * The elements of a tensor in f32.
 *
 * @param x A tensor of f32, however it is stored.
 * @returns A new tensor, if `x` is stored as f16; otherwise `x`.
 */
export function widened(x: Tensor): Tensor {
  const { halves } = x;
  if (!halves) return x;
  const wide = allocate(x.device, x.shape);
  widenInto(wide, halves);
  return wide;
}

/** The elements of a tensor that belong to a window of rows of eight. */
function elements(x: Tensor, { start, count }: Window) {
  if (start === 0 && x.fitsBinding && count * HALVES_EACH >= x.size) return x;
  const first = start * HALVES_EACH;
  return x.window(first, Math.min(count * HALVES_EACH, x.size - first));
}

/** The invocations of a window, and the vectors of four elements in it. */
function counts({ size }: Tensor, { start, count }: Window) {
  const left = size - start * HALVES_EACH;
  const vectors = Math.ceil(Math.min(count * HALVES_EACH, left) / 4);
  return { count, vectors };
}
