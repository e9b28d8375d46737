// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { manualSeed, readAll, tensor } from "../../../engine/mod.ts";
import {
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  BertConfig,
  BertForMultipleChoice,
  BertForSequenceClassification,
  BertLMHeadModel,
  BertModel,
  generate,
  packingOf,
} from "../../../models/mod.ts";
import { checkCase } from "../../../tools/golden/check.ts";
import { gpuTest } from "../../_check.ts";
import { assertSavesWhatItRead, FIXTURES, testAgreement } from "./_golden.ts";

const CASES = [
  "bert_lm_head",
  "bert_masked_lm",
  "bert_model",
  "bert_qa",
  "bert_seq_cls",
  "bert_seq_cls_multilabel",
  "bert_seq_cls_regression",
  "bert_token_cls",
];

testAgreement(CASES);

const TINY = {
  vocabSize: 30,
  hiddenSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 12,
  maxPositionEmbeddings: 6,
} as const;

gpuTest("checkCase() sees a wrong weight", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const source = `${FIXTURES}bert_seq_cls`;
    for await (const { name } of Deno.readDir(source)) {
      await Deno.copyFile(`${source}/${name}`, `${folder}/${name}`);
    }
    const path = `${folder}/model.safetensors`;
    const bytes = await Deno.readFile(path);
    const last = bytes.length - 1;
    bytes[last] = (bytes[last] ?? 0) ^ 0x41; // sign and exponent
    await Deno.writeFile(path, bytes);
    const results = await checkCase(folder);
    assert(results.some(({ ok }) => !ok));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

gpuTest(
  "savePretrained() gives back what fromPretrained() read, byte for byte",
  async () => {
    for (
      const [name, auto] of [
        ["bert_model", AutoModel],
        ["bert_masked_lm", AutoModelForMaskedLM],
        ["bert_seq_cls", AutoModelForSequenceClassification],
      ] as const
    ) {
      const model = await auto.fromPretrained(`${FIXTURES}${name}`);
      await assertSavesWhatItRead(name, model);
    }
  },
);

gpuTest("fromPretrained() draws a new head and says so", async () => {
  const heard: string[][] = [];
  const onLoad = (
    { missing, unexpected }: Record<"missing" | "unexpected", string[]>,
  ) => heard.push(missing, unexpected);
  manualSeed(3);
  const model = await BertForSequenceClassification.fromPretrained(
    `${FIXTURES}bert_masked_lm`,
    { onLoad, config: { num_labels: 5 } },
  );
  assertEquals(heard[0], [
    "bert.pooler.dense.weight",
    "bert.pooler.dense.bias",
    "classifier.weight",
    "classifier.bias",
  ]);
  assertEquals(heard[1]?.every((name) => name.startsWith("cls.")), true);
  assertEquals(model.classifier.weight.shape, [5, 32]);
  const [weight, bias] = await readAll([
    model.classifier.weight,
    model.classifier.bias ?? model.classifier.weight,
  ]);
  assert(
    weight?.some((x) => x !== 0) && weight.every((x) => Math.abs(x) < 0.15),
  );
  assert(bias?.every((x) => x === 0));
  model.dispose();
});

gpuTest(
  "fromPretrained() moves the encoder between models with and without head",
  async () => {
    const base = await BertModel.fromPretrained(`${FIXTURES}bert_seq_cls`);
    const head = await BertForSequenceClassification.fromPretrained(
      `${FIXTURES}bert_seq_cls`,
    );
    const name = "encoder.layer.1.output.dense.weight";
    const [a, b] = await readAll([
      base.namedParameters().get(name) ??
        base.encoder.layer[0]?.parameters()[0],
      head.namedParameters().get(`bert.${name}`),
    ].filter((x) => x !== undefined));
    assertEquals(a, b);
    base.dispose();
    head.dispose();
  },
);

gpuTest(
  "fromPretrained() refuses other shapes unless ignoreMismatchedSizes is set",
  async () => {
    const source = `${FIXTURES}bert_seq_cls`;
    await assertRejects(
      () =>
        BertForSequenceClassification.fromPretrained(source, {
          config: { id2label: null, label2id: null, num_labels: 7 },
        }),
      TypeError,
      "classifier.weight is [3, 32] there and [7, 32] here",
    );
    const model = await BertForSequenceClassification.fromPretrained(source, {
      config: { id2label: null, label2id: null, num_labels: 7 },
      ignoreMismatchedSizes: true,
      onLoad: ({ mismatched }) =>
        assertEquals(mismatched.map(({ name }) => name), [
          "classifier.weight",
          "classifier.bias",
        ]),
    });
    assertEquals(model.classifier.weight.shape, [7, 32]);
    model.dispose();
  },
);

gpuTest("BertForMultipleChoice() scores each choice as its own text", () => {
  const model = new BertForMultipleChoice(new BertConfig(TINY)).eval();
  const inputIds = tensor(Int32Array.from({ length: 12 }, (_, i) => i), {
    shape: [2, 3, 2],
  });
  const labels = tensor(Int32Array.of(0, 2));
  const { logits, loss } = model.forward({ inputIds, labels });
  assertEquals(logits.shape, [2, 3]);
  assertEquals(loss?.shape, []);
  model.dispose();
});

gpuTest(
  "padding on the right does not change the other positions",
  async () => {
    const model = new BertModel(new BertConfig(TINY)).eval();
    const forward = async (ids: number[], mask: number[]) => {
      const shape = [1, ids.length];
      const { lastHiddenState } = model.forward({
        inputIds: tensor(Int32Array.from(ids), { shape }),
        attentionMask: tensor(Int32Array.from(mask), { shape }),
      });
      return (await lastHiddenState.data()).slice(0, 3 * TINY.hiddenSize);
    };
    const short = await forward([5, 6, 7], [1, 1, 1]);
    const padded = await forward([5, 6, 7, 9, 0], [1, 1, 1, 0, 0]);
    for (const [i, x] of short.entries()) {
      assert(Math.abs(x - (padded[i] ?? NaN)) < 2e-6);
    }
    model.dispose();
  },
);

gpuTest("BERT refuses what it cannot encode", () => {
  assertThrows(
    () => new BertConfig({ hiddenSize: 10, numAttentionHeads: 3 }),
    RangeError,
    "expected a multiple of num_attention_heads, 3",
  );
  assertThrows(
    () => new BertConfig({ hiddenAct: "snake" }),
    TypeError,
    'Cannot use the activation "snake"',
  );
  const model = new BertModel(new BertConfig(TINY)).eval();
  const ids = (shape: number[]) =>
    tensor(new Int32Array(shape.reduce((n, x) => n * x, 1)), { shape });
  assertThrows(
    () => model.forward({ inputIds: ids([1, 7]) }),
    RangeError,
    "Cannot encode 7 tokens: the model supports 6 positions",
  );
  assertThrows(
    () => model.forward({ inputIds: ids([4]) }),
    TypeError,
    "inputIds must be integers of shape [batch, length]",
  );
  assertThrows(
    () => model.forward({ inputIds: ids([1, 4]), attentionMask: ids([1, 3]) }),
    TypeError,
    "Cannot encode with attentionMask [1, 3]",
  );
  model.dispose();
});

gpuTest("AutoModel names the architectures that there are", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/config.json`,
      '{"model_type": "snail"}',
    );
    await assertRejects(
      () => AutoModel.fromPretrained(folder),
      RangeError,
      'Cannot load a model of type "snail": expected one of "bert"',
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

gpuTest(
  "output_attentions of a configuration is obeyed, but where texts are packed",
  async () => {
    const config = new BertConfig({
      ...TINY,
      isDecoder: true,
      outputAttentions: true,
    });
    const model = new BertLMHeadModel(config).eval();
    const inputIds = tensor([[1, 2, 3], [4, 0, 0]], { dtype: "i32" });
    const { attentions = [] } = model.forward({ inputIds });
    assertEquals(attentions.length, config.numHiddenLayers);
    assertEquals(
      model.forward({ inputIds, outputAttentions: false }).attentions,
      undefined,
    );
    const packing = packingOf([1, 1, 1, 1, 0, 0], [2, 3]);
    assertEquals(model.forward({ inputIds, packing }).attentions, undefined);
    // Neither does generation ask for them.
    const { sequences } = await generate(model, {
      inputIds: [[1, 2]],
      maxNewTokens: 2,
    });
    assertEquals(sequences[0]?.length, 4);
    assertEquals(config.toJSON().output_attentions, true);
    model.dispose();
  },
);
