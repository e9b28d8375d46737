// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Dropout. kernels/random.ts holds the kernel.

import { requireFloat } from "./require_float.ts";
import { DROPOUT } from "../kernels/random.ts";
import { grid, launch, part, windows } from "../launch/launch.ts";
import {
  defaultGenerator,
  type Generator,
  streamParams,
} from "../generator.ts";
import type { RandomStream } from "../random_stream.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";

/** Options of {@linkcode dropout}. */
export interface DropoutOptions {
  /**
   * The probability that an element becomes 0.
   *
   * @default {0.5}
   */
  rate?: number;
  /**
   * Whether any element is dropped.
   *
   * @default {true}
   */
  training?: boolean;
  /**
   * The generator of the mask's random numbers.
   *
   * @default {the default generator}
   */
  generator?: Generator;
}

/**
 * Sets random elements to 0 and divides the others by `1 - rate`, so that the
 * expected mean stays. The mask is not stored: the derivative makes it again.
 *
 * @param x A tensor of floats.
 * @param options The rate and more.
 * @returns A tensor of x's shape; x itself, without drawing random numbers, if
 * `training` is false or the rate is 0.
 * @throws {TypeError} If x is not of floats.
 * @throws {RangeError} If the rate is not in [0, 1].
 *
 * @example Usage
 * ```ts
 * import { dropout, Generator, initialize, ones } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const y = dropout(ones([100]), { rate: 0.5, generator: new Generator(1) });
 * assert((await y.data()).every((value) => value === 0 || value === 2));
 * ```
 */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  const { rate = 0.5, training = true, generator = defaultGenerator() } =
    options;
  if (!(rate >= 0 && rate <= 1)) {
    throw new RangeError(
      `Cannot drop elements at rate ${rate}: it must be between 0 and 1`,
    );
  }
  requireFloat("drop elements of", x);
  if (!training || rate === 0) return x;
  const stream = generator.next();
  return record(
    masked(x, rate, stream),
    [x],
    (dy) => [masked(dy, rate, stream)],
  );
}

function masked(
  x: Tensor,
  rate: number,
  stream: RandomStream,
): Tensor {
  const y = allocate(x.device, x.shape);
  for (const window of windows(x.device, x.size, [1])) {
    launch(x.device, DROPOUT, {
      bind: [part(x, window, 1), part(y, window, 1)],
      params: {
        count: window.count,
        block: window.start / 4,
        ...streamParams(stream),
        rate,
        scale: rate === 1 ? 0 : 1 / (1 - rate),
      },
      groups: grid(Math.ceil(window.count / 4), DROPOUT.workgroupSize),
    });
  }
  return y;
}
