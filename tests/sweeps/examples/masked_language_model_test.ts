// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { trainMaskedModel } from "../../../examples/masked_language_model.ts";
import { gpuTest } from "../../_check.ts";
import { withPrintedLines } from "../../examples/_printed.ts";

gpuTest("the example of a masked language model learns words", async () => {
  const { result, lines } = await withPrintedLines(() => trainMaskedModel(20));
  // Equal chances for all tokens would be a perplexity of vocabSize, and the
  // frequencies of words alone give about 18.
  assertLess(result.perplexity, 8);
  const [tokens = "", perplexity = "", ...fillings] = lines;
  const start = `${result.vocabSize} tokens, [CLS],dog,##`;
  assertEquals(tokens.slice(0, start.length), start);
  assertMatch(perplexity, /^perplexity: \d+\.\d -> \d\.\d$/);
  assertEquals(fillings.length, 1);
  assertMatch(fillings[0] ?? "", /^\d\.\d\d the dog barks in the barn\.$/);
});
