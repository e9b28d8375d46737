// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The layer norm of transformers.

import { layerNorm, type Tensor } from "../engine/mod.ts";
import { ones, zeros } from "./init.ts";
import { Module } from "./module.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@linkcode LayerNorm}. */
export interface LayerNormModuleOptions {
  /** Added to the variance. @default {1e-5} */
  eps?: number;
  /** Whether there is a bias. @default {true} */
  bias?: boolean;
}

/** Options of {@linkcode LayerNorm.forward}. */
export interface LayerNormForwardOptions {
  /**
   * Added to `x` before it is normalized, in the same kernel.
   *
   * @default {none}
   */
  residual?: Tensor;
}

/**
 * Normalizes the last axis:
 * `y = (x - mean) / √(variance + eps) · weight + bias`.
 *
 * Shapes: `x [..., width]`, `weight` and `bias [width]`. Ba, Kiros and Hinton,
 * "Layer Normalization", 2016.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { LayerNorm } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const y = new LayerNorm(2).forward(tensor([[1, 3]]));
 * const [first = NaN] = await y.data();
 * assertAlmostEquals(first, -1, 1e-4);
 * ```
 */
export class LayerNorm extends Module {
  /** The gain, `[width]`, initially ones. */
  weight: Parameter;
  /** The shift, `[width]`, initially zeros; `undefined` without a bias. */
  bias: Parameter | undefined;
  /** Added to the variance. */
  readonly eps: number;

  /**
   * Builds gain and shift.
   *
   * @param width The length of the last axis.
   * @param options Epsilon and bias.
   * @throws {TypeError} If an option is not known.
   */
  constructor(width: number, options: LayerNormModuleOptions = {}) {
    super();
    if (new.target === LayerNorm) { // A subclass may have more options.
      checkOptions(options, {
        action: "build a LayerNorm",
        known: ["eps", "bias"],
      });
    }
    const { eps = 1e-5, bias = true } = options;
    this.eps = eps;
    this.weight = new Parameter([width], ones());
    this.bias = bias ? new Parameter([width], zeros()) : undefined;
  }

  /** Normalizes `x`, or `x + residual`. */
  forward(x: Tensor, options: LayerNormForwardOptions = {}): Tensor {
    const { weight, bias, eps } = this;
    return layerNorm(x, { weight, eps, ...(bias ? { bias } : {}), ...options });
  }
}
