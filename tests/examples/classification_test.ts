// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { main } from "../../examples/classification.ts";
import { gpuTest } from "../_check.ts";

gpuTest(
  "the example of classification learns, and knows what is unsure",
  async () => {
    const lines: string[] = [];
    const score = await main(8, (line: string) => void lines.push(line));
    // A coin is right for half of the reviews.
    assertGreater(score, 0.75);
    assertEquals(lines.length, 6);
    assertMatch(lines[0] ?? "", /^accuracy of the last weights: [01]\.\d\d$/);
    assertEquals(lines[1], `accuracy of SWAG: ${score.toFixed(2)}`);
    const row =
      /^the \w+ was [\w ]+: entropy (\d\.\d\d), mutual information (\d\.\d\d)$/;
    const entropies = lines.slice(2).map((line) => {
      const [, entropy, mutual] = row.exec(line) ?? [];
      assertGreater(Number(entropy) + 0.011, Number(mutual), line);
      return Number(entropy);
    });
    // Labels of "odd" reviews are chance, so these are the least certain ones.
    for (const line of lines.slice(2, 5)) assertMatch(line, / odd: /);
    assertGreater(entropies[2] ?? NaN, 2 * (entropies[3] ?? NaN));
  },
);
