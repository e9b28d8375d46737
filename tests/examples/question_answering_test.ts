// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { answerQuestions } from "../../examples/question_answering.ts";
import { gpuTest } from "../_check.ts";
import { withPrintedLines } from "./_printed.ts";

gpuTest("the example of question answering finds answers", async () => {
  const { result, lines } = await withPrintedLines(() => answerQuestions(6));
  // Who cannot tell the questions apart has a third of them right.
  assertGreater(result.exactMatch, 60);
  assertGreater(result.f1, 60);
  const [scores = "", answer = "", ...rest] = lines;
  const exact = result.exactMatch.toFixed(1);
  const f1 = result.f1.toFixed(1);
  assertEquals(scores, `exact match ${exact} %, F1 ${f1} %`);
  assertMatch(answer, /^where: .+ \(\d\.\d\d\)$/);
  assertEquals(rest, []);
});
