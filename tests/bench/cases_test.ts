// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
} from "@std/assert";
import { PEER_CASES } from "../../bench/peers/cases.ts";
import {
  probe,
  probes,
  random,
  randomIntegers,
  swapMiddle,
} from "../../bench/peers/data.ts";
import { bertParameters, SMALL_CASES } from "../../bench/peers/gpu_cases.ts";
import {
  attentionReference,
  layerNormReference,
  matmulReference,
} from "../../bench/peers/references.ts";
import { compare } from "../../bench/peers/statistics.ts";
import { bertKinds } from "../../bench/peers/swagpu_bert.ts";
import { gpuTest } from "../_check.ts";
import { matmulReference as product } from "../reference/matmul.ts";

Deno.test("inputs are bit-equal to those of PyTorch's worker", () => {
  const values = random(1_000_003, 7);
  assertEquals([0, 1, 999, 1_000_002].map((i) => values[i]), [
    0.3990055322647095,
    -0.07270374149084091,
    0.24990323185920715,
    -0.4081323742866516,
  ]);
  assertEquals(
    [...randomIntegers(8, 1000, 34)],
    [45, 896, 898, 106, 698, 289, 900, 346],
  );
});

Deno.test("probes cover an output from its first to its last element", () => {
  assertEquals(probes(3), [0, 1, 2]);
  const places = probes(1024 * 1024);
  assertEquals(places.length, 256);
  assertEquals([places[0], places.at(-1)], [0, 1024 * 1024 - 1]);
  assertEquals(new Set(places.map((i) => i % 1024)).size > 100, true);
  assertEquals(probe([5, 6]), [5, 6]);
});

Deno.test("swapping the middle axes twice changes nothing", () => {
  const values = random(2 * 3 * 5 * 7, 1);
  const swapped = swapMiddle(values, [2, 3, 5, 7]);
  assertNotEquals(swapped, values);
  assertEquals(swapMiddle(swapped, [2, 5, 3, 7]), values);
});

Deno.test("reference products follow their definition, in every layout", () => {
  const a = random(3 * 5, 1);
  const b = random(5 * 4, 2);
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const layout = { transposeA, transposeB };
      assertEquals(
        matmulReference(3, 5, 4, layout),
        [...product(a, b, { m: 3, k: 5, n: 4, ...layout })],
      );
    }
  }
});

Deno.test("attention over one token is that token's value", () => {
  const sizes = { batch: 2, heads: 3, length: 1, size: 4 };
  assertEquals(attentionReference(sizes), [...random(24, 3)]);
});

Deno.test("attention gives weighted means of values", () => {
  // With two tokens and one head of one column, the weights can be written out.
  const sizes = { batch: 1, heads: 1, length: 2, size: 1 };
  const [[q = NaN], k, [v0 = NaN, v1 = NaN]] = [1, 2, 3]
    .map((seed) => [...random(2, seed)]) as [number[], number[], number[]];
  const [e0 = NaN, e1 = NaN] = k.map((key) => Math.exp(q * key));
  const [y] = attentionReference(sizes);
  assertAlmostEquals(y ?? NaN, (e0 * v0 + e1 * v1) / (e0 + e1), 1e-12);
});

Deno.test("normalized rows have mean 0 and variance 1", () => {
  const row = layerNormReference(1, 200);
  const mean = row.reduce((sum, x) => sum + x, 0) / 200;
  const variance = row.reduce((sum, x) => sum + x * x, 0) / 200;
  assertAlmostEquals(mean, 0, 1e-12);
  assertAlmostEquals(variance, 1, 1e-3);
});

Deno.test("every case of the peers has work, and a unique name", () => {
  const names = new Set(PEER_CASES.map(({ name }) => name));
  assertEquals(names.size, PEER_CASES.length);
  assertEquals(PEER_CASES.every(({ work }) => work.amount > 0), true);
});

Deno.test("BERT-base has 109,483,778 parameters with two labels", () => {
  const parameters = bertParameters({
    layers: 12,
    hidden: 768,
    heads: 12,
    inner: 3072,
    vocabulary: 30_522,
    positions: 512,
  });
  assertEquals(parameters, 109_483_778);
});

gpuTest(
  "SWAG's samplers agree by their variance, and none of another scale",
  async (device) => {
    const [given] = SMALL_CASES.filter(({ kind }) => kind === "swagSample");
    const sample = bertKinds(device).swagSample;
    assert(given && typeof sample === "function");
    const { values, tolerance } = given.expected;
    const expected = values?.() ?? [];
    const prepared = await sample(given.parameters);
    for (let run = 0; run < 3; run++) { // Each draws other samples.
      const [variance = NaN] = await prepared.outputs();
      assert(compare([variance], expected, tolerance).agrees, `${variance}`);
      // Twice or half the variance in all, or half of it in one of the terms.
      for (const factor of [2, 0.5, 1.46, 0.77]) {
        const wrong = [variance * factor];
        assertEquals(compare(wrong, expected, tolerance).agrees, false);
      }
    }
    await prepared.dispose?.();
  },
);
