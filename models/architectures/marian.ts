// Copyright 2026 the swagpu authors. MIT license.

/**
 * Marian: Junczys-Dowmunt, Grundkiewicz, Dwojak and others, "Marian: Fast
 * Neural Machine Translation in C++", 2018; the form of the OPUS-MT models.
 *
 * It is BART with fixed, sinusoidal positions, and without a norm of the
 * embeddings. From top to bottom: configuration, model, heads. Blocks, encoder
 * and decoder are BART's; see `bart.ts`. Attribute paths are the names in
 * Hugging Face's checkpoints.
 *
 * @module
 */

import { type Tensor, tensor } from "../../engine/mod.ts";
import {
  Buffer,
  type Embedding,
  type Initializer,
  type Linear,
  type Module,
} from "../../nn/mod.ts";
import {
  decoderFields,
  Seq2SeqConfig,
  type Seq2SeqConfigOptions,
} from "./bart_config.ts";
import { linear, PositionTable, wordEmbedding } from "./bart_blocks.ts";
import {
  DecoderOnly,
  encodeAndDecode,
  scoreTargets,
  scoreTexts,
} from "./bart_seq2seq.ts";
import {
  DecoderStack,
  EncoderStack,
  type Seq2SeqDecoder,
  type Seq2SeqEncoder,
  type StackParts,
} from "./bart_stacks.ts";
import { ConfigReader } from "../config.ts";
import type {
  CausalLMInputs,
  HeadOutput,
  LabeledSeq2SeqInputs,
  Seq2SeqHeadOutput,
  Seq2SeqInputs,
  Seq2SeqOutput,
  WithLabels,
  WithLoss,
} from "../io.ts";
import { KNOWN_FIELDS } from "../known_fields.ts";
import { PreTrainedModel } from "../pretrained.ts";

// ------------------------------------------------------------- configuration

/** Options of {@linkcode MarianConfig}; in files they are in snake case. */
export interface MarianConfigOptions extends Seq2SeqConfigOptions {
  /** Tokens of the target's vocabulary. @default {vocabSize} */
  decoderVocabSize?: number;
  /**
   * Whether source and target share one vocabulary and one table of embeddings.
   *
   * @default {true}
   */
  shareEncoderDecoderEmbeddings?: boolean;
}

/**
 * The configuration of a Marian, as in its `config.json`.
 *
 * @example Usage
 * ```ts
 * import { MarianConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new MarianConfig({ vocabSize: 100, padTokenId: 99 });
 * assertEquals(config.decoderVocabSize, 100);
 * assertEquals(config.toJSON().share_encoder_decoder_embeddings, true);
 * ```
 */
export class MarianConfig extends Seq2SeqConfig {
  /** Tokens of the target's vocabulary. */
  readonly decoderVocabSize: number;
  /** Whether source and target share one vocabulary and one table. */
  readonly shareEncoderDecoderEmbeddings: boolean;

  /**
   * Reads and checks the fields.
   *
   * @param options The fields that differ from the defaults, or those of a
   * file.
   * @throws {TypeError} If a field is of the wrong kind, or an option is
   * unknown.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: MarianConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, {
      modelType: "marian",
      vocabSize: 58101,
      padTokenId: 58100,
      eosTokenId: 0,
      decoderStartTokenId: 58100,
      forcedEosTokenId: 0,
    });
    this.decoderVocabSize = reader.integer(
      "decoder_vocab_size",
      this.vocabSize,
      { min: 1 },
    );
    this.shareEncoderDecoderEmbeddings = reader.boolean(
      "share_encoder_decoder_embeddings",
      true,
    );
    if (new.target === MarianConfig) reader.checkNames(KNOWN_FIELDS);
  }
}

// --------------------------------------------------------------------- model

/**
 * Sine and cosine of `position / 10000^(2i / width)`: all sines first, then all
 * cosines. Vaswani et al., "Attention Is All You Need", 2017, interleave them.
 */
function sinusoids(): Initializer {
  return (shape, write) => {
    const [length = 0, width = 0] = shape;
    const sines = Math.ceil(width / 2);
    const table = new Float32Array(length * width);
    for (let position = 0; position < length; position++) {
      for (let column = 0; column < width; column++) {
        const i = column < sines ? column : column - sines;
        const angle = position / 10000 ** (2 * i / width);
        table[position * width + column] = column < sines
          ? Math.sin(angle)
          : Math.cos(angle);
      }
    }
    write(tensor(table, { shape }));
  };
}

/** The embeddings of either side: words and fixed positions. */
function parts(config: MarianConfig, tokens: Embedding): StackParts {
  const { maxPositionEmbeddings, dModel } = config;
  const positions = new PositionTable(maxPositionEmbeddings, dModel, {
    offset: 0,
    init: sinusoids(),
  });
  positions.weight.requiresGrad = false;
  return { tokens, positions, norm: false };
}

/**
 * The base class of all Marian models: the class of their configuration, and
 * the name by which checkpoints of models with a head call encoder and decoder.
 *
 * @example Usage
 * ```ts
 * import { MarianPreTrainedModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(MarianPreTrainedModel.basePrefix, "model");
 * ```
 */
export class MarianPreTrainedModel extends PreTrainedModel<MarianConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof MarianConfig = MarianConfig;
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
 * import { MarianConfig, MarianModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new MarianModel(
 *   new MarianConfig({
 *     vocabSize: 50,
 *     padTokenId: 49,
 *     decoderStartTokenId: 49,
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
 *   inputIds: tensor([[7, 9, 3, 0]], { dtype: "i32" }),
 *   decoderInputIds: tensor([[49, 8]], { dtype: "i32" }),
 * });
 * assertEquals(output.lastHiddenState.shape, [1, 2, 16]);
 * ```
 */
export class MarianModel extends MarianPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "MarianModel";
  /** Word embeddings, if both sides share them. */
  shared: Embedding | undefined;
  /** Encodes the source. */
  encoder: Seq2SeqEncoder;
  /** Decodes the target. */
  decoder: Seq2SeqDecoder;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: MarianConfig) {
    super(config);
    const { vocabSize, decoderVocabSize } = config;
    this.shared = config.shareEncoderDecoderEmbeddings
      ? wordEmbedding(config, vocabSize)
      : undefined;
    const source = this.shared ?? wordEmbedding(config, vocabSize);
    const target = this.shared ?? wordEmbedding(config, decoderVocabSize);
    this.encoder = new EncoderStack(config, parts(config, source));
    this.decoder = new DecoderStack(config, parts(config, target));
  }

  /** Runs the encoder alone; gives its states, `[batch, source, hidden]`. */
  encode(inputs: Seq2SeqInputs): Tensor {
    return this.encoder.forward(inputs).lastHiddenState;
  }

  /**
   * Encodes the source and decodes the target.
   *
   * @throws {TypeError} If the inputs are not `[batch, length]`, or are
   * missing.
   * @throws {RangeError} If the texts are longer than the position table.
   */
  forward(inputs: Seq2SeqInputs): Seq2SeqOutput {
    const { decoderInputIds } = inputs;
    if (!decoderInputIds) {
      throw new TypeError(
        "Cannot decode: neither decoderInputIds nor labels are given",
      );
    }
    return encodeAndDecode(this, inputs, decoderInputIds);
  }
}

// --------------------------------------------------------------------- heads

/**
 * Translates texts. Labels `[batch, target]`, -100 for tokens to ignore; logits
 * `[batch, target, vocabulary]`.
 *
 * Without `decoderInputIds` the decoder reads the labels, moved one position to
 * the right. With a cache only the last token is scored.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { MarianConfig, MarianMTModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new MarianConfig({
 *   dModel: 16,
 *   encoderLayers: 1,
 *   decoderLayers: 1,
 * });
 * const model = new MarianMTModel(config);
 * const inputIds = tensor([[7, 9, 3, 0]], { dtype: "i32" });
 * const labels = tensor([[8, 5, 0]], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels });
 * assertEquals([logits.shape, loss.shape], [[1, 3, 58101], []]);
 * ```
 */
export class MarianMTModel extends MarianPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "MarianMTModel";
  /**
   * The sinusoids, which files leave out because the configuration gives them.
   */
  static override readonly keysToIgnoreOnSave: readonly string[] = [
    "model.encoder.embed_positions.weight",
    "model.decoder.embed_positions.weight",
  ];
  /** Encoder and decoder. */
  model: MarianModel;
  /** Added to the scores. It is not trained. */
  finalLogitsBias: Buffer;
  /** The head. Its weight is the target's word embeddings, unless untied. */
  lmHead: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: MarianConfig) {
    super(config);
    const { dModel, tieWordEmbeddings } = config;
    this.model = new MarianModel(config);
    const { embedTokens } = this.model.decoder;
    const [count = 0] = embedTokens.weight.shape;
    this.finalLogitsBias = new Buffer([1, count]);
    this.lmHead = linear(config, dModel, count, false);
    if (tieWordEmbeddings) this.lmHead.weight = embedTokens.weight;
  }

  /** Runs the encoder alone; gives its states, `[batch, source, hidden]`. */
  encode(inputs: Seq2SeqInputs): Tensor {
    return this.model.encode(inputs);
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
 * import { MarianConfig, MarianForCausalLM } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new MarianConfig({
 *   dModel: 16,
 *   encoderLayers: 1,
 *   decoderLayers: 1,
 * });
 * const model = new MarianForCausalLM(config).eval();
 * const inputIds = tensor([[58100, 8, 5]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 3, 58101]);
 * ```
 */
export class MarianForCausalLM extends MarianPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "MarianForCausalLM";
  /** The decoder. */
  model: Module & { decoder: Seq2SeqDecoder };
  /** The head. Its weight is the word embeddings', unless untied. */
  lmHead: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: MarianConfig) {
    super(new MarianConfig(decoderFields(config)));
    const { dModel, decoderVocabSize, tieWordEmbeddings } = config;
    const tokens = wordEmbedding(this.config, decoderVocabSize);
    this.model = new DecoderOnly(this.config, parts(this.config, tokens));
    this.lmHead = linear(config, dModel, decoderVocabSize, false);
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
