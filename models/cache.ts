// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The keys and values that generation keeps between its steps.

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

/** How queries, keys and values are split into heads. */
export interface CachedAttention {
  /** The number of heads. Columns `h·D` to `h·D + D` belong to head `h`. */
  heads: number;
}

/** Options of {@linkcode KeyValueCache.cross}. */
export interface CachedCrossAttention extends CachedAttention {
  /** 1 for source tokens, 0 for padding, `[batch, source]`. @default {all 1} */
  mask?: IntegerTensor | undefined;
}

/** Options of {@linkcode KeyValueCache}. */
export interface KeyValueCacheOptions {
  /** The number of rows that are continued. */
  rows: number;
  /** The number of tokens that each row can hold. */
  capacity: number;
  /**
   * The number of rows that continue each prompt; they are neighbors. The first
   * step may then have one row for each prompt, because these rows are equal.
   *
   * @default {1}
   */
  group?: number;
  /**
   * 1 for the tokens of the prompts, 0 for padding: integers
   * `[rows / group, prompt]`.
   *
   * @default {all 1}
   */
  mask?: IntegerTensor | undefined;
  /**
   * The row that holds the keys and values of each token, `[rows, capacity]`. A
   * row that continues another one shares its past instead of copying it.
   *
   * @default {each row holds its own}
   */
  origins?: IntegerTensor | undefined;
}

type KeysAndValues = readonly [Tensor, Tensor];

/**
 * The keys and values of the tokens that a decoder has seen, so that a step of
 * generation costs one token's work.
 *
 * Memory for `capacity` tokens is allocated when a layer first uses the cache,
 * and freed when the cache is disposed. The model calls {@linkcode attend} and
 * {@linkcode cross}; the caller of the model calls {@linkcode advance} after
 * each step.
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

  /**
   * Makes an empty cache.
   *
   * @param options Sizes, mask and origins. The caller keeps the tensors among
   * them.
   */
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

  /** The number of tokens that each row holds. */
  get length(): number {
    return this.#length;
  }

  /** The number of layers that have memory. */
  get layers(): number {
    return this.#layers.size;
  }

  /**
   * Counts the tokens of a step that the model has taken.
   *
   * @param count The number of new tokens in each row.
   */
  advance(count: number): void {
    this.#length += count;
  }

  /**
   * Replaces the table of rows that hold the tokens; see
   * {@linkcode KeyValueCacheOptions}.
   *
   * @param origins The row that holds each token, `[rows, capacity]`.
   */
  setOrigins(origins: IntegerTensor): void {
    this.#origins = origins;
  }

  /**
   * Adds the keys and values of new tokens, and lets each query attend to all
   * tokens up to its own.
   *
   * @param layer The index of the layer, from 0.
   * @param qkv Queries, keys and values of the new tokens, each
   * `[rows, new, heads·D]`.
   * @param options The number of heads.
   * @returns The result of the attention, `[rows, new, heads·D]`.
   * @throws {RangeError} If the tokens exceed the capacity.
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
   * Lets queries attend to the encoder's output. Each row of the source may
   * belong to several neighboring rows of queries.
   *
   * @param layer The index of the layer, from 0.
   * @param q Queries `[rows, new, heads·D]`.
   * @param options The number of heads, the source's mask, and a function that
   * computes the source's keys and values `[batch, source, heads·D]`. It is
   * called once, in the first step.
   * @returns The result of the attention, `[rows, new, heads·D]`.
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

  /** Frees the memory. */
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
