// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Recurrent layers, with PyTorch's names and weights. recurrent_layers.ts holds
// what both share.

import { gru, lstm, type Tensor } from "../engine/mod.ts";
import { Dropout } from "./dropout.ts";
import { Module } from "./module.ts";
import { checkOptions } from "./options.ts";
import type { Parameter } from "./parameter.ts";
import {
  type GruForwardOptions,
  type GruOutput,
  type LstmForwardOptions,
  type LstmOutput,
  type RecurrentModuleOptions,
  type RecurrentWeightName,
  runLayers,
  sizesOf,
  weightsOf,
} from "./recurrent_layers.ts";

/**
 * Long short-term memory (Hochreiter and Schmidhuber, 1997), of one or several
 * layers, with PyTorch's weights: `weight_ih_l0 [4·hidden, in]`,
 * `weight_hh_l0 [4·hidden, hidden]`, `bias_ih_l0` and `bias_hh_l0 [4·hidden]`, for
 * the gates i, f, g, o; then `weight_ih_l0_reverse` and so on, then `…_l1`. They
 * start uniform in `±1/√hidden`.
 *
 * Shapes: `x [batch, times, in]`, which is PyTorch's `batch_first`.
 *
 * @example The state after a text's last word, not after its padding
 * ```ts
 * import { initialize, ones } from "@swagpu/swagpu/engine";
 * import { LSTM } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const layer = new LSTM(3, 4, { bidirectional: true });
 * const { output, hidden } = layer.forward(ones([2, 5, 3]), { lengths: [5, 2] });
 * assertEquals([output.shape, hidden.shape], [[2, 5, 8], [2, 2, 4]]);
 * const values = await output.data();
 * assertEquals(values[40 + 2 * 8], 0); // behind the end of the second text
 * ```
 */
export class LSTM extends Module {
  /** The weights, by PyTorch's names. */
  [name: RecurrentWeightName]: Parameter;
  /** The length of the last axis of `x`. */
  readonly inputSize: number;
  /** How many units a state has. */
  readonly hiddenSize: number;
  /** How many layers lie on each other. */
  readonly numLayers: number;
  /** Whether each layer also goes from the end to the start. */
  readonly bidirectional: boolean;
  /** Between the layers. */
  readonly dropout: Dropout;

  /**
   * Builds the weights.
   *
   * @param inputSize The length of the last axis of `x`.
   * @param hiddenSize How many units a state has.
   * @param options Layers, directions, biases and dropout.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If a number is out of range, or there is dropout though
   * there is one layer.
   */
  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentModuleOptions = {},
  ) {
    super();
    const sizes = sizesOf("LSTM", inputSize, hiddenSize, options);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = sizes.numLayers;
    this.bidirectional = sizes.bidirectional;
    this.dropout = new Dropout(sizes.dropout);
    Object.assign(this, weightsOf(sizes, 4));
  }

  /**
   * Runs all layers over `x [batch, times, in]`.
   *
   * @throws {TypeError} If shapes do not fit, or an option is not known.
   * @throws {RangeError} If a length is out of range.
   */
  forward(x: Tensor, options: LstmForwardOptions = {}): LstmOutput {
    checkOptions(options, {
      action: "run an LSTM",
      known: ["hidden", "cell", "lengths"],
    });
    return runLayers(this, x, options, lstm);
  }
}

/**
 * Gated recurrent units (Cho and others, 2014), of one or several layers, with
 * PyTorch's weights: `weight_ih_l0 [3·hidden, in]`,
 * `weight_hh_l0 [3·hidden, hidden]`, `bias_ih_l0` and `bias_hh_l0 [3·hidden]`, for
 * the gates r, z, n; then `weight_ih_l0_reverse` and so on, then `…_l1`. They start
 * uniform in `±1/√hidden`. The reset gate acts on the product with the state and
 * its bias.
 *
 * Shapes: `x [batch, times, in]`, which is PyTorch's `batch_first`.
 *
 * @example Usage
 * ```ts
 * import { initialize, ones } from "@swagpu/swagpu/engine";
 * import { GRU } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const layer = new GRU(3, 4, { numLayers: 2, dropout: 0.1 });
 * const { output, hidden } = layer.forward(ones([2, 5, 3]));
 * assertEquals([output.shape, hidden.shape], [[2, 5, 4], [2, 2, 4]]);
 * ```
 */
export class GRU extends Module {
  /** The weights, by PyTorch's names. */
  [name: RecurrentWeightName]: Parameter;
  /** The length of the last axis of `x`. */
  readonly inputSize: number;
  /** How many units a state has. */
  readonly hiddenSize: number;
  /** How many layers lie on each other. */
  readonly numLayers: number;
  /** Whether each layer also goes from the end to the start. */
  readonly bidirectional: boolean;
  /** Between the layers. */
  readonly dropout: Dropout;

  /**
   * Builds the weights.
   *
   * @param inputSize The length of the last axis of `x`.
   * @param hiddenSize How many units a state has.
   * @param options Layers, directions, biases and dropout.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If a number is out of range, or there is dropout though
   * there is one layer.
   */
  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentModuleOptions = {},
  ) {
    super();
    const sizes = sizesOf("GRU", inputSize, hiddenSize, options);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = sizes.numLayers;
    this.bidirectional = sizes.bidirectional;
    this.dropout = new Dropout(sizes.dropout);
    Object.assign(this, weightsOf(sizes, 3));
  }

  /**
   * Runs all layers over `x [batch, times, in]`.
   *
   * @throws {TypeError} If shapes do not fit, or an option is not known.
   * @throws {RangeError} If a length is out of range.
   */
  forward(x: Tensor, options: GruForwardOptions = {}): GruOutput {
    checkOptions(options, {
      action: "run a GRU",
      known: ["hidden", "lengths"],
    });
    return runLayers(this, x, options, gru);
  }
}
