// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { overBudget, tableOf } from "../../../tools/build/sizes.ts";

const SIZES = [
  { name: "a page", bytes: 2_000, gzip: 1_000, brotli: 900, budget: 1_000 },
  { name: "all", bytes: 30_500, gzip: 9_960, brotli: 8_000, budget: 9_000 },
];

Deno.test("tableOf() prints sizes in kilobytes", () => {
  assertEquals(
    tableOf(SIZES),
    `kB      minified  gzip  brotli  budget
a page       2.0   1.0     0.9     1.0
all         30.5  10.0     8.0     9.0`,
  );
});

Deno.test("overBudget() tells what exceeds its budget, and by how much", () => {
  assertEquals(overBudget(SIZES), [
    "all is 10.0 kB as gzip, 1.0 kB over its budget of 9.0 kB",
  ]);
});
