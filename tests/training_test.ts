// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import {
  backward,
  crossEntropy,
  manualSeed,
  readAll,
  scope,
  tensor,
} from "../engine/mod.ts";
import {
  AdamW,
  clipGradNorm,
  Linear,
  Module,
  type Parameter,
} from "../nn/mod.ts";
import { BertConfig, BertForSequenceClassification } from "../models/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { gpuTest } from "./_check.ts";

const CONFIG = {
  vocabSize: 40,
  hiddenSize: 16,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 24,
  maxPositionEmbeddings: 8,
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
} as const;

function inputs(rows: number, length: number) {
  return {
    inputIds: tensor(
      Int32Array.from({ length: rows * length }, (_, i) => (i * 7) % 40),
      { shape: [rows, length] },
    ),
    // The last token of every other text is padding.
    attentionMask: tensor(
      Int32Array.from(
        { length: rows * length },
        (_, i) =>
          Math.floor(i / length) % 2 && i % length === length - 1 ? 0 : 1,
      ),
      { shape: [rows, length] },
    ),
    labels: tensor(Int32Array.from({ length: rows }, (_, i) => i % 2)),
  };
}

/** Trains a BERT with dropout, clipping and AdamW; gives all parameters. */
async function train(seed: number, steps: number): Promise<Float32Array[]> {
  manualSeed(seed);
  const model = new BertForSequenceClassification(new BertConfig(CONFIG));
  const optimizer = new AdamW(model.parameters(), { learningRate: 1e-2 });
  for (let step = 0; step < steps; step++) {
    using _ = scope();
    const { loss } = model.forward(inputs(4, 6));
    assert(loss);
    backward(loss);
    clipGradNorm(optimizer, 1);
    optimizer.step();
  }
  const values = await readAll(model.parameters());
  optimizer.dispose();
  model.dispose();
  return values as Float32Array[];
}

gpuTest("the same seed gives the same bits, another one others", async () => {
  const first = await train(5, 6);
  assertEquals(await train(5, 6), first);
  const other = await train(6, 6);
  assert(other.some((x, i) => x.some((v, k) => v !== first[i]?.[k])));
});

gpuTest(
  "a training step leaves pool and bind groups as they were",
  async (device) => {
    manualSeed(1);
    const model = new BertForSequenceClassification(new BertConfig(CONFIG));
    const optimizer = new AdamW(model.parameters());
    const swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: 3,
    });
    const step = () => {
      using _ = scope();
      const { loss } = model.forward(inputs(4, 6));
      assert(loss);
      backward(loss);
      clipGradNorm(optimizer, 1);
      optimizer.step();
      swag.collectModel();
    };
    for (let i = 0; i < 5; i++) step();
    await device.synchronize();
    const pool = device.pool.statistics();
    const { bindGroups } = device.stream.statistics();
    for (let i = 0; i < 20; i++) step();
    await device.synchronize();
    assertEquals(device.pool.statistics(), pool);
    assertEquals(device.stream.statistics().bindGroups, bindGroups);
    swag.dispose();
    optimizer.dispose();
    model.dispose();
  },
);

class Perceptron extends Module {
  hidden = new Linear(8, 16);
  output = new Linear(16, 3);
}

gpuTest("a thousand steps do not grow the pool", async (device) => {
  const model = new Perceptron();
  const parameters: Parameter[] = model.parameters();
  const optimizer = new AdamW(parameters);
  const x = tensor(Float32Array.from({ length: 40 }, (_, i) => Math.sin(i)), {
    shape: [5, 8],
  });
  const labels = tensor(Int32Array.of(0, 1, 2, 1, 0));
  let reserved = 0;
  for (let i = 0; i < 1000; i++) {
    using _ = scope();
    const hidden = model.hidden.forward(x, { activation: "gelu" });
    backward(crossEntropy(model.output.forward(hidden), labels));
    clipGradNorm(optimizer, 1);
    optimizer.step();
    if (i === 2) reserved = device.pool.statistics().reserved;
  }
  await device.synchronize();
  assertEquals(device.pool.statistics().reserved, reserved);
  optimizer.dispose();
  model.dispose();
});

gpuTest("accumulated gradients equal those of one large batch", async () => {
  const gradients = async (parts: number): Promise<Float32Array> => {
    manualSeed(2);
    const layer = new Linear(8, 3);
    layer.parameters();
    const rows = 6 / parts;
    for (let part = 0; part < parts; part++) {
      using _ = scope();
      const from = part * rows;
      const x = Float32Array.from(
        { length: rows * 8 },
        (_, i) => Math.sin(from * 8 + i),
      );
      const y = Int32Array.from({ length: rows }, (_, i) => (from + i) % 3);
      const loss = crossEntropy(
        layer.forward(tensor(x, { shape: [rows, 8] })),
        tensor(y),
      );
      backward(loss, { gradient: tensor(1 / parts, { shape: [] }) });
    }
    const values = await layer.weight.gradientTarget().data();
    layer.dispose();
    return values as Float32Array;
  };
  const whole = await gradients(1);
  const summed = await gradients(3);
  for (const [i, g] of whole.entries()) {
    assert(Math.abs(g - (summed[i] ?? NaN)) < 1e-6);
  }
});
