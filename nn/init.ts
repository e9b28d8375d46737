// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Initializers: how the values of a parameter or buffer start. `nn` exports
 * them as the namespace `init`.
 *
 * Random initializers draw from the default generator, so `manualSeed()` before
 * a model is built determines its weights.
 *
 * @example A layer whose bias starts at zero
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Linear } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const layer = new Linear(3, 2, {
 *   init: init.normal({ std: 0.02 }),
 *   biasInit: init.zeros(),
 * });
 * assertEquals([...await layer.bias?.data() ?? []], [0, 0]);
 * ```
 *
 * @module
 */

import { sizeOf } from "../engine/kernel_kit.ts";
import {
  full,
  normal as normalTensor,
  tensor,
  uniform as uniformTensor,
} from "../engine/mod.ts";
import type { Initializer } from "./initializer.ts";

export type { Initializer };
export {
  truncatedNormal,
  type TruncatedNormalOptions,
} from "./truncated_normal.ts";

/**
 * Sets every element to the same number.
 *
 * @param value The number.
 * @returns The initializer.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([2], init.constant(0.5));
 * assertEquals([...await x.data()], [0.5, 0.5]);
 * ```
 */
export function constant(value: number): Initializer {
  return (shape, write) => write(full(shape, value));
}

/**
 * Sets every element to 0.
 *
 * @returns The initializer.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([2], init.zeros());
 * assertEquals([...await x.data()], [0, 0]);
 * ```
 */
export function zeros(): Initializer {
  return constant(0);
}

/**
 * Sets every element to 1.
 *
 * @returns The initializer.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([2], init.ones());
 * assertEquals([...await x.data()], [1, 1]);
 * ```
 */
export function ones(): Initializer {
  return constant(1);
}

/** Options of {@linkcode normal}. */
export interface NormalInitOptions {
  /** The mean. @default {0} */
  mean?: number;
  /** The standard deviation. @default {0.02} */
  std?: number;
  /**
   * A row to set to zero, such as the padding row of an embedding. A negative
   * number counts from the end.
   *
   * @default {none}
   */
  zeroRow?: number | undefined;
}

/**
 * Draws independent elements from a normal distribution. The defaults are
 * BERT's rule, `N(0, 0.02²)`.
 *
 * @param options Mean, standard deviation, and a row to set to zero.
 * @returns The initializer.
 *
 * @example An embedding table whose row 0 is for padding
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const table = new Parameter([2, 3], init.normal({ std: 1, zeroRow: 0 }));
 * assertEquals([...await table.data()].slice(0, 3), [0, 0, 0]);
 * ```
 */
export function normal(options: NormalInitOptions = {}): Initializer {
  const { mean = 0, std = 0.02, zeroRow } = options;
  return (shape, write) => {
    const values = normalTensor(shape, { mean, std });
    if (zeroRow !== undefined) {
      const width = sizeOf(shape.slice(1));
      const zeros = new Float32Array(width);
      const row = zeroRow < 0 ? zeroRow + (shape[0] ?? 0) : zeroRow;
      values.device.stream.upload(values.block, row * width * 4, zeros);
    }
    write(values);
  };
}

/**
 * Draws independent elements uniformly from `[low, high)`.
 *
 * @param low The smallest value.
 * @param high The upper bound, which no element reaches.
 * @returns The initializer.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([8], init.uniform(-0.1, 0.1));
 * assert((await x.data()).every((value) => Math.abs(value) <= 0.1));
 * ```
 */
export function uniform(low: number, high: number): Initializer {
  return (shape, write) => write(uniformTensor(shape, { low, high }));
}

/**
 * PyTorch's default for linear layers: uniform in `±1/√fanIn`. All elements are
 * zero if `fanIn` is 0.
 *
 * @param fanIn The number of inputs of each output. By default the product of
 * all lengths except the first, as for a weight `[out, in]`; a bias has to
 * state it.
 * @returns The initializer.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const weight = new Parameter([2, 4], init.fanInUniform());
 * assert((await weight.data()).every((value) => Math.abs(value) <= 0.5));
 * ```
 */
export function fanInUniform(fanIn?: number): Initializer {
  return (shape, write) => {
    const inputs = fanIn ?? sizeOf(shape.slice(1));
    const bound = inputs > 0 ? 1 / Math.sqrt(inputs) : 0;
    write(uniformTensor(shape, { low: -bound, high: bound }));
  };
}

/**
 * Glorot and Bengio's rule: uniform in `±√(6 / (fanIn + fanOut))` for a weight
 * of shape `[fanOut, fanIn]`.
 *
 * @returns The initializer.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const weight = new Parameter([2, 4], init.xavierUniform());
 * assert((await weight.data()).every((value) => Math.abs(value) <= 1));
 * ```
 */
export function xavierUniform(): Initializer {
  return (shape, write) => {
    const [fanOut = 1] = shape;
    const bound = Math.sqrt(6 / (fanOut + sizeOf(shape.slice(1))));
    write(uniformTensor(shape, { low: -bound, high: bound }));
  };
}

/**
 * Sets the elements to given numbers.
 *
 * @param list The elements, row by row.
 * @returns The initializer.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([2, 1], init.values([3, 4]));
 * assertEquals([...await x.data()], [3, 4]);
 * ```
 */
export function values(list: ArrayLike<number>): Initializer {
  return (shape, write) => write(tensor(Float32Array.from(list), { shape }));
}
