// Copyright 2026 the swagpu authors. MIT license.

// The Trainer of nn with models that save themselves, and texts of many lengths.

import { assert, assertEquals } from "@std/assert";
import { manualSeed, readAll, tensor } from "../../engine/mod.ts";
import {
  BertConfig,
  BertForQuestionAnswering,
  BertForSequenceClassification,
} from "../../models/architectures/bert.ts";
import { batchInputs, paddedLength } from "../../models/batch.ts";
import { Trainer, type TrainingArguments } from "../../nn/mod.ts";
import { assertClose, gpuTest } from "../_check.ts";
import { inFolder, names } from "../_folder.ts";

const CONFIG = {
  vocabSize: 30,
  hiddenSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 16,
  maxPositionEmbeddings: 32,
  numLabels: 2,
};

interface Row {
  inputIds: number[];
  label: number;
}

/** Texts of 3 to 20 tokens. */
const ROWS: Row[] = Array.from({ length: 18 }, (_, i) => ({
  inputIds: Array.from({ length: 3 + i }, (_, k) => (7 * i + 3 * k) % 30),
  label: i % 2,
}));

function make(args: TrainingArguments, saved: string[] = []) {
  manualSeed(2);
  const model = new BertForSequenceClassification(new BertConfig(CONFIG));
  model.placeParameters();
  const shapes = new Set<string>();
  const trainer = new Trainer({
    model,
    args: { perDeviceTrainBatchSize: 4, learningRate: 0.01, ...args },
    trainDataset: ROWS,
    dataCollator(rows: Row[]) {
      const longest = Math.max(...rows.map(({ inputIds }) => inputIds.length));
      const inputs = batchInputs(
        rows.map(({ inputIds }) => ({
          inputIds,
          tokenTypeIds: inputIds.map(() => 0),
        })),
        {
          length: paddedLength(longest),
          usesPacking: model.usesPacking,
          packedMultipleOf: 16,
        },
      );
      shapes.add(`${inputs.inputIds.shape} ${inputs.packing?.tokens}`);
      const labels = Int32Array.from(rows, ({ label }) => label);
      return { ...inputs, labels };
    },
    computeMetrics({ predictions, labels }) {
      assertEquals([predictions.shape, labels.shape], [[18, 2], [18]]);
      return { n: labels.data.length };
    },
    evalDataset: ROWS,
    processingClass: {
      async save(folder) {
        saved.push(folder);
        await Deno.writeTextFile(`${folder}/vocab.txt`, "[PAD]\n");
      },
    },
  });
  return { model, trainer, shapes };
}

gpuTest(
  "a pretrained model's checkpoint loads, and resumes with equal bits",
  async () => {
    await inFolder(async (root) => {
      const args: TrainingArguments = {
        ...{ groupByLength: true, maxSteps: 8, saveSteps: 4 },
        ...{ evalStrategy: "steps", evalSteps: 4, loggingSteps: 1 },
      };
      const whole = make({ ...args, outputDir: `${root}/whole` });
      await whole.trainer.train();
      assert(whole.shapes.size > 2, [...whole.shapes].join("; "));
      assert(![...whole.shapes].every((shape) => shape.endsWith("undefined")));
      const values = await readAll(whole.model.parameters());
      const folder = `${root}/whole/checkpoint-4`;
      assertEquals(names(folder), [
        ...["callbacks.safetensors", "config.json", "model.safetensors"],
        ...["optimizer.safetensors", "run.json", "scheduler.safetensors"],
        ...["trainer_state.json", "vocab.txt"],
      ]);
      const loaded = await BertForSequenceClassification.fromPretrained(folder);
      assertEquals(loaded.config.hiddenSize, 8);
      loaded.dispose();

      const again = make({ ...args, outputDir: `${root}/again` });
      await again.trainer.train({ resumeFromCheckpoint: folder });
      assertEquals(await readAll(again.model.parameters()), values);
      const losses = ({ trainer }: typeof whole) =>
        trainer.state.logHistory.flatMap((entry) =>
          [
            entry["loss"] ?? [],
            entry["eval_loss"] ?? [],
          ].flat()
        );
      assertEquals(losses(again), losses(whole));
      assertEquals(losses(whole).length, 8 + 2);

      const saved: string[] = [];
      const other = make({ outputDir: `${root}/model` }, saved);
      await other.trainer.saveModel();
      assertEquals(names(`${root}/model`), [
        ...["config.json", "model.safetensors", "vocab.txt"],
      ]);
      assertEquals(saved.length, 1);
      for (const { model } of [whole, again, other]) model.dispose();
    });
  },
);

gpuTest("a step of k batches is one of a batch k times as large", async () => {
  const train = async (args: TrainingArguments) => {
    manualSeed(2);
    const model = new BertForSequenceClassification(
      new BertConfig({
        ...{ ...CONFIG, initializerRange: 0.2 },
        ...{ hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 },
      }),
    );
    model.placeParameters();
    const norms: number[] = [];
    const trainer = new Trainer({
      model,
      args: {
        ...{ optim: "sgd", learningRate: 0.5, maxGradNorm: 0.2 },
        ...{ maxSteps: 5, loggingSteps: 1, ...args },
      },
      trainDataset: ROWS,
      dataCollator(rows: Row[]) {
        const tokens = rows.map(({ inputIds }) => ({
          inputIds,
          tokenTypeIds: inputIds.map(() => 0),
        }));
        const labels = Int32Array.from(rows, ({ label }) => label);
        return { ...batchInputs(tokens, { length: 24 }), labels };
      },
      callbacks: [{
        onLog: ({ logs }) => void norms.push(logs?.grad_norm ?? NaN),
      }],
    });
    await trainer.train();
    const weights = await readAll(model.parameters());
    model.dispose();
    return {
      norms: norms.slice(0, 5),
      weights: weights.flatMap((x) => [...x]),
    };
  };
  const large = await train({ perDeviceTrainBatchSize: 18 });
  const clipped = large.norms.filter((norm) => norm > 0.2);
  assert(clipped.length > 0 && clipped.length < 5, `${large.norms}`);
  for (const k of [2, 6]) {
    const small = await train({
      perDeviceTrainBatchSize: 18 / k,
      gradientAccumulationSteps: k,
    });
    const tolerance = { absolute: 1e-5, relative: 0 };
    assertClose(small.weights, large.weights, tolerance, `${k} batches`);
    assertClose(small.norms, large.norms, { absolute: 1e-5, relative: 1e-5 });
  }
});

gpuTest("start and end positions are the labels of answers", async () => {
  const model = new BertForQuestionAnswering(new BertConfig(CONFIG));
  const trainer = new Trainer({
    model,
    args: { numTrainEpochs: 1, perDeviceEvalBatchSize: 2 },
    trainDataset: ROWS,
    dataCollator: (rows: Row[]) => ({
      inputIds: tensor(rows.map(({ inputIds }) => inputIds.slice(0, 3)), {
        dtype: "i32",
      }),
      startPositions: Int32Array.from(rows, () => 1),
      endPositions: Int32Array.from(rows, () => 2),
    }),
  });
  await trainer.train();
  const { outputs, labelInputs, metrics } = await trainer.predict(
    ROWS.slice(0, 3),
  );
  assertEquals(Object.keys(outputs), ["startLogits", "endLogits"]);
  assertEquals(outputs["endLogits"]?.shape, [3, 3]);
  assertEquals(labelInputs, {
    startPositions: { data: Int32Array.of(1, 1, 1), shape: [3] },
    endPositions: { data: Int32Array.of(2, 2, 2), shape: [3] },
  });
  assert("test_loss" in metrics);
  model.dispose();
});
