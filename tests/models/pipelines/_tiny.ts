// Copyright 2026 the swagpu authors. MIT license.

import {
  type AnyTensor,
  embedding,
  type IntegerTensor,
  readAll,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import {
  BertConfig,
  type BertConfigOptions,
  type Encoding,
  PretrainedConfig,
  type PretrainedConfigOptions,
  PreTrainedModel,
  Tokenizer,
} from "../../../models/mod.ts";
import type { SwagModel } from "../../../swag/mod.ts";

const WORDS =
  "[PAD] [UNK] [CLS] [SEP] [MASK] i like hate it the cat dog play " +
  "##ing ##ed ##s who where is in paris new york anna and lives . , ' -";

/** WordPiece over a few words, in lower case. */
export function tinyTokenizer(): Tokenizer {
  return new Tokenizer(new Map([["vocab.txt", WORDS.replaceAll(" ", "\n")]]));
}

/** The ids of words of the vocabulary. */
export function idsOf(...words: string[]): number[] {
  const all = WORDS.split(" ");
  return words.map((word) => all.indexOf(word));
}

/** A BERT whose random weights are large enough to tell inputs apart. */
export function tinyConfig(options: BertConfigOptions = {}): BertConfig {
  return new BertConfig({
    vocabSize: WORDS.split(" ").length,
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 12,
    maxPositionEmbeddings: 24,
    initializerRange: 0.5,
    ...options,
  });
}

/** The inputs of a model for one row, without padding. */
export function rowOf(
  { inputIds, tokenTypeIds }: Encoding,
): Record<"inputIds" | "tokenTypeIds", IntegerTensor> {
  return {
    inputIds: tensor([[...inputIds]], { dtype: "i32" }),
    tokenTypeIds: tensor([[...tokenTypeIds]], { dtype: "i32" }),
  };
}

/** The numbers of a tensor as doubles. */
export async function valuesOf(x: AnyTensor): Promise<number[]> {
  const [values] = await readAll([x]);
  return [...values ?? []];
}

/** Collects four models that differ in one weight. */
export function collectWaves(swag: SwagModel, weight: Tensor): void {
  for (let i = 0; i < 4; i++) {
    weight.write(Float32Array.from(
      { length: weight.size },
      (_, k) => Math.sin(k * 7 + i * 3),
    ));
    swag.collectModel();
  }
}

/** The softmax in float64. */
export function probabilities(scores: readonly number[]): number[] {
  const powers = scores.map((x) => Math.exp(x - Math.max(...scores)));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / total);
}

/**
 * A model whose scores depend on each token only: they are the rows of tables.
 */
export class TableModel extends PreTrainedModel<PretrainedConfig> {
  readonly #tables: readonly Tensor[];

  constructor(
    tables: readonly (readonly (readonly number[])[])[],
    options: PretrainedConfigOptions & { maxPositionEmbeddings?: number } = {},
  ) {
    super(new PretrainedConfig(options, { modelType: "table" }));
    this.#tables = tables.map((table) => tensor(table.map((row) => [...row])));
  }

  /** The scores from each table, `[batch, length, width]`. */
  scores(inputIds: IntegerTensor): Tensor[] {
    return this.#tables.map((table) => embedding(inputIds, table));
  }
}

/** A table of zeros, except for the rows of some words. */
export function tableOf(
  width: number,
  rows: Readonly<Record<string, readonly number[]>>,
): number[][] {
  const all = WORDS.split(" ");
  for (const word of Object.keys(rows)) {
    if (!all.includes(word)) throw new RangeError(`Cannot find "${word}"`);
  }
  return all.map((word) => [...rows[word] ?? new Array<number>(width).fill(0)]);
}
