// Copyright 2026 the swagpu authors. MIT license.

// Re-initialization; tests/tools/golden_kit_test.ts compares what changes with
// the notebook's cells.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { manualSeed, readAll } from "../../../engine/mod.ts";
import {
  BartConfig,
  BartForSequenceClassification,
  BertConfig,
  BertForSequenceClassification,
  reinitialize,
} from "../../../models/mod.ts";
import type { Module } from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";

/** Weights that are those of no rule, by name. */
async function pretrained(model: Module): Promise<Map<string, Float32Array>> {
  model.placeParameters();
  for (const [i, parameter] of model.parameters().entries()) {
    parameter.write(new Float32Array(parameter.size).fill(3 + i));
  }
  return await weights(model);
}

async function weights(model: Module): Promise<Map<string, Float32Array>> {
  const named = model.namedParameters();
  const read = await readAll([...named.values()]);
  return new Map([...named.keys()].map((name, i) => [
    name,
    read[i] ?? new Float32Array(),
  ]));
}

function bert(): BertForSequenceClassification {
  return new BertForSequenceClassification(
    new BertConfig({
      ...{ vocabSize: 20, hiddenSize: 128, intermediateSize: 128 },
      ...{ numAttentionHeads: 2, numHiddenLayers: 3, initializerRange: 0.05 },
    }),
  );
}

gpuTest(
  "reinitialize() draws by the configuration's rule, and no more",
  async () => {
    manualSeed(3);
    const model = bert();
    const before = await pretrained(model);
    const names = reinitialize(model, { blocks: 2 });
    assertEquals(names.length, 2 * 16 + 2);
    for (const [name, now] of await weights(model)) {
      if (!names.includes(name)) {
        assertEquals(now, before.get(name), name);
      } else if (name.endsWith("LayerNorm.weight")) {
        assert(now.every((x) => x === 1), name);
      } else if (name.endsWith("bias")) {
        assert(now.every((x) => x === 0), name);
      } else { // 16,384 numbers, whose deviation is within 0.55 % by chance.
        const square = now.reduce((sum, x) => sum + x * x, 0) / now.length;
        assertAlmostEquals(Math.sqrt(square) / 0.05, 1, 0.02, name);
      }
    }
    model.dispose();
  },
);

gpuTest("reinitialize() depends on the seed alone", async () => {
  const draw = async (seed: number) => {
    const model = bert();
    await pretrained(model);
    manualSeed(seed);
    const [name = ""] = reinitialize(model, { blocks: 1, pooler: false });
    const drawn = await model.namedParameters().get(name)?.data();
    model.dispose();
    return [...drawn ?? []].slice(0, 4);
  };
  assertEquals(await draw(1), await draw(1));
  assert(`${await draw(1)}` !== `${await draw(2)}`);
});

gpuTest("by default only the pooler is new", () => {
  const model = bert();
  assertEquals(reinitialize(model), [
    "bert.pooler.dense.weight",
    "bert.pooler.dense.bias",
  ]);
  assertEquals(reinitialize(model, { pooler: false }), []);
  model.dispose();
});

gpuTest("reinitialize() refuses blocks and poolers that are not there", () => {
  const model = new BartForSequenceClassification(
    new BartConfig({
      ...{ vocabSize: 20, dModel: 8, encoderLayers: 3, decoderLayers: 2 },
      ...{ encoderAttentionHeads: 2, decoderAttentionHeads: 2 },
    }),
  );
  const names = reinitialize(model, { blocks: 2 });
  assert(names.every((name) => name.startsWith("model.decoder.layers.")));
  assertThrows(
    () => reinitialize(model, { blocks: 3 }),
    RangeError,
    "Cannot re-initialize 3 blocks: it must be a whole number of at most 2, " +
      "the length of model.decoder.layers",
  );
  assertThrows(
    () => reinitialize(model, { pooler: true }),
    RangeError,
    "Cannot re-initialize the pooler: BartForSequenceClassification has none",
  );
  model.dispose();
});
