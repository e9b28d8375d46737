// Copyright 2026 the swagpu authors. MIT license.

/**
 * BART: Lewis, Liu, Goyal, Ghazvininejad, Mohamed, Levy, Stoyanov and
 * Zettlemoyer, "BART: Denoising Sequence-to-Sequence Pre-training for Natural
 * Language Generation, Translation, and Comprehension", 2019.
 *
 * From top to bottom: configuration, model, heads. Beside it, and shared with
 * Marian, `bart_config.ts` holds the fields of both configurations,
 * `bart_blocks.ts` the blocks, `bart_stacks.ts` the encoder and the decoder,
 * and `bart_seq2seq.ts` how the two work together. Attribute paths are the
 * names in Hugging Face's checkpoints.
 *
 * Longer than most files: a model and all its heads are read together, and half
 * of the lines are documentation.
 *
 * @module
 */

import {
  type AnyTensor,
  arange,
  embedding,
  equal,
  indexSelect,
  type IntegerTensor,
  less,
  maskedFill,
  max,
  reshape,
  type Tensor,
  where,
} from "../../engine/mod.ts";
import {
  Buffer,
  Dropout,
  type Embedding,
  init,
  type Linear,
  Module,
} from "../../nn/mod.ts";
import { ConfigReader } from "../config.ts";
import type {
  CausalLMInputs,
  HeadOutput,
  LabeledSeq2SeqInputs,
  Seq2SeqHeadOutput,
  Seq2SeqInputs,
  Seq2SeqOutput,
  Seq2SeqQuestionInputs,
  Seq2SeqQuestionOutput,
  WithLabels,
  WithLoss,
  WithPositions,
} from "../io.ts";
import { KNOWN_FIELDS } from "../known_fields.ts";
import { PreTrainedModel } from "../pretrained.ts";
import { linear, PositionTable, wordEmbedding } from "./bart_blocks.ts";
import {
  decoderFields,
  Seq2SeqConfig,
  type Seq2SeqConfigOptions,
} from "./bart_config.ts";
import {
  DecoderOnly,
  encodeAndDecode,
  scoreTargets,
  scoreTexts,
  seq2seqHeadOutput,
  seq2seqQuestionOutput,
  shiftRight,
} from "./bart_seq2seq.ts";
import {
  DecoderStack,
  EncoderStack,
  type Seq2SeqDecoder,
  type Seq2SeqEncoder,
  type StackParts,
} from "./bart_stacks.ts";
import { questionOutput, textOutput } from "./heads.ts";
import { tokenStates } from "./packed.ts";

export { Seq2SeqConfig } from "./bart_config.ts";
export type { Seq2SeqConfigOptions, Seq2SeqDefaults } from "./bart_config.ts";
export type {
  DecoderInputs,
  DecoderOutput,
  Seq2SeqDecoder,
  Seq2SeqEncoder,
} from "./bart_stacks.ts";

// ------------------------------------------------------------- configuration

/** Options of {@linkcode BartConfig}; in files they are in snake case. */
export interface BartConfigOptions extends Seq2SeqConfigOptions {
  /** Dropout in the classification head. @default {0} */
  classifierDropout?: number;
}

/**
 * The configuration of a BART, as in its `config.json`.
 *
 * @example Usage
 * ```ts
 * import { BartConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new BartConfig({ dModel: 32, encoderAttentionHeads: 2 });
 * assertEquals(config.decoderLayers, 12);
 * assertEquals(config.toJSON().d_model, 32);
 * ```
 */
export class BartConfig extends Seq2SeqConfig {
  /** Dropout in the classification head. */
  readonly classifierDropout: number;

  /**
   * Reads and checks the fields.
   *
   * @param options The fields that differ from the defaults, or those of a
   * file.
   * @throws {TypeError} If a field is of the wrong kind, or an option is
   * unknown.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: BartConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, {
      modelType: "bart",
      vocabSize: 50265,
      numLabels: 3,
      padTokenId: 1,
      bosTokenId: 0,
      eosTokenId: 2,
      decoderStartTokenId: 2,
      forcedEosTokenId: 2,
    });
    this.classifierDropout = reader.number("classifier_dropout", 0, {
      min: 0,
      max: 1,
    });
    if (new.target === BartConfig) reader.checkNames(KNOWN_FIELDS);
  }
}

// --------------------------------------------------------------------- model

/** Rows of the position table before that of position 0. No token uses them. */
const POSITION_OFFSET = 2;

/** The embeddings of either side: words, learned positions and a norm. */
function parts(config: BartConfig, tokens: Embedding): StackParts {
  const { maxPositionEmbeddings, dModel, initStd: std } = config;
  const positions = new PositionTable(
    maxPositionEmbeddings + POSITION_OFFSET,
    dModel,
    { offset: POSITION_OFFSET, init: init.normal({ std }) },
  );
  return { tokens, positions, norm: true };
}

/**
 * The base class of all BART models: the class of their configuration, and the
 * name by which checkpoints of models with a head call encoder and decoder.
 *
 * @example Usage
 * ```ts
 * import { BartPreTrainedModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(BartPreTrainedModel.basePrefix, "model");
 * ```
 */
export class BartPreTrainedModel extends PreTrainedModel<BartConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof BartConfig = BartConfig;
  /** The attribute that holds encoder and decoder in models with a head. */
  static readonly basePrefix: string = "model";

  /** `true`: with a packing, `forward` leaves padding out. */
  override get usesPacking(): boolean {
    return true;
  }
}

/**
 * Encoder and decoder without a head.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BartConfig, BartModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new BartModel(
 *   new BartConfig({
 *     vocabSize: 50,
 *     dModel: 16,
 *     encoderLayers: 1,
 *     encoderAttentionHeads: 2,
 *     encoderFfnDim: 32,
 *     decoderLayers: 1,
 *     decoderAttentionHeads: 2,
 *     decoderFfnDim: 32,
 *   }),
 * ).eval();
 * const output = model.forward({
 *   inputIds: tensor([[0, 7, 9, 2]], { dtype: "i32" }),
 *   decoderInputIds: tensor([[2, 0, 8]], { dtype: "i32" }),
 * });
 * assertEquals(output.lastHiddenState.shape, [1, 3, 16]);
 * assertEquals(output.encoderLastHiddenState.shape, [1, 4, 16]);
 * ```
 */
export class BartModel extends BartPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BartModel";
  /** Word embeddings, which both sides use. */
  shared: Embedding;
  /** Encodes the source. */
  encoder: Seq2SeqEncoder;
  /** Decodes the target. */
  decoder: Seq2SeqDecoder;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BartConfig) {
    super(config);
    this.shared = wordEmbedding(config, config.vocabSize);
    this.encoder = new EncoderStack(config, parts(config, this.shared));
    this.decoder = new DecoderStack(config, parts(config, this.shared));
  }

  /** Runs the encoder alone; gives its states, `[batch, source, hidden]`. */
  encode(inputs: Seq2SeqInputs): Tensor {
    return this.encoder.forward(inputs).lastHiddenState;
  }

  /**
   * Encodes the source and decodes the target. Without `decoderInputIds` the
   * target is the source itself, moved one position to the right.
   *
   * @throws {TypeError} If the inputs are not `[batch, length]`, or are
   * missing.
   * @throws {RangeError} If the texts are longer than the position table.
   */
  forward(inputs: Seq2SeqInputs): Seq2SeqOutput {
    const { inputIds, decoderInputIds, packing } = inputs;
    // The source moved to the right has its real tokens at the same positions
    // as the source, provided that those are the first of each row.
    const {
      decoderPacking = decoderInputIds || !packing?.isLeading
        ? undefined
        : packing,
    } = inputs;
    const target = decoderInputIds ??
      (inputIds && shiftRight(inputIds, this.config));
    if (!target) {
      throw new TypeError(
        "Cannot decode: neither decoderInputIds nor inputIds is given",
      );
    }
    return encodeAndDecode(this, inputs, target, decoderPacking);
  }
}

// --------------------------------------------------------------------- heads

/**
 * The base class of the BART models that have an encoder, a decoder and a head.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BartConfig,
 *   BartForQuestionAnswering,
 *   BartWithHead,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BartConfig({
 *   dModel: 16,
 *   encoderLayers: 1,
 *   decoderLayers: 1,
 * });
 * const model = new BartForQuestionAnswering(config);
 * assertEquals(model instanceof BartWithHead, true);
 * ```
 */
export class BartWithHead extends BartPreTrainedModel {
  /** Encoder and decoder. */
  model: BartModel;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BartConfig) {
    super(config);
    this.model = new BartModel(config);
  }

  /** Runs the encoder alone; gives its states, `[batch, source, hidden]`. */
  encode(inputs: Seq2SeqInputs): Tensor {
    return this.model.encode(inputs);
  }
}

/**
 * Generates texts from texts, such as summaries. Labels `[batch, target]`, -100
 * for tokens to ignore; logits `[batch, target, vocabulary]`.
 *
 * Without `decoderInputIds` the decoder reads the labels, moved one position to
 * the right. With a cache only the last token is scored.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   BartConfig,
 *   BartForConditionalGeneration,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BartConfig({
 *   dModel: 16,
 *   encoderLayers: 1,
 *   decoderLayers: 1,
 * });
 * const model = new BartForConditionalGeneration(config);
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * const labels = tensor([[0, 8, 2]], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels });
 * assertEquals([logits.shape, loss.shape], [[1, 3, 50265], []]);
 * ```
 */
export class BartForConditionalGeneration extends BartWithHead {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BartForConditionalGeneration";
  /** Added to the scores. It is not trained. */
  finalLogitsBias: Buffer;
  /** The head. Its weight is the word embeddings', unless untied. */
  lmHead: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BartConfig) {
    super(config);
    const { dModel, vocabSize, tieWordEmbeddings } = config;
    this.finalLogitsBias = new Buffer([1, vocabSize]);
    this.lmHead = linear(config, dModel, vocabSize, false);
    if (tieWordEmbeddings) this.lmHead.weight = this.model.shared.weight;
  }

  /** Scores every token of the vocabulary at every position of the target. */
  forward(
    inputs: WithLabels<LabeledSeq2SeqInputs>,
  ): WithLoss<Seq2SeqHeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledSeq2SeqInputs): Seq2SeqHeadOutput;
  forward(inputs: LabeledSeq2SeqInputs): Seq2SeqHeadOutput {
    return scoreTargets(this, inputs);
  }
}

/** Dense, tanh and projection, with dropout before each dense layer. */
class BartClassificationHead extends Module {
  dense: Linear;
  dropout: Dropout;
  outProj: Linear;

  constructor(config: BartConfig) {
    super();
    const { dModel, numLabels, classifierDropout } = config;
    this.dense = linear(config, dModel, dModel);
    this.dropout = new Dropout(classifierDropout);
    this.outProj = linear(config, dModel, numLabels);
  }

  forward(x: Tensor): Tensor {
    const y = this.dense.forward(this.dropout.forward(x), {
      activation: "tanh",
    });
    return this.outProj.forward(this.dropout.forward(y));
  }
}

/**
 * Classifies texts, or predicts numbers, from the decoder's state at the last
 * end token of each text. A text without an end token gets scores of NaN.
 * Logits `[batch, labels]`; {@linkcode classificationLoss} describes labels and
 * loss.
 *
 * Without `decoderInputIds` the decoder reads the source, moved one position to
 * the right.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   BartConfig,
 *   BartForSequenceClassification,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BartConfig({
 *   dModel: 16,
 *   encoderLayers: 1,
 *   decoderLayers: 1,
 * });
 * const model = new BartForSequenceClassification(config).eval();
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 3]);
 * ```
 */
export class BartForSequenceClassification extends BartWithHead {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BartForSequenceClassification";
  /** The head. */
  classificationHead: Module & { forward(x: Tensor): Tensor };
  readonly #eosTokenId: number;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   * @throws {TypeError} If the configuration does not name exactly one end
   * token.
   */
  constructor(config: BartConfig) {
    super(config);
    const { eosTokenId } = config;
    if (typeof eosTokenId !== "number") {
      throw new TypeError(
        `Cannot classify by the end token: eosTokenId is ${
          JSON.stringify(eosTokenId)
        }, it must be one number`,
      );
    }
    this.#eosTokenId = eosTokenId;
    this.classificationHead = new BartClassificationHead(config);
  }

  /** Scores every label for every text. */
  forward(
    inputs: WithLabels<LabeledSeq2SeqInputs<AnyTensor>>,
  ): WithLoss<Seq2SeqHeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledSeq2SeqInputs<AnyTensor>): Seq2SeqHeadOutput;
  forward(inputs: LabeledSeq2SeqInputs<AnyTensor>): Seq2SeqHeadOutput {
    const { inputIds, labels } = inputs;
    if (!inputIds) {
      throw new TypeError(
        "Cannot classify: inputIds must be given, to find the end tokens",
      );
    }
    const output = this.model.forward(inputs);
    const { packed } = output;
    const ends = lastIndices(this.#eosTokenId, inputIds); // [batch]
    const last = packed ? indexSelect(packed.packing.inverse, ends) : ends;
    const states = reshape(tokenStates(output), [-1, this.config.dModel]);
    const logits = maskedFill(
      this.classificationHead.forward(embedding(last, states)),
      less(reshape(last, [last.size, 1]), 0),
      NaN,
    );
    const head = textOutput(logits, labels, {}, this.config);
    return seq2seqHeadOutput(head, output);
  }
}

/**
 * The index in the flattened batch of the last occurrence of a token in each
 * row; -1 for a row without it.
 */
function lastIndices(token: number, ids: IntegerTensor): Tensor<"i32"> {
  const indices = reshape(arange(ids.size, { device: ids.device }), ids.shape);
  return max(where(equal(ids, token), indices, -1), { axis: 1 });
}

/**
 * Finds an answer in a text. Start and end positions `[batch]`, scores
 * `[batch, target]` for either. The loss is the mean of two cross-entropies
 * over all positions, padding included unless texts are packed; answers that
 * lie beyond the text are ignored.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BartConfig, BartForQuestionAnswering } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BartConfig({
 *   dModel: 16,
 *   encoderLayers: 1,
 *   decoderLayers: 1,
 * });
 * const model = new BartForQuestionAnswering(config).eval();
 * const inputIds = tensor([[0, 7, 9, 2]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).startLogits.shape, [1, 4]);
 * ```
 */
export class BartForQuestionAnswering extends BartWithHead {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BartForQuestionAnswering";
  /** The head: a start and an end score per token. */
  qaOutputs: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BartConfig) {
    super(config);
    this.qaOutputs = linear(config, config.dModel, 2);
  }

  /** Scores every token as the answer's first and as its last. */
  forward(
    inputs: WithPositions<Seq2SeqQuestionInputs>,
  ): WithLoss<Seq2SeqQuestionOutput>;
  /** The same; without positions there is no loss. */
  forward(inputs: Seq2SeqQuestionInputs): Seq2SeqQuestionOutput;
  forward(inputs: Seq2SeqQuestionInputs): Seq2SeqQuestionOutput {
    const output = this.model.forward(inputs);
    const scores = this.qaOutputs.forward(tokenStates(output));
    const { packed } = output;
    return seq2seqQuestionOutput(
      questionOutput(scores, inputs, { packed }),
      output,
    );
  }
}

/**
 * Continues texts with the decoder alone: every token sees only those before
 * it, and there is no source. Token types and given positions are ignored.
 *
 * Labels `[batch, length]` belong to the scores at the same position. To train
 * it to predict the next token, move them one position to the left, as for
 * Hugging Face's class of this name. Logits `[batch, length, vocabulary]`; with
 * a cache only the last token is scored.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { BartConfig, BartForCausalLM } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BartConfig({
 *   dModel: 16,
 *   encoderLayers: 1,
 *   decoderLayers: 1,
 * });
 * const model = new BartForCausalLM(config).eval();
 * const inputIds = tensor([[2, 0, 7]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 3, 50265]);
 * ```
 */
export class BartForCausalLM extends BartPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "BartForCausalLM";
  /** The decoder. */
  model: Module & { decoder: Seq2SeqDecoder };
  /** The head. Its weight is the word embeddings', unless untied. */
  lmHead: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BartConfig) {
    super(new BartConfig(decoderFields(config)));
    const { dModel, vocabSize, tieWordEmbeddings } = config;
    const tokens = wordEmbedding(this.config, vocabSize);
    this.model = new DecoderOnly(this.config, parts(this.config, tokens));
    this.lmHead = linear(config, dModel, vocabSize, false);
    if (tieWordEmbeddings) {
      this.lmHead.weight = this.model.decoder.embedTokens.weight;
    }
  }

  /** Scores every token of the vocabulary at every position. */
  forward(inputs: WithLabels<CausalLMInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: CausalLMInputs): HeadOutput;
  forward(inputs: CausalLMInputs): HeadOutput {
    return scoreTexts(this.model, this.lmHead, inputs);
  }
}
