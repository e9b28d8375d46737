// Copyright 2026 the swagpu authors. MIT license.

// Single operations of this engine.

import {
  add,
  type AnyTensor,
  attention,
  backward,
  type Device,
  gelu,
  layerNorm,
  matmul,
  ones,
  scope,
  type Shape,
  softmax,
  type Tensor,
  tensor,
  zeros,
} from "../../engine/mod.ts";
import { AdamW, crossEntropy, Parameter } from "../../nn/mod.ts";
import type { AttentionSizes } from "./data.ts";
import { ADAMW, probe, random, randomIntegers } from "./data.ts";
import type { Parameters } from "./protocol.ts";
import type { Kinds, Prepared } from "./worker.ts";

/** Sizes of a case by name; numbers, as {@linkcode Parameters} holds them. */
export function sizes<T>(parameters: Parameters): T {
  return parameters as unknown as T;
}

/** What a worker needs of an operation on tensors that are kept. */
export function operation(
  device: Device,
  inputs: readonly AnyTensor[],
  run: () => Tensor,
): Prepared {
  device.pool.resetPeak();
  return {
    run() {
      using _ = scope();
      run();
    },
    wait: () => device.synchronize(),
    async outputs() {
      using _ = scope();
      return probe(await run().data());
    },
    peakBytes: () => device.pool.statistics().peak,
    dispose() {
      for (const input of inputs) input.dispose();
    },
  };
}

function drawn(shape: Shape, seed: number): Tensor {
  const length = shape.reduce((a, b) => a * b, 1);
  return tensor(random(length, seed), { shape });
}

/** Cases of one kernel, or few. */
export function kernelKinds(device: Device): Kinds {
  const packed = (parameters: Parameters) => {
    const { batch, heads, length, size } = sizes<AttentionSizes>(parameters);
    const shape = [batch, length, heads * size];
    return { heads, inputs: [1, 2, 3].map((seed) => drawn(shape, seed)) };
  };
  return {
    matmul(parameters) {
      const { m, k, n } = sizes<{ m: number; k: number; n: number }>(
        parameters,
      );
      const { transposeA, transposeB } = sizes<
        { transposeA: boolean; transposeB: boolean }
      >(parameters);
      const a = drawn(transposeA ? [k, m] : [m, k], 1);
      const b = drawn(transposeB ? [n, k] : [k, n], 2);
      return operation(
        device,
        [a, b],
        () => matmul(a, b, { transposeA, transposeB }),
      );
    },
    attention(parameters) {
      const { heads, inputs } = packed(parameters);
      const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
      return operation(device, inputs, () => attention(q, k, v, { heads }));
    },
    fusedAttention(parameters) {
      const { heads, inputs } = packed(parameters);
      const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
      return operation(device, inputs, () => attention(q, k, v, { heads }));
    },
    attentionBackward(parameters) {
      const { heads, inputs } = packed(parameters);
      const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
      const gradient = drawn(q.shape, 10);
      for (const input of inputs) input.requiresGrad = true;
      return operation(device, [...inputs, gradient], () => {
        for (const input of inputs) input.dropGradient();
        backward(attention(q, k, v, { heads }), { gradient });
        if (!q.grad) throw new Error("Cannot read a gradient: q has none");
        return q.grad;
      });
    },
    layerNorm(parameters) {
      const { rows, columns } = sizes<{ rows: number; columns: number }>(
        parameters,
      );
      const x = drawn([rows, columns], 4);
      const weight = ones([columns]);
      const bias = zeros([columns]);
      return operation(
        device,
        [x, weight, bias],
        () => layerNorm(x, { weight, bias }),
      );
    },
    softmax(parameters) {
      const { rows, columns } = sizes<{ rows: number; columns: number }>(
        parameters,
      );
      const x = drawn([rows, columns], 9);
      return operation(device, [x], () => softmax(x));
    },
    crossEntropy(parameters) {
      const { rows, columns } = sizes<{ rows: number; columns: number }>(
        parameters,
      );
      const x = drawn([rows, columns], 9);
      const labels = tensor(randomIntegers(rows, columns, 35));
      x.requiresGrad = true;
      return operation(device, [x, labels], () => {
        x.dropGradient();
        backward(crossEntropy(x, labels));
        if (!x.grad) throw new Error("Cannot read a gradient: x has none");
        return x.grad;
      });
    },
    gelu(parameters) {
      const { length } = sizes<{ length: number }>(parameters);
      const x = drawn([length], 5);
      return operation(device, [x], () => gelu(x));
    },
    add(parameters) {
      const { length } = sizes<{ length: number }>(parameters);
      const a = drawn([length], 5);
      const b = drawn([length], 6);
      return operation(device, [a, b], () => add(a, b));
    },
    chain(parameters) {
      const { links, length } = sizes<{ links: number; length: number }>(
        parameters,
      );
      const a = drawn([length], 7);
      const b = drawn([length], 8);
      return operation(device, [a, b], () => {
        let x = a;
        for (let i = 0; i < links; i++) x = add(x, b);
        return x;
      });
    },
    adamw(parameters) {
      const { length } = sizes<{ length: number }>(parameters);
      const weight = new Parameter([length]);
      weight.write(random(length, 5));
      const { learningRate, beta1, beta2, eps, weightDecay } = ADAMW;
      const optimizer = new AdamW([weight], {
        learningRate,
        betas: [beta1, beta2],
        eps,
        weightDecay,
      });
      const gradient = random(length, 6);
      const update = operation(device, [], () => {
        optimizer.step({ keepGradients: true });
        return weight;
      });
      return {
        ...update,
        async outputs() {
          weight.gradientTarget().write(gradient);
          optimizer.step({ keepGradients: true });
          return probe(await weight.data());
        },
        dispose() {
          optimizer.dispose();
          weight.location?.segment.dispose();
          weight.dispose();
        },
      };
    },
  };
}
