// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Mixout of a weight: the op and its kernel.

import {
  allocate,
  defineKernel,
  formatShape,
  grid,
  type Kernel,
  launch,
  part,
  record,
  sameShape,
  sizeOf,
  windows,
} from "../engine/kernel_kit.ts";
import { bernoulli, type Generator, type Tensor } from "../engine/mod.ts";
import { checkOptions } from "./options.ts";

// y = u + (w - u) · scale in the columns that are kept, and u in the others. An
// invocation owns four elements, and `first` is the column of the window's first
// one. With dy for w and no target it is the derivative.
const MIX: Kernel = defineKernel({
  name: "mixout",
  wgsl: /* wgsl */ `
struct Params { count: u32, first: u32, columns: u32, targeted: u32, scale: f32 }
@group(0) @binding(0) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> target_: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> keep: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i * 4u >= p.count) { return; }
  let c = (vec4<u32>(p.first + i * 4u) + vec4<u32>(0u, 1u, 2u, 3u)) % vec4<u32>(p.columns);
  let kept = vec4<f32>(keep[c.x], keep[c.y], keep[c.z], keep[c.w]);
  var u = vec4<f32>();
  if (p.targeted == 1u) { u = target_[i]; }
  y[i] = select(u, u + (w[i] - u) * p.scale, kept != vec4<f32>());
}
`,
});

/** Options of {@linkcode mixout}. */
export interface MixoutOptions {
  /** The probability that a column is the target's, in [0, 1]. */
  p: number;
  /** What the weight is mixed with, of its shape. @default {zeros} */
  target?: Tensor | undefined;
  /** Whether anything is mixed. @default {true} */
  training?: boolean;
  /**
   * Which columns keep the weight: 1 for yes, 0 for no. One number for each
   * element of a row, or of a weight with one axis.
   *
   * @default {drawn, a column is kept with probability 1 - p}
   */
  mask?: Tensor | undefined;
  /**
   * Whether the derivative lacks the factor `1 / (1 - p)`, as in the code of
   * Mixout's authors. It is not the derivative of the result then.
   *
   * @default {false}
   */
  officialBackward?: boolean;
  /**
   * The generator of the mask's random numbers.
   *
   * @default {the default generator}
   */
  generator?: Generator | undefined;
}

const MIXOUT_OPTIONS: readonly (keyof MixoutOptions)[] = [
  "p",
  "target",
  "training",
  "mask",
  "officialBackward",
  "generator",
];

/**
 * Replaces random columns of a weight by those of a target, such as its
 * pre-trained value, and stretches the others so that the mean stays:
 * `u + B (w - u) / (1 - p)`, where `B` is 1 with probability `1 - p`.
 *
 * All rows share one mask, so in a weight `[out, in]` an input is replaced for
 * all outputs; a weight with one axis is masked element by element. Without a
 * target this is dropout of the inputs. The mean is `w`, and the variance
 * `p / (1 - p) (w - u)²`.
 *
 * Lee, Cho and Kang, "Mixout: Effective Regularization to Finetune Large-scale
 * Pretrained Language Models", 2020.
 *
 * @param w The weight.
 * @param options The probability, the target and more.
 * @returns A tensor of the weight's shape; the weight itself, without drawing
 * random numbers, if `training` is false or `p` is 0.
 * @throws {RangeError} If `p` is not in [0, 1].
 * @throws {TypeError} If target or mask have another shape, or an option is not
 * known.
 *
 * @example The second column is the target's
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { mixout } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const w = tensor([[1, 2], [3, 4]]);
 * const target = tensor([[0, 0], [1, 1]]);
 * const y = mixout(w, { p: 0.5, target, mask: tensor([1, 0]) });
 * assertEquals([...await y.data()], [2, 0, 5, 1]);
 * ```
 */
export function mixout(w: Tensor, options: MixoutOptions): Tensor {
  checkOptions(options, { action: "mix weights", known: MIXOUT_OPTIONS });
  const { p, target, training = true, officialBackward = false } = options;
  checkShare(p);
  const row = w.shape.length > 1 ? w.shape.slice(1) : w.shape;
  if (target && !sameShape(target.shape, w.shape)) {
    throw new TypeError(
      `Cannot mix a weight ${formatShape(w.shape)} with a target ${
        formatShape(target.shape)
      }: they must have the same shape`,
    );
  }
  if (options.mask && !sameShape(options.mask.shape, row)) {
    throw new TypeError(
      `Cannot mix a weight ${formatShape(w.shape)} by a mask ${
        formatShape(options.mask.shape)
      }: its shape must be ${formatShape(row)}`,
    );
  }
  if (!training || p === 0) return w;
  const { device } = w;
  const { generator, mask } = options;
  const keep = mask ??
    bernoulli(row, 1 - p, { device, ...(generator ? { generator } : {}) });
  const scale = p === 1 ? 0 : 1 / (1 - p);
  return record(
    mix(w, target, keep, scale),
    [w],
    (dy) => [mix(dy, undefined, keep, officialBackward ? 1 : scale)],
  );
}

/** Throws unless a number is a probability. */
export function checkShare(p: number): void {
  if (p >= 0 && p <= 1) return;
  throw new RangeError(
    `Cannot mix weights with p ${p}: it must be between 0 and 1`,
  );
}

function mix(
  w: Tensor,
  target: Tensor | undefined,
  keep: Tensor,
  scale: number,
): Tensor {
  const y = allocate(w.device, w.shape);
  const columns = sizeOf(keep.shape);
  for (const window of windows(w.device, w.size, [1])) {
    const own = (x: Tensor) => part(x, window, 1);
    launch(w.device, MIX, {
      bind: [own(w), own(target ?? w), keep, own(y)],
      params: {
        count: window.count,
        first: window.start % columns,
        columns,
        targeted: target ? 1 : 0,
        scale,
      },
      groups: grid(Math.ceil(window.count / 4), MIX.workgroupSize),
    });
  }
  return y;
}
