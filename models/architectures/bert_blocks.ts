// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The blocks that BERT and RoBERTa are built of, and the pooler. Attribute
// paths are the names in checkpoints. The blocks read a few fields of a
// configuration, whatever its class, so that other architectures can be built
// of them.
//
// Longer than most files, because each of the classes has an example.

import {
  attention,
  attentionProbabilities,
  type IntegerTensor,
  type Tensor,
} from "../../engine/mod.ts";
import {
  attentionDropout,
  Dropout,
  type LayerNorm,
  type Linear,
  Module,
} from "../../nn/mod.ts";
import { activationOf } from "../activation.ts";
import type { KeyValueCache } from "../cache.ts";
import { type BlockStack, runBlock } from "../gradient_checkpointing.ts";
import type { CausalLMInputs, EncoderInputs, EncoderOutput } from "../io.ts";
import type { BertLikeConfig } from "./bert_config.ts";
import { linear, norm } from "./bert_init.ts";
import { firstToken } from "./heads.ts";
import { statesOutput } from "./packed.ts";

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

/** The inputs of an encoder, and in generation a cache of the tokens before. */
export type BertInputs = EncoderInputs & Pick<CausalLMInputs, "cache">;

// ---------------------------------------------------------------- block parts

/** Which tokens a block's attention sees, and what it returns besides. */
export interface BertAttentionInputs {
  /** 1 for tokens, 0 for padding, `[batch, length]`. @default {all 1} */
  mask?: IntegerTensor | undefined;
  /**
   * Which tokens share a text, where texts share a row; see `Packing`.
   *
   * @default {none}
   */
  segments?: IntegerTensor | undefined;
  /** The list that attention's probabilities are added to. @default {none} */
  attentions?: Tensor[] | undefined;
  /** Keys and values of the tokens before. @default {none} */
  cache?: KeyValueCache | undefined;
}

/**
 * Attention of each token to its whole text, or to the tokens before it.
 *
 * @example Usage
 * ```ts
 * import { initialize, zeros } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertSelfAttention } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 16, numAttentionHeads: 2 });
 * const x = zeros([1, 3, 16]);
 * const y = new BertSelfAttention(config, 0).forward(x, {});
 * assertEquals(y.shape, [1, 3, 16]);
 * ```
 */
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

  /**
   * Builds the attention of one block.
   *
   * @param config The model's sizes and settings.
   * @param index The block's index, under which a cache keeps its keys.
   */
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

/**
 * Dense, dropout, and the layer norm of the sum with a residual.
 *
 * @example Usage
 * ```ts
 * import { initialize, zeros } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertOutput } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 16, numAttentionHeads: 2 });
 * const x = zeros([1, 3, 16]);
 * const y = new BertOutput(config, 16).forward(x, x);
 * assertEquals(y.shape, [1, 3, 16]);
 * ```
 */
export class BertOutput extends Module {
  /** Maps `width` columns to the hidden width. */
  dense: Linear;
  /** The norm of the sum. */
  LayerNorm: LayerNorm;
  /** Dropout before the sum. */
  dropout: Dropout;

  /**
   * Builds the layers.
   *
   * @param config The model's sizes and settings.
   * @param width Columns of the input.
   */
  constructor(config: BertBlockConfig, width: number) {
    super();
    this.dense = linear(config, width, config.hiddenSize);
    this.LayerNorm = norm(config);
    this.dropout = new Dropout(config.hiddenDropoutProb);
  }

  /**
   * Maps `x [batch, length, width]`, and adds
   * `residual [batch, length, hidden]`.
   */
  forward(x: Tensor, residual: Tensor): Tensor {
    const y = this.dropout.forward(this.dense.forward(x));
    return this.LayerNorm.forward(y, { residual });
  }
}

/**
 * Self-attention with its output layer.
 *
 * @example Usage
 * ```ts
 * import { initialize, zeros } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertAttention } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 16, numAttentionHeads: 2 });
 * const x = zeros([1, 3, 16]);
 * const y = new BertAttention(config, 0).forward(x, {});
 * assertEquals(y.shape, [1, 3, 16]);
 * ```
 */
export class BertAttention extends Module {
  /** Queries, keys, values and attention. */
  self: BertSelfAttention;
  /** The projection of the joined heads, which adds the block's input. */
  output: BertOutput;

  /**
   * Builds both for one block.
   *
   * @param config The model's sizes and settings.
   * @param index The block's index.
   */
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

/**
 * A dense layer with the block's activation, in one kernel.
 *
 * @example Usage
 * ```ts
 * import { initialize, zeros } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertIntermediate } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 16, numAttentionHeads: 2 });
 * const x = zeros([1, 3, 16]);
 * const y = new BertIntermediate(config).forward(x);
 * assertEquals(y.shape, [1, 3, config.intermediateSize]);
 * ```
 */
export class BertIntermediate extends Module {
  /** Maps the hidden width to `intermediateSize`. */
  dense: Linear;
  readonly #activation: ReturnType<typeof activationOf>;

  /**
   * Builds the dense layer.
   *
   * @param config The model's sizes and settings.
   */
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

/**
 * One block: attention, then a feed-forward part.
 *
 * @example Usage
 * ```ts
 * import { initialize, zeros } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertLayer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 16, numAttentionHeads: 2 });
 * const x = zeros([1, 3, 16]);
 * const y = new BertLayer(config, 0).forward(x, {});
 * assertEquals(y.shape, [1, 3, 16]);
 * ```
 */
export class BertLayer extends Module {
  /** Self-attention with its output layer. */
  attention: BertAttention;
  /** The first half of the feed-forward part. */
  intermediate: BertIntermediate;
  /** The second half. */
  output: BertOutput;

  /**
   * Builds one block.
   *
   * @param config The model's sizes and settings.
   * @param index The block's index.
   */
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

/**
 * The blocks, one after the other.
 *
 * @example Usage
 * ```ts
 * import { initialize, zeros } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertEncoder } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({
 *   vocabSize: 50,
 *   hiddenSize: 16,
 *   numHiddenLayers: 1,
 *   numAttentionHeads: 2,
 * });
 * const x = zeros([1, 3, 16]);
 * const { lastHiddenState } = new BertEncoder(config).forward(x, {
 *   inputIds: zeros([1, 3], { dtype: "i32" }),
 * });
 * assertEquals(lastHiddenState.shape, [1, 3, 16]);
 * ```
 */
export class BertEncoder extends Module implements BlockStack {
  /** Whether blocks are checkpointed in training mode. */
  gradientCheckpointing: boolean = false;
  /** The blocks. */
  layer: BertLayer[];
  readonly #config: BertBlockConfig;

  /**
   * Builds all blocks.
   *
   * @param config The model's sizes and settings.
   */
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
   * @param inputs Mask or packing, the cache, and which states to give. Other
   * inputs are not read.
   * @throws {TypeError} If a cache is given though tokens see those after them,
   * or together with `outputAttentions`.
   */
  forward(x: Tensor, inputs: BertInputs): EncoderOutput {
    const config = this.#config;
    const { isDecoder } = config;
    const { packing, cache } = inputs;
    const mask = packing ? undefined : inputs.attentionMask;
    const segments = packing?.segments;
    const {
      outputHiddenStates = config.outputHiddenStates,
      outputAttentions = config.outputAttentions === true && !packing &&
        !cache,
    } = inputs;
    if (cache && (!isDecoder || outputAttentions)) {
      throw new TypeError(
        "Cannot encode with a cache: " +
          (isDecoder
            ? "it holds no attention probabilities"
            : "isDecoder is false, so that tokens see those after them"),
      );
    }
    const attentions = outputAttentions ? [] as Tensor[] : undefined;
    const hiddenStates = [x];
    for (const layer of this.layer) {
      x = runBlock(
        this,
        x,
        (x, attentions) =>
          layer.forward(x, { mask, segments, attentions, cache }),
        { lists: [attentions], cache },
      );
      hiddenStates.push(x);
    }
    const whole = (x: Tensor) => packing ? packing.unpack(x) : x;
    return statesOutput(x, packing, {
      ...(outputHiddenStates ? { hiddenStates: hiddenStates.map(whole) } : {}),
      ...(attentions ? { attentions } : {}),
    });
  }
}

/**
 * A dense layer with tanh on the first token, which stands for the text.
 *
 * @example Usage
 * ```ts
 * import { initialize, zeros } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertPooler } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({ hiddenSize: 16, numAttentionHeads: 2 });
 * const x = zeros([1, 3, 16]);
 * assertEquals(new BertPooler(config).forward(x).shape, [1, 16]);
 * ```
 */
export class BertPooler extends Module {
  /** Maps the hidden width to itself. */
  dense: Linear;

  /**
   * Builds the dense layer.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: BertBlockConfig) {
    super();
    this.dense = linear(config, config.hiddenSize, config.hiddenSize);
  }

  /** Maps `x [batch, length, hidden]` to `[batch, hidden]`. */
  forward(x: Tensor): Tensor {
    return this.dense.forward(firstToken(x), { activation: "tanh" });
  }
}
