// Copyright 2026 the swagpu authors. MIT license.

// Metrics stay in the range that they document, whatever the scale of their
// input, and no metric turns NaN into a number.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  accuracy,
  applyTemperature,
  areaUnderRoc,
  argmaxRows,
  brierScore,
  confusionMatrix,
  entropy,
  expectedCalibrationError,
  f1Score,
  falsePositiveRate95,
  fitTemperature,
  logProbabilities,
  logSoftmaxRows,
  matthewsCorrelation,
  meanSquaredError,
  negativeLogLikelihood,
  pearsonCorrelation,
  reliabilityBins,
  softCrossEntropy,
  softmaxRows,
  spearmanCorrelation,
  uncertaintyParts,
} from "../../../nn/metrics/mod.ts";

/** The rounding error of a correlation of a few numbers. */
const ROUNDING = 1e-9;

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const pairs = fc.array(fc.tuple(finite, finite), {
  minLength: 1,
  maxLength: 9,
});

Deno.test("correlations lie in [-1, 1] for numbers of any size", () => {
  fc.assert(fc.property(pairs, (list) => {
    const x = list.map(([a]) => a);
    const y = list.map(([, b]) => b);
    for (const correlation of [pearsonCorrelation, spearmanCorrelation]) {
      const value = correlation(x, y);
      assert(value >= -1 && value <= 1, `${value}`);
      assertEquals(correlation(y, x), value);
    }
  }));
});

Deno.test("correlations do not depend on scale", () => {
  for (const scale of [1e100, 1e-200, 1e300, 5e-320, 1]) {
    const x = [1, 2, 4].map((value) => value * scale);
    assertAlmostEquals(pearsonCorrelation(x, x), 1, ROUNDING);
    assertAlmostEquals(pearsonCorrelation(x, [-1, -2, -4]), -1, ROUNDING);
    assertAlmostEquals(spearmanCorrelation(x, [1, 8, 9]), 1, ROUNDING);
  }
  // An offset leaves three digits of each value.
  const shifted = [1, 2, 4].map((value) => value + 1e12);
  assertAlmostEquals(pearsonCorrelation(shifted, [1, 2, 4]), 1, ROUNDING);
});

Deno.test("correlations with a constant list are 0", () => {
  for (const [value, count] of [[0.1, 7], [0.3, 10], [1e300, 3], [0, 4]]) {
    const constant = new Array<number>(count ?? 0).fill(value ?? 0);
    const other = constant.map((_, i) => i);
    const third = constant.map(() => 0.3);
    for (const correlation of [pearsonCorrelation, spearmanCorrelation]) {
      assertEquals(correlation(constant, third), 0);
      assertEquals(correlation(constant, other), 0);
      assertEquals(correlation(other, constant), 0);
    }
  }
});

Deno.test("means and correlations of NaN are NaN", () => {
  const broken = [1, NaN, 3];
  for (
    const metric of [pearsonCorrelation, spearmanCorrelation, meanSquaredError]
  ) {
    for (const other of [[1, 2, 3], [2, 2, 2]]) {
      assertEquals(metric(broken, other), NaN);
      assertEquals(metric(other, broken), NaN);
    }
  }
  assertEquals(pearsonCorrelation([1, Infinity], [1, 2]), NaN);
  assertEquals(spearmanCorrelation([1, Infinity, -Infinity], [2, 3, 1]), 1);
  assert(softmaxRows([NaN, 1], { classes: 2 }).every(Number.isNaN));
  assert(applyTemperature([NaN, 1], 2, { classes: 2 }).every(Number.isNaN));
});

Deno.test("metrics that count, rank or score refuse NaN and name its position", () => {
  const p = [0.5, 0.5, NaN, 0.5];
  const cases: [() => unknown, string][] = [
    [() => argmaxRows(p, { classes: 2 }), "score 2 is NaN"],
    [() => accuracy(p, [0, 1]), "score 2 is NaN"],
    [() => f1Score([0, NaN], [0, 1]), "prediction 1 is NaN"],
    [() => f1Score([0, 1], [NaN, 1]), "label 0 is NaN"],
    [() => matthewsCorrelation([0, 1], [0, NaN]), "label 1 is NaN"],
    [() => confusionMatrix([NaN], [0], { classes: 2 }), "prediction 0 is NaN"],
    [() => negativeLogLikelihood(p, [0, 0]), "row 1 holds NaN"],
    [() => brierScore(p, [0, 0]), "row 1 holds NaN"],
    [() => softCrossEntropy(p, [1, 0, 1, 0], { classes: 2 }), "row 1 holds"],
    [() => softCrossEntropy([1, 0, 1, 0], p, { classes: 2 }), "row 1 holds"],
    [() => reliabilityBins(p, [0, 0]), "row 1 holds NaN"],
    [() => expectedCalibrationError(p, [0, 0]), "row 1 holds NaN"],
    [() => entropy(p, { classes: 2 }), "row 1 holds NaN"],
    [() => uncertaintyParts(p, { members: 2, classes: 2 }), "holds NaN"],
    [() => areaUnderRoc([1, NaN], [2]), "negative 1 is NaN"],
    [() => areaUnderRoc([1], [NaN]), "positive 0 is NaN"],
    [() => falsePositiveRate95([NaN], [2]), "negative 0 is NaN"],
    [() => fitTemperature(p, [0, 0]), "value 2 is NaN"],
    [() => applyTemperature([1, 2], NaN, { classes: 2 }), "NaN"],
    [() => logProbabilities([NaN]), "row 0 holds NaN"],
  ];
  for (const [run, message] of cases) assertThrows(run, RangeError, message);
});

Deno.test("scores of probabilities refuse numbers that are not probabilities", () => {
  const message = "but must hold numbers in [0, 1]";
  for (const p of [[2.7, -1.2], [-0.2, 1.2], [Infinity, 0], [1.5, 0.1]]) {
    for (
      const run of [
        () => expectedCalibrationError(p, [0]),
        () => brierScore(p, [0]),
        () => negativeLogLikelihood(p, [0]),
        () => entropy(p, { classes: 2 }),
        () => softCrossEntropy(p, [1, 0], { classes: 2 }),
      ]
    ) assertThrows(run, RangeError, message);
  }
  for (const p of [[0.9, 0.9], [0.1, 0.1], [0, 0]]) {
    for (
      const run of [
        () => brierScore(p, [0]),
        () => negativeLogLikelihood(p, [0]),
        () => entropy(p, { classes: 2 }),
      ]
    ) assertThrows(run, RangeError, "add up to 1");
  }
  assertThrows(
    () => negativeLogLikelihood([1, 0], [0], { floor: NaN }),
    RangeError,
    "the floor is NaN",
  );
  assertThrows(
    () => reliabilityBins([1, 0], [0], { bins: 1e9 }),
    RangeError,
    "an integer from 1 to 1000000",
  );
});

Deno.test("scores of probabilities lie in their ranges", () => {
  const logit = fc.double({ min: -40, max: 40, noNaN: true });
  const row = fc.tuple(logit, logit, logit);
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 6 }), (rows) => {
      const p = softmaxRows(rows.flat(), { classes: 3 });
      const labels = rows.map((_, i) => i % 3);
      const within = (value: number, high: number) =>
        assert(value >= 0 && value <= high, `${value}`);
      within(expectedCalibrationError(p, labels), 1);
      within(brierScore(p, labels), 2 + ROUNDING);
      within(negativeLogLikelihood(p, labels), Infinity);
      for (const value of entropy(p, { classes: 3 })) {
        within(value, Math.log(3) + ROUNDING);
      }
    }),
  );
});

Deno.test("metrics refuse empty lists", () => {
  const none: number[] = [];
  for (
    const run of [
      () => accuracy(none, none),
      () => argmaxRows(none, { classes: 2 }),
      () => f1Score(none, none),
      () => matthewsCorrelation(none, none),
      () => meanSquaredError(none, none),
      () => pearsonCorrelation(none, none),
      () => spearmanCorrelation(none, none),
      () => brierScore(none, none),
      () => expectedCalibrationError(none, none),
      () => areaUnderRoc(none, [1]),
      () => uncertaintyParts([1, 0], { members: 0.5, classes: 4 }),
    ]
  ) assertThrows(run, RangeError);
});

Deno.test("class numbers may be far apart", () => {
  const far = 2 ** 40;
  assertEquals(f1Score([far, 0], [far, 0], { average: "macro" }), 1);
  assertEquals(matthewsCorrelation([far, 0], [far, 0]), 1);
  assertThrows(() => f1Score([1.5], [1]), RangeError, "prediction 0 is 1.5");
  assertThrows(
    () => f1Score([1], [1], { positive: NaN }),
    RangeError,
    "the positive class is NaN",
  );
});

Deno.test("log-probabilities of large scores keep their digits", () => {
  for (const z of [0, 1e4, 1e8, 1e300, -1e300]) {
    const [first = 0] = logSoftmaxRows([z, z], { classes: 2 });
    assertAlmostEquals(first, -Math.LN2, 1e-15);
  }
  // T is e/ln 3 where three of four are right at a gap of e, shifted or not.
  const z = Math.log(99);
  const gap = [z, 0, z, 0, z, 0, z, 0].map((x) => x + 2 ** 30);
  const fitted = fitTemperature(gap, [0, 0, 0, 1]);
  assertAlmostEquals(fitted, z / Math.log(3), 1e-5);
  const [high] = applyTemperature([1e308, -1e308], 0.01, { classes: 2 });
  assertEquals(high, 1);
});

Deno.test("sums of many terms keep their digits", () => {
  const count = 1_000_000;
  const tenths = new Float64Array(count).fill(0.1);
  const zeros = new Float64Array(count);
  assertAlmostEquals(meanSquaredError(tenths, zeros), 0.1 ** 2, 1e-17);
  assertAlmostEquals(meanSquaredError([1e154, 1e154], [0, 0]), 1e308, 1e293);
  // 0.95 · 20 is 19 whole positives, and the twentieth may score less.
  const positives = Array.from({ length: 20 }, (_, i) => i);
  assertEquals(falsePositiveRate95([0.5], positives), 0);
  assertEquals(falsePositiveRate95([1], positives), 1);
});
