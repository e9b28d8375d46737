// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The linear layer.

import { type Activation, matmul, type Tensor } from "../engine/mod.ts";
import { fanInUniform } from "./init.ts";
import type { Initializer } from "./initializer.ts";
import { Module } from "./module.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@linkcode Linear}. */
export interface LinearOptions {
  /** Whether to add a bias. @default {true} */
  bias?: boolean;
  /** The initial weight. @default {uniform in ±1/√in, as in PyTorch} */
  init?: Initializer;
  /** The initial bias. @default {uniform in ±1/√in, as in PyTorch} */
  biasInit?: Initializer;
}

/** Options of {@linkcode Linear.forward}. */
export interface LinearForwardOptions {
  /** Added in place of the layer's own bias, `[out]`. @default {its own} */
  bias?: Tensor;
  /** Applied to the result in the same kernel. @default {none} */
  activation?: Activation;
  /**
   * Added after the activation; it has the shape of the result.
   *
   * @default {none}
   */
  residual?: Tensor;
}

/**
 * An affine map of the last axis: `y = x Wᵀ + b`.
 *
 * Shapes: `x [..., in]`, `W [out, in]`, `b [out]`, `y [..., out]`. Bias,
 * activation and residual are applied while the product is still in registers.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { init, Linear } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const layer = new Linear(3, 1, { init: init.ones(), biasInit: init.zeros() });
 * assertEquals(await layer.forward(tensor([[1, 2, 3]])).item(), 6);
 * ```
 */
export class Linear extends Module {
  /** The weight, `[out, in]`. */
  weight: Parameter;
  /** The bias, `[out]`; `undefined` without one. */
  bias: Parameter | undefined;

  /**
   * Builds weight and bias.
   *
   * @param inFeatures The length of the last axis of `x`.
   * @param outFeatures The length of the last axis of `y`.
   * @param options Bias and initial values.
   * @throws {TypeError} If an option is not known.
   */
  constructor(
    inFeatures: number,
    outFeatures: number,
    options: LinearOptions = {},
  ) {
    super();
    if (new.target === Linear) { // A subclass may have more options.
      checkOptions(options, {
        action: "build a Linear",
        known: ["bias", "init", "biasInit"],
      });
    }
    const {
      bias = true,
      init = fanInUniform(),
      biasInit = fanInUniform(inFeatures),
    } = options;
    this.weight = new Parameter([outFeatures, inFeatures], init);
    this.bias = bias ? new Parameter([outFeatures], biasInit) : undefined;
  }

  /**
   * The weight that {@linkcode forward} multiplies by, `[out, in]`. A subclass
   * may compute it from the parameter, at each call.
   */
  usedWeight(): Tensor {
    return this.weight;
  }

  /** Maps `x [..., in]` to `[..., out]`. */
  forward(x: Tensor, options: LinearForwardOptions = {}): Tensor {
    const bias = this.bias;
    return matmul(x, this.usedWeight(), {
      transposeB: true,
      ...(bias ? { bias } : {}),
      ...options,
    });
  }
}
