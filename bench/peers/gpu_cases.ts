// Copyright 2026 the swagpu authors. MIT license.

// The cases of bench:gpu: products in every layout, attention, kernels that are bound by
// memory, BERT and SWAG.

import {
  addCase,
  attentionCase,
  type Case,
  chainCase,
  layerNormCase,
  matmulCase,
} from "./cases.ts";
import type { AttentionSizes } from "./data.ts";
import { softmaxReference, swagVarianceReference } from "./references.ts";
import type { BertSizes } from "./swagpu_bert.ts";

/** The sizes that determine all others. */
interface Scale {
  /** Edges of square products. */
  products: readonly number[];
  attention: readonly AttentionSizes[];
  /** The rows of normalizations, each of 768 elements. */
  rows: number;
  /** Elements of vectors. */
  vector: number;
  /** Rows and columns of cross-entropy. */
  classes: readonly [number, number];
  bert: BertSizes;
  batch: number;
  length: number;
  rank: number;
}

const SUMS = 1e-4;

// Without expected values, those of the first peer are used.
function memoryCases({ rows, vector, classes }: Scale): Case[] {
  const [texts, columns] = classes;
  return [
    addCase(vector),
    layerNormCase(rows, 768),
    {
      name: `softmax ${rows}x768`,
      kind: "softmax",
      parameters: { rows, columns: 768 },
      work: { limit: "copy", amount: 8 * rows * 768 },
      expected: {
        values: () => softmaxReference(rows, 768),
        tolerance: SUMS,
      },
    },
    {
      name: `GELU of ${vector}`,
      kind: "gelu",
      parameters: { length: vector },
      work: { limit: "copy", amount: 8 * vector },
      expected: { tolerance: SUMS },
    },
    {
      // Scores are read once for the loss and once for the gradient.
      name: `cross-entropy ${texts}x${columns}, both ways`,
      kind: "crossEntropy",
      parameters: { rows: texts, columns },
      work: { limit: "copy", amount: 12 * texts * columns },
      expected: { tolerance: SUMS },
    },
    {
      // Value, gradient and two moments in; all but the gradient out.
      name: `AdamW of ${vector}`,
      kind: "adamw",
      parameters: { length: vector },
      work: { limit: "copy", amount: 28 * vector },
      expected: { tolerance: SUMS },
    },
  ];
}

function backwardCase(sizes: AttentionSizes): Case {
  const { batch, heads, length, size } = sizes;
  return {
    name: `attention B${batch} H${heads} S${length} D${size}, both ways`,
    kind: "attentionBackward",
    parameters: { ...sizes },
    work: { limit: "fma", amount: 14 * batch * heads * length ** 2 * size },
    expected: { tolerance: 1e-3 },
  };
}

/** Parameters of the classifier. */
export function bertParameters(shape: BertSizes): number {
  const { layers, hidden, inner, vocabulary, positions } = shape;
  const layer = 4 * (hidden ** 2 + hidden) + 2 * hidden * inner + inner +
    hidden + 4 * hidden;
  const embeddings = (vocabulary + positions + 2) * hidden + 2 * hidden;
  return embeddings + layers * layer + hidden ** 2 + hidden + 2 * hidden + 2;
}

function bertCases({ bert, batch, length }: Scale): Case[] {
  const { layers, hidden, inner } = bert;
  const tokens = batch * length;
  const forward = 2 * tokens * layers * (4 * hidden ** 2 + 2 * hidden * inner) +
    layers * 4 * batch * length ** 2 * hidden;
  const name = `BERT ${layers}x${hidden}, ${batch}x${length} tokens`;
  const parameters = { ...bert, batch, length };
  return [
    {
      name: `${name}, step`,
      kind: "bertStep",
      parameters,
      work: { limit: "fma", amount: 3 * forward },
      // The losses of five steps, which are summed in other orders.
      expected: { tolerance: 1e-3 },
    },
    {
      name: `${name}, inference`,
      kind: "bertForward",
      parameters,
      work: { limit: "fma", amount: forward },
      expected: { tolerance: 1e-3 },
    },
  ];
}

function swagCases({ bert, rank }: Scale): Case[] {
  const size = bertParameters(bert);
  const { layers, hidden } = bert;
  const name = `BERT ${layers}x${hidden}, rank ${rank}`;
  const parameters = { ...bert, rank };
  // Collect reads weights, mean and M2 and writes mean, M2 and a deviation;
  // sample reads mean, M2 and all deviations and writes the weights.
  const collect = { limit: "copy", amount: 4 * 6 * size } as const;
  const sample = { limit: "copy", amount: 4 * (rank + 3) * size } as const;
  // The mean must agree up to rounding. A variance over samples has a standard
  // deviation of 2.1 %: half of it comes from the columns, of which some 1,000 are
  // drawn. So one sampler in ten million is refused wrongly, and one with half or
  // twice the variance in either of the two terms is a quarter off.
  const mean = { tolerance: SUMS };
  const variance = {
    values: () => swagVarianceReference(rank),
    tolerance: 0.12,
  };
  return [
    {
      name: `SWAG collect, ${name}`,
      kind: "swagCollect",
      parameters,
      work: collect,
      expected: mean,
    },
    {
      name: `SWAG collect against flat PyTorch, ${name}`,
      kind: "swagCollectFlat",
      parameters,
      work: collect,
      expected: mean,
    },
    {
      name: `SWAG sample, ${name}`,
      kind: "swagSample",
      parameters,
      work: sample,
      expected: variance,
    },
    {
      name: `SWAG sample against flat PyTorch, ${name}`,
      kind: "swagSampleFlat",
      parameters,
      work: sample,
      expected: variance,
    },
  ];
}

function casesOf(scale: Scale): Case[] {
  const layouts = [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({ transposeA, transposeB }))
  );
  return [
    ...scale.products.flatMap((n) =>
      layouts.map((layout) => matmulCase(n, n, n, layout))
    ),
    ...scale.attention.flatMap((sizes) => [
      attentionCase(sizes, true),
      backwardCase(sizes),
    ]),
    ...memoryCases(scale),
    chainCase(1000, 16),
    ...bertCases(scale),
    ...swagCases(scale),
  ];
}

/** Sizes for a GPU: BERT-base, batch 32, 128 tokens. */
export const GPU_CASES: readonly Case[] = casesOf({
  products: [512, 1024, 2048, 4096],
  attention: [
    { batch: 32, heads: 12, length: 128, size: 64 },
    { batch: 4, heads: 12, length: 2048, size: 64 },
  ],
  rows: 32768,
  vector: 64 * 2 ** 20,
  classes: [2048, 50_257],
  bert: {
    layers: 12,
    hidden: 768,
    heads: 12,
    inner: 3072,
    vocabulary: 30_522,
    positions: 512,
  },
  batch: 32,
  length: 128,
  rank: 20,
});

/** The same on a processor, in a few minutes. */
export const SMALL_CASES: readonly Case[] = casesOf({
  products: [96],
  attention: [{ batch: 2, heads: 2, length: 33, size: 16 }],
  rows: 64,
  vector: 2 ** 16,
  classes: [16, 1000],
  bert: {
    layers: 2,
    hidden: 32,
    heads: 2,
    inner: 64,
    vocabulary: 100,
    positions: 16,
  },
  batch: 4,
  length: 16,
  rank: 5,
});
