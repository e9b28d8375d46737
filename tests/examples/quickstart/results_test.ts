// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Run, runResults } from "../../../examples/quickstart/results.ts";
import { generateReviews } from "../../../examples/quickstart/grammar.ts";
import { renderReport, summarizeRun } from "../../../report/mod.ts";

function madeUp(seed: number): Run {
  const { test } = generateReviews({ seed, train: 0, ood: 0, test: 60 });
  const probabilities = test.flatMap(({ probabilities }) => probabilities);
  const zeros = new Float64Array(test.length);
  const uncertainty = { expected: zeros, mutualInformation: zeros };
  const prediction = { probabilities, uncertainty };
  return {
    predictions: [
      { method: "last iterate", samples: 1, ...prediction },
      { method: "SWAG", samples: 16, ...prediction },
    ],
    truth: {
      labels: test.map(({ label }) => label),
      distribution: probabilities,
    },
    texts: test.map(({ text }) => text),
    foreign: [1, 1.05],
    epochs: [
      { step: 32, loss: 1, learningRate: 3e-3 },
      { step: 64, loss: 0.8, learningRate: 0.05 },
    ],
    snapshots: [64],
  };
}

Deno.test("runResults() fills every figure of the report but that of numbers", async () => {
  const results = runResults([madeUp(1), madeUp(2)], { seed: 1 });
  const html = await renderReport(results, { resamples: 10 });
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    const figure = html.split(`id="figure-${number}" `)[1] ?? "";
    const charts = figure.split("</figure>")[0]?.includes("<svg");
    assertEquals(charts, number !== 8, `figure ${number}`);
  }
  assert(html.includes("unknown subject"));
});

Deno.test("runResults() counts seeds, and adds samples only where there are any", () => {
  const results = runResults([madeUp(1), madeUp(2), madeUp(3)], {});
  const { methods, oracle } = summarizeRun(results, { resamples: 0 });
  assertEquals(methods.map(({ seeds }) => seeds), [3, 3]);
  assert(oracle);
  const given = results.classification?.methods ?? [];
  assertEquals(
    given.map(({ uncertainty }) => uncertainty !== undefined),
    [false, true],
  );
  assertThrows(() => runResults([], {}), RangeError, "there are none");
});
