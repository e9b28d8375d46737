// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BadRowError,
  classExamples,
  type ExampleParser,
  multiLabelExamples,
  numberExamples,
  readExamples,
  type ReadExamplesOptions,
  type RowObject,
  softLabelExamples,
  sourceTargetExamples,
  spanExamples,
  textExamples,
  tokenExamples,
} from "../../data/mod.ts";
import { file, jsonl } from "./_blocks.ts";

/** The examples of a source. */
async function all<T>(
  source: Parameters<typeof readExamples>[0],
  parse: ExampleParser<T>,
  options?: ReadExamplesOptions,
): Promise<T[]> {
  return await readExamples(source, parse, options).toArray();
}

/**
 * Checks that a row is refused with a message that names its place, and that it is
 * left out if others are good.
 */
async function refuses(
  parse: () => ExampleParser<unknown>,
  { good, bad }: { good: RowObject; bad: readonly [RowObject, string][] },
): Promise<void> {
  for (const [row, reason] of bad) {
    const source = jsonl(good, row, good);
    const error = await assertRejects(() => all(source, parse()), BadRowError);
    assertEquals(
      error.message,
      `Cannot use row 2 of a.jsonl (line 2): ${reason}`,
    );
    assertEquals(error.row.cells, JSON.parse(JSON.stringify(row)));
    const stream = readExamples(source, parse(), { onBadRow: "skip" });
    assertEquals((await stream.toArray()).length, 2);
    assertEquals([stream.used, stream.skipped], [2, 1]);
    assertEquals(stream.problems, [error.message]);
  }
}

Deno.test("classes are read from every format alike", async () => {
  const expected = [
    { text: "good", textPair: "x", label: "1" },
    { text: "bad", textPair: "y", label: "0" },
  ];
  const parse = () => classExamples({ textPair: "pair" });
  const rows = [
    { text: "good", pair: "x", label: 1 },
    { text: "bad", pair: "y", label: 0 },
  ];
  const json = JSON.stringify(rows);
  for (
    const source of [
      file("a.csv", "text,pair,label\r\ngood,x,1\nbad,y,0"),
      file("a.tsv", "text\tpair\tlabel\rgood\tx\t1\r\nbad\ty\t0\n"),
      jsonl(...rows),
      file("a.json", json),
      rows,
      (async function* () {
        yield* await Promise.resolve(rows);
      })(),
    ]
  ) {
    assertEquals(await all(source, parse()), expected);
  }
  const packed = new Blob([json]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const zip = file("a.json.gz", await new Response(packed).bytes());
  assertEquals(await all(zip, parse()), expected);
});

Deno.test("classes: bad rows are refused with their place, or left out", async () => {
  const wish = "expected a label";
  await refuses(classExamples, {
    good: { text: "a", label: "x" },
    bad: [
      [{ text: "a" }, `its "label" is missing, ${wish}`],
      [{ text: "a", label: null }, `its "label" is null, ${wish}`],
      [{ text: "a", label: "" }, `its "label" is empty, ${wish}`],
      [{ text: "a", label: " " }, `its "label" is " ", ${wish}`],
      [{ text: "a", label: ["x"] }, `its "label" is ["x"], ${wish}`],
      [
        { text: "a", label: 1 },
        'its "label" is a number, and that of row 1 of a.jsonl (line 1) is a ' +
        "text: labels must be of one kind",
      ],
      [{ label: "x" }, 'its "text" is missing, expected a text or a number'],
      [
        { text: {}, label: "x" },
        'its "text" is {}, expected a text or a number',
      ],
    ],
  });
  await refuses(() => classExamples({ names: ["no", "yes"] }), {
    good: { text: "a", label: 1 },
    bad: [[
      { text: "a", label: 2 },
      'its "label" is 2, expected one of "no", "yes"',
    ]],
  });
  const named = classExamples({ names: ["no", "yes"] });
  assertEquals(await all(file("a.csv", "text,label\na,1\nb,no\n"), named), [
    { text: "a", label: "yes" },
    { text: "b", label: "no" },
  ]);
  // The kinds of another file do not matter.
  const parse = classExamples();
  assertEquals((await all(jsonl({ text: "a", label: 1 }), parse)).length, 1);
  const other = file("a.csv", "text,label\na,1\n");
  assertEquals((await all(other, parse)).length, 1);
});

Deno.test("a column that does not exist is an error although bad rows are left out", async () => {
  const csv = file("a.csv", "sentence,label\na,x\n");
  await assertRejects(
    () => all(csv, classExamples(), { onBadRow: "skip" }),
    RangeError,
    'Cannot find the column "text" in a.csv: there are "sentence", "label"',
  );
  await assertRejects(
    () =>
      all(jsonl({ sentence: "a", label: "x" }), classExamples(), {
        onBadRow: "skip",
      }),
    BadRowError,
    'its "text" is missing',
  );
});

Deno.test("each reading of a stream begins anew", async () => {
  const stream = readExamples(
    jsonl({ text: "a" }, {}, { text: "b" }),
    textExamples(),
    { onBadRow: "skip" },
  );
  for (let epoch = 0; epoch < 2; epoch++) {
    const texts: string[] = [];
    for await (const { text } of stream) texts.push(text);
    assertEquals(texts, ["a", "b"]);
    assertEquals([stream.used, stream.skipped], [2, 1]);
  }
});

Deno.test("numbers: one or several columns, and bad rows", async () => {
  const table = file("a.csv", "text,V,A\nx, 4.4 ,-1e-3\n");
  assertEquals(await all(table, numberExamples({ labels: ["V", "A"] })), [
    { text: "x", labels: [4.4, -0.001] },
  ]);
  const wish = "expected a number such as 1.5";
  await refuses(numberExamples, {
    good: { text: "a", label: 2 },
    bad: [
      [{ text: "a" }, `its "label" is missing, ${wish}`],
      [{ text: "a", label: "" }, `its "label" is empty, ${wish}`],
      [{ text: "a", label: "3,5" }, `its "label" is "3,5", ${wish}`],
      [{ text: "a", label: "NaN" }, `its "label" is "NaN", ${wish}`],
      [{ text: "a", label: "0x10" }, `its "label" is "0x10", ${wish}`],
      [{ text: "a", label: true }, `its "label" is true, ${wish}`],
      [{ text: "a", label: 1e39 }, `its "label" is 1e+39, ${wish}`],
    ],
  });
});

Deno.test("several labels: a list, a text with a separator, a column a class", async () => {
  const classes = ["joy", "love", "fear"];
  const table = file(
    "a.csv",
    "text,joy,love,fear\nx,1,0,true\ny,False,0.0,0\n",
  );
  assertEquals(await all(table, multiLabelExamples({ classes })), [
    { text: "x", labels: ["joy", "fear"] },
    { text: "y", labels: [] },
  ]);
  const joined = file("a.tsv", "text\tlabels\nx\tjoy; fear\ny\t\n");
  assertEquals(await all(joined, multiLabelExamples({ separator: ";" })), [
    { text: "x", labels: ["joy", "fear"] },
    { text: "y", labels: [] },
  ]);
  const wish = "expected a list of labels; a text needs a separator";
  await refuses(() => multiLabelExamples({ labels: "labels", classes }), {
    good: { text: "a", labels: [] },
    bad: [
      [{ text: "a" }, `its "labels" is missing, ${wish}`],
      [{ text: "a", labels: null }, `its "labels" is null, ${wish}`],
      [{ text: "a", labels: "joy" }, `its "labels" is "joy", ${wish}`],
      [{ text: "a", labels: [null] }, `its "labels" is [null], ${wish}`],
      [{ text: "a", labels: ["joy", "joy"] }, 'its "labels" has "joy" twice'],
      [
        { text: "a", labels: ["hate"] },
        'its "labels" has "hate", expected some of "joy", "love", "fear"',
      ],
    ],
  });
  await refuses(() => multiLabelExamples({ classes: ["joy"] }), {
    good: { text: "a", joy: 1 },
    bad: [
      [
        { text: "a", joy: 2 },
        'its "joy" is 2, expected 1 or 0, or true or false',
      ],
    ],
  });
});

Deno.test("soft labels: columns, lists and objects, votes and probabilities", async () => {
  const classes = ["e", "n", "c"];
  const half = { text: "x", probabilities: [0.5, 0.25, 0.25] };
  const table = file("a.csv", "text,e,n,c\nx,2,1,1\n");
  assertEquals(await all(table, softLabelExamples({ classes })), [half]);
  const parse = softLabelExamples({ classes, column: "votes" });
  assertEquals(await all([{ text: "x", votes: [50, 25, 25] }], parse), [half]);
  assertEquals(await all([{ text: "x", votes: { n: 5, c: null } }], parse), [
    { text: "x", probabilities: [0, 1, 0] },
  ]);
  const wish =
    'expected a list of 3 numbers, or an object with numbers for "e", ' +
    '"n", "c"';
  await refuses(() => softLabelExamples({ classes, column: "votes" }), {
    good: { text: "a", votes: [1, 1, 1] },
    bad: [
      [{ text: "a" }, `its "votes" is missing, ${wish}`],
      [{ text: "a", votes: [1, 2] }, `its "votes" is [1,2], ${wish}`],
      [{ text: "a", votes: "1 2 3" }, `its "votes" is "1 2 3", ${wish}`],
      [{ text: "a", votes: { e: "?" } }, `its "votes" is {"e":"?"}, ${wish}`],
      [
        { text: "a", votes: { x: 1 } },
        'its "votes" has "x", expected some of "e", "n", "c"',
      ],
      [
        { text: "a", votes: [1, -1, 0] },
        'the number of "n" is negative, expected counts',
      ],
      [
        { text: "a", votes: [0, 0, 0] },
        "the numbers of all classes are 0, expected at least one above 0",
      ],
    ],
  });
  await refuses(() => softLabelExamples({ classes, kind: "probabilities" }), {
    good: { text: "a", e: 0.333, n: 0.333, c: 0.3338 },
    bad: [
      [
        { text: "a", e: 0.3, n: 0.3, c: 0.3 },
        "its probabilities add up to 0.9, expected 1",
      ],
    ],
  });
});

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

Deno.test("options that nobody reads are refused at the call", () => {
  const cases: [() => unknown, string][] = [
    [() => classExamples({ labels: "x" } as object), '"labels"'],
    [() => textExamples({ text_column: "x" } as object), '"text_column"'],
    [() => numberExamples({ labels: [] }), "from no column"],
    [() => softLabelExamples({} as never), "expected a list of names"],
    [() => softLabelExamples({ classes: [] }), "at least one name"],
    [() => softLabelExamples({ classes: ["a", "a"] }), '"a" occurs twice'],
    [
      () => softLabelExamples({ classes: ["a"], kind: "logits" as never }),
      'Cannot use kind "logits": expected one of "counts", "probabilities"',
    ],
    [
      () => multiLabelExamples({ classes: ["a"], separator: "|" }),
      "Cannot use separator with a column for each class",
    ],
    [() => multiLabelExamples({ separator: "" }), "by an empty text"],
    [() => spanExamples({ positions: "bytes" as never }), '"bytes"'],
    [
      () =>
        readExamples("a.csv", textExamples(), { onBadRow: "ignore" as never }),
      'Cannot use onBadRow "ignore": expected one of "throw", "skip"',
    ],
    [
      () => readExamples("a.csv", textExamples(), { colums: ["a"] } as object),
      'with option "colums": did you mean "columns"?',
    ],
  ];
  for (const [call, message] of cases) {
    const error = assertThrows(call, Error);
    assert(error.message.includes(message), error.message);
  }
});
