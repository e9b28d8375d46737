// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BadRowError,
  classExamples,
  multiLabelExamples,
  numberExamples,
  readExamples,
  softLabelExamples,
  spanExamples,
  textExamples,
} from "../../data/mod.ts";
import { file, jsonl } from "./_blocks.ts";
import { all, refuses } from "./_examples.ts";

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

Deno.test("each reading of a stream begins at the start", async () => {
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
  function* rows() {
    yield { text: "a" };
  }
  const once = readExamples(rows(), textExamples());
  assertEquals((await once.toArray()).length, 1);
  await assertRejects(() => once.toArray(), TypeError, "only once");
  const script = `import { readExamples, textExamples } from "${
    import.meta.resolve("../../data/mod.ts")
  }";
const stream = readExamples("-", textExamples(), { format: "text" });
console.log((await stream.toArray()).length);
await stream.toArray().catch((error) => console.log(error.message));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    cwd: new URL("../..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("one\ntwo\n"));
  await writer.close();
  assertEquals(
    new TextDecoder().decode((await child.output()).stdout),
    "2\nCannot read standard input again: it can be read only once\n",
  );
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
