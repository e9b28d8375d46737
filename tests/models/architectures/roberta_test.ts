// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type IntegerTensor,
  manualSeed,
  noGrad,
  readAll,
  tensor,
} from "../../../engine/mod.ts";
import { openSafetensors } from "../../../nn/mod.ts";
import {
  PreTrainedModel,
  RobertaConfig,
  RobertaForCausalLM,
  RobertaForMaskedLM,
  RobertaForMultipleChoice,
  RobertaForQuestionAnswering,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaModel,
} from "../../../models/mod.ts";
import { assertClose, gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import {
  assertSavesWhatItRead,
  type Cases,
  FIXTURES,
  testAgreement,
} from "./_golden.ts";

const CASES: Cases = {
  roberta_causal_lm: RobertaForCausalLM,
  roberta_masked_lm: RobertaForMaskedLM,
  roberta_model: RobertaModel,
  roberta_multiple_choice: RobertaForMultipleChoice,
  roberta_qa: RobertaForQuestionAnswering,
  roberta_seq_cls: RobertaForSequenceClassification,
  roberta_token_cls: RobertaForTokenClassification,
};

testAgreement(Object.keys(CASES));

const TINY = {
  vocabSize: 30,
  hiddenSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 12,
  maxPositionEmbeddings: 8,
  initializerRange: 0.3,
} as const;

function integers(rows: readonly (readonly number[])[]): IntegerTensor {
  return tensor(rows, { dtype: "i32" });
}

/** The names in a checkpoint file, sorted. */
async function keysOf(folder: string): Promise<string[]> {
  using file = await openSafetensors(`${folder}/model.safetensors`);
  return [...file.names].sort();
}

gpuTest(
  "savePretrained() gives back what fromPretrained() read, byte for byte",
  async () => {
    for (const [name, modelClass] of Object.entries(CASES)) {
      const source = `${FIXTURES}${name}`;
      const model = await PreTrainedModel.load(modelClass, source);
      await assertSavesWhatItRead(name, model);
    }
  },
);

for (const tieWordEmbeddings of [true, false]) {
  gpuTest(
    `a head ${tieWordEmbeddings ? "tied" : "not tied"} to the embeddings ` +
      "is saved as Hugging Face names it",
    () =>
      inFolder(async (folder) => {
        manualSeed(5);
        const config = new RobertaConfig({
          ...TINY,
          numHiddenLayers: 2,
          tieWordEmbeddings,
        });
        const model = new RobertaForMaskedLM(config).eval();
        await model.savePretrained(folder);
        const golden = await keysOf(`${FIXTURES}roberta_masked_lm`);
        assertEquals(
          await keysOf(folder),
          tieWordEmbeddings
            ? golden
            : [...golden, "lm_head.decoder.weight"].sort(),
        );
        const loaded = await RobertaForMaskedLM.fromPretrained(folder);
        assertEquals(loaded.config.tieWordEmbeddings, tieWordEmbeddings);
        const inputIds = integers([[0, 5, 6, 2]]);
        const [a, b] = await readAll([
          model.forward({ inputIds }).logits,
          loaded.forward({ inputIds }).logits,
        ]);
        assertEquals(a, b);
        model.dispose();
        loaded.dispose();
      }),
  );
}

gpuTest(
  "positions count the tokens that are not padding, from padTokenId + 1",
  async () => {
    manualSeed(6);
    const model = new RobertaModel(new RobertaConfig(TINY)).eval();
    const inputIds = integers([[0, 5, 1, 2, 1, 1], [1, 1, 0, 5, 6, 2]]);
    // Neither the mask nor the columns of the row.
    const attentionMask = integers([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]);
    const embeddings = (positionIds?: IntegerTensor) =>
      noGrad(() =>
        model.forward({
          inputIds,
          attentionMask,
          positionIds,
          outputHiddenStates: true,
        })
      ).hiddenStates?.[0] ?? inputIds;
    const [counted, given, plain] = await readAll([
      embeddings(),
      embeddings(integers([[2, 3, 1, 4, 1, 1], [1, 1, 2, 3, 4, 5]])),
      embeddings(integers([[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]])),
    ]);
    assertEquals(counted, given);
    assert(counted?.some((x, i) => Math.abs(x - (plain?.[i] ?? NaN)) > 0.01));
    model.dispose();
  },
);

gpuTest(
  "padding on either side does not change the other positions",
  async () => {
    manualSeed(7);
    const model = new RobertaModel(new RobertaConfig(TINY)).eval();
    const forward = async (ids: number[], start: number) => {
      const { lastHiddenState } = noGrad(() =>
        model.forward({
          inputIds: integers([ids]),
          attentionMask: integers([ids.map((id) => id === 1 ? 0 : 1)]),
        })
      );
      const values = await lastHiddenState.data();
      return values.slice(
        start * TINY.hiddenSize,
        (start + 4) * TINY.hiddenSize,
      );
    };
    const alone = await forward([0, 5, 6, 2], 0);
    assertClose(await forward([0, 5, 6, 2, 1, 1], 0), alone);
    assertClose(await forward([1, 1, 0, 5, 6, 2], 2), alone);
    model.dispose();
  },
);

gpuTest("token types of zeros are the same as none", async () => {
  const config = new RobertaConfig({ ...TINY, typeVocabSize: 1 });
  const model = new RobertaModel(config).eval();
  const inputIds = integers([[0, 5, 6, 2]]);
  const tokenTypeIds = integers([[0, 0, 0, 0]]);
  const [a, b] = await readAll([
    model.forward({ inputIds }).lastHiddenState,
    model.forward({ inputIds, tokenTypeIds }).lastHiddenState,
  ]);
  assertEquals(a, b);
  model.dispose();
});

gpuTest("padding's rows of words and positions start as zeros", async () => {
  const config = new RobertaConfig({ ...TINY, padTokenId: 3 });
  const { embeddings } = new RobertaModel(config);
  const tables = [embeddings.wordEmbeddings, embeddings.positionEmbeddings];
  for (const values of await readAll(tables.map(({ weight }) => weight))) {
    const rows = Array.from(
      { length: 5 },
      (
        _,
        i,
      ) => [...values.slice(i * TINY.hiddenSize, (i + 1) * TINY.hiddenSize)],
    );
    assertEquals(rows.map((row) => row.every((x) => x === 0)), [
      false,
      false,
      false,
      true,
      false,
    ]);
  }
  embeddings.dispose();
});

gpuTest("fromPretrained() draws a new head and says so", async () => {
  const heard: string[][] = [];
  const model = await RobertaForSequenceClassification.fromPretrained(
    `${FIXTURES}roberta_masked_lm`,
    {
      onLoad: ({ missing, unexpected }) => heard.push(missing, unexpected),
      config: { num_labels: 5 },
    },
  );
  assertEquals(heard[0], [
    "classifier.dense.weight",
    "classifier.dense.bias",
    "classifier.out_proj.weight",
    "classifier.out_proj.bias",
  ]);
  assertEquals(heard[1]?.every((name) => name.startsWith("lm_head.")), true);
  assertEquals(model.classifier.outProj.weight.shape, [5, 32]);
  model.dispose();
});

gpuTest("RobertaModel() supports the positions after that of padding", () => {
  const model = new RobertaModel(new RobertaConfig(TINY)).eval();
  const ids = (length: number) =>
    integers([Array.from({ length }, (_, i) => i + 2)]);
  assertEquals(
    model.forward({ inputIds: ids(6) }).lastHiddenState.shape,
    [1, 6, 8],
  );
  assertThrows(
    () => model.forward({ inputIds: ids(7) }),
    RangeError,
    "Cannot encode 7 tokens: the model supports 6 positions",
  );
  const positionIds = integers([[0, 1, 2, 3, 4, 5, 6, 7]]);
  model.forward({ inputIds: ids(8), positionIds });
  model.dispose();
});

Deno.test("RobertaConfig() has Hugging Face's defaults", () => {
  const config = new RobertaConfig();
  assertEquals(config.toJSON(), {
    attention_probs_dropout_prob: 0.1,
    bos_token_id: 0,
    classifier_dropout: null,
    eos_token_id: 2,
    hidden_act: "gelu",
    hidden_dropout_prob: 0.1,
    hidden_size: 768,
    intermediate_size: 3072,
    layer_norm_eps: 1e-12,
    max_position_embeddings: 512,
    model_type: "roberta",
    num_attention_heads: 12,
    num_hidden_layers: 12,
    pad_token_id: 1,
    type_vocab_size: 2,
    vocab_size: 50265,
  });
});

Deno.test("RobertaConfig() refuses what it cannot use", () => {
  assertThrows(
    () => new RobertaConfig({ hiddenSize: 10, numAttentionHeads: 3 }),
    RangeError,
    "hiddenSize is 10, expected a multiple of num_attention_heads, 3",
  );
  assertThrows(
    () => new RobertaConfig({ ...TINY, padTokenId: 7 }),
    RangeError,
    "Cannot read the options: padTokenId is 7, expected an integer from 0 to 6",
  );
  assertThrows(
    () => new RobertaConfig({ padTokenId: -1 }),
    RangeError,
    "padTokenId is -1",
  );
  assertThrows(
    () => new RobertaConfig({ addCrossAttention: true }),
    TypeError,
    "addCrossAttention is true, expected false",
  );
});
