// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { describeSummary, FUZZERS, moduleOf } from "../../../tools/fuzz.ts";
import { isInternal, randomFrom } from "../../../tools/fuzz/fuzzer.ts";
import { loadFuzzer, runTrials } from "../../../tools/fuzz/run.ts";

for (const name of FUZZERS) {
  Deno.test(`fuzz ${name}: a short run finds nothing`, async () => {
    const module = moduleOf(name);
    const { name: own, short } = await loadFuzzer(module);
    assertEquals(own, name);
    const trials = { seed: 1, first: 0, count: short };
    const { accepted, refused, reports } = await runTrials(module, trials);
    assertEquals(reports, []);
    assertEquals(accepted + refused, short);
  });
}

Deno.test("runTrials() distinguishes the kinds of faults, and continues after each", async () => {
  const module = import.meta.resolve("./_faulty_fuzzer.ts");
  const trials = { seed: 1, first: 0, count: 6 };
  const summary = await runTrials(module, trials);
  assertEquals(
    summary.reports.map(({ trial, fault }) => [trial, fault]),
    [[1, "wrong result"], [2, "internal message"], [3, "hang"], [4, "crash"]],
  );
  assertEquals([summary.accepted, summary.refused], [1, 1]);
  assertEquals(
    describeSummary("faulty", summary),
    "faulty: 6 trials: 1 accepted, 1 refused, 1 hangs, 1 wrong results, " +
      "1 internal messages, 0 out of memory, 1 crashes",
  );
});

Deno.test("moduleOf() lists the fuzzers if a name is unknown", () => {
  assertThrows(() => moduleOf("nothing"), RangeError, "tokenizers");
});

Deno.test("randomFrom() gives the same choices for the same seed", () => {
  const draw = (seed: number) => {
    const random = randomFrom(seed);
    return [random.next(), random.integer(3, 9), random.pick(["a", "b"])];
  };
  assertEquals(draw(4), draw(4));
  assert(JSON.stringify(draw(4)) !== JSON.stringify(draw(5)));
});

Deno.test("isInternal() recognizes messages of the JavaScript engine", () => {
  assert(isInternal(new TypeError("x is not a function")));
  assert(isInternal("text"));
  assert(!isInternal(new TypeError("Cannot read a.json: it is empty")));
});
