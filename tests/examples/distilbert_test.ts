// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertLess, assertThrows } from "@std/assert";
import {
  DistilBertConfig,
  DistilBertForSequenceClassification,
} from "../../examples/distilbert.ts";
import {
  backward,
  manualSeed,
  readAll,
  scope,
  tensor,
} from "../../engine/mod.ts";
import {
  AutoConfig,
  AutoModel,
  AutoModelForSequenceClassification,
  registerArchitecture,
} from "../../models/mod.ts";
import { AdamW } from "../../nn/mod.ts";
import { SwagModel } from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";

const TINY = {
  vocabSize: 20,
  maxPositionEmbeddings: 8,
  dim: 8,
  hiddenDim: 12,
  nLayers: 2,
  nHeads: 2,
};

function inputs() {
  return {
    inputIds: tensor([[2, 7, 9, 3], [2, 8, 3, 0]], { dtype: "i32" }),
    attentionMask: tensor([[1, 1, 1, 1], [1, 1, 1, 0]], { dtype: "i32" }),
  };
}

gpuTest("an architecture of the user's trains and takes SWAG", async () => {
  manualSeed(1);
  const model = new DistilBertForSequenceClassification(
    new DistilBertConfig({ ...TINY, initializerRange: 0.3 }),
  );
  const optimizer = new AdamW(model.parameters(), { learningRate: 1e-2 });
  using swag = SwagModel.fromBase(model, {
    noCovMat: false,
    maxNumModels: 4,
    modulePrefixList: ["distilbert.transformer.layer.1", "classifier"],
  });
  const losses: number[] = [];
  for (let step = 0; step < 24; step++) {
    using _ = scope();
    const labels = tensor([0, 1], { dtype: "i32" });
    const { loss } = model.forward({ ...inputs(), labels });
    backward(loss);
    optimizer.step();
    losses.push(await loss.item());
    if (step >= 20) swag.collectModel();
  }
  assertLess(losses.at(-1) ?? NaN, 0.8 * (losses[0] ?? NaN));
  using _ = scope();
  model.eval();
  const batch = inputs();
  const logits = swag.getLogits(() => model.forward(batch), {
    numPredictions: 3,
    scale: 0.5,
    seed: 7,
  });
  assertEquals(logits.shape, [2, 3, 2]);
  for (const owner of [optimizer, model]) owner.dispose();
});

gpuTest("an architecture of the user's checkpoints its blocks", async () => {
  manualSeed(1);
  const model = new DistilBertForSequenceClassification(
    new DistilBertConfig(TINY),
  );
  const { weight } = model.distilbert.embeddings.wordEmbeddings;
  const gradient = async () => {
    manualSeed(3);
    using _ = scope();
    const labels = tensor([0, 1], { dtype: "i32" });
    backward(model.forward({ ...inputs(), labels }).loss);
    const values = await weight.grad?.data();
    for (const parameter of model.parameters()) parameter.dropGradient();
    return values;
  };
  await gradient(); // gives the parameters their places
  const expected = await gradient();
  model.gradientCheckpointingEnable();
  assertEquals(model.isGradientCheckpointing, true);
  assertEquals(await gradient(), expected);
  model.dispose();
});

gpuTest("Auto classes load an architecture of the user's", async () => {
  manualSeed(2);
  const folder = await Deno.makeTempDir();
  const model = new DistilBertForSequenceClassification(
    new DistilBertConfig(TINY),
  ).eval();
  await model.savePretrained(folder);
  const loaded = await AutoModelForSequenceClassification.fromPretrained(
    folder,
  );
  const base = await AutoModel.fromPretrained(folder);
  {
    using _ = scope();
    const outputs = [
      model.forward(inputs()).logits,
      loaded.forward(inputs()).logits,
    ];
    const [expected = [], actual] = await readAll(outputs);
    assertEquals([...actual ?? []], [...expected]);
  }
  assertEquals(
    [...base.namedParameters().keys()].slice(0, 2),
    [
      "embeddings.word_embeddings.weight",
      "embeddings.position_embeddings.weight",
    ],
  );
  for (const owner of [model, loaded, base]) owner.dispose();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("registerArchitecture() refuses a name that is taken", () => {
  const architecture = { config: DistilBertConfig, models: {} };
  assertThrows(
    () => registerArchitecture("distilbert", architecture),
    RangeError,
    'Cannot register "distilbert": the name is taken; set replace',
  );
  assertThrows(
    () => AutoConfig.fromFields({ model_type: "gpt9" }),
    RangeError,
    'Cannot load a model of type "gpt9": expected one of "bert"',
  );
});
