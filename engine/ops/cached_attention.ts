// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Attention to keys and values that were computed before, for generation;
// kernels/cached_attention.ts holds the arithmetic.

import { touch } from "../changes.ts";
import type { Device } from "../gpu/device.ts";
import { specialize } from "../gpu/kernel.ts";
import {
  CACHED_PART,
  type CachedAttentionForm,
  cachedCombine,
  cachedForward,
  partWords,
} from "../kernels/cached_attention.ts";
import { copyStrided } from "../launch/copy.ts";
import { rowsThatFit, type Window, windowsOf } from "../launch/cut.ts";
import { grid, launch } from "../launch/launch.ts";
import { formatShape } from "../shape.ts";
import {
  allocate,
  hasDType,
  type IntegerTensor,
  type Tensor,
} from "../tensor.ts";
import { chooseVariant, defineVariants } from "../tuning/choice.ts";
import { headDepth } from "./attention_options.ts";
import { requireFloat } from "./require_float.ts";

const FAMILY = "cached_attention";
defineVariants(FAMILY, ["serial", "workgroup", "split"]);

/** Calls of fewer workgroups, which would not keep a GPU busy, split their keys. */
const ENOUGH = 512;

/** Options of {@linkcode cachedAttention}. */
export interface CachedAttentionOptions {
  /** The number of heads. Columns `h·D` to `h·D + D - 1` belong to head `h`. */
  heads: number;
  /** How many keys of each cache row exist, from the first. @default {all} */
  length?: number;
  /**
   * Whether the queries are those of the last `n` keys, and each sees only keys up
   * to its own: query `i` sees keys `j < length - (n - 1 - i)`.
   *
   * @default {false}
   */
  causal?: boolean;
  /**
   * Which keys may be seen: integers `[M, ≥ length]`, 0 for padding. Row `r` of the
   * `R` rows of queries uses row `⌊r·M / R⌋`.
   *
   * @default {all}
   */
  mask?: IntegerTensor | undefined;
  /**
   * The cache row that holds key `j` of row `r`: integers `[R, capacity]`.
   *
   * @default {`⌊r·C / R⌋`: neighboring rows share one of `C` cache rows}
   */
  origins?: IntegerTensor | undefined;
  /**
   * A promise about `origins`, which lets a large cache be read in parts: if rows
   * are divided into groups of this size, no row uses a cache row of another group.
   *
   * @default {all rows}
   */
  group?: number;
}

/**
 * Computes multi-head attention of new queries to a cache of keys and values:
 * `y = softmax(q kᵀ / √D + mask) v` for each head. It has no derivative.
 *
 * A query whose keys are all masked attends to them evenly, as in
 * {@linkcode attention}.
 *
 * @param q Queries `[R, n, H·D]` of f32, with `D ≤ 128`.
 * @param cache Keys and values, each `[C, capacity, H·D]` of f32. `C` divides `R`.
 * @param options Heads, length, masks and origins.
 * @returns `[R, n, H·D]`
 * @throws {TypeError} If the shapes or types do not fit together.
 * @throws {RangeError} If `heads`, `length` or `group` is out of range.
 *
 * @example Usage
 * ```ts
 * import { cachedAttention, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const keys = tensor([[[0, 0], [0, 0], [9, 9]]]); // the third is not used
 * const values = tensor([[[1, 2], [3, 4], [9, 9]]]);
 * const q = tensor([[[1, 1]]]);
 * const y = cachedAttention(q, [keys, values], { heads: 1, length: 2 });
 * assertEquals([...await y.data()], [2, 3]);
 * ```
 */
export function cachedAttention(
  q: Tensor,
  cache: readonly [Tensor, Tensor],
  options: CachedAttentionOptions,
): Tensor {
  const [k, v] = cache;
  const { heads, mask, origins, causal = false } = options;
  const { device } = q;
  const [rows = 0, queries = 0, width = 0] = q.shape;
  const [cacheRows = 0, capacity = 0] = k.shape;
  const { length = capacity } = options;
  check(q, k, v, options, length);
  const depth = width / heads;
  const y = allocate(device, q.shape);
  if (y.size === 0) return y;
  const variant = variantFor(device, length, rows * queries * heads);
  const form: CachedAttentionForm = { variant, depth };
  const kernel = specialize(cachedForward(form), {
    MASK: mask ? 1 : 0,
    ORIGINS: origins ? 1 : 0,
  });
  // A window holds whole groups of rows, whose cache rows are the same.
  const group = origins ? options.group ?? cacheRows : 1;
  const share = rows / cacheRows;
  const size = capacity * width;
  for (const { start, count } of cutCache(k, group, size)) {
    const first = start * share * queries * heads;
    const items = count * share * queries * heads;
    const parts = variant === "split" ? Math.ceil(length / CACHED_PART) : 1;
    const sums = variant === "split"
      ? allocate(device, [items, parts, partWords(depth)])
      : y;
    const whole = count === cacheRows;
    launch(device, kernel, {
      bind: [
        q,
        whole ? k : k.window(start * size, count * size),
        whole ? v : v.window(start * size, count * size),
        mask ?? q,
        origins ?? q,
        sums,
      ],
      params: {
        first,
        items,
        queries,
        heads,
        length,
        causal: causal ? 1 : 0,
        capacity,
        row: start,
        share,
        mask_share: mask ? rows / (mask.shape[0] ?? 1) : 1,
        mask_columns: mask?.shape[1] ?? 0,
        scale: Math.LOG2E / Math.sqrt(depth),
        parts,
      },
      groups: variant === "serial"
        ? grid(items, kernel.workgroupSize)
        : grid(items * parts, 1),
    });
    if (sums === y) continue;
    const combine = cachedCombine(depth);
    launch(device, combine, {
      bind: [sums, y],
      params: { first, items, parts },
      groups: grid(items * Math.ceil(depth / 4), combine.workgroupSize),
    });
    sums.dispose();
  }
  return y;
}

function variantFor(
  device: Device,
  length: number,
  items: number,
): CachedAttentionForm["variant"] {
  const long = length > CACHED_PART;
  const chosen = chooseVariant(
    device,
    FAMILY,
    long ? "long" : "short",
    () =>
      device.isSoftware
        ? "serial"
        : long && items < ENOUGH
        ? "split"
        : "workgroup",
  );
  if (chosen === "serial" && length <= device.maxTurns) return "serial";
  return chosen === "split" ? "split" : "workgroup";
}

/** Options of {@linkcode writeCache}. */
export interface WriteCacheOptions {
  /** The position along the cache's second axis to write to first. */
  column: number;
}

/**
 * Writes keys or values into a cache, in place: vector `[r, i]` of `x` to
 * `[r·C / R, column + i]`.
 *
 * @param cache `[C, capacity, width]`
 * @param x `[R, n, width]` of the same type, where `R` divides `C`.
 * @param options The position to write to.
 * @throws {TypeError} If the shapes or types do not fit together.
 * @throws {RangeError} If the positions exceed the cache's capacity.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor, writeCache, zeros } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const cache = zeros([1, 3, 2]);
 * writeCache(cache, tensor([[[5, 6]]]), { column: 1 });
 * assertEquals([...await cache.data()], [0, 0, 5, 6, 0, 0]);
 * ```
 */
export function writeCache(
  cache: Tensor,
  x: Tensor,
  options: WriteCacheOptions,
): void {
  const { column } = options;
  const [cacheRows = 0, capacity = 0, width = 0] = cache.shape;
  const [rows = 0, count = 0] = x.shape;
  if (
    cache.shape.length !== 3 || x.shape.length !== 3 || x.shape[2] !== width ||
    cacheRows % rows !== 0
  ) {
    throw new TypeError(
      `Cannot write ${formatShape(x.shape)} into a cache of ${
        formatShape(cache.shape)
      }: expected [R, n, width], with R a divisor of its rows`,
    );
  }
  if (
    !(Number.isInteger(column) && column >= 0 && column + count <= capacity)
  ) {
    throw new RangeError(
      `Cannot write ${count} positions from ${column} on: the cache has ${capacity}`,
    );
  }
  if (x.dtype !== cache.dtype) {
    throw new TypeError(
      `Cannot write ${x.dtype} into a cache of ${cache.dtype}: cast() it`,
    );
  }
  touch(cache);
  const step = cacheRows / rows * capacity * width;
  copyStrided(x, cache, [rows, count * width], {
    offset: 0,
    strides: [count * width, 1],
  }, { offset: column * width, strides: [step, 1] });
}

/**
 * Cuts a cache into windows of rows that fit one binding, hold whole groups and
 * start at legal binding offsets.
 */
function cutCache(
  { device, fitsBinding, shape }: Tensor,
  group: number,
  size: number,
): Window[] {
  const [rows = 0] = shape;
  if (fitsBinding) return [{ start: 0, count: rows }];
  let unit = group; // Bindings start at multiples of 64 elements.
  while (unit * size % 64 !== 0) unit += group;
  const action = "attend to a cache with";
  const step = rowsThatFit(device, { action, size, unit, slack: 0 });
  return windowsOf(rows, step);
}

function check(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, mask, origins, causal, group }: CachedAttentionOptions,
  length: number,
): void {
  const [rows = 0, queries = 0, width = 0] = q.shape;
  const [cacheRows = 0, capacity = 0] = k.shape;
  const shapes = `${formatShape(q.shape)} to a cache of ${
    formatShape(k.shape)
  } and ${formatShape(v.shape)}`;
  if (
    q.shape.length !== 3 || k.shape.length !== 3 ||
    k.shape.join() !== v.shape.join() || k.shape[2] !== width ||
    rows % cacheRows !== 0 || (origins && rows !== cacheRows)
  ) {
    throw new TypeError(
      `Cannot attend with ${shapes}: expected [R, n, H·D] and twice ` +
        "[C, capacity, H·D], with C a divisor of R, or R itself with origins",
    );
  }
  for (const x of [q, k, v]) {
    requireFloat("attend with", x);
  }
  headDepth(width, heads);
  const least = causal ? queries : 1;
  if (!Number.isInteger(length) || length < least || length > capacity) {
    throw new RangeError(
      `Cannot attend to ${length} keys with ${queries} queries: the cache ` +
        `has ${capacity} positions, and ${least} keys are needed`,
    );
  }
  if (group !== undefined && (group < 1 || rows % group !== 0)) {
    throw new RangeError(
      `Cannot attend in groups of ${group}: it must divide the ${rows} rows`,
    );
  }
  const tables = [
    [
      "mask",
      mask,
      rows % (mask?.shape[0] ?? 1) === 0 ? mask?.shape[0] : rows,
      length,
    ],
    ["origins", origins, rows, capacity],
  ] as const;
  for (const [name, table, expected, columns] of tables) {
    if (!table) continue;
    const [height, breadth = 0] = table.shape;
    if (
      table.shape.length !== 2 || height !== expected ||
      hasDType(table, "f32") ||
      (name === "mask" ? breadth < columns : breadth !== columns)
    ) {
      throw new TypeError(
        `Cannot attend with ${name} of ${table.dtype} ${
          formatShape(table.shape)
        }: expected integers [${expected}, ${columns}]`,
      );
    }
  }
}
