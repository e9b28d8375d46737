// Copyright 2026 the swagpu authors. MIT license.

/**
 * Marian: Junczys-Dowmunt, Grundkiewicz, Dwojak and others, "Marian: Fast
 * Neural Machine Translation in C++", 2018; the form of the OPUS-MT models.
 *
 * It is BART with fixed, sinusoidal places, and without a norm of the
 * embeddings. From top to bottom: configuration, model, heads;
 * `bart_blocks.ts` holds the blocks and `bart_stacks.ts` encoder and decoder.
 * Attribute paths are the names in Hugging Face's checkpoints.
 *
 * @module
 */

import { matmul, reshape, type Tensor, tensor } from "../../engine/mod.ts";
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
import { seq2seqStates, tokenOutput } from "./heads.ts";
import { joined, tokenStates } from "./packed.ts";
import { ConfigReader } from "../config.ts";
import type {
  CausalLMInputs,
  HeadOutput,
  LabelledSeq2SeqInputs,
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
  /** Entries of the target's vocabulary. @default {vocabSize} */
  decoderVocabSize?: number;
  /**
   * Whether source and target have the same words, in one table.
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
  /** Entries of the target's vocabulary. */
  readonly decoderVocabSize: number;
  /** Whether source and target have the same words, in one table. */
  readonly shareEncoderDecoderEmbeddings: boolean;

  /**
   * Reads and checks the fields.
   *
   * @throws {TypeError} If a field is of the wrong kind, or an option unknown.
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
 * Sine and cosine of `place / 10000^(2i / width)`: all sines first, then all
 * cosines. Vaswani et al., "Attention Is All You Need", 2017, interleave them.
 */
function sinusoids(): Initializer {
  return (shape, write) => {
    const [places = 0, width = 0] = shape;
    const sines = Math.ceil(width / 2);
    const table = new Float32Array(places * width);
    for (let place = 0; place < places; place++) {
      for (let column = 0; column < width; column++) {
        const i = column < sines ? column : column - sines;
        const angle = place / 10000 ** (2 * i / width);
        table[place * width + column] = column < sines
          ? Math.sin(angle)
          : Math.cos(angle);
      }
    }
    write(tensor(table, { shape }));
  };
}

/** Words and fixed places, for either side. */
function parts(config: MarianConfig, tokens: Embedding): StackParts {
  const { maxPositionEmbeddings, dModel } = config;
  const positions = new PositionTable(maxPositionEmbeddings, dModel, {
    offset: 0,
    init: sinusoids(),
  });
  positions.weight.requiresGrad = false;
  return { tokens, positions, norm: false };
}

/** What all Marians share: their configuration, and what checkpoints call them. */
export class MarianPreTrainedModel extends PreTrainedModel<MarianConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof MarianConfig = MarianConfig;
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
  /** Words, where both sides use the same. */
  shared: Embedding | undefined;
  /** Reads the source. */
  encoder: Seq2SeqEncoder;
  /** Writes the target. */
  decoder: Seq2SeqDecoder;

  /** Builds the model with random weights. */
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

  /** The encoder's output alone, `[batch, source, hidden]`. */
  encode(inputs: Seq2SeqInputs): Tensor {
    return this.encoder.forward(inputs).lastHiddenState;
  }

  /**
   * Encodes the source and decodes the target.
   *
   * @throws {TypeError} If the inputs are not `[batch, length]`, or are missing.
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
 * Translates. Labels `[batch, target]`, -100 where there is none; logits
 * `[batch, target, vocabulary]`.
 *
 * Without `decoderInputIds` the decoder is given the labels, moved right by one
 * place. With a cache only the last token is scored.
 */
export class MarianMTModel extends MarianPreTrainedModel {
  /** Tables that files leave out: they follow from the configuration. */
  static override readonly keysToIgnoreOnSave: readonly string[] = [
    "model.encoder.embed_positions.weight",
    "model.decoder.embed_positions.weight",
  ];
  /** Encoder and decoder. */
  model: MarianModel;
  /** Added to the scores; not trained. */
  finalLogitsBias: Buffer;
  /** The head; its matrix is that of the target's words. */
  lmHead: Linear;

  /** Builds the model with random weights. */
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

  /** The encoder's output alone, `[batch, source, hidden]`. */
  encode(inputs: Seq2SeqInputs): Tensor {
    return this.model.encode(inputs);
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

/**
 * Continues texts with the decoder alone: every token sees only those before
 * it, and nothing is read beside. Token types and given positions are ignored.
 *
 * Labels `[batch, length]` are those of the same place, not of the next: move
 * them yourself, as in Hugging Face's class of this name. Logits
 * `[batch, length, vocabulary]`; with a cache only the last token is scored.
 */
export class MarianForCausalLM extends MarianPreTrainedModel {
  /** The decoder. */
  model: Module & { decoder: Seq2SeqDecoder };
  /** The head; its matrix is the word embeddings'. */
  lmHead: Linear;

  /** Builds the model with random weights. */
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

  /** Scores every token of the vocabulary at every place. */
  forward(inputs: WithLabels<CausalLMInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: CausalLMInputs): HeadOutput;
  forward(inputs: CausalLMInputs): HeadOutput {
    return scoreTexts(this.model, this.lmHead, inputs);
  }
}
