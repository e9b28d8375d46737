// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * RoBERTa: Liu, Ott, Goyal et al., "RoBERTa: A Robustly Optimized BERT
 * Pretraining Approach", 2019.
 *
 * From top to bottom: configuration, model, heads. Embeddings and blocks are
 * BERT's, in `bert_embeddings.ts` and `bert_blocks.ts`; positions are counted
 * in another way, and the heads differ. Attribute paths are the names in
 * Hugging Face's checkpoints.
 *
 * Longer than most files: a model and all its heads are read together, and half
 * of the lines are documentation. Some heads repeat those of `bert.ts`, with
 * the attribute names of RoBERTa's checkpoints.
 *
 * @module
 */

import {
  add,
  type AnyTensor,
  cumsum,
  type IntegerTensor,
  notEqual,
  slice,
  type Tensor,
  where,
} from "../../engine/mod.ts";
import {
  Dropout,
  type Embedding,
  init,
  type LayerNorm,
  type Linear,
  Module,
  Parameter,
} from "../../nn/mod.ts";
import { ConfigReader } from "../config.ts";
import type {
  AskingForStates,
  CausalLMInputs,
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

// ------------------------------------------------------------- configuration

/** Options of {@linkcode RobertaConfig}; in files they are in snake case. */
export interface RobertaConfigOptions extends BertLikeConfigOptions {
  /** Tokens of the vocabulary. @default {50265} */
  vocabSize?: number;
  /**
   * The id of the padding token, after which positions start.
   *
   * @default {1}
   */
  padTokenId?: number;
  /** The id of the token that begins a text. @default {0} */
  bosTokenId?: number | null;
  /** The id of the token that ends a text, or several. @default {2} */
  eosTokenId?: number | readonly number[] | null;
}

/**
 * The configuration of a RoBERTa, as in its `config.json`.
 *
 * The first rows of the position table, up to the row of the padding token,
 * belong to no position of a text: published models have 514 rows for 512 tokens.
 *
 * @example Usage
 * ```ts
 * import { RobertaConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new RobertaConfig({ maxPositionEmbeddings: 514 });
 * assertEquals(config.vocabSize, 50265);
 * assertEquals(config.toJSON().pad_token_id, 1);
 * ```
 */
export class RobertaConfig extends BertLikeConfig {
  /**
   * Reads and checks the fields.
   *
   * @param options The fields that differ from the defaults, or those of a
   * file.
   * @throws {TypeError} If a field is of the wrong kind or asks for something
   * that is not supported, or an option is unknown.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: RobertaConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, {
      modelType: "roberta",
      vocabSize: 50265,
      padTokenId: PAD,
      bosTokenId: 0,
      eosTokenId: 2,
    });
    // The table holds the row of padding, and one position at least after it.
    const last = Math.min(this.vocabSize - 1, this.maxPositionEmbeddings - 2);
    const pad = this.padTokenId ?? PAD;
    if (pad < 0 || pad > last) {
      throw reader.error(
        "pad_token_id",
        `an integer from 0 to ${last}`,
        RangeError,
      );
    }
    if (new.target === RobertaConfig) reader.checkNames(KNOWN_FIELDS);
  }

  /** The longest text: rows of the position table after that of padding. */
  override get maxTokens(): number {
    return this.maxPositionEmbeddings - (this.padTokenId ?? PAD) - 1;
  }
}

const PAD = 1;

// --------------------------------------------------------------------- model

/**
 * The base class of all RoBERTa models: the class of their configuration, and
 * the name by which checkpoints of models with a head call the encoder.
 *
 * @example Usage
 * ```ts
 * import { RobertaPreTrainedModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(RobertaPreTrainedModel.basePrefix, "roberta");
 * ```
 */
export class RobertaPreTrainedModel extends PreTrainedModel<RobertaConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof RobertaConfig = RobertaConfig;
  /** The attribute that holds the encoder in models with a head. */
  static readonly basePrefix: string = "roberta";

  /** `true`: with a packing, `forward` leaves padding out. */
  override get usesPacking(): boolean {
    return true;
  }
}

/** Options of {@linkcode RobertaModel}. */
export interface RobertaModelOptions {
  /** Whether to build the pooler. @default {true} */
  addPoolingLayer?: boolean;
}

/**
 * The encoder without a head.
 *
 * Without `positionIds`, positions count the tokens of a text that are not
 * `padTokenId`, starting at `padTokenId + 1`, whatever the mask says. Padding
 * tokens have position `padTokenId`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { RobertaConfig, RobertaModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new RobertaModel(
 *   new RobertaConfig({
 *     vocabSize: 50,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *   }),
 * ).eval();
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * const { lastHiddenState, poolerOutput } = model.forward({ inputIds });
 * assertEquals(lastHiddenState.shape, [1, 4, 16]);
 * assertEquals(poolerOutput?.shape, [1, 16]);
 * ```
 */
export class RobertaModel extends RobertaPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "RobertaModel";
  /** Word, position and token-type embeddings, summed. */
  embeddings: BertEmbeddings;
  /** The blocks. */
  encoder: BertEncoder;
  /** A dense layer with tanh on the first token; absent if not asked for. */
  pooler: BertPooler | undefined;
  readonly #padding: number;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   * @param options Whether to build a pooler.
   */
  constructor(config: RobertaConfig, options: RobertaModelOptions = {}) {
    super(config);
    const { addPoolingLayer = true } = options;
    this.#padding = config.padTokenId ?? PAD;
    this.embeddings = new BertEmbeddings(config, {
      positionPadding: this.#padding,
    });
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
    const { maxPositionEmbeddings: rows } = this.config;
    const { packing, positionIds } = inputs;
    this.checkInputs(inputs, positionIds ? rows : rows - this.#padding - 1);
    if (packing) checkPacking("encode", packing, inputs);
    const positions = positionsOf(inputs, this.#padding);
    const x = this.embeddings.forward(inputs, positions);
    const output = this.encoder.forward(x, inputs);
    if (this.pooler) {
      output.poolerOutput = this.pooler.forward(textStates(output));
    }
    return output;
  }
}

/**
 * The given positions, or the count of tokens that are not padding up to each
 * token; with a cache it starts at the cache's length.
 */
function positionsOf(
  { inputIds, positionIds, packing, cache }: BertInputs,
  padding: number,
): IntegerTensor {
  const real = (x: IntegerTensor) => packing ? packing.pack(x, padding) : x;
  if (positionIds) return real(positionIds);
  const counts = notEqual(inputIds, padding); // [batch, length], 0 or 1
  const positions = add(cumsum(counts), padding + (cache?.length ?? 0));
  return real(where(counts, positions, padding));
}

// --------------------------------------------------------------------- heads

/** Dense, activation and norm, then the scores of the vocabulary. */
class RobertaLMHead extends Module {
  bias: Parameter;
  dense: Linear;
  layerNorm: LayerNorm;
  decoder: Linear;

  constructor(config: RobertaConfig, wordEmbeddings: Embedding) {
    super();
    this.bias = new Parameter([config.vocabSize], init.zeros());
    this.dense = linear(config, config.hiddenSize, config.hiddenSize);
    this.layerNorm = norm(config);
    this.decoder = vocabularyDecoder(config, wordEmbeddings, this.bias);
  }

  forward(x: Tensor): Tensor {
    const y = this.dense.forward(x, { activation: "gelu" });
    return this.decoder.forward(this.layerNorm.forward(y));
  }
}

/**
 * Fills masked tokens. Labels `[batch, length]`, -100 for tokens to ignore;
 * logits `[batch, length, vocabulary]`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { RobertaConfig, RobertaForMaskedLM } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new RobertaConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new RobertaForMaskedLM(config);
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * const labels = tensor([[-100, 7, -100, -100]], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels });
 * assertEquals([logits.shape, loss.shape], [[1, 4, 50265], []]);
 * ```
 */
export class RobertaForMaskedLM extends RobertaPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "RobertaForMaskedLM";
  /** The encoder. */
  roberta: RobertaModel;
  /** The head. Its weight is the word embeddings', unless untied. */
  lmHead: Module & { forward(x: Tensor): Tensor };

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config, { addPoolingLayer: false });
    this.lmHead = new RobertaLMHead(
      config,
      this.roberta.embeddings.wordEmbeddings,
    );
  }

  /** Scores the vocabulary at every position, or at those in `predictions`. */
  forward(inputs: WithLabels<MaskedLMInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: MaskedLMInputs): HeadOutput;
  forward(inputs: MaskedLMInputs): HeadOutput {
    const output = this.roberta.forward(inputs);
    return maskedOutput((x) => this.lmHead.forward(x), inputs, output);
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
 * import { RobertaConfig, RobertaForCausalLM } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new RobertaConfig({
 *   hiddenSize: 12,
 *   numHiddenLayers: 1,
 *   isDecoder: true,
 * });
 * const model = new RobertaForCausalLM(config);
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels: inputIds });
 * assertEquals([logits.shape, loss.shape], [[1, 4, 50265], []]);
 * ```
 */
export class RobertaForCausalLM extends RobertaForMaskedLM {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "RobertaForCausalLM";
  /** Scores every token of the vocabulary as the next one. */
  override forward(inputs: WithLabels<CausalLMInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  override forward(inputs: CausalLMInputs): HeadOutput;
  override forward(inputs: CausalLMInputs): HeadOutput {
    const { labels, cache } = inputs;
    const output = this.roberta.forward(inputs);
    const x = tokenStates(output);
    const scores = this.lmHead.forward(
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
 * Dense, tanh and a projection of the first token, with dropout before each.
 */
class RobertaClassificationHead extends Module {
  dense: Linear;
  dropout: Dropout;
  outProj: Linear;

  constructor(config: RobertaConfig) {
    super();
    this.dense = linear(config, config.hiddenSize, config.hiddenSize);
    this.dropout = headDropout(config);
    this.outProj = linear(config, config.hiddenSize, config.numLabels);
  }

  forward(x: Tensor): Tensor {
    const first = this.dropout.forward(firstToken(x)); // [batch, hidden]
    const y = this.dense.forward(first, { activation: "tanh" });
    return this.outProj.forward(this.dropout.forward(y));
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
 *   RobertaConfig,
 *   RobertaForSequenceClassification,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new RobertaConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new RobertaForSequenceClassification(config);
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * const labels = tensor([1], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels });
 * assertEquals([logits.shape, loss.shape], [[1, 2], []]);
 * ```
 */
export class RobertaForSequenceClassification extends RobertaPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "RobertaForSequenceClassification";
  /** The encoder. */
  roberta: RobertaModel;
  /** The head: dense, tanh and a projection, on the first token. */
  classifier: Module & {
    dense: Linear;
    outProj: Linear;
    forward(x: Tensor): Tensor;
  };

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config, { addPoolingLayer: false });
    this.classifier = new RobertaClassificationHead(config);
  }

  /** Scores every label for every text. */
  forward(inputs: WithLabels<LabeledInputs<AnyTensor>>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput;
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput {
    const output = this.roberta.forward(inputs);
    const logits = this.classifier.forward(textStates(output));
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
 * import {
 *   RobertaConfig,
 *   RobertaForMultipleChoice,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new RobertaConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new RobertaForMultipleChoice(config).eval();
 * const inputIds = tensor([[[0, 7, 9, 2], [0, 8, 6, 2]]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 2]);
 * ```
 */
export class RobertaForMultipleChoice extends RobertaPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "RobertaForMultipleChoice";
  /** The encoder, with its pooler. */
  roberta: RobertaModel;
  /** Dropout before the classifier: `hiddenDropoutProb`. */
  dropout: Dropout;
  /** The head: one score per text. */
  classifier: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config);
    this.dropout = new Dropout(config.hiddenDropoutProb);
    this.classifier = linear(config, config.hiddenSize, 1);
  }

  /** Scores every choice. */
  forward(inputs: WithLabels<LabeledInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs): HeadOutput;
  forward(inputs: LabeledInputs): HeadOutput {
    const output = this.roberta.forward(flattenChoices(inputs));
    const pooled = output.poolerOutput ?? firstToken(textStates(output));
    const scores = this.classifier.forward(this.dropout.forward(pooled));
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
 *   RobertaConfig,
 *   RobertaForTokenClassification,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new RobertaConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new RobertaForTokenClassification(config).eval();
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 4, 2]);
 * ```
 */
export class RobertaForTokenClassification extends RobertaPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "RobertaForTokenClassification";
  /** The encoder. */
  roberta: RobertaModel;
  /** Dropout before the classifier. */
  dropout: Dropout;
  /** The head. */
  classifier: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config, { addPoolingLayer: false });
    this.dropout = headDropout(config);
    this.classifier = linear(config, config.hiddenSize, config.numLabels);
  }

  /** Scores every label for every token. */
  forward(inputs: WithLabels<LabeledInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs): HeadOutput;
  forward(inputs: LabeledInputs): HeadOutput {
    const output = this.roberta.forward(inputs);
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
 * import {
 *   RobertaConfig,
 *   RobertaForQuestionAnswering,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new RobertaConfig({ hiddenSize: 12, numHiddenLayers: 1 });
 * const model = new RobertaForQuestionAnswering(config).eval();
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).startLogits.shape, [1, 4]);
 * ```
 */
export class RobertaForQuestionAnswering extends RobertaPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "RobertaForQuestionAnswering";
  /** The encoder. */
  roberta: RobertaModel;
  /** The head: a start and an end score per token. */
  qaOutputs: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config, { addPoolingLayer: false });
    this.qaOutputs = linear(config, config.hiddenSize, 2);
  }

  /** Scores every token as the answer's first and as its last. */
  forward(inputs: WithPositions<QuestionInputs>): WithLoss<QuestionOutput>;
  /** The same; without positions there is no loss. */
  forward(inputs: QuestionInputs): QuestionOutput;
  forward(inputs: QuestionInputs): QuestionOutput {
    const output = this.roberta.forward(inputs);
    const scores = this.qaOutputs.forward(tokenStates(output));
    return questionOutput(scores, inputs, output);
  }
}
