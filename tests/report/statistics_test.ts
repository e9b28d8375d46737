// Copyright 2026 the swagpu authors. MIT license.

// The fixture holds values by scikit-learn, scipy, statsmodels, properscoring,
// torch-uncertainty and MAPIE; each case names its source.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { areaUnderRoc } from "../../nn/metrics/mod.ts";
import { selectiveCurve } from "../../report/figures/risk_coverage.ts";
import {
  conformalSets,
  conformalThreshold,
} from "../../report/statistics/conformal.ts";
import { detection } from "../../report/statistics/detection.ts";
import {
  binomialBand,
  resampled,
  wilsonInterval,
} from "../../report/statistics/intervals.ts";
import { normalCdf, normalScores } from "../../report/statistics/normal.ts";
import { classScores } from "../../report/statistics/per_class.ts";
import {
  nllBySamples,
  partsOf,
} from "../../report/statistics/sample_uncertainty.ts";
import {
  optimalRiskCoverage,
  riskCoverage,
} from "../../report/statistics/selective.ts";
import { argmaxRows } from "../../nn/metrics/mod.ts";

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

function predicted(of: Case) {
  const { probabilities, y_true: labels } = of.inputs;
  const flat: number[] = probabilities.flat();
  const classes = probabilities[0].length;
  const predictions = argmaxRows(flat, { classes });
  const confidence = Float64Array.from(
    predictions,
    (k, row) => probabilities[row][k],
  );
  const errors = Array.from(predictions, (k, row) => k === labels[row] ? 0 : 1);
  return {
    probabilities: flat,
    labels,
    classes,
    predictions,
    confidence,
    errors,
  };
}

Deno.test("riskCoverage() agrees with torch-uncertainty", () => {
  for (const of of casesOf("selectiveMetrics")) {
    const curve = selectiveCurve(predicted(of));
    near(curve.aurc, of.expected.aurc, of);
    near(curve.coverageAt5, of.expected.coverageAt5Risk, of);
    near(curve.riskAt80, of.expected.riskAt80Coverage, of);
  }
});

Deno.test("optimalRiskCoverage() ranks every error last", () => {
  assertEquals([...optimalRiskCoverage([1, 0, 0, 0]).risk], [0, 0, 0, 0.25]);
  assertEquals(riskCoverage([]).risk.length, 0);
});

Deno.test("conformalThreshold() is the exact order statistic", () => {
  for (const of of casesOf("conformalQuantile")) {
    const found = conformalThreshold(of.inputs.scores, of.options.alpha);
    near(found, of.expected.quantile, of);
  }
});

Deno.test("conformalSets() agrees with MAPIE", () => {
  for (const of of casesOf("conformalLac")) {
    const { inputs, options, expected } = of;
    const sets = expected.sets as number[][];
    const { sizes } = conformalSets(
      { probabilities: inputs.probabilities.flat(), labels: sets.map(() => 0) },
      {
        probabilities: inputs.calibration_probabilities.flat(),
        labels: inputs.calibration_labels ?? inputs.calibration_y_true ??
          inputs.calibration_targets,
      },
      { alpha: options.alpha, classes: sets[0]?.length ?? 0 },
    );
    const expectedSizes = sets.map((set) => set.reduce((a, b) => a + b));
    assertEquals([...sizes], expectedSizes, of.id);
  }
});

Deno.test("detection() agrees with scikit-learn, and with areaUnderRoc()", () => {
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
      assertAlmostEquals(found.auroc, areaUnderRoc(low, high), 1e-12);
      const [least, most] = found.intervals?.auroc ?? [NaN, NaN];
      assert(least <= most && least >= 0 && most <= 1);
    }
  }
  assertEquals(detection([], [1], 10), null);
});

Deno.test("wilsonInterval() agrees with statsmodels", () => {
  for (const of of casesOf("proportionInterval")) {
    const { successes, trials } = of.inputs;
    if (of.options.level !== 0.95) continue;
    wilsonInterval(successes, trials)
      .forEach((end, i) => near(end, of.expected.wilson[i], of));
  }
  assertEquals(wilsonInterval(0, 0), [0, 1]);
});

Deno.test("binomialBand() has the quantiles of the binomial distribution", () => {
  // P(X ≤ 1) = 0.0107 and P(X ≤ 2) = 0.0547 at n = 10, p = 1/2, and so upwards.
  assertEquals(binomialBand(0.5, 10), [0.2, 0.8]);
  assertEquals(binomialBand(0.9, 1), [0, 1]);
  const [low, high] = binomialBand(0.9, 100_000);
  assertAlmostEquals(low, 0.9 - 1.96 * Math.sqrt(0.09 / 1e5), 2e-4);
  assertAlmostEquals(high, 0.9 + 1.96 * Math.sqrt(0.09 / 1e5), 2e-4);
});

Deno.test("resampled() covers the mean of normal numbers as often as it says", () => {
  // The interval of a mean is close to ± 1.96 standard errors.
  const values = Array.from({ length: 400 }, (_, i) => Math.sin(1e4 * i));
  const mean = (weights: ArrayLike<number>) => [
    values.reduce((sum, v, i) => sum + v * (weights[i] ?? 0), 0) / 400,
  ];
  const [[low, high] = [NaN, NaN]] = resampled(400, 2_000, mean);
  const [center = NaN] = mean(new Uint8Array(400).fill(1));
  const variance = values.reduce((s, v) => s + (v - center) ** 2, 0) / 400;
  assertAlmostEquals((high - low) / 2, 1.96 * Math.sqrt(variance / 400), 5e-3);
  assertEquals(resampled(400, 2_000, mean), [[low, high]]);
  assertEquals(resampled(1, 100, mean), []);
});

Deno.test("normalScores() has properscoring's CRPS", () => {
  for (const of of casesOf("crpsGaussian")) {
    const { mean, std, y_true: targets } = of.inputs;
    targets.forEach((target: number, i: number) => {
      const { crps } = normalScores({
        targets: [target],
        mean: [mean[i]],
        deviation: [std[i]],
      });
      const expected: number = of.expected.perRow[i];
      assertAlmostEquals(crps, expected, 1e-6 * Math.max(1, std[i], expected));
    });
  }
  assertAlmostEquals(normalCdf(1.959963984540054), 0.975, 1e-7);
  assertAlmostEquals(normalCdf(-1), 0.15865525393145707, 1e-7);
});

Deno.test("classScores() has torch-uncertainty's classwise error", () => {
  for (const of of casesOf("classwiseCalibrationError")) {
    const scores = classScores(predicted(of), of.options.bins);
    scores.forEach(({ calibrationError }, k) =>
      near(calibrationError, of.expected.perClass[k], of)
    );
  }
});

Deno.test("classScores() counts precision, recall and F1", () => {
  const [zero, one, two] = classScores({
    probabilities: [0.6, 0.3, 0.1, 0.2, 0.7, 0.1, 0.5, 0.4, 0.1],
    predictions: [0, 1, 0],
    labels: [0, 1, 1],
    classes: 3,
  }, 15);
  assertEquals([zero?.precision, zero?.recall, zero?.f1], [0.5, 1, 2 / 3]);
  assertEquals([one?.precision, one?.recall, one?.count], [1, 0.5, 2]);
  assertEquals([two?.precision, two?.recall, two?.f1], [NaN, NaN, NaN]);
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
