// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * RoBERTa: Liu, Ott, Goyal et al., "RoBERTa: A Robustly Optimized BERT
 * Pretraining Approach", 2019.
 *
 * From top to bottom: configuration, model, heads. The blocks are BERT's, in
 * `bert_blocks.ts`; what differs is how positions are counted, and the heads.
 * Attribute paths are the names in Hugging Face's checkpoints. All of an
 * architecture's heads are in one file, which is why this one passes 400 lines.
 *
 * @module
 */

import {
  add,
  type AnyTensor,
  cumsum,
  type IntegerTensor,
  notEqual,
  reshape,
  slice,
  type Tensor,
  where,
} from "../../engine/mod.ts";
import {
  crossEntropy,
  Dropout,
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
import { ConfigReader } from "../config.ts";
import type {
  CausalLMInputs,
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

// ------------------------------------------------------------- configuration

/** Options of {@linkcode RobertaConfig}; in files they are in snake case. */
export interface RobertaConfigOptions extends BertLikeConfigOptions {
  /** Entries of the vocabulary. @default {50265} */
  vocabSize?: number;
  /** The token that fills a batch; positions start after it. @default {1} */
  padTokenId?: number;
  /** The token that begins a text. @default {0} */
  bosTokenId?: number | null;
  /** The token, or tokens, that end a text. @default {2} */
  eosTokenId?: number | readonly number[] | null;
}

/**
 * The configuration of a RoBERTa, as in its `config.json`.
 *
 * The position table's first rows, up to that of the padding token, stand for
 * no place: published models have 514 rows for 512 tokens.
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
   * @throws {TypeError} If a field is of the wrong kind or asks for what is not
   * supported, or an option is unknown.
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
    // The row of padding, and one place at least after it.
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

  /** Tokens that a text may have: rows of the table behind the padding's. */
  override get maxTokens(): number {
    return this.maxPositionEmbeddings - (this.padTokenId ?? PAD) - 1;
  }
}

const PAD = 1;

// --------------------------------------------------------------------- model

/**
 * What all RoBERTas share: their configuration, and what checkpoints call them.
 */
export class RobertaPreTrainedModel extends PreTrainedModel<RobertaConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof RobertaConfig = RobertaConfig;
  /** The attribute that holds the encoder in models with a head. */
  static readonly basePrefix: string = "roberta";

  /** Padding need not be computed. */
  override get usesPacking(): boolean {
    return true;
  }
}

/** Options of {@linkcode RobertaModel}. */
export interface RobertaModelOptions {
  /** Whether to add a dense layer on the first token. @default {true} */
  addPoolingLayer?: boolean;
}

/**
 * The encoder without a head.
 *
 * Without `positionIds`, a token's position is its place among the tokens of
 * its text that are not padding, counted from `padTokenId + 1`, whatever the
 * mask says; padding gets `padTokenId`.
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
  /** Word, position and token-type embeddings. */
  embeddings: BertEmbeddings;
  /** The blocks. */
  encoder: BertEncoder;
  /** Dense and tanh on the first token. */
  pooler: BertPooler | undefined;
  readonly #padding: number;

  /** Builds the model with random weights. */
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
    const { maxPositionEmbeddings: rows } = this.config;
    const places = inputs.positionIds ? rows : rows - this.#padding - 1;
    this.checkInputs(inputs, places);
    checkPlaces(inputs, places);
    const positions = positionsOf(inputs, this.#padding);
    const x = this.embeddings.forward(inputs, positions);
    const output = this.encoder.forward(x, inputs);
    if (!this.pooler) return output;
    const poolerOutput = this.pooler.forward(textStates(output));
    return joined(output, { poolerOutput });
  }
}

/**
 * The given positions, or the count of tokens that are not padding, going on
 * from those in a cache.
 */
function positionsOf(
  { inputIds, positionIds, packing, cache }: BertInputs,
  padding: number,
): IntegerTensor {
  const real = (x: IntegerTensor) => packing ? packing.pack(x, padding) : x;
  if (positionIds) return real(positionIds);
  const counts = notEqual(inputIds, padding); // [batch, length], 0 or 1
  const places = add(cumsum(counts), padding + (cache?.length ?? 0));
  return real(where(counts, places, padding));
}

// --------------------------------------------------------------------- heads

class RobertaLMHead extends Module {
  bias: Parameter;
  dense: Linear;
  layerNorm: LayerNorm;
  decoder: Linear;

  constructor(config: RobertaConfig, words: Embedding) {
    super();
    this.bias = new Parameter([config.vocabSize], init.zeros());
    this.dense = linear(config, config.hiddenSize, config.hiddenSize);
    this.layerNorm = norm(config);
    this.decoder = vocabularyDecoder(config, words, this.bias);
  }

  forward(x: Tensor): Tensor {
    const y = this.dense.forward(x, { activation: "gelu" });
    return this.decoder.forward(this.layerNorm.forward(y));
  }
}

/**
 * Fills masked tokens. Labels `[batch, length]`, -100 where nothing is masked;
 * logits `[batch, length, vocabulary]`.
 */
export class RobertaForMaskedLM extends RobertaPreTrainedModel {
  /** The encoder. */
  roberta: RobertaModel;
  /** The language-model head; its matrix is the word embeddings', if tied. */
  lmHead: Module & { forward(x: Tensor): Tensor };

  /** Builds the model with random weights. */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config, { addPoolingLayer: false });
    this.lmHead = new RobertaLMHead(
      config,
      this.roberta.embeddings.wordEmbeddings,
    );
  }

  /** Scores every token of the vocabulary at every place. */
  forward(inputs: WithLabels<LabelledInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs): HeadOutput;
  forward(inputs: LabelledInputs): HeadOutput {
    const output = this.roberta.forward(inputs);
    const scores = this.lmHead.forward(tokenStates(output));
    return tokenOutput(scores, inputs.labels, output);
  }
}

/**
 * Continues texts: with `isDecoder` every token sees only those before it.
 * Labels `[batch, length]` are shifted inside, so they may be the input; where
 * texts are packed, what padding is to say counts for nothing. Logits `[batch, length, vocabulary]`, or `[batch, 1, vocabulary]` with a
 * cache.
 */
export class RobertaForCausalLM extends RobertaForMaskedLM {
  /** Scores every token of the vocabulary as the next at every place. */
  override forward(inputs: WithLabels<CausalLMInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
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
}

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
 * The loss follows the config's `problemType`, or else the labels: one output
 * is regression (labels f32 `[batch]`), integers `[batch]` are one class each,
 * f32 `[batch, labels]` are independent yes or no.
 */
export class RobertaForSequenceClassification extends RobertaPreTrainedModel {
  /** The encoder. */
  roberta: RobertaModel;
  /** The head: dense, tanh and a projection, on the first token. */
  classifier: Module & {
    dense: Linear;
    outProj: Linear;
    forward(x: Tensor): Tensor;
  };

  /** Builds the model with random weights. */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config, { addPoolingLayer: false });
    this.classifier = new RobertaClassificationHead(config);
  }

  /** Scores every label for every text. */
  forward(inputs: WithLabels<LabelledInputs<AnyTensor>>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs<AnyTensor>): HeadOutput;
  forward(inputs: LabelledInputs<AnyTensor>): HeadOutput {
    const output = this.roberta.forward(inputs);
    const logits = this.classifier.forward(textStates(output));
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
export class RobertaForMultipleChoice extends RobertaPreTrainedModel {
  /** The encoder, with its pooler. */
  roberta: RobertaModel;
  /** Dropout before the classifier: `hiddenDropoutProb`. */
  dropout: Dropout;
  /** The head: one score per text. */
  classifier: Linear;

  /** Builds the model with random weights. */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config);
    this.dropout = new Dropout(config.hiddenDropoutProb);
    this.classifier = linear(config, config.hiddenSize, 1);
  }

  /** Scores every choice. */
  forward(inputs: WithLabels<LabelledInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs): HeadOutput;
  forward(inputs: LabelledInputs): HeadOutput {
    const { labels, ...rest } = inputs;
    const [batch = 0, choices = 0] = inputs.inputIds.shape;
    const output = this.roberta.forward(flattenChoices(rest));
    const pooled = output.poolerOutput ?? firstToken(textStates(output));
    const scores = this.classifier.forward(this.dropout.forward(pooled));
    const logits = reshape(scores, [batch, choices]);
    return headOutput(logits, labels && crossEntropy(logits, labels), output);
  }
}

/**
 * Labels tokens. Labels `[batch, length]`, -100 where a token has none; logits
 * `[batch, length, labels]`.
 */
export class RobertaForTokenClassification extends RobertaPreTrainedModel {
  /** The encoder. */
  roberta: RobertaModel;
  /** Dropout before the classifier. */
  dropout: Dropout;
  /** The head. */
  classifier: Linear;

  /** Builds the model with random weights. */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config, { addPoolingLayer: false });
    this.dropout = headDropout(config);
    this.classifier = linear(config, config.hiddenSize, config.numLabels);
  }

  /** Scores every label for every token. */
  forward(inputs: WithLabels<LabelledInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs): HeadOutput;
  forward(inputs: LabelledInputs): HeadOutput {
    const output = this.roberta.forward(inputs);
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
export class RobertaForQuestionAnswering extends RobertaPreTrainedModel {
  /** The encoder. */
  roberta: RobertaModel;
  /** The head: a start and an end score per token. */
  qaOutputs: Linear;

  /** Builds the model with random weights. */
  constructor(config: RobertaConfig) {
    super(config);
    this.roberta = new RobertaModel(config, { addPoolingLayer: false });
    this.qaOutputs = linear(config, config.hiddenSize, 2);
  }

  /** Scores every token as the answer's first and last. */
  forward(inputs: WithPositions<QuestionInputs>): WithLoss<QuestionOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: QuestionInputs): QuestionOutput;
  forward(inputs: QuestionInputs): QuestionOutput {
    const output = this.roberta.forward(inputs);
    const scores = this.qaOutputs.forward(tokenStates(output));
    return questionOutput(scores, inputs, output);
  }
}
