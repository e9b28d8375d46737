// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertGreater } from "@std/assert";
import { trainTranslator } from "../../examples/translation.ts";
import { corpusBleu } from "../../nn/metrics/mod.ts";
import { gpuTest } from "../_check.ts";
import { withPrintedLines } from "./_printed.ts";

gpuTest("the example of translation learns words and their order", async () => {
  const { result, lines } = await withPrintedLines(() => trainTranslator(6));
  const { bleu, translations, references } = result;
  // Every translation given to the sentence before: right words by chance only.
  const moved = [...references.slice(1), ...references.slice(0, 1)];
  const byChance = corpusBleu(moved, references).score;
  assertGreater(bleu, byChance + 30);
  const [score = "", ...examples] = lines;
  assertEquals(score, `BLEU: ${bleu.toFixed(1)}`);
  assertEquals(examples.length, 3);
  const [, english] = examples[0]?.split(" -> ") ?? [];
  assertEquals(english, translations[0]);
});
