// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { minimumBayesRisk, sentenceChrf } from "../../../nn/metrics/mod.ts";

Deno.test("with a loss of squares the choice is the candidate next to the mean", () => {
  const candidates = [0, 1, 2, 3, 10];
  const { choice, expectedUtilities } = minimumBayesRisk(
    candidates,
    (a, b) => -((a - b) ** 2),
  );
  assertEquals(choice, 3); // The mean is 3.2.
  const mean = candidates.reduce((sum, x) => sum + x, 0) / 5;
  const variance = candidates.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 5;
  candidates.forEach((x, i) =>
    assertAlmostEquals(
      expectedUtilities[i] ?? NaN,
      -variance - (x - mean) ** 2,
      1e-12,
    )
  );
});

Deno.test("with a loss of distances it is the median, and with equality the mode", () => {
  const candidates = [0, 1, 2, 3, 10, 10];
  const distance = minimumBayesRisk(
    [0, 1, 2, 3, 10],
    (a, b) => -Math.abs(a - b),
  );
  assertEquals(distance.choice, 2);
  const equal = minimumBayesRisk(candidates, (a, b) => Number(a === b));
  assertEquals([equal.choice, equal.index], [10, 4]);
});

Deno.test("weights count, and references may be others than the candidates", () => {
  const { choice, expectedUtilities } = minimumBayesRisk(
    ["a", "b"],
    (a, b) => Number(a === b),
    { references: ["a", "b", "b"], weights: [3, 1, 1] },
  );
  assertEquals(choice, "a");
  assertEquals([...expectedUtilities], [0.6, 0.4]);
});

Deno.test("texts are chosen by chrF, which counts what is left out most", () => {
  const texts = ["a dog ran", "the cat sat", "the cat sat", "the cat sat down"];
  const { choice } = minimumBayesRisk(texts, (a, b) => sentenceChrf(a, [b]));
  assertEquals(choice, "the cat sat down");
});

Deno.test("minimumBayesRisk() says what is wrong", () => {
  const same = (a: number, b: number) => Number(a === b);
  assertThrows(
    () => minimumBayesRisk([], same),
    RangeError,
    "Cannot choose an answer among 0 candidates",
  );
  for (const weights of [[1], [1, -1], [0, 0], [1, NaN]]) {
    assertThrows(
      () => minimumBayesRisk([1, 2], same, { weights }),
      RangeError,
      "each of the 2 references needs one of at least 0",
    );
  }
  assertThrows(
    () => minimumBayesRisk([1, 2], () => NaN),
    RangeError,
    "the utility of candidate 0 is not a number",
  );
});
