// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The parts that BERT and RoBERTa are built of. Attribute paths are the names in
// checkpoints. They read a few fields of a configuration, whatever its class,
// so that other architectures can be built of them.

import {
  add,
  attention,
  attentionProbabilities,
  type IntegerTensor,
  type Tensor,
  zeros,
} from "../../engine/mod.ts";
import {
  attentionDropout,
  Dropout,
  Embedding,
  init,
  LayerNorm,
  Linear,
  Module,
  type Parameter,
} from "../../nn/mod.ts";
import type { BertLikeConfig } from "./bert_config.ts";
import { firstToken } from "./heads.ts";
import { checkPacking, statesOutput } from "./packed.ts";
import { activationOf } from "../activation.ts";
import type { KeyValueCache } from "../cache.ts";
import type { CausalLMInputs, EncoderInputs, EncoderOutput } from "../io.ts";

/** The fields of a configuration that the blocks read. */
export type BertBlockConfig =
  & Partial<Pick<BertLikeConfig, "outputAttentions">>
  & Pick<
    BertLikeConfig,
    | "hiddenSize"
    | "numHiddenLayers"
    | "numAttentionHeads"
    | "intermediateSize"
    | "hiddenAct"
    | "hiddenDropoutProb"
    | "attentionProbsDropoutProb"
    | "layerNormEps"
    | "initializerRange"
    | "isDecoder"
    | "outputHiddenStates"
  >;

/** The fields of a configuration that the embeddings read. */
export type BertEmbeddingsConfig =
  & Pick<
    BertLikeConfig,
    "vocabSize" | "maxPositionEmbeddings" | "typeVocabSize" | "padTokenId"
  >
  & BertBlockConfig;

/** What an encoder takes, and in generation the tokens before it. */
export type BertInputs = EncoderInputs & Pick<CausalLMInputs, "cache">;

/** A dense layer that starts as the configuration says, with zeros as bias. */
export function linear(
  { initializerRange: std }: Pick<BertBlockConfig, "initializerRange">,
  from: number,
  to: number,
): Linear {
  return new Linear(from, to, {
    init: init.normal({ std }),
    biasInit: init.zeros(),
  });
}

/** A layer norm of the hidden states. */
export function norm(
  { hiddenSize, layerNormEps: eps }: Pick<
    BertBlockConfig,
    "hiddenSize" | "layerNormEps"
  >,
): LayerNorm {
  return new LayerNorm(hiddenSize, { eps });
}

/** Dropout before a classifier. */
export function headDropout(
  config: Pick<BertLikeConfig, "classifierDropout" | "hiddenDropoutProb">,
): Dropout {
  return new Dropout(config.classifierDropout ?? config.hiddenDropoutProb);
}

/**
 * The layer that scores every token of the vocabulary. Its matrix is the word
 * embeddings' unless the configuration unties them; the bias belongs to the
 * head around it, which is how files name it.
 */
export function vocabularyDecoder(
  config: Pick<
    BertLikeConfig,
    "hiddenSize" | "vocabSize" | "initializerRange" | "tieWordEmbeddings"
  >,
  words: Embedding,
  bias: Parameter,
): Linear {
  const decoder = linear(config, config.hiddenSize, config.vocabSize);
  decoder.bias = bias;
  if (config.tieWordEmbeddings) decoder.weight = words.weight;
  return decoder;
}

/**
 * Throws unless the tokens, and those before them in a cache, have places, and
 * a packing fits them.
 *
 * @throws {RangeError} If there are too few places.
 * @throws {TypeError} If the packing does not fit.
 */
export function checkPlaces(inputs: BertInputs, places: number): void {
  const { inputIds, cache, packing } = inputs;
  const length = inputIds.shape[1] ?? 0;
  if (packing) checkPacking("encode", packing, inputs);
  if (cache && cache.length + length > places) {
    throw new RangeError(
      `Cannot encode ${length} tokens after ${cache.length} others: ` +
        `the model knows ${places} places`,
    );
  }
}

// ----------------------------------------------------------------- embeddings

/** Options of {@linkcode BertEmbeddings}. */
export interface BertEmbeddingsOptions {
  /** A row of the position table that gets no gradient. @default {none} */
  positionPadding?: number | undefined;
}

/** The sum of word, position and token-type embeddings, normalised. */
export class BertEmbeddings extends Module {
  /** `[vocabulary, hidden]`; the row of the padding token gets no gradient. */
  wordEmbeddings: Embedding;
  /** `[places, hidden]`. */
  positionEmbeddings: Embedding;
  /** `[types, hidden]`. */
  tokenTypeEmbeddings: Embedding;
  /** The norm of the sum. */
  LayerNorm: LayerNorm;
  /** Dropout after the norm. */
  dropout: Dropout;

  /** Builds the three tables. */
  constructor(
    config: BertEmbeddingsConfig,
    options: BertEmbeddingsOptions = {},
  ) {
    super();
    const table = (rows: number, paddingIdx?: number) =>
      new Embedding(rows, config.hiddenSize, {
        paddingIdx,
        init: init.normal({
          std: config.initializerRange,
          zeroRow: paddingIdx,
        }),
      });
    this.wordEmbeddings = table(
      config.vocabSize,
      config.padTokenId ?? undefined,
    );
    this.positionEmbeddings = table(
      config.maxPositionEmbeddings,
      options.positionPadding,
    );
    this.tokenTypeEmbeddings = table(config.typeVocabSize);
    this.LayerNorm = norm(config);
    this.dropout = new Dropout(config.hiddenDropoutProb);
  }

  /**
   * Looks tokens up, the real ones alone where texts are packed; `positions`
   * broadcast to their shape.
   */
  forward(
    { inputIds, tokenTypeIds, packing }: EncoderInputs,
    positions: IntegerTensor,
  ): Tensor {
    const { device } = inputIds;
    const real = (x: IntegerTensor) => packing ? packing.pack(x) : x;
    const types = this.tokenTypeEmbeddings.forward(
      tokenTypeIds ? real(tokenTypeIds) : zeros([1], { dtype: "i32", device }),
    );
    const words = this.wordEmbeddings.forward(real(inputIds));
    const places = this.positionEmbeddings.forward(positions);
    return this.dropout.forward(
      this.LayerNorm.forward(add(add(words, types), places)),
    );
  }
}

// ---------------------------------------------------------------- block parts

/** How a block attends, besides its weights. */
export interface BertAttentionInputs {
  /** 1 for tokens to see, 0 for padding, `[batch, length]`. @default {all} */
  mask?: IntegerTensor | undefined;
  /** The texts that share a row; see `Packing`. @default {none} */
  segments?: IntegerTensor | undefined;
  /** Where to put the probabilities. @default {nowhere} */
  attentions?: Tensor[] | undefined;
  /** Keys and values of the tokens before. @default {none} */
  cache?: KeyValueCache | undefined;
}

/** Attention of each token to all of its text, or to those before it. */
export class BertSelfAttention extends Module {
  /** Projects the queries. */
  query: Linear;
  /** Projects the keys. */
  key: Linear;
  /** Projects the values. */
  value: Linear;
  readonly #index: number;
  readonly #heads: number;
  readonly #causal: boolean;
  readonly #dropout: number;

  /** Builds the attention of block `index`. */
  constructor(config: BertBlockConfig, index: number) {
    super();
    const { hiddenSize } = config;
    this.query = linear(config, hiddenSize, hiddenSize);
    this.key = linear(config, hiddenSize, hiddenSize);
    this.value = linear(config, hiddenSize, hiddenSize);
    this.#index = index;
    this.#heads = config.numAttentionHeads;
    this.#causal = config.isDecoder;
    this.#dropout = config.attentionProbsDropoutProb;
  }

  /** Maps `x [batch, length, hidden]` to the same shape. */
  forward(x: Tensor, inputs: BertAttentionInputs): Tensor {
    const { mask, segments, attentions, cache } = inputs;
    const q = this.query.forward(x); // [batch, length, heads · width]
    const k = this.key.forward(x);
    const v = this.value.forward(x);
    const heads = this.#heads;
    if (cache) return cache.attend(this.#index, [q, k, v], { heads });
    const rule = { heads, causal: this.#causal, mask, segments };
    attentions?.push(attentionProbabilities(q, k, rule));
    return attention(q, k, v, {
      ...rule,
      ...attentionDropout(this.training ? this.#dropout : 0),
    });
  }
}

/** Dense, dropout, and the norm of the sum with what went in before. */
export class BertOutput extends Module {
  /** From the inner width to the hidden one. */
  dense: Linear;
  /** The norm of the sum. */
  LayerNorm: LayerNorm;
  /** Dropout before the sum. */
  dropout: Dropout;

  /** Builds the dense layer from `width` columns. */
  constructor(config: BertBlockConfig, width: number) {
    super();
    this.dense = linear(config, width, config.hiddenSize);
    this.LayerNorm = norm(config);
    this.dropout = new Dropout(config.hiddenDropoutProb);
  }

  /** Maps `x [batch, length, width]` and adds `residual`. */
  forward(x: Tensor, residual: Tensor): Tensor {
    const y = this.dropout.forward(this.dense.forward(x));
    return this.LayerNorm.forward(y, { residual });
  }
}

/** Self-attention with its output layer. */
export class BertAttention extends Module {
  /** The attention itself. */
  self: BertSelfAttention;
  /** What joins the heads and adds `x`. */
  output: BertOutput;

  /** Builds both for block `index`. */
  constructor(config: BertBlockConfig, index: number) {
    super();
    this.self = new BertSelfAttention(config, index);
    this.output = new BertOutput(config, config.hiddenSize);
  }

  /** Maps `x [batch, length, hidden]` to the same shape. */
  forward(x: Tensor, inputs: BertAttentionInputs): Tensor {
    return this.output.forward(this.self.forward(x, inputs), x);
  }
}

/** A dense layer with the block's activation, in one kernel. */
export class BertIntermediate extends Module {
  /** From the hidden width to the inner one. */
  dense: Linear;
  readonly #activation: ReturnType<typeof activationOf>;

  /** Builds the dense layer. */
  constructor(config: BertBlockConfig) {
    super();
    this.dense = linear(config, config.hiddenSize, config.intermediateSize);
    this.#activation = activationOf(config.hiddenAct);
  }

  /** Maps `x [batch, length, hidden]` to `[batch, length, intermediate]`. */
  forward(x: Tensor): Tensor {
    return this.dense.forward(x, { activation: this.#activation });
  }
}

// ---------------------------------------------------------------------- block

/** One block: attention, then a feed-forward part. */
export class BertLayer extends Module {
  /** Self-attention with its output layer. */
  attention: BertAttention;
  /** The first half of the feed-forward part. */
  intermediate: BertIntermediate;
  /** The second half. */
  output: BertOutput;

  /** Builds block `index`. */
  constructor(config: BertBlockConfig, index: number) {
    super();
    this.attention = new BertAttention(config, index);
    this.intermediate = new BertIntermediate(config);
    this.output = new BertOutput(config, config.intermediateSize);
  }

  /** Maps `x [batch, length, hidden]` to the same shape. */
  forward(x: Tensor, inputs: BertAttentionInputs): Tensor {
    const attended = this.attention.forward(x, inputs);
    return this.output.forward(this.intermediate.forward(attended), attended);
  }
}

/** The blocks, one after the other. */
export class BertEncoder extends Module {
  /** The blocks. */
  layer: BertLayer[];
  readonly #config: BertBlockConfig;

  /** Builds all blocks. */
  constructor(config: BertBlockConfig) {
    super();
    this.#config = config;
    this.layer = Array.from(
      { length: config.numHiddenLayers },
      (_, index) => new BertLayer(config, index),
    );
  }

  /**
   * Maps embeddings `x [batch, length, hidden]`, or `[1, T, hidden]` where
   * texts are packed.
   *
   * @param x The embeddings.
   * @param inputs Mask or packing, cache and which states to give; the rest is
   * not read.
   * @throws {TypeError} If a cache is given where tokens see those after them,
   * or where probabilities are asked for.
   */
  forward(x: Tensor, inputs: BertInputs): EncoderOutput {
    const standard = this.#config;
    const { isDecoder } = standard;
    const { packing, cache } = inputs;
    const mask = packing ? undefined : inputs.attentionMask;
    const segments = packing?.segments;
    const {
      outputHiddenStates = standard.outputHiddenStates,
      outputAttentions = standard.outputAttentions === true && !packing &&
        !cache,
    } = inputs;
    if (cache && (!isDecoder || outputAttentions)) {
      throw new TypeError(
        "Cannot encode with a cache: " +
          (isDecoder
            ? "it does not give attention's probabilities"
            : "isDecoder is false, so that tokens see those after them"),
      );
    }
    const attentions = outputAttentions ? [] as Tensor[] : undefined;
    const hiddenStates = [x];
    for (const layer of this.layer) {
      x = layer.forward(x, { mask, segments, attentions, cache });
      hiddenStates.push(x);
    }
    const whole = (x: Tensor) => packing ? packing.unpack(x) : x;
    return statesOutput(x, packing, {
      ...(outputHiddenStates ? { hiddenStates: hiddenStates.map(whole) } : {}),
      ...(attentions ? { attentions } : {}),
    });
  }
}

/** Dense and tanh on the first token. */
export class BertPooler extends Module {
  /** From the hidden width to itself. */
  dense: Linear;

  /** Builds the dense layer. */
  constructor(config: BertBlockConfig) {
    super();
    this.dense = linear(config, config.hiddenSize, config.hiddenSize);
  }

  /** Maps `x [batch, length, hidden]` to `[batch, hidden]`. */
  forward(x: Tensor): Tensor {
    return this.dense.forward(firstToken(x), { activation: "tanh" });
  }
}
