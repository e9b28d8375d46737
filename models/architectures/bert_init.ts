// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The basic layers of BERT and RoBERTa, with the sizes and initial values that
// a configuration asks for.

import {
  Dropout,
  type Embedding,
  init,
  LayerNorm,
  Linear,
  type Parameter,
} from "../../nn/mod.ts";
import type { BertLikeConfig } from "./bert_config.ts";

/**
 * A dense layer whose weight starts as the configuration says, and whose bias
 * is 0.
 */
export function linear(
  { initializerRange: std }: Pick<BertLikeConfig, "initializerRange">,
  from: number,
  to: number,
): Linear {
  return new Linear(from, to, {
    init: init.normal({ std }),
    biasInit: init.zeros(),
  });
}

/** A layer norm of the hidden states. */
export function norm(
  { hiddenSize, layerNormEps: eps }: Pick<
    BertLikeConfig,
    "hiddenSize" | "layerNormEps"
  >,
): LayerNorm {
  return new LayerNorm(hiddenSize, { eps });
}

/** The dropout before a classifier. */
export function headDropout(
  config: Pick<BertLikeConfig, "classifierDropout" | "hiddenDropoutProb">,
): Dropout {
  return new Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
}

/**
 * The layer that scores every token of the vocabulary. Its weight is the word
 * embeddings', unless the configuration unties them. Its bias is also an
 * attribute of the head around it, because checkpoints name it there.
 */
export function vocabularyDecoder(
  config: Pick<
    BertLikeConfig,
    "hiddenSize" | "vocabSize" | "initializerRange" | "tieWordEmbeddings"
  >,
  wordEmbeddings: Embedding,
  bias: Parameter,
): Linear {
  const decoder = linear(config, config.hiddenSize, config.vocabSize);
  decoder.bias = bias;
  if (config.tieWordEmbeddings) decoder.weight = wordEmbeddings.weight;
  return decoder;
}
