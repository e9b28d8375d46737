// Copyright 2026 the swagpu authors. MIT license.

import {
  assertEquals,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { batches, shuffledIndices } from "../../nn/batches.ts";
import { counterRandom } from "../../nn/counter_random.ts";

Deno.test("shuffledIndices() is a permutation that seed and epoch determine", () => {
  for (const length of [0, 1, 2, 33, 1025]) {
    const order = shuffledIndices(length, { seed: 3, epoch: 2 });
    assertEquals(
      [...order].sort((a, b) => a - b),
      Array.from({ length }, (_, i) => i),
    );
    assertEquals(order, shuffledIndices(length, { seed: 3, epoch: 2 }));
  }
  const base = shuffledIndices(33);
  assertNotEquals(base, shuffledIndices(33, { epoch: 1 }));
  assertNotEquals(base, shuffledIndices(33, { seed: 1 }));
  assertThrows(() => shuffledIndices(1.5), RangeError, "row count is 1.5");
});

Deno.test("shuffledIndices() puts every index at every position equally often", () => {
  const seen = new Map<string, number>();
  const n = 6000;
  for (let epoch = 0; epoch < n; epoch++) {
    const key = shuffledIndices(3, { epoch }).join("");
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  let chiSquare = 0;
  for (const count of seen.values()) {
    chiSquare += (count - n / 6) ** 2 / (n / 6);
  }
  assertEquals(seen.size, 6);
  // The 99.9 % point of chi-square with 5 degrees of freedom.
  assertLess(chiSquare, 20.5);
});

Deno.test("batches() covers every row once, shuffled or not, bucketed or not", () => {
  const lengths = Array.from({ length: 103 }, (_, i) => (i * 37) % 19);
  for (const shuffle of [false, true]) {
    for (const extra of [{}, { lengths, bucketBatches: 3 }]) {
      const all = [...batches(103, 8, { shuffle, seed: 5, ...extra })];
      assertEquals(all.map((rows) => rows.length), [
        ...new Array<number>(12).fill(8),
        7,
      ]);
      assertEquals(
        all.flatMap((rows) => [...rows]).sort((a, b) => a - b),
        Array.from({ length: 103 }, (_, i) => i),
      );
    }
  }
});

Deno.test("batches() keeps order without shuffle and drops the remainder on request", () => {
  assertEquals([...batches(7, 3)].map((rows) => [...rows]), [
    [0, 1, 2],
    [3, 4, 5],
    [6],
  ]);
  assertEquals([...batches(7, 3, { dropLast: true })].length, 2);
  assertEquals([...batches(0, 3)].length, 0);
});

Deno.test("batches() with lengths needs less padding than without", () => {
  const random = counterRandom(1);
  const lengths = Array.from({ length: 1000 }, () => Math.floor(60 * random()));
  const padding = (options: { lengths?: number[] }) => {
    let cells = 0;
    for (
      const rows of batches(1000, 32, { shuffle: true, seed: 1, ...options })
    ) {
      cells += rows.length * Math.max(...rows.map((row) => lengths[row] ?? 0));
    }
    return cells - lengths.reduce((a, b) => a + b);
  };
  assertLess(padding({ lengths }), padding({}) / 5);
});

Deno.test("batches() visits bucketed batches in another order each epoch", () => {
  const lengths = Array.from({ length: 256 }, (_, i) => i);
  const first = (epoch: number) =>
    [...batches(256, 8, { shuffle: true, lengths, epoch })].map((r) => r[0]);
  assertEquals(first(0), first(0));
  assertNotEquals(first(0), first(1));
});

Deno.test("batches() refuses bad arguments when it is called", () => {
  assertThrows(() => batches(4, 0), RangeError, "batch size is 0");
  assertThrows(() => batches(-1, 2), RangeError, "row count is -1");
  assertThrows(() => batches(4, 2, { lengths: [1] }), RangeError, "1 lengths");
  assertThrows(() => batches(4, 2, { bucketBatches: 0 }), RangeError);
});
