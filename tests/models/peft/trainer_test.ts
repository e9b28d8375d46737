// Copyright 2026 the swagpu authors. MIT license.

// The Trainer of nn with an adapter: what it trains, and what its folders hold.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed, readAll } from "../../../engine/mod.ts";
import {
  BertConfig,
  BertForSequenceClassification,
  getPeftModel,
  PeftModel,
} from "../../../models/mod.ts";
import {
  LoraConfig,
  Trainer,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import { SwagModel, SwagUpdateCallback } from "../../../swag/mod.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";

const ROWS = Array.from({ length: 12 }, (_, i) => ({
  inputIds: Array.from({ length: 6 }, (_, k) => (7 * i + 3 * k) % 30),
  labels: i % 2,
}));

function base(): BertForSequenceClassification {
  manualSeed(2);
  return new BertForSequenceClassification(
    new BertConfig({
      vocabSize: 30,
      hiddenSize: 8,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 16,
    }),
  );
}

function make(args: TrainingArguments) {
  const model = getPeftModel(
    base(),
    new LoraConfig({ r: 2, loraDropout: 0.1, taskType: "SEQ_CLS" }),
  );
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 3 });
  const trainer = new Trainer({
    model,
    args: { perDeviceTrainBatchSize: 4, learningRate: 0.01, ...args },
    trainDataset: ROWS,
    evalDataset: ROWS,
    callbacks: [new SwagUpdateCallback(swag)],
  });
  const state = async () => ({
    adapter: await readAll(model.parameters()),
    posterior: await swag.stateDict(),
  });
  const dispose = () => {
    swag.dispose();
    model.dispose();
  };
  return { model, trainer, state, dispose };
}

gpuTest(
  "a run with an adapter that was cut and resumes has the bits of a whole one",
  async () => {
    await inFolder(async (folder) => {
      const args: TrainingArguments = {
        numTrainEpochs: 4,
        saveStrategy: "epoch",
      };
      const whole = make({ ...args, outputDir: `${folder}/whole` });
      const frozen = await readAll([
        whole.model.getBaseModel().bert.embeddings.wordEmbeddings.weight,
      ]);
      await whole.trainer.train();
      const expected = await whole.state();
      assertEquals(
        await readAll([
          whole.model.getBaseModel().bert.embeddings.wordEmbeddings.weight,
        ]),
        frozen,
      );
      whole.dispose();

      const outputDir = `${folder}/cut`;
      const cut = make({ ...args, outputDir });
      const controller = new AbortController();
      cut.trainer.addCallback({
        onStepEnd({ state }) {
          if (state.globalStep === 5) controller.abort();
        },
      });
      const { signal } = controller;
      assertEquals((await cut.trainer.train({ signal })).globalStep, 5);
      cut.dispose();
      const [checkpoint = ""] = names(outputDir)
        .filter((name) => name === "checkpoint-5");
      const files = names(`${outputDir}/${checkpoint}`);
      assert(files.includes("adapter_model.safetensors"), `${files}`);
      assert(!files.includes("model.safetensors"), `${files}`);

      const rest = make({ ...args, outputDir });
      await rest.trainer.train({ resumeFromCheckpoint: true });
      assertEquals(await rest.state(), expected);
      await rest.trainer.saveModel(`${folder}/adapter`);
      rest.dispose();

      const model = await PeftModel.fromPretrained(base(), `${folder}/adapter`);
      assertEquals(await readAll(model.parameters()), expected.adapter);
      model.dispose();
    });
  },
);

gpuTest("the best adapter is loaded at the end of a run", async () => {
  await inFolder(async (outputDir) => {
    const { model, trainer, dispose } = make({
      outputDir,
      numTrainEpochs: 5,
      learningRate: 0.5, // Far too large: the first epochs are the best.
      evalStrategy: "epoch",
      saveStrategy: "epoch",
      loadBestModelAtEnd: true,
    });
    await trainer.train();
    const { bestMetric } = trainer.state;
    const { eval_loss } = await trainer.evaluate();
    assertEquals(eval_loss, bestMetric ?? NaN);
    assert(model.parameters().every((p) => p.requiresGrad));
    dispose();
  });
});

gpuTest("an adapter that is not finite is not saved", async () => {
  await inFolder(async (folder) => {
    const { model, dispose } = make({});
    const [a] = model.parameters();
    a?.write(new Float32Array(a.size).fill(NaN));
    await assertRejects(
      () => model.savePretrained(`${folder}/adapter`),
      RangeError,
      "lora_A.weight",
    );
    assert(!names(folder).includes("adapter"));
    await assertRejects(
      () => model.savePretrained(folder, { shards: 2 } as never),
      TypeError,
      'Cannot save an adapter with option "shards"',
    );
    dispose();
  });
});
