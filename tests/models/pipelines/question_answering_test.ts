// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import {
  BertForQuestionAnswering,
  pipeline,
  type QuestionAnsweringPipeline,
  type QuestionInputs,
  type QuestionOutput,
} from "../../../models/mod.ts";
import { reshape } from "../../../engine/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import {
  probabilities,
  rowOf,
  TableModel,
  tableOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "./_tiny.ts";

const tokenizer = tinyTokenizer();

class TableReader extends TableModel {
  forward({ inputIds }: QuestionInputs): QuestionOutput {
    const [startLogits, endLogits] = this.scores(inputIds)
      .map((scores) => reshape(scores, inputIds.shape));
    if (!startLogits || !endLogits) {
      throw new TypeError("Cannot score: there are no tables");
    }
    return { startLogits, endLogits };
  }
}

/** A model that scores some words as the beginning and end of an answer. */
async function reader(
  starts: Record<string, number>,
  ends: Record<string, number>,
  places = 64,
): Promise<QuestionAnsweringPipeline> {
  const [first, last] = [starts, ends].map((words) =>
    tableOf(
      1,
      Object.fromEntries(Object.entries(words).map(([w, x]) => [w, [x]])),
    )
  );
  const model = new TableReader([first ?? [], last ?? []], {
    maxPositionEmbeddings: places,
  });
  return await pipeline("question-answering", { model, tokenizer });
}

const CONTEXT = "Anna lives in New York, the dog lives in Paris.";
const QUESTION = "where is Anna";

gpuTest(
  "question-answering gives the part with the best start and end",
  async () => {
    const answer = await reader({ new: 6, paris: 4 }, { york: 6, paris: 5 });
    const input = { question: QUESTION, context: CONTEXT };
    const found = await answer(input);
    assertEquals(Object.keys(found), ["score", "start", "end", "answer"]);
    assertEquals(found.answer, "New York");
    assertEquals(CONTEXT.slice(found.start, found.end), "New York");
    // 12 tokens of context and [CLS] share the probability.
    const start = Math.exp(6) / (Math.exp(6) + Math.exp(4) + 11);
    const end = Math.exp(6) / (Math.exp(6) + Math.exp(5) + 11);
    assertClose([found.score], [start * end], FUNCTIONS);
    assertEquals(await answer([input]), [found]);
    const list = await answer(input, { topK: 3 });
    assertEquals(list.length, 3);
    assertEquals(list[0], found);
    assertEquals(await answer([input], { topK: 3 }), [list]);
    assertEquals((await answer(input, { topK: 1 })).length, 1);
  },
);

gpuTest("question-answering agrees with the model's forward", async () => {
  manualSeed(5);
  const model = new BertForQuestionAnswering(tinyConfig());
  const answer = await pipeline("question-answering", { model, tokenizer });
  const context = "the dog lives in Paris";
  const encoding = tokenizer.encode([QUESTION, context]);
  const { startLogits, endLogits } = model.forward(rowOf(encoding));
  const [starts = [], ends = []] = [
    await valuesOf(startLogits),
    await valuesOf(endLogits),
  ].map((logits) =>
    probabilities(
      logits.map((x, i) =>
        encoding.sequenceIds[i] === 1 || i === 0 ? x : -Infinity
      ),
    )
  );
  const spans = new Map<string, number>();
  for (const [i, start] of starts.entries()) {
    for (let j = i; j < Math.min(ends.length, i + 2); j++) {
      if (encoding.sequenceIds[i] !== 1 || encoding.sequenceIds[j] !== 1) {
        continue;
      }
      const text = context.slice(
        encoding.offsets[i]?.[0],
        encoding.offsets[j]?.[1],
      );
      spans.set(text, start * (ends[j] ?? 0));
    }
  }
  const expected = [...spans].sort(([, a], [, b]) => b - a);
  const found = await answer({ question: QUESTION, context }, {
    topK: 9,
    maxAnswerLen: 2,
    handleImpossibleAnswer: true,
  });
  const none = found.find((one) => one.answer === "");
  assertClose([none?.score ?? NaN], [(starts[0] ?? 0) * (ends[0] ?? 0)], {
    absolute: 1e-5,
    relative: 1e-4,
  });
  assertEquals([none?.start, none?.end], [0, 0]);
  const given = found.filter((one) => one !== none);
  assertEquals(
    given.map((one) => one.answer),
    expected.slice(0, 8).map(([text]) => text),
  );
  assertClose(
    given.map(({ score }) => score),
    expected.slice(0, 8).map(([, score]) => score),
    FUNCTIONS,
  );
  model.dispose();
});

gpuTest("question-answering widens answers to whole words", async () => {
  const answer = await reader({ "##ing": 5 }, { "##ing": 5 });
  const input = { question: QUESTION, context: "Anna and playing, the cat" };
  assertEquals((await answer(input)).answer, "playing");
  const { answer: bare, start, end } = await answer(input, {
    alignToWords: false,
  });
  assertEquals([bare, start, end], ["ing", 13, 16]);
});

gpuTest(
  "question-answering adds the scores of answers with the same text",
  async () => {
    const answer = await reader({ paris: 5 }, { paris: 5 });
    const context = "Paris in paris";
    const [best, ...others] = await answer({ question: QUESTION, context }, {
      topK: 4,
    });
    assertEquals(best?.answer, "Paris");
    assert(others.every(({ answer }) => answer.toLowerCase() !== "paris"));
    const half = Math.exp(5) / (2 * Math.exp(5) + 2);
    assertClose([best?.score ?? NaN], [2 * half * half], FUNCTIONS);
  },
);

gpuTest(
  "question-answering ranks the answers of all windows together",
  async () => {
    const context = `${"the cat and the dog . ".repeat(6)}Anna lives in Paris`;
    const whole = await reader({ paris: 8 }, { paris: 8 });
    const input = { question: QUESTION, context };
    const options = { docStride: 4, maxSeqLen: 24 };
    const cut = await reader({ paris: 8 }, { paris: 8 }, 24);
    const short = { question: QUESTION, context: "in Paris" };
    for (const batchSize of [1, 3]) {
      const found = await cut([input, short], { ...options, batchSize });
      assertEquals(found.map(({ answer }) => answer), ["Paris", "Paris"]);
      const { start, end } = await whole(input);
      assertEquals([found[0]?.start, found[0]?.end], [start, end]);
      // The probabilities in a window of 18 tokens are higher than in the whole
      // text.
      assert((found[0]?.score ?? 0) > (await whole(input)).score);
    }
    // "No answer" has the lowest probability among the windows.
    const [first] = await cut([short], {
      ...options,
      topK: 9,
      handleImpossibleAnswer: true,
    });
    const none = first?.find(({ answer }) => answer === "");
    assertClose([none?.score ?? NaN], [(1 / (Math.exp(8) + 2)) ** 2], {
      absolute: 1e-9,
      relative: 1e-3,
    });
  },
);

gpuTest("question-answering truncates questions", async () => {
  const answer = await reader({ paris: 5 }, { paris: 5 }, 24);
  const context = "the cat in Paris";
  const long = "who is the dog ? ".repeat(9);
  const found = await answer({ question: long, context }, {
    maxQuestionLen: 3,
  });
  assertEquals(found, await answer({ question: "who is the", context }));
  await assertRejects(() => answer({ question: long, context }), RangeError);
});

gpuTest("question-answering says what is wrong with its input", async () => {
  const answer = await reader({}, {}, 24);
  await assertRejects(
    () =>
      answer({ question: QUESTION, context: CONTEXT }, {
        maxAnswerLength: 3,
      } as object),
    TypeError,
    'did you mean "maxAnswerLen"?',
  );
  for (const name of ["maxAnswerLen", "maxQuestionLen"]) {
    await assertRejects(
      () => answer({ question: QUESTION, context: CONTEXT }, { [name]: 0 }),
      RangeError,
      `Cannot use ${name} 0`,
    );
  }
  await assertRejects(
    () => answer({ question: QUESTION, context: " " }),
    TypeError,
    "Cannot answer a question: the context is empty",
  );
  await assertRejects(
    () => answer({ question: "", context: CONTEXT }),
    TypeError,
    "the question is empty",
  );
  const input = { question: QUESTION, context: CONTEXT };
  await assertRejects(() => answer(input, { topK: 0 }), RangeError, "topK 0");
  await assertRejects(
    () => answer(input, { maxSeqLen: 30 }),
    RangeError,
    "the model supports 24 tokens",
  );
  await assertRejects(
    () => answer(input, { maxSeqLen: 12, docStride: 10 }),
    RangeError,
    "stride",
  );
});
