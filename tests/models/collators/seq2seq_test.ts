// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import {
  DataCollatorForSeq2Seq,
  MarianConfig,
  MarianMTModel,
  shiftTokensRight,
  Tokenizer,
  toTensors,
} from "../../../models/mod.ts";
import { shiftRight } from "../../../models/architectures/bart_seq2seq.ts";
import { gpuTest } from "../../_check.ts";
import { rowsOf, wordPiece } from "./_words.ts";

const FIXTURES = new URL("../../fixtures/tokenizers", import.meta.url).pathname;
const TOKENIZER = wordPiece("a b c");
const FEATURES = [
  { inputIds: [5, 6, 3], labels: [7, 3] },
  { inputIds: [5, 3], labels: [7, 6, 5, 3] },
];

Deno.test("sources are padded to one length and targets to another", () => {
  const batch = new DataCollatorForSeq2Seq(TOKENIZER).collate(FEATURES);
  assertEquals(rowsOf(batch.inputIds), [[5, 6, 3], [5, 3, 0]]);
  assertEquals(rowsOf(batch.attentionMask), [[1, 1, 1], [1, 1, 0]]);
  assertEquals(rowsOf(batch.labels), [[7, 3, -100, -100], [7, 6, 5, 3]]);
  assertEquals(Object.keys(batch).sort(), [
    "attentionMask",
    "inputIds",
    "labels",
  ]);
  const multiple = new DataCollatorForSeq2Seq(TOKENIZER, {
    padToMultipleOf: 5,
    labelPadTokenId: 9,
    paddingSide: "left",
  }).collate(FEATURES);
  assertEquals(rowsOf(multiple.inputIds)[1], [0, 0, 0, 5, 3]);
  assertEquals(rowsOf(multiple.labels)[0], [9, 9, 9, 7, 3]);
});

Deno.test("rows of maxLength: targets follow if it is given, as in transformers", () => {
  const shapes = (tokenizer: Tokenizer, options: object) => {
    const padding = "max_length";
    const collator = new DataCollatorForSeq2Seq(tokenizer, {
      padding,
      ...options,
    });
    const { inputIds, labels } = collator.collate(FEATURES);
    return [inputIds.shape[1], labels.shape[1]];
  };
  assertEquals(shapes(TOKENIZER, { maxLength: 6 }), [6, 6]);
  assertEquals(shapes(TOKENIZER, { maxLength: 6, maxTargetLength: 5 }), [6, 5]);
  const limited = wordPiece("a b c", { model_max_length: 9 });
  assertEquals(shapes(limited, {}), [9, 4]);
});

Deno.test("with a model the labels are shifted for its decoder", () => {
  const config = { decoderStartTokenId: 2, padTokenId: 1 };
  const batch = new DataCollatorForSeq2Seq(TOKENIZER, { model: { config } })
    .collate(FEATURES);
  assertEquals(rowsOf(batch.decoderInputIds), [[2, 7, 3, 1], [2, 7, 6, 5]]);
  assertThrows(
    () =>
      new DataCollatorForSeq2Seq(TOKENIZER, {
        model: { config: { ...config, decoderStartTokenId: null } },
      }).collate(FEATURES),
    TypeError,
    "decoderStartTokenId is null",
  );
});

gpuTest("shiftTokensRight() is the shift that models make", async () => {
  const config = new MarianConfig({ padTokenId: 1, decoderStartTokenId: 2 });
  const labels = new DataCollatorForSeq2Seq(TOKENIZER).collate(FEATURES).labels;
  const own = shiftRight(toTensors({ labels }).labels, config);
  const { data, shape } = shiftTokensRight(labels, { config });
  assertEquals([[...data], [...shape]], [[...await own.data()], own.shape]);
});

Deno.test("texts are tokenized by the rules of their languages, and cut", async () => {
  const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/marian`);
  const texts = [{ text: "Hello, how are you?", target: "Salama tompoko" }];
  const batch = new DataCollatorForSeq2Seq(tokenizer).collate(texts);
  assertEquals(rowsOf(batch.labels), [[
    ...tokenizer.encode("Salama tompoko", { textTarget: true }).inputIds,
  ]]);
  assertEquals(rowsOf(batch.inputIds), [[
    ...tokenizer.encode("Hello, how are you?").inputIds,
  ]]);
  const cut = new DataCollatorForSeq2Seq(tokenizer, {
    maxLength: 4,
    maxTargetLength: 2,
  }).collate(texts);
  assertEquals([cut.inputIds.shape, cut.labels.shape], [[1, 4], [1, 2]]);
  assertThrows(
    () =>
      new DataCollatorForSeq2Seq(tokenizer).collate([
        { text: "a" } as { text: string; target: string },
      ]),
    TypeError,
    "expected inputIds and labels, or text and target",
  );
});

gpuTest("a packed batch has the loss of the padded one", async () => {
  const model = new MarianMTModel(
    new MarianConfig({
      vocabSize: 20,
      dModel: 16,
      encoderLayers: 1,
      decoderLayers: 1,
      encoderAttentionHeads: 2,
      decoderAttentionHeads: 2,
      encoderFfnDim: 24,
      decoderFfnDim: 24,
      maxPositionEmbeddings: 16,
      padTokenId: 0,
      decoderStartTokenId: 0,
    }),
  ).eval();
  const features = [
    { inputIds: [5, 6, 7, 8, 3], labels: [7, 3] },
    { inputIds: [5, 3], labels: [7, 6, 5, 9, 3] },
  ];
  const lossOf = async (usesPacking: boolean) => {
    const collator = new DataCollatorForSeq2Seq(TOKENIZER, { usesPacking });
    const batch = collator.collate(features);
    assertEquals(batch.packing !== undefined, usesPacking);
    assertEquals(batch.decoderPacking?.tokens, usesPacking ? 7 : undefined);
    return await model.forward(toTensors(batch)).loss.item();
  };
  const difference = await lossOf(true) - await lossOf(false);
  assertEquals(Math.abs(difference) < 1e-5, true, `${difference}`);
  model.dispose();
});
