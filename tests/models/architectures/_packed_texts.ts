// Copyright 2026 the swagpu authors. MIT license.

// Small configurations of all architectures, and batches of texts with their
// packings, for the tests of packed texts.

import { type IntegerTensor, tensor } from "../../../engine/mod.ts";
import {
  BartConfig,
  BertConfig,
  MarianConfig,
  ModernBertConfig,
  type Packing,
  packingOf,
  RobertaConfig,
} from "../../../models/mod.ts";
import { randomValues } from "../../_check.ts";

export const WIDTH = 16;
export const VOCABULARY = 30;
export const LABELS = 5;
/** Tokens from here on have no role in any architecture. */
export const ORDINARY = 5;
export const SEED = 20;

export const BERT_LIKE = {
  vocabSize: VOCABULARY,
  hiddenSize: WIDTH,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 24,
  maxPositionEmbeddings: 40,
  initializerRange: 0.3,
  numLabels: LABELS,
  hiddenDropoutProb: 0,
  attentionProbsDropoutProb: 0,
};

export const BART_LIKE = {
  vocabSize: VOCABULARY,
  dModel: WIDTH,
  encoderLayers: 2,
  decoderLayers: 2,
  encoderAttentionHeads: 2,
  decoderAttentionHeads: 2,
  encoderFfnDim: 24,
  decoderFfnDim: 24,
  maxPositionEmbeddings: 40,
  initStd: 0.3,
  numLabels: LABELS,
  dropout: 0,
};

export const bert = new BertConfig(BERT_LIKE);
export const bertDecoder = new BertConfig({ ...BERT_LIKE, isDecoder: true });
export const roberta = new RobertaConfig(BERT_LIKE);
export const robertaDecoder = new RobertaConfig({
  ...BERT_LIKE,
  isDecoder: true,
});
export const bart = new BartConfig(BART_LIKE);
export const marian = new MarianConfig({
  ...BART_LIKE,
  padTokenId: 4,
  decoderStartTokenId: 4,
  eosTokenId: 0,
});

/** A ModernBERT's configuration, with either pooling. */
export function modernBert(
  classifierPooling: "cls" | "mean" = "cls",
): ModernBertConfig {
  return new ModernBertConfig({
    vocabSize: VOCABULARY,
    hiddenSize: WIDTH,
    numHiddenLayers: 3,
    numAttentionHeads: 2,
    intermediateSize: 24,
    maxPositionEmbeddings: 40,
    initializerRange: 0.3,
    globalAttnEveryNLayers: 2,
    localAttention: 4,
    numLabels: LABELS,
    classifierPooling,
    padTokenId: 3,
    clsTokenId: 1,
    sepTokenId: 2,
    bosTokenId: 1,
    eosTokenId: 2,
  });
}

// -------------------------------------------------------------------- inputs

/** A padded batch of texts. */
export interface Rows {
  ids: Int32Array<ArrayBuffer>;
  mask: Int32Array<ArrayBuffer>;
  shape: [number, number];
}

/** Texts as rows, padded on the right or on the left. */
export function rowsOf(
  texts: readonly (readonly number[])[],
  { extra = 0, padding = 0, left = false } = {},
): Rows {
  const length = Math.max(...texts.map((text) => text.length)) + extra;
  const ids = new Int32Array(texts.length * length).fill(padding);
  const mask = new Int32Array(ids.length);
  for (const [i, text] of texts.entries()) {
    const start = i * length + (left ? length - text.length : 0);
    ids.set(text, start);
    mask.fill(1, start, start + text.length);
  }
  return { ids, mask, shape: [texts.length, length] };
}

/** A batch as inputs of a model. */
export function tensors({ ids, mask, shape }: Rows): {
  inputIds: IntegerTensor;
  attentionMask: IntegerTensor;
} {
  return {
    inputIds: tensor(ids, { shape }),
    attentionMask: tensor(mask, { shape }),
  };
}

/** Ordinary tokens; `last` ends each text. */
export function textsOf(
  lengths: readonly number[],
  seed: number,
  last?: number,
): number[][] {
  return lengths.map((length, row) =>
    Array.from(
      randomValues(length, seed + row, ORDINARY, VOCABULARY),
      (x, i) => last !== undefined && i === length - 1 ? last : Math.floor(x),
    )
  );
}

export const LENGTHS = [5, 1, 9, 2];
export const SOURCES = rowsOf(textsOf(LENGTHS, 3, 2), { extra: 2, padding: 1 });
export const TARGETS = rowsOf(textsOf([3, 6, 1, 4], 7), {
  extra: 1,
  padding: -100,
});

/** A packing under the given name, unless no multiple is given. */
export function packedOr(
  name: string,
  { mask, shape }: Rows,
  multipleOf: number | undefined,
): Record<string, Packing> {
  return multipleOf === undefined
    ? {}
    : { [name]: packingOf(mask, shape, { multipleOf }) };
}
