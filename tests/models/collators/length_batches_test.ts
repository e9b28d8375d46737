// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  bucketedLength,
  groupByLength,
  selectRows,
  uniformLengthBatches,
} from "../../../models/mod.ts";
import { shuffledIndices } from "../../../nn/mod.ts";
import { randomValues } from "../../_check.ts";

const LENGTHS = Array.from(randomValues(211, 4, 1, 300), Math.floor);

function sorted(batches: Iterable<ArrayLike<number>>): number[] {
  return [...batches].flatMap((rows) => Array.from(rows))
    .sort((a, b) => a - b);
}

const ALL = LENGTHS.map((_, row) => row);

Deno.test("groupByLength() sorts mega-batches of a random order", () => {
  const options = { megaBatchMult: 3, seed: 5, epoch: 2 };
  const batches = groupByLength(LENGTHS, 8, options);
  assertEquals(sorted(batches), ALL);
  assertEquals(batches.map(({ length }) => length), [
    ...Array.from({ length: 26 }, () => 8),
    3,
  ]);
  const order = batches.flatMap((rows) => [...rows]);
  const random = [...shuffledIndices(211, { seed: 5, epoch: 2 })];
  const first = (row: number) => LENGTHS[row] ?? 0;
  const longest = Math.max(...LENGTHS);
  assertEquals(first(order[0] ?? -1), longest, "the longest row comes first");
  let swapped = 0;
  for (let at = 0; at < 211; at += 24) {
    const own = order.slice(at, at + 24);
    const expected = random.slice(at, at + 24).sort((a, b) =>
      first(b) - first(a)
    );
    // The first row of two mega-batches was swapped at most.
    if (own[0] !== expected[0]) swapped++;
    assertEquals(own.slice(1), expected.slice(1));
  }
  assert(swapped === 0 || swapped === 2, `${swapped} swapped`);
});

Deno.test("mega-batches have the size that transformers gives them", () => {
  // 211 rows in batches of 8: 211 / 32 = 6 batches.
  assertEquals(
    groupByLength(LENGTHS, 8),
    groupByLength(LENGTHS, 8, { megaBatchMult: 6 }),
  );
  assertEquals(
    groupByLength(LENGTHS, 100),
    groupByLength(LENGTHS, 100, { megaBatchMult: 1 }),
  );
  const many = Array.from({ length: 450 }, (_, i) => i % 17);
  assertEquals(
    groupByLength(many, 2),
    groupByLength(many, 2, { megaBatchMult: 50 }),
  );
});

Deno.test("the order follows from seed and epoch, and from nothing else", () => {
  const order = (options: object) =>
    sorted([]).concat(
      groupByLength(LENGTHS, 8, options).flatMap((rows) => [...rows]),
    );
  assertEquals(order({ seed: 1 }), order({ seed: 1, epoch: 0 }));
  assert(String(order({ seed: 1 })) !== String(order({ seed: 2 })));
  assert(String(order({ epoch: 1 })) !== String(order({ epoch: 0 })));
  assertEquals(groupByLength([], 4), []);
});

Deno.test("uniformLengthBatches() has one padded length in each batch", () => {
  for (const shuffle of [false, true]) {
    const batches = uniformLengthBatches(LENGTHS, 4, { shuffle, seed: 1 });
    assertEquals(sorted(batches), ALL);
    const partial = new Set<number>();
    for (const rows of batches) {
      const lengths = new Set(
        Array.from(rows, (row) => bucketedLength(LENGTHS[row] ?? 0)),
      );
      assertEquals(lengths.size, 1);
      const [length = 0] = lengths;
      if (rows.length === 4) continue;
      assert(!partial.has(length), "one batch of each length is not full");
      partial.add(length);
    }
  }
  const plain = uniformLengthBatches(LENGTHS, 4);
  const padded = plain.map(([row = 0]) => bucketedLength(LENGTHS[row] ?? 0));
  assertEquals(padded, padded.toSorted((a, b) => a - b));
});

Deno.test("uniformLengthBatches() shuffles rows and batches in each epoch", () => {
  const order = (epoch: number) =>
    uniformLengthBatches(LENGTHS, 4, { shuffle: true, epoch })
      .map((rows) => rows.join()).join(" ");
  assertEquals(order(3), order(3));
  assert(order(3) !== order(4));
  const full = uniformLengthBatches(LENGTHS, 4, { dropLast: true });
  assert(full.every((rows) => rows.length === 4) && full.length > 40);
  const buckets = uniformLengthBatches([3, 9, 4], 2, { buckets: [4, 10] });
  assertEquals(buckets.map((rows) => [...rows]), [[0, 2], [1]]);
});

Deno.test("wrong sizes and options are refused", () => {
  assertThrows(() => groupByLength([1], 0), RangeError, "batchSize 0");
  assertThrows(
    () => groupByLength([1], 1, { megaBatchMult: 0 }),
    RangeError,
    "megaBatchMult 0",
  );
  assertThrows(
    () => groupByLength([1], 1, { shuffle: true } as object),
    TypeError,
    "shuffle",
  );
  assertThrows(() => uniformLengthBatches([1], 0.5), RangeError, "0.5");
  assertThrows(
    () => uniformLengthBatches([9], 1, { buckets: [8] }),
    RangeError,
    "the longest is 8",
  );
  assertThrows(() => bucketedLength(3, { multipleOf: 0 }), RangeError, "of 0");
  assertThrows(
    () => bucketedLength(3, { multipleOf: 8, buckets: [8] }),
    TypeError,
    "pass one of them",
  );
});

Deno.test("selectRows() takes rows, and refuses those that are not there", () => {
  assertEquals(selectRows([7, undefined, 9], [1, 2, 2]), [undefined, 9, 9]);
  assertThrows(() => selectRows([7], [1]), RangeError, "Cannot select row 1");
  assertThrows(() => selectRows([7], [-1]), RangeError, "Cannot select row -1");
});
