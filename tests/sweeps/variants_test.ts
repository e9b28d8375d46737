// Copyright 2026 the swagpu authors. MIT license.

// Whichever variants of the kernels run, models agree with Hugging Face: outputs,
// loss, gradients, AdamW steps and generated sequences. The variants of families
// that do not depend on each other are tried side by side: the first run of a
// model takes the first variant of each family, the second run the second ones.
// The kernels' own tests loop over the variants, too (see tests/_variants.ts).

import { assert, assertEquals } from "@std/assert";
import { used } from "../../engine/tuning/registry.ts";
import { chosen, familyNames, variantsOf } from "../../engine/mod.ts";
import "../../models/mod.ts"; // defines the families of generation
import "../../swag/mod.ts";
import { checkCase } from "../../tools/golden/check.ts";
import { gpuTest } from "../_check.ts";
import { withVariant } from "../_variants.ts";

const FIXTURES = new URL("../fixtures/models/", import.meta.url).pathname;

/** A model, and the families of which no other model shows more. */
interface Sweep {
  readonly model: string;
  readonly families: readonly string[];
}

const OF_ATTENTION: Sweep = {
  model: "bart_seq_cls", // with padding, causal, and across
  families: ["attention", "attention_backward"],
};
const OF_GENERATION: Sweep = {
  model: "bart_cond_gen",
  families: ["cached_attention", "generation"],
};

/** No layer of BERT or BART has one: their tests below are all they need. */
const NOT_IN_MODELS = ["cumsum", "softmax", "swag"];

const ELSEWHERE = [
  ...OF_ATTENTION.families,
  ...OF_GENERATION.families,
  ...NOT_IN_MODELS,
];
const OF_THE_REST: Sweep = {
  model: "bert_seq_cls",
  families: familyNames().filter((family) => !ELSEWHERE.includes(family)),
};

/** Runs something with a variant of each family pinned. */
function withVariants(
  [first, ...others]: readonly (readonly [family: string, variant: string])[],
  run: () => Promise<void>,
): Promise<void> {
  return first ? withVariant(...first, () => withVariants(others, run)) : run();
}

for (const { model, families } of [OF_ATTENTION, OF_GENERATION, OF_THE_REST]) {
  const runs = Math.max(...families.map((family) => variantsOf(family).length));
  for (let i = 0; i < runs; i++) {
    const pairs = families.map((family) => {
      const variants = variantsOf(family);
      return [family, variants[i % variants.length] ?? ""] as const;
    });
    const named = pairs.map(([family, variant]) => `${family} ${variant}`);
    gpuTest(
      `${model} agrees with Hugging Face with ${named.join(", ")}`,
      async () => {
        used.clear(); // What tests before this one ran.
        await withVariants(pairs, async () => {
          const results = await checkCase(`${FIXTURES}${model}`);
          assert(results.length > 80, `only ${results.length} comparisons`);
          assertEquals(results.filter(({ ok }) => !ok), []);
        });
        for (const [family, variant] of pairs) {
          const ran = Object.entries(chosen())
            .filter(([key]) => key.startsWith(`${family}/`));
          assert(ran.length > 0, `no model runs ${family}`);
          assertEquals(ran.filter(([, last]) => last !== variant), []);
        }
      },
    );
  }
}
