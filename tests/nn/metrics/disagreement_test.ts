// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  disagreement,
  logSoftmaxRows,
  memberMoments,
  pairwiseDivergence,
  uncertaintyParts,
  variationRatio,
} from "../../../nn/metrics/mod.ts";

// Four members: two see class 0, one class 1, one class 2.
const FOUR = [0.8, 0.1, 0.1, 0.5, 0.3, 0.2, 0.1, 0.7, 0.2, 0.2, 0.2, 0.6];
const SHAPE = { members: 4, classes: 3 };

Deno.test("votes of four members match counts by hand", () => {
  assertEquals([...variationRatio(FOUR, SHAPE)], [0.5]);
  // The mean is .4, .325, .275, so that its class has two votes.
  const byMean = { ...SHAPE, definition: "mean-class" } as const;
  assertEquals([...variationRatio(FOUR, byMean)], [0.5]);
  const [rest = 0] = variationRatio(FOUR, {
    ...SHAPE,
    definition: "probabilistic",
  });
  assertAlmostEquals(rest, 0.6);
  // One of six pairs agrees.
  assertAlmostEquals(disagreement(FOUR, SHAPE)[0] ?? NaN, 5 / 6);
});

Deno.test("the class of the mean may have fewer votes than the mode", () => {
  const probabilities = [0.51, 0.49, 0.51, 0.49, 0, 1];
  const shape = { members: 3, classes: 2 };
  const ratio = (definition: "mode" | "mean-class") =>
    variationRatio(probabilities, { ...shape, definition })[0] ?? NaN;
  assertAlmostEquals(ratio("mode"), 1 / 3);
  assertAlmostEquals(ratio("mean-class"), 2 / 3);
});

Deno.test("moments of the members match a case by hand", () => {
  const probabilities = [0.2, 0.8, 0.6, 0.4];
  const of = (correction: 0 | 1) =>
    memberMoments(probabilities, { members: 2, classes: 2, correction });
  assertAlmostEquals(of(0).mean[0] ?? NaN, 0.4);
  assertAlmostEquals(of(0).standardDeviation[0] ?? NaN, 0.2);
  assertAlmostEquals(of(1).standardDeviation[1] ?? NaN, Math.sqrt(0.08));
  const single = memberMoments([0.5, 0.5], {
    members: 1,
    classes: 2,
    correction: 1,
  });
  assertEquals([...single.standardDeviation], [NaN, NaN]);
});

Deno.test("pairwise divergence is the mean over pairs, and bounds mutual information", () => {
  const logs = Float64Array.from(FOUR, Math.log);
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) {
      for (let k = 0; k < 3; k++) {
        const [p, q] = [FOUR[3 * i + k] ?? 0, FOUR[3 * j + k] ?? 0];
        sum += p * Math.log(p / q);
      }
    }
  }
  const [distinct = 0] = pairwiseDivergence(logs, SHAPE);
  const [all = 0] = pairwiseDivergence(logs, { ...SHAPE, pairs: "all" });
  assertAlmostEquals(distinct, sum / 12, 1e-12);
  assertAlmostEquals(all, sum / 16, 1e-12);
  const { mutualInformation } = uncertaintyParts(FOUR, SHAPE);
  assertEquals(all > (mutualInformation[0] ?? 0), true);
});

Deno.test("pairwise divergence keeps what probabilities round to 0", () => {
  const far = logSoftmaxRows([1000, 0, 0, 1000], { classes: 2 });
  const [epkl = 0] = pairwiseDivergence(far, { members: 2, classes: 2 });
  assertAlmostEquals(epkl, 1000, 1e-9);
  const logs = [0, -Infinity, 0, -Infinity];
  const shape = { members: 2, classes: 2 };
  assertEquals([...pairwiseDivergence(logs, shape)], [0]);
  const opposed = [0, -Infinity, -Infinity, 0];
  assertEquals([...pairwiseDivergence(opposed, shape)], [Infinity]);
});

Deno.test("measures of disagreement refuse bad input", () => {
  const shape = { members: 1, classes: 3 };
  const certain = [1, 0, 0];
  const wrong: [() => unknown, string][] = [
    [() => disagreement(certain, shape), "pairs need at least 2"],
    [() => pairwiseDivergence([0, -50, -50], shape), "pairs need at least 2"],
    [() => pairwiseDivergence(certain, SHAPE), "expected whole rows"],
    [() => disagreement([1, 1, 0], shape), "adds up to 2"],
    [
      () =>
        variationRatio(certain, {
          ...shape,
          ...{ definition: "max" } as object,
        }),
      'definition is "max"',
    ],
    [
      () =>
        memberMoments(certain, { ...shape, ...{ correction: 2 } as object }),
      "correction is 2",
    ],
  ];
  for (const [run, message] of wrong) assertThrows(run, RangeError, message);
  assertThrows(
    () => disagreement(certain, { ...shape, ...{ samples: 3 } }),
    TypeError,
    '"samples"',
  );
});
