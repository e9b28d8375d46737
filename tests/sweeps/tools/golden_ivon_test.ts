// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { checkIvon } from "../../../tools/golden/ivon.ts";
import { gpuTest } from "../../_check.ts";

const FOLDER = new URL("../../fixtures/ivon", import.meta.url).pathname;

gpuTest("IVON agrees with the package of its authors", async () => {
  const results = await checkIvon(FOLDER);
  assert(results.length > 900, `only ${results.length} comparisons`);
  assertEquals(results.filter(({ ok }) => !ok), []);
});

gpuTest("IVON with another setting does not agree", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const name of ["quadratic", "mlp"]) {
      const file = `${name}.safetensors`;
      await Deno.copyFile(`${FOLDER}/${file}`, `${folder}/${file}`);
    }
    const text = await Deno.readTextFile(`${FOLDER}/case.json`);
    const spec = JSON.parse(text);
    const { mc3_gradsq: variant } = spec.variants;
    variant.hyperparameters.hess_approx = "price";
    spec.variants = { mc3_gradsq: variant };
    await Deno.writeTextFile(`${folder}/case.json`, JSON.stringify(spec));
    const failed = (await checkIvon(folder)).filter(({ ok }) => !ok);
    assert(failed.some(({ name }) => name.includes("hess at step 1")));
    // The first gradients are taken before any difference.
    assert(!failed.some(({ name }) => name.includes("grad at step 1 ")));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
