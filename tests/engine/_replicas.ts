// Copyright 2026 the swagpu authors. MIT license.

// Ops that are compared with those of a replica alone.

import { assertEquals } from "@std/assert";
import {
  attention,
  backward,
  checkpoint,
  concat,
  crossEntropy,
  cumsum,
  defaultGenerator,
  dropout,
  elu,
  embedding,
  gelu,
  layerNorm,
  logSumExp,
  manualSeed,
  matmul,
  max,
  mean,
  mul,
  readAll,
  relu,
  Replicas,
  reshape,
  slice,
  softmax,
  sub,
  sum,
  tanh,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from "../../engine/mod.ts";
import { randomValues } from "../_check.ts";

export const SEEDS = [11, 12, 13];

/** Tensors of other values for each replica, which need gradients. */
export function stacked(
  replicas: Replicas,
  shapes: readonly (readonly number[])[],
): Tensor[] {
  return shapes.map((shape, k) => {
    const size = shape.reduce((product, side) => product * side, 1);
    const x = replicas.stack(
      Array.from(
        { length: replicas.count },
        (_, j) => tensor(randomValues(size, 100 * j + k), { shape }),
      ),
    );
    x.requiresGrad = true;
    return x;
  });
}

const LABELS = [2, 0, 3, 1, 1, 4];
const IDS = [[1, 0, 3], [3, 3, 2]];

/** Functions of tensors, the shapes of which are given with them. */
export const OPS: readonly (readonly [
  name: string,
  shapes: readonly (readonly number[])[],
  op: (...xs: Tensor[]) => Tensor,
])[] = [
  ["sub", [[5, 7], [7]], (a = zeros([]), b = zeros([])) => sub(a, b)],
  ["activations", [[6, 9]], (x = zeros([])) => gelu(elu(tanh(relu(x))))],
  [
    "matmul with bias, activation and residual",
    [[9, 12], [16, 12], [16], [9, 16]],
    (a = zeros([]), b = zeros([]), bias, residual) =>
      matmul(a, b, { transposeB: true, bias, activation: "gelu", residual }),
  ],
  [
    "matmul of odd sizes",
    [[3, 5, 7], [7, 3], [3]],
    (a = zeros([]), b = zeros([]), bias) =>
      matmul(a, b, { bias, activation: "tanh" }),
  ],
  [
    "layerNorm",
    [[10, 12], [12], [12], [10, 12]],
    (x = zeros([]), weight, bias, residual) =>
      layerNorm(x, { weight, bias, residual }),
  ],
  ["softmax", [[6, 11]], (x = zeros([])) => softmax(x)],
  ["logSumExp", [[6, 11]], (x = zeros([])) => logSumExp(x, { axis: 1 })],
  ["max", [[6, 11]], (x = zeros([])) => max(x, { axis: 0 })],
  ["cumsum", [[4, 9]], (x = zeros([])) => cumsum(x, { axis: 1 })],
  [
    "cross-entropy",
    [[6, 5]],
    (x = zeros([])) => crossEntropy(x, tensor(LABELS, { dtype: "i32" })),
  ],
  [
    "embedding",
    [[4, 8]],
    (table = zeros([])) =>
      mean(embedding(tensor(IDS, { dtype: "i32" }), table), { axis: 1 }),
  ],
  [
    "movement",
    [[4, 6], [4, 3]],
    (a = zeros([]), b = zeros([])) =>
      transpose(
        reshape(concat([slice(a, { axis: 1, start: 1, end: 5 }), b], 1), [
          2,
          2,
          7,
        ]),
        0,
        2,
      ),
  ],
  [
    "attention",
    [[2, 9, 16], [2, 9, 16], [2, 9, 16]],
    (q = zeros([]), k = zeros([]), v = zeros([])) =>
      attention(q, k, v, { heads: 2, causal: true }),
  ],
  [
    "attention with dropout",
    [[2, 9, 16], [2, 9, 16], [2, 9, 16]],
    (q = zeros([]), k = zeros([]), v = zeros([])) =>
      attention(q, k, v, {
        heads: 4,
        dropout: { rate: 0.3, stream: defaultGenerator().next() },
      }),
  ],
  ["dropout", [[7, 9]], (x = zeros([])) => dropout(x, { rate: 0.4 })],
  [
    "checkpoint with dropout",
    [[7, 9]],
    (x = zeros([])) => checkpoint(() => dropout(gelu(x), { rate: 0.4 })),
  ],
];

/** Asserts that replicas of an op get the bits that one gets alone. */
export async function assertSameBits(
  [, shapes, op]: (typeof OPS)[number],
): Promise<void> {
  using replicas = new Replicas(SEEDS);
  const xs = stacked(replicas, shapes);
  /** The result and the gradients of a weighted sum of it. */
  const compute = (xs: readonly Tensor[]): Tensor[] => {
    const y = op(...xs);
    const weights = tensor(randomValues(y.size, 7), { shape: y.shape });
    backward(sum(mul(y, weights)));
    return [y, ...xs.map((x) => x.grad ?? zeros([1]))];
  };
  const together = replicas.run(() => compute(xs));
  const found = await Promise.all(together.map((y) => replicas.data(y)));
  for (const [j, seed] of SEEDS.entries()) {
    const own = xs.map((x) => replicas.take(x, j));
    for (const x of own) x.requiresGrad = true;
    manualSeed(seed);
    const alone = await readAll(compute(own));
    assertEquals(found.map((y) => y[j]), alone, `replica ${j}`);
  }
}
