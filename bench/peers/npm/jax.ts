// Copyright 2026 the swagpu authors. MIT license.

// @jax-js/jax on WebGPU, or on its WebAssembly backend with --wasm. Operations
// are lazy: `gpuBufferSync` submits one without waiting for it.

import {
  defaultDevice,
  getWebGPUDevice,
  init,
  jit,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
} from "@jax-js/jax";
import type { AttentionSizes } from "../data.ts";
import {
  ADAMW,
  encoderBatch,
  type EncoderSizes,
  encoderWeights,
  mlpBatch,
  type MlpSizes,
  mlpWeights,
  probe,
  random,
  type Weights,
} from "../data.ts";
import type { Parameters } from "../protocol.ts";
import { type Kinds, type Prepared, serve, watch } from "../worker.ts";

type Named = Record<string, np.Array>;

const wasm = Deno.args.includes("--wasm");
let gpu: GPUDevice | undefined;

function sizes<T>(parameters: Parameters): T {
  return parameters as unknown as T;
}

function array(
  data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>,
  shape: number[],
): np.Array {
  return np.array(data as Float32Array<ArrayBuffer>).reshape(shape);
}

function drawn(shape: number[], seed: number): np.Array {
  return array(random(shape.reduce((a, b) => a * b, 1), seed), shape);
}

/** Sees to it that an array is computed, and frees it. */
function execute(x: np.Array): void {
  if (gpu) x.gpuBufferSync();
  else x.dataSync();
}

async function wait(): Promise<void> {
  await gpu?.queue.onSubmittedWorkDone();
}

function operation(
  inputs: readonly np.Array[],
  compute: () => np.Array,
  note?: string,
): Prepared {
  return {
    run: () => execute(compute()),
    wait,
    outputs: async () => probe(await compute().data() as Float32Array),
    ...(note === undefined ? {} : { note }),
    dispose() {
      for (const input of inputs) input.dispose();
    },
  };
}

type Loss = (weights: Named, x: np.Array, y: np.Array) => np.Array;
type State = [np.Array, Named, Named, Named, np.Array];

/** One step of AdamW, written out: the package has no optimizers. */
function step(loss: Loss) {
  const { learningRate, beta1, beta2, eps, weightDecay } = ADAMW;
  const update = (
    weights: Named,
    first: Named,
    second: Named,
    time: np.Array,
    x: np.Array,
    y: np.Array,
  ): State => {
    const [value, gradients] = valueAndGrad(loss)(
      tree.ref(weights),
      x,
      y,
    ) as unknown as [np.Array, Named];
    const steps = time.add(1);
    const scale = (beta: number) =>
      np.reciprocal(np.subtract(1, np.power(beta, steps.ref)));
    const scale1 = scale(beta1);
    const scale2 = scale(beta2);
    const updated: [Named, Named, Named] = [{}, {}, {}];
    for (const [name, weight] of Object.entries(weights)) {
      const g = gradients[name]!;
      const m = first[name]!.mul(beta1).add(g.ref.mul(1 - beta1));
      const v = second[name]!.mul(beta2).add(g.ref.mul(g).mul(1 - beta2));
      const change = m.ref.mul(scale1.ref)
        .div(np.sqrt(v.ref.mul(scale2.ref)).add(eps));
      updated[0][name] = weight.mul(1 - learningRate * weightDecay)
        .sub(change.mul(learningRate));
      updated[1][name] = m;
      updated[2][name] = v;
    }
    scale1.dispose();
    scale2.dispose();
    return [value, ...updated, steps];
  };
  // deno-lint-ignore no-explicit-any
  return jit(update as any) as unknown as typeof update;
}

function training(
  weights: Weights,
  loss: Loss,
  [x, y]: [np.Array, np.Array],
  note: string,
): Prepared {
  const make = (value: (weight: Weights[string]) => np.Array): Named =>
    Object.fromEntries(
      Object.entries(weights).map(([name, weight]) => [name, value(weight)]),
    );
  let current = make(({ data, shape }) => array(data, shape));
  let first = make(({ shape }) => np.zeros(shape));
  let second = make(({ shape }) => np.zeros(shape));
  let time = np.array(0);
  let last: np.Array | undefined;
  const advance = step(loss);
  const run = () => {
    last?.dispose();
    [last, current, first, second, time] = advance(
      current,
      first,
      second,
      time,
      x.ref,
      y.ref,
    );
    for (const part of [current, first, second, time]) {
      for (const leaf of tree.leaves(part) as np.Array[]) execute(leaf.ref);
    }
  };
  return {
    run,
    wait,
    async outputs() {
      const losses: number[] = [];
      for (let i = 0; i < 5; i++) {
        run();
        losses.push(((await last!.ref.data()) as Float32Array)[0]!);
      }
      return losses;
    },
    note,
    dispose() {
      for (const part of [last, current, first, second, time, x, y]) {
        for (const leaf of tree.leaves(part) as np.Array[]) leaf.dispose();
      }
    },
  };
}

/** The encoder's scores; consumes the weights that it uses. */
function encode(weights: Named, ids: np.Array, shape: EncoderSizes): np.Array {
  const { layers, hidden, heads, length, batch, vocabulary } = shape;
  const norm = (x: np.Array, name: string) =>
    nn.standardize(x, -1, { epsilon: 1e-5 })
      .mul(weights[`${name}g`]!).add(weights[`${name}b`]!);
  // A lookup's gradient passes a storage pointer to a function, which this
  // WGSL compiler refuses: a product with one-hot rows in its place.
  let x = np.matmul(nn.oneHot(ids, vocabulary), weights.tok!)
    .add(weights.pos!);
  x = norm(x, "ln");
  for (let layer = 0; layer < layers; layer++) {
    const linear = (input: np.Array, suffix: string) =>
      np.matmul(input, weights[`l${layer}_w${suffix}`]!)
        .add(weights[`l${layer}_b${suffix}`]!);
    const project = (suffix: string) =>
      linear(x.ref, suffix)
        .reshape([batch, length, heads, hidden / heads]);
    const q = project("q");
    const k = project("k");
    const v = project("v");
    const seen = nn.dotProductAttention(q, k, v)
      .reshape([batch, length, hidden]);
    x = norm(x.add(linear(seen, "o")), `l${layer}_n1`);
    const inner = nn.gelu(linear(x.ref, "1"), { approximate: false });
    x = norm(x.add(linear(inner, "2")), `l${layer}_n2`);
  }
  return np.matmul(x, weights.wh!).add(weights.bh!);
}

/** The mean cross-entropy of scores. */
function crossEntropy(
  scores: np.Array,
  labels: np.Array,
  { classes, count }: { classes: number; count: number },
): np.Array {
  return nn.logSoftmax(scores).mul(nn.oneHot(labels, classes)).sum()
    .mul(-1 / count);
}

const kinds: Kinds = {
  matmul(parameters) {
    const { m, k, n } = sizes<{ m: number; k: number; n: number }>(parameters);
    if (parameters.transposeA || parameters.transposeB) {
      throw new Error("is asked for products of plain layout only");
    }
    const a = drawn([m, k], 1);
    const b = drawn([k, n], 2);
    return operation([a, b], () => np.matmul(a.ref, b.ref));
  },
  attention(parameters) {
    const { batch, heads, length, size } = sizes<AttentionSizes>(parameters);
    const shape = [batch, length, heads, size];
    const [q, k, v] = [1, 2, 3].map((seed) => drawn(shape, seed)) as [
      np.Array,
      np.Array,
      np.Array,
    ];
    const attend = jit((q: np.Array, k: np.Array, v: np.Array) =>
      nn.dotProductAttention(q, k, v)
    );
    return operation(
      [q, k, v],
      () => attend(q.ref, k.ref, v.ref),
      "nn.dotProductAttention in jit",
    );
  },
  fusedAttention: "has no fused attention",
  layerNorm(parameters) {
    const { rows, columns } = sizes<{ rows: number; columns: number }>(
      parameters,
    );
    const x = drawn([rows, columns], 4);
    const weight = np.ones([columns]);
    const bias = np.zeros([columns]);
    const norm = jit((x: np.Array, weight: np.Array, bias: np.Array) =>
      nn.standardize(x, -1, { epsilon: 1e-5 }).mul(weight).add(bias)
    );
    return operation(
      [x, weight, bias],
      () => norm(x.ref, weight.ref, bias.ref),
      "nn.standardize in jit",
    );
  },
  add(parameters) {
    const { length } = sizes<{ length: number }>(parameters);
    const a = drawn([length], 5);
    const b = drawn([length], 6);
    return operation([a, b], () => a.ref.add(b.ref));
  },
  chain(parameters) {
    const { links, length } = sizes<{ links: number; length: number }>(
      parameters,
    );
    const a = drawn([length], 7);
    const b = drawn([length], 8);
    return operation([a, b], () => {
      let x = a.ref;
      for (let i = 0; i < links; i++) x = x.add(b.ref);
      return x;
    }, "eager");
  },
  mlpStep(parameters) {
    const shape = sizes<MlpSizes>(parameters);
    const { x, labels } = mlpBatch(shape);
    return training(
      mlpWeights(shape),
      (weights, x, labels) => {
        const hidden = nn.relu(
          np.matmul(x, weights.w1!).add(weights.b1!),
        );
        const scores = np.matmul(hidden, weights.w2!).add(weights.b2!);
        const count = shape.batch;
        return crossEntropy(scores, labels, { classes: shape.outputs, count });
      },
      [array(x, [shape.batch, shape.inputs]), array(labels, [shape.batch])],
      "whole step in jit",
    );
  },
  encoderForward(parameters) {
    const shape = sizes<EncoderSizes>(parameters);
    const weights: Named = Object.fromEntries(
      Object.entries(encoderWeights(shape)).map((
        [name, { data, shape }],
      ) => [name, array(data, shape)]),
    );
    const ids = array(encoderBatch(shape).ids, [shape.batch, shape.length]);
    const forward = (weights: Named, ids: np.Array) =>
      encode(weights, ids, shape);
    // deno-lint-ignore no-explicit-any
    const compiled = jit(forward as any) as unknown as typeof forward;
    return operation(
      [ids, ...Object.values(weights)],
      () => compiled(tree.ref(weights), ids.ref),
      "in jit; lookup as one-hot product",
    );
  },
  encoderStep(parameters) {
    const shape = sizes<EncoderSizes>(parameters);
    const { ids, labels } = encoderBatch(shape);
    const tokens = [shape.batch, shape.length];
    return training(
      encoderWeights(shape),
      (weights, ids, labels) =>
        crossEntropy(encode(weights, ids, shape), labels, {
          classes: shape.vocabulary,
          count: shape.batch * shape.length,
        }),
      [array(ids, tokens), array(labels, tokens)],
      "whole step in jit; lookup as one-hot product",
    );
  },
};

await serve(async () => {
  const backend = wasm ? "wasm" : "webgpu";
  const available = await init(backend);
  if (!available.includes(backend)) throw new Error(`has no ${backend}`);
  defaultDevice(backend);
  const info = (await navigator.gpu?.requestAdapter())?.info;
  if (!wasm) {
    gpu = getWebGPUDevice();
    watch(gpu);
  }
  return {
    hello: {
      versions: { "@jax-js/jax": "0.1.25" },
      adapter: wasm ? "WebAssembly" : info?.description ?? "unknown",
    },
    kinds,
  };
});
