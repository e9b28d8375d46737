// Copyright 2026 the swagpu authors. MIT license.

// The published sizes fit an adapter whose bindings hold 128 MiB: RoBERTa's,
// ModernBERT's and BART's tables of words take 154 MB. And how tensors are cut
// to bindings never changes a bit.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  backward,
  embedding,
  type IntegerTensor,
  manualSeed,
  openDevice,
  readAll,
  scope,
  setDevice,
  slice,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  BartConfig,
  BartForConditionalGeneration,
  BertConfig,
  BertForMaskedLM,
  ModernBertConfig,
  ModernBertForMaskedLM,
  RobertaConfig,
  RobertaForMaskedLM,
} from "../../models/mod.ts";
import { AdamW, type Module, type Parameter } from "../../nn/mod.ts";

const MEBI = 2 ** 20;
const LENGTH = 8;

/** A model that fills in or continues texts. */
type LanguageModel = Module & {
  forward(inputs: { inputIds: IntegerTensor; labels: IntegerTensor }): {
    loss?: Tensor;
    logits: Tensor;
  };
};

/** Tokens all over a vocabulary, and labels for two of them. */
function batch(
  vocabulary: number,
): { inputIds: IntegerTensor; labels: IntegerTensor } {
  const ids = Int32Array.from(
    { length: LENGTH },
    (_, i) => 5 + (i * 7919) % (vocabulary - 5),
  );
  const labels = new Int32Array(LENGTH).fill(-100);
  labels.set(ids.subarray(2, 4), 2);
  const shape = [1, LENGTH];
  return {
    inputIds: tensor(ids, { shape }),
    labels: tensor(labels, { shape }),
  };
}

const BASE: readonly [string, number, () => LanguageModel][] = [
  ["BERT", 30522, () => new BertForMaskedLM(new BertConfig())],
  [
    "RoBERTa",
    50265,
    () =>
      new RobertaForMaskedLM(
        new RobertaConfig({
          vocabSize: 50265,
          maxPositionEmbeddings: 514,
          typeVocabSize: 1,
        }),
      ),
  ],
  [
    "ModernBERT",
    50368,
    () => new ModernBertForMaskedLM(new ModernBertConfig()),
  ],
  [
    "BART",
    50265,
    () =>
      new BartForConditionalGeneration(
        new BartConfig({
          dModel: 768,
          encoderLayers: 6,
          decoderLayers: 6,
          encoderAttentionHeads: 12,
          decoderAttentionHeads: 12,
          encoderFfnDim: 3072,
          decoderFfnDim: 3072,
        }),
      ),
  ],
];

/** The vector of a word that the batch holds. */
async function wordOf(words: Parameter): Promise<number[]> {
  using _ = scope();
  const { inputIds } = batch(words.shape[0] ?? 0);
  const last = slice(inputIds, { axis: 1, start: -1 });
  return [...await embedding(last, words).data()];
}

/** Runs on a new device, whose bindings hold at most so many bytes. */
async function onDevice<T>(
  maxBindingSize: number | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const device = await openDevice(
    maxBindingSize === undefined ? {} : { maxBindingSize },
  );
  const before = setDevice(device) ?? device;
  try {
    return await run();
  } finally {
    setDevice(before);
    await device.destroy();
  }
}

async function trainStep(
  vocabulary: number,
  make: () => LanguageModel,
): Promise<void> {
  manualSeed(1);
  const model = make();
  const parameters = model.parameters();
  const size = parameters.reduce((sum, { size }) => sum + size, 0);
  assert(size > 1e8, `only ${size} parameters`);
  const optimizer = new AdamW(parameters, { learningRate: 1e-3 });
  const [words] = parameters;
  assert(words);
  assertEquals(words.shape[0], vocabulary);
  const start = await wordOf(words);
  {
    using _ = scope();
    const { loss, logits } = model.forward(batch(vocabulary));
    assert(loss);
    assertEquals(logits.shape, [1, LENGTH, vocabulary]);
    backward(loss);
    optimizer.step();
    // Random weights of 0.02 know nothing: about log(vocabulary).
    const found = await loss.item();
    assert(Math.abs(found - Math.log(vocabulary)) < 1.5, `loss ${found}`);
  }
  const end = await wordOf(words);
  assert(end.every(Number.isFinite));
  assertNotEquals(end, start);
  optimizer.dispose();
  model.dispose();
}

// One device for all, because each device compiles its kernels again.
Deno.test("published sizes train a step within 128 MiB bindings", async (t) => {
  await onDevice(128 * MEBI, async () => {
    for (const [name, vocabulary, make] of BASE) {
      await t.step(`${name}-base`, () => trainStep(vocabulary, make));
    }
  });
});

async function checksum(values: BufferSource): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", values);
  return new Uint8Array(digest).toHex();
}

/** Losses of two steps, and a checksum of each parameter after them. */
async function train(): Promise<unknown[]> {
  manualSeed(7);
  const model = new BertForMaskedLM(
    new BertConfig({
      vocabSize: 40000, // × 128 × 4 bytes: 20 MB, more than one binding
      hiddenSize: 128,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 256,
    }),
  );
  const optimizer = new AdamW(model.parameters(), { learningRate: 1e-3 });
  const losses: number[] = [];
  for (let step = 0; step < 2; step++) {
    using _ = scope();
    const { loss } = model.forward(batch(40000));
    backward(loss);
    optimizer.step();
    losses.push(await loss.item());
  }
  const values = await readAll(model.parameters());
  optimizer.dispose();
  model.dispose();
  return [losses, ...await Promise.all(values.map(checksum))];
}

Deno.test("bindings of 16 MiB give the bits of larger ones", async () => {
  const small = await onDevice(16 * MEBI, train);
  assertEquals(small, await onDevice(undefined, train));
});
