// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  compare,
  median,
  pairedRatio,
  summarize,
} from "../../bench/peers/statistics.ts";

Deno.test("the median does not depend on order or outliers", () => {
  assertEquals(median([3, 1, 1000]), 3);
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assert(Number.isNaN(median([])));
});

Deno.test("a summary has the extremes and the spread", () => {
  assertEquals(summarize([4, 2, 3]), {
    median: 3,
    min: 2,
    max: 4,
    spread: 2 / 3,
  });
});

Deno.test("a paired ratio cancels what slows a whole round", () => {
  // The second round took ten times as long, for both.
  assertAlmostEquals(pairedRatio([6, 60, 6.2], [2, 20, 2]), 3, 1e-12);
  assertAlmostEquals(pairedRatio([1, 2, 9], [2, 4]), 0.5, 1e-12);
});

Deno.test("outputs agree within the tolerance of the largest value", () => {
  assertEquals(compare([1, 100], [1, 100.05], 1e-3).agrees, true);
  assertEquals(compare([1, 100], [1, 100.2], 1e-3).agrees, false);
  // The small value is wrong by more than itself, but little on the scale of all.
  assertEquals(compare([0.01, 100], [0, 100], 1e-3).agrees, true);
});

Deno.test("the reported error is the largest, wherever it is", () => {
  assertAlmostEquals(compare([3, 1, 4], [1, 1, 4], 1).error, 0.5, 1e-12);
  assertAlmostEquals(compare([1, 1, 6], [1, 1, 4], 1).error, 0.5, 1e-12);
});

Deno.test("NaN, a missing value and no values agree with nothing", () => {
  assertEquals(compare([NaN, 1], [1, 1], 1).agrees, false);
  assertEquals(compare([1, NaN], [1, 1], 1).agrees, false);
  assertEquals(compare([1], [1, 1], 1).agrees, false);
  assertEquals(compare([], [], 1).agrees, false);
});
