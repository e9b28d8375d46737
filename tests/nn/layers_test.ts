// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  manualSeed,
  matmul,
  mul,
  permute,
  reshape,
  softmax,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../engine/mod.ts";
import {
  Dropout,
  Embedding,
  init,
  LayerNorm,
  Linear,
  MultiHeadAttention,
  Parameter,
} from "../../nn/mod.ts";
import { assertClose, gpuTest, randomValues, SUMS } from "../_check.ts";

const random = (shape: number[], seed: number): Tensor =>
  tensor(randomValues(shape.reduce((n, x) => n * x, 1), seed), { shape });

/** Frees a parameter that belongs to no module. */
function free(parameter: Parameter): void {
  parameter.location?.segment.dispose();
  parameter.dispose();
}

gpuTest("MultiHeadAttention equals the composition of its parts", async () => {
  manualSeed(4);
  const [batch, length, keys, heads, width] = [2, 5, 7, 3, 12];
  const layer = new MultiHeadAttention(width, { heads });
  const x = random([batch, length, width], 1);
  const memory = random([batch, keys, width], 2);
  const split = (y: Tensor, rows: number) =>
    permute(reshape(y, [batch, rows, heads, width / heads]), [0, 2, 1, 3]);
  const q = split(layer.qProj.forward(x), length);
  const k = split(layer.kProj.forward(memory), keys);
  const v = split(layer.vProj.forward(memory), keys);
  const scores = mul(
    matmul(q, k, { transposeB: true }),
    (width / heads) ** -0.5,
  );
  const mixed = permute(matmul(softmax(scores), v), [0, 2, 1, 3]);
  const parts = layer.outProj.forward(reshape(mixed, [batch, length, width]));
  const fused = layer.forward(x, { memory });
  assertClose(await fused.data(), await parts.data(), SUMS);

  const weights = random([batch, length, width], 3);
  const gradient = async (y: Tensor) => {
    for (const p of layer.parameters()) mul(p, 1); // places them all
    backward(sum(mul(y, weights)));
    const data = await layer.kProj.weight.gradientTarget().data();
    layer.kProj.weight.location?.segment.zeroGradients();
    return data;
  };
  assertClose(await gradient(fused), await gradient(parts), SUMS, "key weight");
  layer.dispose();
});

gpuTest("MultiHeadAttention refuses heads that do not divide the width", () => {
  assertThrows(
    () => new MultiHeadAttention(10, { heads: 3 }),
    RangeError,
    "Cannot split a width of 10 into 3 heads",
  );
});

gpuTest("Linear computes x Wᵀ + b, with activation and residual", async () => {
  const layer = new Linear(2, 2, {
    init: init.values([1, 2, 3, 4]),
    biasInit: init.values([10, -20]),
  });
  const x = tensor([[1, 1]]);
  assertEquals([...await layer.forward(x).data()], [13, -13]);
  const y = layer.forward(x, {
    activation: "relu",
    residual: tensor([[1, 1]]),
  });
  assertEquals([...await y.data()], [14, 1]);
  const bare = new Linear(2, 2, { bias: false });
  assertEquals([...bare.namedParameters().keys()], ["weight"]);
  layer.dispose();
  bare.dispose();
});

gpuTest("Embedding gives its padding row no gradient", async () => {
  const table = new Embedding(4, 2, { paddingIdx: 1 });
  table.placeParameters();
  backward(sum(table.forward(tensor([0, 1, 3, 3], { dtype: "i32" }))));
  const { weight } = table;
  assertEquals([...await weight.gradientTarget().data()], [
    ...[1, 1],
    ...[0, 0],
    ...[0, 0],
    ...[2, 2],
  ]);
  assertEquals([...(await weight.data()).slice(2, 4)], [0, 0]);
  assertThrows(() => new Embedding(4, 2, { paddingIdx: 4 }), RangeError);
  assertThrows(() => new Embedding(4, 2, { paddingIdx: -5 }), RangeError);
  const last = new Embedding(4, 2, { paddingIdx: -1 });
  assertEquals(last.paddingIdx, 3);
  assertEquals([...(await last.weight.data()).slice(6)], [0, 0]);
  last.dispose();
  table.dispose();
});

gpuTest("LayerNorm adds the residual before it normalizes", async () => {
  const layer = new LayerNorm(3, { eps: 0 });
  const y = layer.forward(tensor([[1, 0, 0]]), {
    residual: tensor([[0, 2, 3]]),
  });
  const deviation = Math.sqrt(2 / 3);
  assertClose(await y.data(), [-1 / deviation, 0, 1 / deviation]);
  layer.dispose();
});

gpuTest(
  "Dropout keeps the expected share, and in eval() all elements",
  async () => {
    manualSeed(9);
    const layer = new Dropout(0.25);
    const x = tensor(new Float32Array(8000).fill(3));
    const y = await layer.forward(x).data();
    const kept = y.filter((v) => v !== 0);
    assert(Math.abs(kept.length / 8000 - 0.75) < 0.02);
    assert(kept.every((v) => v === 4));
    assertEquals(layer.eval().forward(x), x);
    assertThrows(() => new Dropout(1), RangeError, "it must be in [0, 1)");
  },
);

gpuTest(
  "Linear without input features gives its bias, which starts at 0",
  async () => {
    const layer = new Linear(0, 3);
    const y = layer.forward(zeros([2, 0]));
    assertEquals([...await y.data()], [0, 0, 0, 0, 0, 0]);
    layer.dispose();
  },
);

gpuTest("initializers draw from the distributions that they name", async () => {
  manualSeed(11);
  const draw = async (p: Parameter) => {
    const data = await p.data();
    free(p);
    return data;
  };
  const n = await draw(
    new Parameter([100, 90], init.normal({ std: 0.1, zeroRow: 2 })),
  );
  assert(n.slice(180, 270).every((v) => v === 0));
  const variance = [...n].reduce((s, v) => s + v * v, 0) / (n.length - 90);
  assert(Math.abs(Math.sqrt(variance) - 0.1) < 0.003);
  const fan = await draw(new Parameter([50, 100], init.fanInUniform()));
  assert(fan.every((v) => Math.abs(v) <= 0.1));
  assert(Math.max(...fan) > 0.099);
  const glorot = await draw(new Parameter([50, 100], init.xavierUniform()));
  assert(glorot.every((v) => Math.abs(v) <= 0.2));
  assert(Math.max(...glorot) > 0.198);
});
