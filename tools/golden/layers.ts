// Copyright 2026 the swagpu authors. MIT license.

// Checks a folder of layers that PyTorch has run.

import {
  type IntegerTensor,
  matmul,
  tanh,
  type Tensor,
} from "../../engine/mod.ts";
import {
  Conv1d,
  Embedding,
  GRU,
  type GruOutput,
  Linear,
  LSTM,
  type LstmOutput,
  Module,
  Parameter,
} from "../../nn/mod.ts";
import { checkBatchNorm, checkUpdateBn } from "./batch_norm.ts";
import { type Comparison, readGolden } from "./compare.ts";
import {
  checkTensorCase,
  floats,
  integers,
  type Runnable,
  type TensorCase,
  type TensorCases,
} from "./tensor_cases.ts";

const GRADIENTS = 1e-5;

/** The options of PyTorch's layers that the cases give. */
interface LayerConfig {
  input_size: number;
  hidden_size: number;
  num_layers: number;
  bidirectional: boolean;
  bias: boolean;
  in_channels: number;
  out_channels: number;
  kernel_size: number;
  stride: number;
  padding: number | "same";
  dilation: number;
  groups: number;
  num_embeddings: number;
  embedding_dim: number;
  padding_idx: number | null;
}

/** Compares every case of a folder of layers. */
export async function checkLayers(
  folder: string,
  { cases }: TensorCases,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  for (const one of cases) {
    const path = `${folder}/${one.id}.safetensors`;
    const check = one.layer === "BatchNorm1d"
      ? checkBatchNorm
      : one.layer === "update_bn"
      ? checkUpdateBn
      : undefined;
    if (check) {
      results.push(...await check(one, await readGolden(path)));
      continue;
    }
    results.push(
      ...await checkTensorCase(one, path, () => build(one), {
        gradients: GRADIENTS,
      }),
    );
  }
  return results;
}

/** Builds the layer of a case. */
function build({ layer, config, tensors }: TensorCase): Runnable {
  const given = config as LayerConfig;
  switch (layer) {
    case "LSTM":
    case "GRU":
      return recurrent(layer, given);
    case "Conv1d":
      return convolution(given);
    case "Embedding":
      return table(given);
    case "Embedding and Linear sharing one weight": {
      const module = new TiedEmbedding(tensors["weight.emb.weight"] ?? []);
      return {
        module,
        run: ({ ids }) => ({ logits: module.forward(integers(ids)) }),
      };
    }
    default:
      throw new RangeError(`there is no layer ${layer}`);
  }
}

function recurrent(layer: "LSTM" | "GRU", config: LayerConfig): Runnable {
  const { input_size, hidden_size, num_layers, bidirectional, bias } = config;
  const options = { numLayers: num_layers, bidirectional, bias };
  const module = layer === "LSTM"
    ? new LSTM(input_size, hidden_size, options)
    : new GRU(input_size, hidden_size, options);
  return {
    module,
    run: ({ x, lengths, h0, c0 }) => {
      const result: GruOutput & Partial<LstmOutput> = module.forward(
        floats(x),
        {
          ...(lengths ? { lengths: integers(lengths) } : {}),
          ...(h0 ? { hidden: floats(h0) } : {}),
          ...(c0 ? { cell: floats(c0) } : {}),
        },
      );
      return {
        y: result.output,
        h_n: result.hidden,
        ...(result.cell ? { c_n: result.cell } : {}),
      };
    },
  };
}

function convolution(config: LayerConfig): Runnable {
  const { in_channels, out_channels, kernel_size, ...others } = config;
  const { stride, padding, dilation, groups, bias } = others;
  const module = new Conv1d(in_channels, out_channels, {
    kernelSize: kernel_size,
    stride,
    padding,
    dilation,
    groups,
    bias,
  });
  return { module, run: ({ x }) => ({ y: module.forward(floats(x)) }) };
}

function table(config: LayerConfig): Runnable {
  const { num_embeddings, embedding_dim, padding_idx } = config;
  const module = new Embedding(num_embeddings, embedding_dim, {
    paddingIdx: padding_idx ?? undefined,
  });
  return { module, run: ({ ids }) => ({ y: module.forward(integers(ids)) }) };
}

/** `tanh(emb(ids) · mixᵀ + b) · embᵀ + b`, with padding row 0. */
class TiedEmbedding extends Module {
  emb: Embedding;
  mix: Linear;
  dec: Module & { bias: Parameter };

  constructor([count = 0, width = 0]: readonly number[]) {
    super();
    this.emb = new Embedding(count, width, { paddingIdx: 0 });
    this.mix = new Linear(width, width);
    this.dec = Object.assign(new Module(), { bias: new Parameter([count]) });
  }

  forward(ids: IntegerTensor): Tensor {
    const states = tanh(this.mix.forward(this.emb.forward(ids)));
    return matmul(states, this.emb.weight, {
      transposeB: true,
      bias: this.dec.bias,
    });
  }
}
