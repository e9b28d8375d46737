// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The blocks that BART and Marian share, with their layer norms after each
// part. Attributes are in the order of Hugging Face's modules, because the
// order of attributes is the order of the flat parameter vector.

import {
  add,
  attention,
  attentionProbabilities,
  type IntegerTensor,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  attentionDropout,
  Dropout,
  Embedding,
  type EmbeddingModuleOptions,
  init,
  LayerNorm,
  Linear,
  Module,
} from "../../nn/mod.ts";
import { activationOf } from "../activation.ts";
import type { KeyValueCache } from "../cache.ts";
import type { Seq2SeqConfig } from "./bart_config.ts";

// ---------------------------------------------------------------------- parts

/**
 * A dense layer whose weight starts as the configuration says, and whose bias
 * is 0.
 */
export function linear(
  { initStd: std }: Seq2SeqConfig,
  from: number,
  to: number,
  bias = true,
): Linear {
  return new Linear(from, to, {
    bias,
    init: init.normal({ std }),
    biasInit: init.zeros(),
  });
}

/** A table of word embeddings that starts as the configuration says. */
export function wordEmbedding(
  { dModel, initStd: std, padTokenId }: Seq2SeqConfig,
  count: number,
): Embedding {
  const paddingIdx = padTokenId ?? undefined;
  return new Embedding(count, dModel, {
    paddingIdx,
    init: init.normal({ std, zeroRow: paddingIdx }),
  });
}

/** A table of position embeddings: row `offset + i` belongs to position `i`. */
export class PositionTable extends Embedding {
  readonly #offset: number;

  constructor(
    count: number,
    width: number,
    options: EmbeddingModuleOptions & { offset: number },
  ) {
    super(count, width, options);
    this.#offset = options.offset;
  }

  /** The rows of `length` positions from `start` on, `[length, width]`. */
  range(start: number, length: number): Tensor {
    const first = start + this.#offset;
    const rows = Int32Array.from({ length }, (_, i) => first + i);
    return this.forward(tensor(rows, { device: this.weight.device }));
  }

  /** The rows of the given positions, `[…, width]`. */
  at(positions: IntegerTensor): Tensor {
    return this.forward(add(positions, this.#offset));
  }
}

/**
 * Which queries see which keys, where several texts share a batch row; see
 * `attention`.
 */
export interface Segments {
  /**
   * For each query its first key and the one after its last.
   *
   * @default {none}
   */
  segments?: IntegerTensor | undefined;
  /**
   * For each key its first query and the one after its last.
   *
   * @default {segments}
   */
  segmentsOfKeys?: IntegerTensor | undefined;
}

/** Which keys {@linkcode Attention} sees, and what it returns besides. */
interface AttentionInputs extends Segments {
  /** The states that keys and values are computed from. @default {x} */
  memory?: Tensor;
  /** 1 for keys that may be seen, 0 for padding: `[batch, keys]`. */
  mask?: IntegerTensor | undefined;
  /** Whether a query sees only keys up to its own position. @default {false} */
  causal?: boolean;
  /** The list that attention's probabilities are added to. @default {none} */
  probabilities?: Tensor[] | undefined;
}

/** Attention of several heads, of a text to itself or to another. */
class Attention extends Module {
  kProj: Linear;
  vProj: Linear;
  qProj: Linear;
  outProj: Linear;
  readonly #heads: number;
  readonly #dropout: number;

  constructor(config: Seq2SeqConfig, heads: number) {
    super();
    const { dModel } = config;
    this.kProj = linear(config, dModel, dModel);
    this.vProj = linear(config, dModel, dModel);
    this.qProj = linear(config, dModel, dModel);
    this.outProj = linear(config, dModel, dModel);
    this.#heads = heads;
    this.#dropout = config.attentionDropout;
  }

  /** Lets `x [batch, length, width]` attend to `memory`, or to itself. */
  forward(x: Tensor, inputs: AttentionInputs = {}): Tensor {
    const { memory = x, causal = false, probabilities } = inputs;
    const { mask, segments, segmentsOfKeys } = inputs;
    const heads = this.#heads;
    const rule = { heads, causal, mask, segments, segmentsOfKeys };
    const q = this.qProj.forward(x);
    const k = this.kProj.forward(memory);
    probabilities?.push(attentionProbabilities(q, k, rule));
    const y = attention(q, k, this.vProj.forward(memory), {
      ...rule,
      ...attentionDropout(this.training ? this.#dropout : 0),
    });
    return this.outProj.forward(y);
  }

  /** Lets new tokens attend to one another and to those in the cache. */
  attendCached(x: Tensor, cache: KeyValueCache, layer: number): Tensor {
    const qkv = [this.qProj, this.kProj, this.vProj].map((p) => p.forward(x));
    return this.outProj.forward(
      cache.attend(layer, qkv as [Tensor, Tensor, Tensor], {
        heads: this.#heads,
      }),
    );
  }

  /**
   * Lets new tokens attend to the source. The cache keeps the source's keys and
   * values, so that they are computed only once.
   */
  crossAttendCached(
    x: Tensor,
    cache: KeyValueCache,
    layer: number,
    { memory, mask }: { memory: Tensor; mask: IntegerTensor | undefined },
  ): Tensor {
    return this.outProj.forward(
      cache.cross(layer, this.qProj.forward(x), {
        heads: this.#heads,
        mask,
        memory: () => [this.kProj.forward(memory), this.vProj.forward(memory)],
      }),
    );
  }
}

// --------------------------------------------------------------------- blocks

/**
 * The feed-forward part that ends both kinds of blocks: dense, activation,
 * dense, norm.
 */
abstract class Block extends Module {
  abstract fc1: Linear;
  abstract fc2: Linear;
  abstract finalLayerNorm: LayerNorm;
  dropout: Dropout;
  activationDropout: Dropout;
  readonly #activation: ReturnType<typeof activationOf>;

  constructor(config: Seq2SeqConfig) {
    super();
    this.dropout = new Dropout(config.dropout);
    this.activationDropout = new Dropout(config.activationDropout);
    this.#activation = activationOf(config.activationFunction);
  }

  protected feedForward(x: Tensor): Tensor {
    const inner = this.fc1.forward(x, { activation: this.#activation });
    const y = this.fc2.forward(this.activationDropout.forward(inner));
    return this.finalLayerNorm.forward(this.dropout.forward(y), {
      residual: x,
    });
  }
}

/** A block of the encoder. */
export class EncoderLayer extends Block {
  selfAttn: Attention;
  selfAttnLayerNorm: LayerNorm;
  fc1: Linear;
  fc2: Linear;
  finalLayerNorm: LayerNorm;

  constructor(config: Seq2SeqConfig) {
    super(config);
    const { dModel, encoderFfnDim } = config;
    this.selfAttn = new Attention(config, config.encoderAttentionHeads);
    this.selfAttnLayerNorm = new LayerNorm(dModel);
    this.fc1 = linear(config, dModel, encoderFfnDim);
    this.fc2 = linear(config, encoderFfnDim, dModel);
    this.finalLayerNorm = new LayerNorm(dModel);
  }

  forward(x: Tensor, inputs: AttentionInputs): Tensor {
    const y = this.dropout.forward(this.selfAttn.forward(x, inputs));
    return this.feedForward(
      this.selfAttnLayerNorm.forward(y, { residual: x }),
    );
  }
}

/** The inputs of a decoder's block besides the states. */
interface DecoderLayerInputs {
  /** The index of the block, under which the cache keeps its keys. */
  layer: number;
  cache: KeyValueCache | undefined;
  /** 1 for target tokens that may be seen; a cache has a mask itself. */
  mask: IntegerTensor | undefined;
  /** Which target tokens share a text, where several texts share a row. */
  segments: IntegerTensor | undefined;
  /** The encoder's output, if the decoder has an encoder. */
  source:
    | { memory: Tensor; mask: IntegerTensor | undefined } & Segments
    | undefined;
  /** The list that self-attention's probabilities are added to. */
  attentions: Tensor[] | undefined;
  /** The list that cross-attention's probabilities are added to. */
  crossAttentions: Tensor[] | undefined;
}

/** A block of the decoder. */
export class DecoderLayer extends Block {
  selfAttn: Attention;
  selfAttnLayerNorm: LayerNorm;
  encoderAttn: Attention;
  encoderAttnLayerNorm: LayerNorm;
  fc1: Linear;
  fc2: Linear;
  finalLayerNorm: LayerNorm;

  constructor(config: Seq2SeqConfig) {
    super(config);
    const { dModel, decoderFfnDim, decoderAttentionHeads: heads } = config;
    this.selfAttn = new Attention(config, heads);
    this.selfAttnLayerNorm = new LayerNorm(dModel);
    this.encoderAttn = new Attention(config, heads);
    this.encoderAttnLayerNorm = new LayerNorm(dModel);
    this.fc1 = linear(config, dModel, decoderFfnDim);
    this.fc2 = linear(config, decoderFfnDim, dModel);
    this.finalLayerNorm = new LayerNorm(dModel);
  }

  forward(x: Tensor, inputs: DecoderLayerInputs): Tensor {
    const { layer, cache, mask, segments, source } = inputs;
    const own = cache
      ? this.selfAttn.attendCached(x, cache, layer)
      : this.selfAttn.forward(x, {
        mask,
        segments,
        causal: true,
        probabilities: inputs.attentions,
      });
    let y = this.selfAttnLayerNorm.forward(this.dropout.forward(own), {
      residual: x,
    });
    if (source) {
      const seen = cache
        ? this.encoderAttn.crossAttendCached(y, cache, layer, source)
        : this.encoderAttn.forward(y, {
          ...source,
          probabilities: inputs.crossAttentions,
        });
      y = this.encoderAttnLayerNorm.forward(this.dropout.forward(seen), {
        residual: y,
      });
    }
    return this.feedForward(y);
  }
}
