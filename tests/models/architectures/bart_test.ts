// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  type AnyTensor,
  backward,
  type IntegerTensor,
  manualSeed,
  readAll,
  reshape,
  slice,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import { type HostTensor, openSafetensors } from "../../../nn/mod.ts";
import {
  BartConfig,
  type BartConfigOptions,
  BartForCausalLM,
  BartForConditionalGeneration,
  BartForQuestionAnswering,
  BartForSequenceClassification,
  BartModel,
  ConfigReader,
  GenerationConfig,
  KeyValueCache,
  PreTrainedModel,
} from "../../../models/mod.ts";
import { assertClose, gpuTest, randomValues, SUMS } from "../../_check.ts";
import {
  assertSavesWhatItRead,
  type Cases,
  FIXTURES,
  testAgreement,
} from "./_golden.ts";

const CASES: Cases = {
  bart_cond_gen: BartForConditionalGeneration,
  bart_model: BartModel,
  bart_seq_cls: BartForSequenceClassification,
};

testAgreement(Object.keys(CASES), { generates: false });

const TINY: BartConfigOptions = {
  vocabSize: 30,
  dModel: 8,
  encoderLayers: 1,
  encoderAttentionHeads: 2,
  encoderFfnDim: 12,
  decoderLayers: 2,
  decoderAttentionHeads: 2,
  decoderFfnDim: 12,
  maxPositionEmbeddings: 8,
  initStd: 0.3,
};

function ids(rows: number[][]): IntegerTensor {
  return tensor(rows, { dtype: "i32" });
}

async function numbers(x: AnyTensor | undefined): Promise<number[]> {
  assert(x);
  return [...await x.data()];
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

gpuTest(
  "words of encoder, decoder and head are one parameter with one gradient",
  async () => {
    manualSeed(1);
    const tied = new BartForConditionalGeneration(new BartConfig(TINY)).eval();
    const loose = new BartForConditionalGeneration(
      new BartConfig({ ...TINY, tieWordEmbeddings: false }),
    ).eval();
    assertEquals(Object.fromEntries(tied.tiedNames()), {
      "model.encoder.embed_tokens.weight": "model.shared.weight",
      "model.decoder.embed_tokens.weight": "model.shared.weight",
      "lm_head.weight": "model.shared.weight",
    });
    assertEquals(
      [...loose.namedParameters().keys()].filter((name) =>
        !tied.namedParameters().has(name)
      ),
      ["lm_head.weight"],
    );
    const state = new Map<string, HostTensor>();
    for (const [name, parameter] of tied.namedTensors()) {
      const { shape } = parameter;
      state.set(name, { shape, data: await parameter.data() });
    }
    const shared = state.get("model.shared.weight");
    assert(shared);
    await loose.loadStateDict(new Map([...state, ["lm_head.weight", shared]]));
    const inputs = {
      inputIds: ids([[0, 7, 9, 2], [0, 4, 2, 1]]),
      attentionMask: ids([[1, 1, 1, 1], [1, 1, 1, 0]]),
      labels: ids([[8, 9, 2], [5, 2, -100]]),
    };
    for (const model of [tied, loose]) {
      const { loss } = model.forward(inputs);
      backward(loss);
    }
    const [sum = [], words = [], head = []] = await readAll([
      tied.model.shared.weight.grad,
      loose.model.shared.weight.grad,
      loose.lmHead.weight.grad,
    ].filter((grad) => grad !== undefined));
    assert(Math.max(...head.map(Math.abs)) > 1e-3);
    assertClose(sum, Array.from(head, (x, i) => x + (words[i] ?? NaN)), SUMS);
    tied.dispose();
    loose.dispose();
  },
);

gpuTest("a checkpoint may name the words as any of their aliases", async () => {
  const source = `${FIXTURES}bart_cond_gen`;
  const model = await BartForConditionalGeneration.fromPretrained(source);
  using file = await openSafetensors(`${source}/model.safetensors`);
  const state = new Map<string, HostTensor>();
  for (const name of file.names) {
    const alias = name === "model.shared.weight"
      ? "model.decoder.embed_tokens.weight"
      : name;
    state.set(alias, await file.tensor(name));
  }
  model.model.shared.weight.write(new Float32Array(78 * 32));
  await model.loadStateDict(state);
  assertEquals(
    await model.lmHead.weight.data(),
    (await file.tensor("model.shared.weight")).data,
  );
  model.dispose();
});

gpuTest(
  "the decoder reads the labels, moved one position to the right",
  async () => {
    const model = new BartForConditionalGeneration(new BartConfig(TINY)).eval();
    const inputIds = ids([[0, 7, 9, 2], [0, 4, 2, 1]]);
    const labels = ids([[8, 9, 2, -100], [-100, 5, 2, 3]]);
    const shifted = ids([[2, 8, 9, 2], [2, 1, 5, 2]]);
    const { logits } = model.forward({ inputIds, labels });
    const given = model.forward({ inputIds, decoderInputIds: shifted });
    assertEquals(await numbers(logits), await numbers(given.logits));
    assertEquals(given.loss, undefined);
    const one = model.forward({ inputIds, labels: ids([[8], [5]]) });
    assertEquals(one.logits.shape, [2, 1, 30]);
    const source = model.model.forward({ inputIds });
    const moved = model.model.forward({
      inputIds,
      decoderInputIds: ids([[2, 0, 7, 9], [2, 0, 4, 2]]),
    });
    assertEquals(
      await numbers(source.lastHiddenState),
      await numbers(moved.lastHiddenState),
    );
    model.dispose();
  },
);

gpuTest("forward() skips the encoder where its output is given", async () => {
  const model = new BartForConditionalGeneration(new BartConfig(TINY)).eval();
  const inputIds = ids([[0, 7, 9, 2]]);
  const decoderInputIds = ids([[2, 0, 5]]);
  const whole = model.forward({ inputIds, decoderInputIds });
  const encoderLastHiddenState = model.encode({ inputIds });
  const half = model.forward({ encoderLastHiddenState, decoderInputIds });
  assertEquals(await numbers(half.logits), await numbers(whole.logits));
  assertEquals(half.encoderLastHiddenState, encoderLastHiddenState);
  model.dispose();
});

gpuTest("a cache gives the scores that the whole text gives", async () => {
  manualSeed(5);
  const model = new BartForConditionalGeneration(new BartConfig(TINY)).eval();
  model.finalLogitsBias.write(randomValues(30, 3));
  const inputIds = ids([[0, 7, 9, 2], [0, 4, 2, 1]]);
  const attentionMask = ids([[1, 1, 1, 1], [1, 1, 1, 0]]);
  // Two rows of the target for each row of the source.
  const target = [[2, 0, 5, 6], [2, 3, 8, 9], [2, 4, 4, 7], [2, 9, 1, 0]];
  const encoderLastHiddenState = model.encode({ inputIds, attentionMask });
  using cache = new KeyValueCache({ rows: 4, capacity: 4 });
  const step = (from: number, to: number) => {
    const { logits } = model.forward({
      attentionMask,
      encoderLastHiddenState,
      decoderInputIds: ids(target.map((row) => row.slice(from, to))),
      cache,
    });
    cache.advance(to - from);
    return logits;
  };
  const steps = [step(0, 2), step(2, 3), step(3, 4)];
  const expected = model.forward({
    inputIds: ids([[0, 7, 9, 2], [0, 7, 9, 2], [0, 4, 2, 1], [0, 4, 2, 1]]),
    attentionMask: ids([[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0], [
      1,
      1,
      1,
      0,
    ]]),
    decoderInputIds: ids(target),
  }).logits;
  for (const [i, logits] of steps.entries()) {
    assertEquals(logits.shape, [4, 1, 30]);
    const scores = slice(expected, { axis: 1, start: i + 1, end: i + 2 });
    assertClose(await logits.data(), await scores.data(), SUMS, `step ${i}`);
  }
  model.dispose();
});

gpuTest("the classifier reads each row's last end token", async () => {
  const model = new BartForSequenceClassification(new BartConfig(TINY)).eval();
  assertEquals(model.config.numLabels, 3);
  const inputIds = ids([
    [0, 7, 2, 5, 2, 1],
    [0, 2, 6, 8, 9, 1],
    [2, 2, 2, 2, 2, 2],
    [0, 3, 4, 5, 6, 7],
  ]);
  const { logits } = model.forward({ inputIds });
  const { lastHiddenState } = model.model.forward({ inputIds });
  const rows = await logits.data();
  for (const [row, position] of [4, 1, 5].entries()) {
    const state = slice(lastHiddenState, [
      { axis: 0, start: row, end: row + 1 },
      { axis: 1, start: position, end: position + 1 },
    ]);
    const expected = model.classificationHead.forward(reshape(state, [1, 8]));
    assertClose(
      rows.slice(3 * row, 3 * row + 3),
      await expected.data(),
      SUMS,
      `row ${row}`,
    );
  }
  assertEquals([...rows.slice(9)], [NaN, NaN, NaN]);
  model.dispose();
});

gpuTest("the question's loss is the mean over both ends", async () => {
  const model = new BartForQuestionAnswering(new BartConfig(TINY)).eval();
  const output = model.forward({
    inputIds: ids([[0, 7, 9, 4, 2]]),
    startPositions: tensor(Int32Array.of(1)),
    endPositions: tensor(Int32Array.of(3)),
  });
  const surprise = async (scores: Tensor, position: number) => {
    const values = await numbers(scores);
    const total = values.reduce((sum, x) => sum + Math.exp(x), 0);
    return Math.log(total) - (values[position] ?? NaN);
  };
  const expected = (await surprise(output.startLogits, 1) +
    await surprise(output.endLogits, 3)) / 2;
  assertClose(await numbers(output.loss), [expected], SUMS);
  assertEquals(output.encoderLastHiddenState.shape, [1, 5, 8]);
  assertEquals("lastHiddenState" in output, false);
  model.dispose();
});

gpuTest("BartForCausalLM() is the decoder of a whole BART", async () => {
  const missing: string[] = [];
  const model = await BartForCausalLM.fromPretrained(
    `${FIXTURES}bart_cond_gen`,
    { onLoad: (report) => missing.push(...report.missing) },
  );
  // Files hold the words as `model.shared`, which the decoder alone has not.
  assertEquals(missing, ["model.decoder.embed_tokens.weight"]);
  assertEquals(model.config.isEncoderDecoder, false);
  assertEquals(model.config.isDecoder, true);
  assertEquals(model.config.toJSON().is_encoder_decoder, false);
  assertEquals(model.tiedNames().get("lm_head.weight"), missing[0]);
  const forward = (row: number[]) => model.forward({ inputIds: ids([row]) });
  const long = await numbers(forward([2, 5, 6, 7]).logits);
  const short = await numbers(forward([2, 5, 6]).logits);
  assertClose(long.slice(0, short.length), short, SUMS);
  const labels = ids([[-100, 5, -100]]);
  const { loss } = model.forward({ inputIds: ids([[2, 5, 6]]), labels });
  const scores = short.slice(78, 2 * 78);
  const total = scores.reduce((sum, x) => sum + Math.exp(x), 0);
  const expected = Math.log(total) - (scores[5] ?? NaN);
  assertClose(await numbers(loss), [expected], SUMS);
  model.dispose();
});

gpuTest("BartForCausalLM() continues from a cache", async () => {
  const model = new BartForCausalLM(new BartConfig(TINY)).eval();
  using cache = new KeyValueCache({ rows: 1, capacity: 3 });
  const whole = model.forward({ inputIds: ids([[2, 5, 6]]) }).logits;
  model.forward({ inputIds: ids([[2, 5]]), cache });
  cache.advance(2);
  const { logits } = model.forward({ inputIds: ids([[6]]), cache });
  const last = slice(whole, { axis: 1, start: -1 });
  assertClose(await logits.data(), await last.data(), SUMS);
  model.dispose();
});

gpuTest(
  "layer drop leaves blocks out while training, and only then",
  async () => {
    const config = new BartConfig({
      ...TINY,
      dropout: 0,
      encoderLayerdrop: 1,
      decoderLayerdrop: 1,
    });
    const model = new BartModel(config);
    const inputs = {
      inputIds: ids([[0, 7, 9, 2]]),
      outputHiddenStates: true,
    };
    const training = model.train().forward(inputs);
    const evaluation = model.eval().forward(inputs);
    for (const side of ["encoder", "decoder"] as const) {
      const start = await numbers(training[`${side}HiddenStates`]?.[0]);
      const ends = [training, evaluation].map((output) =>
        numbers(output[`${side}HiddenStates`]?.at(-1))
      );
      assertEquals(await ends[0], start);
      assertNotEquals(await ends[1], start);
    }
    model.dispose();
  },
);

gpuTest("new weights follow the configuration", async () => {
  manualSeed(2);
  const config = new BartConfig({ ...TINY, vocabSize: 400, initStd: 0.1 });
  const model = new BartForSequenceClassification(config);
  const words = await numbers(model.model.shared.weight);
  assertEquals(words.slice(8, 16), Array(8).fill(0));
  const variance = words.reduce((sum, x) => sum + x * x, 0) / words.length;
  assert(Math.abs(Math.sqrt(variance) - 0.1) < 0.01);
  const named = model.namedParameters();
  for (const [name, parameter] of named) {
    const isNorm = /layer_?norm/.test(name);
    if (!name.endsWith(".bias") && !isNorm) continue;
    const value = name.endsWith(".bias") ? 0 : 1;
    assert((await numbers(parameter)).every((x) => x === value), name);
  }
  model.dispose();
});

Deno.test("BartConfig() keeps two classes, which are not its default", () => {
  const config = new BartConfig({ numLabels: 2 });
  assertEquals(config.toJSON().id2label, { 0: "LABEL_0", 1: "LABEL_1" });
  assertEquals(new BartConfig({}).numLabels, 3);
});

gpuTest("BART refuses what it cannot do", () => {
  assertThrows(
    () =>
      new BartConfig({
        dModel: 10,
        encoderAttentionHeads: 5,
        decoderAttentionHeads: 3,
      }),
    RangeError,
    "expected a multiple of decoder_attention_heads, 3",
  );
  assertThrows(
    () => new BartConfig({ activationFunction: "snake" }),
    TypeError,
    'Cannot use the activation "snake"',
  );
  assertThrows(
    () => new BartConfig({ encoderLayers: -1 }),
    RangeError,
    "encoderLayers is -1",
  );
  assertThrows(
    () =>
      new BartForSequenceClassification(
        new BartConfig({ ...TINY, eosTokenId: [2, 3] }),
      ),
    TypeError,
    "eosTokenId is [2,3], it must be one number",
  );
  const model = new BartForConditionalGeneration(new BartConfig(TINY)).eval();
  const inputIds = ids([[0, 5, 2]]);
  const long = ids([[0, 1, 2, 3, 4, 5, 6, 7, 8]]);
  const cases: [() => unknown, typeof TypeError, string][] = [
    [
      () => model.forward({ decoderInputIds: inputIds }),
      TypeError,
      "neither inputIds nor encoderLastHiddenState is given",
    ],
    [
      () => model.forward({ inputIds: tensor([[1, 2]]) }),
      TypeError,
      "Cannot encode f32 [1, 2]: tokens must be integers",
    ],
    [
      () => model.forward({ inputIds, attentionMask: ids([[1, 1]]) }),
      TypeError,
      "Cannot encode with a mask of [1, 2]",
    ],
    [
      () => model.forward({ inputIds, decoderAttentionMask: ids([[1, 1]]) }),
      TypeError,
      "Cannot decode with a mask of [1, 2]",
    ],
    [
      () => model.forward({ inputIds, decoderInputIds: long }),
      RangeError,
      "Cannot decode 9 tokens: the model supports 8 positions",
    ],
    [
      () => model.forward({ inputIds: long }),
      RangeError,
      "Cannot encode 9 tokens: the model supports 8 positions",
    ],
    [
      () =>
        model.forward({
          inputIds,
          decoderInputIds: inputIds,
          cache: new KeyValueCache({ rows: 1, capacity: 3 }),
          outputAttentions: true,
        }),
      TypeError,
      "Cannot give attention's probabilities with a cache",
    ],
  ];
  for (const [run, kind, message] of cases) assertThrows(run, kind, message);
  model.config.decoderStartTokenId = null;
  assertThrows(
    () => model.forward({ inputIds, labels: inputIds }),
    TypeError,
    "decoderStartTokenId is null and padTokenId is 1, both must be numbers",
  );
  model.dispose();
});

Deno.test("BartConfig() obeys the other names of its fields", () => {
  const config = new BartConfig(
    new ConfigReader({
      d_model: 64,
      hidden_size: 32,
      num_attention_heads: 4,
      decoder_attention_heads: 4,
      bos_token_id: 7,
      force_bos_token_to_be_generated: true,
    }),
  );
  assertEquals([config.dModel, config.encoderAttentionHeads], [32, 4]);
  const generation = GenerationConfig.fromModelConfig(config);
  assertEquals(generation.forcedBosTokenId, 7);
});
