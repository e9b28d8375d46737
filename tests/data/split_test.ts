// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { shuffled, shuffledStream, stratifiedSplit } from "../../data/mod.ts";
import { randomIndices, xoshiro128 } from "../../data/random.ts";
import { quotasOf } from "../../data/split.ts";

Deno.test("xoshiro128() gives the numbers of its authors' program", () => {
  // From the tests of rand_xoshiro, made with xoshiro128starstar.c 1.1.
  const next = xoshiro128(Uint32Array.of(1, 2, 3, 4));
  assertEquals(Array.from({ length: 10 }, next), [
    11520,
    0,
    5927040,
    70819200,
    2031721883,
    1637235492,
    1287239034,
    3734860849,
    3729100597,
    4258142804,
  ]);
});

Deno.test("shuffled() is the same on every machine, and each order is as likely", () => {
  const letters = [..."abcdefgh"];
  // Computed by another program, with whole numbers of any size.
  assertEquals(shuffled(letters, { seed: 0 }).join(""), "ghecdbfa");
  assertEquals(shuffled(letters, { seed: 1 }).join(""), "bhacedfg");
  assertEquals(shuffled(letters, { seed: 4294967295 }).join(""), "chdaefbg");
  assertEquals(letters.join(""), "abcdefgh");
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const order = shuffled(["a", "b", "c"], { seed }).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  // Chi-squared with 5 degrees of freedom is below 20.5 in 999 of 1,000 cases.
  const distances = [...counts.values()].map((n) => (n - 1000) ** 2 / 1000);
  assertEquals(counts.size, 6);
  assert(distances.reduce((a, b) => a + b) < 20.5);
});

Deno.test("randomIndices() favors no number where 2^32 is no multiple of the bound", () => {
  const draw = randomIndices(3);
  const bound = 3_000_000_000; // A remainder alone would give the lower part twice.
  const lower = Array.from({ length: 4000 }, () => draw(bound))
    .filter((number) => number < 0x100000000 - bound).length;
  const expected = 4000 * (0x100000000 - bound) / bound;
  assert(Math.abs(lower - expected) < 4 * Math.sqrt(expected));
});

Deno.test("shuffledStream() yields each row once, and holds no more than its buffer", async () => {
  let given = 0;
  function* rows() {
    while (given < 1000) yield given++;
  }
  const order: number[] = [];
  for await (const row of shuffledStream(rows(), { bufferSize: 50, seed: 5 })) {
    order.push(row);
    assert(given - order.length <= 50);
  }
  assertEquals(order.toSorted((a, b) => a - b), [...Array(1000).keys()]);
  const moved = order.filter((row, i) => Math.abs(row - i) > 10).length;
  assert(moved > 500);
});

Deno.test("quotasOf() rounds by the largest remainder", () => {
  const quotas = (sizes: number[], count: number, order = [...sizes.keys()]) =>
    quotasOf(sizes, { count, order });
  // By hand: 10 of 100 for 50, 34, 16 rows is 5, 3.4, 1.6.
  assertEquals(quotas([50, 34, 16], 10), [5, 3, 2]);
  // Between equal remainders, the order decides.
  assertEquals(quotas([5, 5, 5, 5], 2), [1, 1, 0, 0]);
  assertEquals(quotas([5, 5, 5, 5], 2, [3, 0, 1, 2]), [1, 0, 0, 1]);
  assertEquals(quotas([15, 25, 15, 45], 10, [3, 2, 1, 0]), [1, 2, 2, 5]);
  // The only row of a class is not held out as long as others can be.
  assertEquals(quotas([1, 1, 1], 2), [1, 1, 0]);
  assertEquals(quotas([1, 1, 3], 2), [0, 0, 2]);
});

Deno.test("stratifiedSplit() keeps the shares of the classes within one row", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 4 }), {
        minLength: 4,
        maxLength: 200,
      }),
      fc.double({ min: 0.05, max: 0.7, noNaN: true }),
      fc.integer({ min: 0, max: 0xffffffff }),
      (classes, size, seed) => {
        const rows = classes.map((label, id) => ({ label, id }));
        const options = { size, seed, by: "label" } as const;
        const { train, validation } = stratifiedSplit(rows, options);
        assertEquals(
          [...train, ...validation].sort((a, b) => a.id - b.id),
          rows,
        );
        assertEquals(validation.length, Math.ceil(size * rows.length - 1e-9));
        for (const part of [train, validation]) {
          assertEquals(
            part.map(({ id }) => id),
            part.map(({ id }) => id).sort((a, b) => a - b),
          );
        }
        const distinct = new Set(classes);
        const isLoose = [...distinct].some((label) =>
          classes.filter((own) => own === label).length < 3
        );
        for (const label of distinct) {
          const count = (part: typeof rows) =>
            part.filter((row) => row.label === label).length;
          const exact = count(rows) * validation.length / rows.length;
          const isNear = Math.abs(count(validation) - exact) < 1;
          assert(isNear || isLoose && Math.abs(count(validation) - exact) < 2);
        }
        assertEquals(stratifiedSplit(rows, options), { train, validation });
      },
    ),
  );
});

Deno.test("stratifiedSplit() takes counts, functions and no classes", () => {
  const rows = [..."aaaaaabbb"];
  const { train, validation } = stratifiedSplit(rows, {
    size: 3,
    seed: 2,
    by: (row) => row,
  });
  assertEquals([train.join(""), validation.join("")], ["aaaabb", "aab"]);
  const random = stratifiedSplit([...Array(1000).keys()], { size: 0.25 });
  assertEquals(random.validation.length, 250);
  const other = stratifiedSplit([...Array(1000).keys()], {
    size: 250,
    seed: 1,
  });
  const both = other.validation.filter((row) =>
    random.validation.includes(row)
  );
  assert(both.length > 30 && both.length < 100);
  // Where each row is a class by itself, as numbers may be, chance decides alone.
  const alone = stratifiedSplit([...Array(1000).keys()], {
    size: 0.25,
    by: (row) => row,
  });
  const first = alone.validation.filter((row) => row < 500).length;
  assert(first > 90 && first < 160);
});

Deno.test("stratifiedSplit() refuses parts that would be empty", () => {
  const rows = [{ a: 1 }, { a: 2 }];
  for (const size of [0, -0.1, 1.5, NaN]) {
    assertThrows(
      () => stratifiedSplit(rows, { size }),
      RangeError,
      "expected a share between 0 and 1, or a whole number",
    );
  }
  assertThrows(
    () => stratifiedSplit(rows, { size: 2 }),
    RangeError,
    "Cannot hold out 2 of 2 rows: none would be left to learn from",
  );
  assertThrows(() => stratifiedSplit(rows, { size: 0.9 }), RangeError, "none");
  assertThrows(() => stratifiedSplit([], { size: 0.5 }), RangeError);
  assertThrows(
    () => stratifiedSplit(rows, { size: 1, by: "b" as "a" }),
    TypeError,
    'Cannot split by "b": row 1 has no such field',
  );
  for (const seed of [-1, 0.5, 2 ** 32]) {
    assertThrows(
      () => stratifiedSplit(rows, { size: 1, seed }),
      RangeError,
      `Cannot use the seed ${seed}`,
    );
  }
});
