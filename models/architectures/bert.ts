// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * BERT: Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of Deep
 * Bidirectional Transformers for Language Understanding", 2018.
 *
 * From top to bottom: configuration, model, heads. Beside it, and shared with
 * RoBERTa, `bert_config.ts` holds the fields of both configurations,
 * `bert_embeddings.ts` the embeddings and `bert_blocks.ts` the blocks.
 * Attribute paths are the names in Hugging Face's checkpoints.
 *
 * Longer than most files: a model and all its heads are read together, and half
 * of the lines are documentation.
 *
 * @module
 */

import {
  add,
  type AnyTensor,
  arange,
  type IntegerTensor,
  slice,
  type Tensor,
} from "../../engine/mod.ts";
import {
  type Dropout,
  type Embedding,
  init,
  type LayerNorm,
  type Linear,
  Module,
  Parameter,
} from "../../nn/mod.ts";
import { activationOf } from "../activation.ts";
import { ConfigReader } from "../config.ts";
import type {
  AskingForStates,
  CausalLMInputs,
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  LabeledInputs,
  MaskedLMInputs,
  QuestionInputs,
  QuestionOutput,
  WithLabels,
  WithLoss,
  WithPositions,
  WithStates,
} from "../io.ts";
import { KNOWN_FIELDS } from "../known_fields.ts";
import { PreTrainedModel } from "../pretrained.ts";
import { BertEncoder, type BertInputs, BertPooler } from "./bert_blocks.ts";
import { BertLikeConfig, type BertLikeConfigOptions } from "./bert_config.ts";
import { BertEmbeddings } from "./bert_embeddings.ts";
import { headDropout, linear, norm, vocabularyDecoder } from "./bert_init.ts";
import {
  choiceOutput,
  firstToken,
  flattenChoices,
  maskedOutput,
  nextTokens,
  questionOutput,
  textOutput,
  tokenOutput,
} from "./heads.ts";
import { checkPacking, textStates, tokenStates } from "./packed.ts";

export * from "./bert_config.ts";
export * from "./bert_blocks.ts";
export * from "./bert_embeddings.ts";

// ------------------------------------------------------------- configuration

/** Options of {@linkcode BertConfig}; in files they are in snake case. */
export interface BertConfigOptions extends BertLikeConfigOptions {
  /** Tokens of the vocabulary. @default {30522} */
  vocabSize?: number;
  /** The id of the padding token. @default {0} */
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
   * @param options The fields that differ from the defaults, or those of a
   * file.
   * @throws {TypeError} If a field is of the wrong kind or asks for something
   * that is not supported, or an option is unknown.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: BertConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, { modelType: "bert", vocabSize: 30522, padTokenId: 0 });
    if (new.target === BertConfig) reader.checkNames(KNOWN_FIELDS);
  }
}

// --------------------------------------------------------------------- model

/**
 * The base class of all BERT models: the class of their configuration, and the
 * name by which checkpoints of models with a head call the encoder.
 *
 * @example Usage
 * ```ts
 * import { BertPreTrainedModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(BertPreTrainedModel.basePrefix, "bert");
 * ```
 */
export class BertPreTrainedModel extends PreTrainedModel<BertConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof BertConfig = BertConfig;
  /** The attribute that holds the encoder in models with a head. */
  static readonly basePrefix: string = "bert";

  /** `true`: with a packing, `forward` leaves padding out. */
  override get usesPacking(): boolean {
    return true;
  }
}

/** Options of {@linkcode BertModel}. */
export interface BertModelOptions {
  /**
   * Whether to build the pooler, whose output classifiers read.
   *
   * @default {true}
   */
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
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BertModel";
  /** Word, position and token-type embeddings, summed. */
  embeddings: BertEmbeddings;
  /** The blocks. */
  encoder: BertEncoder;
  /** A dense layer with tanh on the first token; absent if not asked for. */
  pooler: BertPooler | undefined;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   * @param options Whether to build a pooler.
   */
  constructor(config: BertConfig, options: BertModelOptions = {}) {
    super(config);
    const { addPoolingLayer = true } = options;
    this.embeddings = new BertEmbeddings(config);
    this.encoder = new BertEncoder(config);
    this.pooler = addPoolingLayer ? new BertPooler(config) : undefined;
  }

  /**
   * Encodes a batch.
   *
   * With a cache, the inputs are the tokens after those in the cache, which
   * also knows which of all tokens are padding. With a packing, padding is left
   * out: its states are zeros, the pooler reads each text's first token that is
   * not padding, and dropout draws other numbers than without the packing.
   *
   * @throws {TypeError} If the inputs are not `[batch, length]`; if a cache is
   * given though the config's `isDecoder` is not set; or if the packing is of
   * another shape, has holes, or is given with a cache or `outputAttentions`.
   * @throws {RangeError} If the texts are longer than the position table.
   */
  forward(inputs: AskingForStates<BertInputs>): WithStates<EncoderOutput>;
  /** The same; hidden states are given if the configuration asks for them. */
  forward(inputs: BertInputs): EncoderOutput;
  forward(inputs: BertInputs): EncoderOutput {
    const { packing } = inputs;
    this.checkInputs(inputs, this.config.maxPositionEmbeddings);
    if (packing) checkPacking("encode", packing, inputs);
    const positions = positionsOf(inputs);
    const x = this.embeddings.forward(inputs, positions);
    const output = this.encoder.forward(x, inputs);
    if (this.pooler) {
      output.poolerOutput = this.pooler.forward(textStates(output));
    }
    return output;
  }
}

/** The given positions, or 0, 1, 2…; with a cache they start at its length. */
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

/** Dense, activation and norm before the vocabulary is scored. */
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

/** The scores of the vocabulary. */
class BertPredictions extends Module {
  bias: Parameter;
  transform: BertPredictionTransform;
  decoder: Linear;

  constructor(config: BertConfig, wordEmbeddings: Embedding) {
    super();
    this.bias = new Parameter([config.vocabSize], init.zeros());
    this.transform = new BertPredictionTransform(config);
    this.decoder = vocabularyDecoder(config, wordEmbeddings, this.bias);
  }

  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.transform.forward(x));
  }
}

/**
 * A module of one attribute, because checkpoints call it `cls.predictions…`.
 */
class BertLanguageHead extends Module {
  predictions: BertPredictions;

  constructor(config: BertConfig, wordEmbeddings: Embedding) {
    super();
    this.predictions = new BertPredictions(config, wordEmbeddings);
  }
}

/**
 * Fills masked tokens. Labels `[batch, length]`, -100 for tokens to ignore;
 * logits `[batch, length, vocabulary]`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertForMaskedLM } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new BertForMaskedLM(config);
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * const labels = tensor([[-100, 7, -100, -100]], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels });
 * assertEquals([logits.shape, loss.shape], [[1, 4, 30522], []]);
 * ```
 */
export class BertForMaskedLM extends BertPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BertForMaskedLM";
  /** The encoder. */
  bert: BertModel;
  /** The head. Its weight is the word embeddings', unless untied. */
  cls: Module & { predictions: Module & { forward(x: Tensor): Tensor } };

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.cls = new BertLanguageHead(
      config,
      this.bert.embeddings.wordEmbeddings,
    );
  }

  /** Scores the vocabulary at every position, or at those in `predictions`. */
  forward(inputs: WithLabels<MaskedLMInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: MaskedLMInputs): HeadOutput;
  forward(inputs: MaskedLMInputs): HeadOutput {
    const output = this.bert.forward(inputs);
    return maskedOutput((x) => this.cls.predictions.forward(x), inputs, output);
  }

  /** True: see {@linkcode MaskedLMInputs.predictions}. */
  override get usesPredictions(): boolean {
    return true;
  }
}

/**
 * Continues texts. The configuration's `isDecoder` makes every token see only
 * those before it. Labels `[batch, length]` may be the input itself: the scores
 * at each position are compared with the label of the next position. If texts
 * are packed, labels of padding are ignored. Logits `[batch, length,
 * vocabulary]`, or `[batch, 1, vocabulary]` with a cache.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertLMHeadModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({
 *   hiddenSize: 12,
 *   numHiddenLayers: 1,
 *   isDecoder: true,
 * });
 * const model = new BertLMHeadModel(config);
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels: inputIds });
 * assertEquals([logits.shape, loss.shape], [[1, 4, 30522], []]);
 * ```
 */
export class BertLMHeadModel extends BertForMaskedLM {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BertLMHeadModel";
  /** Scores every token of the vocabulary as the next one. */
  override forward(inputs: WithLabels<CausalLMInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
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

  /** False: each position predicts the next one. */
  override get usesPredictions(): boolean {
    return false;
  }
}

/**
 * The base class of the heads that score the pooler's output.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForMultipleChoice,
 *   BertPooledClassifier,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new BertForMultipleChoice(config);
 * assertEquals(model instanceof BertPooledClassifier, true);
 * ```
 */
export class BertPooledClassifier extends BertPreTrainedModel {
  /** The encoder. */
  bert: BertModel;
  /** Dropout before the classifier. */
  dropout: Dropout;
  /** The head. */
  classifier: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   * @param labels Scores for each text.
   */
  constructor(config: BertConfig, labels: number) {
    super(config);
    this.bert = new BertModel(config);
    this.dropout = headDropout(config);
    this.classifier = linear(config, config.hiddenSize, labels);
  }

  /** Gives the encoder's output, and the scores `[batch, labels]`. */
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
 * The loss follows the configuration's `problemType`. Without it, one output
 * means regression (labels f32 `[batch]`), integer labels `[batch]` mean one
 * class for each text, and f32 labels `[batch, labels]` mean independent
 * classes.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new BertForSequenceClassification(config);
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * const labels = tensor([1], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels });
 * assertEquals([logits.shape, loss.shape], [[1, 2], []]);
 * ```
 */
export class BertForSequenceClassification extends BertPooledClassifier {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BertForSequenceClassification";
  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BertConfig) {
    super(config, config.numLabels);
  }

  /** Scores every label for every text. */
  forward(inputs: WithLabels<LabeledInputs<AnyTensor>>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput;
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput {
    const [output, logits] = this.classify(inputs);
    return textOutput(logits, inputs.labels, output, this.config);
  }
}

/**
 * Chooses between answers. Inputs `[batch, choices, length]`, labels `[batch]`,
 * logits `[batch, choices]`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertForMultipleChoice } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new BertForMultipleChoice(config).eval();
 * const inputIds = tensor([[[2, 7, 9, 3], [2, 8, 6, 3]]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 2]);
 * ```
 */
export class BertForMultipleChoice extends BertPooledClassifier {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BertForMultipleChoice";
  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BertConfig) {
    super(config, 1);
  }

  /** Scores every choice. */
  forward(inputs: WithLabels<LabeledInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs): HeadOutput;
  forward(inputs: LabeledInputs): HeadOutput {
    const [output, scores] = this.classify(flattenChoices(inputs));
    return choiceOutput(scores, inputs, output);
  }
}

/**
 * Classifies tokens. Labels `[batch, length]`, -100 for tokens to ignore;
 * logits `[batch, length, labels]`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForTokenClassification,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new BertForTokenClassification(config).eval();
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 4, 2]);
 * ```
 */
export class BertForTokenClassification extends BertPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BertForTokenClassification";
  /** The encoder. */
  bert: BertModel;
  /** Dropout before the classifier. */
  dropout: Dropout;
  /** The head. */
  classifier: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.dropout = headDropout(config);
    this.classifier = linear(config, config.hiddenSize, config.numLabels);
  }

  /** Scores every label for every token. */
  forward(inputs: WithLabels<LabeledInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs): HeadOutput;
  forward(inputs: LabeledInputs): HeadOutput {
    const output = this.bert.forward(inputs);
    const scores = this.classifier.forward(
      this.dropout.forward(tokenStates(output)),
    );
    return tokenOutput(scores, inputs.labels, output);
  }
}

/**
 * Finds an answer in a text. Start and end positions `[batch]`, scores
 * `[batch, length]` for either. The loss is the mean of two cross-entropies
 * over all positions, padding included unless texts are packed; answers that
 * lie beyond the text are ignored.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertForQuestionAnswering } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new BertForQuestionAnswering(config).eval();
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).startLogits.shape, [1, 4]);
 * ```
 */
export class BertForQuestionAnswering extends BertPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BertForQuestionAnswering";
  /** The encoder. */
  bert: BertModel;
  /** The head: a start and an end score per token. */
  qaOutputs: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BertConfig) {
    super(config);
    this.bert = new BertModel(config, { addPoolingLayer: false });
    this.qaOutputs = linear(config, config.hiddenSize, 2);
  }

  /** Scores every token as the answer's first and as its last. */
  forward(inputs: WithPositions<QuestionInputs>): WithLoss<QuestionOutput>;
  /** The same; without positions there is no loss. */
  forward(inputs: QuestionInputs): QuestionOutput;
  forward(inputs: QuestionInputs): QuestionOutput {
    const output = this.bert.forward(inputs);
    const scores = this.qaOutputs.forward(tokenStates(output));
    return questionOutput(scores, inputs, output);
  }
}
