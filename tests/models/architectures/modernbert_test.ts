// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  manualSeed,
  readAll,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import {
  ConfigReader,
  type LabeledInputs,
  ModernBertConfig,
  type ModernBertConfigOptions,
  ModernBertForMaskedLM,
  ModernBertForMultipleChoice,
  ModernBertForQuestionAnswering,
  ModernBertForSequenceClassification,
  ModernBertForTokenClassification,
  ModernBertModel,
  type Packing,
  packingOf,
  type PretrainedConfig,
  PreTrainedModel,
} from "../../../models/mod.ts";
import { checkCase } from "../../../tools/golden/check.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";
import {
  assertSavesWhatItRead,
  type Cases,
  FIXTURES,
  testAgreement,
} from "./_golden.ts";

const CASES: Cases = {
  modernbert_masked_lm: ModernBertForMaskedLM,
  modernbert_model: ModernBertModel,
  modernbert_seq_cls_cls: ModernBertForSequenceClassification,
  modernbert_seq_cls_mean: ModernBertForSequenceClassification,
  modernbert_token_cls: ModernBertForTokenClassification,
};

testAgreement(Object.keys(CASES), { least: 30 });

gpuTest(
  "savePretrained() gives back ModernBERT's files byte for byte",
  async () => {
    for (const [name, modelClass] of Object.entries(CASES)) {
      const source = `${FIXTURES}${name}`;
      const model = await PreTrainedModel.load(modelClass, source);
      await assertSavesWhatItRead(name, model);
    }
  },
);

const SPARSE = "modernbert_masked_lm";

const TINY: ModernBertConfigOptions = {
  vocabSize: 30,
  hiddenSize: 16,
  numHiddenLayers: 4,
  numAttentionHeads: 2,
  intermediateSize: 12,
  maxPositionEmbeddings: 40,
  localAttention: 6,
  padTokenId: 0,
  initializerRange: 0.5,
};

const LENGTHS = [5, 17, 1, 12];
const SHAPE: [number, number] = [LENGTHS.length, 20];
const PLACES = SHAPE[0] * SHAPE[1];

/** 1 for the real tokens of texts that start after `pad` positions. */
function maskOf(pad: (row: number) => number): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: PLACES }, (_, i) => {
    const row = Math.floor(i / SHAPE[1]);
    const position = i % SHAPE[1] - pad(row);
    return position >= 0 && position < (LENGTHS[row] ?? 0) ? 1 : 0;
  });
}

const RIGHT = maskOf(() => 0);
const LEFT = maskOf((row) => SHAPE[1] - (LENGTHS[row] ?? 0));

/** Token numbers for a batch of TINY's. */
function idsOf(mask: ArrayLike<number>): Int32Array<ArrayBuffer> {
  return Int32Array.from(
    randomValues(PLACES, 7, 1, 30),
    (id, i) => mask[i] ? Math.floor(id) : 0,
  );
}

/** Inputs of such a batch, with labels of one kind or another. */
function batch(
  mask: Int32Array<ArrayBuffer>,
  labels: Int32Array<ArrayBuffer>,
): LabeledInputs {
  return {
    inputIds: tensor(idsOf(mask), { shape: SHAPE }),
    attentionMask: tensor(mask, { shape: SHAPE }),
    labels: tensor(labels, {
      shape: labels.length === PLACES ? SHAPE : [labels.length],
    }),
  };
}

/** Loss, last hidden states, and the gradient of every parameter. */
async function trained(
  model: PreTrainedModel<PretrainedConfig> & {
    forward(
      inputs: LabeledInputs,
    ): ReturnType<ModernBertForMaskedLM["forward"]>;
  },
  inputs: LabeledInputs,
): Promise<Map<string, ArrayLike<number>>> {
  const output = model.forward({ ...inputs, outputHiddenStates: true });
  assert(output.loss && output.hiddenStates);
  backward(output.loss);
  const parameters = [...model.namedParameters()];
  const all: [string, Tensor][] = [
    ["loss", output.loss],
    ...output.hiddenStates.map((x, i): [string, Tensor] => [`hidden ${i}`, x]),
    ...parameters.flatMap(([name, { grad }]): [string, Tensor][] =>
      grad ? [[name, grad]] : []
    ),
  ];
  const values = await readAll(all.map(([, x]) => x));
  for (const [, p] of parameters) p.grad?.write(new Float32Array(p.size));
  return new Map(all.map(([name], i) => [name, values[i] ?? []]));
}

const PER_TOKEN = Int32Array.from(
  randomValues(PLACES, 9, 0, 5),
  (x, i) => RIGHT[i] && i % 3 !== 1 ? Math.floor(x) : -100,
);

for (
  const [name, modelClass, labels, classifierPooling] of [
    ["masked tokens", ModernBertForMaskedLM, PER_TOKEN, "cls"],
    ["labels of tokens", ModernBertForTokenClassification, PER_TOKEN, "cls"],
    [
      "labels of texts",
      ModernBertForSequenceClassification,
      Int32Array.of(0, 4, 2, 1),
      "mean",
    ],
  ] as const
) {
  gpuTest(
    `ModernBERT with a packing trains on ${name} as without`,
    async () => {
      manualSeed(5);
      const model = new modelClass(
        new ModernBertConfig({ ...TINY, numLabels: 5, classifierPooling }),
      );
      const inputs = batch(RIGHT, labels);
      const padded = await trained(model, inputs);
      const packing = packingOf(RIGHT, SHAPE);
      const packed = await trained(model, { ...inputs, packing });
      assert(padded.size > 30);
      for (const [key, values] of padded) {
        const width = values.length / PLACES;
        const expected = key.startsWith("hidden ")
          ? Array.from(values, (x, i) => RIGHT[Math.floor(i / width)] ? x : 0)
          : values;
        const largest = Math.max(1e-2, ...Array.from(expected, Math.abs));
        assertClose(
          packed.get(key) ?? [],
          expected,
          { absolute: 2e-5 * largest, relative: 2e-5 },
          key,
        );
      }
      model.dispose();
    },
  );
}

gpuTest("ModernBERT packs texts that are padded to the left", async () => {
  const model = new ModernBertModel(new ModernBertConfig(TINY)).eval();
  const { labels: _, ...inputs } = batch(LEFT, PER_TOKEN);
  const packing = packingOf(LEFT, SHAPE);
  const [padded = [], packed = []] = await readAll([
    model.forward(inputs).lastHiddenState,
    model.forward({ ...inputs, packing }).lastHiddenState,
  ]);
  const real = Array.from(padded, (x, i) => LEFT[Math.floor(i / 16)] ? x : 0);
  assertClose(packed, real, { absolute: 2e-5, relative: 2e-5 });
  model.dispose();
});

gpuTest(
  "ModernBERT's texts do not depend on their padding or their batch",
  async () => {
    const model = new ModernBertModel(new ModernBertConfig(TINY)).eval();
    const { labels: _, ...inputs } = batch(RIGHT, PER_TOKEN);
    const ids = idsOf(RIGHT);
    const alone = LENGTHS.map((length, row) =>
      model.forward({
        inputIds: tensor(ids.slice(row * SHAPE[1], row * SHAPE[1] + length), {
          shape: [1, length],
        }),
      }).lastHiddenState
    );
    const [together, ...each] = await readAll([
      model.forward(inputs).lastHiddenState,
      ...alone,
    ]);
    each.forEach((values, row) => {
      const start = row * SHAPE[1] * 16;
      assertClose(
        together?.slice(start, start + values.length) ?? [],
        values,
        { absolute: 2e-5, relative: 2e-5 },
        `text ${row}`,
      );
    });
    model.dispose();
  },
);

gpuTest(
  "ModernBertForMaskedLM scores only the positions in predictions",
  async () => {
    const model = new ModernBertForMaskedLM(
      new ModernBertConfig({ ...TINY, sparsePrediction: true }),
    ).eval();
    const inputs = batch(RIGHT, PER_TOKEN);
    const isLabeled = PER_TOKEN.map((label) => label === -100 ? 0 : 1);
    const predictions = packingOf(isLabeled, SHAPE);
    assert(!predictions.isContiguous);
    const { labels: _, ...unlabeled } = inputs;
    const all = model.forward(unlabeled).logits;
    const { logits, loss } = model.forward({ ...inputs, predictions });
    assertEquals(logits.shape, [predictions.tokens, 30]);
    const dense = new ModernBertForMaskedLM(new ModernBertConfig(TINY)).eval();
    const state = new Map<
      string,
      { shape: readonly number[]; data: Float32Array }
    >();
    for (const [name, p] of model.namedParameters()) {
      state.set(name, { shape: p.shape, data: await p.data() });
    }
    await dense.loadStateDict(state);
    const expected = dense.forward(inputs).loss;
    assert(loss && expected);
    const [a, b, some, every] = await readAll([loss, expected, logits, all]);
    assertClose(a ?? [], b ?? []);
    const rows = [...isLabeled.keys()].filter((i) => isLabeled[i]);
    assertClose(
      some ?? [],
      rows.flatMap((i) => [...every?.subarray(i * 30, i * 30 + 30) ?? []]),
      { absolute: 2e-5, relative: 2e-5 },
    );
    model.dispose();
    dense.dispose();
  },
);

gpuTest(
  "sparse_prediction with labels alone has Hugging Face's loss and gradients",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      for await (const { name } of Deno.readDir(`${FIXTURES}${SPARSE}`)) {
        await Deno.copyFile(
          `${FIXTURES}${SPARSE}/${name}`,
          `${folder}/${name}`,
        );
      }
      const path = `${folder}/config.json`;
      const fields = JSON.parse(await Deno.readTextFile(path));
      fields.sparse_prediction = true;
      await Deno.writeTextFile(path, JSON.stringify(fields));
      // Every output, gradient and AdamW step of the case, the loss among them.
      const results = await checkCase(folder);
      assert(results.length > 30, `only ${results.length} comparisons`);
      assertEquals(results.filter(({ ok }) => !ok), []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

gpuTest(
  "sparse_pred_ignore_index leaves its labels out, packed or not",
  async () => {
    const ignored = 7;
    const model = new ModernBertForMaskedLM(
      new ModernBertConfig({
        ...TINY,
        sparsePrediction: true,
        sparsePredIgnoreIndex: ignored,
      }),
    ).eval();
    const labels = PER_TOKEN.map((label, i) =>
      label === -100 ? ignored : i % 5 === 0 ? -100 : label
    );
    const inputs = batch(RIGHT, labels);
    const { loss, logits } = model.forward(inputs);
    assertEquals(logits.shape, [...SHAPE, 30]);
    assert(loss);
    const [scores = []] = await readAll([logits]);
    const losses = [...labels].flatMap((label, i) => {
      if (label === ignored || label === -100) return [];
      const own = [...scores.slice(i * 30, i * 30 + 30)];
      const total = own.reduce((s, x) => s + Math.exp(x), 0);
      return [Math.log(total) - (own[label] ?? NaN)];
    });
    assert(losses.length > 3);
    const expected = losses.reduce((s, x) => s + x, 0) / losses.length;
    const packed = model.forward({
      ...inputs,
      packing: packingOf(RIGHT, SHAPE),
    }).loss;
    assert(packed);
    const values = await readAll([loss, packed]);
    for (const [value = NaN] of values) {
      assertClose([value], [expected], { absolute: 2e-5, relative: 2e-5 });
    }
    backward(loss);
    const gradient = model.decoder.weight.grad;
    assert(gradient);
    const own = [...(await readAll([gradient]))[0] ?? []];
    // Softmax takes from some tokens what it gives to others.
    assertClose(
      [own.reduce((s, x) => s + x, 0)],
      [0],
      { absolute: 1e-3, relative: 0 },
    );
    assert(own.some((x) => Math.abs(x) > 1e-3));
    model.dispose();
  },
);

gpuTest("answers before the text count as its first token", async () => {
  const model = new ModernBertForQuestionAnswering(new ModernBertConfig(TINY))
    .eval();
  const { labels: _, ...inputs } = batch(RIGHT, PER_TOKEN);
  const lossOf = (start: number[], end: number[], packing?: Packing) => {
    const { loss } = model.forward({
      ...inputs,
      packing,
      startPositions: tensor(Int32Array.from(start), { shape: [4, 1] }),
      endPositions: tensor(Int32Array.from(end)),
    });
    return loss;
  };
  const packing = packingOf(RIGHT, SHAPE);
  const losses = await readAll([
    lossOf([-1, 3, -7, 20], [2, -(2 ** 31), 0, 99]),
    lossOf([0, 3, 0, 20], [2, 0, 0, 99]),
    lossOf([-1, 3, -7, 20], [2, -5, 0, 99], packing),
    lossOf([0, 3, 0, 20], [2, 0, 0, 99], packing),
  ]);
  const [a = NaN, b = NaN, c = NaN, d = NaN] = losses.map(([x]) => x ?? NaN);
  assert(Number.isFinite(a) && Number.isFinite(c));
  assertEquals([a, c], [b, d]);
  assertThrows(
    () =>
      model.forward({
        ...inputs,
        startPositions: tensor([0, 1, 2, 3]),
        endPositions: tensor([0, 1, 2, 3]),
      }),
    TypeError,
    "answers at f32 [4]: expected integers of shape [4]",
  );
  model.dispose();
});

gpuTest("ModernBertForQuestionAnswering scores starts and ends", async () => {
  const model = new ModernBertForQuestionAnswering(new ModernBertConfig(TINY));
  const { labels: _, ...inputs } = batch(RIGHT, PER_TOKEN);
  const { startLogits, endLogits, loss } = model.forward({
    ...inputs,
    startPositions: tensor(Int32Array.of(1, 3, 0, 25)),
    endPositions: tensor(Int32Array.of(2, 9, 0, 25)),
  });
  const [start = [], end = [], value = []] = await readAll([
    startLogits,
    endLogits,
    loss,
  ]);
  // The last text's answer lies beyond it and does not count.
  const nll = (scores: ArrayLike<number>, positions: readonly number[]) =>
    positions.reduce((sum, position, row) => {
      const own = Array.from(scores).slice(row * 20, row * 20 + 20);
      const total = own.reduce((s, x) => s + Math.exp(x), 0);
      return sum + Math.log(total) - (own[position] ?? NaN);
    }, 0) / positions.length;
  const expected = (nll(start, [1, 3, 0]) + nll(end, [2, 9, 0])) / 2;
  assertClose(value, [expected], { absolute: 1e-5, relative: 1e-5 });
  assertEquals([...model.namedParameters().keys()].slice(-4), [
    "head.dense.weight",
    "head.norm.weight",
    "classifier.weight",
    "classifier.bias",
  ]);
  model.dispose();
});

gpuTest(
  "ModernBertForMultipleChoice scores each choice as its own text",
  () => {
    const model = new ModernBertForMultipleChoice(new ModernBertConfig(TINY));
    const inputIds = tensor(Int32Array.from({ length: 24 }, (_, i) => i + 1), {
      shape: [2, 3, 4],
    });
    const packing = packingOf(new Int32Array(24).fill(1), [6, 4]);
    const labels = tensor(Int32Array.of(0, 2));
    const { logits, loss } = model.forward({ inputIds, labels, packing });
    assertEquals(logits.shape, [2, 3]);
    assertEquals(loss?.shape, []);
    model.dispose();
  },
);

gpuTest("ModernBertConfig switches every bias", () => {
  const names = (options: ModernBertConfigOptions) => {
    const config = new ModernBertConfig({
      ...TINY,
      numHiddenLayers: 2,
      ...options,
    });
    const model = new ModernBertForMaskedLM(config);
    const keys = [...model.namedParameters().keys()];
    model.dispose();
    return keys.filter((name) => name.endsWith("bias"));
  };
  assertEquals(names({}), ["decoder.bias"]);
  assertEquals(names({ decoderBias: false }), []);
  assertEquals(names({ decoderBias: false, classifierBias: true }), [
    "head.dense.bias",
  ]);
  const layer = (part: string) =>
    [0, 1].map((i) => `model.layers.${i}.${part}.bias`);
  assertEquals(
    names({ decoderBias: false, attentionBias: true }).sort(),
    [
      ...layer("attn.Wo"),
      ...layer("attn.Wqkv"),
    ].sort(),
  );
  assertEquals(
    names({ decoderBias: false, mlpBias: true }).sort(),
    [
      ...layer("mlp.Wi"),
      ...layer("mlp.Wo"),
    ].sort(),
  );
  assertEquals(names({ decoderBias: false, normBias: true }), [
    "model.embeddings.norm.bias",
    "model.layers.0.mlp_norm.bias",
    "model.layers.1.attn_norm.bias",
    "model.layers.1.mlp_norm.bias",
    "model.final_norm.bias",
    "head.norm.bias",
  ]);
});

gpuTest("ModernBERT draws weights by the rule for each part", async () => {
  manualSeed(11);
  const model = new ModernBertForTokenClassification(
    new ModernBertConfig({
      ...TINY,
      vocabSize: 400,
      hiddenSize: 64,
      numLabels: 80,
    }),
  );
  const out = 0.5 / Math.sqrt(8);
  const rules: Record<string, number> = {
    "model.embeddings.tok_embeddings.weight": 0.5,
    "model.layers.1.attn.Wqkv.weight": 0.5,
    "model.layers.1.attn.Wo.weight": out,
    "model.layers.1.mlp.Wi.weight": 0.5,
    "model.layers.1.mlp.Wo.weight": out,
    "head.dense.weight": out,
    "classifier.weight": 1 / 8,
  };
  for (const [name, std] of Object.entries(rules)) {
    const parameter = model.namedParameters().get(name);
    assert(parameter, name);
    const values = [...await parameter.data()].map((x) => x / std);
    assert(values.every((x) => Math.abs(x) <= 2 + 1e-6), name);
    // A normal cut at ±2 has variance 1 - 4 φ(2) / (2 Φ(2) - 1) = 0.7737, and
    // (2 Φ(1) - 1) / (2 Φ(2) - 1) = 0.7152 of it lies within ±1.
    const count = values.length;
    const variance = values.reduce((sum, x) => sum + x * x, 0) / count;
    const share = values.filter((x) => Math.abs(x) < 1).length / count;
    const margin = 4 / Math.sqrt(count);
    assert(Math.abs(variance - 0.7737) < margin, `${name}: ${variance}`);
    assert(Math.abs(share - 0.7152) < 0.5 * margin, `${name}: ${share}`);
  }
  model.dispose();
});

gpuTest("ModernBERT drops only while training", async () => {
  const model = new ModernBertModel(
    new ModernBertConfig({
      ...TINY,
      embeddingDropout: 0.1,
      attentionDropout: 0.1,
      mlpDropout: 0.1,
    }),
  );
  const { labels: _, ...inputs } = batch(RIGHT, PER_TOKEN);
  const packing = packingOf(RIGHT, SHAPE);
  const run = (packing?: Packing) =>
    model.forward({ ...inputs, packing }).lastHiddenState;
  const [a, b] = await readAll([run(), run()]);
  assert(a?.some((x, i) => x !== b?.[i]));
  const dropped = run(packing);
  backward(dropped, { gradient: run(packing) });
  model.eval();
  const [c, d] = await readAll([run(), run()]);
  assertEquals(c, d);
  model.dispose();
});

Deno.test("ModernBertConfig reads what transformers writes", () => {
  const config = new ModernBertConfig();
  assertEquals(config.padTokenId, 50283);
  assertEquals(config.clsTokenId, 50281);
  const read = (fields: Record<string, unknown>) =>
    new ModernBertConfig(new ConfigReader(fields));
  assertEquals(read({ local_rope_theta: null }).localRopeTheta, null);
  assertEquals(
    read({ initializer_cutoff_factor: null }).initializerCutoffFactor,
    null,
  );
  assertThrows(
    () => read({ classifier_pooling: "max" }),
    RangeError,
    'classifier_pooling is "max", expected one of "cls", "mean"',
  );
  assertThrows(
    () => read({ rope_parameters: {} }),
    TypeError,
    "rope_parameters is {}, expected none",
  );
  assertThrows(
    () => read({ hidden_size: 18, num_attention_heads: 6 }),
    RangeError,
    "expected an even multiple of num_attention_heads, 6",
  );
  assertThrows(
    () => read({ hidden_activation: "snake" }),
    TypeError,
    'Cannot use the activation "snake"',
  );
});

gpuTest("ModernBERT refuses packings that it cannot use", () => {
  const model = new ModernBertModel(new ModernBertConfig(TINY)).eval();
  const { labels: _, ...inputs } = batch(RIGHT, PER_TOKEN);
  assertThrows(
    () => model.forward({ ...inputs, packing: packingOf([1, 1], [1, 2]) }),
    TypeError,
    "Cannot encode [4, 20] by a packing of [1, 2]",
  );
  const holes = RIGHT.map((m, i) => i === 2 ? 0 : m);
  assertThrows(
    () => model.forward({ ...inputs, packing: packingOf(holes, SHAPE) }),
    TypeError,
    "Cannot encode a packing with holes",
  );
  assertThrows(
    () =>
      model.forward({
        ...inputs,
        packing: packingOf(RIGHT, SHAPE),
        outputAttentions: true,
      }),
    TypeError,
    "Cannot give attention's probabilities of packed texts",
  );
  model.dispose();
});
