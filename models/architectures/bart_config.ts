// Copyright 2026 the swagpu authors. MIT license.

// The fields that BART's and Marian's configurations share.

import { activationOf } from "../activation.ts";
import {
  ConfigReader,
  PretrainedConfig,
  type PretrainedConfigOptions,
} from "../config.ts";

/** Options of {@linkcode Seq2SeqConfig}; in files they are in snake case. */
export interface Seq2SeqConfigOptions extends PretrainedConfigOptions {
  /** Tokens of the vocabulary. @default {the architecture's} */
  vocabSize?: number;
  /** Tokens of the longest text. @default {1024} */
  maxPositionEmbeddings?: number;
  /** Width of the hidden states. @default {1024} */
  dModel?: number;
  /** The number of blocks of the encoder. @default {12} */
  encoderLayers?: number;
  /** The number of heads of each attention in the encoder. @default {16} */
  encoderAttentionHeads?: number;
  /** Width inside the encoder's feed-forward parts. @default {4096} */
  encoderFfnDim?: number;
  /**
   * The probability of skipping a block of the encoder while training.
   *
   * @default {0}
   */
  encoderLayerdrop?: number;
  /** The number of blocks of the decoder. @default {12} */
  decoderLayers?: number;
  /** The number of heads of each attention in the decoder. @default {16} */
  decoderAttentionHeads?: number;
  /** Width inside the decoder's feed-forward parts. @default {4096} */
  decoderFfnDim?: number;
  /**
   * The probability of skipping a block of the decoder while training.
   *
   * @default {0}
   */
  decoderLayerdrop?: number;
  /** Activation of the feed-forward parts. @default {"gelu"} */
  activationFunction?: string;
  /** Dropout of the embeddings and of each part's output. @default {0.1} */
  dropout?: number;
  /** Dropout of attention's probabilities. @default {0} */
  attentionDropout?: number;
  /** Dropout after the activation. @default {0} */
  activationDropout?: number;
  /** Whether word embeddings are multiplied by √dModel. @default {false} */
  scaleEmbedding?: boolean;
  /** The standard deviation of new weights. @default {0.02} */
  initStd?: number;
  /** Whether generation caches keys and values. @default {true} */
  useCache?: boolean;
  /**
   * The token that generation forces at the last position.
   *
   * @default {the end token}
   */
  forcedEosTokenId?: number | null;
}

/** The defaults in which the architectures differ. */
export interface Seq2SeqDefaults extends PretrainedConfigOptions {
  /** The architecture's name in the field `model_type`. */
  modelType: string;
  /** Tokens of the vocabulary. */
  vocabSize: number;
  /** The token that generation forces at the last position. */
  forcedEosTokenId: number;
}

/**
 * The fields that the configurations of BART and Marian share.
 *
 * @example Usage
 * ```ts
 * import { MarianConfig, Seq2SeqConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new MarianConfig({ dModel: 32, encoderLayers: 6 });
 * assertEquals(config instanceof Seq2SeqConfig, true);
 * assertEquals(config.numHiddenLayers, 6);
 * ```
 */
export class Seq2SeqConfig extends PretrainedConfig {
  /** Tokens of the vocabulary. */
  readonly vocabSize: number;
  /** Tokens of the longest text. */
  readonly maxPositionEmbeddings: number;
  /** Width of the hidden states. */
  readonly dModel: number;
  /** The number of blocks of the encoder. */
  readonly encoderLayers: number;
  /** The number of heads of each attention in the encoder. */
  readonly encoderAttentionHeads: number;
  /** Width inside the encoder's feed-forward parts. */
  readonly encoderFfnDim: number;
  /** The probability of skipping a block of the encoder while training. */
  readonly encoderLayerdrop: number;
  /** The number of blocks of the decoder. */
  readonly decoderLayers: number;
  /** The number of heads of each attention in the decoder. */
  readonly decoderAttentionHeads: number;
  /** Width inside the decoder's feed-forward parts. */
  readonly decoderFfnDim: number;
  /** The probability of skipping a block of the decoder while training. */
  readonly decoderLayerdrop: number;
  /** The same as `encoderLayers`, under a second name that files have. */
  readonly numHiddenLayers: number;
  /** Activation of the feed-forward parts. */
  readonly activationFunction: string;
  /** Dropout of the embeddings and of each part's output. */
  readonly dropout: number;
  /** Dropout of attention's probabilities. */
  readonly attentionDropout: number;
  /** Dropout after the activation. */
  readonly activationDropout: number;
  /** Whether word embeddings are multiplied by √dModel. */
  readonly scaleEmbedding: boolean;
  /** The standard deviation of new weights. */
  readonly initStd: number;
  /** Whether generation caches keys and values. */
  readonly useCache: boolean;
  /** The token that generation forces at the last position. */
  readonly forcedEosTokenId: number | null;

  /**
   * Reads and checks the fields.
   *
   * @param reader The fields.
   * @param defaults The defaults of the architecture.
   * @throws {TypeError} If a field is of the wrong kind.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(reader: ConfigReader, defaults: Seq2SeqDefaults) {
    super(reader, { isEncoderDecoder: true, ...defaults });
    const size = (name: string, fallback: number, min = 1) =>
      reader.integer(name, fallback, { min });
    const share = (name: string, fallback: number) =>
      reader.number(name, fallback, { min: 0, max: 1 });
    this.vocabSize = size("vocab_size", defaults.vocabSize);
    this.maxPositionEmbeddings = size("max_position_embeddings", 1024);
    // In transformers this is another name of `d_model`, and it takes
    // precedence.
    this.dModel = size(
      reader.has("hidden_size") ? "hidden_size" : "d_model",
      1024,
    );
    this.encoderLayers = size("encoder_layers", 12, 0);
    this.encoderAttentionHeads = size(
      reader.has("num_attention_heads")
        ? "num_attention_heads"
        : "encoder_attention_heads",
      16,
    );
    this.encoderFfnDim = size("encoder_ffn_dim", 4096);
    this.encoderLayerdrop = share("encoder_layerdrop", 0);
    this.decoderLayers = size("decoder_layers", 12, 0);
    this.decoderAttentionHeads = size("decoder_attention_heads", 16);
    this.decoderFfnDim = size("decoder_ffn_dim", 4096);
    this.decoderLayerdrop = share("decoder_layerdrop", 0);
    this.numHiddenLayers = this.encoderLayers;
    this.activationFunction = reader.string("activation_function", "gelu");
    this.dropout = share("dropout", 0.1);
    this.attentionDropout = share("attention_dropout", 0);
    this.activationDropout = share("activation_dropout", 0);
    this.scaleEmbedding = reader.boolean("scale_embedding", false);
    this.initStd = reader.number("init_std", 0.02, { min: 0 });
    this.useCache = reader.boolean("use_cache", true);
    this.forcedEosTokenId = "forced_eos_token_id" in reader.fields
      ? reader.integer("forced_eos_token_id", null)
      : defaults.forcedEosTokenId;
    for (const side of ["encoder", "decoder"] as const) {
      const heads = this[`${side}AttentionHeads`];
      if (this.dModel % heads !== 0) {
        throw reader.error(
          "d_model",
          `a multiple of ${side}_attention_heads, ${heads}`,
          RangeError,
        );
      }
    }
    activationOf(this.activationFunction, reader.source);
  }
}

/**
 * The fields of a configuration for its decoder alone: those of `config` as a
 * file would hold them, except that there is no encoder.
 */
export function decoderFields(config: Seq2SeqConfig): ConfigReader {
  return new ConfigReader({
    ...config.toJSON(),
    is_decoder: true,
    is_encoder_decoder: false,
  });
}
