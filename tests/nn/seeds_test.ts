// Copyright 2026 the swagpu authors. MIT license.

import {
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { normal, scope } from "../../engine/mod.ts";
import { runSeeds, summarizeSeeds } from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";

gpuTest("each run has the random numbers of its seed alone", async () => {
  const draw = async () => {
    using _ = scope();
    return { x: await normal([]).item() };
  };
  const several = await runSeeds([4, 5, 6], draw);
  const [alone] = await runSeeds([6], draw);
  assertEquals(several[2], alone);
  assertEquals(new Set(several.map(({ scores }) => scores.x)).size, 3);
});

gpuTest(
  "a run that diverges has failed, and another error ends the series",
  async () => {
    const runs = await runSeeds([1, 2], (seed) => {
      if (seed === 1) throw new RangeError("the loss is NaN");
      return { accuracy: 0.9 };
    });
    assertEquals(runs, [
      { seed: 1, scores: {}, failure: "the loss is NaN" },
      { seed: 2, scores: { accuracy: 0.9 } },
    ]);
    await assertRejects(
      () =>
        runSeeds([1], () => {
          throw new TypeError("wrong");
        }),
      TypeError,
      "wrong",
    );
    await assertRejects(() => runSeeds([], () => ({})), RangeError, "at least");
    await assertRejects(() => runSeeds([1, 1], () => ({})), RangeError, "once");
  },
);

Deno.test("means, deviations and degenerate runs are those worked by hand", () => {
  const runs = [
    ...[0.5, 0.8, 0.6, 0.9].map((accuracy, seed) => ({
      seed,
      scores: { accuracy, loss: 1 - accuracy },
    })),
    { seed: 4, scores: {}, failure: "diverged" },
  ];
  const { scores, degenerate, degenerateShare } = summarizeSeeds(runs, {
    metric: "accuracy",
    degenerate: 0.5,
  });
  const { accuracy } = scores;
  assertEquals(Object.keys(scores), ["accuracy", "loss"]);
  assertEquals([accuracy?.count, accuracy?.min, accuracy?.max], [4, 0.5, 0.9]);
  assertAlmostEquals(accuracy?.mean ?? NaN, 0.7, 1e-12);
  assertAlmostEquals(accuracy?.median ?? NaN, 0.7, 1e-12);
  // The squares are 0.04, 0.01, 0.01 and 0.04, divided by 3.
  assertAlmostEquals(accuracy?.sd ?? NaN, Math.sqrt(0.1 / 3), 1e-12);
  assertEquals(degenerate?.map(({ seed }) => seed), [0, 4]);
  assertAlmostEquals(degenerateShare ?? NaN, 0.4, 1e-12);
  const byLoss = summarizeSeeds(runs, {
    metric: "loss",
    degenerate: 0.3,
    greaterIsBetter: false,
  });
  assertEquals(byLoss.degenerate?.map(({ seed }) => seed), [0, 2, 4]);
  assertThrows(
    () => summarizeSeeds(runs, { degenerate: 1 }),
    TypeError,
    "metric",
  );
  assertEquals(summarizeSeeds(runs.slice(0, 1)).scores.loss?.sd, NaN);
});
