// Copyright 2026 the swagpu authors. MIT license.

// Tests of differences, correlations and rankings: published values, simulated
// data, and what is refused. Values of the libraries are compared in
// tests/tools/golden_metrics_test.ts.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  averagePrecisionScore,
  bootstrap,
  cohenKappaScore,
  confusionMatrix,
  contingencyTable,
  f1Score,
  fprAtTpr,
  kendallTau,
  logLoss,
  mcnemar,
  multipletests,
  pairedBootstrap,
  pairedPermutationTest,
  pearsonr,
  precisionRecallFscoreSupport,
  precisionScore,
  proportionConfint,
  r2Score,
  recallScore,
  rocAucScore,
  rocCurve,
  spearmanr,
  topKAccuracyScore,
  ttestRel,
  wilcoxon,
} from "../../../nn/metrics/mod.ts";
import {
  betaQuantile,
  incompleteBeta,
  logGamma,
  normalQuantile,
} from "../../../nn/metrics/distributions.ts";
import { normalCdf } from "../../../nn/metrics/normal_distribution.ts";
import { seededRandom } from "../../../nn/metrics/resampling.ts";

function near(actual: number, expected: number, relative = 1e-13): void {
  const limit = relative * Math.abs(expected);
  assertAlmostEquals(actual, expected, limit);
}

Deno.test("distributions have tabulated values", () => {
  near(logGamma(0.5), Math.log(Math.PI) / 2);
  near(logGamma(101), 363.73937555556349014);
  near(normalCdf(-1.959963984540054), 0.025);
  near(normalCdf(-7), 1.279812543885835e-12, 1e-12);
  near(normalQuantile(0.025), 1.959963984540054);
  // Student's t with 1 degree of freedom is Cauchy's distribution.
  near(incompleteBeta(1 / (1 + 3), 0.5, 0.5), 1 / 3);
  near(incompleteBeta(0.3, 2, 3), 0.3483);
  near(betaQuantile(0.3483, 2, 3), 0.3);
});

Deno.test("mcnemar() gives the value of Agresti's approval ratings", () => {
  // Categorical Data Analysis, table 10.1.
  const { statistic, pValue } = mcnemar([[794, 86], [150, 570]], {
    exact: false,
    correction: false,
  });
  assertEquals(statistic.toFixed(2), "17.36");
  assert(pValue > 3.0e-5 && pValue < 3.2e-5);
});

Deno.test("wilcoxon() leaves out zeros, and gives every sign its share", () => {
  // Of 2³ signs, two sums are 0 or 6, and two are 1 or 5.
  assertEquals(wilcoxon([1, 2, 3], [0, 0, 0]).pValue, 2 / 8);
  assertEquals(wilcoxon([-1, 2, 3], [0, 0, 0]).pValue, 4 / 8);
  assertEquals(wilcoxon([3, 1, 2, 5], [0, 0, 0, 5]).statistic, 0);
  assertEquals(wilcoxon([1, -1], [0, 0]).pValue, 1);
});

Deno.test("correlations have the p-values of Student's t", () => {
  // r = 1/2 of 3 rows: t = 1/√3, whose tails are those of Cauchy.
  const { statistic, pValue } = pearsonr([1, 2, 3], [1, 3, 2]);
  near(statistic, 0.5);
  near(pValue, 2 / 3);
  near(spearmanr([1, 2, 30], [1, 300, 2]).pValue, 2 / 3);
  assertEquals(pearsonr([1, 2], [5, 3]), { statistic: -1, pValue: 1 });
});

Deno.test("kendallTau() counts pairs as a double loop does", () => {
  const random = seededRandom(4);
  for (let round = 0; round < 30; round++) {
    const rows = 2 + Math.floor(random() * 30);
    const draw = () =>
      Array.from(
        { length: rows },
        () => Math.floor(random() * (1 + (round % 7) * 3)),
      );
    const [x, y] = [draw(), draw()];
    let [more, pairsX, pairsY] = [0, 0, 0];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < i; j++) {
        const a = Math.sign((x[i] ?? 0) - (x[j] ?? 0));
        const b = Math.sign((y[i] ?? 0) - (y[j] ?? 0));
        more += a * b;
        pairsX += a * a;
        pairsY += b * b;
      }
    }
    const expected = more / Math.sqrt(pairsX * pairsY);
    const tau = kendallTau(x, y);
    if (Number.isNaN(expected)) assertEquals(tau, NaN);
    else assertAlmostEquals(tau, expected, 1e-14);
  }
});

Deno.test("bootstrap() intervals cover the mean about as often as they say", () => {
  const random = seededRandom(1);
  let covered = 0;
  for (let round = 0; round < 150; round++) {
    const values = Array.from({ length: 60 }, () => random());
    const { confidenceInterval: { low, high } } = bootstrap(values, {
      resamples: 200,
      seed: round,
      confidenceLevel: 0.9,
    });
    if (low <= 0.5 && 0.5 <= high) covered++;
  }
  // Four standard errors around 0.88: percentile intervals are a little short.
  assert(covered > 114 && covered < 147, `${covered} of 150`);
});

Deno.test("bootstrap() depends on the seed alone", () => {
  const values = [3, 1, 4, 1, 5, 9, 2, 6];
  const of = (seed: number) => bootstrap(values, { seed });
  assertEquals(of(5), of(5));
  assert(of(5).standardError !== of(6).standardError);
  const own = (rows: ArrayLike<number>) =>
    Array.from(rows, (row) => values[row] ?? 0).reduce((a, b) => a + b) /
    rows.length;
  const general = bootstrap({ rows: 8, statistic: own }, { seed: 5 });
  assertAlmostEquals(general.standardError, of(5).standardError, 1e-12);
});

Deno.test("paired comparisons find a difference, and none where there is none", () => {
  const random = seededRandom(2);
  const a = Array.from({ length: 200 }, () => random());
  const b = Array.from({ length: 200 }, () => random());
  const better = b.map((value) => value + 0.2);
  assert(pairedBootstrap(a, b).pValue > 0.05);
  assert(pairedBootstrap(better, a).pValue < 0.01);
  assertEquals(pairedBootstrap(better, a).fractionNotBetter, 0);
  assertEquals(pairedBootstrap(a, a).pValue, 1);
  assert(pairedPermutationTest(a, b).pValue > 0.05);
  assert(pairedPermutationTest(better, a).pValue < 0.01);
  assert(ttestRel(better, a).pValue < 1e-6);
  assert(wilcoxon(better, a).pValue < 1e-6);
});

Deno.test("seededRandom() draws every row about equally often", () => {
  const random = seededRandom(0);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const row = Math.floor(random() * 10);
    counts[row] = (counts[row] ?? 0) + 1;
  }
  const square = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  // Chi-square with 9 degrees of freedom is below 27.9 in 99.9 of 100 cases.
  assert(square > 0.5 && square < 27.9, `${square}`);
});

Deno.test("scores of classes are consistent with each other", () => {
  const predicted = [0, 1, 2, 2, 1, 0];
  const labels = [0, 2, 2, 2, 1, 1];
  const options = { average: "weighted" } as const;
  const scores = precisionRecallFscoreSupport(predicted, labels, options);
  assertEquals(precisionScore(predicted, labels, options), scores.precision);
  assertEquals(recallScore(predicted, labels, options), scores.recall);
  assertEquals(f1Score(predicted, labels, options), scores.fscore);
  // One label a row: micro averages are the accuracy.
  assertEquals(f1Score(predicted, labels, { average: "micro" }), 4 / 6);
  assertEquals(f1Score([0, 0], [0, 0], { zeroDivision: 1 }), 1);
});

Deno.test("rankings match the examples of scikit-learn's documentation", () => {
  const [scores, labels] = [[0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]];
  assertEquals(rocAucScore(scores, labels), 0.75);
  assertEquals(averagePrecisionScore(scores, labels).toFixed(2), "0.83");
  const { fpr, tpr } = rocCurve(scores, labels);
  assertEquals([...fpr], [0, 0, 0.5, 0.5, 1]);
  assertEquals([...tpr], [0, 0.5, 0.5, 1, 1]);
  // Two columns are the scores of both classes.
  const both = scores.flatMap((score) => [1 - score, score]);
  assertEquals(rocAucScore(both, labels), 0.75);
});

Deno.test("tests and rankings refuse what they cannot compute", () => {
  const refused: [() => unknown, new () => Error, string][] = [
    [() => pearsonr([1], [1]), RangeError, "at least two values"],
    [() => kendallTau([1, 2], [1]), RangeError, "lists of 2 and 1"],
    [() => rocAucScore([1, 2], [0, 0]), RangeError, "2 negatives and 0 pos"],
    [() => rocAucScore([1, NaN], [0, 1]), RangeError, "score 1 is NaN"],
    [() => rocAucScore([1, 2], [0, 2]), RangeError, "label 1 is 2"],
    [
      () => rocAucScore([1, 2, 3, 1, 2, 3], [0, 1]),
      RangeError,
      'multiClass must be "ovr" or "ovo"',
    ],
    [
      () => rocAucScore([1, 2, 3, 1, 2, 3], [0, 1], { multiClass: "ovr" }),
      RangeError,
      "0 positives",
    ],
    [() => fprAtTpr([1, 2], [0, 1], { tpr: 95 }), RangeError, "tpr is 95"],
    [() => topKAccuracyScore([1, 2], [0], { k: 0 }), RangeError, "k is 0"],
    [() => logLoss([0.5, NaN], [0]), RangeError, "probability 1 is NaN"],
    [() => logLoss([0.5, 0.5], [0], { eps: 1 }), RangeError, "eps is 1"],
    [
      // @ts-expect-error There is no such average.
      () => f1Score([0], [0], { average: "samples" }),
      RangeError,
      '"samples"',
    ],
    [
      // @ts-expect-error There is no such option.
      () => f1Score([0], [0], { posLabel: 1 }),
      TypeError,
      'option "posLabel"',
    ],
    [
      () => f1Score([0], [0], { average: "macro", labels: [0, 0] }),
      RangeError,
      "each once",
    ],
    [
      // @ts-expect-error There is no such choice.
      () => confusionMatrix([0], [0], { classes: 1, normalize: "rows" }),
      RangeError,
      '"rows"',
    ],
    [
      () => cohenKappaScore([0, 1], [0, 0], { labels: [0] }),
      RangeError,
      "class 1 occurs",
    ],
    [() => mcnemar([[1, 2], [3, -1]]), RangeError, "two rows of two counts"],
    [
      () => mcnemar([[1, 2], [3, 1]], { exact: false, midP: true }),
      RangeError,
      "midP needs",
    ],
    [() => contingencyTable([1], []), RangeError, "lists of 1 and 0"],
    [() => ttestRel([1], [2]), RangeError, "at least two rows"],
    [() => wilcoxon([1, 2], [1, 2]), RangeError, "all differences are 0"],
    [
      () => wilcoxon([1, 2], [1, 1], { method: "exact" }),
      RangeError,
      "differences that are not 0",
    ],
    [
      () => f1Score([0], [0], { labels: [0] }),
      RangeError,
      'the average is "binary"',
    ],
    [
      () => wilcoxon([1, 2], [0, 0], { method: "exact", correction: true }),
      RangeError,
      "correction is for",
    ],
    [
      () => bootstrap([1], { indices: [[0]], seed: 1 }),
      RangeError,
      "resamples and seed must not be",
    ],
    [
      () => pairedPermutationTest([1], [2], { signs: [[1]], resamples: 5 }),
      RangeError,
      "resamples and seed must not be",
    ],
    [() => bootstrap([]), RangeError, "there are no rows"],
    [() => bootstrap([1, NaN]), RangeError, "score 1 is NaN"],
    [() => bootstrap([1], { resamples: 0 }), RangeError, "resamples is 0"],
    [() => bootstrap([1], { seed: -1 }), RangeError, "seed is -1"],
    [() => bootstrap([1], { indices: [[1]] }), RangeError, "resample 0"],
    [
      () => bootstrap([1], { confidenceLevel: 95 }),
      RangeError,
      "confidenceLevel is 95",
    ],
    [() => pairedBootstrap([1], [1, 2]), RangeError, "1 and 2 rows"],
    [
      () => pairedPermutationTest([1, 2], [2, 1], { signs: [[1, 0]] }),
      RangeError,
      "signs must be 1 or -1",
    ],
    [() => proportionConfint(3, 2), RangeError, "nobs is 2"],
    [() => multipletests([1.5]), RangeError, "p-value 0 is 1.5"],
    [() => multipletests([]), RangeError, "there are none"],
  ];
  for (const [call, kind, part] of refused) assertThrows(call, kind, part);
  assertEquals(r2Score([1], [1]), NaN);
});
