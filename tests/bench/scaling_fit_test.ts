// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { fitSlope, median, type Point } from "../../bench/scaling_fit.ts";

function points(time: (x: number) => number): Point[] {
  return [1, 2, 4, 8, 16].map((x) => ({ x, milliseconds: time(x) }));
}

Deno.test("fitSlope() finds powers", () => {
  for (const power of [0, 0.5, 1, 2]) {
    const { constant, factor, slope } = fitSlope(points((x) => 3 * x ** power));
    assertAlmostEquals(constant, 0);
    assertAlmostEquals(factor, 3);
    assertAlmostEquals(slope, power);
  }
});

Deno.test("fitSlope() finds a line's constant", () => {
  const times = points((x) => 10 + 3 * x);
  const { constant, factor, slope } = fitSlope(times, { constant: true });
  assertAlmostEquals(constant, 10);
  assertAlmostEquals(factor, 3);
  assertAlmostEquals(slope, 1);
  assert(fitSlope(times).slope < 0.7);
});

Deno.test("fitSlope() does not let a constant hide faster growth", () => {
  const fit = fitSlope(points((x) => 3 * x ** 1.5), { constant: true });
  assertAlmostEquals(fit.constant, 0);
  assertAlmostEquals(fit.slope, 1.5);
});

Deno.test("fitSlope() throws for one point", () => {
  assertThrows(
    () => fitSlope([{ x: 1, milliseconds: 1 }]),
    RangeError,
    "Cannot fit a slope to 1 points",
  );
});

Deno.test("median() gives the middle value", () => {
  assertAlmostEquals(median([5, 1, 3]), 3);
  assertAlmostEquals(median([4, 1, 3, 2]), 2.5);
});
