// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The quickstart's model: a BERT that is small enough to train in a minute, and the
 * batches that it reads.
 *
 * @module
 */

import { type IntegerTensor, tensor } from "../../engine/mod.ts";
import { BertConfig, type Tokenizer } from "../../models/mod.ts";
import { LABELS } from "./grammar.ts";

/** The tokens of a row, with padding. */
export const LENGTH = 16;

/** Texts on the GPU as tokens, padded to `[texts, LENGTH]`. */
export interface Encoded {
  /** The ids of the tokens. */
  readonly inputIds: IntegerTensor;
  /** 1 for tokens, 0 for padding. */
  readonly attentionMask: IntegerTensor;
}

/**
 * Describes the model.
 *
 * @param vocabSize The number of tokens that the tokenizer knows.
 * @returns Its configuration.
 */
export function smallBert(vocabSize: number): BertConfig {
  return new BertConfig({
    vocabSize,
    hiddenSize: 32,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 64,
    maxPositionEmbeddings: LENGTH,
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
    initializerRange: 0.1,
    id2label: { ...LABELS },
  });
}

/**
 * Turns texts into tokens on the GPU.
 *
 * @param tokenizer The tokenizer.
 * @param reviews The texts.
 * @returns Their tokens, all at once.
 */
export function encode(
  tokenizer: Tokenizer,
  reviews: readonly { readonly text: string }[],
): Encoded {
  const { inputIds, attentionMask, shape } = tokenizer.batch(
    reviews.map(({ text }) => text),
    { padding: "max_length", maxLength: LENGTH },
  );
  return {
    inputIds: tensor(inputIds, { shape }),
    attentionMask: tensor(attentionMask, { shape }),
  };
}
