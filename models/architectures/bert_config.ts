// Copyright 2026 the swagpu authors. MIT license.

// The fields that BERT's and RoBERTa's configurations share.

import { activationOf } from "../activation.ts";
import {
  ConfigReader,
  PretrainedConfig,
  type PretrainedConfigOptions,
} from "../config.ts";

/** Options of {@linkcode BertLikeConfig}; in files they are in snake case. */
export interface BertLikeConfigOptions extends PretrainedConfigOptions {
  /** Tokens of the vocabulary. @default {the architecture's} */
  vocabSize?: number;
  /** Width of the hidden states. @default {768} */
  hiddenSize?: number;
  /** The number of blocks. @default {12} */
  numHiddenLayers?: number;
  /** The number of heads of each attention. @default {12} */
  numAttentionHeads?: number;
  /** Width inside the feed-forward part. @default {3072} */
  intermediateSize?: number;
  /** Activation of the feed-forward part. @default {"gelu"} */
  hiddenAct?: string;
  /** Dropout after dense layers. @default {0.1} */
  hiddenDropoutProb?: number;
  /** Dropout of attention's probabilities. @default {0.1} */
  attentionProbsDropoutProb?: number;
  /** Rows of the position table. @default {512} */
  maxPositionEmbeddings?: number;
  /** The number of token types. @default {2} */
  typeVocabSize?: number;
  /** Added to the variance in layer norms. @default {1e-12} */
  layerNormEps?: number;
  /** Dropout before the classifier. @default {hiddenDropoutProb} */
  classifierDropout?: number | null;
}

/** The defaults in which the architectures differ. */
export interface BertLikeDefaults extends PretrainedConfigOptions {
  /** The architecture's name in the field `model_type`. */
  modelType: string;
  /** Tokens of the vocabulary. */
  vocabSize: number;
}

/**
 * The fields that the configurations of BERT and RoBERTa share.
 *
 * @example Usage
 * ```ts
 * import { BertLikeConfig, RobertaConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new RobertaConfig({ hiddenSize: 32, numAttentionHeads: 4 });
 * assertEquals(config instanceof BertLikeConfig, true);
 * assertEquals(config.intermediateSize, 3072);
 * ```
 */
export class BertLikeConfig extends PretrainedConfig {
  /** Tokens of the vocabulary. */
  readonly vocabSize: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** The number of blocks. */
  readonly numHiddenLayers: number;
  /** The number of heads of each attention. */
  readonly numAttentionHeads: number;
  /** Width inside the feed-forward part. */
  readonly intermediateSize: number;
  /** Activation of the feed-forward part. */
  readonly hiddenAct: string;
  /** Dropout after dense layers. */
  readonly hiddenDropoutProb: number;
  /** Dropout of attention's probabilities. */
  readonly attentionProbsDropoutProb: number;
  /** Rows of the position table. */
  readonly maxPositionEmbeddings: number;
  /** The number of token types. */
  readonly typeVocabSize: number;
  /** Added to the variance in layer norms. */
  readonly layerNormEps: number;
  /** Dropout before the classifier; `null` for `hiddenDropoutProb`. */
  readonly classifierDropout: number | null;

  /**
   * Reads and checks the fields.
   *
   * @param options The fields that differ from the defaults, or those of a
   * file.
   * @param defaults The defaults of the architecture.
   * @throws {TypeError} If a field is of the wrong kind, or asks for something
   * that is not supported.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(
    options: BertLikeConfigOptions | ConfigReader,
    defaults: BertLikeDefaults,
  ) {
    const reader = ConfigReader.from(options);
    super(reader, defaults);
    const size = (name: string, fallback: number) =>
      reader.integer(name, fallback, { min: 1 });
    const share = <D extends number | null>(name: string, fallback: D) =>
      reader.number(name, fallback, { min: 0, max: 1 });
    this.vocabSize = size("vocab_size", defaults.vocabSize);
    this.hiddenSize = size("hidden_size", 768);
    this.numHiddenLayers = reader.integer("num_hidden_layers", 12, { min: 0 });
    this.numAttentionHeads = size("num_attention_heads", 12);
    this.intermediateSize = size("intermediate_size", 3072);
    this.hiddenAct = reader.string("hidden_act", "gelu");
    this.hiddenDropoutProb = share("hidden_dropout_prob", 0.1);
    this.attentionProbsDropoutProb = share("attention_probs_dropout_prob", 0.1);
    this.maxPositionEmbeddings = size("max_position_embeddings", 512);
    this.typeVocabSize = size("type_vocab_size", 2);
    this.layerNormEps = reader.number("layer_norm_eps", 1e-12, { min: 0 });
    this.classifierDropout = share("classifier_dropout", null);
    if (this.hiddenSize % this.numAttentionHeads !== 0) {
      throw reader.error(
        "hidden_size",
        `a multiple of num_attention_heads, ${this.numAttentionHeads}`,
        RangeError,
      );
    }
    if (this.addCrossAttention) {
      throw reader.error("add_cross_attention", "false");
    }
    reader.string("position_embedding_type", "absolute", {
      oneOf: ["absolute"],
    });
    activationOf(this.hiddenAct, reader.source);
  }
}
