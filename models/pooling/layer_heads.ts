// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Heads over all layers: a weighted mean of them, and recurrent layers or
// attention over their first tokens.

import {
  div,
  matmul,
  mul,
  reshape,
  softmax,
  stack,
  sum,
  type Tensor,
  transpose,
} from "../../engine/mod.ts";
import {
  checkOptions,
  Dropout,
  GRU,
  init,
  LSTM,
  Module,
  Parameter,
} from "../../nn/mod.ts";
import {
  checkCount,
  firstTokensOfBlocks,
  type PoolingHead,
  type PoolingInputs,
} from "./head.ts";
import { modesOf, type PoolingMode, poolTokens } from "./pool_tokens.ts";

/** Options of {@linkcode WeightedLayerPooling}. */
export interface WeightedLayerPoolingOptions {
  /** How many blocks the encoder has. */
  numHiddenLayers: number;
  /**
   * The first layer that counts: 0 for the embeddings, 1 for the first block. Of
   * 12 blocks, 9 means the last four.
   *
   * @default {4}
   */
  layerStart?: number | undefined;
  /** The initial weight of each layer that counts. @default {all 1} */
  layerWeights?: readonly number[] | undefined;
  /** How to pool the tokens of the mean. @default {"cls"} */
  mode?: PoolingMode | undefined;
}

/**
 * The mean of the last layers with weights that are trained, `Σ wₗ·hₗ / Σ wₗ`. The
 * weights may have any sign, and are no softmax; `freeze("layer_weights")` keeps
 * them equal.
 *
 * @example Equal weights give the mean of the layers
 * ```ts
 * import { full, initialize, ones } from "@swagpu/swagpu/engine";
 * import { WeightedLayerPooling } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const head = new WeightedLayerPooling(1, { numHiddenLayers: 2, layerStart: 1 });
 * const y = head.forward({
 *   hiddenStates: [5, 6, 8].map((value) => full([1, 3, 1], value)),
 *   attentionMask: ones([1, 3], { dtype: "i32" }),
 * });
 * assertEquals([...await y.data()], [7]);
 * ```
 */
export class WeightedLayerPooling extends Module implements PoolingHead {
  /** The length of a vector: `hiddenSize`. */
  readonly outputSize: number;
  /** The first layer that counts. */
  readonly layerStart: number;
  /** How the tokens of the mean are pooled. */
  readonly mode: PoolingMode;
  /** The weight of each layer that counts. */
  layerWeights: Parameter;

  /**
   * Builds the weights.
   *
   * @param hiddenSize The length of the states.
   * @param options The layers, their weights, and the mode.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If a number is out of range, or there are more or fewer
   * weights than layers that count.
   */
  constructor(hiddenSize: number, options: WeightedLayerPoolingOptions) {
    super();
    checkOptions(options, {
      action: "build a WeightedLayerPooling",
      known: ["numHiddenLayers", "layerStart", "layerWeights", "mode"],
    });
    const { numHiddenLayers, layerStart = 4, layerWeights, mode = "cls" } =
      options;
    checkCount("hiddenSize", hiddenSize);
    checkCount("numHiddenLayers", numHiddenLayers);
    checkCount("layerStart", layerStart, 0);
    const count = numHiddenLayers + 1 - layerStart;
    if (count < 1 || (layerWeights && layerWeights.length !== count)) {
      throw new RangeError(
        `Cannot pool ${numHiddenLayers} blocks and the embeddings from layer ` +
          `${layerStart}` +
          (count < 1
            ? ": there is none"
            : ` with ${layerWeights?.length} weights: expected ${count}`),
      );
    }
    modesOf(mode);
    this.outputSize = hiddenSize;
    this.layerStart = layerStart;
    this.mode = mode;
    this.layerWeights = new Parameter(
      [count],
      layerWeights ? init.values(layerWeights) : init.ones(),
    );
  }

  /** Pools the states. */
  forward(inputs: PoolingInputs): Tensor {
    const { attentionMask } = inputs;
    const { mode } = this;
    return poolTokens(this.mix(inputs), { attentionMask, mode });
  }

  /**
   * The weighted mean of the layers, `[batch, length, hidden]`.
   *
   * @throws {RangeError} If there are more or fewer layers than weights.
   */
  mix({ hiddenStates }: Pick<PoolingInputs, "hiddenStates">): Tensor {
    const { layerWeights, layerStart } = this;
    const layers = hiddenStates.slice(layerStart);
    const { size } = layerWeights;
    if (layers.length !== size) {
      throw new RangeError(
        `Cannot weigh ${layers.length} layers from layer ${layerStart}: there ` +
          `are ${size} weights`,
      );
    }
    const weights = div(layerWeights, sum(layerWeights));
    const all = stack(layers);
    const [, ...shape] = all.shape;
    const mixed = matmul(
      reshape(weights, [1, size]),
      reshape(all, [size, all.size / size]),
    );
    return reshape(mixed, shape);
  }
}

/** Options of {@linkcode RecurrentPooling}. */
export interface RecurrentPoolingOptions {
  /** The kind of recurrent layer. @default {"lstm"} */
  kind?: "lstm" | "gru" | undefined;
  /** How many units it has, which is the length of a vector. @default {256} */
  units?: number | undefined;
  /** The share of the vector that becomes zero in training. @default {0} */
  dropout?: number | undefined;
  /** See {@linkcode AttentionPoolingOptions.scrambled}. @default {false} */
  scrambled?: boolean | undefined;
}

/**
 * An LSTM or GRU over the first token's states in all blocks, from the first block
 * to the last; its last state is the vector.
 *
 * @example Usage
 * ```ts
 * import { initialize, ones } from "@swagpu/swagpu/engine";
 * import { RecurrentPooling } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const head = new RecurrentPooling(4, { kind: "gru", units: 3 });
 * const y = head.forward({
 *   hiddenStates: [ones([2, 5, 4]), ones([2, 5, 4]), ones([2, 5, 4])],
 *   attentionMask: ones([2, 5], { dtype: "i32" }),
 * });
 * assertEquals(y.shape, [2, 3]);
 * ```
 */
export class RecurrentPooling extends Module implements PoolingHead {
  /** The length of a vector: the number of units. */
  readonly outputSize: number;
  /** Whether layers and features are mixed, as in copies in circulation. */
  readonly scrambled: boolean;
  /** Over the blocks. */
  rnn: LSTM | GRU;
  /** On the vector. */
  readonly dropout: Dropout;

  /**
   * Builds the recurrent layer.
   *
   * @param hiddenSize The length of the states.
   * @param options The kind of layer, its units, and dropout.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If a number is out of range, or the kind is not known.
   */
  constructor(hiddenSize: number, options: RecurrentPoolingOptions = {}) {
    super();
    checkOptions(options, {
      action: "build a RecurrentPooling",
      known: ["kind", "units", "dropout", "scrambled"],
    });
    const { kind = "lstm", units = 256, dropout = 0, scrambled = false } =
      options;
    if (kind !== "lstm" && kind !== "gru") {
      throw new RangeError(
        `Cannot pool with kind ${
          JSON.stringify(kind)
        }: expected "lstm" or "gru"`,
      );
    }
    this.outputSize = units;
    this.scrambled = scrambled;
    this.rnn = kind === "lstm"
      ? new LSTM(hiddenSize, units)
      : new GRU(hiddenSize, units);
    this.dropout = new Dropout(dropout);
  }

  /** Pools the states. */
  forward(inputs: PoolingInputs): Tensor {
    const x = sequenceOf(inputs, this.scrambled);
    const { hidden } = this.rnn.forward(x);
    return this.dropout.forward(reshape(hidden, hidden.shape.slice(1)));
  }
}

/** Options of {@linkcode AttentionPooling}. */
export interface AttentionPoolingOptions {
  /** The length of a vector. @default {256} */
  outputSize?: number | undefined;
  /** The share of the vector that becomes zero in training. @default {0} */
  dropout?: number | undefined;
  /**
   * Whether to read the states in the order of copies of this head in circulation.
   * These join the blocks along the last axis, `[batch, hidden, blocks]`, and then
   * call that memory `[batch, blocks, hidden]`, which mixes blocks with features.
   * For weights that were trained so.
   *
   * @default {false}
   */
  scrambled?: boolean | undefined;
}

/**
 * Attention over the first token's states in all blocks:
 * `a = softmax(q·hₗ)`, and the vector is `(Σ aₗ·hₗ) W_h`. Both `q [1, hidden]` and
 * `W_h [hidden, outputSize]` start as N(0, 0.1²).
 *
 * @example Usage
 * ```ts
 * import { initialize, ones } from "@swagpu/swagpu/engine";
 * import { AttentionPooling } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const head = new AttentionPooling(4, { outputSize: 3 });
 * const y = head.forward({
 *   hiddenStates: [ones([2, 5, 4]), ones([2, 5, 4]), ones([2, 5, 4])],
 *   attentionMask: ones([2, 5], { dtype: "i32" }),
 * });
 * assertEquals(y.shape, [2, 3]);
 * ```
 */
export class AttentionPooling extends Module implements PoolingHead {
  /** The length of a vector. */
  readonly outputSize: number;
  /** Whether layers and features are mixed, as in copies in circulation. */
  readonly scrambled: boolean;
  /** What the states are compared with, `[1, hidden]`. */
  q: Parameter;
  /** From the mean of the states to the vector, `[hidden, outputSize]`. */
  wH: Parameter;
  /** On the vector. */
  readonly dropout: Dropout;

  /**
   * Builds the parameters.
   *
   * @param hiddenSize The length of the states.
   * @param options The length of the vectors, and dropout.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(hiddenSize: number, options: AttentionPoolingOptions = {}) {
    super();
    checkOptions(options, {
      action: "build an AttentionPooling",
      known: ["outputSize", "dropout", "scrambled"],
    });
    const { outputSize = 256, dropout = 0, scrambled = false } = options;
    checkCount("hiddenSize", hiddenSize);
    checkCount("outputSize", outputSize);
    this.outputSize = outputSize;
    this.scrambled = scrambled;
    this.q = new Parameter([1, hiddenSize], init.normal({ std: 0.1 }));
    this.wH = new Parameter(
      [hiddenSize, outputSize],
      init.normal({ std: 0.1 }),
    );
    this.dropout = new Dropout(dropout);
  }

  /** Pools the states. */
  forward(inputs: PoolingInputs): Tensor {
    const x = sequenceOf(inputs, this.scrambled);
    const scores = matmul(x, this.q, { transposeB: true });
    const mixed = sum(mul(x, softmax(scores, { axis: 1 })), { axis: 1 });
    return this.dropout.forward(matmul(mixed, this.wH));
  }
}

/** The blocks' first tokens, `[batch, blocks, hidden]`, in either order. */
function sequenceOf(inputs: PoolingInputs, scrambled: boolean): Tensor {
  const x = firstTokensOfBlocks(inputs);
  return scrambled ? reshape(transpose(x, 1, 2), x.shape) : x;
}
