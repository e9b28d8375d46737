// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import { BertModel, cosineSimilarity, pipeline } from "../../../models/mod.ts";
import type {
  SentenceSimilarityOptions,
  SimilarityInput,
} from "../../../models/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { assertClose, gpuTest, SUMS } from "../../_check.ts";
import {
  collectWaves,
  rowOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const WIDTH = 8;
const INPUT: SimilarityInput = {
  sourceSentence: "I like the dog",
  sentences: ["I like the cat", "who lives in New York ?", "I like the dog"],
};

function tinyModel(): BertModel {
  manualSeed(3);
  return new BertModel(tinyConfig()).eval();
}

function meanOf(values: readonly number[]): number[] {
  const tokens = values.length / WIDTH;
  return Array.from(
    { length: WIDTH },
    (_, k) =>
      values.reduce((sum, x, i) => sum + (i % WIDTH === k ? x : 0), 0) / tokens,
  );
}

/** The cosine by its definition, from numbers that are neither large nor small. */
function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, x, i) => sum + x * (b[i] ?? NaN), 0);
  return dot / (Math.hypot(...a) * Math.hypot(...b));
}

gpuTest("sentence-similarity is the cosine between embeddings", async () => {
  const model = tinyModel();
  const compare = await pipeline("sentence-similarity", { model, tokenizer });
  const found = await compare(INPUT);
  const embeddings: number[][] = [];
  for (const text of [INPUT.sourceSentence, ...INPUT.sentences]) {
    const { lastHiddenState } = model.forward(rowOf(tokenizer.encode(text)));
    embeddings.push(meanOf(await valuesOf(lastHiddenState)));
  }
  const [source = [], ...others] = embeddings;
  assertClose(found, others.map((other) => cosine(source, other)), SUMS);
  assertClose([found[2] ?? NaN], [1], SUMS);
  assertEquals(await compare({ ...INPUT, sentences: [] }), []);
  for (const batchSize of [1, 2]) {
    assertClose(await compare(INPUT, { batchSize }), found, SUMS);
  }
  const cls = await compare(INPUT, { pooling: "cls" });
  assert(Math.abs((cls[0] ?? NaN) - (found[0] ?? NaN)) > 1e-4);
  model.dispose();
});

gpuTest(
  "a posterior's similarity is the mean of its samples' cosines",
  async () => {
    const model = tinyModel();
    const layer = model.encoder.layer[0];
    assert(layer);
    using swag = SwagModel.fromBase(model, {
      modulePrefixList: ["encoder.layer.0.output"],
    });
    const { weight } = layer.output.dense;
    collectWaves(swag, weight);
    const sampling = { numPredictions: 5, seed: 3 };
    const compare = await pipeline(
      "sentence-similarity",
      { model, tokenizer },
      { posterior: swag, sampling, batchSize: 2 },
    );
    const samples: number[][][] = [];
    for (const text of [INPUT.sourceSentence, ...INPUT.sentences]) {
      const inputs = rowOf(tokenizer.encode(text));
      const values = await valuesOf(
        swag.getLogits(() => model.forward(inputs).lastHiddenState, sampling),
      );
      const size = values.length / 5;
      samples.push(
        Array.from(
          { length: 5 },
          (_, s) => meanOf(values.slice(s * size, (s + 1) * size)),
        ),
      );
    }
    const [source = [], ...others] = samples;
    const cosines = others.map((other) =>
      source.map((own, s) => cosine(own, other[s] ?? []))
    );
    const mean = cosines.map((own) => own.reduce((a, b) => a + b) / 5);
    const std = cosines.map((own, i) =>
      Math.sqrt(
        own.reduce((sum, x) => sum + (x - (mean[i] ?? NaN)) ** 2, 0) / 5,
      )
    );
    const found = await compare(INPUT, { returnStd: true });
    assertClose(found.mean, mean, SUMS);
    assertClose(found.std, std, { ...SUMS, absolute: 1e-4 });
    assert((std[1] ?? 0) > 1e-3);
    assertEquals(await compare(INPUT), found.mean);
    model.dispose();
  },
);

gpuTest("sentence-similarity refuses what it cannot use", async () => {
  const model = tinyModel();
  const compare = await pipeline("sentence-similarity", { model, tokenizer });
  const inputs: [unknown, string][] = [
    ["I", 'Cannot compare "I": expected a sentence and others'],
    [{ sourceSentence: "I" }, "expected a sentence and others"],
    [{ source_sentence: "I", sentences: [] }, "expected a sentence and others"],
    [{ sourceSentence: "I", sentences: [1] }, "sentence-similarity on 1"],
  ];
  for (const [input, message] of inputs) {
    await assertRejects(
      () => compare(input as SimilarityInput),
      TypeError,
      message,
    );
  }
  const options: [object, string][] = [
    [{ returnStd: true }, "the pipeline has no posterior"],
    [{ normalize: true }, 'with option "normalize"'],
  ];
  for (const [given, message] of options) {
    await assertRejects(
      () =>
        compare(
          INPUT,
          given as SentenceSimilarityOptions & {
            returnStd: false;
          },
        ),
      TypeError,
      message,
    );
  }
  model.dispose();
});

Deno.test("cosineSimilarity() is the cosine of the angle", () => {
  assertAlmostEquals(cosineSimilarity([3, 4], [4, 3]), 24 / 25);
  assertAlmostEquals(cosineSimilarity([1, 2, 3], [-2, -4, -6]), -1);
  assertEquals(cosineSimilarity([1, 2], [0, 0]), 0);
  assertEquals(cosineSimilarity([], []), 0);
  assertEquals(cosineSimilarity([NaN, 1], [0, 0]), NaN);
  // Rounding does not lead out of [-1, 1].
  const odd = Float32Array.of(0.1, 0.7, 0.3);
  assert(cosineSimilarity(odd, odd) <= 1);
  assertThrows(
    () => cosineSimilarity([1], [1, 2]),
    TypeError,
    "Cannot compare vectors of 1 and 2 numbers",
  );
});
