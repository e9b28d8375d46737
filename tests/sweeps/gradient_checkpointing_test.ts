// Copyright 2026 the swagpu authors. MIT license.

// Models whose blocks run twice must train like those whose blocks run once, to
// the last bit, and take less memory.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  add,
  backward,
  capture,
  defaultGenerator,
  type Device,
  type IntegerTensor,
  manualSeed,
  mean,
  mul,
  noGrad,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  BartConfig,
  BartForConditionalGeneration,
  BertConfig,
  BertForMaskedLM,
  BertForSequenceClassification,
  generate,
  getPeftModel,
  KeyValueCache,
  MarianConfig,
  MarianMTModel,
  ModernBertConfig,
  ModernBertForMaskedLM,
  type Packing,
  packingOf,
  PreTrainedModel,
  RobertaConfig,
  RobertaForMaskedLM,
} from "../../models/mod.ts";
import {
  AdamW,
  applyMixout,
  clipGradNorm,
  LoraConfig,
  Module,
  Trainer,
  type TrainingArguments,
} from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";
import {
  BART_LIKE,
  BERT_LIKE,
  ORDINARY,
  rowsOf,
  textsOf,
  VOCABULARY,
  WIDTH,
} from "../models/architectures/_packed_texts.ts";

// ---------------------------------------------------------------- the subjects

const ENCODER = {
  ...BERT_LIKE,
  hiddenDropoutProb: 0.2,
  attentionProbsDropoutProb: 0.2,
};

const BOTH_SIDES = {
  ...BART_LIKE,
  dropout: 0.2,
  attentionDropout: 0.2,
  activationDropout: 0.1,
};

const MODERN = {
  vocabSize: VOCABULARY,
  hiddenSize: WIDTH,
  numHiddenLayers: 3,
  numAttentionHeads: 2,
  intermediateSize: 24,
  maxPositionEmbeddings: 40,
  initializerRange: 0.3,
  globalAttnEveryNLayers: 2,
  localAttention: 4,
  embeddingDropout: 0.1,
  attentionDropout: 0.2,
  mlpDropout: 0.2,
  ...{ padTokenId: 3, clsTokenId: 1, sepTokenId: 2 },
  ...{ bosTokenId: 1, eosTokenId: 2 },
};

interface Inputs {
  inputIds: IntegerTensor;
  attentionMask: IntegerTensor;
  labels: IntegerTensor;
}

/** What a model gives, with its states between the blocks if asked. */
interface Output {
  loss: Tensor;
  hiddenStates?: Tensor[];
  attentions?: Tensor[];
  encoderHiddenStates?: Tensor[];
  encoderAttentions?: Tensor[];
  decoderHiddenStates?: Tensor[];
  decoderAttentions?: Tensor[];
  crossAttentions?: Tensor[];
}

/** A model of any architecture, as far as these tests know it. */
interface Subject extends Module {
  gradientCheckpointingEnable(): void;
  forward(
    inputs: Inputs & {
      outputHiddenStates?: boolean;
      outputAttentions?: boolean;
      packing?: Packing;
    },
  ): Output;
}

const SUBJECTS: Readonly<Record<string, () => Subject>> = {
  BERT: () => new BertForMaskedLM(new BertConfig(ENCODER)),
  RoBERTa: () => new RobertaForMaskedLM(new RobertaConfig(ENCODER)),
  ModernBERT: () => new ModernBertForMaskedLM(new ModernBertConfig(MODERN)),
  BART: () => new BartForConditionalGeneration(new BartConfig(BOTH_SIDES)),
  Marian: () =>
    new MarianMTModel(
      new MarianConfig({
        ...BOTH_SIDES,
        padTokenId: 4,
        decoderStartTokenId: 4,
        eosTokenId: 0,
      }),
    ),
};

// -------------------------------------------------------------------- training

/** A batch of the same shape at each step, with other tokens. */
function batch(step: number) {
  const texts = textsOf([6, 3], 10 * step + 1);
  const { ids, mask, shape } = rowsOf(texts, { padding: 1 });
  return {
    inputIds: { data: ids, shape },
    attentionMask: { data: mask, shape },
    labels: { data: ids.map((id, i) => i % 2 ? id : -100), shape },
  };
}

/** How to train a {@linkcode Subject}. */
interface Way {
  checkpointing: boolean;
  captured: boolean;
}

/** Trains for a few steps; gives all losses, gradients, and weights. */
async function fit(
  make: () => Subject,
  { checkpointing, captured }: Way,
): Promise<Float32Array[]> {
  manualSeed(4);
  const model = make();
  const optimizer = new AdamW(model.parameters(), { learningRate: 1e-2 });
  if (checkpointing) model.gradientCheckpointingEnable();
  using step = capture((inputs: Inputs) => {
    const output = model.forward({
      ...inputs,
      outputHiddenStates: true,
    });
    // The states are used twice: by the next block, and by the loss.
    const states = [
      ...output.hiddenStates ?? [],
      ...output.encoderHiddenStates ?? [],
      ...output.decoderHiddenStates ?? [],
    ];
    const loss = states.reduce(
      (sum, x) => add(sum, mul(mean(mul(x, x)), 0.01)),
      output.loss,
    );
    backward(loss);
    const norm = clipGradNorm(optimizer, 1);
    const gradients = model.parameters().flatMap(({ grad }) =>
      grad ? [mul(grad, 1)] : []
    );
    optimizer.step();
    return { loss, norm, gradients };
  }, { enabled: captured });
  const numbers: Float32Array[] = [];
  for (let i = 0; i < 4; i++) {
    const { loss, norm, gradients } = step(batch(i));
    numbers.push(...await readAll([loss, norm, ...gradients]));
  }
  if (captured) assertEquals(step.reason, undefined);
  numbers.push(...await readAll(model.parameters()));
  numbers.push(Float32Array.of(defaultGenerator().position));
  optimizer.dispose();
  model.dispose();
  return numbers;
}

for (const [name, make] of Object.entries(SUBJECTS)) {
  gpuTest(`${name} trains with the same bits, captured or not`, async () => {
    const once = { checkpointing: false, captured: false };
    const expected = await fit(make, once);
    assert(expected.length > 4 * 20);
    assert(expected.every((values) => values.every(Number.isFinite)));
    for (const captured of [false, true]) {
      const twice = { checkpointing: true, captured };
      assertEquals(await fit(make, twice), expected);
    }
  });
}

/**
 * Goes back once through a fresh model, with checkpoints and without. Both must
 * give the same bits, and the blocks must have run twice with checkpoints.
 */
async function assertSameBits<M extends Subject>(
  device: Device,
  make: () => M,
  run: (model: M) => { loss: Tensor; others?: Tensor[] },
): Promise<void> {
  const results = [];
  for (const checkpointing of [false, true]) {
    manualSeed(8);
    const model = make();
    if (checkpointing) model.gradientCheckpointingEnable();
    {
      using _ = scope();
      const { loss, others = [] } = run(model);
      const { dispatches } = device.stream.statistics();
      backward(loss);
      const back = device.stream.statistics().dispatches - dispatches;
      const grads = [...model.namedParameters()].flatMap(([name, { grad }]) =>
        grad ? [[name, grad] as const] : []
      );
      const numbers = await readAll(
        [loss, ...others, ...grads.map(([, grad]) => grad)],
      );
      const names = grads.map(([name]) => name);
      const { position } = defaultGenerator();
      results.push({ back, names, numbers, position });
    }
    model.dispose();
  }
  const [{ back: once = 0, ...plain } = {}, { back = 0, ...twice } = {}] =
    results;
  assert(back > once + 15, `${back} dispatches back instead of ${once}`);
  assertEquals(twice, plain);
}

/** Inputs as tensors. */
function inputsOf(step = 0): Inputs {
  const { inputIds, attentionMask, labels } = batch(step);
  const of = ({ data, shape }: typeof inputIds) => tensor(data, { shape });
  return {
    inputIds: of(inputIds),
    attentionMask: of(attentionMask),
    labels: of(labels),
  };
}

for (const [name, make] of Object.entries(SUBJECTS)) {
  gpuTest(
    `${name} gives states, attentions and packed texts`,
    async (device) => {
      await assertSameBits(device, make, (model) => {
        const output = model.forward({
          ...inputsOf(),
          outputHiddenStates: true,
          outputAttentions: true,
        });
        const layers = name === "ModernBERT" ? 3 : 2;
        const others: Tensor[] = [];
        for (const [key, list] of Object.entries(output)) {
          if (!Array.isArray(list)) continue;
          const states = /hiddenStates/i.test(key);
          assertEquals(list.length, states ? layers + 1 : layers, key);
          others.push(...list);
        }
        assert(others.length >= 2 * layers + 1);
        return { loss: output.loss, others };
      });
      await assertSameBits(device, make, (model) => {
        const { data, shape } = batch(1).attentionMask;
        const packing = packingOf(data, shape);
        return model.forward({ ...inputsOf(1), packing });
      });
    },
  );
}

gpuTest(
  "blocks that are skipped by chance are skipped once",
  async (device) => {
    const config = new BartConfig({
      ...BOTH_SIDES,
      encoderLayers: 5,
      decoderLayers: 5,
      encoderLayerdrop: 0.5,
      decoderLayerdrop: 0.5,
    });
    await assertSameBits(
      device,
      () => new BartForConditionalGeneration(config),
      (model) => model.forward(inputsOf()),
    );
  },
);

gpuTest("mixout draws the same columns in both runs", async (device) => {
  await assertSameBits(device, () => {
    const model = new BertForMaskedLM(new BertConfig(ENCODER));
    model.placeParameters();
    const dispose = model.dispose.bind(model);
    const mixing = applyMixout(model, { p: 0.6, keepDropout: true });
    for (const parameter of model.parameters()) parameter.initialize();
    model.dispose = () => {
      mixing.dispose();
      dispose();
    };
    return model;
  }, (model) => model.forward(inputsOf()));
});

gpuTest("the parameters of an adapter get the same gradients", async () => {
  const results: unknown[] = [];
  for (const checkpointing of [false, true]) {
    manualSeed(8);
    const model = new BertForMaskedLM(new BertConfig(ENCODER));
    const lora = getPeftModel(
      model,
      new LoraConfig({ r: 2, loraDropout: 0.2 }),
    );
    for (const parameter of lora.parameters()) {
      // B starts at zero, where A has no gradient.
      parameter.write(parameter.size > 0 ? textValues(parameter.size) : []);
    }
    if (checkpointing) model.gradientCheckpointingEnable();
    {
      using _ = scope();
      backward(lora.forward(inputsOf()).loss);
      const grads = lora.parameters().map(({ grad }) => grad ?? none());
      results.push(await readAll(grads));
    }
    lora.unload().dispose();
  }
  assertEquals(results[1], results[0]);
});

function none(): never {
  throw new Error("a parameter of the adapter has no gradient");
}

/** Numbers between -1 and 1. */
function textValues(count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1));
}

gpuTest("checkpointing is for training alone", (device) => {
  manualSeed(2);
  const model = new BertForMaskedLM(new BertConfig(ENCODER));
  model.placeParameters();
  assert(!model.isGradientCheckpointing);
  const count = () => {
    using _ = scope();
    const { dispatches } = device.stream.statistics();
    const inputs = inputsOf();
    backward(model.forward(inputs).loss);
    return device.stream.statistics().dispatches - dispatches;
  };
  count(); // The first one makes gradients.
  const plain = { train: count(), eval: 0 };
  model.eval();
  plain.eval = count();
  model.gradientCheckpointingEnable();
  assert(model.isGradientCheckpointing && model.bert.isGradientCheckpointing);
  assertEquals(count(), plain.eval);
  model.train();
  assert(count() > plain.train);
  const forward = () => {
    using _ = scope();
    const { dispatches } = device.stream.statistics();
    noGrad(() => model.forward(inputsOf()));
    return device.stream.statistics().dispatches - dispatches;
  };
  const once = forward();
  model.gradientCheckpointingDisable();
  assert(!model.isGradientCheckpointing);
  assertEquals(forward(), once);
  assertEquals(count(), plain.train);
  model.dispose();
});

gpuTest("a captured step follows the switch", async () => {
  manualSeed(2);
  const model = new BertForMaskedLM(new BertConfig(ENCODER));
  model.placeParameters();
  using step = capture((inputs: Inputs) => {
    const { loss } = model.forward(inputs);
    backward(loss);
    for (const parameter of model.parameters()) parameter.dropGradient();
    return loss;
  });
  const runs = async () => {
    for (let i = 0; i < 3; i++) step(batch(i));
    const loss = await step(batch(3)).item();
    assertEquals(step.reason, undefined);
    return { loss, bytes: step.bytes };
  };
  const before = await runs();
  model.gradientCheckpointingEnable();
  step(batch(0));
  assertNotEquals(step.reason, undefined);
  const after = await runs();
  assert(after.bytes !== before.bytes);
  model.dispose();
});

gpuTest("a decoder generates with a cache while it checkpoints", async () => {
  manualSeed(2);
  const model = new BartForConditionalGeneration(new BartConfig(BART_LIKE));
  const sources = textsOf([5, 3], 1);
  const inputIds = rowsOf(sources, { padding: 1 });
  const rows = sources.map((_, i) => [
    ...inputIds.ids.slice(i * inputIds.shape[1], (i + 1) * inputIds.shape[1]),
  ]);
  const written = async () =>
    (await generate(model, { inputIds: rows, maxNewTokens: 6 })).sequences;
  const expected = await written();
  model.gradientCheckpointingEnable();
  assert(model.training);
  assertEquals(await written(), expected);
  // Also while the tape records, a block with a cache runs once.
  const decoder = model.model.decoder;
  using cache = new KeyValueCache({ rows: 1, capacity: 4 });
  const { lastHiddenState } = decoder.forward({
    inputIds: tensor([[ORDINARY]], { dtype: "i32" }),
    cache,
  });
  cache.advance(1);
  assertEquals(lastHiddenState.shape, [1, 1, WIDTH]);
  assertEquals(cache.layers, 2);
  model.dispose();
});

// ---------------------------------------------------------------------- memory

gpuTest("a deep model takes less memory, captured or not", (device) => {
  const config = new BertConfig({
    ...ENCODER,
    hiddenSize: 32,
    intermediateSize: 128,
    numHiddenLayers: 8,
    vocabSize: 40,
  });
  const shape = [4, 32] as const;
  const inputIds = {
    data: Int32Array.from({ length: 128 }, (_, i) => i % 37),
    shape,
  };
  const labels = Int32Array.from({ length: 4 }, (_, i) => i % 2);
  /** Bytes of a step beside weights, gradients and moments. */
  const bytesOf = (checkpointing: boolean, captured: boolean): number => {
    manualSeed(1);
    const model = new BertForSequenceClassification(config);
    const optimizer = new AdamW(model.parameters());
    if (checkpointing) model.gradientCheckpointingEnable();
    const step = capture(
      (inputs: { inputIds: IntegerTensor; labels: Tensor<"i32"> }) => {
        const { loss } = model.forward(inputs);
        backward(loss);
        optimizer.step();
        return loss;
      },
      { enabled: captured },
    );
    for (let i = 0; i < 3; i++) step({ inputIds, labels });
    const { pool } = device;
    const { inUse } = pool.statistics();
    pool.resetPeak();
    step({ inputIds, labels });
    assertEquals(step.reason === undefined, captured);
    const bytes = captured ? step.bytes : pool.statistics().peak - inUse;
    for (const owner of [step, optimizer, model]) owner.dispose();
    return bytes;
  };
  for (const [captured, factor] of [[false, 3.5], [true, 2.5]] as const) {
    const once = bytesOf(false, captured);
    const twice = bytesOf(true, captured);
    assert(twice < once / factor, `${twice} of ${once} bytes`);
  }
});

// --------------------------------------------------------------------- Trainer

const ROWS = Array.from({ length: 8 }, (_, i) => ({
  inputIds: Int32Array.from({ length: 6 }, (_, k) => (7 * i + 3 * k) % 30),
  labels: i % 2,
}));

function trainerOf(
  model: BertForSequenceClassification | Wrapper,
  args: TrainingArguments,
) {
  return new Trainer({
    model,
    args: { maxSteps: 4, learningRate: 1e-2, loggingSteps: 1, ...args },
    trainDataset: ROWS,
  });
}

/** A model of one's own with another inside. */
class Wrapper extends Module {
  inner: BertForSequenceClassification;

  constructor() {
    super();
    this.inner = newClassifier();
  }

  forward(
    inputs: { inputIds: IntegerTensor; labels: IntegerTensor },
  ): { loss: Tensor } {
    return this.inner.forward(inputs);
  }
}

function newClassifier(): BertForSequenceClassification {
  manualSeed(3);
  return new BertForSequenceClassification(
    new BertConfig({ ...ENCODER, numLabels: 2 }),
  );
}

gpuTest(
  "a Trainer with gradientCheckpointing gives the same bits",
  async () => {
    const weights = async (
      model: BertForSequenceClassification | Wrapper,
      args: TrainingArguments,
    ) => {
      const trainer = trainerOf(model, args);
      await trainer.train();
      const losses = trainer.state.logHistory.map((entry) => entry["loss"]);
      const values = await readAll(model.parameters());
      const { isGradientCheckpointing } = "inner" in model
        ? model.inner
        : model;
      model.dispose();
      assertEquals(
        isGradientCheckpointing,
        args.gradientCheckpointing ?? false,
      );
      return { losses, values };
    };
    const plain = await weights(newClassifier(), {});
    assertEquals(plain.losses.length, 5); // four steps and the summary
    const on = { gradientCheckpointing: true };
    assertEquals(await weights(newClassifier(), on), plain);
    assertEquals(
      await weights(newClassifier(), { ...on, capture: false }),
      plain,
    );
    assertEquals(await weights(new Wrapper(), on), plain);
  },
);

gpuTest("what has no blocks is refused before anything happens", () => {
  class Line extends Module {
    forward(): Tensor {
      return tensor([1]);
    }
  }
  assertThrows(
    () =>
      new Trainer({ model: new Line(), args: { gradientCheckpointing: true } }),
    TypeError,
    "Cannot train with gradientCheckpointing: Line has no method " +
      "gradientCheckpointingEnable(), nor has a module in it",
  );
  class Bare extends PreTrainedModel<BertConfig> {}
  assertThrows(
    () => new Bare(new BertConfig(ENCODER)).gradientCheckpointingEnable(),
    TypeError,
    "Cannot checkpoint the blocks of Bare: none of its modules runs them by " +
      "runBlock()",
  );
});
