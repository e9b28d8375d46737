// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

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
  /** How the weight starts. @default {uniform in ±1/√in, as PyTorch} */
  init?: Initializer;
  /** How the bias starts. @default {as the weight, with the weight's fan-in} */
  biasInit?: Initializer;
}

/** Options of {@linkcode Linear.forward}. */
export interface LinearForwardOptions {
  /** Applied to the result in the same kernel. @default {none} */
  activation?: Activation;
  /** Added after the activation, of the result's shape. @default {none} */
  residual?: Tensor;
}

/**
 * An affine map of the last axis: `y = x Wᵀ + b`.
 *
 * Shapes: `x [..., in]`, `W [out, in]`, `b [out]`, `y [..., out]`. Bias,
 * activation and residual are applied where the product is still in registers.
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
  /** `[out, in]`. */
  weight: Parameter;
  /** `[out]`, unless switched off. */
  bias: Parameter | undefined;

  /**
   * Builds weight and bias.
   *
   * @param inFeatures Length of the last axis of `x`.
   * @param outFeatures Length of the last axis of `y`.
   * @param options Bias and initial values.
   * @throws {TypeError} If an option is not known.
   */
  constructor(
    inFeatures: number,
    outFeatures: number,
    options: LinearOptions = {},
  ) {
    super();
    if (new.target === Linear) { // Options of a subclass may be more.
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

  /** Maps `x [..., in]` to `[..., out]`. */
  forward(x: Tensor, options: LinearForwardOptions = {}): Tensor {
    const bias = this.bias;
    return matmul(x, this.weight, {
      transposeB: true,
      ...(bias ? { bias } : {}),
      ...options,
    });
  }
}
