// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Heads that pool the tokens of one layer, or of several side by side.

import { concat, type Tensor } from "../../engine/mod.ts";
import { checkOptions, Module } from "../../nn/mod.ts";
import {
  checkCount,
  layerOf,
  type PoolingHead,
  type PoolingInputs,
} from "./head.ts";
import { modesOf, type PoolingMode, poolTokens } from "./pool_tokens.ts";

/** Options of {@linkcode TokenPooling}. */
export interface TokenPoolingOptions {
  /**
   * How to pool the tokens; the vectors of several modes are joined. Usual are
   * `"cls"`, `"mean"`, `"max"` and `["mean", "max"]`.
   *
   * @default {"cls"}
   */
  mode?: PoolingMode | readonly PoolingMode[] | undefined;
  /**
   * The layer: 0 for the embeddings, 1 for the first block; -1 for the last, -2
   * for the one before it.
   *
   * @default {-1}
   */
  layer?: number | undefined;
}

/**
 * Pools the tokens of one layer, by the rules of {@linkcode poolTokens}: the first
 * token, the mean, the maximum, or several of these side by side.
 *
 * @example The first token of the block before the last
 * ```ts
 * import { initialize, ones, zeros } from "@swagpu/swagpu/engine";
 * import { TokenPooling } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const head = new TokenPooling(2, { layer: -2 });
 * const y = head.forward({
 *   hiddenStates: [zeros([1, 3, 2]), ones([1, 3, 2]), zeros([1, 3, 2])],
 *   attentionMask: ones([1, 3], { dtype: "i32" }),
 * });
 * assertEquals([...await y.data()], [1, 1]);
 * ```
 */
export class TokenPooling extends Module implements PoolingHead {
  /** The length of a vector: `modes · hiddenSize`. */
  readonly outputSize: number;
  /** How the tokens are pooled. */
  readonly mode: readonly PoolingMode[];
  /** The layer; negative numbers count from the last. */
  readonly layer: number;

  /**
   * Builds the head, which has no parameters.
   *
   * @param hiddenSize The length of the states.
   * @param options The mode and the layer.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If there is no such mode, or a number is out of range.
   */
  constructor(hiddenSize: number, options: TokenPoolingOptions = {}) {
    super();
    checkOptions(options, {
      action: "build a TokenPooling",
      known: ["mode", "layer"],
    });
    checkCount("hiddenSize", hiddenSize);
    const { mode = "cls", layer = -1 } = options;
    this.mode = modesOf(mode);
    this.layer = layer;
    this.outputSize = this.mode.length * hiddenSize;
  }

  /**
   * Pools the states.
   *
   * @throws {RangeError} If there is no such layer.
   */
  forward(inputs: PoolingInputs): Tensor {
    const { attentionMask } = inputs;
    const states = layerOf(inputs, this.layer);
    return poolTokens(states, { attentionMask, mode: this.mode });
  }
}

/** Options of {@linkcode ConcatPooling}. */
export interface ConcatPoolingOptions {
  /** How many of the last layers to join. @default {4} */
  layers?: number | undefined;
  /** How to pool the tokens of each. @default {"cls"} */
  mode?: PoolingMode | undefined;
}

/**
 * Joins the vectors of the last layers, the last one first.
 *
 * @example The first token in the last two layers
 * ```ts
 * import { full, initialize, ones } from "@swagpu/swagpu/engine";
 * import { ConcatPooling } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const head = new ConcatPooling(1, { layers: 2 });
 * const y = head.forward({
 *   hiddenStates: [5, 6, 7].map((value) => full([1, 3, 1], value)),
 *   attentionMask: ones([1, 3], { dtype: "i32" }),
 * });
 * assertEquals([...await y.data()], [7, 6]);
 * ```
 */
export class ConcatPooling extends Module implements PoolingHead {
  /** The length of a vector: `layers · hiddenSize`. */
  readonly outputSize: number;
  /** How many of the last layers are joined. */
  readonly layers: number;
  /** How the tokens of each are pooled. */
  readonly mode: PoolingMode;

  /**
   * Builds the head, which has no parameters.
   *
   * @param hiddenSize The length of the states.
   * @param options How many layers, and the mode.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If there is no such mode, or a number is out of range.
   */
  constructor(hiddenSize: number, options: ConcatPoolingOptions = {}) {
    super();
    checkOptions(options, {
      action: "build a ConcatPooling",
      known: ["layers", "mode"],
    });
    const { layers = 4, mode = "cls" } = options;
    checkCount("hiddenSize", hiddenSize);
    checkCount("layers", layers);
    modesOf(mode);
    this.layers = layers;
    this.mode = mode;
    this.outputSize = layers * hiddenSize;
  }

  /**
   * Pools the states.
   *
   * @throws {RangeError} If there are fewer layers.
   */
  forward(inputs: PoolingInputs): Tensor {
    const { attentionMask } = inputs;
    const { mode } = this;
    const vectors = Array.from(
      { length: this.layers },
      (_, i) => poolTokens(layerOf(inputs, -1 - i), { attentionMask, mode }),
    );
    return concat(vectors, 1);
  }
}
