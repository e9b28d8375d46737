// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  type AnsweredFeature,
  DataCollatorForQuestionAnswering,
  postprocessQaPredictions,
  prepareQuestionAnswering,
  type QuestionFeature,
  Tokenizer,
} from "../../../models/mod.ts";
import { rowsOf, wordPiece } from "./_words.ts";

const FIXTURES = new URL("../../fixtures/tokenizers", import.meta.url).pathname;
const TOKENIZER = wordPiece("who ##o a b c d e f g ##g");

/** A question about a text of single letters, with its first answer. */
function example(context: string, answer?: string) {
  return {
    id: "one",
    question: "  who",
    context,
    answers: answer === undefined
      ? { text: [], answerStart: [] }
      : { text: [answer], answerStart: [context.indexOf(answer)] },
  };
}

function placesOf(
  windows: readonly (QuestionFeature & Partial<AnsweredFeature>)[],
): unknown[] {
  return windows.map(({ startPositions, endPositions }) =>
    startPositions === undefined ? null : [startPositions, endPositions]
  );
}

Deno.test("windows share tokens, and hold the answer where all of it is inside", () => {
  const windows = prepareQuestionAnswering(
    TOKENIZER,
    [example("a b c d e f g", "c d e")],
    { maxLength: 8, docStride: 2 },
  );
  // [CLS] who [SEP] and four tokens of the context, then [SEP]
  assertEquals(windows.map(({ inputIds }) => inputIds), [
    [2, 5, 3, 7, 8, 9, 10, 3],
    [2, 5, 3, 9, 10, 11, 12, 3],
    [2, 5, 3, 11, 12, 13, 3],
  ]);
  assertEquals(placesOf(windows), [[0, 0], [3, 5], [0, 0]]);
  const [first, second] = windows;
  assertEquals(second?.offsetMapping.slice(2, 8), [
    null,
    [4, 5],
    [6, 7],
    [8, 9],
    [10, 11],
    null,
  ]);
  assertEquals(first?.exampleId, "one");
  assertEquals(first?.tokenTypeIds, [0, 0, 0, 1, 1, 1, 1, 1]);
});

Deno.test("an answer may be a part of words, and there may be none", () => {
  // [CLS] who [SEP] a g ##g b [SEP]
  const windows = prepareQuestionAnswering(TOKENIZER, [
    example("a gg b", "gg"),
    { ...example("a gg b", "g b"), id: "two" }, // From the second g on.
    { ...example("a gg b"), id: "three" },
  ]);
  assertEquals(placesOf(windows), [[4, 5], [5, 6], [0, 0]]);
  const unanswered = prepareQuestionAnswering(TOKENIZER, [
    { id: "1", question: "who", context: "a" },
  ]);
  assertEquals(placesOf(unanswered), [null]);
});

Deno.test("windows have the length that the model supports", () => {
  const limited = wordPiece("who a b c d e f g", { model_max_length: 7 });
  const [one] = [example("a b c d e f", "d e")];
  const windows = prepareQuestionAnswering(limited, [one]);
  // Room for three tokens of the context, of which one is shared.
  assertEquals(windows.map(({ inputIds }) => inputIds.slice(3, -1)), [
    [6, 7, 8],
    [8, 9, 10],
    [10, 11],
  ]);
  assertEquals(placesOf(windows), [[0, 0], [4, 5], [0, 0]]);
  assertThrows(
    () => prepareQuestionAnswering(limited, [one], { maxLength: 8 }),
    RangeError,
    "the model supports 7 tokens",
  );
  assertThrows(
    () =>
      prepareQuestionAnswering(limited, [{
        ...one,
        question: "who a b c d e f g",
      }]),
    RangeError,
    "Cannot prepare question one: Cannot truncate",
  );
});

Deno.test("places count UTF-16 units, or code points as Python does", () => {
  const context = "😀 a b";
  const at = (answerStart: number) => [{
    ...example(context),
    answers: { text: ["b"], answerStart: [answerStart] },
  }];
  assertEquals(placesOf(prepareQuestionAnswering(TOKENIZER, at(5))), [[5, 5]]);
  assertEquals(
    placesOf(
      prepareQuestionAnswering(TOKENIZER, at(4), { offsetUnit: "codePoints" }),
    ),
    [[5, 5]],
  );
  assertThrows(
    () => prepareQuestionAnswering(TOKENIZER, at(4)),
    RangeError,
    'not at 4 in the context; it is there if offsetUnit is "codePoints"',
  );
  assertThrows(
    () => prepareQuestionAnswering(TOKENIZER, at(2)),
    RangeError,
    'its answer "b" is not at 2',
  );
  assertThrows(
    () =>
      prepareQuestionAnswering(TOKENIZER, at(5), { docstride: 1 } as object),
    TypeError,
    "docStride",
  );
});

Deno.test("a tokenizer that pads on the left has the context first", () => {
  const left = wordPiece("who a b c", { padding_side: "left" });
  const windows = prepareQuestionAnswering(left, [
    { ...example("a b c", "b"), id: "1" },
    { ...example("a b", "b"), id: "2" },
  ]);
  assertEquals(windows.map(({ inputIds }) => inputIds), [
    [2, 6, 7, 8, 3, 5, 3],
    [2, 6, 7, 3, 5, 3],
  ]);
  assertEquals(placesOf(windows), [[2, 2], [2, 2]]);
  const batch = new DataCollatorForQuestionAnswering(left).collate(windows);
  assertEquals([...batch.startPositions.data], [2, 3]); // behind the padding
  assertEquals(batch.endPositions, {
    data: Int32Array.of(2, 3),
    shape: [2],
  });
  assertEquals(rowsOf(batch.inputIds)[1], [0, 2, 6, 7, 3, 5, 3]);
});

Deno.test("batches hold the places of answers, if the features do", () => {
  const collator = new DataCollatorForQuestionAnswering(TOKENIZER);
  const plain = collator.collate([{ inputIds: [2, 3] }]);
  assertEquals("startPositions" in plain, false);
  assertThrows(
    () =>
      collator.collate([
        { inputIds: [2, 3], startPositions: 0, endPositions: 0 },
        { inputIds: [2, 3] },
      ]),
    TypeError,
    "row 1 of a batch: it has no startPositions",
  );
  assertThrows(
    () =>
      collator.collate([
        { inputIds: [2, 3], startPositions: 0, endPositions: 2 },
      ]),
    RangeError,
    "endPositions is 2, and the row has 2 tokens",
  );
});

Deno.test("the tokens of an answer cover it, in every tokenizer", async () => {
  const context =
    "In 2012, the quick café fox jumped over Zürich's 3 lazy dogs.";
  const answers = ["quick café fox", "2012", "Zürich", "3 lazy dogs.", "In"];
  for (
    const name of [
      "bert_uncased",
      "bert_cased",
      "roberta",
      "modernbert",
      "marian",
    ]
  ) {
    const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/${name}`);
    const windows = prepareQuestionAnswering(
      tokenizer,
      answers.map((text) => ({
        id: text,
        question: "Who is it?",
        context,
        answers: { text: [text], answerStart: [context.indexOf(text)] },
      })),
    );
    assertEquals(windows.length, answers.length);
    for (const { exampleId, offsetMapping, ...place } of windows) {
      const from = offsetMapping[place.startPositions]?.[0] ?? NaN;
      const to = offsetMapping[place.endPositions]?.[1] ?? NaN;
      assertEquals(context.slice(from, to).trim(), exampleId, name);
    }
  }
});

/** A window over "a b c d": two tokens, the context, one more token. */
function windowOf(from: number, to: number): QuestionFeature {
  const offsets = [[0, 1], [2, 3], [4, 5], [6, 7]].slice(from, to);
  return {
    inputIds: [2, 3, ...offsets.map(() => 5), 3],
    tokenTypeIds: [],
    exampleId: "1",
    offsetMapping: [
      null,
      null,
      ...offsets.map(([a = 0, b = 0]): [number, number] => [a, b]),
      null,
    ],
  };
}

const EXAMPLES = [{ id: "1", question: "who", context: "a b c d" }];

Deno.test("the best sum of first and last token is the answer", () => {
  const scores = [{
    startLogits: [9, 9, 1, 4, 2, 0, 9],
    endLogits: [9, 9, 0, 1, 2, 5, 9],
  }];
  const [best] = postprocessQaPredictions(EXAMPLES, [windowOf(0, 4)], scores);
  assertEquals(best?.predictionText, "b c d");
  // b..d 9, c..d 7, a..d 6, b..c 6, b..b 5, d..d 5, c..c 4, a..c 3, a..b 2, a..a 1
  const texts = best?.nBest.map(({ text }) => text);
  assertEquals(texts?.slice(0, 2), ["b c d", "c d"]);
  assertEquals(texts?.length, 10);
  const sums = [9, 7, 6, 6, 5, 5, 4, 3, 2, 1];
  const total = sums.reduce((sum, own) => sum + Math.exp(own), 0);
  for (const [i, sum] of sums.entries()) {
    const { probability = NaN } = best?.nBest[i] ?? {};
    assertAlmostEquals(probability, Math.exp(sum) / total, 1e-12);
  }
  assertEquals(best?.nBest[0], {
    text: "b c d",
    start: 2,
    end: 7,
    startLogit: 4,
    endLogit: 5,
    probability: best?.nBest[0]?.probability ?? NaN,
  });
  // Answers of two tokens: c..d 7, b..c 6, b..b 5, d..d 5 …
  const short = { maxAnswerLength: 2, nBestSize: 7 };
  const [other] = postprocessQaPredictions(
    EXAMPLES,
    [windowOf(0, 4)],
    scores,
    short,
  );
  assertEquals(other?.predictionText, "c d");
  assertEquals(other?.nBest[1]?.text, "b c");
});

Deno.test("only the highest first and last tokens are tried", () => {
  // The two highest of each: the first token of the row, and c as the first or a
  // as the last token, which cannot be an answer: nothing is left.
  const scores = [{
    startLogits: [9, 0, 1, 2, 3, 0, 0],
    endLogits: [9, 0, 3, 2, 1, 0, 0],
  }];
  const [best] = postprocessQaPredictions(EXAMPLES, [windowOf(0, 4)], scores, {
    nBestSize: 2,
  });
  assertEquals(best?.predictionText, "empty");
  assertEquals(best?.nBest.map(({ probability }) => probability), [1]);
});

Deno.test("windows compete, and the lowest score of the first token is that of no answer", () => {
  const windows = [windowOf(0, 2), windowOf(2, 4)];
  const scores = [
    { startLogits: [3, 0, 2, 0, 0], endLogits: [3, 0, 2, 0, 0] }, // a..a 4
    { startLogits: [1, 0, 0, 1, 0], endLogits: [2, 0, 0, 1.5, 0] }, // d..d 2.5
  ];
  const choose = (options: object) =>
    postprocessQaPredictions(EXAMPLES, windows, scores, options)[0];
  assertEquals(choose({})?.predictionText, "a");
  assertEquals(choose({})?.scoreDiff, undefined);
  const none = choose({ version2WithNegative: true });
  assertEquals(none?.scoreDiff, 3 - 4);
  assertEquals(none?.predictionText, "a");
  assertEquals(none?.nBest.slice(0, 3).map(({ text }) => text), ["a", "", "d"]);
  const strict = { version2WithNegative: true, nullScoreDiffThreshold: -1.5 };
  assertEquals(choose(strict)?.predictionText, "");
  // "No answer" is kept though it is not among the best.
  const one = choose({ version2WithNegative: true, nBestSize: 1 });
  assertEquals(one?.nBest.map(({ text }) => text), ["empty", ""]);
});

Deno.test("equal scores: the later token of a window, the first window", () => {
  const windows = [windowOf(0, 2), windowOf(2, 4)];
  const flat = { startLogits: [0, 0, 0, 0, 0], endLogits: [0, 0, 0, 0, 0] };
  const [best] = postprocessQaPredictions(EXAMPLES, windows, [flat, flat], {
    maxAnswerLength: 1,
  });
  assertEquals(best?.nBest.map(({ text }) => text), ["b", "a", "d", "c"]);
});

Deno.test("scores may be padded on the right, and must be of the same windows", () => {
  const padded = {
    startLogits: Float32Array.of(0, 0, 3, 0, 0, 9, 9),
    endLogits: Float32Array.of(0, 0, 3, 0, 0, 9, 9),
  };
  const window = windowOf(0, 2);
  const [best] = postprocessQaPredictions(EXAMPLES, [window], [padded]);
  assertEquals(best?.predictionText, "a");
  const refused = (
    run: () => unknown,
    error: typeof TypeError,
    text: string,
  ) => assertThrows(run, error, text);
  refused(
    () => postprocessQaPredictions(EXAMPLES, [window], []),
    TypeError,
    "from 0 scores: there are 1 windows",
  );
  const few = { startLogits: [1], endLogits: [1] };
  refused(
    () => postprocessQaPredictions(EXAMPLES, [window], [few]),
    TypeError,
    "it has 5 tokens",
  );
  refused(
    () => postprocessQaPredictions(EXAMPLES, [], []),
    RangeError,
    "example 1 has no window",
  );
  refused(
    () => postprocessQaPredictions([], [window], [padded]),
    RangeError,
    "window 0 is of example 1",
  );
  refused(
    () =>
      postprocessQaPredictions(EXAMPLES, [window], [padded], { nBestSize: 0 }),
    RangeError,
    "nBestSize 0",
  );
});

/** A case of the fixtures: scores, and what transformers makes of them. */
interface Case {
  options: Readonly<Record<string, number | boolean>>;
  examples: { id: string; context: string }[];
  features: Pick<QuestionFeature, "exampleId" | "offsetMapping">[];
  startLogits: number[][];
  endLogits: number[][];
  expected: {
    id: string;
    predictionText: string;
    scoreDiff?: number;
    nBest: {
      text: string;
      startLogit: number;
      endLogit: number;
      probability: number;
    }[];
  }[];
}

/** Probabilities and differences of scores are computed in float32 there. */
const FLOAT32 = 1e-5;

Deno.test("answers are those of transformers' own function for random scores", async () => {
  const cases: Case[] = JSON.parse(
    await Deno.readTextFile(
      new URL("../../fixtures/collators/qa_cases.json", import.meta.url),
    ),
  );
  const name = (key: string) =>
    key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  assertEquals(cases.length, 7);
  for (const one of cases) {
    const features = one.features.map((feature): QuestionFeature => ({
      ...feature,
      inputIds: feature.offsetMapping.map(() => 0),
      tokenTypeIds: [],
    }));
    const scores = features.map((_, i) => ({
      startLogits: Float32Array.from(one.startLogits[i] ?? []),
      endLogits: Float32Array.from(one.endLogits[i] ?? []),
    }));
    const options = Object.fromEntries(
      Object.entries(one.options).map(([key, value]) => [name(key), value]),
    );
    const examples = one.examples.map((own) => ({ ...own, question: "who" }));
    const found = postprocessQaPredictions(examples, features, scores, options);
    for (const [i, expected] of one.expected.entries()) {
      const own = found[i];
      assertEquals(own?.id, expected.id);
      assertEquals(own?.predictionText, expected.predictionText);
      assertEquals(
        own?.nBest.map(({ text }) => text),
        expected.nBest.map(({ text }) => text),
      );
      assertAlmostEquals(own?.scoreDiff ?? 0, expected.scoreDiff ?? 0, FLOAT32);
      for (const [k, answer] of expected.nBest.entries()) {
        for (const key of ["startLogit", "endLogit", "probability"] as const) {
          assertAlmostEquals(own?.nBest[k]?.[key] ?? NaN, answer[key], FLOAT32);
        }
      }
    }
  }
});
