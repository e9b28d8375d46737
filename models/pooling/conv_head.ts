// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A head of two convolutions over the tokens.

import {
  cast,
  equal,
  type IntegerTensor,
  maskedFill,
  max,
  relu,
  type Tensor,
  transpose,
  unfold,
  unsqueeze,
} from "../../engine/mod.ts";
import { checkOptions, Conv1d, Module } from "../../nn/mod.ts";
import {
  checkCount,
  layerOf,
  type PoolingHead,
  type PoolingInputs,
} from "./head.ts";

/** The lowest 32-bit number, which is no place's maximum. */
const LOWEST = -3.4028234663852886e38;

/** Options of {@linkcode ConvPooling}. */
export interface ConvPoolingOptions {
  /** The channels between the convolutions. @default {256} */
  channels?: number | undefined;
  /** How many neighbors a convolution reads. @default {2} */
  kernelSize?: number | undefined;
  /** The length of a vector. @default {1} */
  outputSize?: number | undefined;
  /**
   * Whether padding is left out, so that a text gives the same vector whatever
   * texts it is batched with. Copies of this head in circulation let it in.
   *
   * @default {true}
   */
  masked?: boolean | undefined;
}

/**
 * Two convolutions over the tokens of the last layer, with `kernelSize - 1` zeros
 * at either end and ReLU between them, then the maximum over all places that see
 * a token.
 *
 * @example Usage
 * ```ts
 * import { initialize, ones } from "@swagpu/swagpu/engine";
 * import { ConvPooling } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const head = new ConvPooling(4, { channels: 8, outputSize: 3 });
 * const y = head.forward({
 *   hiddenStates: [ones([2, 5, 4])],
 *   attentionMask: ones([2, 5], { dtype: "i32" }),
 * });
 * assertEquals(y.shape, [2, 3]);
 * ```
 */
export class ConvPooling extends Module implements PoolingHead {
  /** The length of a vector. */
  readonly outputSize: number;
  /** Whether padding is left out. */
  readonly masked: boolean;
  /** From the states to the channels between. */
  conv1: Conv1d;
  /** From these to the vector. */
  conv2: Conv1d;

  /**
   * Builds the convolutions.
   *
   * @param hiddenSize The length of the states.
   * @param options Channels, kernel, length of the vectors, and the mask.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(hiddenSize: number, options: ConvPoolingOptions = {}) {
    super();
    checkOptions(options, {
      action: "build a ConvPooling",
      known: ["channels", "kernelSize", "outputSize", "masked"],
    });
    const { channels = 256, kernelSize = 2, outputSize = 1, masked = true } =
      options;
    const padding = kernelSize - 1;
    this.outputSize = outputSize;
    this.masked = masked;
    this.conv1 = new Conv1d(hiddenSize, channels, { kernelSize, padding });
    this.conv2 = new Conv1d(channels, outputSize, { kernelSize, padding });
    checkCount("outputSize", outputSize);
  }

  /** Pools the states. */
  forward(inputs: PoolingInputs): Tensor {
    const { attentionMask } = inputs;
    const states = transpose(layerOf(inputs, -1), 1, 2);
    if (!this.masked) {
      const between = relu(this.conv1.forward(states));
      return max(this.conv2.forward(between), { axis: 2 });
    }
    const tokens = cast(attentionMask, "f32");
    const seen = this.#reach(tokens);
    const x = maskedFill(states, outside(tokens), 0);
    const between = maskedFill(
      relu(this.conv1.forward(x)),
      outside(seen),
      0,
    );
    const scores = this.conv2.forward(between);
    return max(maskedFill(scores, outside(this.#reach(seen)), LOWEST), {
      axis: 2,
    });
  }

  /** 1 for the places whose convolution reads a place that is 1. */
  #reach(places: Tensor): Tensor {
    const { weight: { shape: [, , size = 1] }, padding } = this.conv1;
    return max(unfold(places, { size, padding }), { axis: 1 });
  }
}

/** Whether a place is to be left out, `[batch, 1, places]`. */
function outside(places: Tensor): IntegerTensor {
  return unsqueeze(equal(places, 0), 1);
}
