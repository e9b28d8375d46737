// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { manualSeed, noGrad, readAll, tensor } from "../../../engine/mod.ts";
import {
  BartConfig,
  BartModel,
  batchInputs,
  BertConfig,
  BertModel,
  ConcatPooling,
  ConvPooling,
  ModernBertConfig,
  ModernBertModel,
  packingOf,
  PooledForSequenceClassification,
  RecurrentPooling,
  RobertaConfig,
  RobertaModel,
  type StatesEncoder,
  TokenPooling,
  WeightedLayerPooling,
} from "../../../models/mod.ts";
import { Module, Trainer } from "../../../nn/mod.ts";
import { assertClose, gpuTest, SUMS } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";

const SIZES = {
  vocabSize: 30,
  hiddenSize: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 16,
  maxPositionEmbeddings: 40,
  padTokenId: 0,
};

const ENCODERS: Record<string, () => StatesEncoder> = {
  BERT: () => new BertModel(new BertConfig(SIZES), { addPoolingLayer: false }),
  RoBERTa: () =>
    new RobertaModel(new RobertaConfig(SIZES), { addPoolingLayer: false }),
  ModernBERT: () => new ModernBertModel(new ModernBertConfig(SIZES)),
  "BART's encoder": () =>
    new BartModel(
      new BartConfig({
        vocabSize: 30,
        dModel: 8,
        encoderLayers: 2,
        decoderLayers: 1,
        encoderAttentionHeads: 2,
        decoderAttentionHeads: 2,
        encoderFfnDim: 16,
        decoderFfnDim: 16,
        maxPositionEmbeddings: 40,
      }),
    ).encoder,
};

const IDS = [[5, 6, 7, 8], [9, 3, 0, 0]];
const MASK = [[1, 1, 1, 1], [1, 1, 0, 0]];

for (const [name, make] of Object.entries(ENCODERS)) {
  gpuTest(`a pooling head over ${name}, with a mask or a packing`, async () => {
    manualSeed(1);
    const model = new PooledForSequenceClassification(
      make(),
      new RecurrentPooling(8, { units: 4 }),
      { numLabels: 3 },
    ).eval();
    const run = (ids: number[][], mask: number[][], packs = false) =>
      noGrad(() =>
        model.forward({
          inputIds: tensor(ids, { dtype: "i32" }),
          attentionMask: tensor(mask, { dtype: "i32" }),
          ...(packs
            ? {
              packing: packingOf(mask.flat(), [
                mask.length,
                mask[0]?.length ?? 0,
              ]),
            }
            : {}),
        })
      ).logits;
    const [whole, packed, alone] = await readAll([
      run(IDS, MASK),
      run(IDS, MASK, true),
      run([[9, 3]], [[1, 1]]),
    ]);
    assertEquals(whole?.length, 6);
    assertClose(packed ?? [], whole ?? [], SUMS);
    assertClose(alone ?? [], whole?.slice(3) ?? [], SUMS);
    model.dispose();
  });
}

gpuTest("the loss, the states and the names of parameters", async () => {
  const model = new PooledForSequenceClassification(
    new BertModel(new BertConfig(SIZES), { addPoolingLayer: false }),
    new WeightedLayerPooling(8, { numHiddenLayers: 2, layerStart: 1 }),
    { numLabels: 1, dropout: 0 },
  );
  const inputIds = tensor(IDS, { dtype: "i32" });
  const { loss, logits, hiddenStates } = model.forward({
    inputIds,
    labels: tensor([0.5, -1]),
    outputHiddenStates: true,
  });
  assertEquals(hiddenStates?.length, 3);
  const [a = NaN, b = NaN] = await logits.data();
  assertClose([await loss.item()], [((a - 0.5) ** 2 + (b + 1) ** 2) / 2]);
  assertEquals([...model.namedParameters().keys()].slice(-3), [
    "pooling.layer_weights",
    "classifier.weight",
    "classifier.bias",
  ]);
  assertThrows(
    () =>
      new PooledForSequenceClassification(
        Object.assign(new Module(), { forward: () => ({}) }),
        new TokenPooling(8),
      ).forward({ inputIds }),
    TypeError,
    "Cannot pool: the encoder gave no hiddenStates",
  );
  model.dispose();
});

gpuTest("a Trainer trains, saves and resumes a pooled classifier", async () => {
  const rows = Array.from({ length: 24 }, (_, i) => ({
    // The label is whether token 7 is there.
    inputIds: [
      2,
      ...Array.from({ length: 2 + i % 4 }, (_, k) => 10 + (3 * i + k) % 20),
      ...(i % 2 === 1 ? [7] : []),
      3,
    ],
    label: i % 2,
  }));
  const make = (args: { outputDir: string; maxSteps: number }) => {
    manualSeed(3);
    const model = new PooledForSequenceClassification(
      new BertModel(new BertConfig(SIZES), { addPoolingLayer: false }),
      new ConvPooling(8, { channels: 12, outputSize: 6 }),
    );
    model.placeParameters();
    const trainer = new Trainer({
      model,
      args: {
        perDeviceTrainBatchSize: 8,
        learningRate: 0.02,
        saveSteps: 6,
        ...args,
      },
      trainDataset: rows,
      dataCollator: (batch: typeof rows) => ({
        ...batchInputs(
          batch.map(({ inputIds }) => ({
            inputIds,
            tokenTypeIds: inputIds.map(() => 0),
          })),
          { length: 8 },
        ),
        labels: Int32Array.from(batch, ({ label }) => label),
      }),
    });
    return { model, trainer };
  };
  await inFolder(async (outputDir) => {
    const first = make({ outputDir, maxSteps: 12 });
    const { trainingLoss } = await first.trainer.train();
    assert(trainingLoss < 0.7, `the loss is ${trainingLoss}`);
    assert((await names(outputDir)).includes("checkpoint-6"));
    const weights = await readAll(first.model.parameters());
    first.model.dispose();
    const again = make({ outputDir, maxSteps: 12 });
    await again.trainer.train({
      resumeFromCheckpoint: `${outputDir}/checkpoint-6`,
    });
    assertEquals(await readAll(again.model.parameters()), weights);
    again.model.dispose();
  });
});

gpuTest("a head's states must have the encoder's length", () => {
  const model = new PooledForSequenceClassification(
    new BertModel(new BertConfig(SIZES), { addPoolingLayer: false }),
    new ConcatPooling(6, { layers: 2 }),
  );
  assertThrows(
    () => model.forward({ inputIds: tensor(IDS, { dtype: "i32" }) }),
    TypeError,
    "Cannot multiply [2, 16] by [2, 12] transposed",
  );
  model.dispose();
});
