// Copyright 2026 the swagpu authors. MIT license.

// ModernBERT's configuration.

import { activationOf } from "../activation.ts";
import {
  ConfigReader,
  PretrainedConfig,
  type PretrainedConfigOptions,
} from "../config.ts";
import { KNOWN_FIELDS } from "../known_fields.ts";

/**
 * The state that a classifier reads: that of the first token, or the mean of
 * all.
 */
export type ClassifierPooling = "cls" | "mean";

/** Options of {@linkcode ModernBertConfig}; in files they are in snake case. */
export interface ModernBertConfigOptions extends PretrainedConfigOptions {
  /** Tokens of the vocabulary. @default {50368} */
  vocabSize?: number;
  /** Width of the hidden states. @default {768} */
  hiddenSize?: number;
  /** The number of blocks. @default {22} */
  numHiddenLayers?: number;
  /** The number of heads of each attention. @default {12} */
  numAttentionHeads?: number;
  /**
   * Width inside the feed-forward part, for each of its halves.
   *
   * @default {1152}
   */
  intermediateSize?: number;
  /** Activation of the feed-forward part. @default {"gelu"} */
  hiddenActivation?: string;
  /** Tokens of the longest text. @default {8192} */
  maxPositionEmbeddings?: number;
  /** The largest size of a new weight, in standard deviations. @default {2} */
  initializerCutoffFactor?: number | null;
  /** Added to the variance in layer norms. @default {1e-5} */
  normEps?: number;
  /** Whether layer norms have biases. @default {false} */
  normBias?: boolean;
  /** The token that stands for a whole text. @default {50281} */
  clsTokenId?: number | null;
  /**
   * Attention is global in every n-th layer, starting with the first, and local
   * in the others.
   *
   * @default {3}
   */
  globalAttnEveryNLayers?: number;
  /** Base of the rotary frequencies of global layers. @default {160000} */
  globalRopeTheta?: number;
  /**
   * Keys that a query of a local layer sees, half of them on each side.
   *
   * @default {128}
   */
  localAttention?: number;
  /**
   * Base of the rotary frequencies of local layers; `null` for the global one.
   *
   * @default {10000}
   */
  localRopeTheta?: number | null;
  /** Whether attention's dense layers have biases. @default {false} */
  attentionBias?: boolean;
  /** Dropout in and after attention. @default {0} */
  attentionDropout?: number;
  /** Dropout of the embeddings. @default {0} */
  embeddingDropout?: number;
  /**
   * Whether the feed-forward part's dense layers have biases.
   *
   * @default {false}
   */
  mlpBias?: boolean;
  /** Dropout inside the feed-forward part. @default {0} */
  mlpDropout?: number;
  /**
   * Whether the layer that scores the vocabulary has a bias.
   *
   * @default {true}
   */
  decoderBias?: boolean;
  /** The state that the classifier reads. @default {"cls"} */
  classifierPooling?: ClassifierPooling;
  /** Dropout before the classifier. @default {0} */
  classifierDropout?: number;
  /** Whether the head's dense layer has a bias. @default {false} */
  classifierBias?: boolean;
  /** Activation of the head's dense layer. @default {"gelu"} */
  classifierActivation?: string;
  /**
   * Whether the loss of masked tokens ignores labels of
   * `sparsePredIgnoreIndex`; see `ModernBertForMaskedLM`.
   *
   * @default {false}
   */
  sparsePrediction?: boolean;
  /** The label that `sparsePrediction` ignores. @default {-100} */
  sparsePredIgnoreIndex?: number;
}

/**
 * The configuration of a ModernBERT, as in its `config.json`.
 *
 * @example Usage
 * ```ts
 * import { ModernBertConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new ModernBertConfig({ localAttention: 64 });
 * assertEquals(config.numHiddenLayers, 22);
 * assertEquals(config.toJSON().local_attention, 64);
 * ```
 */
export class ModernBertConfig extends PretrainedConfig {
  /** Tokens of the vocabulary. */
  readonly vocabSize: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** The number of blocks. */
  readonly numHiddenLayers: number;
  /** The number of heads of each attention. */
  readonly numAttentionHeads: number;
  /** Width inside the feed-forward part, for each of its halves. */
  readonly intermediateSize: number;
  /** Activation of the feed-forward part. */
  readonly hiddenActivation: string;
  /** Tokens of the longest text. */
  readonly maxPositionEmbeddings: number;
  /** The largest size of a new weight, in standard deviations; `null` for 3. */
  readonly initializerCutoffFactor: number | null;
  /** Added to the variance in layer norms. */
  readonly normEps: number;
  /** Whether layer norms have biases. */
  readonly normBias: boolean;
  /** The token that stands for a whole text. */
  readonly clsTokenId: number | null;
  /** Attention is global in every n-th layer, starting with the first. */
  readonly globalAttnEveryNLayers: number;
  /** Base of the rotary frequencies of global layers. */
  readonly globalRopeTheta: number;
  /** Keys that a query of a local layer sees, half of them on each side. */
  readonly localAttention: number;
  /** Base of the rotary frequencies of local layers; `null` for the global. */
  readonly localRopeTheta: number | null;
  /** Whether attention's dense layers have biases. */
  readonly attentionBias: boolean;
  /** Dropout in and after attention. */
  readonly attentionDropout: number;
  /** Dropout of the embeddings. */
  readonly embeddingDropout: number;
  /** Whether the feed-forward part's dense layers have biases. */
  readonly mlpBias: boolean;
  /** Dropout inside the feed-forward part. */
  readonly mlpDropout: number;
  /** Whether the layer that scores the vocabulary has a bias. */
  readonly decoderBias: boolean;
  /** The state that the classifier reads. */
  readonly classifierPooling: ClassifierPooling;
  /** Dropout before the classifier. */
  readonly classifierDropout: number;
  /** Whether the head's dense layer has a bias. */
  readonly classifierBias: boolean;
  /** Activation of the head's dense layer. */
  readonly classifierActivation: string;
  /** Whether the loss of masked tokens ignores `sparsePredIgnoreIndex`. */
  readonly sparsePrediction: boolean;
  /** The label that {@linkcode sparsePrediction} ignores. */
  readonly sparsePredIgnoreIndex: number;

  /**
   * Reads and checks the fields.
   *
   * @param options The fields that differ from the defaults, or those of a
   * file.
   * @throws {TypeError} If a field is of the wrong kind or asks for something
   * that is not supported, or an option is unknown.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: ModernBertConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, {
      modelType: "modernbert",
      padTokenId: 50283,
      bosTokenId: 50281,
      eosTokenId: 50282,
      sepTokenId: 50282,
    });
    const size = (name: string, fallback: number) =>
      reader.integer(name, fallback, { min: 1 });
    const share = (name: string) => reader.number(name, 0, { min: 0, max: 1 });
    const theta = (name: string, fallback: number) =>
      reader.number(name, fallback, { min: Number.MIN_VALUE });
    const isNull = (name: string) => reader.fields[name] === null;
    this.vocabSize = size("vocab_size", 50368);
    this.hiddenSize = size("hidden_size", 768);
    this.numHiddenLayers = reader.integer("num_hidden_layers", 22, { min: 0 });
    this.numAttentionHeads = size("num_attention_heads", 12);
    this.intermediateSize = size("intermediate_size", 1152);
    this.hiddenActivation = reader.string("hidden_activation", "gelu");
    this.maxPositionEmbeddings = size("max_position_embeddings", 8192);
    this.initializerCutoffFactor = isNull("initializer_cutoff_factor")
      ? null
      : reader.number("initializer_cutoff_factor", 2, { min: 0 });
    this.normEps = reader.number("norm_eps", 1e-5, { min: 0 });
    this.normBias = reader.boolean("norm_bias", false);
    this.clsTokenId = reader.integer("cls_token_id", 50281);
    this.globalAttnEveryNLayers = size("global_attn_every_n_layers", 3);
    this.globalRopeTheta = theta("global_rope_theta", 160000);
    this.localAttention = reader.integer("local_attention", 128, { min: 0 });
    this.localRopeTheta = isNull("local_rope_theta")
      ? null
      : theta("local_rope_theta", 10000);
    this.attentionBias = reader.boolean("attention_bias", false);
    this.attentionDropout = share("attention_dropout");
    this.embeddingDropout = share("embedding_dropout");
    this.mlpBias = reader.boolean("mlp_bias", false);
    this.mlpDropout = share("mlp_dropout");
    this.decoderBias = reader.boolean("decoder_bias", true);
    this.classifierPooling = reader.string("classifier_pooling", "cls", {
      oneOf: ["cls", "mean"],
    }) as ClassifierPooling;
    this.classifierDropout = share("classifier_dropout");
    this.classifierBias = reader.boolean("classifier_bias", false);
    this.classifierActivation = reader.string("classifier_activation", "gelu");
    this.sparsePrediction = reader.boolean("sparse_prediction", false);
    this.sparsePredIgnoreIndex = reader.integer(
      "sparse_pred_ignore_index",
      -100,
    );
    if (this.hiddenSize % (2 * this.numAttentionHeads) !== 0) {
      throw reader.error(
        "hidden_size",
        `an even multiple of num_attention_heads, ${this.numAttentionHeads}`,
        RangeError,
      );
    }
    // Later releases of transformers say these things in fields that are not
    // read here.
    for (const name of ["layer_types", "rope_parameters", "rope_scaling"]) {
      if (reader.has(name)) {
        throw reader.error(
          name,
          "none; set global_attn_every_n_layers, global_rope_theta and " +
            "local_rope_theta",
        );
      }
    }
    if (this.isDecoder) throw reader.error("is_decoder", "false");
    activationOf(this.hiddenActivation, reader.source);
    activationOf(this.classifierActivation, reader.source);
    if (new.target === ModernBertConfig) reader.checkNames(KNOWN_FIELDS);
  }
}
