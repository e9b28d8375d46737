// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import {
  BertForSequenceClassification,
  pipeline,
  type TextClassificationPipeline,
} from "../../../models/mod.ts";
import type { BertConfigOptions } from "../../../models/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import {
  probabilities,
  rowOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "./_tiny.ts";

const NAMES = { 0: "bad", 1: "fine", 2: "good" };
const tokenizer = tinyTokenizer();

async function classifier(options: BertConfigOptions = {}): Promise<{
  model: BertForSequenceClassification;
  classify: TextClassificationPipeline;
}> {
  manualSeed(1);
  const config = tinyConfig({ id2label: NAMES, ...options });
  const model = new BertForSequenceClassification(config);
  const parts = { model, tokenizer };
  return { model, classify: await pipeline("text-classification", parts) };
}

async function logitsOf(
  model: BertForSequenceClassification,
  input: string | [string, string],
): Promise<number[]> {
  return await valuesOf(
    model.forward(rowOf(tokenizer.encode(input))).logits,
  );
}

gpuTest(
  "text-classification gives every label's softmax, the best first",
  async () => {
    const { model, classify } = await classifier();
    const text = "I like the dog";
    const expected = probabilities(await logitsOf(model, text));
    const labels = await classify(text, { topK: null });
    const order = [0, 1, 2].sort((a, b) =>
      (expected[b] ?? 0) - (expected[a] ?? 0)
    );
    assertEquals(
      labels.map(({ label }) => label),
      order.map((id) => Object.values(NAMES)[id]),
    );
    assertClose(
      labels.map(({ score }) => score),
      order.map((id) => expected[id] ?? NaN),
      FUNCTIONS,
    );
    model.dispose();
  },
);

gpuTest(
  "text-classification has the shapes of transformers",
  async () => {
    const { model, classify } = await classifier();
    const pair = { text: "I like it", textPair: "the cat" };
    const all = await classify("I like it", { topK: 2 });
    assertEquals(all.length, 2);
    const [best] = all;
    assertEquals(await classify("I like it"), best ? [best] : []);
    assertEquals(await classify(["I like it"]), best ? [best] : []);
    assertEquals(await classify(["I like it"], { topK: 2 }), [all]);
    assertEquals(await classify(["I like it"], { topK: 1 }), [[all[0]]]);
    assertEquals(Object.keys(best ?? {}), ["label", "score"]);
    const paired = await classify(pair);
    assertEquals(await classify(pair, { topK: 1 }), [paired]);
    assertEquals((await classify([pair, "I"])).length, 2);
    assertEquals(await classify([]), []);
    model.dispose();
  },
);

gpuTest("text-classification reads pairs with their types", async () => {
  const { model, classify } = await classifier();
  const logits = await logitsOf(model, ["I like it", "the cat"]);
  const { score } = await classify(
    { text: "I like it", textPair: "the cat" },
    { functionToApply: "none" },
  );
  assertClose([score], [Math.max(...logits)], FUNCTIONS);
  model.dispose();
});

const DEFAULTS: [string, BertConfigOptions, (x: number[]) => number[]][] = [
  ["sigmoid for one label", { id2label: { 0: "good" } }, sigmoids],
  [
    "sigmoid for independent labels",
    { problemType: "multi_label_classification" },
    sigmoids,
  ],
  ["nothing for regression", { problemType: "regression" }, (x) => x],
  ["softmax else", {}, probabilities],
];

function sigmoids(x: number[]): number[] {
  return x.map((value) => 1 / (1 + Math.exp(-value)));
}

for (const [name, options, apply] of DEFAULTS) {
  gpuTest(`text-classification applies ${name}`, async () => {
    const { model, classify } = await classifier(options);
    const expected = apply(await logitsOf(model, "I hate it"));
    const labels = await classify("I hate it", { topK: null });
    assertClose(
      labels.map(({ score }) => score),
      expected.toSorted((a, b) => b - a),
      FUNCTIONS,
    );
    model.dispose();
  });
}

gpuTest(
  "text-classification truncates long texts if asked to",
  async () => {
    const { model, classify } = await classifier();
    const long = "the cat ".repeat(20);
    await assertRejects(
      () => classify(long),
      RangeError,
      "Cannot encode 42 tokens: the model supports 24 positions",
    );
    const short = await classify("the cat ".repeat(11), { topK: null });
    assertEquals(await classify(long, { topK: null, truncation: true }), short);
    assertEquals(
      await classify(long, { topK: null, maxLength: 5 }),
      await classify("the cat the", { topK: null }),
    );
    await assertRejects(() => classify("I", { topK: 0 }), RangeError, "topK 0");
    model.dispose();
  },
);

gpuTest(
  "unknown options are refused, by calls and by pipeline()",
  async () => {
    const { model, classify } = await classifier();
    const refused: [() => Promise<unknown>, string][] = [
      [
        () => classify("a", { functionToApply: "softmx" as "softmax" }),
        'functionToApply "softmx": expected one of "sigmoid", "softmax", "none"',
      ],
      [
        () => classify("a", { topk: 2 } as object),
        'with option "topk": did you mean "topK"?',
      ],
      [
        () =>
          pipeline("text-classification", { model, tokenizer }, {
            batchsize: 2,
          } as object),
        'with option "batchsize": did you mean "batchSize"?',
      ],
      [
        () =>
          pipeline("text-classification", { model, tokenizer }, {
            sampling: { numPredictions: 3 },
          }),
        "Cannot sample without a posterior",
      ],
      [
        () =>
          pipeline("text-classification", { model, tokenizer }, {
            posterior: () => undefined as never,
          }),
        "Cannot use undefined as a posterior",
      ],
    ];
    for (const [run, message] of refused) {
      await assertRejects(run, Error, message);
    }
  },
);
