// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The convolution over one axis.

import { add, matmul, reshape, type Tensor, unfold } from "../engine/mod.ts";
import { fanInUniform } from "./init.ts";
import type { Initializer } from "./initializer.ts";
import { Module } from "./module.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@linkcode Conv1d}. */
export interface Conv1dOptions {
  /** How many elements one output reads of each channel. */
  kernelSize: number;
  /** The distance from what one output reads to the next. @default {1} */
  stride?: number | undefined;
  /**
   * How many zeros stand before and after `x`. `"valid"` is 0. `"same"` gives `y`
   * the length of `x`; if the zeros cannot be shared evenly, one more stands
   * after `x`.
   *
   * @default {0}
   */
  padding?: number | "same" | "valid" | undefined;
  /** The distance between the elements that one output reads. @default {1} */
  dilation?: number | undefined;
  /**
   * Into how many groups the channels are split. A group of outputs reads only
   * the same group of inputs.
   *
   * @default {1}
   */
  groups?: number | undefined;
  /** Whether to add a bias. @default {true} */
  bias?: boolean | undefined;
  /** The initial weight. @default {uniform in ±1/√(in/groups · kernelSize)} */
  init?: Initializer | undefined;
  /** The initial bias. @default {as the weight} */
  biasInit?: Initializer | undefined;
}

/**
 * A convolution over the last axis, with PyTorch's weights:
 * `y[n, c, o] = b[c] + Σ W[c, i, j] · x[n, i, o·stride + j·dilation - padding]`.
 *
 * Shapes: `x [batch, in, length]` or `[in, length]`,
 * `W [out, in / groups, kernelSize]`, `b [out]`, `y [batch, out, count]` or
 * `[out, count]`. States of tokens `[batch, length, hidden]` have to be transposed
 * first.
 *
 * @example Sums of neighbors
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { Conv1d, init } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const layer = new Conv1d(1, 1, {
 *   kernelSize: 2,
 *   bias: false,
 *   init: init.ones(),
 * });
 * const y = layer.forward(tensor([[[1, 2, 4]]]));
 * assertEquals([...await y.data()], [3, 6]);
 * ```
 */
export class Conv1d extends Module {
  /** The weight, `[out, in / groups, kernelSize]`. */
  weight: Parameter;
  /** The bias, `[out]`; `undefined` without one. */
  bias: Parameter | undefined;
  /** The distance from what one output reads to the next. */
  readonly stride: number;
  /** The zeros before and after `x`. */
  readonly padding: readonly [before: number, after: number];
  /** The distance between the elements that one output reads. */
  readonly dilation: number;
  /** The number of groups of channels. */
  readonly groups: number;

  /**
   * Builds weight and bias.
   *
   * @param inChannels The channels of `x`.
   * @param outChannels The channels of `y`.
   * @param options The kernel's size, distances, padding, groups, bias and initial
   * values.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If a number is out of range, the groups do not divide the
   * channels, or `"same"` is asked for with a stride.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    options: Conv1dOptions,
  ) {
    super();
    if (new.target === Conv1d) { // A subclass may have more options.
      checkOptions(options, {
        action: "build a Conv1d",
        known: [
          ...["kernelSize", "stride", "padding", "dilation", "groups"],
          ...["bias", "init", "biasInit"],
        ],
      });
    }
    const { kernelSize, stride = 1, padding = 0, dilation = 1, groups = 1 } =
      options;
    const counts = {
      inChannels,
      outChannels,
      kernelSize,
      stride,
      dilation,
      groups,
    };
    checkCounts(counts);
    const inputs = inChannels / groups * kernelSize;
    const {
      bias = true,
      init = fanInUniform(),
      biasInit = fanInUniform(inputs),
    } = options;
    this.stride = stride;
    this.padding = paddingOf(padding, counts);
    this.dilation = dilation;
    this.groups = groups;
    const shape = [outChannels, inChannels / groups, kernelSize];
    this.weight = new Parameter(shape, init);
    this.bias = bias ? new Parameter([outChannels], biasInit) : undefined;
  }

  /**
   * Maps `x [batch, in, length]` to `[batch, out, count]`, or `[in, length]` to
   * `[out, count]`, with
   * `count = ⌊(length + zeros - dilation·(kernelSize - 1) - 1) / stride⌋ + 1`.
   *
   * @throws {TypeError} If `x` has other axes, or another number of channels.
   * @throws {RangeError} If `x` is shorter than what one output reads.
   */
  forward(x: Tensor): Tensor {
    const { weight, bias, stride, dilation, padding, groups } = this;
    const [out = 0, each = 0, size = 0] = weight.shape;
    const channels = each * groups;
    const lead = x.shape.slice(0, -2);
    if (x.shape.length < 2 || lead.length > 1 || x.shape.at(-2) !== channels) {
      throw new TypeError(
        `Cannot convolve [${x.shape.join(", ")}]: expected ` +
          `[batch, ${channels}, length] or [${channels}, length]`,
      );
    }
    const read = unfold(x, { size, stride, dilation, padding });
    const count = read.shape.at(-1) ?? 0;
    const product = matmul(
      reshape(weight, [groups, out / groups, each * size]),
      reshape(read, [...lead, groups, each * size, count]),
    );
    const y = reshape(product, [...lead, out, count]);
    return bias ? add(y, reshape(bias, [out, 1])) : y;
  }
}

/** The sizes and distances of a convolution. */
interface Counts {
  inChannels: number;
  outChannels: number;
  kernelSize: number;
  stride: number;
  dilation: number;
  groups: number;
}

function checkCounts(counts: Counts): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new RangeError(
      `Cannot build a Conv1d with ${name} ${value}: ` +
        "expected a whole number of at least 1",
    );
  }
  const { inChannels, outChannels, groups } = counts;
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new RangeError(
      `Cannot split ${inChannels} channels, and ${outChannels} of the result, ` +
        `into ${groups} groups: the groups must divide both`,
    );
  }
}

/** The zeros before and after x. */
function paddingOf(
  padding: number | "same" | "valid",
  { kernelSize, stride, dilation }: Counts,
): readonly [number, number] {
  if (padding === "valid") return [0, 0];
  if (padding === "same") {
    if (stride !== 1) {
      throw new RangeError(
        `Cannot pad "same" with a stride of ${stride}: the lengths would ` +
          "differ; give the number of zeros",
      );
    }
    const zeros = dilation * (kernelSize - 1);
    const before = Math.floor(zeros / 2);
    return [before, zeros - before];
  }
  if (Number.isInteger(padding) && padding >= 0) return [padding, padding];
  throw new RangeError(
    `Cannot build a Conv1d with padding ${
      JSON.stringify(padding)
    }: expected a ` +
      'whole number of at least 0, "same" or "valid"',
  );
}
