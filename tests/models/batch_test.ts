// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { manualSeed, noGrad, readAll } from "../../engine/mod.ts";
import {
  batchInputs,
  ModernBertConfig,
  ModernBertForSequenceClassification,
  type TokenRow,
} from "../../models/mod.ts";
import { assertClose, gpuTest } from "../_check.ts";

function rowOf(length: number): TokenRow {
  return {
    inputIds: Array.from({ length }, (_, i) => 5 + i),
    tokenTypeIds: Array.from({ length }, (_, i) => i % 2),
  };
}

gpuTest("batchInputs() fills rows up on the right", async () => {
  const { inputIds, attentionMask, tokenTypeIds, packing } = batchInputs(
    [rowOf(2), rowOf(3)],
    { length: 4, padTokenId: 9 },
  );
  assertEquals(inputIds.shape, [2, 4]);
  assertEquals([...await inputIds.data()], [5, 6, 9, 9, 5, 6, 7, 9]);
  assertEquals([...await attentionMask?.data() ?? []], [
    1,
    1,
    0,
    0,
    1,
    1,
    1,
    0,
  ]);
  assertEquals([...await tokenTypeIds?.data() ?? []], [0, 1, 0, 0, 0, 1, 0, 0]);
  assertEquals(packing, undefined);
});

gpuTest("batchInputs() packs where padding is an eighth or more", () => {
  const usesPacking = true;
  const padded = (length: number) =>
    batchInputs([rowOf(7)], { length, usesPacking }).packing?.tokens;
  assertEquals([7, 8, 9].map(padded), [undefined, 7, 7]);
  const filled = (packedMultipleOf: number) =>
    batchInputs([rowOf(7)], { length: 9, usesPacking, packedMultipleOf })
      .packing?.tokens;
  assertEquals([1, 7, 16].map(filled), [7, 7, 16]);
  assertThrows(
    () => batchInputs([rowOf(3)], { length: 2 }),
    RangeError,
    "Cannot pad a row of 3 tokens to 2: it is longer",
  );
});

gpuTest(
  "a model that packs gives the scores of one that does not",
  async () => {
    manualSeed(5);
    const model = new ModernBertForSequenceClassification(
      new ModernBertConfig({
        vocabSize: 30,
        hiddenSize: 16,
        numHiddenLayers: 3,
        numAttentionHeads: 2,
        intermediateSize: 24,
        localAttention: 4,
        padTokenId: 3,
        clsTokenId: 1,
        sepTokenId: 2,
        bosTokenId: 1,
        eosTokenId: 2,
        initializerRange: 0.3,
        classifierPooling: "mean",
      }),
    ).eval();
    assertEquals(model.usesPacking, true);
    const rows = [rowOf(2), rowOf(9), rowOf(4)];
    const [plain = [], packed = []] = await readAll(
      [false, true].map((usesPacking) =>
        noGrad(() => model.forward(batchInputs(rows, { usesPacking }))).logits
      ),
    );
    assertClose(packed, plain, { absolute: 1e-5, relative: 1e-5 });
    model.dispose();
  },
);
