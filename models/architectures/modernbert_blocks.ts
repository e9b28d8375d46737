// Copyright 2026 the swagpu authors. MIT license.

// The embeddings and blocks of ModernBERT. Attribute paths are the names in
// checkpoints.

import {
  add,
  attention,
  attentionProbabilities,
  gatedActivation,
  type IntegerTensor,
  rotaryQkv,
  type Tensor,
} from "../../engine/mod.ts";
import {
  attentionDropout,
  Dropout,
  Embedding,
  init,
  type Initializer,
  LayerNorm,
  Linear,
  Module,
} from "../../nn/mod.ts";
import { activationOf } from "../activation.ts";
import type { ModernBertConfig } from "./modernbert_config.ts";

/**
 * The initial values of a weight, whose standard deviation depends on its role.
 */
function initializer(
  config: ModernBertConfig,
  role: "in" | "out" | "final",
): Initializer {
  const { initializerRange, numHiddenLayers, hiddenSize } = config;
  const std = role === "in"
    ? initializerRange
    : role === "out"
    ? initializerRange / Math.sqrt(2 * Math.max(1, numHiddenLayers))
    : hiddenSize ** -0.5;
  const { initializerCutoffFactor: cutoff } = config;
  return init.truncatedNormal({ std, cutoff: cutoff ?? 3 });
}

/**
 * A dense layer whose weight starts by the rule for its role, and whose bias is
 * 0.
 */
export function linear(
  config: ModernBertConfig,
  sizes: readonly [from: number, to: number],
  role: Parameters<typeof initializer>[1],
  bias: boolean,
): Linear {
  const [from, to] = sizes;
  return new Linear(from, to, {
    init: initializer(config, role),
    bias,
    biasInit: init.zeros(),
  });
}

/** A layer norm of the hidden states. */
export function norm(
  { hiddenSize, normEps: eps, normBias: bias }: ModernBertConfig,
): LayerNorm {
  return new LayerNorm(hiddenSize, { eps, bias });
}

/** Word embeddings and their norm. Attention adds the positions. */
export class ModernBertEmbeddings extends Module {
  tokEmbeddings: Embedding;
  norm: LayerNorm;
  drop: Dropout;

  constructor(config: ModernBertConfig) {
    super();
    this.tokEmbeddings = new Embedding(config.vocabSize, config.hiddenSize, {
      paddingIdx: config.padTokenId ?? undefined,
      init: initializer(config, "in"),
    });
    this.norm = norm(config);
    this.drop = new Dropout(config.embeddingDropout);
  }

  forward(ids: IntegerTensor): Tensor {
    return this.drop.forward(
      this.norm.forward(this.tokEmbeddings.forward(ids)),
    );
  }
}

/** The inputs that all blocks of a call share. */
export interface ModernBertBlockInputs {
  /** 1 for tokens, 0 for padding, `[batch, length]`. @default {all 1} */
  mask?: IntegerTensor | undefined;
  /**
   * Which tokens share a text, where texts share a row; see `Packing`.
   *
   * @default {none}
   */
  segments?: IntegerTensor | undefined;
  /**
   * The position of each token, which sets its rotation.
   *
   * @default {0, 1, 2 …}
   */
  positions?: IntegerTensor | undefined;
  /** The list that attention's probabilities are added to. @default {none} */
  attentions?: Tensor[] | undefined;
}

/** Attention with rotary positions, to the whole text or to a window of it. */
class ModernBertAttention extends Module {
  Wqkv: Linear;
  Wo: Linear;
  outDrop: Dropout;
  readonly #heads: number;
  readonly #theta: number;
  readonly #window: number | undefined;

  constructor(config: ModernBertConfig, layer: number) {
    super();
    const { hiddenSize, attentionBias: bias, globalRopeTheta } = config;
    this.Wqkv = linear(config, [hiddenSize, 3 * hiddenSize], "in", bias);
    this.Wo = linear(config, [hiddenSize, hiddenSize], "out", bias);
    this.outDrop = new Dropout(config.attentionDropout);
    this.#heads = config.numAttentionHeads;
    const isGlobal = layer % config.globalAttnEveryNLayers === 0;
    this.#theta = isGlobal
      ? globalRopeTheta
      : config.localRopeTheta ?? globalRopeTheta;
    this.#window = isGlobal ? undefined : Math.floor(config.localAttention / 2);
  }

  /** Lets `x [batch, length, hidden]` attend to itself, and adds `residual`. */
  forward(x: Tensor, residual: Tensor, inputs: ModernBertBlockInputs): Tensor {
    const { mask, segments, positions, attentions } = inputs;
    const [q, k, v] = rotaryQkv(this.Wqkv.forward(x), {
      heads: this.#heads,
      theta: this.#theta,
      positions,
    });
    const rule = {
      heads: this.#heads,
      mask,
      segments,
      ...(this.#window === undefined ? {} : { window: this.#window }),
    };
    attentions?.push(attentionProbabilities(q, k, rule));
    const { rate } = this.outDrop;
    const y = attention(q, k, v, {
      ...rule,
      ...attentionDropout(this.training ? rate : 0),
    });
    return this.training && rate > 0
      ? add(this.outDrop.forward(this.Wo.forward(y)), residual)
      : this.Wo.forward(y, { residual });
  }
}

/** The gated feed-forward part. */
class ModernBertMLP extends Module {
  Wi: Linear;
  Wo: Linear;
  drop: Dropout;
  readonly #activation: ReturnType<typeof activationOf>;

  constructor(config: ModernBertConfig) {
    super();
    const { hiddenSize, intermediateSize, mlpBias: bias } = config;
    this.Wi = linear(config, [hiddenSize, 2 * intermediateSize], "in", bias);
    this.Wo = linear(config, [intermediateSize, hiddenSize], "out", bias);
    this.drop = new Dropout(config.mlpDropout);
    this.#activation = activationOf(config.hiddenActivation);
  }

  /** Maps `x [batch, length, hidden]`, and adds `residual`. */
  forward(x: Tensor, residual: Tensor): Tensor {
    const gated = gatedActivation(this.Wi.forward(x), this.#activation);
    return this.Wo.forward(this.drop.forward(gated), { residual });
  }
}

/** A block: attention, then the feed-forward part, each behind a layer norm. */
export class ModernBertLayer extends Module {
  /** Absent in the first block, because the embeddings end in a norm. */
  attnNorm: LayerNorm | undefined;
  attn: ModernBertAttention;
  mlpNorm: LayerNorm;
  mlp: ModernBertMLP;

  constructor(config: ModernBertConfig, layer: number) {
    super();
    this.attnNorm = layer === 0 ? undefined : norm(config);
    this.attn = new ModernBertAttention(config, layer);
    this.mlpNorm = norm(config);
    this.mlp = new ModernBertMLP(config);
  }

  forward(x: Tensor, inputs: ModernBertBlockInputs): Tensor {
    const normalized = this.attnNorm ? this.attnNorm.forward(x) : x;
    const attended = this.attn.forward(normalized, x, inputs);
    return this.mlp.forward(this.mlpNorm.forward(attended), attended);
  }
}

/** The layers that every head starts with: dense, activation and norm. */
export class ModernBertPredictionHead extends Module {
  dense: Linear;
  norm: LayerNorm;
  readonly #activation: ReturnType<typeof activationOf>;

  constructor(config: ModernBertConfig) {
    super();
    const { hiddenSize, classifierBias } = config;
    const sizes = [hiddenSize, hiddenSize] as const;
    this.dense = linear(config, sizes, "out", classifierBias);
    this.norm = norm(config);
    this.#activation = activationOf(config.classifierActivation);
  }

  forward(x: Tensor): Tensor {
    const activation = this.#activation;
    return this.norm.forward(this.dense.forward(x, { activation }));
  }
}
