// Copyright 2026 the swagpu authors. MIT license.

// Checks a folder of pooling heads over the states of inputs.safetensors.

import type { Tensor } from "../../engine/mod.ts";
import {
  AttentionPooling,
  ConcatPooling,
  ConvPooling,
  type PoolingHead,
  type PoolingInputs,
  RecurrentPooling,
  TokenPooling,
  WeightedLayerPooling,
  WKPooling,
} from "../../models/mod.ts";
import { type Comparison, type Golden, readGolden } from "./compare.ts";
import {
  checkTensorCase,
  floats,
  type Inputs,
  integers,
  type Runnable,
  type TensorCases,
} from "./tensor_cases.ts";

const GRADIENTS = 1e-5;
/** WK pooling divides by small numbers. */
const GRADIENTS_OF_WK = 2e-4;

/** The sizes that all cases of a folder share. */
interface Sizes {
  num_layers: number;
  hidden: number;
  fc: number;
  layer_start: number;
}

/** Compares every case of a folder of pooling heads. */
export async function checkPooling(
  folder: string,
  found: TensorCases,
): Promise<Comparison[]> {
  const sizes = found as unknown as Sizes;
  const all = await readGolden(`${folder}/inputs.safetensors`);
  const shared: Golden = new Map(
    [...all].map(([name, value]) => [name.replace("hidden.", "h"), value]),
  );
  const results: Comparison[] = [];
  for (const one of found.cases) {
    const path = `${folder}/${one.id}.safetensors`;
    results.push(
      ...await checkTensorCase(one, path, () => build(one.id, sizes), {
        gradients: one.id === "wk" ? GRADIENTS_OF_WK : GRADIENTS,
        shared,
      }),
    );
  }
  return results;
}

/** The states of all layers, and the mask. */
function poolingInputs(inputs: Inputs): PoolingInputs {
  const hiddenStates: Tensor[] = [];
  for (let i = 0; inputs[`h${i}`]; i++) {
    hiddenStates.push(floats(inputs[`h${i}`]));
  }
  return { hiddenStates, attentionMask: integers(inputs.mask) };
}

/** Builds the head of a case. */
function build(id: string, sizes: Sizes): Runnable {
  const { hidden, layer_start: layerStart } = sizes;
  if (id.startsWith("weighted_layer_")) {
    const module = new WeightedLayerPooling(hidden, {
      numHiddenLayers: sizes.num_layers,
      layerStart,
    });
    // The reference is the mean of the layers for every token.
    return {
      module,
      run: (inputs) => ({ pooled: module.mix(poolingInputs(inputs)) }),
    };
  }
  const module = headOf(id, sizes);
  return {
    module,
    run: (inputs) => ({ pooled: module.forward(poolingInputs(inputs)) }),
  };
}

function headOf(
  id: string,
  { hidden, fc, layer_start: layerStart }: Sizes,
): PoolingHead {
  const scrambled = id.endsWith("_view");
  switch (id.replace("_view", "")) {
    case "cls":
    case "mean":
    case "max":
      return new TokenPooling(hidden, { mode: id as "cls" | "mean" | "max" });
    case "mean_max":
      return new TokenPooling(hidden, { mode: ["mean", "max"] });
    case "cls_layer":
      return new TokenPooling(hidden, { layer: -2 });
    case "concat_last4_cls":
      return new ConcatPooling(hidden);
    case "conv1d": // The reference lets padding in.
      return new ConvPooling(hidden, { channels: fc, masked: false });
    case "lstm_cls":
      return new RecurrentPooling(hidden, { units: fc, scrambled });
    case "gru_cls":
      return new RecurrentPooling(hidden, { kind: "gru", units: fc });
    case "attention_cls":
      return new AttentionPooling(hidden, { outputSize: fc, scrambled });
    case "wk":
      return new WKPooling(hidden, { layerStart });
    default:
      throw new RangeError(`there is no pooling head for ${id}`);
  }
}
