// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The attention layer of transformers.

import { dependsOn } from "../engine/kernel_kit.ts";
import {
  attention,
  type AttentionDropout,
  defaultGenerator,
  type IntegerTensor,
  type Tensor,
} from "../engine/mod.ts";
import { fanInUniform } from "./init.ts";
import type { Initializer } from "./initializer.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { checkOptions } from "./options.ts";

/** Options of {@linkcode MultiHeadAttention}. */
export interface MultiHeadAttentionOptions {
  /** The number of heads. The width must be a multiple of it. */
  heads: number;
  /** The dropout rate of the probabilities while training. @default {0} */
  dropout?: number;
  /** Whether the four projections have biases. @default {true} */
  bias?: boolean;
  /** The initial values of the weights. @default {uniform in ±1/√width} */
  init?: Initializer;
}

/** Options of {@linkcode MultiHeadAttention.forward}. */
export interface MultiHeadAttentionInputs {
  /** The source of keys and values, `[batch, keys, width]`. @default {x} */
  memory?: Tensor;
  /** 1 for visible keys, 0 for padding: `[batch, keys]`. @default {all 1} */
  mask?: IntegerTensor;
  /** Whether a query sees only keys up to its own position. @default {false} */
  causal?: boolean;
  /**
   * The largest distance between a query and a key that it sees.
   *
   * @default {any}
   */
  window?: number;
}

/**
 * Multi-head attention over projected inputs: `softmax(Q Kᵀ / √d) V` in each
 * head, where `d` is the width of a head, then an output projection.
 *
 * Shapes: `x [batch, length, width]`, and the result has the same shape. The
 * fused kernel never stores the `length × length` scores. Vaswani et al.,
 * "Attention Is All You Need", 2017. Names follow BART: `q_proj`, `k_proj`,
 * `v_proj`, `out_proj`.
 *
 * @example Usage
 * ```ts
 * import { initialize, ones } from "@swagpu/swagpu/engine";
 * import { MultiHeadAttention } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const layer = new MultiHeadAttention(8, { heads: 2 });
 * assertEquals(layer.forward(ones([1, 3, 8])).shape, [1, 3, 8]);
 * ```
 */
export class MultiHeadAttention extends Module {
  /** Projects the queries. */
  qProj: Linear;
  /** Projects the keys. */
  kProj: Linear;
  /** Projects the values. */
  vProj: Linear;
  /** Projects the concatenated heads. */
  outProj: Linear;
  /** The number of heads. */
  readonly heads: number;
  /** The dropout rate of the probabilities while training. */
  dropout: number;

  /**
   * Builds the four projections.
   *
   * @param width The length of the last axis.
   * @param options Heads, dropout, biases and initial values.
   * @throws {RangeError} If the width is not a multiple of the number of
   * heads, or `dropout` is not in [0, 1).
   * @throws {TypeError} If an option is not known.
   */
  constructor(width: number, options: MultiHeadAttentionOptions) {
    super();
    if (new.target === MultiHeadAttention) { // A subclass may have more options.
      checkOptions(options, {
        action: "build an attention layer",
        known: ["heads", "dropout", "bias", "init"],
      });
    }
    const { heads, dropout = 0, bias = true, init = fanInUniform() } = options;
    if (!Number.isInteger(heads) || heads < 1 || width % heads !== 0) {
      throw new RangeError(
        `Cannot split a width of ${width} into ${heads} heads: ` +
          "it must be a multiple of their number",
      );
    }
    if (!(dropout >= 0 && dropout < 1)) {
      throw new RangeError(
        `Cannot drop a share of ${dropout}: it must be in [0, 1)`,
      );
    }
    const projection = () => new Linear(width, width, { bias, init });
    this.qProj = projection();
    this.kProj = projection();
    this.vProj = projection();
    this.outProj = projection();
    this.heads = heads;
    this.dropout = dropout;
  }

  /**
   * Lets every position of `x` attend to `memory`, or to `x` itself.
   *
   * @param x The input, `[batch, length, width]`.
   * @param inputs The memory and the mask.
   * @returns The result, of the shape of `x`.
   */
  forward(x: Tensor, inputs: MultiHeadAttentionInputs = {}): Tensor {
    const { memory = x, ...rule } = inputs;
    const { dropout } = this;
    dependsOn(() => this.dropout === dropout);
    const y = attention(
      this.qProj.forward(x),
      this.kProj.forward(memory),
      this.vProj.forward(memory),
      {
        heads: this.heads,
        ...rule,
        ...attentionDropout(this.training ? dropout : 0),
      },
    );
    return this.outProj.forward(y);
  }
}

/**
 * Makes the dropout option of the op `attention`, with the next stream of
 * random numbers of the default generator.
 *
 * @param rate The dropout rate. If it is 0, there is no option.
 * @returns Options to spread into those of `attention`.
 *
 * @example No dropout
 * ```ts
 * import { attentionDropout } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(attentionDropout(0), {});
 * ```
 */
export function attentionDropout(
  rate: number,
): { dropout?: AttentionDropout } {
  return rate > 0
    ? { dropout: { rate, stream: defaultGenerator().next() } }
    : {};
}
