// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  meanScores,
  ORACLE,
  renderSeeds,
  renderTable,
  score,
  scoreAll,
} from "../../../examples/quickstart/table.ts";
import { generateReviews } from "../../../examples/quickstart/grammar.ts";
import { applyTemperature, logProbabilities } from "../../../nn/metrics/mod.ts";

const { test } = generateReviews({ seed: 1, train: 0, ood: 0 });
const truth = {
  labels: test.map(({ label }) => label),
  distribution: test.flatMap(({ probabilities }) => [...probabilities]),
};
const logs = logProbabilities(truth.distribution);
const sharp = applyTemperature(logs, 0.4, { classes: 3 });

/** A fit to 1,000 labels is this close to the temperature that was applied. */
const FIT = 0.15;

Deno.test("score() undoes a temperature by scaling, and the oracle needs none", () => {
  const row = score({ method: "sharp", probabilities: sharp }, truth);
  const [oracle] = scoreAll([], truth);
  assert(oracle);
  assertEquals(oracle.method, ORACLE);
  assertEquals(oracle.temperature, undefined);
  assert(row.temperature !== undefined && row.scaledNll !== undefined);
  assertAlmostEquals(row.temperature * 0.4, 1, FIT);
  assertEquals(row.accuracy, oracle.accuracy);
  assert(row.nll > row.scaledNll);
  assert(row.nll > oracle.nll && row.crossEntropy > oracle.crossEntropy);
  assert(row.brier > oracle.brier && row.ece > oracle.ece);
});

Deno.test("meanScores() averages each column over runs of the same methods", () => {
  const base = { accuracy: 0, nll: 0, ece: 0, brier: 0, crossEntropy: 0 };
  const run = (x: number) => [
    { ...base, method: "SWAG", nll: x, temperature: 2 * x },
    { ...base, method: ORACLE, nll: -x },
  ];
  const [swag, oracle] = meanScores([run(1), run(2)]);
  assertEquals([swag?.nll, swag?.temperature], [1.5, 3]);
  assertEquals([oracle?.nll, oracle?.temperature], [-1.5, undefined]);
  assertThrows(() => meanScores([]), RangeError, "no runs");
  assertThrows(
    () => meanScores([run(1), run(1).reverse()]),
    RangeError,
    "SWAG",
  );
});

Deno.test("renderTable() aligns columns, and separates the oracle by a rule", () => {
  const base = { accuracy: 0.5, nll: 1.25, ece: 0.1, brier: 0.4 };
  const text = renderTable([
    {
      ...base,
      method: "last iterate",
      crossEntropy: 1,
      scaledNll: 0.75,
      scaledEce: 0.05,
      temperature: 12.345,
    },
    { ...base, method: ORACLE, crossEntropy: 0.5 },
  ], { title: "Mean of 3 seeds" });
  assertEquals(
    text,
    `Mean of 3 seeds

                                             CE to  scaled  scaled     at
method        accuracy    NLL    ECE  Brier  truth     NLL     ECE      T
─────────────────────────────────────────────────────────────────────────
last iterate     0.500  1.250  0.100  0.400  1.000   0.750   0.050  12.35
─────────────────────────────────────────────────────────────────────────
oracle           0.500  1.250  0.100  0.400  0.500       –       –      –
`,
  );
});

Deno.test("renderSeeds() lists two methods run by run", () => {
  const row = (method: string, nll: number) => ({
    method,
    accuracy: 0.5,
    nll,
    ece: 0.1,
    brier: 0.4,
    crossEntropy: nll + 1,
  });
  const runs = [1, 2].map((x) => [row("last", x), row("SWAG", x / 2)]);
  const lines = renderSeeds(runs, ["last", "SWAG"]).split("\n");
  assertEquals(lines.slice(0, 4), [
    "Seed by seed:",
    "",
    "NLL          last  1.000  2.000",
    "NLL          SWAG  0.500  1.000",
  ]);
  assertEquals(lines[6], "CE to truth  last  2.000  3.000");
  // A score that was not measured is a dash, as in the table.
  assertEquals(lines[8], "scaled NLL   last  –  –");
});
