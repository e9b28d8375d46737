// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  areaUnderGeneralizedRiskCoverage,
  areaUnderRiskCoverage,
  coverageAtRisk,
  predictionRejectionRatio,
  riskAtCoverage,
  riskCoverageCurve,
  selectiveMetrics,
} from "../../../nn/metrics/mod.ts";

// By falling confidence: right, wrong, right, wrong.
const CONFIDENCES = [0.6, 0.9, 0.7, 0.8];
const LOSSES = [1, 0, 0, 1];

Deno.test("a risk-coverage curve and its areas match a case by hand", () => {
  const curve = riskCoverageCurve(CONFIDENCES, LOSSES);
  assertEquals([...curve.coverage], [0.25, 0.5, 0.75, 1]);
  assertEquals([...curve.risk], [0, 1 / 2, 1 / 3, 1 / 2]);
  // Trapezoids of width ¼ between the heights 0, ½, ⅓ and ½, over ¾.
  const area = (0 + 1 / 2) / 8 + (1 / 2 + 1 / 3) / 8 + (1 / 3 + 1 / 2) / 8;
  assertAlmostEquals(areaUnderRiskCoverage(curve), area / 0.75);
  // Heights times coverage: 0, ¼, ¼, ½.
  const joint = (0 + 1 / 4) / 8 + (1 / 4 + 1 / 4) / 8 + (1 / 4 + 1 / 2) / 8;
  assertAlmostEquals(areaUnderGeneralizedRiskCoverage(curve), joint / 0.75);
  assertEquals(coverageAtRisk(curve, 0.05), 0.25);
  assertEquals(coverageAtRisk(curve, 0.34), 0.75);
  assertEquals(coverageAtRisk(curve, 0.5), 1);
  assertEquals(riskAtCoverage(curve, 0.5), 0.5);
  assertEquals(riskAtCoverage(curve, 0.51), 1 / 3);
});

Deno.test("rows of equal confidence share their loss, in any order", () => {
  const curve = riskCoverageCurve([0.9, 0.5, 0.5, 0.5], [0, 1, 0, 0]);
  const other = riskCoverageCurve([0.5, 0.5, 0.9, 0.5], [0, 0, 0, 1]);
  assertEquals(curve, other);
  const expected = [0, 1 / 6, 2 / 9, 1 / 4];
  for (const [i, risk] of curve.risk.entries()) {
    assertAlmostEquals(risk, expected[i] ?? NaN);
  }
});

Deno.test("a coverage counts as the decimal number that is written", () => {
  // In float64, 0.07 · 100 is 7.000000000000001.
  const confidences = Array.from({ length: 100 }, (_, i) => -i);
  const losses = confidences.map((_, i) => i === 7 ? 1 : 0);
  const curve = riskCoverageCurve(confidences, losses);
  assertEquals(riskAtCoverage(curve, 0.07), 0);
  assertEquals(riskAtCoverage(curve, 0.08), 1 / 8);
});

Deno.test("selective metrics need no errors, no rejection and no second row", () => {
  const right = selectiveMetrics([0.9, 0.1, 0.6, 0.4], [0, 0]);
  assertEquals(right, {
    aurc: 0,
    augrc: 0,
    coverageAt5Risk: 1,
    riskAt80Coverage: 0,
  });
  const wrong = selectiveMetrics([0.9, 0.1, 0.6, 0.4], [1, 1]);
  assertEquals([wrong.aurc, wrong.coverageAt5Risk], [1, NaN]);
  assertEquals(selectiveMetrics([0.9, 0.1], [0]).aurc, NaN);
});

Deno.test("selective metrics refuse bad input", () => {
  const wrong: [() => unknown, string][] = [
    [() => riskCoverageCurve([1, 2], [1]), "lists of 2 and 1"],
    [() => riskCoverageCurve([], []), "the same length above 0"],
    [() => riskCoverageCurve([NaN], [1]), "confidence 0 is NaN"],
    [() => riskCoverageCurve([1], [NaN]), "loss 0 is NaN"],
    [
      () => riskAtCoverage(riskCoverageCurve([1], [1]), 80),
      "the coverage is 80",
    ],
    [() => predictionRejectionRatio([1], [Infinity]), "quality 0 is Infinity"],
    [() => predictionRejectionRatio([NaN], [1]), "uncertainty 0 is NaN"],
    [
      () => predictionRejectionRatio([1, 2], [1, 2], { maxRejection: 0.4 }),
      "maxRejection is 0.4",
    ],
    [
      () => predictionRejectionRatio([1, 2], [1, 2], { maxRejection: 1.5 }),
      "maxRejection is 1.5",
    ],
  ];
  for (const [run, message] of wrong) assertThrows(run, RangeError, message);
});

Deno.test("the rejection ratio is 1 for the best order and below 0 for the worst", () => {
  const quality = [4, 3, 2, 1];
  const ratio = (uncertainty: number[]) =>
    predictionRejectionRatio(uncertainty, quality).prr;
  assertEquals(ratio([1, 2, 3, 4]), 1);
  // Scaled quality 1, ⅔, ⅓, 0: the worst order keeps 0, then 0 and ⅓, …
  const worst = (0 + 1 / 6 + 1 / 3 + 1 / 2) / 4;
  const best = (1 + 5 / 6 + 2 / 3 + 1 / 2) / 4;
  assertAlmostEquals(ratio([4, 3, 2, 1]), (worst - 0.5) / (best - 0.5));
  assertAlmostEquals(ratio([1, 1, 1, 1]), 0);
  assertThrows(
    () => predictionRejectionRatio([1], [1], { max: 1 } as object),
    TypeError,
    '"max"',
  );
});
