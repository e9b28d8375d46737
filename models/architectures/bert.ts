// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * BERT: Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of Deep
 * Bidirectional Transformers for Language Understanding", 2018.
 *
 * From top to bottom: configuration, model, heads; `bert_blocks.ts` holds the
 * blocks, which RoBERTa shares. Attribute paths are the names in Hugging Face's
 * checkpoints. All of an architecture's heads are in one file, which is why this
 * one passes 400 lines.
 *
 * @module
 */

import {
  add,
  type AnyTensor,
  arange,
  type IntegerTensor,
  reshape,
  slice,
  type Tensor,
} from "../../engine/mod.ts";
import {
  crossEntropy,
  type Dropout,
  type Embedding,
  init,
  type LayerNorm,
  type Linear,
  Module,
  Parameter,
} from "../../nn/mod.ts";
import { BertLikeConfig, type BertLikeConfigOptions } from "./bert_config.ts";
import {
  BertEmbeddings,
  BertEncoder,
  type BertInputs,
  BertPooler,
  checkPlaces,
  headDropout,
  linear,
  norm,
  vocabularyDecoder,
} from "./bert_blocks.ts";
import {
  firstToken,
  flattenChoices,
  headOutput,
  nextTokens,
  questionOutput,
  tokenOutput,
} from "./heads.ts";
import { joined, textStates, tokenStates } from "./packed.ts";
import { activationOf } from "../activation.ts";
import { ConfigReader } from "../config.ts";
import type {
  CausalLMInputs,
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  LabelledInputs,
  QuestionInputs,
  QuestionOutput,
  WithLabels,
  WithLoss,
  WithPositions,
} from "../io.ts";
import { KNOWN_FIELDS } from "../known_fields.ts";
import { classificationLoss } from "../loss.ts";
import { PreTrainedModel } from "../pretrained.ts";

export * from "./bert_config.ts";
export {
  BertAttention,
  type BertAttentionInputs,
  type BertBlockConfig,
  BertEmbeddings,
  type BertEmbeddingsConfig,
  type BertEmbeddingsOptions,
  BertEncoder,
  type BertInputs,
  BertIntermediate,
  BertLayer,
  BertOutput,
  BertPooler,
  BertSelfAttention,
} from "./bert_blocks.ts";

// ------------------------------------------------------------- configuration

/** Options of {@linkcode BertConfig}; in files they are in snake case. */
export interface BertConfigOptions extends BertLikeConfigOptions {
  /** Entries of the vocabulary. @default {30522} */
  vocabSize?: number;
  /** The token that fills a batch. @default {0} */
  padTokenId?: number | null;
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
export class BertConfig extends BertLikeConfig {
  /**
   * Reads and checks the fields.
   *
   * @throws {TypeError} If a field is of the wrong kind or asks for what is not
   * supported, or an option is unknown.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: BertConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, { modelType: "bert", vocabSize: 30522, padTokenId: 0 });
    if (new.target === BertConfig) reader.checkNames(KNOWN_FIELDS);
  }
}

// --------------------------------------------------------------------- model

/** What all BERTs share: their configuration, and what checkpoints call them. */
export class BertPreTrainedModel extends PreTrainedModel<BertConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof BertConfig = BertConfig;
  /** The attribute that holds the encoder in models with a head. */
  static readonly basePrefix: string = "bert";

  /** Padding need not be computed. */
  override get usesPacking(): boolean {
    return true;
  }
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
  embeddings: BertEmbeddings;
  /** The blocks. */
  encoder: BertEncoder;
  /** Dense and tanh on the first token. */
  pooler: BertPooler | undefined;

  /** Builds the model with random weights. */
  constructor(config: BertConfig, options: BertModelOptions = {}) {
    super(config);
    const { addPoolingLayer = true } = options;
    this.embeddings = new BertEmbeddings(config);
    this.encoder = new BertEncoder(config);
    this.pooler = addPoolingLayer ? new BertPooler(config) : undefined;
  }

  /**
   * Encodes a batch. With a cache, these are the tokens after those in it, and
   * it is the cache that knows which of all are padding. With a packing, padding
   * is not computed: its states are zeros, the pooler reads the first token that
   * is none, and dropout draws other numbers than without.
   *
   * @throws {TypeError} If the inputs are not `[batch, length]`, a cache is
   * given where the config's `isDecoder` is not set, or the packing is of
   * another batch, has holes, or is given with a cache or for probabilities.
   * @throws {RangeError} If the texts are longer than the position table.
   */
  forward(inputs: BertInputs): EncoderOutput {
    this.checkInputs(inputs, this.config.maxPositionEmbeddings);
    checkPlaces(inputs, this.config.maxPositionEmbeddings);
    const positions = positionsOf(inputs);
    const x = this.embeddings.forward(inputs, positions);
    const output = this.encoder.forward(x, inputs);
    if (!this.pooler) return output;
    const poolerOutput = this.pooler.forward(textStates(output));
    return joined(output, { poolerOutput });
  }
}

/** The given positions, or 0, 1, 2…, going on from those in a cache. */
function positionsOf(
  { inputIds, positionIds, packing, cache }: BertInputs,
): IntegerTensor {
  if (packing) {
    return positionIds ? packing.pack(positionIds) : packing.positions;
  }
  if (positionIds) return positionIds;
  const { device, shape: [, length = 0] } = inputIds;
  const positions = arange(length, { device });
  return cache ? add(positions, cache.length) : positions;
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
    this.bias = new Parameter([config.vocabSize], init.zeros());
    this.transform = new BertPredictionTransform(config);
    this.decoder = vocabularyDecoder(config, words, this.bias);
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
  forward(inputs: WithLabels<LabelledInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs): HeadOutput;
  forward(inputs: LabelledInputs): HeadOutput {
    const output = this.bert.forward(inputs);
    const scores = this.cls.predictions.forward(tokenStates(output));
    return tokenOutput(scores, inputs.labels, output);
  }
}

/**
 * Continues texts: with `isDecoder` every token sees only those before it.
 * Labels `[batch, length]` are shifted inside, so they may be the input; where
 * texts are packed, what padding is to say counts for nothing. Logits `[batch, length, vocabulary]`, or `[batch, 1, vocabulary]` with a
 * cache.
 */
export class BertLMHeadModel extends BertForMaskedLM {
  /** Scores every token of the vocabulary as the next at every place. */
  override forward(inputs: WithLabels<CausalLMInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  override forward(inputs: CausalLMInputs): HeadOutput;
  override forward(inputs: CausalLMInputs): HeadOutput {
    const { labels, cache } = inputs;
    const output = this.bert.forward(inputs);
    const x = tokenStates(output);
    const scores = this.cls.predictions.forward(
      cache ? slice(x, { axis: 1, start: -1 }) : x,
    );
    return tokenOutput(scores, labels && nextTokens(labels), output);
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
      output.poolerOutput ?? firstToken(textStates(output)),
    );
    return [output, this.classifier.forward(pooled)];
  }
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
  forward(inputs: WithLabels<LabelledInputs<AnyTensor>>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs<AnyTensor>): HeadOutput;
  forward(inputs: LabelledInputs<AnyTensor>): HeadOutput {
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
  forward(inputs: WithLabels<LabelledInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs): HeadOutput;
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
  forward(inputs: WithLabels<LabelledInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs): HeadOutput;
  forward(inputs: LabelledInputs): HeadOutput {
    const output = this.bert.forward(inputs);
    const scores = this.classifier.forward(
      this.dropout.forward(tokenStates(output)),
    );
    return tokenOutput(scores, inputs.labels, output);
  }
}

/**
 * Finds an answer in a text. The loss is the mean of two cross-entropies over
 * all places, padding included unless texts are packed; positions beyond the
 * text are ignored.
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
  forward(inputs: WithPositions<QuestionInputs>): WithLoss<QuestionOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: QuestionInputs): QuestionOutput;
  forward(inputs: QuestionInputs): QuestionOutput {
    const output = this.bert.forward(inputs);
    const scores = this.qaOutputs.forward(tokenStates(output));
    return questionOutput(scores, inputs, output);
  }
}
