// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Figures } from "../../tools/runtimes/program.ts";
import { problemsOf, type Row, tableOf } from "../../tools/runtimes/table.ts";
import { train } from "../../tools/runtimes/training.ts";
import { expectedWords, makeWords } from "../../tools/runtimes/words.ts";
import { gpuTest } from "../_check.ts";

function rowOf(runtime: string, figures: Partial<Figures>): Row {
  return {
    runtime,
    compiler: "Naga",
    figures: {
      adapter: "an adapter",
      words: expectedWords(),
      losses: [1, 0.5],
      draw: [3, 4],
      goldens: { passed: 20, failed: [] },
      seconds: 1.25,
      ...figures,
    },
  };
}

Deno.test("tableOf() compares each runtime with the last", () => {
  const [, , first, second] = tableOf([
    rowOf("one", { draw: [3, 4.5], goldens: null }),
    rowOf("two", {}),
  ]).split("\n");
  assertEquals(
    first,
    "| one | Naga | an adapter | – | equal | 0.5000000 | 3.8242646 | 5.0e-1 | 1.3 |",
  );
  assertEquals(
    second,
    "| two | Naga | an adapter | 20 of 20 | equal | 0.5000000 | 3.5355339 | 0 | 1.3 |",
  );
});

Deno.test("problemsOf() names what is not as it must be", () => {
  const words = expectedWords();
  words[7] = (words[7] ?? 0) ^ 1;
  const wrong = rowOf("one", {
    words,
    goldens: { passed: 1, failed: ["a/b"] },
  });
  assertEquals(problemsOf([wrong, rowOf("two", {})]), [
    "one on an adapter: a/b is off",
    "one on an adapter: 1 random words differ",
  ]);
  assertStringIncludes(tableOf([wrong]), "| 1 of 2 | 1 differ |");
});

gpuTest("makeWords() gives what it must", async (device) => {
  assertEquals(await makeWords(device), expectedWords());
});

gpuTest("train() gives the same bits twice, and learns", async () => {
  const first = await train();
  assertEquals(await train(), first);
  assertEquals(first.losses.length, 10);
  const [start = NaN] = first.losses;
  assertEquals(Math.abs(start - Math.log(3)) < 0.05, true);
  assertEquals((first.losses.at(-1) ?? NaN) < start, true);
});
