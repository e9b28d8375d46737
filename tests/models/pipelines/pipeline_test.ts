// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Device, manualSeed } from "../../../engine/mod.ts";
import {
  BertForMaskedLM,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
  pipeline,
  type PipelineTask,
  RobertaConfig,
  RobertaForSequenceClassification,
} from "../../../models/mod.ts";
import { assertClose, gpuTest, SUMS } from "../../_check.ts";
import { warningsOf } from "../../_warnings.ts";
import { inFolder } from "../../_folder.ts";
import { tinyConfig, tinyTokenizer } from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const TEXTS = [
  "I like it",
  "the dogs in New York",
  "I",
  "Anna lives in Paris , and who is playing ?",
  "the cat",
];

function classifier(): BertForSequenceClassification {
  manualSeed(8);
  return new BertForSequenceClassification(tinyConfig({ numLabels: 3 }));
}

gpuTest(
  "pipeline() loads a folder, and frees what it loaded",
  async (device) => {
    const model = classifier();
    const parts = await pipeline("text-classification", { model, tokenizer });
    const expected = await parts(TEXTS, { topK: null });
    await inFolder(async (folder) => {
      await model.savePretrained(folder);
      await tokenizer.save(folder);
      const before = await inUse(device);
      {
        using loaded = await pipeline("sentiment-analysis", folder);
        assertEquals(loaded.task, "sentiment-analysis");
        assertEquals(await loaded(TEXTS, { topK: null }), expected);
        assert(await inUse(device) > before);
      }
      assertEquals(await inUse(device), before);
      const other = await pipeline("text-classification", folder, {
        tokenizer,
        batchSize: 2,
        config: { id2label: { 0: "a", 1: "b", 2: "c" } },
      });
      const labels = await other("I", { topK: null });
      assertEquals(labels.map(({ label }) => label).toSorted(), [
        "a",
        "b",
        "c",
      ]);
      other.dispose();
    });
    model.dispose();
  },
);

gpuTest("dispose() does not free a model that was passed in", async () => {
  const model = classifier();
  const classify = await pipeline("text-classification", { model, tokenizer });
  assertEquals(model.training, false);
  assert(classify.model === model && classify.tokenizer === tokenizer);
  const expected = await classify("I");
  classify.dispose();
  assertEquals(await classify("I"), expected);
  model.dispose();
});

async function inUse(device: Device): Promise<number> {
  await device.synchronize();
  return device.pool.statistics().inUse;
}

gpuTest("a batch's size changes no result and no order", async () => {
  const model = classifier();
  const classify = await pipeline("text-classification", { model, tokenizer });
  const options = { topK: null, functionToApply: "none" } as const;
  const alone = await classify(TEXTS, { ...options, batchSize: 1 });
  for (const batchSize of [2, 3, 8]) {
    const together = await classify(TEXTS, { ...options, batchSize });
    for (const [i, labels] of together.entries()) {
      assertEquals(
        labels.map(({ label }) => label),
        alone[i]?.map(({ label }) => label),
      );
      assertClose(
        labels.map(({ score }) => score),
        alone[i]?.map(({ score }) => score) ?? [],
        SUMS,
      );
    }
  }
  model.dispose();
});

gpuTest("a batch costs one wait", async (device) => {
  const fill = await pipeline("fill-mask", {
    model: new BertForMaskedLM(tinyConfig()),
    tokenizer,
  });
  const answer = await pipeline("question-answering", {
    model: new BertForQuestionAnswering(tinyConfig()),
    tokenizer,
  });
  const before = device.stream.statistics().reads;
  await fill(["[MASK] like it", "I [MASK] the [MASK]", "[MASK]"], {
    batchSize: 2,
  });
  assertEquals(device.stream.statistics().reads, before + 2);
  await answer({ question: "who", context: "Anna lives" });
  assertEquals(device.stream.statistics().reads, before + 3);
  fill.model.dispose();
  answer.model.dispose();
});

gpuTest("rows are not padded beyond the model's limit", async () => {
  // RoBERTa numbers positions from padTokenId + 1, so 18 of 19 can be used.
  const config = new RobertaConfig({
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 12,
    maxPositionEmbeddings: 19,
    padTokenId: 0,
  });
  const model = new RobertaForSequenceClassification(config);
  const classify = await pipeline("text-classification", { model, tokenizer });
  const text = "the cat ".repeat(8);
  const [expected] = await classify(text);
  assertEquals(tokenizer.encode(text).inputIds.length, 18);
  assertEquals(
    await classify(`${text} I`, { truncation: true }),
    expected ? [expected] : [],
  );
  assertEquals((await classify([text, "the cat ".repeat(7) + "I"])).length, 2);
  model.dispose();
});

gpuTest("pipelines may run at the same time", async () => {
  const model = classifier();
  const classify = await pipeline("text-classification", { model, tokenizer });
  const tagger = new BertForTokenClassification(tinyConfig());
  const label = await pipeline("ner", { model: tagger, tokenizer });
  const options = { batchSize: 2 };
  const expected = [
    await classify(TEXTS, options),
    await label(TEXTS, options),
  ];
  const results = await Promise.all([
    classify(TEXTS, options),
    label(TEXTS, options),
    classify(TEXTS, options),
  ]);
  assertEquals(results, [...expected, expected[0]]);
  model.dispose();
  tagger.dispose();
});

gpuTest("pipeline() lists the tasks in its error", async () => {
  const model = classifier();
  const parts = { model, tokenizer };
  await assertRejects(
    () => pipeline("text-clasification" as PipelineTask, parts),
    RangeError,
    'Cannot make a pipeline for "text-clasification": the tasks are ' +
      '"text-classification", "sentiment-analysis", "token-classification"',
  );
  await assertRejects(
    () => pipeline("toString" as PipelineTask, parts),
    RangeError,
  );
  await assertRejects(
    () => pipeline("text-classification", parts, { batchSize: 0 }),
    RangeError,
    "batchSize 0",
  );
  model.dispose();
});

gpuTest("pipeline() refuses models that cannot do the task", async () => {
  const model = classifier();
  await inFolder(async (folder) => {
    await model.savePretrained(folder);
    await tokenizer.save(folder);
    await assertRejects(
      () => pipeline("translation_en_to_mg", folder),
      RangeError,
      'Cannot load "bert" for seq2SeqLM',
    );
  });
  const base = new BertModel(tinyConfig());
  const refused: [string, unknown, string, object?][] = [
    [
      "zero-shot-classification",
      { model: base, tokenizer },
      "Cannot make a pipeline for zero-shot-classification from a BertModel: " +
      "expected a BertForSequenceClassification",
    ],
    [
      "sentence-embedding",
      { model, tokenizer },
      "from a BertForSequenceClassification: expected a BertModel",
    ],
    ["summarization", { model, tokenizer }, '"bert" has no model for it'],
    [
      "ner",
      null,
      "Cannot make a pipeline for ner from null: expected a folder",
    ],
    ["ner", 7, "from 7: expected a folder"],
    [
      "ner",
      { model },
      "from an object whose tokenizer is none of this library",
    ],
    [
      "ner",
      { tokenizer },
      "from an object whose model is none of this library",
    ],
    [
      "text-classification",
      { model, tokenizer },
      "Cannot use revision with a model that is given",
      { revision: "main" },
    ],
    [
      "text-classification",
      { model, tokenizer },
      "Cannot use tokenizer with a model that is given",
      { tokenizer: "bert-base-uncased" },
    ],
  ];
  for (const [task, source, message, options] of refused) {
    await assertRejects(
      () => pipeline(task as "ner", source as string, options),
      TypeError,
      message,
    );
  }
  // A class of one's own may do what its architecture's class does.
  class Own extends BertForSequenceClassification {}
  manualSeed(8);
  const own = new Own(tinyConfig({ numLabels: 3 }));
  const parts = { model: own, tokenizer };
  const classify = await pipeline("text-classification", parts);
  assertEquals((await classify("I")).length, 1);
  for (const x of [model, base, own]) x.dispose();
});

gpuTest(
  "a tokenizer may have more tokens than the model if no text holds them",
  async () => {
    const size = tokenizer.vocabSize - 1;
    const small = new BertForSequenceClassification(
      tinyConfig({ vocabSize: size }),
    );
    const heard = await warningsOf(async () => {
      const parts = { model: small, tokenizer };
      const classify = await pipeline("text-classification", parts);
      assertEquals((await classify(["I like it", "the cat"])).length, 2);
      await assertRejects(
        () => classify("I like - it"),
        RangeError,
        `Cannot encode "-": it is token ${size}, and the model has ${size} tokens`,
      );
    });
    small.dispose();
    assertEquals(heard.length, 1);
    assert(heard[0]?.includes(`has ${size + 1} tokens and the model knows`));
  },
);

gpuTest(
  "pipelines refuse scores that are NaN, and inputs that are not texts",
  async () => {
    const model = classifier();
    model.classifier.weight.write(
      new Float32Array(model.classifier.weight.size).fill(NaN),
    );
    const classify = await pipeline("text-classification", {
      model,
      tokenizer,
    });
    for (const functionToApply of ["softmax", "sigmoid", "none"] as const) {
      await assertRejects(
        () => classify("I like it", { functionToApply, topK: null }),
        RangeError,
        "they hold NaN",
      );
    }
    const call = classify as unknown as (input: unknown) => Promise<unknown>;
    for (const input of [5, null, [["a", "b"]], { textPair: "b" }]) {
      await assertRejects(
        () => call(input),
        TypeError,
        'expected a text, or a pair like { text: "…", textPair: "…" }',
      );
    }
    const fill = await pipeline("fill-mask", {
      model: new BertForMaskedLM(tinyConfig()),
      tokenizer,
    }) as unknown as (input: unknown) => Promise<unknown>;
    for (const input of [5, [1], undefined]) {
      await assertRejects(
        () => fill(input),
        TypeError,
        "Cannot run fill-mask on",
      );
    }
    model.dispose();
  },
);
