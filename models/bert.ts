// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * BERT: Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of Deep
 * Bidirectional Transformers for Language Understanding", 2018.
 *
 * From top to bottom: configuration, block parts, block, model, heads. Attribute
 * paths are the names in Hugging Face's checkpoints. One architecture is one
 * file, which is why this one passes 400 lines.
 *
 * @module
 */

import {
  add,
  arange,
  attention,
  attentionProbabilities,
  reshape,
  type Tensor,
  zeros,
} from "../engine/mod.ts";
import {
  attentionDropout,
  crossEntropy,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  normal,
  Parameter,
  zeros as zerosInit,
} from "../nn/mod.ts";
import type {
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  LabelledInputs,
  QuestionInputs,
  QuestionOutput,
} from "./io.ts";
import { activationOf } from "./activation.ts";
import {
  ConfigReader,
  PretrainedConfig,
  type PretrainedConfigOptions,
} from "./config.ts";
import {
  firstToken,
  flattenChoices,
  headOutput,
  nextTokens,
  questionOutput,
} from "./_heads.ts";
import { classificationLoss } from "./loss.ts";
import { PreTrainedModel } from "./pretrained.ts";

// ------------------------------------------------------------- configuration

/** Options of {@linkcode BertConfig}; in files they are in snake case. */
export interface BertConfigOptions extends PretrainedConfigOptions {
  /** Entries of the vocabulary. @default {30522} */
  vocabSize?: number;
  /** Width of the hidden states. @default {768} */
  hiddenSize?: number;
  /** Blocks. @default {12} */
  numHiddenLayers?: number;
  /** Heads of each attention. @default {12} */
  numAttentionHeads?: number;
  /** Width inside the feed-forward part. @default {3072} */
  intermediateSize?: number;
  /** Activation of the feed-forward part. @default {"gelu"} */
  hiddenAct?: string;
  /** Dropout after dense layers. @default {0.1} */
  hiddenDropoutProb?: number;
  /** Dropout of attention's probabilities. @default {0.1} */
  attentionProbsDropoutProb?: number;
  /** The longest text. @default {512} */
  maxPositionEmbeddings?: number;
  /** Kinds of token types. @default {2} */
  typeVocabSize?: number;
  /** Added to the variance in layer norms. @default {1e-12} */
  layerNormEps?: number;
  /** Dropout before the classifier. @default {hiddenDropoutProb} */
  classifierDropout?: number | null;
}

/**
 * The configuration of a BERT, as in its `config.json`.
 *
 * @example Usage
 * ```ts
 * import { BertConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new BertConfig({ hiddenSize: 32, numAttentionHeads: 2 });
 * assertEquals(config.numHiddenLayers, 12);
 * assertEquals(config.toJSON().hidden_size, 32);
 * ```
 */
export class BertConfig extends PretrainedConfig {
  /** Entries of the vocabulary. */
  readonly vocabSize: number;
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** Blocks. */
  readonly numHiddenLayers: number;
  /** Heads of each attention. */
  readonly numAttentionHeads: number;
  /** Width inside the feed-forward part. */
  readonly intermediateSize: number;
  /** Activation of the feed-forward part. */
  readonly hiddenAct: string;
  /** Dropout after dense layers. */
  readonly hiddenDropoutProb: number;
  /** Dropout of attention's probabilities. */
  readonly attentionProbsDropoutProb: number;
  /** The longest text. */
  readonly maxPositionEmbeddings: number;
  /** Kinds of token types. */
  readonly typeVocabSize: number;
  /** Added to the variance in layer norms. */
  readonly layerNormEps: number;
  /** Dropout before the classifier; `null` for {@linkcode hiddenDropoutProb}. */
  readonly classifierDropout: number | null;

  /**
   * Reads and checks the fields.
   *
   * @throws {TypeError} If a field is of the wrong kind, or asks for what is
   * not supported.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: BertConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, { modelType: "bert", padTokenId: 0 });
    const size = (name: string, fallback: number) =>
      reader.integer(name, fallback, { min: 1 });
    const share = (name: string, fallback: number) =>
      reader.number(name, fallback, { min: 0, max: 1 });
    this.vocabSize = size("vocab_size", 30522);
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
    this.classifierDropout = reader.number("classifier_dropout", null, {
      min: 0,
      max: 1,
    });
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
    activationOf(this.hiddenAct);
  }
}

// --------------------------------------------------------------- block parts

function linear(config: BertConfig, from: number, to: number): Linear {
  return new Linear(from, to, {
    init: normal({ std: config.initializerRange }),
    biasInit: zerosInit(),
  });
}

function norm(config: BertConfig): LayerNorm {
  return new LayerNorm(config.hiddenSize, { eps: config.layerNormEps });
}

class BertEmbeddings extends Module {
  wordEmbeddings: Embedding;
  positionEmbeddings: Embedding;
  tokenTypeEmbeddings: Embedding;
  LayerNorm: LayerNorm;
  dropout: Dropout;

  constructor(config: BertConfig) {
    super();
    const { hiddenSize, initializerRange: std, padTokenId } = config;
    const paddingIdx = padTokenId ?? undefined;
    this.wordEmbeddings = new Embedding(config.vocabSize, hiddenSize, {
      paddingIdx,
      init: normal({ std, zeroRow: paddingIdx }),
    });
    this.positionEmbeddings = new Embedding(
      config.maxPositionEmbeddings,
      hiddenSize,
      { init: normal({ std }) },
    );
    this.tokenTypeEmbeddings = new Embedding(config.typeVocabSize, hiddenSize, {
      init: normal({ std }),
    });
    this.LayerNorm = norm(config);
    this.dropout = new Dropout(config.hiddenDropoutProb);
  }

  forward(inputs: EncoderInputs): Tensor {
    const { inputIds, tokenTypeIds } = inputs;
    const { device, shape: [, length = 0] } = inputIds;
    const places = inputs.positionIds ?? arange(length, { device });
    const positions = this.positionEmbeddings.forward(places);
    const types = this.tokenTypeEmbeddings.forward(
      tokenTypeIds ?? zeros([1], { dtype: "i32", device }),
    );
    const words = this.wordEmbeddings.forward(inputIds);
    return this.dropout.forward(
      this.LayerNorm.forward(add(add(words, types), positions)),
    );
  }
}

class BertSelfAttention extends Module {
  query: Linear;
  key: Linear;
  value: Linear;
  readonly #heads: number;
  readonly #causal: boolean;
  readonly #dropout: number;

  constructor(config: BertConfig) {
    super();
    const { hiddenSize } = config;
    this.query = linear(config, hiddenSize, hiddenSize);
    this.key = linear(config, hiddenSize, hiddenSize);
    this.value = linear(config, hiddenSize, hiddenSize);
    this.#heads = config.numAttentionHeads;
    this.#causal = config.isDecoder;
    this.#dropout = config.attentionProbsDropoutProb;
  }

  forward(x: Tensor, mask: Tensor | undefined, attentions?: Tensor[]): Tensor {
    const q = this.query.forward(x); // [batch, length, heads · width]
    const k = this.key.forward(x);
    const rule = {
      heads: this.#heads,
      causal: this.#causal,
      ...(mask ? { mask } : {}),
    };
    attentions?.push(attentionProbabilities(q, k, rule));
    return attention(q, k, this.value.forward(x), {
      ...rule,
      ...attentionDropout(this.training ? this.#dropout : 0),
    });
  }
}

/** Dense, dropout, and the norm of the sum with what went in before. */
class BertOutput extends Module {
  dense: Linear;
  LayerNorm: LayerNorm;
  dropout: Dropout;

  constructor(config: BertConfig, width: number) {
    super();
    this.dense = linear(config, width, config.hiddenSize);
    this.LayerNorm = norm(config);
    this.dropout = new Dropout(config.hiddenDropoutProb);
  }

  forward(x: Tensor, residual: Tensor): Tensor {
    const y = this.dropout.forward(this.dense.forward(x));
    return this.LayerNorm.forward(y, { residual });
  }
}

class BertAttention extends Module {
  self: BertSelfAttention;
  output: BertOutput;

  constructor(config: BertConfig) {
    super();
    this.self = new BertSelfAttention(config);
    this.output = new BertOutput(config, config.hiddenSize);
  }

  forward(x: Tensor, mask: Tensor | undefined, attentions?: Tensor[]): Tensor {
    return this.output.forward(this.self.forward(x, mask, attentions), x);
  }
}

/** A dense layer with an activation, in one kernel. */
class BertDense extends Module {
  dense: Linear;
  readonly #activation: ReturnType<typeof activationOf>;

  constructor(config: BertConfig, width: number, activation: string) {
    super();
    this.dense = linear(config, config.hiddenSize, width);
    this.#activation = activationOf(activation);
  }

  forward(x: Tensor): Tensor {
    return this.dense.forward(x, { activation: this.#activation });
  }
}

// --------------------------------------------------------------------- block

class BertLayer extends Module {
  attention: BertAttention;
  intermediate: BertDense;
  output: BertOutput;

  constructor(config: BertConfig) {
    super();
    const { intermediateSize, hiddenAct } = config;
    this.attention = new BertAttention(config);
    this.intermediate = new BertDense(config, intermediateSize, hiddenAct);
    this.output = new BertOutput(config, intermediateSize);
  }

  forward(x: Tensor, mask: Tensor | undefined, attentions?: Tensor[]): Tensor {
    const attended = this.attention.forward(x, mask, attentions);
    return this.output.forward(this.intermediate.forward(attended), attended);
  }
}

class BertEncoder extends Module {
  layer: BertLayer[];

  constructor(config: BertConfig) {
    super();
    this.layer = Array.from(
      { length: config.numHiddenLayers },
      () => new BertLayer(config),
    );
  }
}

// --------------------------------------------------------------------- model

/** What all BERTs share: their configuration, and what checkpoints call them. */
export class BertPreTrainedModel extends PreTrainedModel<BertConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof BertConfig = BertConfig;
  /** The attribute that holds the encoder in models with a head. */
  static readonly basePrefix: string = "bert";
}

/** Options of {@linkcode BertModel}. */
export interface BertModelOptions {
  /** Whether to add the layer that the classifier reads. @default {true} */
  addPoolingLayer?: boolean;
}

/**
 * The encoder without a head.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new BertModel(
 *   new BertConfig({
 *     vocabSize: 50,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *   }),
 * ).eval();
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * const { lastHiddenState, poolerOutput } = model.forward({ inputIds });
 * assertEquals(lastHiddenState.shape, [1, 4, 16]);
 * assertEquals(poolerOutput?.shape, [1, 16]);
 * ```
 */
export class BertModel extends BertPreTrainedModel {
  /** Word, position and token-type embeddings. */
  embeddings: Module & {
    wordEmbeddings: Embedding;
    forward(inputs: EncoderInputs): Tensor;
  };
  /** The blocks. */
  encoder: Module & {
    layer: (Module & {
      forward(
        x: Tensor,
        mask: Tensor | undefined,
        attentions?: Tensor[],
      ): Tensor;
    })[];
  };
  /** Dense and tanh on the first token. */
  pooler: (Module & { forward(x: Tensor): Tensor }) | undefined;

  /** Builds the model with random weights. */
  constructor(config: BertConfig, options: BertModelOptions = {}) {
    super(config);
    const { addPoolingLayer = true } = options;
    this.embeddings = new BertEmbeddings(config);
    this.encoder = new BertEncoder(config);
    this.pooler = addPoolingLayer
      ? new BertDense(config, config.hiddenSize, "tanh")
      : undefined;
  }

  /**
   * Encodes a batch.
   *
   * @throws {TypeError} If the inputs are not `[batch, length]`.
   * @throws {RangeError} If the texts are longer than the position table.
   */
  forward(inputs: EncoderInputs): EncoderOutput {
    const { attentionMask } = inputs;
    this.checkInputs(inputs, this.config.maxPositionEmbeddings);
    const {
      outputHiddenStates = this.config.outputHiddenStates,
      outputAttentions = false,
    } = inputs;
    const attentions: Tensor[] = [];
    let x = this.embeddings.forward(inputs);
    const hiddenStates = [x];
    for (const layer of this.encoder.layer) {
      x = layer.forward(
        x,
        attentionMask,
        outputAttentions ? attentions : undefined,
      );
      hiddenStates.push(x);
    }
    return {
      lastHiddenState: x,
      ...(this.pooler
        ? { poolerOutput: this.pooler.forward(firstToken(x)) }
        : {}),
      ...(outputHiddenStates ? { hiddenStates } : {}),
      ...(outputAttentions ? { attentions } : {}),
    };
  }
}

// --------------------------------------------------------------------- heads

class BertPredictionTransform extends Module {
  dense: Linear;
  LayerNorm: LayerNorm;
  readonly #activation: ReturnType<typeof activationOf>;

  constructor(config: BertConfig) {
    super();
    this.dense = linear(config, config.hiddenSize, config.hiddenSize);
    this.LayerNorm = norm(config);
    this.#activation = activationOf(config.hiddenAct);
  }

  forward(x: Tensor): Tensor {
    const activation = this.#activation;
    return this.LayerNorm.forward(this.dense.forward(x, { activation }));
  }
}

class BertPredictions extends Module {
  bias: Parameter;
  transform: BertPredictionTransform;
  decoder: Linear;

  constructor(config: BertConfig, words: Embedding) {
    super();
    const { hiddenSize, vocabSize, tieWordEmbeddings } = config;
    this.bias = new Parameter([vocabSize], zerosInit());
    this.transform = new BertPredictionTransform(config);
    this.decoder = linear(config, hiddenSize, vocabSize);
    this.decoder.bias = this.bias;
    if (tieWordEmbeddings) this.decoder.weight = words.weight;
  }

  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.transform.forward(x));
  }
}

class BertLanguageHead extends Module {
  predictions: BertPredictions;

  constructor(config: BertConfig, words: Embedding) {
    super();
    this.predictions = new BertPredictions(config, words);
  }
}

/**
 * Fills masked tokens. Labels `[batch, length]`, -100 where nothing is masked;
 * logits `[batch, length, vocabulary]`.
 */
export class BertForMaskedLM extends BertPreTrainedModel {
  /** The encoder. */
  bert: BertModel;
  /** The language-model head; its matrix is the word embeddings'. */
  cls: Module & { predictions: Module & { forward(x: Tensor): Tensor } };

  /** Builds the model with random weights. */
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.cls = new BertLanguageHead(
      config,
      this.bert.embeddings.wordEmbeddings,
    );
  }

  /** Scores every token of the vocabulary at every place. */
  forward(inputs: LabelledInputs): HeadOutput {
    const output = this.bert.forward(inputs);
    const logits = this.cls.predictions.forward(output.lastHiddenState);
    const { labels } = inputs;
    return headOutput(logits, labels && crossEntropy(logits, labels), output);
  }
}

/**
 * Continues texts: with `isDecoder` every token sees only those before it.
 * Labels `[batch, length]` are shifted inside, so they may be the input;
 * logits `[batch, length, vocabulary]`.
 */
export class BertLMHeadModel extends BertForMaskedLM {
  /** Scores every token of the vocabulary as the next at every place. */
  override forward(inputs: LabelledInputs): HeadOutput {
    const { labels, ...rest } = inputs;
    const output = super.forward(rest);
    if (!labels) return output;
    return { loss: crossEntropy(output.logits, nextTokens(labels)), ...output };
  }
}

/** What {@linkcode BertForSequenceClassification} and multiple choice share. */
export class BertPooledClassifier extends BertPreTrainedModel {
  /** The encoder. */
  bert: BertModel;
  /** Dropout before the classifier. */
  dropout: Dropout;
  /** The head. */
  classifier: Linear;

  /** Builds the model with random weights and so many outputs. */
  constructor(config: BertConfig, labels: number) {
    super(config);
    this.bert = new BertModel(config);
    this.dropout = headDropout(config);
    this.classifier = linear(config, config.hiddenSize, labels);
  }

  /** The encoder's output, and the head's, `[batch, labels]`. */
  protected classify(inputs: EncoderInputs): [EncoderOutput, Tensor] {
    const output = this.bert.forward(inputs);
    const pooled = this.dropout.forward(
      output.poolerOutput ?? firstToken(output.lastHiddenState),
    );
    return [output, this.classifier.forward(pooled)];
  }
}

function headDropout(config: BertConfig): Dropout {
  return new Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
}

/**
 * Classifies texts, or predicts numbers. Logits `[batch, labels]`.
 *
 * The loss follows the config's `problemType`, or else the labels: one output
 * is regression (labels f32 `[batch]`), integers `[batch]` are one class each,
 * f32 `[batch, labels]` are independent yes or no.
 */
export class BertForSequenceClassification extends BertPooledClassifier {
  /** Builds the model with random weights. */
  constructor(config: BertConfig) {
    super(config, config.numLabels);
  }

  /** Scores every label for every text. */
  forward(inputs: LabelledInputs): HeadOutput {
    const [output, logits] = this.classify(inputs);
    const { labels } = inputs;
    const { problemType } = this.config;
    const loss = labels && classificationLoss(logits, labels, { problemType });
    return headOutput(logits, loss, output);
  }
}

/**
 * Chooses between answers. Inputs `[batch, choices, length]`, labels `[batch]`,
 * logits `[batch, choices]`.
 */
export class BertForMultipleChoice extends BertPooledClassifier {
  /** Builds the model with random weights. */
  constructor(config: BertConfig) {
    super(config, 1);
  }

  /** Scores every choice. */
  forward(inputs: LabelledInputs): HeadOutput {
    const { labels, ...rest } = inputs;
    const [batch = 0, choices = 0] = inputs.inputIds.shape;
    const [output, scores] = this.classify(flattenChoices(rest));
    const logits = reshape(scores, [batch, choices]);
    return headOutput(logits, labels && crossEntropy(logits, labels), output);
  }
}

/**
 * Labels tokens. Labels `[batch, length]`, -100 where a token has none; logits
 * `[batch, length, labels]`.
 */
export class BertForTokenClassification extends BertPreTrainedModel {
  /** The encoder. */
  bert: BertModel;
  /** Dropout before the classifier. */
  dropout: Dropout;
  /** The head. */
  classifier: Linear;

  /** Builds the model with random weights. */
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.dropout = headDropout(config);
    this.classifier = linear(config, config.hiddenSize, config.numLabels);
  }

  /** Scores every label for every token. */
  forward(inputs: LabelledInputs): HeadOutput {
    const output = this.bert.forward(inputs);
    const logits = this.classifier.forward(
      this.dropout.forward(output.lastHiddenState),
    );
    const { labels } = inputs;
    return headOutput(logits, labels && crossEntropy(logits, labels), output);
  }
}

/**
 * Finds an answer in a text. The loss is the mean of two cross-entropies over
 * all places, padding included; positions beyond the text are ignored.
 */
export class BertForQuestionAnswering extends BertPreTrainedModel {
  /** The encoder. */
  bert: BertModel;
  /** The head: a start and an end score per token. */
  qaOutputs: Linear;

  /** Builds the model with random weights. */
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.qaOutputs = linear(config, config.hiddenSize, 2);
  }

  /** Scores every token as the answer's first and last. */
  forward(inputs: QuestionInputs): QuestionOutput {
    const output = this.bert.forward(inputs);
    const scores = this.qaOutputs.forward(output.lastHiddenState);
    return questionOutput(scores, inputs, output);
  }
}
