// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { main } from "../../examples/custom_loop.ts";
import { gpuTest } from "../_check.ts";

gpuTest("the example of loops learns the same with both", async () => {
  const lines: string[] = [];
  const scores = await main(8, (line: string) => void lines.push(line));
  assertEquals(lines.length, 2);
  const losses = ["trainCaptured", "trainByHand"].map((name, i) => {
    const [, loss, score] =
      new RegExp(`^${name}: loss (\\d\\.\\d{3}), accuracy ([01]\\.\\d\\d)$`)
        .exec(lines[i] ?? "") ?? [];
    assertEquals(score, scores[i]?.toFixed(2));
    // A guess among three answers is right for a third of the questions.
    assertGreater(scores[i] ?? NaN, 0.7);
    return Number(loss);
  });
  // They round differently, but make the same steps.
  assertAlmostEquals(losses[0] ?? NaN, losses[1] ?? NaN, 2e-3);
});
