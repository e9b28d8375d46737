// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { backward, type IntegerTensor, tensor } from "../../../engine/mod.ts";
import { openSafetensors } from "../../../nn/mod.ts";
import {
  KeyValueCache,
  MarianConfig,
  type MarianConfigOptions,
  MarianForCausalLM,
  MarianModel,
  MarianMTModel,
  PreTrainedModel,
} from "../../../models/mod.ts";
import { assertClose, gpuTest, ROUNDING, SUMS } from "../../_check.ts";
import {
  assertSavesWhatItRead,
  type Cases,
  FIXTURES,
  testAgreement,
} from "./_golden.ts";

const CASES: Cases = {
  marian_model: MarianModel,
  marian_mt: MarianMTModel,
  marian_mt_unshared: MarianMTModel,
};

testAgreement(Object.keys(CASES), { generates: false });

const TINY: MarianConfigOptions = {
  vocabSize: 30,
  padTokenId: 29,
  decoderStartTokenId: 29,
  dModel: 8,
  encoderLayers: 1,
  encoderAttentionHeads: 2,
  encoderFfnDim: 12,
  decoderLayers: 1,
  decoderAttentionHeads: 2,
  decoderFfnDim: 12,
  maxPositionEmbeddings: 8,
  activationFunction: "swish",
  initStd: 0.3,
};

function ids(rows: number[][]): IntegerTensor {
  return tensor(rows, { dtype: "i32" });
}

gpuTest(
  "savePretrained() gives back what fromPretrained() read, byte for byte",
  async () => {
    for (const [name, modelClass] of Object.entries(CASES)) {
      const missing: string[] = [];
      const model = await PreTrainedModel.load(
        modelClass,
        `${FIXTURES}${name}`,
        { onLoad: (report) => missing.push(...report.missing) },
      );
      assertEquals(missing, []);
      await assertSavesWhatItRead(name, model);
    }
  },
);

gpuTest(
  "positions are Hugging Face's sinusoids, and are not trained",
  async () => {
    const source = `${FIXTURES}marian_model/model.safetensors`;
    using file = await openSafetensors(source);
    const expected = await file.tensor("encoder.embed_positions.weight");
    const fresh = new MarianModel(
      new MarianConfig({ ...TINY, dModel: 32, maxPositionEmbeddings: 40 }),
    );
    const loaded = await MarianMTModel.fromPretrained(`${FIXTURES}marian_mt`);
    for (const { encoder, decoder } of [fresh, loaded.model]) {
      for (
        const { weight } of [encoder.embedPositions, decoder.embedPositions]
      ) {
        assertEquals(weight.shape, expected.shape);
        assertClose(await weight.data(), expected.data, ROUNDING);
        assertEquals(weight.requiresGrad, false);
      }
    }
    fresh.dispose();
    loaded.dispose();
  },
);

gpuTest("a model of odd width has one sine more than cosines", async () => {
  const model = new MarianModel(
    new MarianConfig({
      ...TINY,
      dModel: 5,
      encoderAttentionHeads: 1,
      decoderAttentionHeads: 1,
    }),
  );
  const table = await model.encoder.embedPositions.weight.data();
  const angles = [0, 1, 2].map((i) => 3 / 10000 ** (2 * i / 5));
  assertClose(table.slice(15, 20), [
    ...angles.map(Math.sin),
    ...angles.slice(0, 2).map(Math.cos),
  ]);
  model.dispose();
});

gpuTest("source and target may have different vocabularies", async () => {
  const config = new MarianConfig({
    ...TINY,
    decoderVocabSize: 40,
    shareEncoderDecoderEmbeddings: false,
  });
  const model = new MarianMTModel(config).eval();
  assertEquals(model.model.shared, undefined);
  assertEquals(model.model.encoder.embedTokens.weight.shape, [30, 8]);
  assertEquals(
    model.lmHead.weight,
    model.model.decoder.embedTokens.weight,
  );
  const { logits, loss } = model.forward({
    inputIds: ids([[7, 9, 0]]),
    labels: ids([[35, 0]]),
  });
  assertEquals(logits.shape, [1, 2, 40]);
  backward(loss);
  const gradient = await model.model.encoder.embedTokens.weight.grad?.data();
  assert(gradient?.some((x) => x !== 0));
  model.dispose();
});

gpuTest("finalLogitsBias is added, saved and not trained", async () => {
  const model = new MarianMTModel(new MarianConfig(TINY)).eval();
  const inputs = {
    inputIds: ids([[7, 9, 0]]),
    decoderInputIds: ids([[29, 4]]),
  };
  const before = await model.forward(inputs).logits.data();
  const bias = Float32Array.from({ length: 30 }, (_, i) => i);
  model.finalLogitsBias.write(bias);
  const after = await model.forward(inputs).logits.data();
  assertClose(
    after,
    Array.from(before, (x, i) => x + i % 30),
    { absolute: 1e-5, relative: 0 },
  );
  assertEquals([...model.namedBuffers().keys()], ["final_logits_bias"]);
  assertEquals(model.namedParameters().has("final_logits_bias"), false);
  model.dispose();
});

gpuTest("a cache gives the scores that the whole text gives", async () => {
  const model = new MarianMTModel(new MarianConfig(TINY)).eval();
  const encoderLastHiddenState = model.encode({ inputIds: ids([[7, 9, 0]]) });
  using cache = new KeyValueCache({ rows: 1, capacity: 4 });
  const target = [29, 5, 6, 7];
  const whole = await model.forward({
    encoderLastHiddenState,
    decoderInputIds: ids([target]),
  }).logits.data();
  for (const [i, token] of target.entries()) {
    const { logits } = model.forward({
      encoderLastHiddenState,
      decoderInputIds: ids([[token]]),
      cache,
    });
    cache.advance(1);
    assertClose(
      await logits.data(),
      whole.slice(30 * i, 30 * i + 30),
      SUMS,
      `token ${i}`,
    );
  }
  model.dispose();
});

gpuTest("MarianForCausalLM() is the decoder of a whole Marian", async () => {
  const config = new MarianConfig(TINY);
  const model = new MarianForCausalLM(config).eval();
  assertEquals(config.isEncoderDecoder, true);
  assertEquals(model.config.isEncoderDecoder, false);
  const names = [...model.namedParameters().keys()];
  assertEquals(names[0], "model.decoder.embed_tokens.weight");
  const scores = async (row: number[]) =>
    await model.forward({ inputIds: ids([row]) }).logits.data();
  const short = await scores([29, 4]);
  assertClose((await scores([29, 4, 8])).slice(0, short.length), short, SUMS);
  model.dispose();
});

gpuTest("Marian refuses what it cannot do", () => {
  assertThrows(
    () => new MarianConfig({ ...TINY, decoderVocabSize: 0 }),
    RangeError,
    "decoderVocabSize is 0",
  );
  assertThrows(
    () => new MarianConfig({ ...TINY, dModel: 9 }),
    RangeError,
    "expected a multiple of encoder_attention_heads, 2",
  );
  const model = new MarianMTModel(new MarianConfig(TINY)).eval();
  const inputIds = ids([[7, 9, 0]]);
  assertThrows(
    () => model.forward({ inputIds }),
    TypeError,
    "neither decoderInputIds nor labels are given",
  );
  model.dispose();
});
