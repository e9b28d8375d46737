// Copyright 2026 the swagpu authors. MIT license.

// Entropies of mixtures, against those that lm-polygraph computes.

import { assertEquals, assertRejects } from "@std/assert";
import { tensor } from "../../../engine/mod.ts";
import { TokenMixture } from "../../../models/generation/token_mixture.ts";
import { ensembleTokenUncertainty } from "../../../nn/metrics/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";

/** A case of the fixture: scores `[members, 1, tokens, vocabulary]`. */
interface Case {
  function: string;
  inputs: { logits: number[][][][]; tokens: number[][] };
  expected: Record<"pe" | "ep", Record<string, number[][]>>;
}

const CASES: Case[] = JSON.parse(
  await Deno.readTextFile(
    new URL(
      "../../fixtures/metrics/generation_uncertainty.json",
      import.meta.url,
    ),
  ),
);

/** The share of each member in the probability of the text before each token. */
function sharesOf({ logits, tokens: [tokens = []] }: Case["inputs"]) {
  const prefix = logits.map(([rows = []]) => {
    let p = 1;
    return rows.map((row, t) => {
      const before = p;
      const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
      p *= Math.exp(row[tokens[t] ?? 0] ?? NaN) / total;
      return before;
    });
  });
  return prefix.map((own) =>
    Float32Array.from(
      own,
      (p, t) => p / prefix.reduce((sum, all) => sum + (all[t] ?? NaN), 0),
    )
  );
}

gpuTest("entropies of mixtures are those of lm-polygraph", async () => {
  const cases = CASES.filter((one) =>
    one.function === "ensembleTokenUncertainty"
  );
  let compared = 0;
  for (const { inputs, expected } of cases) {
    // Each text by itself: some are shorter than others.
    const [first] = inputs.logits;
    if (first?.length !== 1) continue;
    const shares = sharesOf(inputs);
    for (const mode of ["pe", "ep"] as const) {
      using mixture = new TokenMixture();
      inputs.logits.forEach(([rows = []], member) =>
        mixture.add(
          tensor(rows),
          mode === "ep" ? shares[member] : undefined,
        )
      );
      const { total, data, cross } = await mixture.entropies();
      const { total_uncertainty, data_uncertainty, epkl_total_uncertainty } =
        expected[mode];
      assertClose(total, total_uncertainty?.flat() ?? [], FUNCTIONS);
      assertClose(data, data_uncertainty?.flat() ?? [], FUNCTIONS);
      assertClose(cross, epkl_total_uncertainty?.flat() ?? [], FUNCTIONS);
      compared += total.length;
    }
  }
  assertEquals(compared > 5, true);
});

gpuTest("a token that is impossible adds nothing to entropies", async () => {
  const never = -Infinity;
  for (
    const logits of [
      // For all members; then for one, so that the others' logarithm is infinite.
      [[[1, never, 2]], [[0, never, 3]]],
      [[[1, 0, 2]], [[0, never, 3]]],
    ]
  ) {
    using mixture = new TokenMixture();
    for (const rows of logits) mixture.add(tensor(rows));
    const { total, data, cross } = await mixture.entropies();
    const expected = ensembleTokenUncertainty(logits.flat(2), [0], {
      members: 2,
      lengths: [1],
    });
    assertClose(total, expected.totalUncertainty, FUNCTIONS);
    assertClose(data, expected.dataUncertainty, FUNCTIONS);
    const [wanted = NaN] = expected.epklTotalUncertainty;
    if (wanted === Infinity) assertEquals([...cross], [Infinity]);
    else assertClose(cross, [wanted], FUNCTIONS);
  }
});

gpuTest("a mixture of nothing has no entropies", async () => {
  using mixture = new TokenMixture();
  await assertRejects(() => mixture.entropies(), Error, "of no samples");
});
