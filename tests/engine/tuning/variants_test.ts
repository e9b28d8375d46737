// Copyright 2026 the swagpu authors. MIT license.

// Whichever variant of a kernel runs, models agree with Hugging Face: outputs,
// loss, gradients, AdamW steps and generated sequences, one family at a time.
// The kernels' own tests are listed here, too: none may forget a variant.

import { assert, assertEquals } from "@std/assert";
import { used } from "../../../engine/tuning/registry.ts";
import { chosen, familyNames, variantsOf } from "../../../engine/mod.ts";
import "../../../models/mod.ts"; // defines the families of generation
import "../../../swag/mod.ts";
import { checkCase } from "../../../tools/golden/check.ts";
import { gpuTest } from "../../_check.ts";
import { withVariant } from "../../_variants.ts";

const FIXTURES = new URL("../../fixtures/models/", import.meta.url).pathname;

/** The models that run a family: one where no other shows more of it. */
const MODELS: Readonly<Record<string, readonly string[]>> = {
  attention: ["bart_seq_cls"], // with padding, causal, and across
  attention_backward: ["bart_seq_cls"],
  cached_attention: ["bart_cond_gen"],
  generation: ["bart_cond_gen"],
};
const USUAL = ["bert_seq_cls"];

/** No layer of BERT or BART has one: their tests below are all they need. */
const NOT_IN_MODELS = ["cumsum", "softmax", "swag"];

for (const family of familyNames()) {
  if (NOT_IN_MODELS.includes(family)) continue;
  for (const variant of variantsOf(family)) {
    gpuTest(
      `models agree with Hugging Face by ${family}: ${variant}`,
      async () => {
        used.clear(); // What tests before this one ran.
        await withVariant(family, variant, async () => {
          for (const name of MODELS[family] ?? USUAL) {
            const results = await checkCase(`${FIXTURES}${name}`);
            assert(results.length > 80, `only ${results.length} comparisons`);
            assertEquals(results.filter(({ ok }) => !ok), []);
          }
        });
        const ran = Object.entries(chosen())
          .filter(([key]) => key.startsWith(`${family}/`));
        assert(ran.length > 0, `no model runs ${family}`);
        assertEquals(ran.filter(([, last]) => last !== variant), []);
      },
    );
  }
}

/** A helper that loops, or the loop itself. */
const LOOP = /\b(?:eachVariant\(|of variantsOf\()\s*"(\w+)"/g;

Deno.test("every kernel family has a test that loops over its variants", async () => {
  const covered = new Set<string>();
  for await (const text of testFiles(new URL("../../", import.meta.url))) {
    for (const [, family = ""] of text.matchAll(LOOP)) {
      covered.add(family);
    }
  }
  assertEquals(familyNames().filter((family) => !covered.has(family)), []);
});

async function* testFiles(folder: URL): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && name !== "fixtures") {
      yield* testFiles(new URL(`${name}/`, folder));
    } else if (name.endsWith("_test.ts")) {
      yield await Deno.readTextFile(new URL(name, folder));
    }
  }
}
