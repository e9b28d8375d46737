// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import {
  generateReviews,
  LABELS,
  type Review,
  writeSplits,
} from "../../../examples/quickstart/grammar.ts";
import { accuracy, negativeLogLikelihood } from "../../../nn/metrics/mod.ts";
import { inFolder } from "../../_folder.ts";

/** The rounding of three exponentials and their sum. */
const ROUNDING = 1e-12;

function oracle(reviews: readonly Review[]): { accuracy: number; nll: number } {
  const p = reviews.flatMap(({ probabilities }) => [...probabilities]);
  const labels = reviews.map(({ label }) => label);
  return {
    accuracy: accuracy(p, labels),
    nll: negativeLogLikelihood(p, labels),
  };
}

function words(reviews: readonly Review[]): Set<string> {
  return new Set(reviews.flatMap(({ text }) => text.split(" ")));
}

Deno.test("generateReviews() depends only on the seed", () => {
  assertEquals(generateReviews({ seed: 4 }), generateReviews({ seed: 4 }));
  const { train } = generateReviews({ seed: 5 });
  assertNotEquals(train, generateReviews({ seed: 4 }).train);
  // The size of a later set does not change an earlier one.
  assertEquals(train, generateReviews({ seed: 5, test: 10, ood: 0 }).train);
});

Deno.test("generateReviews() has the sizes and lengths asked for and no sentence twice", () => {
  const { train, test, ood } = generateReviews({ seed: 1 });
  assertEquals([train.length, test.length, ood.length], [1000, 2000, 500]);
  const all = [...train, ...test, ...ood];
  assertEquals(new Set(all.map(({ text }) => text)).size, all.length);
  for (const { text, label, probabilities } of all) {
    const count = text.split(" ").length;
    assert(count >= 6 && count <= 14, text);
    assert(/^[a-z ]+$/.test(text), text);
    assert(label in LABELS);
    const sum = probabilities.reduce((a, b) => a + b);
    assertAlmostEquals(sum, 1, ROUNDING);
  }
});

Deno.test("generateReviews() is as ambiguous as the quickstart needs, for every seed", () => {
  for (let seed = 0; seed < 6; seed++) {
    const { test } = generateReviews({ seed });
    const { accuracy, nll } = oracle(test);
    assert(accuracy > 0.71 && accuracy < 0.79, `seed ${seed}: ${accuracy}`);
    assert(nll > 0.5 && nll < 0.65, `seed ${seed}: ${nll}`);
    for (const label of [0, 1, 2]) {
      const share = test.filter((r) => r.label === label).length / test.length;
      assert(share > 0.22 && share < 0.45, `seed ${seed}: ${share}`);
    }
    // Some sentences are clear, and some are not.
    const peak = test.map(({ probabilities }) => Math.max(...probabilities));
    assertGreater(peak.filter((p) => p > 0.95).length, 100);
    assertGreater(peak.filter((p) => p < 0.5).length, 100);
  }
});

Deno.test("generateReviews() draws labels from the stated distribution", () => {
  const { test } = generateReviews({ seed: 2, test: 20_000, train: 0, ood: 0 });
  for (const label of [0, 1, 2]) {
    const expected = test.reduce(
      (s, r) => s + (r.probabilities[label] ?? 0),
      0,
    );
    const drawn = test.filter((r) => r.label === label).length;
    // Four standard deviations of a count whose variance is at most n / 4.
    assertAlmostEquals(drawn, expected, 4 * Math.sqrt(20_000 / 4));
  }
  const { nll } = oracle(test);
  const entropy = test.reduce(
    (s, r) => s - r.probabilities.reduce((t, p) => t + p * Math.log(p), 0),
    0,
  ) / test.length;
  // The mean of 20,000 log-losses, each with a deviation below 1.
  assertAlmostEquals(nll, entropy, 4 / Math.sqrt(20_000));
});

Deno.test("generateReviews() keeps most of the unfamiliar subject's words out of training", () => {
  const { train, test, ood } = generateReviews({ seed: 3 });
  const known = words(train);
  assertGreater(known.size, 170);
  assertLess([...words(test)].filter((w) => !known.has(w)).length, 10);
  const content = [...words(ood)].filter((word) => !known.has(word));
  assertGreater(content.length, 40);
  for (const { text } of ood) {
    const fresh = text.split(" ").filter((word) => !known.has(word));
    assertGreater(fresh.length, 1, text);
  }
});

Deno.test('generateReviews() negates, intensifies, and lets the clause after "but" decide', () => {
  const { train } = generateReviews({
    seed: 0,
    train: 30_000,
    test: 0,
    ood: 0,
  });
  const mean = (pattern: RegExp) => {
    const found = train.filter(({ text }) => pattern.test(text));
    assertGreater(found.length, 20, String(pattern));
    return found.reduce(
      (s, { probabilities: p }) => s + p[2] - p[0],
      0,
    ) / found.length;
  };
  assertGreater(mean(/ (bad|awful) but .* was (great|good)/), 0.1);
  assertLess(mean(/ (great|good) but .* was (bad|awful)/), -0.1);
  assertLess(mean(/was not (great|good)/), mean(/was (great|good)/));
  assertLess(mean(/was (great|good)/), mean(/was very (great|good)/));
});

Deno.test("writeSplits() writes columns that can be read back", async () => {
  await inFolder(async (folder) => {
    const reviews = generateReviews({ train: 20, test: 30, ood: 10 });
    const files = await writeSplits(`${folder}/data`, reviews);
    const read = async (path: string) =>
      (await Deno.readTextFile(path)).trimEnd().split("\n")
        .map((line) => line.split("\t"));
    const train = await read(files.train);
    assertEquals(train[0], ["text", "label"]);
    assertEquals(
      train.slice(1),
      reviews.train.map(({ text, label }) => [text, LABELS[label] ?? ""]),
    );
    for (const name of ["test", "ood"] as const) {
      const [head, ...rows] = await read(files[name]);
      assertEquals(head?.slice(2), ["p_negative", "p_mixed", "p_positive"]);
      assertEquals(rows.length, reviews[name].length);
      rows.forEach((row, i) =>
        row.slice(2).forEach((p, k) =>
          // The file has six decimals.
          assertAlmostEquals(
            Number(p),
            reviews[name][i]?.probabilities[k] ?? NaN,
            1e-6,
          )
        )
      );
    }
  });
});

Deno.test("generateReviews() refuses a size that is not a count", () => {
  assertThrows(() => generateReviews({ test: -1 }), RangeError, "test is -1");
});
