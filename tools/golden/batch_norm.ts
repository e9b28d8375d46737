// Copyright 2026 the swagpu authors. MIT license.

// Checks batch norms that PyTorch has run: on several batches in turn, then in
// evaluation; and the statistics after a pass of update_bn.

import {
  add,
  backward,
  mul,
  scope,
  sum,
  tanh,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { BatchNorm1d, Conv1d, Linear, Module, updateBn } from "../../nn/mod.ts";
import {
  compare,
  type Comparison,
  type Golden,
  hostTensors,
  maxAbs,
} from "./compare.ts";
import { below, type TensorCase } from "./tensor_cases.ts";

const OUTPUTS = 1e-5;
const GRADIENTS = 1e-5;

/** The inputs of a case as leaves. */
function inputsOf(golden: Golden): Map<string, Tensor> {
  return new Map(
    [...below(golden, "input.")].map(([name, { data, shape }]) => [
      name,
      tensor(Float32Array.from(data), { shape, requiresGrad: true }),
    ]),
  );
}

/** Weights, and the buffers that a prefix names. */
function stateOf(golden: Golden, prefix: string): Golden {
  return new Map([
    ...below(golden, "weight."),
    ...below(golden, prefix),
  ]);
}

async function checkBuffers(
  id: string,
  module: Module,
  golden: Golden,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  const buffers = module.namedBuffers();
  for (const [name, expected] of below(golden, "buffer_after.")) {
    const values = await buffers.get(name)?.data() ?? [];
    const wanted = Array.from(expected.data, Number);
    results.push(compare(`${id} buffer.${name}`, values, wanted, {
      absolute: OUTPUTS,
      relative: 0,
    }));
  }
  return results;
}

/** Checks a batch norm on three batches, then in evaluation, with gradients. */
export async function checkBatchNorm(
  { id, config }: TensorCase,
  golden: Golden,
): Promise<Comparison[]> {
  using _ = scope();
  const { num_features, ...others } = config as {
    num_features: number;
    momentum: number | null;
    eps: number;
    affine: boolean;
  };
  using module = new BatchNorm1d(num_features, others);
  await module.loadStateDict(hostTensors(stateOf(golden, "buffer_before.")));
  const inputs = inputsOf(golden);
  const results: Comparison[] = [];
  let loss: Tensor | undefined;
  for (const [name, x] of inputs) {
    const end = name.slice(1);
    module.train(end !== "_eval");
    const y = module.forward(x);
    const expected = golden.get(`output.y${end}`);
    const cotangent = golden.get(`cotangent.y${end}`);
    if (!expected || !cotangent) continue;
    results.push(compare(`${id} y${end}`, await y.data(), expected.data, {
      absolute: OUTPUTS,
      relative: 0,
    }));
    const part = sum(mul(
      y,
      tensor(Float32Array.from(cotangent.data), { shape: cotangent.shape }),
    ));
    loss = loss ? add(loss, part) : part;
    for (const statistic of ["mean", "var"] as const) {
      const after = golden.get(`running_${statistic}_after.${end}`);
      const buffer = statistic === "mean"
        ? module.runningMean
        : module.runningVar;
      if (!after) continue;
      results.push(compare(
        `${id} running_${statistic} after ${end}`,
        await buffer?.data() ?? [],
        after.data,
        { absolute: OUTPUTS, relative: 0 },
      ));
    }
  }
  if (loss) backward(loss);
  for (const [name, expected] of below(golden, "grad.")) {
    const [kind = "", own = ""] = name.split(".");
    const leaf = kind === "input"
      ? inputs.get(own)
      : module.namedParameters().get(own);
    results.push(compare(
      `${id} grad.${name}`,
      await leaf?.grad?.data() ?? [],
      expected.data,
      { absolute: GRADIENTS * Math.max(1, maxAbs(expected.data)), relative: 0 },
    ));
  }
  results.push(...await checkBuffers(id, module, golden));
  return results;
}

/** `bn2(mid(tanh(bn1(inp(x)))))`. */
class TwoNorms extends Module {
  inp: Linear | Conv1d;
  bn1: BatchNorm1d;
  mid: Linear | Conv1d;
  bn2: BatchNorm1d;

  constructor(inputs: number, width: number, isConvolution: boolean) {
    super();
    const layer = (from: number) =>
      isConvolution
        ? new Conv1d(from, width, { kernelSize: 1 })
        : new Linear(from, width);
    this.inp = layer(inputs);
    this.bn1 = new BatchNorm1d(width);
    this.mid = layer(width);
    this.bn2 = new BatchNorm1d(width, { momentum: 0.3 });
  }

  forward(x: Tensor): Tensor {
    const y = tanh(this.bn1.forward(this.inp.forward(x)));
    return this.bn2.forward(this.mid.forward(y));
  }
}

/** Checks the statistics after a pass of update_bn, and what they give. */
export async function checkUpdateBn(
  { id }: TensorCase,
  golden: Golden,
): Promise<Comparison[]> {
  using _ = scope();
  const [width = 0, inputs = 0] = golden.get("weight.inp.weight")?.shape ?? [];
  using module = new TwoNorms(inputs, width, id.endsWith("ncl"));
  await module.loadStateDict(hostTensors(stateOf(golden, "buffer_before.")));
  module.eval();
  const batches = inputsOf(golden);
  await updateBn(batches.values(), module);
  const results = await checkBuffers(id, module, golden);
  const last = batches.get("x3");
  const expected = golden.get("output.eval_x3");
  if (last && expected) {
    const values = await module.forward(last).data();
    results.push(compare(`${id} eval`, values, expected.data, {
      absolute: OUTPUTS,
      relative: 0,
    }));
  }
  const kept = module.bn2.momentum === 0.3 && !module.training;
  results.push(compare(`${id} momentum and mode`, [Number(kept)], [1], {
    absolute: 0,
    relative: 0,
  }));
  return results;
}
