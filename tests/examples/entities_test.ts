// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { main } from "../../examples/entities.ts";
import { gpuTest } from "../_check.ts";

gpuTest("the example of entities finds persons and places", async () => {
  const lines: string[] = [];
  const score = await main(8, (line: string) => void lines.push(line));
  // Guessed tags are right for few entities: type, first and last word count.
  assertGreater(score, 0.75);
  assertEquals(lines.length, 6);
  assertEquals(lines[0], `all: F1 ${score.toFixed(2)}, 50 entities`);
  assertMatch(lines[1] ?? "", /^LOC: F1 [01]\.\d\d, 25 entities$/);
  assertMatch(lines[2] ?? "", /^PER: F1 [01]\.\d\d, 25 entities$/);
  for (const line of lines.slice(3)) {
    assertMatch(line, /^[a-z ]+: ([a-z ]+ \((PER|LOC)\)(, )?)+$/);
  }
});
