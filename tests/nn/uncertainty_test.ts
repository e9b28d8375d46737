// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import {
  areaUnderRoc,
  entropy,
  falsePositiveRate95,
  uncertaintyParts,
} from "../../nn/mod.ts";

Deno.test("what is no probability is not taken for certainty", () => {
  for (const bad of [NaN, -0.1, 1.5, Infinity]) {
    const row = [0.5, bad];
    assertThrows(
      () => entropy(row, { classes: 2 }),
      RangeError,
      `value 1 is ${bad}, wanted a probability in [0, 1]`,
    );
    assertThrows(
      () => uncertaintyParts(row, { members: 1, classes: 2 }),
      RangeError,
      `is ${bad}`,
    );
  }
  // 32 bits may round a certain class up.
  assertEquals(entropy([1, 0], { classes: 2 })[0], 0);
  entropy(Float32Array.of(1.0000001, 0), { classes: 2 });
});

Deno.test("scores that are NaN are refused", () => {
  for (const measure of [areaUnderRoc, falsePositiveRate95]) {
    assertThrows(
      () => measure([1, NaN], [2]),
      RangeError,
      "score 1 of the neg",
    );
    assertThrows(() => measure([1], [NaN]), RangeError, "score 0 of the pos");
  }
  assertEquals(areaUnderRoc([-Infinity, 0], [Infinity]), 1);
});
