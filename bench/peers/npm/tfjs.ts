// Copyright 2026 the swagpu authors. MIT license.

// TensorFlow.js on its WebGPU backend. The union package is needed: tfjs-core
// alone registers no gradients.

import * as tf from "@tensorflow/tfjs";
import { type WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import "@tensorflow/tfjs-backend-webgpu";
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
  swapMiddle,
  type Weights,
} from "../data.ts";
import type { Parameters } from "../protocol.ts";
import { type Kinds, type Prepared, serve, watch } from "../worker.ts";

type Named = Record<string, tf.Tensor>;

let backend: WebGPUBackend;

function sizes<T>(parameters: Parameters): T {
  return parameters as unknown as T;
}

function drawn(shape: number[], seed: number): tf.Tensor {
  return tf.tensor(random(shape.reduce((a, b) => a * b, 1), seed), shape);
}

/** Submits what the open pass holds, and waits. */
async function wait(): Promise<void> {
  const { commandEncoder } = backend as unknown as { commandEncoder?: object };
  if (commandEncoder) {
    (backend as unknown as { endComputePassEncoder(): void })
      .endComputePassEncoder();
    backend.submitQueue();
  }
  await backend.queue.onSubmittedWorkDone();
}

function operation(
  inputs: readonly tf.Tensor[],
  compute: () => tf.Tensor,
  extra: {
    note?: string;
    order?: (values: Float32Array) => Float32Array;
  } = {},
): Prepared {
  const { note, order = (values) => values } = extra;
  return {
    run: () => tf.tidy(compute).dispose(),
    wait,
    async outputs() {
      const y = tf.tidy(compute);
      const values = probe(order(await y.data() as Float32Array));
      y.dispose();
      return values;
    },
    ...(note === undefined ? {} : { note }),
    dispose() {
      tf.dispose([...inputs]);
    },
  };
}

function attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor {
  const scale = 1 / Math.sqrt(q.shape.at(-1) ?? NaN);
  const scores = tf.mul(tf.matMul(q, k, false, true), scale);
  return tf.matMul(tf.softmax(scores), v);
}

function norm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  const scaled = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
  return tf.add(tf.mul(scaled, weight), bias);
}

function training(
  weights: Weights,
  loss: (variables: Named) => tf.Tensor,
  inputs: readonly tf.Tensor[],
): Prepared {
  const variables: Record<string, tf.Variable> = Object.fromEntries(
    Object.entries(weights).map(([name, { data, shape }]) => [
      name,
      tf.variable(tf.tensor(data, shape)),
    ]),
  );
  const { learningRate, beta1, beta2, eps } = ADAMW;
  const optimizer = tf.train.adam(learningRate, beta1, beta2, eps);
  const step = () =>
    optimizer.minimize(() => loss(variables) as tf.Scalar, true)!;
  return {
    run: () => step().dispose(),
    wait,
    async outputs() {
      const losses: number[] = [];
      for (let i = 0; i < 5; i++) {
        const value = step();
        losses.push((await value.data())[0]!);
        value.dispose();
      }
      return losses;
    },
    note: "tf.train.adam: it has no AdamW",
    dispose() {
      optimizer.dispose();
      tf.dispose([...inputs]);
      tf.dispose(variables);
    },
  };
}

/** The encoder's scores, `[tokens, vocabulary]`. */
function encode(weights: Named, ids: tf.Tensor, shape: EncoderSizes) {
  const { layers, hidden, heads, length, batch } = shape;
  const tokens = batch * length;
  const named = (x: tf.Tensor, name: string) =>
    norm(x, weights[`${name}g`]!, weights[`${name}b`]!);
  let x = tf.add(
    tf.reshape(tf.gather(weights.tok!, ids as tf.Tensor1D), [
      batch,
      length,
      hidden,
    ]),
    weights.pos!,
  );
  x = tf.reshape(named(x, "ln"), [tokens, hidden]);
  for (let layer = 0; layer < layers; layer++) {
    const linear = (input: tf.Tensor, suffix: string) =>
      tf.add(
        tf.matMul(input, weights[`l${layer}_w${suffix}`]!),
        weights[`l${layer}_b${suffix}`]!,
      );
    const project = (suffix: string) =>
      tf.transpose(
        tf.reshape(linear(x, suffix), [batch, length, heads, hidden / heads]),
        [0, 2, 1, 3],
      );
    const seen = attend(project("q"), project("k"), project("v"));
    const joined = tf.reshape(
      tf.transpose(seen, [0, 2, 1, 3]),
      [tokens, hidden],
    );
    x = named(tf.add(x, linear(joined, "o")), `l${layer}_n1`);
    const inner = linear(x, "1");
    const gelu = tf.mul(
      tf.mul(inner, 0.5),
      tf.add(tf.erf(tf.mul(inner, Math.SQRT1_2)), 1),
    );
    x = named(tf.add(x, linear(gelu, "2")), `l${layer}_n2`);
  }
  return tf.add(tf.matMul(x, weights.wh!), weights.bh!);
}

const kinds: Kinds = {
  matmul(parameters) {
    const { m, k, n } = sizes<{ m: number; k: number; n: number }>(parameters);
    const transposeA = parameters.transposeA === true;
    const transposeB = parameters.transposeB === true;
    const a = drawn(transposeA ? [k, m] : [m, k], 1);
    const b = drawn(transposeB ? [n, k] : [k, n], 2);
    return operation(
      [a, b],
      () => tf.matMul(a, b, transposeA, transposeB),
    );
  },
  attention(parameters) {
    const { batch, heads, length, size } = sizes<AttentionSizes>(parameters);
    const [q, k, v] = [1, 2, 3].map((seed) => {
      const values = random(batch * heads * length * size, seed);
      return tf.tensor4d(
        swapMiddle(values, [batch, length, heads, size]),
        [batch, heads, length, size],
      );
    }) as [tf.Tensor, tf.Tensor, tf.Tensor];
    return operation([q, k, v], () => attend(q, k, v), {
      note: "matMul, softmax, matMul",
      order: (values) => swapMiddle(values, [batch, heads, length, size]),
    });
  },
  fusedAttention: "has no fused attention",
  layerNorm(parameters) {
    const { rows, columns } = sizes<{ rows: number; columns: number }>(
      parameters,
    );
    const x = drawn([rows, columns], 4);
    const weight = tf.ones([columns]);
    const bias = tf.zeros([columns]);
    return operation([x, weight, bias], () => norm(x, weight, bias), {
      note: "composed of tf.moments",
    });
  },
  add(parameters) {
    const { length } = sizes<{ length: number }>(parameters);
    const a = drawn([length], 5);
    const b = drawn([length], 6);
    return operation([a, b], () => tf.add(a, b));
  },
  chain(parameters) {
    const { links, length } = sizes<{ links: number; length: number }>(
      parameters,
    );
    const a = drawn([length], 7);
    const b = drawn([length], 8);
    return operation([a, b], () => {
      let x = a.clone();
      for (let i = 0; i < links; i++) {
        const y = tf.add(x, b);
        x.dispose();
        x = y;
      }
      return x;
    }, { note: "on the GPU: WEBGPU_CPU_FORWARD is off" });
  },
  mlpStep(parameters) {
    const shape = sizes<MlpSizes>(parameters);
    const batch = mlpBatch(shape);
    const x = tf.tensor2d(batch.x, [shape.batch, shape.inputs]);
    const labels = tf.tidy(() =>
      tf.oneHot(tf.tensor1d(batch.labels, "int32"), shape.outputs)
    );
    return training(mlpWeights(shape), (weights) => {
      const hidden = tf.relu(tf.add(tf.matMul(x, weights.w1!), weights.b1!));
      const scores = tf.add(tf.matMul(hidden, weights.w2!), weights.b2!);
      return tf.losses.softmaxCrossEntropy(labels, scores);
    }, [x, labels]);
  },
  encoderForward(parameters) {
    const shape = sizes<EncoderSizes>(parameters);
    const weights: Named = Object.fromEntries(
      Object.entries(encoderWeights(shape)).map((
        [name, { data, shape }],
      ) => [name, tf.tensor(data, shape)]),
    );
    const ids = tf.tensor1d(encoderBatch(shape).ids, "int32");
    return operation(
      [ids, ...Object.values(weights)],
      () => encode(weights, ids, shape),
    );
  },
  encoderStep(parameters) {
    const shape = sizes<EncoderSizes>(parameters);
    const batch = encoderBatch(shape);
    const ids = tf.tensor1d(batch.ids, "int32");
    const labels = tf.tidy(() =>
      tf.oneHot(tf.tensor1d(batch.labels, "int32"), shape.vocabulary)
    );
    return training(
      encoderWeights(shape),
      (weights) =>
        tf.losses.softmaxCrossEntropy(labels, encode(weights, ids, shape)),
      [ids, labels],
    );
  },
};

await serve(async () => {
  if (!await tf.setBackend("webgpu")) throw new Error("has no WebGPU backend");
  await tf.ready();
  // Otherwise it computes small operations on the CPU.
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  backend = tf.backend() as WebGPUBackend;
  watch(backend.device);
  const info = (await navigator.gpu.requestAdapter())?.info;
  return {
    hello: {
      versions: { "@tensorflow/tfjs": tf.version["tfjs-core"] },
      adapter: info?.description ?? "unknown",
    },
    kinds,
  };
});
