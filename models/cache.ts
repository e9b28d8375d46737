// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { allocate, persist } from "../engine/kernel_kit.ts";
import {
  attention,
  cachedAttention,
  concat,
  full,
  type IntegerTensor,
  scope,
  type Tensor,
  writeCache,
} from "../engine/mod.ts";

/** How many heads the columns of queries, keys and values are split into. */
export interface CachedAttention {
  /** Heads; columns `h·D` to `h·D + D` belong to head `h`. */
  heads: number;
}

/** Options of {@linkcode KeyValueCache.cross}. */
export interface CachedCrossAttention extends CachedAttention {
  /** 1 for source tokens to see, 0 for padding, `[batch, source]`. @default {all} */
  mask?: IntegerTensor | undefined;
}

/** Options of {@linkcode KeyValueCache}. */
export interface KeyValueCacheOptions {
  /** Rows that are continued. */
  rows: number;
  /** Tokens of each row that there is place for. */
  capacity: number;
  /**
   * Rows of each prompt, neighbours of one another. The first step may then
   * have one row for each prompt, as they are equal.
   *
   * @default {1}
   */
  group?: number;
  /**
   * 1 where a prompt's token counts, 0 where it is padding:
   * `[rows / group, prompt]`, integers.
   *
   * @default {all 1}
   */
  mask?: IntegerTensor | undefined;
  /**
   * In which row the keys and values of each token lie, `[rows, capacity]`:
   * rows that continue another one share its past instead of copying it.
   *
   * @default {their own}
   */
  origins?: IntegerTensor | undefined;
}

type KeysAndValues = readonly [Tensor, Tensor];

/**
 * The keys and values of the tokens that a decoder has seen, so that a step of
 * generation costs one token's work.
 *
 * Memory for `capacity` tokens is taken when a layer first asks, and lives
 * until the cache is disposed. The model calls {@linkcode attend} and
 * {@linkcode cross}; who calls the model calls {@linkcode advance} after it.
 *
 * @example Usage
 * ```ts
 * import { initialize, scope, tensor } from "@swagpu/swagpu/engine";
 * import { KeyValueCache } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using _ = scope();
 * using cache = new KeyValueCache({ rows: 1, capacity: 4 });
 * const x = tensor([[[1, 0]]]); // one row, one token, one head of two columns
 * cache.attend(0, [x, x, x], { heads: 1 });
 * cache.advance(1);
 * const y = cache.attend(0, [x, x, x], { heads: 1 });
 * assertEquals([...await y.data()], [1, 0]);
 * assertEquals(cache.length, 1);
 * ```
 */
export class KeyValueCache implements Disposable {
  #length = 0;
  #origins: IntegerTensor | undefined;
  readonly #options: KeyValueCacheOptions;
  readonly #mask: IntegerTensor | undefined;
  readonly #layers = new Map<number, KeysAndValues>();
  readonly #memories = new Map<number, KeysAndValues>();

  /** An empty cache. Mask and origins stay the caller's. */
  constructor(options: KeyValueCacheOptions) {
    this.#options = options;
    this.#origins = options.origins;
    const { mask, capacity } = options;
    if (mask) {
      using _ = scope();
      const [batch = 0, length = 0] = mask.shape;
      const { dtype, device } = mask;
      const rest = full([batch, capacity - length], 1, { dtype, device });
      this.#mask = persist(concat([mask, rest], 1));
    }
  }

  /** Tokens of each row that the cache holds. */
  get length(): number {
    return this.#length;
  }

  /** Layers that have asked for memory. */
  get layers(): number {
    return this.#layers.size;
  }

  /** Counts the tokens of the step that has been taken. */
  advance(count: number): void {
    this.#length += count;
  }

  /** Replaces the table of where tokens lie; see {@linkcode KeyValueCacheOptions}. */
  setOrigins(origins: IntegerTensor): void {
    this.#origins = origins;
  }

  /**
   * Adds the keys and values of new tokens in place, and lets their queries
   * attend to all tokens up to their own.
   *
   * @param layer Which layer asks, from 0.
   * @param q Queries `[rows, new, heads·D]`.
   * @param k Keys of the same tokens.
   * @param v Values of the same tokens.
   * @returns `[rows, new, heads·D]`.
   * @throws {RangeError} If there is no place for so many tokens.
   */
  attend(
    layer: number,
    [q, k, v]: readonly [Tensor, Tensor, Tensor],
    options: CachedAttention,
  ): Tensor {
    const { heads } = options;
    const [, count = 0] = q.shape;
    const cache = this.#keysAndValues(layer, k);
    const column = this.#length;
    writeCache(cache[0], k, { column });
    writeCache(cache[1], v, { column });
    if (column === 0) {
      const { mask } = this.#options;
      return attention(q, k, v, {
        heads,
        causal: true,
        ...(mask ? { mask } : {}),
      });
    }
    return cachedAttention(q, cache, {
      heads,
      causal: true,
      length: column + count,
      mask: this.#mask,
      origins: this.#origins,
      group: this.#options.group ?? 1,
    });
  }

  /**
   * Lets queries attend to the encoder's output. Rows of the source may serve
   * several rows of queries, neighbours of one another.
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
  ): Tensor {
    const { heads, mask, memory } = options;
    let keys = this.#memories.get(layer);
    if (!keys) {
      using _ = scope();
      const [k, v] = memory();
      this.#memories.set(layer, keys = [persist(k), persist(v)]);
    }
    return cachedAttention(q, keys, { heads, mask });
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    for (const pairs of [this.#layers, this.#memories]) {
      for (const tensor of [...pairs.values()].flat()) tensor.dispose();
      pairs.clear();
    }
    this.#mask?.dispose();
  }

  #keysAndValues(layer: number, { device, shape }: Tensor): KeysAndValues {
    let pair = this.#layers.get(layer);
    if (!pair) {
      const { rows, capacity } = this.#options;
      const make = () =>
        persist(allocate(device, [rows, capacity, shape[2] ?? 0]));
      this.#layers.set(layer, pair = [make(), make()]);
    }
    return pair;
  }
}
