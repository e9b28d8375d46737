// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkLayers } from "../../../tools/golden/layers.ts";
import { checkPooling } from "../../../tools/golden/pooling.ts";
import {
  type TensorCases,
  tensorCasesIn,
} from "../../../tools/golden/tensor_cases.ts";
import { gpuTest } from "../../_check.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;

async function casesOf(folder: string): Promise<TensorCases> {
  const found = await tensorCasesIn(folder);
  assert(found);
  return found;
}

gpuTest("layers agree with PyTorch's", async () => {
  const folder = `${FIXTURES}layers`;
  const results = await checkLayers(folder, await casesOf(folder));
  assertEquals(results.filter(({ ok }) => !ok), []);
  assertEquals(results.length, 81 + 2 * 19 + 8);
});

gpuTest("pooling heads agree with their definitions in PyTorch", async () => {
  const folder = `${FIXTURES}pooling`;
  const results = await checkPooling(folder, await casesOf(folder));
  assertEquals(results.filter(({ ok }) => !ok), []);
  assertEquals(results.length, 142);
});

gpuTest(
  "a case of another layer fails, and so does a wrong value",
  async () => {
    const folder = `${FIXTURES}layers`;
    const { cases } = await casesOf(folder);
    const one = cases.find(({ id }) => id === "conv1d_8_k2_p1_s1_d2");
    assert(one);
    const [unknown] = await checkLayers(folder, {
      cases: [{ ...one, layer: "Fold" }],
    });
    assert(unknown && !unknown.ok);
    assertStringIncludes(unknown.note ?? "", "there is no layer Fold");
    // Without padding, another layer is built than PyTorch ran.
    const [other] = await checkLayers(folder, {
      cases: [{ ...one, config: { ...one.config as object, padding: 0 } }],
    });
    assert(other && !other.ok);
    const pooling = `${FIXTURES}pooling`;
    const found = await casesOf(pooling);
    const wrong = await checkPooling(pooling, { ...found, layer_start: 4 });
    assert(wrong.some(({ ok }) => !ok));
  },
);

Deno.test("tensorCasesIn() knows its own kind of cases.json", async () => {
  assertEquals(await tensorCasesIn(FIXTURES), undefined);
  assertEquals(await tensorCasesIn(`${FIXTURES}metrics`), undefined);
});
