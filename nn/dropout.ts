// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { dependsOn } from "../engine/kernel_kit.ts";
import { dropout, type Tensor } from "../engine/mod.ts";
import { Module } from "./module.ts";

/**
 * Sets elements to zero at random while training, and scales the others by
 * `1 / (1 - rate)`. In evaluation it returns its input.
 *
 * The mask comes from the default generator, so `manualSeed()` determines it.
 * The backward pass draws it again instead of storing it.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { Dropout } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2]);
 * assertEquals([...await new Dropout(0.5).eval().forward(x).data()], [1, 2]);
 * ```
 */
export class Dropout extends Module {
  /** The share of elements that become zero. */
  rate: number;

  /**
   * Builds the layer, which has no parameters.
   *
   * @param rate The share of elements that become zero, in [0, 1).
   * @throws {RangeError} If the rate is not in [0, 1).
   */
  constructor(rate: number) {
    super();
    if (!(rate >= 0 && rate < 1)) {
      throw new RangeError(
        `Cannot drop a share of ${rate}: it must be in [0, 1)`,
      );
    }
    this.rate = rate;
  }

  /** Drops elements of `x`, which may have any shape. */
  forward(x: Tensor): Tensor {
    const { rate } = this;
    dependsOn(() => this.rate === rate);
    return this.training && rate > 0 ? dropout(x, { rate }) : x;
  }
}
