// Copyright 2026 the swagpu authors. MIT license.

/**
 * BART: Lewis, Liu, Goyal, Ghazvininejad, Mohamed, Levy, Stoyanov and
 * Zettlemoyer, "BART: Denoising Sequence-to-Sequence Pre-training for Natural
 * Language Generation, Translation, and Comprehension", 2019.
 *
 * From top to bottom: configuration, model, heads; `bart_blocks.ts` holds the
 * blocks and `bart_stacks.ts` encoder and decoder, which Marian has too.
 * Attribute paths are the names in Hugging Face's checkpoints. One architecture
 * is one file, which is why this one passes 400 lines.
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
  matmul,
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
import {
  decoderFields,
  Seq2SeqConfig,
  type Seq2SeqConfigOptions,
} from "./bart_config.ts";
import { linear, PositionTable, wordEmbedding } from "./bart_blocks.ts";
import {
  DecoderOnly,
  DecoderStack,
  encodeAndDecode,
  EncoderStack,
  lastToken,
  scoreTexts,
  type Seq2SeqDecoder,
  type Seq2SeqEncoder,
  shiftRight,
  type StackParts,
} from "./bart_stacks.ts";
import {
  headOutput,
  questionOutput,
  seq2seqStates,
  tokenOutput,
} from "./heads.ts";
import { joined, tokenStates } from "./packed.ts";
import { ConfigReader } from "../config.ts";
import type {
  CausalLMInputs,
  HeadOutput,
  LabelledSeq2SeqInputs,
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
import { classificationLoss } from "../loss.ts";
import { PreTrainedModel } from "../pretrained.ts";

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
   * @throws {TypeError} If a field is of the wrong kind, or an option unknown.
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

/** Rows of the position table that no token ever has. */
const POSITION_OFFSET = 2;

/** Words, learned places and the norm of their sum, for either side. */
function parts(config: BartConfig, tokens: Embedding): StackParts {
  const { maxPositionEmbeddings, dModel, initStd: std } = config;
  const positions = new PositionTable(
    maxPositionEmbeddings + POSITION_OFFSET,
    dModel,
    { offset: POSITION_OFFSET, init: init.normal({ std }) },
  );
  return { tokens, positions, norm: true };
}

/** What all BARTs share: their configuration, and what checkpoints call them. */
export class BartPreTrainedModel extends PreTrainedModel<BartConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof BartConfig = BartConfig;
  /** The attribute that holds encoder and decoder in models with a head. */
  static readonly basePrefix: string = "model";

  /** Padding need not be computed. */
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
  /** Words, which both sides use. */
  shared: Embedding;
  /** Reads the source. */
  encoder: Seq2SeqEncoder;
  /** Writes the target. */
  decoder: Seq2SeqDecoder;

  /** Builds the model with random weights. */
  constructor(config: BartConfig) {
    super(config);
    this.shared = wordEmbedding(config, config.vocabSize);
    this.encoder = new EncoderStack(config, parts(config, this.shared));
    this.decoder = new DecoderStack(config, parts(config, this.shared));
  }

  /** The encoder's output alone, `[batch, source, hidden]`. */
  encode(inputs: Seq2SeqInputs): Tensor {
    return this.encoder.forward(inputs).lastHiddenState;
  }

  /**
   * Encodes the source and decodes the target. Without `decoderInputIds` the
   * target is the source itself, moved right by one place.
   *
   * @throws {TypeError} If the inputs are not `[batch, length]`, or are missing.
   * @throws {RangeError} If the texts are longer than the position table.
   */
  forward(inputs: Seq2SeqInputs): Seq2SeqOutput {
    const { inputIds, decoderInputIds, packing } = inputs;
    // What is read of the source moved right has the source's places, if those
    // are its first.
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

/** What all BARTs with an encoder, a decoder and a head share. */
export class BartWithHead extends BartPreTrainedModel {
  /** Encoder and decoder. */
  model: BartModel;

  /** Builds the model with random weights. */
  constructor(config: BartConfig) {
    super(config);
    this.model = new BartModel(config);
  }

  /** The encoder's output alone, `[batch, source, hidden]`. */
  encode(inputs: Seq2SeqInputs): Tensor {
    return this.model.encode(inputs);
  }
}

/**
 * Writes texts from texts: summaries, answers, corrections. Labels
 * `[batch, target]`, -100 where there is none; logits
 * `[batch, target, vocabulary]`.
 *
 * Without `decoderInputIds` the decoder is given the labels, moved right by one
 * place. With a cache only the last token is scored.
 */
export class BartForConditionalGeneration extends BartWithHead {
  /** Added to the scores; not trained. */
  finalLogitsBias: Buffer;
  /** The head; its matrix is the word embeddings'. */
  lmHead: Linear;

  /** Builds the model with random weights. */
  constructor(config: BartConfig) {
    super(config);
    const { dModel, vocabSize, tieWordEmbeddings } = config;
    this.finalLogitsBias = new Buffer([1, vocabSize]);
    this.lmHead = linear(config, dModel, vocabSize, false);
    if (tieWordEmbeddings) this.lmHead.weight = this.model.shared.weight;
  }

  /** Scores every token of the vocabulary at every place of the target. */
  forward(
    inputs: WithLabels<LabelledSeq2SeqInputs>,
  ): WithLoss<Seq2SeqHeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledSeq2SeqInputs): Seq2SeqHeadOutput;
  forward(inputs: LabelledSeq2SeqInputs): Seq2SeqHeadOutput {
    const { labels, decoderInputIds, cache } = inputs;
    const output = this.model.forward({
      ...inputs,
      decoderInputIds: decoderInputIds ??
        (labels && shiftRight(labels, this.config)),
    });
    const x = tokenStates(output);
    const scores = matmul(cache ? lastToken(x) : x, this.lmHead.weight, {
      transposeB: true,
      bias: reshape(this.finalLogitsBias, [this.finalLogitsBias.size]),
    });
    const { packed } = output;
    return joined(
      tokenOutput(scores, labels, { packed }),
      seq2seqStates(output),
    );
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
 * end token of each text; without one, a row's scores are NaN. Logits
 * `[batch, labels]`; labels and loss are those of
 * {@linkcode classificationLoss}.
 *
 * Without `decoderInputIds` the decoder reads the source, moved right by one
 * place.
 */
export class BartForSequenceClassification extends BartWithHead {
  /** The head. */
  classificationHead: Module & { forward(x: Tensor): Tensor };
  readonly #eosTokenId: number;

  /**
   * Builds the model with random weights.
   *
   * @throws {TypeError} If the configuration has not exactly one end token.
   */
  constructor(config: BartConfig) {
    super(config);
    const { eosTokenId } = config;
    if (typeof eosTokenId !== "number") {
      throw new TypeError(
        `Cannot classify by the end token: eosTokenId is ${
          JSON.stringify(eosTokenId)
        }, expected one number`,
      );
    }
    this.#eosTokenId = eosTokenId;
    this.classificationHead = new BartClassificationHead(config);
  }

  /** Scores every label for every text. */
  forward(
    inputs: WithLabels<LabelledSeq2SeqInputs<AnyTensor>>,
  ): WithLoss<Seq2SeqHeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledSeq2SeqInputs<AnyTensor>): Seq2SeqHeadOutput;
  forward(inputs: LabelledSeq2SeqInputs<AnyTensor>): Seq2SeqHeadOutput {
    const { inputIds, labels } = inputs;
    if (!inputIds) {
      throw new TypeError(
        "Cannot classify: inputIds must be given, to find the end tokens",
      );
    }
    const output = this.model.forward(inputs);
    const { packed } = output;
    const places = lastPlaces(this.#eosTokenId, inputIds); // [batch]
    const last = packed ? indexSelect(packed.packing.inverse, places) : places;
    const states = reshape(tokenStates(output), [-1, this.config.dModel]);
    const logits = maskedFill(
      this.classificationHead.forward(embedding(last, states)),
      less(reshape(last, [last.size, 1]), 0),
      NaN,
    );
    const { problemType } = this.config;
    const loss = labels && classificationLoss(logits, labels, { problemType });
    return joined(headOutput(logits, loss, {}), seq2seqStates(output));
  }
}

/**
 * Where each row has a token for the last time, counted through all rows;
 * -1 where it has none.
 */
function lastPlaces(token: number, ids: IntegerTensor): Tensor<"i32"> {
  const places = reshape(arange(ids.size, { device: ids.device }), ids.shape);
  return max(where(equal(ids, token), places, -1), { axis: 1 });
}

/**
 * Finds an answer in a text. The loss is the mean of two cross-entropies over
 * all places, padding included unless texts are packed; positions beyond the
 * text are ignored.
 */
export class BartForQuestionAnswering extends BartWithHead {
  /** The head: a start and an end score per token. */
  qaOutputs: Linear;

  /** Builds the model with random weights. */
  constructor(config: BartConfig) {
    super(config);
    this.qaOutputs = linear(config, config.dModel, 2);
  }

  /** Scores every token as the answer's first and last. */
  forward(
    inputs: WithPositions<Seq2SeqQuestionInputs>,
  ): WithLoss<Seq2SeqQuestionOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: Seq2SeqQuestionInputs): Seq2SeqQuestionOutput;
  forward(inputs: Seq2SeqQuestionInputs): Seq2SeqQuestionOutput {
    const output = this.model.forward(inputs);
    const scores = this.qaOutputs.forward(tokenStates(output));
    const { packed } = output;
    return joined(
      questionOutput(scores, inputs, { packed }),
      seq2seqStates(output),
    );
  }
}

/**
 * Continues texts with the decoder alone: every token sees only those before
 * it, and nothing is read beside. Token types and given positions are ignored.
 *
 * Labels `[batch, length]` are those of the same place, not of the next: move
 * them yourself, as in Hugging Face's class of this name. Logits
 * `[batch, length, vocabulary]`; with a cache only the last token is scored.
 */
export class BartForCausalLM extends BartPreTrainedModel {
  /** The decoder. */
  model: Module & { decoder: Seq2SeqDecoder };
  /** The head; its matrix is the word embeddings'. */
  lmHead: Linear;

  /** Builds the model with random weights. */
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

  /** Scores every token of the vocabulary at every place. */
  forward(inputs: WithLabels<CausalLMInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: CausalLMInputs): HeadOutput;
  forward(inputs: CausalLMInputs): HeadOutput {
    return scoreTexts(this.model, this.lmHead, inputs);
  }
}
