// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  apsScores,
  apsSets,
  conformalIntervals,
  conformalizedQuantiles,
  conformalQuantile,
  conformalRank,
  lacScores,
  lacSets,
  rapsScores,
  rapsSets,
  setCoverage,
} from "../../../nn/metrics/mod.ts";

Deno.test("the rank is ⌈(n + 1)(1 − α)⌉ of the decimal α, for every α and n", () => {
  let wrong = 0;
  for (let n = 1; n <= 300; n++) {
    for (let thousandths = 1; thousandths < 1000; thousandths++) {
      const alpha = thousandths / 1000;
      const exact = Math.ceil((n + 1) * (1000 - thousandths) / 1000);
      assertEquals(conformalRank(n, alpha), exact);
      if (Math.ceil((n + 1) * (1 - alpha)) !== exact) wrong++;
    }
  }
  // The plain formula in float64 would often be wrong.
  assert(wrong > 100);
  assertEquals(conformalRank(1e9, 1e-9), 1e9);
  assertEquals(conformalRank(10, 2.5e-7), 11);
});

Deno.test("the quantile is an order statistic, not interpolated, and may be infinite", () => {
  const scores = [0.5, 0.1, 0.9, 0.3, 0.7];
  assertEquals(conformalQuantile(scores, 0.5), 0.5);
  assertEquals(conformalQuantile(scores, 0.4), 0.7);
  assertEquals(conformalQuantile(scores, 0.2), 0.9);
  assertEquals(conformalQuantile(scores, 0.1), Infinity);
});

// The classes by falling probability are 2, 0, 3, 1.
const ROW = [0.3, 0.05, 0.5, 0.15];

Deno.test("LAC, APS and RAPS scores and sets match a case by hand", () => {
  const near = (list: ArrayLike<number>, expected: number) =>
    assertAlmostEquals(list[0] ?? NaN, expected, 1e-12);
  near(lacScores(ROW, [0]), 0.7);
  near(apsScores(ROW, [3]), 0.95);
  near(apsScores(ROW, [3], { u: [0.2] }), 0.92);
  const penalty = { lambda: 0.1, kReg: 1 };
  near(rapsScores(ROW, [3], penalty), 1.15);
  near(rapsScores(ROW, [2], { ...penalty, u: [1] }), 0);
  const classes = 4;
  assertEquals([...lacSets(ROW, 0.7, { classes })], [1, 0, 1, 0]);
  assertEquals([...lacSets(ROW, 0.4, { classes })], [0, 0, 0, 0]);
  const aps = (q: number, more: object) => [
    ...apsSets(ROW, q, { classes, ...more }),
  ];
  assertEquals(aps(0.8, {}), [1, 0, 1, 0]);
  assertEquals(aps(0.9, {}), [1, 0, 1, 0]);
  assertEquals(aps(0.9, { includeLast: true }), [1, 0, 1, 1]);
  assertEquals(aps(0.1, {}), [0, 0, 1, 0]);
  // Class 3 stays while 0.95 − u · 0.15 ≤ 0.9, from u = ⅓ on.
  assertEquals(aps(0.9, { u: [0.32] }), [1, 0, 1, 0]);
  assertEquals(aps(0.9, { u: [0.34] }), [1, 0, 1, 1]);
  assertEquals(aps(0.1, { u: [0.1] }), [0, 0, 0, 0]);
  const raps = (q: number, more: object = {}) => [
    ...rapsSets(ROW, q, { classes, ...penalty, ...more }),
  ];
  // Sums with penalty: 0.5, 0.9, 1.15, 1.3.
  assertEquals(raps(0.8), [0, 0, 1, 0]);
  assertEquals(raps(0.9), [1, 0, 1, 0]);
  assertEquals(raps(1.2), [1, 0, 1, 1]);
  assertEquals(raps(1.2, { includeLast: true }), [1, 1, 1, 1]);
  assertEquals(raps(1.4, { includeLast: true }), [1, 1, 1, 1]);
});

Deno.test("an infinite quantile gives every class, and infinite intervals", () => {
  const everything = [1, 1, 1, 1];
  const options = { classes: 4 };
  assertEquals([...lacSets(ROW, Infinity, options)], everything);
  for (const more of [{}, { includeLast: true }, { u: [0.5] }]) {
    const sets = apsSets(ROW, Infinity, { ...options, ...more });
    assertEquals([...sets], everything);
  }
  const calibration = { predictions: [1, 2], targets: [1, 2] };
  const { quantile, lower, upper } = conformalIntervals(
    calibration,
    { predictions: [5] },
    0.1,
  );
  assertEquals([quantile, lower[0], upper[0]], [Infinity, -Infinity, Infinity]);
});

Deno.test("set coverage counts rows, classes and sizes", () => {
  const sets = [1, 0, 0, 1, 1, 0, 0, 0, 0];
  const result = setCoverage(sets, [0, 0, 1]);
  assertAlmostEquals(result.coverage, 2 / 3);
  assertEquals([...result.perClass], [1, 0, NaN]);
  assertAlmostEquals(result.coverageMacro, 1 / 3);
  assertEquals(result.meanSize, 1);
  assertAlmostEquals(result.emptyFraction, 1 / 3);
});

Deno.test("conformalized quantiles may shrink to nothing", () => {
  const calibration = {
    lower: [0, 0, 0],
    upper: [4, 4, 4],
    targets: [2, 2, 2],
  };
  const { quantile, lower, upper } = conformalizedQuantiles(
    calibration,
    { lower: [0, 0], upper: [3, 6] },
    0.5,
  );
  assertEquals(quantile, -2);
  assertEquals([...lower, ...upper], [2, 2, 1, 4]);
});

Deno.test("conformal prediction refuses bad input", () => {
  const options = { classes: 4 };
  const calibration = { predictions: [1], targets: [1] };
  const scaled = { ...calibration, scale: [1] };
  const penalty = { lambda: 0.1, kReg: 1 };
  const wrong: [() => unknown, string][] = [
    [() => conformalQuantile([], 0.1), "the number of scores is 0"],
    [() => conformalQuantile([NaN], 0.1), "score 0 is NaN"],
    [() => conformalQuantile([1], 90), "alpha is 90"],
    [() => conformalQuantile([1], 1), "alpha is 1"],
    [() => lacSets(ROW, NaN, options), "the quantile is NaN"],
    [() => lacSets([1, 1], 1, { classes: 2 }), "adds up to 2"],
    [
      () => apsSets(ROW, 1, { ...options, includeLast: "randomized" }),
      "u belongs to",
    ],
    [
      () => apsSets(ROW, 1, { ...options, includeLast: true, u: [0.5] }),
      "u belongs to",
    ],
    [() => apsSets(ROW, 1, { ...options, u: [2] }), "number 0 is 2"],
    [() => apsScores(ROW, [0], { u: [0.1, 0.2] }), "2 random numbers for 1"],
    [() => rapsScores(ROW, [0], { ...penalty, kReg: -1 }), "kReg is -1"],
    [() => rapsScores(ROW, [0], { ...penalty, lambda: NaN }), "lambda is NaN"],
    [() => setCoverage([0.5, 0.5], [0]), "row 0 holds 0.5"],
    [
      () => conformalIntervals(scaled, { predictions: [1] }, 0.5),
      "either both calibration and prediction have a scale",
    ],
    [
      () => conformalIntervals(scaled, { predictions: [1], scale: [0] }, 0.5),
      "scale 0 is 0",
    ],
  ];
  for (const [run, message] of wrong) assertThrows(run, RangeError, message);
  assertThrows(
    () => apsSets(ROW, 1, { ...options, ...penalty }),
    TypeError,
    '"lambda"',
  );
});
