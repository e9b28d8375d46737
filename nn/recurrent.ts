// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Recurrent layers, with PyTorch's names and weights.

import {
  concat,
  gru,
  type GruResult,
  type IntegerTensor,
  lstm,
  type LstmResult,
  permute,
  reshape,
  slice,
  stack,
  type Tensor,
  tensor,
} from "../engine/mod.ts";
import { Dropout } from "./dropout.ts";
import { uniform } from "./init.ts";
import { Module } from "./module.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@linkcode LSTM} and {@linkcode GRU}. */
export interface RecurrentModuleOptions {
  /** How many layers lie on each other. @default {1} */
  numLayers?: number | undefined;
  /** Whether to add biases. @default {true} */
  bias?: boolean | undefined;
  /**
   * Whether each layer also goes from the end to the start. Then the output holds
   * the states of both directions side by side.
   *
   * @default {false}
   */
  bidirectional?: boolean | undefined;
  /**
   * The share of each layer's output, except the last, that becomes zero in
   * training.
   *
   * @default {0}
   */
  dropout?: number | undefined;
}

/** Options of the `forward` of {@linkcode GRU}. */
export interface GruForwardOptions {
  /**
   * The states before the first time, `[layers · directions, batch, hidden]`; of a
   * layer, the one of the forward direction comes first.
   *
   * @default {zeros}
   */
  hidden?: Tensor | undefined;
  /**
   * How many times each text has, `[batch]`. Behind its end the output is 0; its
   * last state is the one after its last time, and the other direction starts
   * there. This is what PyTorch's packed sequences do, in any order of lengths.
   *
   * @default {all times}
   */
  lengths?: IntegerTensor | readonly number[] | undefined;
}

/** Options of the `forward` of {@linkcode LSTM}. */
export interface LstmForwardOptions extends GruForwardOptions {
  /**
   * The cells before the first time, of the shape of `hidden`.
   *
   * @default {zeros}
   */
  cell?: Tensor | undefined;
}

/** The output of a {@linkcode GRU}. */
export interface GruOutput {
  /** The last layer's states, `[batch, times, directions · hidden]`. */
  output: Tensor;
  /** Every layer's last states, `[layers · directions, batch, hidden]`. */
  hidden: Tensor;
}

/** The output of an {@linkcode LSTM}. */
export interface LstmOutput extends GruOutput {
  /** Every layer's last cells, `[layers · directions, batch, hidden]`. */
  cell: Tensor;
}

/**
 * The name of a weight of {@linkcode LSTM} or {@linkcode GRU}: which input it
 * belongs to, the layer, and `_reverse` for the direction from the end.
 */
export type RecurrentWeightName =
  | `weight_ih_l${string}`
  | `weight_hh_l${string}`
  | `bias_ih_l${string}`
  | `bias_hh_l${string}`;

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

/** The sizes and settings of all layers. */
interface Sizes {
  inputSize: number;
  hiddenSize: number;
  numLayers: number;
  bias: boolean;
  bidirectional: boolean;
  dropout: number;
}

function sizesOf(
  name: string,
  inputSize: number,
  hiddenSize: number,
  options: RecurrentModuleOptions,
): Sizes {
  checkOptions(options, {
    action: `build ${name === "LSTM" ? "an" : "a"} ${name}`,
    known: ["numLayers", "bias", "bidirectional", "dropout"],
  });
  const {
    numLayers = 1,
    bias = true,
    bidirectional = false,
    dropout = 0,
  } = options;
  const counts = { inputSize, hiddenSize, numLayers };
  for (const [label, value] of Object.entries(counts)) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new RangeError(
      `Cannot build ${name} with ${label} ${value}: ` +
        "expected a whole number of at least 1",
    );
  }
  if (numLayers === 1 && dropout !== 0) {
    throw new RangeError(
      `Cannot build ${name} with dropout ${dropout}: it acts between layers, ` +
        "and there is one; apply a Dropout to the output",
    );
  }
  return { ...counts, bias, bidirectional, dropout };
}

/** `""` and, with two directions, `"_reverse"`. */
function directionsOf(bidirectional: boolean): string[] {
  return bidirectional ? ["", "_reverse"] : [""];
}

function weightsOf(sizes: Sizes, gates: number): Record<string, Parameter> {
  const { inputSize, hiddenSize, numLayers, bias, bidirectional } = sizes;
  const bound = 1 / Math.sqrt(hiddenSize);
  const make = (shape: number[]) =>
    new Parameter(shape, uniform(-bound, bound));
  const rows = gates * hiddenSize;
  const directions = directionsOf(bidirectional);
  const weights: Record<string, Parameter> = {};
  for (let layer = 0; layer < numLayers; layer++) {
    const width = layer === 0 ? inputSize : hiddenSize * directions.length;
    for (const direction of directions) {
      const name = `l${layer}${direction}`;
      weights[`weight_ih_${name}`] = make([rows, width]);
      weights[`weight_hh_${name}`] = make([rows, hiddenSize]);
      if (!bias) continue;
      weights[`bias_ih_${name}`] = make([rows]);
      weights[`bias_hh_${name}`] = make([rows]);
    }
  }
  return weights;
}

/** Runs layer after layer. `step` is the op of one layer in one direction. */
function runLayers<R extends GruResult | LstmResult>(
  module: LSTM | GRU,
  x: Tensor,
  options: LstmForwardOptions,
  step: (x: Tensor, options: Parameters<typeof lstm>[1]) => R,
): Record<keyof R, Tensor> {
  const { hiddenSize, numLayers, inputSize } = module;
  const [batch = 0] = x.shape;
  if (x.shape.length !== 3 || x.shape[2] !== inputSize) {
    throw new TypeError(
      `Cannot run over [${x.shape.join(", ")}]: ` +
        `expected [batch, times, ${inputSize}]`,
    );
  }
  const directions = directionsOf(module.bidirectional);
  const { hidden, cell } = options;
  const stateShape = [numLayers * directions.length, batch, hiddenSize];
  checkState("hidden", hidden, stateShape);
  checkState("cell", cell, stateShape);
  const lengths = lengthsOf(options.lengths, x);
  const states: R[] = [];
  let y = permute(x, [1, 0, 2]);
  for (let layer = 0; layer < numLayers; layer++) {
    if (layer > 0) y = module.dropout.forward(y);
    const input = y;
    const outputs = directions.map((direction) => {
      const at = states.length;
      const name = `${layer}${direction}`;
      const result = step(input, {
        weightIh: weight(module, `weight_ih_l${name}`),
        weightHh: weight(module, `weight_hh_l${name}`),
        biasIh: module[`bias_ih_l${name}`],
        biasHh: module[`bias_hh_l${name}`],
        hidden: hidden && stateAt(hidden, at),
        ...(cell ? { cell: stateAt(cell, at) } : {}),
        lengths,
        reverse: direction !== "",
      });
      states.push(result);
      return result.output;
    });
    const [only] = outputs;
    y = only && outputs.length === 1 ? only : concat(outputs, 2);
  }
  const last = states.map(({ output: _, ...rest }) => Object.entries(rest));
  const joined = (last[0] ?? []).map(([name], i) => [
    name,
    stack(last.map((each) => each[i]?.[1] as Tensor)),
  ]);
  return { output: permute(y, [1, 0, 2]), ...Object.fromEntries(joined) };
}

function weight(module: LSTM | GRU, name: RecurrentWeightName): Parameter {
  const parameter = module[name];
  if (parameter) return parameter;
  throw new ReferenceError(`Cannot find the weight ${name}`);
}

function checkState(
  name: string,
  state: Tensor | undefined,
  shape: readonly number[],
): void {
  if (!state || state.shape.join() === shape.join()) return;
  throw new TypeError(
    `Cannot start with ${name} of [${state.shape.join(", ")}]: ` +
      `expected [${shape.join(", ")}]`,
  );
}

/** The state of one layer and direction, `[batch, hidden]`. */
function stateAt(states: Tensor, at: number): Tensor {
  const one = slice(states, { axis: 0, start: at, end: at + 1 });
  return reshape(one, states.shape.slice(1));
}

function lengthsOf(
  lengths: IntegerTensor | readonly number[] | undefined,
  { device }: Tensor,
): IntegerTensor | undefined {
  return Array.isArray(lengths)
    ? tensor(lengths as number[], { dtype: "i32", device })
    : lengths as IntegerTensor | undefined;
}
