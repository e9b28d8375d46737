// Copyright 2026 the swagpu authors. MIT license.

// The fixture holds values by scikit-learn, scipy, statsmodels, properscoring,
// torch-uncertainty and MAPIE; each case names its source.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { argmaxRows } from "../../nn/metrics/mod.ts";
import { setsOf } from "../../report/figures/conformal.ts";
import { regressionScores } from "../../report/figures/regression.ts";
import { riskNotes } from "../../report/figures/risk_coverage.ts";
import { percent } from "../../report/numbers.ts";
import { summarizeRun } from "../../report/mod.ts";
import { binomialBand } from "../../report/statistics/binomial_band.ts";
import { detection } from "../../report/statistics/detection.ts";
import {
  nllBySamples,
  partsOf,
} from "../../report/statistics/sample_uncertainty.ts";
import { classScores } from "../../report/tables/scores.ts";

interface Case {
  id: string;
  function: string;
  // deno-lint-ignore no-explicit-any
  inputs: any;
  // deno-lint-ignore no-explicit-any
  options: any;
  // deno-lint-ignore no-explicit-any
  expected: any;
  tolerance: number;
}

const cases: Case[] = JSON.parse(
  await Deno.readTextFile(
    new URL("../fixtures/report/cases.json", import.meta.url),
  ),
);

function casesOf(name: string): Case[] {
  const found = cases.filter((c) => c.function === name);
  assert(found.length > 0);
  return found;
}

function near(found: number, expected: number | string, of: Case): void {
  const wish = Number(expected); // "NaN" and "Infinity" are texts in JSON.
  if (Number.isFinite(wish)) {
    assertAlmostEquals(found, wish, Math.max(of.tolerance, 1e-12), of.id);
  } else assertEquals(found, wish, of.id);
}

/** The summary of a method that is not drawn again. */
function summaryOf(probabilities: number[], labels: number[]) {
  const { methods: [method] } = summarizeRun({
    title: "a case",
    classification: { labels, methods: [{ name: "one", probabilities }] },
  }, { resamples: 0 });
  assert(method);
  return method;
}

Deno.test("selective prediction agrees with torch-uncertainty", () => {
  for (const of of casesOf("selectiveMetrics")) {
    const { inputs: { probabilities, y_true: labels }, expected } = of;
    const { aurc = NaN } = summaryOf(probabilities.flat(), labels);
    near(aurc, expected.aurc, of);
    const predictions = argmaxRows(probabilities.flat(), {
      classes: probabilities[0].length,
    });
    const [, coverage, risk] = riskNotes({
      confidence: Float64Array.from(
        predictions,
        (k, row) => probabilities[row][k],
      ),
      errors: Uint8Array.from(
        predictions,
        (k, row) => k === labels[row] ? 0 : 1,
      ),
    });
    assertEquals(
      coverage,
      `Cov@5 %Risk ${percent(Number(expected.coverageAt5Risk))}`,
    );
    assertEquals(
      risk,
      `Risk@80 %Cov ${percent(Number(expected.riskAt80Coverage))}`,
    );
  }
});

Deno.test("the optimal curve ranks every error last", () => {
  const notes = riskNotes({
    confidence: Float64Array.of(0.9, 0.8, 0.7, 0.6),
    errors: Uint8Array.of(1, 0, 0, 0),
  });
  // Risks 1, 1/2, 1/3, 1/4, and at best 0, 0, 0, 1/4; the area of lines through them.
  assertEquals(notes[0], "AURC 0.486 (optimal 0.042)");
});

Deno.test("setsOf() agrees with MAPIE", () => {
  for (const of of casesOf("conformalLac")) {
    const { inputs, options, expected } = of;
    const wish = expected.sets as number[][];
    const classes = wish[0]?.length ?? 0;
    const all = wish.map((_, row) => row);
    const labels = all.map(() => 0);
    const sets = setsOf([{
      rows: all,
      reporting: { probabilities: inputs.probabilities.flat(), labels },
      fitting: {
        probabilities: inputs.calibration_probabilities.flat(),
        labels: inputs.calibration_labels ?? inputs.calibration_y_true ??
          inputs.calibration_targets,
      },
    }], { rows: all.length, classes, alpha: options.alpha });
    assertEquals([...sets], wish.flat(), of.id);
  }
});

Deno.test("detection() agrees with scikit-learn", () => {
  const names = {
    averagePrecision: "aupr",
    fprAtTpr: "fpr95",
    rocAuc: "auroc",
  } as const;
  for (const [name, score] of Object.entries(names)) {
    for (const of of casesOf(name)) {
      if (of.options.tpr !== undefined && of.options.tpr !== 0.95) continue;
      const labels: number[] = of.inputs.y_true;
      const scores: number[] = of.inputs.scores;
      const low = scores.filter((_, i) => labels[i] === 0);
      const high = scores.filter((_, i) => labels[i] === 1);
      const found = detection(low, high, 50);
      if (!found) continue;
      near(found[score], of.expected, of);
      const [least, most] = found.intervals?.auroc ?? [NaN, NaN];
      assert(least <= most && least >= 0 && most <= 1);
    }
  }
  assertEquals(detection([], [1], 10), null);
});

Deno.test("detection() leaves out draws of one kind of rows", () => {
  // A third of the draws lacks the positive row, and has no score.
  const { intervals } = detection([0, 1, 2], [3], 100) ?? {};
  assertEquals(intervals?.auroc, [1, 1]);
  assertEquals(detection([0, 1, 2], [3], 0)?.intervals, undefined);
});

Deno.test("detection() has intervals of 95 %", () => {
  // By Hanley & McNeil (1982), the standard error of this area is about 0.033.
  const rising = (shift: number) =>
    Array.from({ length: 150 }, (_, i) => i / 150 + shift);
  const { auroc, intervals } = detection(rising(0), rising(0.1), 400) ??
    { auroc: NaN };
  const [low, high] = intervals?.auroc ?? [NaN, NaN];
  const [q1, q2] = [auroc / (2 - auroc), 2 * auroc ** 2 / (1 + auroc)];
  const variance = (auroc * (1 - auroc) + 149 * (q1 + q2 - 2 * auroc ** 2)) /
    150 ** 2;
  assertAlmostEquals((high - low) / 2, 1.96 * Math.sqrt(variance), 0.01);
  assert(low < auroc && auroc < high);
});

Deno.test("the interval of the accuracy agrees with statsmodels", () => {
  for (const of of casesOf("proportionInterval")) {
    const { successes, trials } = of.inputs;
    if (of.options.level !== 0.95) continue;
    const rows = Array.from({ length: trials }, (_, row) => row < successes);
    const { accuracyInterval } = summaryOf(
      rows.flatMap((hit) => hit ? [1, 0] : [0, 1]),
      rows.map(() => 0),
    );
    accuracyInterval
      .forEach((end, i) => near(end, of.expected.wilson[i], of));
  }
});

Deno.test("binomialBand() has the quantiles of the binomial distribution", () => {
  // P(X ≤ 1) = 0.0107 and P(X ≤ 2) = 0.0547 at n = 10, p = 1/2, and so upwards.
  assertEquals(binomialBand(0.5, 10), [0.2, 0.8]);
  assertEquals(binomialBand(0.9, 1), [0, 1]);
  const [low, high] = binomialBand(0.9, 100_000);
  assertAlmostEquals(low, 0.9 - 1.96 * Math.sqrt(0.09 / 1e5), 2e-4);
  assertAlmostEquals(high, 0.9 + 1.96 * Math.sqrt(0.09 / 1e5), 2e-4);
});

Deno.test("regressionScores() has properscoring's CRPS", () => {
  for (const of of casesOf("crpsGaussian")) {
    const { mean, std, y_true: targets } = of.inputs;
    targets.forEach((target: number, i: number) => {
      const { crps } = regressionScores(
        { targets: [target], methods: [] },
        { name: "one", mean: [mean[i]], deviation: [std[i]] },
      );
      near(crps, of.expected.perRow[i], of);
    });
  }
});

Deno.test("regressionScores() covers the central interval of 90 %", () => {
  // Its ends are 1.645 deviations from the mean.
  const scores = regressionScores({ targets: [1.6, 1.7], methods: [] }, {
    name: "one",
    mean: [0, 0],
    deviation: [1, 1],
  });
  assertEquals(scores.coverage90, 0.5);
  assertAlmostEquals(scores.width90, 2 * 1.6448536269514722);
  assertAlmostEquals(scores.rmse, Math.sqrt((1.6 ** 2 + 1.7 ** 2) / 2));
  const squares = (1.6 ** 2 + 1.7 ** 2) / 4;
  assertAlmostEquals(scores.nll, Math.log(2 * Math.PI) / 2 + squares);
});

Deno.test("classScores() has no score where there is nothing to divide by", () => {
  const [zero, one, two] = classScores([0, 1, 0], [0, 1, 1], 3);
  assertEquals([zero?.precision, zero?.recall, zero?.f1], [0.5, 1, 2 / 3]);
  assertEquals([one?.precision, one?.recall, one?.count], [1, 0.5, 2]);
  assertEquals([two?.precision, two?.recall, two?.f1], [NaN, NaN, NaN]);
  const [, never] = classScores([0], [1], 2);
  assertEquals([never?.precision, never?.recall, never?.f1], [NaN, 0, 0]);
});

Deno.test("partsOf() splits disagreement within and between particles", () => {
  const certain = (name: string, samples: number[][], particles: number) =>
    partsOf({
      name,
      probabilities: [0.5, 0.5],
      sampleProbabilities: samples.flat(),
      particles,
    }, 2);
  const apart = certain("apart", [[1, 0], [1, 0], [0, 1], [0, 1]], 2);
  assertEquals([...Array.from(apart?.between ?? [])], [Math.LN2]);
  assertEquals([...Array.from(apart?.epistemic ?? [])], [Math.LN2]);
  const within = certain("within", [[1, 0], [0, 1], [1, 0], [0, 1]], 2);
  assertEquals([...Array.from(within?.between ?? [])], [0]);
  assertEquals([...Array.from(within?.aleatoric ?? [])], [0]);
  assertEquals(partsOf({ name: "one", probabilities: [1, 0] }, 2), null);
});

Deno.test("nllBySamples() averages the first samples", () => {
  const points = nllBySamples([1, 0, 0.5, 0.5], [0], 2);
  assertEquals(points[0], { samples: 1, nll: 0 });
  assertAlmostEquals(points[1]?.nll ?? NaN, -Math.log(0.75));
});
