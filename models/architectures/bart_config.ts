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
  /** Entries of the vocabulary. @default {the architecture's} */
  vocabSize?: number;
  /** The longest text. @default {1024} */
  maxPositionEmbeddings?: number;
  /** Width of the hidden states. @default {1024} */
  dModel?: number;
  /** Blocks of the encoder. @default {12} */
  encoderLayers?: number;
  /** Heads of each attention in the encoder. @default {16} */
  encoderAttentionHeads?: number;
  /** Width inside the encoder's feed-forward parts. @default {4096} */
  encoderFfnDim?: number;
  /** The share of the encoder's blocks left out while training. @default {0} */
  encoderLayerdrop?: number;
  /** Blocks of the decoder. @default {12} */
  decoderLayers?: number;
  /** Heads of each attention in the decoder. @default {16} */
  decoderAttentionHeads?: number;
  /** Width inside the decoder's feed-forward parts. @default {4096} */
  decoderFfnDim?: number;
  /** The share of the decoder's blocks left out while training. @default {0} */
  decoderLayerdrop?: number;
  /** Activation of the feed-forward parts. @default {"gelu"} */
  activationFunction?: string;
  /** Dropout of embeddings and of each part's output. @default {0.1} */
  dropout?: number;
  /** Dropout of attention's probabilities. @default {0} */
  attentionDropout?: number;
  /** Dropout after the activation. @default {0} */
  activationDropout?: number;
  /** Whether word embeddings are multiplied by √dModel. @default {false} */
  scaleEmbedding?: boolean;
  /** The standard deviation of new weights. @default {0.02} */
  initStd?: number;
  /** Whether generation keeps keys and values. @default {true} */
  useCache?: boolean;
  /** The token at the last place of the longest text. @default {the end token} */
  forcedEosTokenId?: number | null;
}

/** What an architecture says where the file says nothing. */
export interface Seq2SeqDefaults extends PretrainedConfigOptions {
  /** What `model_type` calls it. */
  modelType: string;
  /** Entries of the vocabulary. */
  vocabSize: number;
  /** The token at the last place of the longest text. */
  forcedEosTokenId: number;
}

/** The configuration of an encoder and a decoder of BART's kind. */
export class Seq2SeqConfig extends PretrainedConfig {
  /** Entries of the vocabulary. */
  readonly vocabSize: number;
  /** The longest text. */
  readonly maxPositionEmbeddings: number;
  /** Width of the hidden states. */
  readonly dModel: number;
  /** Blocks of the encoder. */
  readonly encoderLayers: number;
  /** Heads of each attention in the encoder. */
  readonly encoderAttentionHeads: number;
  /** Width inside the encoder's feed-forward parts. */
  readonly encoderFfnDim: number;
  /** The share of the encoder's blocks left out while training. */
  readonly encoderLayerdrop: number;
  /** Blocks of the decoder. */
  readonly decoderLayers: number;
  /** Heads of each attention in the decoder. */
  readonly decoderAttentionHeads: number;
  /** Width inside the decoder's feed-forward parts. */
  readonly decoderFfnDim: number;
  /** The share of the decoder's blocks left out while training. */
  readonly decoderLayerdrop: number;
  /** The encoder's blocks again, as files have it. */
  readonly numHiddenLayers: number;
  /** Activation of the feed-forward parts. */
  readonly activationFunction: string;
  /** Dropout of embeddings and of each part's output. */
  readonly dropout: number;
  /** Dropout of attention's probabilities. */
  readonly attentionDropout: number;
  /** Dropout after the activation. */
  readonly activationDropout: number;
  /** Whether word embeddings are multiplied by √dModel. */
  readonly scaleEmbedding: boolean;
  /** The standard deviation of new weights. */
  readonly initStd: number;
  /** Whether generation keeps keys and values. */
  readonly useCache: boolean;
  /** The token at the last place of the longest text. */
  readonly forcedEosTokenId: number | null;

  /** Reads and checks the fields; see the architectures' classes. */
  constructor(reader: ConfigReader, defaults: Seq2SeqDefaults) {
    super(reader, { isEncoderDecoder: true, ...defaults });
    const size = (name: string, fallback: number, min = 1) =>
      reader.integer(name, fallback, { min });
    const share = (name: string, fallback: number) =>
      reader.number(name, fallback, { min: 0, max: 1 });
    this.vocabSize = size("vocab_size", defaults.vocabSize);
    this.maxPositionEmbeddings = size("max_position_embeddings", 1024);
    // Another name of it there, which stands above the first.
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
 * A decoder's own configuration, without an encoder: `config` as a file would
 * hold it, with two fields replaced.
 */
export function decoderFields(config: Seq2SeqConfig): ConfigReader {
  return new ConfigReader({
    ...config.toJSON(),
    is_decoder: true,
    is_encoder_decoder: false,
  });
}
