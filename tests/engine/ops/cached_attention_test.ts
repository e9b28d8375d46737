// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import {
  cachedAttention,
  writeCache,
} from "../../../engine/ops/cached_attention.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import { scope } from "../../../engine/scope.ts";
import {
  assertClose,
  gpuTest,
  randomValues,
  type Tolerance,
} from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";
import { attention as reference } from "../../reference/attention.ts";

/** 32-bit exponentials and sums of up to about a hundred products. */
const ATTENTION: Tolerance = { absolute: 2e-5, relative: 5e-5 };

type Values = Float32Array<ArrayBuffer>;

interface Case {
  rows?: number;
  cacheRows?: number;
  queries?: number;
  heads?: number;
  depth: number;
  capacity: number;
  length?: number;
  causal?: boolean;
  /** The number of rows of the mask, and the keys that it hides. */
  mask?: { rows: number; hides: (row: number, key: number) => boolean };
  /** The size of the groups of rows within which a table shares cache rows. */
  group?: number;
}

/** Compares with the float64 twin, whose keys are gathered row by row. */
async function check(c: Case): Promise<void> {
  using _ = scope();
  const { rows = 2, queries = 1, heads = 2, depth, capacity, mask } = c;
  const { cacheRows = rows, length = capacity, causal = false } = c;
  const width = heads * depth;
  const [q, k, v] = [
    [rows, queries],
    [cacheRows, capacity],
    [cacheRows, capacity],
  ].map(([n = 0, m = 0], i) =>
    randomValues(n * m * width, 31 * i + depth + capacity, -1.5, 1.5)
  ) as [Values, Values, Values];
  const hidden = mask &&
    Int32Array.from(
      { length: mask.rows * capacity },
      (_, i) => mask.hides(Math.floor(i / capacity), i % capacity) ? 0 : 1,
    );
  const group = c.group ?? 1;
  const picks = randomValues(rows * capacity, 9, 0, group);
  const origins = c.group &&
    Int32Array.from(
      { length: rows * capacity },
      (_, i) => {
        const row = Math.floor(i / capacity);
        return row - row % group + Math.floor(picks[i] ?? 0);
      },
    );
  const place = (row: number, key: number) =>
    origins
      ? origins[row * capacity + key] ?? 0
      : Math.floor(row * cacheRows / rows);
  const gathered = [k, v].map((values) => {
    const own = new Float64Array(rows * length * width);
    for (let row = 0; row < rows; row++) {
      for (let key = 0; key < length; key++) {
        const at = (place(row, key) * capacity + key) * width;
        own.set(values.subarray(at, at + width), (row * length + key) * width);
      }
    }
    return own;
  }) as [Float64Array, Float64Array];
  const seen = hidden && Int32Array.from(
    { length: rows * length },
    (_, i) => {
      const row = Math.floor(Math.floor(i / length) * mask.rows / rows);
      return hidden[row * capacity + i % length] ?? 0;
    },
  );
  const expected = reference(Float64Array.from(q), ...gathered, {
    batch: rows,
    sq: queries,
    sk: length,
    heads,
    depth,
    causal,
    ...(seen ? { mask: seen } : {}),
  });
  const y = cachedAttention(
    tensor(q, { shape: [rows, queries, width] }),
    [
      tensor(k, {
        shape: [cacheRows, capacity, width],
      }),
      tensor(v, {
        shape: [cacheRows, capacity, width],
      }),
    ],
    {
      heads,
      length,
      causal,
      ...(hidden
        ? { mask: tensor(hidden, { shape: [mask.rows, capacity] }) }
        : {}),
      ...(origins
        ? { origins: tensor(origins, { shape: [rows, capacity] }), group }
        : {}),
    },
  );
  assertClose(await y.data(), expected, ATTENTION, JSON.stringify(c));
}

eachVariant(
  "cached_attention",
  "cachedAttention() matches the reference",
  async () => {
    for (const depth of [1, 6, 8, 64]) {
      await check({ depth, capacity: 9, length: 5 });
    }
    await check({ depth: 4, capacity: 1 });
    await check({ depth: 4, capacity: 300, length: 259, heads: 3 });
  },
);

// More keys than one part of the "split" variant takes; the last part has few.
eachVariant(
  "cached_attention",
  "cachedAttention() sees 1,030 keys",
  async () => {
    const long = { capacity: 1100, rows: 1, heads: 1 };
    await check({ ...long, depth: 4, length: 1030 });
    await check({ ...long, depth: 6, length: 1025, queries: 3, causal: true });
    const mask = { rows: 1, hides: (_: number, key: number) => key < 600 };
    await check({ ...long, depth: 4, length: 1030, mask });
    await check({
      ...long,
      depth: 4,
      length: 1030,
      mask: { rows: 1, hides: () => true },
    });
  },
);

eachVariant(
  "cached_attention",
  "cachedAttention() lets queries see keys up to their own",
  async () => {
    await check({ depth: 8, capacity: 7, length: 6, queries: 3, causal: true });
    await check({ depth: 8, capacity: 7, length: 6, queries: 3 });
  },
);

eachVariant(
  "cached_attention",
  "cachedAttention() hides keys, evenly if it hides all",
  async () => {
    const mask = {
      rows: 2,
      hides: (row: number, key: number) => row === 1 || key < 2,
    };
    await check({ depth: 4, capacity: 6, length: 5, mask });
    await check({ depth: 4, capacity: 6, length: 5, mask, rows: 6 });
  },
);

eachVariant(
  "cached_attention",
  "cachedAttention() shares cache rows",
  async () => {
    await check({ depth: 4, capacity: 6, rows: 6, cacheRows: 2, queries: 2 });
    await check({ depth: 4, capacity: 6, length: 5, rows: 6, group: 3 });
  },
);

eachVariant(
  "cached_attention",
  "cachedAttention() reads a large cache piece by piece",
  async (device) => {
    const limit = device.maxBindingSize;
    const size = 16 * 8 * 4; // bytes of a cache row
    try {
      Object.assign(device, { maxBindingSize: 4 * size });
      const large = { depth: 4, capacity: 16, length: 15, causal: true };
      await check({ ...large, rows: 9 });
      await check({ ...large, rows: 6, group: 2 });
      await check({ ...large, rows: 12, cacheRows: 6, queries: 2 });
    } finally {
      Object.assign(device, { maxBindingSize: limit });
    }
  },
);

gpuTest("writeCache() writes columns of rows that are apart", async () => {
  const cache = zeros([4, 3, 2]);
  const x = tensor([[[1, 2]], [[3, 4]]]);
  writeCache(cache, x, { column: 1 });
  const expected = new Array(24).fill(0);
  expected.splice(2, 2, 1, 2);
  expected.splice(2 * 6 + 2, 2, 3, 4);
  assertEquals([...await cache.data()], expected);
});

gpuTest(
  "cachedAttention() and writeCache() throw when shapes do not fit",
  () => {
    const q = zeros([2, 1, 8]);
    const k = zeros([2, 4, 8]);
    assertThrows(
      () => cachedAttention(q, [k, zeros([2, 3, 8])], { heads: 2 }),
      TypeError,
      "Cannot attend with [2, 1, 8] to a cache of [2, 4, 8] and [2, 3, 8]",
    );
    assertThrows(
      () => cachedAttention(q, [k, k], { heads: 3 }),
      RangeError,
      "Cannot attend with 3 heads: they must divide the 8 columns",
    );
    assertThrows(
      () => cachedAttention(q, [k, k], { heads: 2, length: 5 }),
      RangeError,
      "Cannot attend to 5 keys with 1 queries: the cache has 4 positions",
    );
    assertThrows(
      () => cachedAttention(q, [k, k], { heads: 2, mask: zeros([2, 4]) }),
      TypeError,
      "Cannot attend with mask of f32 [2, 4]: expected integers [2, 4]",
    );
    assertThrows(
      () => writeCache(k, zeros([2, 1, 4]), { column: 0 }),
      TypeError,
      "Cannot write [2, 1, 4] into a cache of [2, 4, 8]",
    );
    assertThrows(
      () => writeCache(k, zeros([2, 2, 8]), { column: 3 }),
      RangeError,
      "Cannot write 2 positions from 3 on: the cache has 4",
    );
    assertThrows(
      // @ts-expect-error -- the types ask for floats
      () => writeCache(k, zeros([2, 2, 8], { dtype: "i32" }), { column: 0 }),
      TypeError,
      "Cannot write i32 into a cache of f32: cast() it",
    );
    for (const column of [-1, 0.5, NaN]) {
      assertThrows(
        () => writeCache(k, zeros([2, 2, 8]), { column }),
        RangeError,
        `Cannot write 2 positions from ${column} on: the cache has 4`,
      );
    }
  },
);
