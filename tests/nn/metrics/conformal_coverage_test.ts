// Copyright 2026 the swagpu authors. MIT license.

// The coverage of conformal sets over 1,000 random splits of one data set. If n
// of the rows calibrate and the quantile is the k-th smallest score, the number
// of m other rows that are covered has the beta-binomial distribution with
// parameters m, k and n + 1 − k: exactly, whatever the model and the data, as
// long as no two scores are equal. Splits are independent of each other.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { counterRandom } from "../../../nn/counter_random.ts";
import {
  apsScores,
  apsSets,
  conformalIntervals,
  conformalizedQuantiles,
  conformalQuantile,
  conformalRank,
  intervalCoverage,
  lacScores,
  lacSets,
  rapsScores,
  rapsSets,
  setCoverage,
  softmaxRows,
} from "../../../nn/metrics/mod.ts";

const SPLITS = 1000;
const CALIBRATION = 48;
const TEST = 40;
const ROWS = CALIBRATION + TEST;
const CLASSES = 4;
const ALPHA = 0.1;

const random = counterRandom(20);
const draws = (count: number) => Float64Array.from({ length: count }, random);

// A model that is wrong about everything: the guarantee needs no right one.
const PROBABILITIES = softmaxRows(
  draws(ROWS * CLASSES).map((x) => 6 * x),
  { classes: CLASSES },
);
const LABELS = Array.from(draws(ROWS), (x) => Math.floor(CLASSES * x));
const UNIFORM = draws(ROWS);
const TARGETS = draws(ROWS);
const PREDICTIONS = draws(ROWS);
const SCALE = draws(ROWS).map((x) => 0.5 + x);
const LOWER = draws(ROWS).map((x) => x - 0.7);
const UPPER = draws(ROWS).map((x) => x + 0.3);

/** P(X ≤ c) for every count c of covered rows. */
function coverageCdf(rank: number): number[] {
  const [a, b] = [rank, CALIBRATION + 1 - rank];
  let p = 1;
  for (let i = 0; i < TEST; i++) p *= (b + i) / (a + b + i);
  const cdf = [p];
  for (let c = 1; c <= TEST; c++) {
    p *= (TEST - c + 1) / c * (a + c - 1) / (b + TEST - c);
    cdf.push((cdf.at(-1) ?? 0) + p);
  }
  return cdf;
}

/** Rows picked from a list with a number of values for each row. */
function pick(
  list: ArrayLike<number>,
  rows: readonly number[],
  width = 1,
): number[] {
  return rows.flatMap((row) =>
    Array.from({ length: width }, (_, k) => list[row * width + k] ?? NaN)
  );
}

/** How many test rows each of the random splits covers. */
function coveredCounts(
  cover: (calibration: readonly number[], test: readonly number[]) => number,
): number[] {
  const shuffle = counterRandom(31);
  const order = Array.from({ length: ROWS }, (_, row) => row);
  return Array.from({ length: SPLITS }, () => {
    for (let i = ROWS - 1; i > 0; i--) {
      const j = Math.floor(shuffle() * (i + 1));
      [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
    }
    const coverage = cover(
      order.slice(0, CALIBRATION),
      order.slice(CALIBRATION),
    );
    return Math.round(coverage * TEST);
  });
}

/** The largest distance of the counts' distribution from the exact one. */
function distance(counts: readonly number[], rank: number): number {
  return Math.max(
    ...coverageCdf(rank).map((p, c) =>
      Math.abs(counts.filter((x) => x <= c).length / SPLITS - p)
    ),
  );
}

const RANK = conformalRank(CALIBRATION, ALPHA);

// Massart's bound, valid for every number of splits: the distance is larger in
// one of a million tries.
const BAND = Math.sqrt(Math.log(2e6) / (2 * SPLITS));

/** The exact standard deviation of the mean count of all splits. */
function deviationOfMean(): number {
  const n = CALIBRATION + 1;
  const p = RANK / n;
  return Math.sqrt(TEST * p * (1 - p) * (n + TEST) / (n + 1) / SPLITS);
}

type Cover = (
  calibration: readonly number[],
  test: readonly number[],
) => number;

const sets = (
  scores: ArrayLike<number>,
  predict: (q: number, test: readonly number[]) => Uint8Array,
): Cover =>
(calibration, test) => {
  const q = conformalQuantile(pick(scores, calibration), ALPHA);
  return setCoverage(predict(q, test), pick(LABELS, test)).coverage;
};
const probabilities = (test: readonly number[]) =>
  pick(PROBABILITIES, test, CLASSES);

const EXACT: Record<string, Cover> = {
  "LAC sets": sets(
    lacScores(PROBABILITIES, LABELS),
    (q, test) => lacSets(probabilities(test), q, { classes: CLASSES }),
  ),
  "randomized APS sets": sets(
    apsScores(PROBABILITIES, LABELS, { u: UNIFORM }),
    (q, test) =>
      apsSets(probabilities(test), q, {
        classes: CLASSES,
        u: pick(UNIFORM, test),
      }),
  ),
  "absolute errors": (calibration, test) =>
    intervalCoverage(
      conformalIntervals(
        {
          predictions: pick(PREDICTIONS, calibration),
          targets: pick(TARGETS, calibration),
        },
        { predictions: pick(PREDICTIONS, test) },
        ALPHA,
      ),
      pick(TARGETS, test),
    ).coverage,
  "scaled errors": (calibration, test) =>
    intervalCoverage(
      conformalIntervals(
        {
          predictions: pick(PREDICTIONS, calibration),
          scale: pick(SCALE, calibration),
          targets: pick(TARGETS, calibration),
        },
        { predictions: pick(PREDICTIONS, test), scale: pick(SCALE, test) },
        ALPHA,
      ),
      pick(TARGETS, test),
    ).coverage,
  "conformalized quantiles": (calibration, test) =>
    intervalCoverage(
      conformalizedQuantiles(
        {
          lower: pick(LOWER, calibration),
          upper: pick(UPPER, calibration),
          targets: pick(TARGETS, calibration),
        },
        { lower: pick(LOWER, test), upper: pick(UPPER, test) },
        ALPHA,
      ),
      pick(TARGETS, test),
    ).coverage,
};

for (const [name, cover] of Object.entries(EXACT)) {
  Deno.test(`1,000 splits of ${name} cover as the exact distribution says`, () => {
    const counts = coveredCounts(cover);
    const found = distance(counts, RANK);
    assert(found <= BAND, `${found} is above ${BAND}`);
    const mean = counts.reduce((sum, x) => sum + x, 0) / SPLITS;
    const expected = TEST * RANK / (CALIBRATION + 1);
    assert(expected / TEST >= 1 - ALPHA);
    assertAlmostEquals(mean, expected, 5 * deviationOfMean());
  });
}

// Sets that are never empty, or that take in a class at the quantile, may cover
// more than the promise.
const AT_LEAST: Record<string, Cover> = {
  "APS sets": sets(
    apsScores(PROBABILITIES, LABELS),
    (q, test) => apsSets(probabilities(test), q, { classes: CLASSES }),
  ),
  "RAPS sets": sets(
    rapsScores(PROBABILITIES, LABELS, { lambda: 0.1, kReg: 1 }),
    (q, test) =>
      rapsSets(probabilities(test), q, {
        classes: CLASSES,
        lambda: 0.1,
        kReg: 1,
      }),
  ),
  "RAPS sets with the last class": sets(
    rapsScores(PROBABILITIES, LABELS, { lambda: 0.1, kReg: 1 }),
    (q, test) =>
      rapsSets(probabilities(test), q, {
        classes: CLASSES,
        lambda: 0.1,
        kReg: 1,
        includeLast: true,
      }),
  ),
};

for (const [name, cover] of Object.entries(AT_LEAST)) {
  Deno.test(`1,000 splits of ${name} cover at least what they promise`, () => {
    const counts = coveredCounts(cover);
    const cdf = coverageCdf(RANK);
    for (const [c, p] of cdf.entries()) {
      const share = counts.filter((x) => x <= c).length / SPLITS;
      assert(share <= p + BAND, `${share} of the splits cover ${c} at most`);
    }
  });
}

Deno.test("the exact distribution tells neighboring ranks apart", () => {
  const cover = EXACT["LAC sets"];
  assert(cover !== undefined);
  const counts = coveredCounts(cover);
  for (const rank of [RANK - 1, RANK + 1]) {
    assert(distance(counts, rank) > BAND);
  }
  assertAlmostEquals(coverageCdf(RANK).at(-1) ?? NaN, 1, 1e-12);
  assertEquals(RANK, 45);
});
