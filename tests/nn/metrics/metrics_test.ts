// Copyright 2026 the swagpu authors. MIT license.

import {
  assertAlmostEquals,
  assertEquals,
  assertLessOrEqual,
  assertThrows,
} from "@std/assert";
import { counterRandom } from "../../../nn/counter_random.ts";
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

/** The rounding error of a float64 sum of a few thousand terms. */
const ROUNDING = 1e-12;
/** A score from float32 probabilities such as 0.9 and 0.1. */
const FLOAT32 = 1e-7;

/** Labels drawn from softmax(z), with z uniform in ±3. */
function drawTask(
  rows: number,
  classes: number,
): { logits: Float64Array<ArrayBuffer>; labels: number[] } {
  const random = counterRandom(11);
  const logits = Float64Array.from(
    { length: rows * classes },
    () => 6 * random() - 3,
  );
  const p = softmaxRows(logits, { classes });
  const labels = Array.from({ length: rows }, (_, row) => {
    let u = random();
    for (let k = 0; k < classes - 1; k++) {
      u -= p[row * classes + k] ?? 0;
      if (u < 0) return k;
    }
    return classes - 1;
  });
  return { logits, labels };
}

Deno.test("expectedCalibrationError() is below .01 when labels follow the probabilities", () => {
  const { logits, labels } = drawTask(100_000, 3);
  const p = softmaxRows(logits, { classes: 3 });
  assertLessOrEqual(expectedCalibrationError(p, labels), 0.01);
});

Deno.test("expectedCalibrationError() is .3 if confidence is .9 and accuracy .6", () => {
  const p = new Float32Array(20);
  for (let i = 0; i < 10; i++) p.set([0.9, 0.1], 2 * i);
  const labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
  assertAlmostEquals(expectedCalibrationError(p, labels), 0.3, FLOAT32);
  assertAlmostEquals(
    expectedCalibrationError(
      Float64Array.from(p, (x) => +x.toFixed(1)),
      labels,
    ),
    0.3,
    ROUNDING,
  );
});

Deno.test("reliabilityBins() closes each bin above and opens it below", () => {
  for (const bins of [1, 3, 7, 10, 15]) {
    for (let edge = 1; edge <= bins; edge++) {
      // One class: the confidence is the value itself.
      const found = reliabilityBins([edge / bins], [0], { bins })
        .findIndex(({ count }) => count === 1);
      assertEquals(found, edge - 1, `edge ${edge} of ${bins}`);
    }
  }
});

Deno.test("reliabilityBins() counts a float32 sum above 1 as 1 and refuses NaN", () => {
  assertEquals(reliabilityBins([1.0000001], [0]).at(-1)?.count, 1);
  assertThrows(() => reliabilityBins([NaN], [0]), RangeError, "row 0");
  assertThrows(() => reliabilityBins([1], [0], { bins: 0 }), RangeError);
});

Deno.test("brierScore() is 0 for right, 2 for wrong, 2/3 for a uniform three", () => {
  assertEquals(brierScore([0, 1, 0], [1]), 0);
  assertEquals(brierScore([0, 1, 0], [2]), 2);
  assertAlmostEquals(brierScore([1 / 3, 1 / 3, 1 / 3], [2]), 2 / 3, ROUNDING);
});

Deno.test("negativeLogLikelihood() clamps a zero at the floor", () => {
  assertEquals(negativeLogLikelihood([1, 0], [1]), -Math.log(1e-12));
  assertEquals(negativeLogLikelihood([1, 0], [1], { floor: 0.5 }), Math.LN2);
  assertEquals(negativeLogLikelihood([1, 0], [0]), 0);
});

Deno.test("negativeLogLikelihood() is softCrossEntropy() to one-hot labels", () => {
  const { logits, labels } = drawTask(257, 5);
  const p = softmaxRows(logits, { classes: 5 });
  const hot = labels.flatMap((y) => [0, 1, 2, 3, 4].map((k) => +(k === y)));
  assertAlmostEquals(
    softCrossEntropy(p, hot, { classes: 5 }),
    negativeLogLikelihood(p, labels),
    ROUNDING,
  );
});

Deno.test("softCrossEntropy() exceeds the entropy of the truth by the divergence", () => {
  const p = [0.5, 0.25, 0.25];
  const q = [0.2, 0.3, 0.5];
  const divergence = q.reduce(
    (s, x, k) => s + x * Math.log(x / (p[k] ?? 1)),
    0,
  );
  const [own = 0] = entropy(q, { classes: 3 });
  assertAlmostEquals(
    softCrossEntropy(p, q, { classes: 3 }),
    own + divergence,
    ROUNDING,
  );
  assertThrows(() => softCrossEntropy(p, [1], { classes: 3 }), RangeError);
});

Deno.test("logSoftmaxRows() survives large scores and shifts", () => {
  const wide = logSoftmaxRows([1000, 0, -1000], { classes: 3 });
  assertEquals([...wide], [0, -1000, -2000]);
  const near = logSoftmaxRows([1, 2, 3], { classes: 3 });
  const far = logSoftmaxRows([501, 502, 503], { classes: 3 });
  near.forEach((x, i) => assertAlmostEquals(x, far[i] ?? NaN, ROUNDING));
  assertThrows(() => logSoftmaxRows([1, 2, 3], { classes: 2 }), RangeError);
});

Deno.test("fitTemperature() recovers 2.5 within 2 % when logits are multiplied by it", () => {
  const { logits, labels } = drawTask(20_000, 3);
  const base = fitTemperature(logits, labels);
  assertAlmostEquals(base, 1, 0.02);
  const sharp = logits.map((z) => 2.5 * z);
  const temperature = fitTemperature(sharp, labels);
  assertAlmostEquals(temperature, 2.5, 0.02 * 2.5);
  // The search itself is exact: scaling the scores scales the answer.
  assertAlmostEquals(temperature / base, 2.5, 1e-6);
});

Deno.test("applyTemperature() keeps accuracy, and likelihood is not worse where it was fitted", () => {
  const { logits, labels } = drawTask(2_000, 4);
  const sharp = logits.map((z) => 4 * z);
  const before = softmaxRows(sharp, { classes: 4 });
  const temperature = fitTemperature(sharp, labels);
  const after = applyTemperature(sharp, temperature, { classes: 4 });
  assertEquals(accuracy(after, labels), accuracy(before, labels));
  assertLessOrEqual(
    negativeLogLikelihood(after, labels),
    negativeLogLikelihood(before, labels),
  );
});

Deno.test("fitTemperature() finds the minimum that a dense grid finds, through log-probabilities too", () => {
  const { logits, labels } = drawTask(500, 3);
  const sharp = logits.map((z) => 3 * z);
  let best = { t: 0, nll: Infinity };
  for (let t = 0.5; t < 8; t += 0.002) {
    const p = applyTemperature(sharp, t, { classes: 3 });
    const nll = negativeLogLikelihood(p, labels);
    if (nll < best.nll) best = { t, nll };
  }
  // Half a grid step, rounded up.
  assertAlmostEquals(fitTemperature(sharp, labels), best.t, 0.002);
  const p = softmaxRows(sharp, { classes: 3 });
  const logs = logProbabilities(p, { floor: 1e-300 });
  assertAlmostEquals(
    fitTemperature(logs, labels),
    fitTemperature(sharp, labels),
    1e-6,
  );
});

Deno.test("fitTemperature() returns the end of the interval if every row is right", () => {
  const least = fitTemperature([5, 0, 0, 5], [0, 1], { minimum: 0.5 });
  assertAlmostEquals(least, 0.5, 1e-6);
  assertThrows(() => fitTemperature([Infinity, 0], [0]), RangeError, "finite");
  assertThrows(() => fitTemperature([1, 0], [0], { minimum: 0 }), RangeError);
  assertThrows(() => applyTemperature([1, 0], 0, { classes: 2 }), RangeError);
});

Deno.test("entropy() is log C for a uniform row and 0 for a certain one", () => {
  const [uniform = 0] = entropy([0.25, 0.25, 0.25, 0.25], { classes: 4 });
  assertAlmostEquals(uniform, Math.log(4), ROUNDING);
  assertEquals([...entropy([0, 1], { classes: 2 })], [0]);
});

Deno.test("uncertaintyParts() adds up, and equal members do not disagree", () => {
  const random = counterRandom(2);
  const options = { members: 7, classes: 3 };
  const scores = Array.from({ length: 50 * 21 }, () => 8 * random() - 4);
  const p = softmaxRows(scores, { classes: 3 });
  const parts = uncertaintyParts(p, options);
  parts.total.forEach((total, row) => {
    const information = parts.mutualInformation[row] ?? NaN;
    assertLessOrEqual(0, information);
    assertAlmostEquals(total, (parts.expected[row] ?? NaN) + information, 1e-6);
    assertLessOrEqual(total, Math.log(3) + ROUNDING);
  });
  const alike = uncertaintyParts(
    Array.from({ length: 7 }, () => [0.2, 0.3, 0.5]).flat(),
    options,
  );
  assertAlmostEquals(alike.mutualInformation[0] ?? NaN, 0, ROUNDING);
});

Deno.test("areaUnderRoc() matches the rank formula and counts ties one half", () => {
  assertEquals(areaUnderRoc([1, 1, 1], [1, 1]), 0.5);
  const random = counterRandom(4);
  // Few distinct values, so many ties.
  const low = Array.from({ length: 83 }, () => Math.floor(9 * random()));
  const high = Array.from({ length: 41 }, () => Math.floor(9 * random()) + 2);
  let pairs = 0;
  for (const h of high) {
    for (const l of low) {
      pairs += h > l ? 1 : h === l ? 0.5 : 0;
    }
  }
  assertAlmostEquals(
    areaUnderRoc(low, high),
    pairs / (low.length * high.length),
    ROUNDING,
  );
  assertThrows(() => areaUnderRoc([], [1]), RangeError);
});

Deno.test("falsePositiveRate95() is 0 when separable and counts from the 95 % threshold", () => {
  assertEquals(falsePositiveRate95([1, 2, 3], [4, 5, 6]), 0);
  // 19 of 20 positives reach 2, and so do three of the four negatives.
  const positives = Array.from({ length: 20 }, (_, i) => i + 1);
  assertEquals(falsePositiveRate95([0, 2, 3, 30], positives), 0.75);
});

Deno.test("accuracy() and argmaxRows() take the first of equal scores", () => {
  assertEquals([...argmaxRows([1, 1, 0, 2], { classes: 2 })], [0, 1]);
  assertEquals(accuracy([1, 1, 0, 2], [0, 1]), 1);
});

Deno.test("confusionMatrix() has labels in rows", () => {
  const counts = confusionMatrix([0, 2, 1, 2], [0, 1, 1, 2], { classes: 3 });
  assertEquals([...counts], [1, 0, 0, 0, 1, 1, 0, 0, 1]);
  assertThrows(
    () => confusionMatrix([0], [3], { classes: 3 }),
    RangeError,
    "label 0 is 3",
  );
});

Deno.test("f1Score() matches hand counts for one class and the mean of classes", () => {
  const predicted = [1, 1, 0, 0, 1, 0];
  const labels = [1, 0, 0, 1, 1, 0];
  // Class 1: TP 2, FP 1, FN 1; class 0 mirrors it.
  assertAlmostEquals(f1Score(predicted, labels), 2 / 3, ROUNDING);
  assertAlmostEquals(
    f1Score([0, 1, 2, 2], [0, 1, 1, 2], { average: "macro" }),
    (1 + 2 / 3 + 2 / 3) / 3,
    ROUNDING,
  );
  assertEquals(f1Score([0, 0], [0, 0]), 0);
  assertEquals(f1Score([0, 0], [0, 0], { average: "macro" }), 1);
});

Deno.test("matthewsCorrelation() matches the binary formula, and is 0 for a constant", () => {
  const predicted = [1, 1, 1, 0, 0, 0, 1, 0];
  const labels = [1, 1, 0, 0, 0, 1, 1, 0];
  const [tp, tn, fp, fn] = [3, 3, 1, 1];
  const expected = (tp * tn - fp * fn) /
    Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
  assertAlmostEquals(
    matthewsCorrelation(predicted, labels),
    expected,
    ROUNDING,
  );
  // For two classes it is Pearson's correlation of the labels themselves.
  assertAlmostEquals(pearsonCorrelation(predicted, labels), expected, ROUNDING);
  assertEquals(matthewsCorrelation([1, 1, 1], [0, 1, 1]), 0);
  assertEquals(matthewsCorrelation([2, 0, 1], [2, 0, 1]), 1);
});

Deno.test("pearsonCorrelation() and meanSquaredError() match hand cases", () => {
  assertAlmostEquals(
    pearsonCorrelation([1, 2, 3, 4], [1, 3, 2, 4]),
    0.8,
    ROUNDING,
  );
  assertEquals(pearsonCorrelation([1, 1], [1, 2]), 0);
  assertEquals(meanSquaredError([0, 0], [3, 4]), 12.5);
  assertThrows(() => meanSquaredError([1], [1, 2]), RangeError);
});

Deno.test("spearmanCorrelation() shares ranks among ties", () => {
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
  assertAlmostEquals(
    spearmanCorrelation([10, 20, 20, 30], [1, 2, 3, 4]),
    4.5 / Math.sqrt(4.5 * 5),
    ROUNDING,
  );
  assertAlmostEquals(
    spearmanCorrelation([3, 1, 2], [0.001, 1000, 1]),
    -1,
    ROUNDING,
  );
});

Deno.test("metrics refuse labels that are not classes, and incomplete rows", () => {
  assertThrows(() => accuracy([0.5, 0.5], [2]), RangeError, "label 0 is 2");
  assertThrows(
    () => brierScore([0.5, 0.5, 0], [0, 1]),
    RangeError,
    "whole rows",
  );
  assertThrows(() => negativeLogLikelihood([], []), RangeError);
});
