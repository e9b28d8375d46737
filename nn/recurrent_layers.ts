// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What LSTM and GRU share: options, weights, and the way through the layers.

import {
  concat,
  type GruResult,
  type IntegerTensor,
  type LstmOptions,
  type LstmResult,
  permute,
  reshape,
  slice,
  stack,
  type Tensor,
  tensor,
} from "../engine/mod.ts";
import type { Dropout } from "./dropout.ts";
import { uniform } from "./init.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";

/** Options of `LSTM` and `GRU`. */
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

/** Options of the `forward` of `GRU`. */
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

/** Options of the `forward` of `LSTM`. */
export interface LstmForwardOptions extends GruForwardOptions {
  /**
   * The cells before the first time, of the shape of `hidden`.
   *
   * @default {zeros}
   */
  cell?: Tensor | undefined;
}

/** The output of a `GRU`. */
export interface GruOutput {
  /** The last layer's states, `[batch, times, directions · hidden]`. */
  output: Tensor;
  /** Every layer's last states, `[layers · directions, batch, hidden]`. */
  hidden: Tensor;
}

/** The output of an `LSTM`. */
export interface LstmOutput extends GruOutput {
  /** Every layer's last cells, `[layers · directions, batch, hidden]`. */
  cell: Tensor;
}

/**
 * The name of a weight of `LSTM` or `GRU`: which input it
 * belongs to, the layer, and `_reverse` for the direction from the end.
 */
export type RecurrentWeightName =
  | `weight_ih_l${string}`
  | `weight_hh_l${string}`
  | `bias_ih_l${string}`
  | `bias_hh_l${string}`;

/** The sizes and settings of all layers. */
export interface RecurrentSizes {
  inputSize: number;
  hiddenSize: number;
  numLayers: number;
  bias: boolean;
  bidirectional: boolean;
  dropout: number;
}

/** Checks the sizes and settings of a layer called `name`. */
export function sizesOf(
  name: string,
  inputSize: number,
  hiddenSize: number,
  options: RecurrentModuleOptions,
): RecurrentSizes {
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

/** The weights of all layers by PyTorch's names, in its order. */
export function weightsOf(
  sizes: RecurrentSizes,
  gates: number,
): Record<string, Parameter> {
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

/** A module of recurrent layers, as far as running it needs to know. */
interface RecurrentModule {
  [name: RecurrentWeightName]: Parameter;
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bidirectional: boolean;
  readonly dropout: Dropout;
}

/** Runs layer after layer. `step` is the op of one layer in one direction. */
export function runLayers<R extends GruResult | LstmResult>(
  module: RecurrentModule,
  x: Tensor,
  options: LstmForwardOptions,
  step: (x: Tensor, options: LstmOptions) => R,
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

function weight(module: RecurrentModule, name: RecurrentWeightName): Parameter {
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
