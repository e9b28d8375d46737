// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  centralIntervalCalibration,
  ensembleCrps,
  gaussianCrps,
  gaussianNegativeLogLikelihood,
  gaussianPit,
  intervalCoverage,
  intervalScore,
  mixtureNegativeLogLikelihood,
  pinballLoss,
  quantileCalibration,
  varianceParts,
} from "../../../nn/metrics/mod.ts";
import { normalCdf } from "../../../nn/metrics/normal_distribution.ts";

Deno.test("the normal distribution has published values", () => {
  // Abramowitz and Stegun, tables 26.1 and 26.2; the tails from SciPy.
  const values: [number, number][] = [
    [0, 0.5],
    [0.5, 0.691462461274013],
    [1, 0.841344746068543],
    [1.96, 0.97500210485178],
    [2.5, 0.993790334674224],
    [3, 0.998650101968370],
    [-5, 2.866515718791939e-7],
    [-10, 7.61985302416047e-24],
    [-30, 4.906713927148187e-198],
  ];
  for (const [z, expected] of values) {
    assertAlmostEquals(normalCdf(z) / expected, 1, 1e-13);
    assertAlmostEquals(normalCdf(z) + normalCdf(-z), 1, 1e-15);
  }
  assertEquals([normalCdf(-Infinity), normalCdf(Infinity)], [0, 1]);
  assertEquals(normalCdf(NaN), NaN);
});

Deno.test("the CRPS of a normal distribution is its integral, and has known values", () => {
  const one = (mean: number, deviation: number, y: number) =>
    gaussianCrps({ mean: [mean], standardDeviation: [deviation] }, [y]).mean;
  // (√2 − 1)/√π at the mean of a standard normal distribution.
  assertAlmostEquals(
    one(0, 1, 0),
    (Math.SQRT2 - 1) / Math.sqrt(Math.PI),
    1e-15,
  );
  assertAlmostEquals(one(5, 3, 5), 3 * one(0, 1, 0), 1e-15);
  for (const y of [-2, -0.3, 0.9, 4]) {
    let integral = 0;
    const step = 1e-3;
    for (let x = -12 + step / 2; x < 12; x += step) {
      integral += step * (normalCdf(x) - (x >= y ? 1 : 0)) ** 2;
    }
    assertAlmostEquals(one(0, 1, y), integral, 1e-4);
  }
  assertAlmostEquals(one(0, 1e-9, 2), 2, 1e-8);
  assertAlmostEquals(one(0, 1, 1e6), 1e6, 1);
});

Deno.test("the CRPS of samples is the double sum, and tends to that of their source", () => {
  const samples = [0.3, -1.2, 2.5, 0.3, 0.9];
  const y = 0.7;
  let error = 0;
  let spread = 0;
  for (const a of samples) {
    error += Math.abs(a - y) / 5;
    for (const b of samples) spread += Math.abs(a - b);
  }
  const of = (fair: boolean) =>
    ensembleCrps(samples, [y], { members: 5, fair }).mean;
  assertAlmostEquals(of(false), error - spread / 50, 1e-15);
  assertAlmostEquals(of(true), error - spread / 40, 1e-15);
  // Quantiles of a uniform distribution in [0, 1]: the CRPS at ½ is 1/12.
  const members = 1000;
  const even = Array.from({ length: members }, (_, i) => (i + 0.5) / members);
  assertAlmostEquals(ensembleCrps(even, [0.5], { members }).mean, 1 / 12, 1e-6);
});

Deno.test("mixtures of normal distributions match their formulas", () => {
  const prediction = { mean: [0, 2], variance: [1, 4] };
  const density = (y: number, m: number, v: number) =>
    Math.exp(-((y - m) ** 2) / (2 * v)) / Math.sqrt(2 * Math.PI * v);
  const { perRow } = mixtureNegativeLogLikelihood(prediction, [1], {
    members: 2,
  });
  const p = (density(1, 0, 1) + density(1, 2, 4)) / 2;
  assertAlmostEquals(perRow[0] ?? NaN, -Math.log(p), 1e-14);
  const far = mixtureNegativeLogLikelihood(prediction, [1e4], { members: 2 });
  assert(Number.isFinite(far.mean));
  const parts = varianceParts(prediction, { members: 2 });
  assertEquals([...parts.mean], [1]);
  assertEquals([...parts.aleatoric], [2.5]);
  assertEquals([...parts.epistemic], [1]);
  assertEquals([...parts.total], [3.5]);
  const one = { mean: [2], variance: [4] };
  const { mean } = gaussianNegativeLogLikelihood(one, [1]);
  assertAlmostEquals(mean, -Math.log(density(1, 2, 4)), 1e-15);
  const bare = gaussianNegativeLogLikelihood(one, [1], { constant: false });
  assertAlmostEquals(mean - bare.mean, Math.log(2 * Math.PI) / 2, 1e-15);
});

Deno.test("intervals cover their ends, and empty ones cover nothing", () => {
  const interval = { lower: [0, 0, 0, 3], upper: [1, 1, 1, 2] };
  assertEquals(intervalCoverage(interval, [0, 1, 1.5, 2.5]), {
    coverage: 0.5,
    meanWidth: 0.75,
  });
  const whole = { lower: [0, 0, 0], upper: [1, 1, 1] };
  // Width 1, and 2/0.2 times ½ below for one of three.
  assertAlmostEquals(intervalScore(whole, [0, 1, -0.5], 0.2), 1 + 5 / 3);
  assertThrows(
    () => intervalScore(interval, [0, 1, 1.5, 2.5], 0.2),
    RangeError,
    "interval 3 is [3, 2]",
  );
});

Deno.test("pinball loss is least at the quantile, and half the error at the median", () => {
  const targets = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const loss = (q: number, level: number) =>
    pinballLoss(targets.map(() => q), targets, level);
  for (const q of [6, 6.9, 7.1, 8]) assert(loss(7, 0.75) < loss(q, 0.75));
  assertAlmostEquals(loss(5, 0.5), 20 / 9 / 2);
});

Deno.test("quantile calibration counts values below their quantiles", () => {
  const prediction = { mean: [0, 0, 0, 0], standardDeviation: [1, 1, 1, 1] };
  const pit = gaussianPit(prediction, [-2, -0.5, 0.5, 2]);
  const result = quantileCalibration(pit, { levels: [0.1, 0.5, 0.9] });
  assertEquals([...result.empirical], [0.25, 0.5, 0.75]);
  assertAlmostEquals(result.meanAbsolute, 0.1);
  assertAlmostEquals(result.meanSquared, 0.015);
  const central = centralIntervalCalibration(pit, { levels: [0.5, 0.99] });
  assertEquals([...central.empirical], [0.5, 1]);
  assertEquals(quantileCalibration(pit).levels.length, 19);
});

Deno.test("scores of distributions refuse bad input", () => {
  const wrong: [() => unknown, string][] = [
    [
      () => gaussianNegativeLogLikelihood({ mean: [0], variance: [0] }, [1]),
      "variance 0 is 0",
    ],
    [
      () => gaussianNegativeLogLikelihood({ mean: [0], variance: [] }, [1]),
      "1 means and 0 of variance",
    ],
    [
      () => gaussianCrps({ mean: [0], standardDeviation: [-1] }, [1]),
      "standard deviation 0 is -1",
    ],
    [
      () => gaussianPit({ mean: [0], standardDeviation: [0] }, [1]),
      "standard deviation 0 is 0",
    ],
    [() => ensembleCrps([1], [1], { members: 1, fair: true }), "at least 2"],
    [() => ensembleCrps([1, 2, 3], [1], { members: 2 }), "expected 2 for each"],
    [() => ensembleCrps([1, NaN], [1], { members: 2 }), "sample 1 is NaN"],
    [
      () => varianceParts({ mean: [1], variance: [1] }, { members: 0.5 }),
      "0.5 members",
    ],
    [() => pinballLoss([1], [1], 1), "quantile is 1"],
    [() => intervalScore({ lower: [0], upper: [1] }, [0], 0), "alpha is 0"],
    [() => quantileCalibration([2]), "row 0 is 2"],
    [() => quantileCalibration([]), "0 rows and 19 levels"],
    [() => quantileCalibration([0.5], { levels: [1] }), "a level is 1"],
  ];
  for (const [run, message] of wrong) assertThrows(run, RangeError, message);
  assertThrows(
    () => ensembleCrps([1, 2], [1], { members: 2, ...{ unbiased: true } }),
    TypeError,
    '"unbiased"',
  );
});
