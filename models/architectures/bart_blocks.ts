// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The parts and the post-layer-norm blocks of BART and Marian. Attributes are in
// the order of Hugging Face's modules, which is the order of the flat parameter
// vector.

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
import type { Seq2SeqConfig } from "./bart_config.ts";
import { activationOf } from "../activation.ts";
import type { KeyValueCache } from "../cache.ts";

// ---------------------------------------------------------------------- parts

/** A linear layer with the configuration's initial values. */
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

/** A table of words with the configuration's initial values. */
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

/** A table of places: row `offset + i` belongs to the token at place `i`. */
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

  /** The rows of so many places from `start` on, `[length, width]`. */
  places(start: number, length: number): Tensor {
    const first = start + this.#offset;
    const rows = Int32Array.from({ length }, (_, i) => first + i);
    return this.forward(tensor(rows, { device: this.weight.device }));
  }

  /** The rows of given places, `[…, width]`. */
  at(places: IntegerTensor): Tensor {
    return this.forward(add(places, this.#offset));
  }
}

/** Which rows see which, where texts share a batch row; see `attention`. */
export interface Segments {
  /** Of each query the first and one-past-last key. @default {none} */
  segments?: IntegerTensor | undefined;
  /** Of each key the first and one-past-last query. @default {segments} */
  segmentsOfKeys?: IntegerTensor | undefined;
}

/** How {@linkcode Attention} looks at its keys. */
interface AttentionInputs extends Segments {
  /** Where keys and values come from. @default {x} */
  memory?: Tensor;
  /** 1 for keys to see: `[batch, keys]`. */
  mask?: IntegerTensor | undefined;
  /** Whether a query sees only keys up to its own place. @default {false} */
  causal?: boolean;
  /** Takes the probabilities, where they are wanted. */
  probabilities?: Tensor[] | undefined;
}

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

  /** Lets new tokens attend to themselves and to those in the cache. */
  continued(x: Tensor, cache: KeyValueCache, layer: number): Tensor {
    const qkv = [this.qProj, this.kProj, this.vProj].map((p) => p.forward(x));
    return this.outProj.forward(
      cache.attend(layer, qkv as [Tensor, Tensor, Tensor], {
        heads: this.#heads,
      }),
    );
  }

  /** Lets new tokens attend to the source, projected once. */
  recalled(
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

/** What both kinds of blocks do last: dense, activation, dense, norm. */
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

/** What a decoder's block takes besides its input. */
interface DecoderLayerInputs {
  /** Which block it is, for the cache. */
  layer: number;
  cache: KeyValueCache | undefined;
  /** 1 for targets to see; the cache knows its own. */
  mask: IntegerTensor | undefined;
  /** Which targets share a text, where texts share a row. */
  segments: IntegerTensor | undefined;
  /** The encoder's output, where there is one. */
  source:
    | { memory: Tensor; mask: IntegerTensor | undefined } & Segments
    | undefined;
  attentions: Tensor[] | undefined;
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
      ? this.selfAttn.continued(x, cache, layer)
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
        ? this.encoderAttn.recalled(y, cache, layer, source)
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
