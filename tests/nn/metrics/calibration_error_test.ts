// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  binaryCalibrationError,
  binaryReliabilityBins,
  classwiseCalibrationError,
  expectedCalibrationError,
  maximumCalibrationError,
  reliabilityBins,
  rootMeanSquaredCalibrationError,
} from "../../../nn/metrics/mod.ts";

// Six confidences in three groups of two: .6 and .7 (both right), .8 twice (one
// right), .9 twice (none right). The gaps are .35, .3 and .9.
const CONFIDENCES = [0.6, 0.8, 0.9, 0.7, 0.8, 0.9];
const PROBABILITIES = CONFIDENCES.flatMap((p) => [p, 1 - p]);
const LABELS = [0, 0, 1, 0, 1, 1];

Deno.test("ECE, MCE and RMSCE of groups of equal mass match hand counts", () => {
  const options = { bins: 3, binning: "equal-mass" } as const;
  const bins = reliabilityBins(PROBABILITIES, LABELS, options);
  assertEquals(bins.map(({ count }) => count), [2, 2, 2]);
  assertEquals(bins.map(({ accuracy }) => accuracy), [1, 0.5, 0]);
  assertEquals(bins.map(({ lower }) => lower), [0.6, 0.8, 0.9]);
  assertEquals(bins.map(({ upper }) => upper), [0.7, 0.8, 0.9]);
  const given = [PROBABILITIES, LABELS, options] as const;
  assertAlmostEquals(
    expectedCalibrationError(...given),
    (0.35 + 0.3 + 0.9) / 3,
  );
  assertAlmostEquals(maximumCalibrationError(...given), 0.9);
  assertAlmostEquals(
    rootMeanSquaredCalibrationError(...given),
    Math.sqrt((0.35 ** 2 + 0.3 ** 2 + 0.9 ** 2) / 3),
  );
});

Deno.test("groups of equal mass give the first ones the rows that are left", () => {
  const count = (bins: number) =>
    reliabilityBins(PROBABILITIES, LABELS, { bins, binning: "equal-mass" })
      .map(({ count }) => count);
  assertEquals(count(4), [2, 2, 1, 1]);
  assertEquals(count(8), [1, 1, 1, 1, 1, 1, 0, 0]);
});

Deno.test("intervals hold the end that is asked for", () => {
  const scores = [0, 0.5, 1];
  const counts = (options: Parameters<typeof binaryReliabilityBins>[2]) =>
    binaryReliabilityBins(scores, [0, 1, 1], { bins: 2, ...options })
      .map(({ count }) => count);
  assertEquals(counts({}), [2, 1]);
  assertEquals(counts({ closed: "right" }), [2, 1]);
  assertEquals(counts({ closed: "left" }), [1, 2]);
  assertEquals(counts({ closed: "left", ownBinForOne: true }), [1, 1, 1]);
});

Deno.test("intervals hold their own ends for every number of bins", () => {
  // Multiplying and dividing round, so that k/B · B may fall below k.
  for (let bins = 1; bins <= 100; bins++) {
    for (let k = 0; k < bins; k++) {
      const end = [k / bins];
      const at = (closed: "left" | "right") =>
        binaryReliabilityBins(end, [1], { bins, closed })
          .findIndex(({ count }) => count > 0);
      assertEquals([at("left"), at("right")], [k, Math.max(k - 1, 0)]);
    }
  }
});

Deno.test("classwise error is the mean of the errors of one class against all", () => {
  const probabilities = [0.7, 0.2, 0.1, 0.1, 0.6, 0.3, 0.3, 0.3, 0.4];
  const labels = [0, 1, 1];
  const of = (k: number) => ({
    scores: [0, 1, 2].map((row) => probabilities[row * 3 + k] ?? 0),
    outcomes: labels.map((label) => label === k ? 1 : 0),
  });
  for (const norm of ["l1", "l2", "max"] as const) {
    const { perClass, mean } = classwiseCalibrationError(
      probabilities,
      labels,
      { bins: 5, norm },
    );
    const own = [0, 1, 2].map((k) => {
      const { scores, outcomes } = of(k);
      return binaryCalibrationError(scores, outcomes, { bins: 5, norm });
    });
    assertEquals([...perClass], own);
    assertAlmostEquals(mean, own.reduce((sum, x) => sum + x, 0) / 3);
  }
});

Deno.test("calibration errors refuse what they would not obey", () => {
  const measure = (options: object) =>
    expectedCalibrationError(PROBABILITIES, LABELS, options);
  assertThrows(() => measure({ numBins: 3 }), TypeError, '"numBins"');
  assertThrows(() => measure({ norm: "l2" }), TypeError, '"norm"');
  const wrong: [object, string][] = [
    [{ bins: 0 }, "0 bins"],
    [{ bins: 2.5 }, "2.5 bins"],
    [{ binning: "quantile" }, 'binning is "quantile"'],
    [{ closed: "both" }, 'closed is "both"'],
    [{ binning: "equal-mass", closed: "left" }, "bins of equal mass have none"],
    [{ ownBinForOne: true }, 'needs closed: "left"'],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => measure(options), RangeError, message);
  }
  const binary = (scores: number[], outcomes: number[]) => () =>
    binaryCalibrationError(scores, outcomes);
  assertThrows(binary([0.5], [2]), RangeError, "outcome 0 is 2");
  assertThrows(binary([0.5], []), RangeError, "1 probabilities for 0 outcomes");
  assertThrows(binary([1.5], [1]), RangeError, "row 0 holds 1.5");
  assertThrows(binary([NaN], [1]), RangeError, "row 0 holds NaN");
  assertThrows(binary([], []), RangeError, "above 0");
});
