// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import {
  BartConfig,
  BartForSequenceClassification,
  BertForSequenceClassification,
  pipeline,
  type ZeroShotClassificationPipeline,
} from "../../../models/mod.ts";
import type { BertConfigOptions } from "../../../models/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import { warningsOf } from "../../_warnings.ts";
import {
  collectWaves,
  idsOf,
  probabilities,
  rowOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const NAMES = { 0: "Contradiction", 1: "neutral", 2: "ENTAILMENT" };
const LABELS = ["dog", "paris", "the cat"];
const TEXTS = ["I like the dog", "who lives in New York ?", "I"];

async function classifier(options: BertConfigOptions = {}): Promise<{
  model: BertForSequenceClassification;
  classify: ZeroShotClassificationPipeline;
}> {
  manualSeed(11);
  const model = new BertForSequenceClassification(
    tinyConfig({ id2label: NAMES, maxPositionEmbeddings: 32, ...options }),
  );
  const parts = { model, tokenizer };
  return { model, classify: await pipeline("zero-shot-classification", parts) };
}

/** The logits of one pair, computed alone. */
async function logitsOf(
  model: BertForSequenceClassification,
  pair: [string, string],
): Promise<number[]> {
  return await valuesOf(model.forward(rowOf(tokenizer.encode(pair))).logits);
}

/** Labels and scores as pairs, the best first. */
function ranked(scores: readonly number[]): [string, number][] {
  return LABELS.map((label, i): [string, number] => [label, scores[i] ?? NaN])
    .sort(([, a], [, b]) => b - a);
}

gpuTest(
  "zero-shot-classification is the softmax of entailment over the labels",
  async () => {
    const { model, classify } = await classifier();
    const results = await classify(TEXTS, LABELS);
    assertEquals(results.length, TEXTS.length);
    for (const [i, text] of TEXTS.entries()) {
      const entailed: number[] = [];
      for (const label of LABELS) {
        const logits = await logitsOf(model, [
          text,
          `This example is ${label}.`,
        ]);
        entailed.push(logits[2] ?? NaN);
      }
      const expected = ranked(probabilities(entailed));
      const { sequence, labels, scores, ...rest } = results[i] ??
        { sequence: "", labels: [], scores: [] };
      assertEquals(rest, {});
      assertEquals(sequence, text);
      assertEquals(labels, expected.map(([label]) => label));
      assertClose(scores, expected.map(([, score]) => score), FUNCTIONS);
      assertClose([scores.reduce((a, b) => a + b, 0)], [1], FUNCTIONS);
    }
    model.dispose();
  },
);

const INDEPENDENT: [
  string,
  BertConfigOptions,
  entailed: number,
  not: number,
][] = [
  ["the first class is contradiction", {}, 2, 0],
  [
    "the last class is contradiction if entailment is the first",
    { id2label: { 0: "entails", 1: "neutral", 2: "contradicts" } },
    0,
    2,
  ],
  [
    "two classes, with entailment first",
    { id2label: { 0: "entailment", 1: "not_entailment" } },
    0,
    1,
  ],
];

for (const [claim, options, entailed, not] of INDEPENDENT) {
  gpuTest(
    `zero-shot-classification, independent labels: ${claim}`,
    async () => {
      const { model, classify } = await classifier(options);
      const text = "I like the dog";
      const hypothesisTemplate = "{} in {{it}} .";
      const scores: number[] = [];
      for (const label of LABELS) {
        const logits = await logitsOf(model, [text, `${label} in {it} .`]);
        const [, p = NaN] = probabilities([
          logits[not] ?? NaN,
          logits[entailed] ?? NaN,
        ]);
        scores.push(p);
      }
      const expected = ranked(scores);
      const found = await classify(text, LABELS, {
        multiLabel: true,
        hypothesisTemplate,
      });
      assertEquals(found.labels, expected.map(([label]) => label));
      assertClose(found.scores, expected.map(([, score]) => score), FUNCTIONS);
      // A single label is independent of others in any case.
      const [first = ""] = LABELS;
      const single = await classify(text, first, { hypothesisTemplate });
      assertEquals(single.labels, [first]);
      assertClose(single.scores, [scores[0] ?? NaN], FUNCTIONS);
      model.dispose();
    },
  );
}

gpuTest("zero-shot-classification takes labels in several forms", async () => {
  const { model, classify } = await classifier();
  const expected = await classify("I like it", LABELS);
  assertEquals(await classify("I like it", "dog, paris,,the cat "), expected);
  assertEquals(
    await classify("I like it", { candidateLabels: LABELS }),
    expected,
  );
  assertEquals(
    await classify(["I like it"], {
      candidateLabels: "dog,paris,the cat",
      hypothesisTemplate: "This example is {0}.",
    }),
    [expected],
  );
  assertEquals(await classify([], LABELS), []);
  for (const batchSize of [1, 2, 9]) {
    const again = await classify(TEXTS, LABELS, { batchSize });
    const other = await classify(TEXTS, LABELS);
    assertEquals(
      again.map(({ labels }) => labels),
      other.map(({ labels }) => labels),
    );
    assertClose(
      again.flatMap(({ scores }) => scores),
      other.flatMap(({ scores }) => scores),
      FUNCTIONS,
    );
  }
  model.dispose();
});

gpuTest("a long text is truncated, and its label is not", async () => {
  const { model, classify } = await classifier();
  const hypothesisTemplate = "it is {} .";
  // 32 positions, of which 3 frame a pair and 4 are the sentence of the label.
  const kept = "the cat ".repeat(12) + "the";
  const long = "the cat ".repeat(30);
  const expected = await classify(kept, ["dog", "paris"], {
    hypothesisTemplate,
  });
  for (const truncation of [undefined, true, "only_first"] as const) {
    const found = await classify(long, ["dog", "paris"], {
      hypothesisTemplate,
      truncation,
    });
    assertEquals(found.labels, expected.labels);
    assertClose(found.scores, expected.scores, FUNCTIONS);
  }
  await assertRejects(
    () => classify(long, LABELS, { truncation: false }),
    RangeError,
    "the model supports 32 positions",
  );
  await assertRejects(
    () => classify("I", "the cat ".repeat(30)),
    RangeError,
    "that text is too short to lose",
  );
  model.dispose();
});

gpuTest(
  "without a name of entailment, the last class is taken and a warning printed",
  async () => {
    const id2label = { 0: "a", 1: "b", 2: "c" };
    let found: { scores: number[] } = { scores: [] };
    let expected: { scores: number[] } = { scores: [] };
    const told = await warningsOf(async () => {
      const { model, classify } = await classifier({ id2label });
      found = await classify("I like it", LABELS, { multiLabel: true });
      model.dispose();
    });
    assertEquals(told.length, 1);
    assert(told[0]?.includes('begins with "entail"'), told[0]);
    const silent = await warningsOf(async () => {
      const { model, classify } = await classifier();
      expected = await classify("I like it", LABELS, { multiLabel: true });
      model.dispose();
    });
    assertEquals(silent, []);
    assertEquals(found.scores, expected.scores);
  },
);

gpuTest(
  "zero-shot-classification uses BART, whose text ends a pair",
  async () => {
    manualSeed(5);
    const [end = 0] = idsOf("[SEP]");
    const model = new BartForSequenceClassification(
      new BartConfig({
        vocabSize: tokenizer.vocabSize,
        dModel: 8,
        encoderLayers: 1,
        decoderLayers: 1,
        encoderAttentionHeads: 2,
        decoderAttentionHeads: 2,
        encoderFfnDim: 12,
        decoderFfnDim: 12,
        maxPositionEmbeddings: 32,
        padTokenId: 0,
        bosTokenId: end,
        eosTokenId: end,
        decoderStartTokenId: end,
        initStd: 0.5,
        id2label: NAMES,
      }),
    );
    const parts = { model, tokenizer };
    const classify = await pipeline("zero-shot-classification", parts);
    const results = await classify(TEXTS, LABELS);
    for (const [i, text] of TEXTS.entries()) {
      const entailed: number[] = [];
      for (const label of LABELS) {
        const pair: [string, string] = [text, `This example is ${label}.`];
        const { inputIds } = rowOf(tokenizer.encode(pair));
        const { logits } = model.forward({ inputIds });
        entailed.push((await valuesOf(logits))[2] ?? NaN);
      }
      const expected = ranked(probabilities(entailed));
      assertEquals(results[i]?.labels, expected.map(([label]) => label));
      assertClose(
        results[i]?.scores ?? [],
        expected.map(([, score]) => score),
        FUNCTIONS,
      );
    }
    model.dispose();
  },
);

gpuTest("zero-shot-classification refuses what it cannot use", async () => {
  const { model, classify } = await classifier();
  const refused: [() => Promise<unknown>, typeof Error, string][] = [
    [() => classify("I", []), RangeError, "expected one at least"],
    [() => classify("I", " , "), RangeError, "expected one at least"],
    [() => classify("I", ["a", ""]), RangeError, "none that is empty"],
    [
      () => classify("I", [1] as unknown as string[]),
      TypeError,
      "the labels [1]: expected a list of texts",
    ],
    [
      () => classify("I", {} as { candidateLabels: string }),
      TypeError,
      "the labels undefined",
    ],
    [
      () => classify(["I", " "], LABELS),
      RangeError,
      "Cannot classify text 2: it is empty",
    ],
    [
      () => classify(7 as unknown as string, LABELS),
      TypeError,
      "Cannot run zero-shot-classification on 7",
    ],
    [
      () => classify("I", LABELS, { hypothesisTemplate: "It is so." }),
      RangeError,
      'hypothesisTemplate "It is so.": expected a text with {}',
    ],
    [
      () => classify("I", LABELS, { hypothesisTemplate: "{{}}" }),
      RangeError,
      "expected a text with {}",
    ],
    [
      () => classify("I", LABELS, { hypothesisTemplate: "{label} {}" }),
      RangeError,
      "expected a text with {}",
    ],
    [
      () => classify("I", LABELS, { multi_label: true } as object),
      TypeError,
      'did you mean "multiLabel"?',
    ],
    [
      () =>
        classify("I", { candidateLabels: "a", hypothesis: "{}" } as {
          candidateLabels: string;
        }),
      TypeError,
      'with option "hypothesis"',
    ],
    [
      () => classifier({ id2label: { 0: "entailment" } }),
      RangeError,
      "the number of classes is 1",
    ],
    [
      () => classifier({ id2label: NAMES, label2id: { entailment: 5 } }),
      RangeError,
      "label2id says class 5",
    ],
  ];
  for (const [run, kind, message] of refused) {
    await assertRejects(run, kind, message);
  }
  model.dispose();
});

gpuTest("zero-shot-classification averages over a posterior", async () => {
  const { model } = await classifier();
  using swag = SwagModel.fromBase(model, { modulePrefixList: ["classifier"] });
  const { weight } = model.classifier;
  collectWaves(swag, weight);
  const sampling = { numPredictions: 5, seed: 3 };
  const classify = await pipeline(
    "zero-shot-classification",
    { model, tokenizer },
    { posterior: swag, sampling, batchSize: 2 },
  );
  const text = "I like the dog";
  const samples: number[][] = [[], [], [], [], []];
  for (const label of LABELS) {
    const inputs = rowOf(tokenizer.encode([text, `This example is ${label}.`]));
    const logits = swag.getLogits(() => model.forward(inputs), sampling);
    const values = [...await logits.data()];
    samples.forEach((own, s) => own.push(values[s * 3 + 2] ?? NaN));
  }
  const shares = samples.map(probabilities);
  const mean = (of: (p: number[]) => number) =>
    shares.reduce((sum, p) => sum + of(p), 0) / shares.length;
  const entropyOf = (p: readonly number[]) =>
    p.reduce((sum, x) => sum - x * Math.log(x), 0);
  const means = LABELS.map((_, i) => mean((p) => p[i] ?? NaN));
  const stds = LABELS.map((_, i) =>
    Math.sqrt(mean((p) => ((p[i] ?? NaN) - (means[i] ?? NaN)) ** 2))
  );
  const total = entropyOf(means);
  const shared = total - mean(entropyOf);
  const { labels, scores, uncertainty = [] } = await classify(text, LABELS);
  assertEquals(labels, ranked(means).map(([label]) => label));
  for (const [i, label] of labels.entries()) {
    const id = LABELS.indexOf(label);
    const { std = NaN, entropy = NaN, mutualInformation = NaN } =
      uncertainty[i] ?? {};
    assertClose(
      [scores[i] ?? NaN, std, entropy, mutualInformation],
      [means[id] ?? NaN, stds[id] ?? NaN, total, shared],
      { ...FUNCTIONS, absolute: 1e-5 },
    );
    assert(std > 1e-4);
  }
  const independent = await classify(text, LABELS, { multiLabel: true });
  for (const [i, p = NaN] of independent.scores.entries()) {
    assertClose(
      [independent.uncertainty?.[i]?.entropy ?? NaN],
      [entropyOf([p, 1 - p])],
      FUNCTIONS,
    );
  }
  model.dispose();
});
