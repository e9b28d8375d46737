// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  readExamples,
  type ReadExamplesOptions,
  readRows,
  readTable,
  sourceTargetExamples,
  spanExamples,
  textExamples,
  tokenExamples,
} from "../../data/mod.ts";
import { file, jsonl } from "./_blocks.ts";
import { all, refuses } from "./_examples.ts";

Deno.test("tokens: lists, CoNLL by name and number, and bad rows", async () => {
  const rows = [{ tokens: ["Ada", 5], ner: [1, 0] }];
  const names = ["O", "B-person"];
  assertEquals(await all(rows, tokenExamples({ tags: "ner", names })), [
    { tokens: ["Ada", "5"], tags: ["B-person", "O"] },
  ]);
  const text = "-DOCSTART- -X- O\n\nEU NNP B-ORG\r\n# SYM O\n\n\nGo VB O";
  const conll = file("train.conll", text);
  const sentences = [["EU", "#"], ["Go"]];
  const expected = (tags: string[][]) =>
    tags.map((own, i) => ({ tokens: sentences[i] ?? [], tags: own }));
  assertEquals(
    await all(conll, tokenExamples()),
    expected([["B-ORG", "O"], ["O"]]),
  );
  const speech = expected([["NNP", "SYM"], ["VB"]]);
  assertEquals(await all(conll, tokenExamples({ tags: "2" })), speech);
  assertEquals(
    await all(conll, tokenExamples({ tokens: "word", tags: "pos" }), {
      columns: ["word", "pos", "ner"],
    }),
    speech,
  );
  await refuses(() => tokenExamples({ names }), {
    good: { tokens: ["a"], tags: ["O"] },
    bad: [
      [
        { tokens: ["a", "b"], tags: ["O"] },
        'it has 2 tokens in "tokens" and 1 tag in "tags", expected one tag for ' +
        "each token",
      ],
      [{ tokens: [], tags: [] }, 'its "tokens" has no token'],
      [{ tokens: ["a"], tags: [" "] }, 'token 1, "a", has no tag'],
      [
        { tokens: ["a"], tags: [2] },
        'its "tags" has "2", expected some of "O", "B-person"',
      ],
      [
        { tokens: "a b", tags: ["O"] },
        'its "tokens" is "a b", expected a list of texts',
      ],
      [{ tokens: ["a"] }, 'its "tags" is missing, expected a list of texts'],
      [
        { tokens: ["a"], tags: [null] },
        'its "tags" is [null], expected a list of texts',
      ],
    ],
  });
});

Deno.test("spans: nested SQuAD, lists, and a table", async () => {
  const context = "😀 Ada wrote it in 1843.";
  const answers = [{ text: "Ada", answer_start: 2 }, {
    text: "1843",
    answer_start: 18,
  }];
  const squad = {
    version: "v2.0",
    data: [{
      title: "Ada",
      paragraphs: [{
        context,
        qas: [
          { id: "1", question: "Who?", answers },
          {
            id: "2",
            question: "Why?",
            answers: [],
            plausible_answers: answers,
            is_impossible: true,
          },
        ],
      }],
    }],
  };
  // A letter beyond the first 65,536 counts one in Python, and two in JavaScript.
  const spans = [{ text: "Ada", start: 3 }, { text: "1843", start: 19 }];
  const expected = [
    { id: "1", question: "Who?", context, answers: spans },
    { id: "2", question: "Why?", context, answers: [] },
  ];
  const nested = file("a.json", JSON.stringify(squad, null, 1));
  assertEquals(
    await all(nested, spanExamples(), { format: "squad" }),
    expected,
  );
  const flat = jsonl(
    {
      id: "1",
      question: "Who?",
      context,
      answers: { text: ["Ada", "1843"], answer_start: [2, 18] },
    },
    { id: "2", question: "Why?", context, answers: [] },
  );
  assertEquals(await all(flat, spanExamples()), expected);
  const table = file(
    "a.csv",
    "question,context,answers,answer_start\n" +
      `Who?,${context},Ada,3\nWhy?,${context},,\n`,
  );
  assertEquals(
    await all(table, spanExamples({ positions: "utf16" })),
    [
      { question: "Who?", context, answers: spans.slice(0, 1) },
      { question: "Why?", context, answers: [] },
    ],
  );
  const row = { question: "Who?", context };
  const answer = (text: unknown, start: unknown) => ({
    ...row,
    answers: { text: [text], answer_start: [start] },
  });
  await refuses(spanExamples, {
    good: { ...row, answers },
    bad: [
      [
        answer("Ada", 3),
        'its "context" does not have "Ada" at 3, but at 2',
      ],
      [
        answer("Eve", 2),
        'its "context" does not have "Eve" at 2, and nowhere else',
      ],
      [answer("Ada", -1), 'its "context" does not have "Ada" at -1, but at 2'],
      [
        answer("Ada", null),
        'an answer is "Ada" at null, expected a text and the number of letters ' +
        "before it",
      ],
      [
        { ...row, answers: { text: ["Ada"], answer_start: [] } },
        'its "answers" has 1 text and 0 positions, expected as many',
      ],
      [
        row,
        'its "answers" is missing, expected an object with the lists "text" ' +
        'and "answer_start", a list of such answers, or a text',
      ],
      [
        { context, answers },
        'its "question" is missing, expected a text or a number',
      ],
    ],
  });
  const broken = file("a.json", '{"data": [{"paragraphs": 5}]}');
  await assertRejects(
    () => all(broken, spanExamples(), { format: "squad" }),
    SyntaxError,
    "article 1 (line 1) is not of SQuAD's form: expected a list of objects " +
      '"paragraphs"',
  );
});

Deno.test("sources and targets: columns and translations", async () => {
  await refuses(() => sourceTargetExamples({ source: "en", target: "sv" }), {
    good: { translation: { en: "hello", sv: "hej" } },
    bad: [
      [
        { translation: { en: "hello" } },
        'its "translation.sv" is missing, expected a text or a number',
      ],
      [{ en: "a" }, 'its "sv" is missing, expected a text or a number'],
    ],
  });
  const nested = jsonl({ a: { b: "x" }, "a.b": "y", c: { d: "z" } });
  const parse = sourceTargetExamples({ source: "a.b", target: "c.d" });
  assertEquals(await all(nested, parse), [{ source: "y", target: "z" }]);
});

Deno.test("lines of several files belong together, and their counts must agree", async () => {
  const en = file("train.en", "one\r\n\nthree");
  const sv = file("train.sv", "ett\ntvå\ntre\n");
  const parse = sourceTargetExamples({ source: "en", target: "sv" });
  const expected = [
    { source: "one", target: "ett" },
    { source: "", target: "två" },
    { source: "three", target: "tre" },
  ];
  const pairs = readExamples({ en, sv }, parse);
  for (let epoch = 0; epoch < 2; epoch++) {
    assertEquals(await pairs.toArray(), expected);
  }
  for (const short of [file("short", "1\n2\n"), file("short", "")]) {
    await assertRejects(
      () => all({ en: short, sv }, parse, { onBadRow: "skip" }),
      SyntaxError,
      `Cannot read short: it ends before line ${
        short.size > 0 ? 3 : 1
      }, which ` +
        "train.sv has",
    );
  }
  const { path, format } = await readTable({ en, sv });
  assertEquals([path, format], ["train.en and train.sv", "text"]);
  assertThrows(
    () => readRows({ en, sv }, { format: "csv" }),
    TypeError,
    "they are read as text, line by line",
  );
  assertThrows(() => readRows({ en, sv }, { field: "a" }), TypeError, "field");
});

Deno.test("plain text is cut into lines, paragraphs, or not at all", async () => {
  const book = file("a.txt", "\n One\r\ntwo\n \n\rthree\r\r");
  const texts = async (options: ReadExamplesOptions) =>
    (await all(book, textExamples(), options)).map(({ text }) => text);
  assertEquals(await texts({}), [" One", "two", "three"]);
  assertEquals(await texts({ sampleBy: "paragraph" }), [" One\ntwo", "three"]);
  assertEquals(await texts({ sampleBy: "document" }), [
    "\n One\ntwo\n \n\nthree\n",
  ]);
});
