// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Tensor } from "../engine/mod.ts";

/** How many heads the columns of queries, keys and values are split into. */
export interface CachedAttention {
  /** Heads; columns `h·D` to `h·D + D` belong to head `h`. */
  heads: number;
}

/** Options of {@linkcode KeyValueCache.cross}. */
export interface CachedCrossAttention extends CachedAttention {
  /** 1 for source tokens to see, 0 for padding, `[batch, source]`. @default {all} */
  mask?: Tensor | undefined;
}

/**
 * The keys and values of the tokens that a decoder has seen, so that a step of
 * generation costs one token's work.
 */
export interface KeyValueCache {
  /** Tokens of each row that the cache holds. */
  readonly length: number;
  /**
   * Adds the keys and values of new tokens in place, and lets their queries
   * attend to all tokens up to their own.
   *
   * @param layer Which layer asks, from 0.
   * @param q Queries `[rows, new, heads·D]`.
   * @param k Keys of the same tokens.
   * @param v Values of the same tokens.
   * @returns `[rows, new, heads·D]`.
   */
  attend(
    layer: number,
    [q, k, v]: readonly [Tensor, Tensor, Tensor],
    options: CachedAttention,
  ): Tensor;
  /**
   * Lets queries attend to the encoder's output.
   *
   * @param layer Which layer asks, from 0.
   * @param q Queries `[rows, new, heads·D]`.
   * @param options Heads, the source's mask, and what makes the source's keys
   * and values `[batch, source, heads·D]`: called once, in the first step.
   */
  cross(
    layer: number,
    q: Tensor,
    options: CachedCrossAttention & { memory: () => [Tensor, Tensor] },
  ): Tensor;
}
