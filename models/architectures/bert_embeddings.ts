// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The embeddings of BERT and RoBERTa.

import {
  add,
  type IntegerTensor,
  type Tensor,
  zeros,
} from "../../engine/mod.ts";
import {
  Dropout,
  Embedding,
  init,
  type LayerNorm,
  Module,
} from "../../nn/mod.ts";
import type { BertLikeConfig } from "./bert_config.ts";
import { norm } from "./bert_init.ts";
import type { EncoderInputs } from "../io.ts";

/** The fields of a configuration that the embeddings read. */
export type BertEmbeddingsConfig = Pick<
  BertLikeConfig,
  | "vocabSize"
  | "maxPositionEmbeddings"
  | "typeVocabSize"
  | "padTokenId"
  | "hiddenSize"
  | "hiddenDropoutProb"
  | "layerNormEps"
  | "initializerRange"
>;

/** Options of {@linkcode BertEmbeddings}. */
export interface BertEmbeddingsOptions {
  /** The row of the position table that gets no gradient. @default {none} */
  positionPadding?: number | undefined;
}

/**
 * The sum of word, position and token-type embeddings, with a layer norm.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertEmbeddings } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({
 *   vocabSize: 50,
 *   hiddenSize: 16,
 *   numHiddenLayers: 1,
 *   numAttentionHeads: 2,
 * });
 * const embeddings = new BertEmbeddings(config).eval();
 * const inputIds = tensor([[2, 7, 3]], { dtype: "i32" });
 * const positions = tensor([0, 1, 2], { dtype: "i32" });
 * const x = embeddings.forward({ inputIds }, positions);
 * assertEquals(x.shape, [1, 3, 16]);
 * ```
 */
export class BertEmbeddings extends Module {
  /** `[vocabulary, hidden]`. The row of the padding token gets no gradient. */
  wordEmbeddings: Embedding;
  /** `[positions, hidden]`. */
  positionEmbeddings: Embedding;
  /** `[types, hidden]`. */
  tokenTypeEmbeddings: Embedding;
  /** The norm of the sum. */
  LayerNorm: LayerNorm;
  /** Dropout after the norm. */
  dropout: Dropout;

  /**
   * Builds the three tables.
   *
   * @param config The model's sizes and settings.
   * @param options Which row of the position table gets no gradient.
   */
  constructor(
    config: BertEmbeddingsConfig,
    options: BertEmbeddingsOptions = {},
  ) {
    super();
    const table = (rows: number, paddingIdx?: number) =>
      new Embedding(rows, config.hiddenSize, {
        paddingIdx,
        init: init.normal({
          std: config.initializerRange,
          zeroRow: paddingIdx,
        }),
      });
    this.wordEmbeddings = table(
      config.vocabSize,
      config.padTokenId ?? undefined,
    );
    this.positionEmbeddings = table(
      config.maxPositionEmbeddings,
      options.positionPadding,
    );
    this.tokenTypeEmbeddings = table(config.typeVocabSize);
    this.LayerNorm = norm(config);
    this.dropout = new Dropout(config.hiddenDropoutProb);
  }

  /**
   * Embeds tokens `[batch, length]`, or of packed texts the real tokens alone,
   * as `[1, T, hidden]`.
   *
   * @param inputs The tokens, their types and the packing.
   * @param positions The tokens' positions; their shape broadcasts to that of
   * the tokens.
   */
  forward(
    { inputIds, tokenTypeIds, packing }: EncoderInputs,
    positions: IntegerTensor,
  ): Tensor {
    const { device } = inputIds;
    const real = (x: IntegerTensor) => packing ? packing.pack(x) : x;
    const tokenTypes = this.tokenTypeEmbeddings.forward(
      tokenTypeIds ? real(tokenTypeIds) : zeros([1], { dtype: "i32", device }),
    );
    const words = this.wordEmbeddings.forward(real(inputIds));
    const sum = add(
      add(words, tokenTypes),
      this.positionEmbeddings.forward(positions),
    );
    return this.dropout.forward(this.LayerNorm.forward(sum));
  }
}
