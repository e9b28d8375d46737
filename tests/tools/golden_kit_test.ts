// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { checkKit } from "../../tools/golden/kit.ts";
import { checkRates } from "../../tools/golden/kit_tables.ts";
import { gpuTest } from "../_check.ts";

const FOLDER = new URL("../fixtures/kit", import.meta.url).pathname;

gpuTest(
  "the few-sample kit agrees with madgrad, mixout, PriorWD and the notebook",
  async () => {
    const results = await checkKit(FOLDER);
    assert(results.length > 150, `only ${results.length} comparisons`);
    assertEquals(results.filter(({ ok }) => !ok), []);
  },
);

gpuTest("a table of other rates fails", async () => {
  const file = JSON.parse(await Deno.readTextFile(`${FOLDER}/llrd.json`));
  const { general } = file.models.bert;
  general["bert.pooler.dense.bias"].lr *= 1 + 1e-9;
  const failed = checkRates(file).filter(({ ok }) => !ok);
  assertEquals(failed.map(({ name }) => name), ["llrd.bert"]);
});
