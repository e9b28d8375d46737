// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Ops that draw random numbers. The numbers depend on a stream and on the
// element's index alone: see kernels/random.ts.

import { touch } from "../changes.ts";
import {
  defaultGenerator,
  type Generator,
  streamParams,
} from "../generator.ts";
import { currentDevice, type Device } from "../gpu/device.ts";
import { specialize } from "../gpu/kernel.ts";
import { DISTRIBUTIONS, RANDOM_FILL } from "../kernels/random.ts";
import { grid, launch, part, windows } from "../launch/launch.ts";
import type { RandomStream } from "../random_stream.ts";
import { checkShape, type Shape } from "../shape.ts";
import { allocate, type Tensor } from "../tensor.ts";

/** Options that all functions share which make a random tensor. */
export interface RandomOptions {
  /**
   * The generator that gives the stream.
   *
   * @default {the default generator, see {@linkcode manualSeed}}
   */
  generator?: Generator;
  /**
   * The device that holds the tensor.
   *
   * @default {the current device}
   */
  device?: Device;
}

/** Options of {@linkcode uniform}. */
export interface UniformOptions extends RandomOptions {
  /**
   * The lowest number that may be drawn.
   *
   * @default {0}
   */
  low?: number;
  /**
   * The upper end: no number exceeds it.
   *
   * @default {1}
   */
  high?: number;
}

/** Options of {@linkcode normal}. */
export interface NormalOptions extends RandomOptions {
  /**
   * The mean of the distribution.
   *
   * @default {0}
   */
  mean?: number;
  /**
   * The standard deviation of the distribution.
   *
   * @default {1}
   */
  std?: number;
}

/**
 * Draws numbers that are spread evenly over `[low, high)`, in 2²⁴ steps.
 *
 * @param shape The shape of the result.
 * @param options The ends, the generator and the device.
 * @returns A tensor of floats.
 * @throws {RangeError} If an end is not finite, or `low` exceeds `high`.
 *
 * @example Usage
 * ```ts
 * import { initialize, manualSeed, uniform } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * manualSeed(1);
 * const x = await uniform([100], { low: 2, high: 3 }).data();
 * assert(x.every((value) => value >= 2 && value <= 3));
 * ```
 */
export function uniform(shape: Shape, options: UniformOptions = {}): Tensor {
  const { low = 0, high = 1 } = options;
  if (!(low <= high && Number.isFinite(high - low))) {
    throw new RangeError(
      `Cannot draw from [${low}, ${high}): the ends must be finite and in order`,
    );
  }
  return random(shape, "uniform", low, high, options);
}

/**
 * Draws normally distributed numbers, by Box and Muller's method.
 *
 * @param shape The shape of the result.
 * @param options The mean, the standard deviation, the generator and the
 * device.
 * @returns A tensor of floats.
 * @throws {RangeError} If `std` is negative.
 *
 * @example Usage
 * ```ts
 * import { Generator, initialize, normal } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const x = normal([100], { mean: 5, std: 0.1, generator: new Generator(1) });
 * assert((await x.data()).every((value) => Math.abs(value - 5) < 1));
 * ```
 */
export function normal(shape: Shape, options: NormalOptions = {}): Tensor {
  const { mean = 0, std = 1 } = options;
  if (!(std >= 0)) {
    throw new RangeError(
      `Cannot draw normal numbers with std ${std}: it must not be negative`,
    );
  }
  return random(shape, "normal", mean, std, options);
}

/**
 * Draws ones with probability `p`, and zeros otherwise.
 *
 * @param shape The shape of the result.
 * @param p The probability of a 1.
 * @param options The generator and the device.
 * @returns A tensor of floats.
 * @throws {RangeError} If `p` is not in [0, 1].
 *
 * @example Usage
 * ```ts
 * import { bernoulli, initialize } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * assertEquals([...await bernoulli([3], 1).data()], [1, 1, 1]);
 * ```
 */
export function bernoulli(
  shape: Shape,
  p: number,
  options: RandomOptions = {},
): Tensor {
  if (!(p >= 0 && p <= 1)) {
    throw new RangeError(
      `Cannot draw with probability ${p}: it must be between 0 and 1`,
    );
  }
  return random(shape, "bernoulli", p, 0, options);
}

function random(
  shape: Shape,
  kind: Distribution,
  a: number,
  b: number,
  options: RandomOptions,
): Tensor {
  checkShape("make a random tensor", shape);
  const { generator = defaultGenerator(), device = currentDevice() } = options;
  const y = allocate(device, [...shape]);
  fillRandom(y, kind, generator.next(), { a, b });
  return y;
}

/** The distributions that {@linkcode fillRandom} draws from. */
export type Distribution = "uniform" | "normal" | "bernoulli";

/** Options of {@linkcode fillRandom}. */
export interface FillOptions {
  /** The lower end, the mean, or the probability of a 1. */
  a: number;
  /** The upper end, or the standard deviation. */
  b: number;
  /**
   * The index in the stream of the tensor's first element.
   *
   * @default {0}
   */
  offset?: number;
}

/**
 * Overwrites a tensor with elements `offset`, `offset + 1` … of a stream.
 *
 * @param y The tensor. It must own its padding, because four elements are
 * written at once: a tensor made by `allocate`, and not a view between others.
 * @param kind The distribution to draw from.
 * @param stream The stream, such as {@linkcode Generator.next} gives.
 * @param options The parameters of the distribution, and the offset.
 *
 * @example Usage
 * ```ts
 * import { Generator, initialize, zeros } from "@swagpu/swagpu/engine";
 * import { fillRandom } from "@swagpu/swagpu/engine/kernels";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const y = zeros([4]);
 * fillRandom(y, "uniform", new Generator(1).next(), { a: 2, b: 3 });
 * assert((await y.data()).every((value) => value >= 2 && value <= 3));
 * ```
 */
export function fillRandom(
  y: Tensor,
  kind: Distribution,
  stream: RandomStream,
  { a, b, offset = 0 }: FillOptions,
): void {
  if (y.size === 0) return;
  touch(y);
  const kernel = specialize(RANDOM_FILL, { KIND: DISTRIBUTIONS[kind] });
  for (const window of windows(y.device, y.size, [1])) {
    const start = offset + window.start;
    launch(y.device, kernel, {
      bind: [part(y, window, 1)],
      params: {
        count: window.count,
        block: Math.floor(start / 4),
        lane: start % 4,
        ...streamParams(stream),
        a,
        b,
      },
      groups: grid(Math.ceil(window.count / 4), kernel.workgroupSize),
    });
  }
}
