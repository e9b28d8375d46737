// Copyright 2026 the swagpu authors. MIT license.

// Transformers whose frozen weights are stored as f16: under a new head, under an
// adapter, in files and in a posterior. Their twins hold weights that JavaScript
// has rounded to f16, in f32.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  backward,
  manualSeed,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  BertConfig,
  BertForMaskedLM,
  BertForSequenceClassification,
  getPeftModel,
  PeftModel,
} from "../../models/mod.ts";
import {
  AdamW,
  castFrozen,
  Embedding,
  Linear,
  LoraConfig,
  type Module,
  type Parameter,
  Trainer,
} from "../../nn/mod.ts";
import { SwagModel } from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";

const CONFIG = new BertConfig({
  vocabSize: 30,
  hiddenSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 36,
  numLabels: 3,
  initializerRange: 0.3,
});

function classifier(): BertForSequenceClassification {
  manualSeed(6);
  const model = new BertForSequenceClassification(CONFIG);
  model.placeParameters();
  return model;
}

/** The weights that castFrozen takes. */
function weightsOf(model: Module, prefix: string): Map<string, Parameter> {
  return new Map(
    [...model.namedModules()].flatMap(([path, module]) =>
      path.startsWith(prefix) &&
        (module instanceof Linear || module instanceof Embedding)
        ? [[`${path}.weight`, module.weight] as const]
        : []
    ),
  );
}

/** Rounds weights as f16, and keeps them as f32. */
async function round(weights: Iterable<Parameter>): Promise<void> {
  for (const weight of new Set(weights)) {
    weight.write(new Float32Array(Float16Array.from(await weight.data())));
  }
}

/** A batch of two texts, the second one padded. */
function batch() {
  const i32 = (rows: number[][]) => tensor(rows, { dtype: "i32" });
  return {
    inputIds: i32([[2, 7, 29, 4, 11], [2, 9, 3, 0, 0]]),
    attentionMask: i32([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    labels: tensor([2, 0], { dtype: "i32" }),
  };
}

/** Losses and logits of a few steps, and the parameters after them. */
async function train(
  model: Module & {
    forward(
      inputs: ReturnType<typeof batch>,
    ): { loss?: Tensor; logits: Tensor };
  },
): Promise<Float32Array[]> {
  manualSeed(1); // Of dropout.
  model.train();
  const trained = model.parameters().filter((p) => p.requiresGrad);
  const optimizer = new AdamW(trained, { learningRate: 0.02 });
  const seen: Float32Array[] = [];
  for (let i = 0; i < 3; i++) {
    using _ = scope();
    const { loss, logits } = model.forward(batch());
    assert(loss);
    backward(loss);
    const gradients = trained.map(({ grad }) => grad)
      .filter((grad) => grad !== undefined);
    assertEquals(gradients.length, trained.length);
    seen.push(...await readAll([loss, logits, ...gradients]));
    optimizer.step();
  }
  optimizer.dispose();
  return [...seen, ...await readAll(trained)];
}

gpuTest("a head on a frozen BERT in f16 learns as on rounded f32", async () => {
  const half = classifier().freeze("bert");
  const names = await castFrozen(half, "f16");
  const twin = classifier().freeze("bert");
  const weights = weightsOf(twin, "bert");
  assertEquals(names, [...weights.keys()]);
  assertEquals(names.length, 3 + 2 * 6 + 1);
  assertEquals(
    names.every((name) => half.namedParameters().get(name)?.halves),
    true,
  );
  const exact = await readAll([...weights.values()]);
  await round(weights.values());
  assert(
    (await readAll([...weights.values()]))
      .every((values, i) => values.some((x, k) => x !== exact[i]?.[k])),
    "every weight changes when it is rounded",
  );
  assertEquals(await train(half), await train(twin));
  half.dispose();
  twin.dispose();
});

const LORA = new LoraConfig({
  r: 2,
  loraAlpha: 6,
  loraDropout: 0.2,
  targetModules: ["query", "value", "dense"],
  initLoraWeights: false,
  bias: "lora_only",
  modulesToSave: ["classifier"],
});

/** A model with an adapter; the weights below it in f16, or rounded in f32. */
async function adapted(
  as: "f16" | "rounded",
): Promise<PeftModel<BertForSequenceClassification>> {
  const peft = getPeftModel(classifier(), LORA);
  const weights = [...weightsOf(peft.getBaseModel(), "bert")]
    .filter(([name]) => !name.includes("lora_"));
  if (as === "f16") {
    assertEquals((await castFrozen(peft, "f16")).length, weights.length);
  } else {
    await round(weights.map(([, weight]) => weight));
  }
  return peft;
}

gpuTest("an adapter on a BERT in f16 learns as on rounded f32", async () => {
  const [half, twin] = [await adapted("f16"), await adapted("rounded")];
  assertEquals(await train(half), await train(twin));
  // The files of the adapter are the same, and load on a model of either kind.
  await inFolder(async (folder) => {
    for (const [name, peft] of Object.entries({ half, twin })) {
      await peft.savePretrained(`${folder}/${name}`);
    }
    for (const file of ["adapter_config.json", "adapter_model.safetensors"]) {
      assertEquals(
        await Deno.readFile(`${folder}/half/${file}`),
        await Deno.readFile(`${folder}/twin/${file}`),
      );
    }
    const base = classifier().freeze();
    await castFrozen(base, "f16");
    const again = await PeftModel.fromPretrained(base, `${folder}/half`);
    half.eval();
    const { labels: _, ...inputs } = batch();
    assertEquals(
      await again.forward(inputs).logits.data(),
      await half.forward(inputs).logits.data(),
    );
    again.dispose();
  });
  half.dispose();
  twin.dispose();
});

gpuTest("an adapter on weights in f16 is merged in f32", async () => {
  const logits = async (model: {
    forward(inputs: ReturnType<typeof batch>): { logits: Tensor };
  }) => {
    using _ = scope();
    return await model.forward(batch()).logits.data();
  };
  const [half, twin] = [await adapted("f16"), await adapted("rounded")];
  half.eval();
  twin.eval();
  assertThrows(
    () => half.mergeAdapter(),
    TypeError,
    "Cannot merge the adapter: weights that would change are stored as f16",
  );
  assertEquals(await logits(half), await logits(twin), "nothing has changed");
  {
    using _a = half.disableAdapter();
    using _b = twin.disableAdapter();
    assertEquals(await logits(half), await logits(twin));
  }
  twin.mergeAdapter();
  await assertRejects(
    () => castFrozen(twin, "f16"),
    TypeError,
    "holds an adapter that is merged; unmergeAdapter() before",
  );
  const merged = half.mergeAndUnload();
  const expected = twin.mergeAndUnload();
  assertEquals(await logits(merged), await logits(expected));
  for (const [name, parameter] of merged.namedParameters()) {
    assertEquals([parameter.halves, parameter.requiresGrad], [undefined, true]);
    const other = expected.namedParameters().get(name);
    assertEquals(await parameter.data(), await other?.data(), name);
  }
  assertEquals(await train(merged), await train(expected));
  merged.dispose();
  expected.dispose();
});

gpuTest(
  "unload() gives weights that can be trained again, rounded",
  async () => {
    const twin = classifier();
    await round(weightsOf(twin, "bert").values());
    const model = classifier().freeze("bert.embeddings");
    const own = await castFrozen(model, "f16");
    const peft = getPeftModel(model, LORA);
    await castFrozen(peft, "f16");
    assertStrictEquals(peft.unload(), model);
    for (const [name, parameter] of model.namedParameters()) {
      // What was frozen before the adapter came stays as it was then.
      assertEquals(parameter.halves !== undefined, own.includes(name), name);
      const expected = await twin.namedParameters().get(name)?.data();
      assertEquals(await parameter.data(), expected, name);
    }
    model.dispose();
    twin.dispose();
  },
);

gpuTest(
  "a tied output layer stays tied, and a saved model is f32",
  async () => {
    manualSeed(2);
    const half = new BertForMaskedLM(CONFIG).freeze();
    const names = await castFrozen(half, "f16");
    const words = "bert.embeddings.word_embeddings.weight";
    assertEquals(names[0], words);
    assertEquals(names.filter((name) => name.includes("decoder")), []);
    await inFolder(async (folder) => {
      await half.savePretrained(folder);
      const twin = await BertForMaskedLM.fromPretrained(folder);
      twin.eval();
      half.eval();
      const { inputIds, attentionMask } = batch();
      const [own, expected] = await readAll([
        half.forward({ inputIds, attentionMask }).logits,
        twin.forward({ inputIds, attentionMask }).logits,
      ]);
      assertEquals(own, expected);
      const [a, b] = [half, twin].map((m) => m.namedParameters().get(words));
      assert(a && b);
      const values = await b.data();
      assertEquals(await a.data(), values);
      assertEquals(values, new Float32Array(Float16Array.from(values)));
      twin.dispose();
    });
    half.dispose();
  },
);

gpuTest("a Trainer's checkpoints hold the best model in f16 too", async () => {
  const rows = Array.from({ length: 8 }, (_, i) => ({
    inputIds: Array.from({ length: 5 }, (_, k) => (7 * i + 3 * k) % 30),
    labels: i % 3,
  }));
  const run = async (model: BertForSequenceClassification, folder: string) => {
    const trainer = new Trainer({
      model,
      args: {
        outputDir: folder,
        numTrainEpochs: 2,
        learningRate: 0.05,
        evalStrategy: "epoch",
        saveStrategy: "epoch",
        loadBestModelAtEnd: true,
        metricForBestModel: "loss",
      },
      trainDataset: rows,
      evalDataset: rows,
    });
    const { trainingLoss } = await trainer.train();
    const { metrics } = await trainer.predict(rows);
    return [trainingLoss, metrics.test_loss];
  };
  await inFolder(async (folder) => {
    const half = classifier().freeze("bert");
    await castFrozen(half, "f16");
    const twin = classifier().freeze("bert");
    await round(weightsOf(twin, "bert").values());
    assertEquals(
      await run(half, `${folder}/half`),
      await run(twin, `${folder}/twin`),
    );
    assertEquals(
      await Deno.readFile(`${folder}/half/checkpoint-2/model.safetensors`),
      await Deno.readFile(`${folder}/twin/checkpoint-2/model.safetensors`),
    );
    half.dispose();
    twin.dispose();
  });
});

gpuTest("a posterior leaves weights in f16 alone", async () => {
  const half = classifier().freeze("bert");
  const names = await castFrozen(half, "f16");
  const twin = classifier().freeze("bert");
  await round(weightsOf(twin, "bert").values());
  const options = { noCovMat: false, modulePrefixList: ["classifier"] };
  const swags = [half, twin].map((model) => SwagModel.fromBase(model, options));
  const [own, other] = swags;
  assert(own && other);
  // No mean is kept of what is stored as f16.
  assert(own.memoryEstimate.mean < 0.4 * other.memoryEstimate.mean);
  await assertRejects(
    () => castFrozen(half.freeze(), "f16"),
    TypeError,
    "they share memory with what SwagModel works on",
  );
  half.unfreeze("classifier");
  const collect = (swag: SwagModel, head: Parameter) => {
    for (const value of [0.5, -0.25, 1]) {
      head.write(new Array(head.size).fill(value));
      swag.collectModel();
    }
  };
  collect(own, half.classifier.weight);
  collect(other, twin.classifier.weight);
  // By parameter, so that its index among all of them matters, too.
  const sample = { scale: 0.5, seed: 4, index: 2, blockwise: true };
  for (const swag of swags) swag.sampleParameters(sample);
  const [a, b] = await readAll([
    half.classifier.weight,
    twin.classifier.weight,
  ]);
  assertEquals(a, b);
  assert(new Set(a).size > 50, "a sample is random");
  assertThrows(
    () => other.collectModel(half),
    TypeError,
    `Cannot collect "${names[0]}": it is stored as f16 in the model given`,
  );
  await inFolder(async (folder) => {
    // The file has their values, for a model that holds them as f32.
    for (const swag of swags) swag.restoreWeights();
    const path = `${folder}/posterior.safetensors`;
    await own.save(path);
    const [again, back] = [
      await SwagModel.load(path, twin),
      await SwagModel.load(path, half),
    ];
    again.sampleParameters(sample);
    assertEquals(await twin.classifier.weight.data(), a);
    const table = await twin.bert.embeddings.wordEmbeddings.weight.data();
    assertEquals(
      table,
      await half.bert.embeddings.wordEmbeddings.weight.data(),
    );
    back.sampleParameters(sample);
    assertEquals(await half.classifier.weight.data(), a);
    again.dispose();
    back.dispose();
  });
  for (const swag of swags) swag.dispose();
  assertThrows(
    () => SwagModel.fromBase(half, { modulePrefixList: ["bert.pooler"] }),
    TypeError,
    "Cannot build a posterior over bert.pooler.dense.weight: it is frozen and " +
      "stored as f16",
  );
  // All that is not stored as f16, if nothing is named.
  using all = SwagModel.fromBase(half);
  const random = Object.keys((await all.stateDict()).parameters);
  assertEquals(
    [...half.namedParameters().keys()].filter((name) => !random.includes(name)),
    names,
  );
  half.dispose();
  twin.dispose();
});
