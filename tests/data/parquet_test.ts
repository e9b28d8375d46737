// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import {
  ExactNumber,
  readExamples,
  readRows,
  readTable,
  sourceTargetExamples,
  spanExamples,
  tokenExamples,
} from "../../data/mod.ts";
import { file } from "./_blocks.ts";

const FOLDER = new URL("../fixtures/data/", import.meta.url);

// What `make.ts` in that folder gave to the writer of Apache Arrow.
const COLUMNS: Record<string, unknown[]> = {
  text: ["good", "grüße 😀", 'a, "b"\nc', "", null],
  label: [0, 1, 2, new ExactNumber("9007199254740993"), null],
  score: [0.5, -1.25, null, 3, 1e-3],
  flag: [true, false, true, null, false],
  tokens: [["Ada", "smiled"], ["Yes"], ["a", "b"], [], ["x"]],
  tags: [[1, 0], [0], [0, 1], [], [0]],
  translation: [
    { en: "hello", sv: "hej" },
    { en: "thanks", sv: "tack" },
    { en: "yes", sv: "ja" },
    { en: "no", sv: "nej" },
    { en: "bread", sv: null },
  ],
  answers: [
    { text: ["go"], answer_start: [0] },
    { text: [], answer_start: [] },
    { text: ["a", "b"], answer_start: [0, 4] },
    { text: [], answer_start: [] },
    { text: [], answer_start: [] },
  ],
  day: [
    "1970-01-01T00:00:00.000Z",
    "1970-01-02T00:00:00.000Z",
    null,
    "2026-11-29T01:02:03.004Z",
    "1970-01-01T00:00:00.001Z",
  ],
};

Deno.test("Parquet files of Apache Arrow are read, however they are packed", async () => {
  for (const codec of ["uncompressed", "snappy", "gzip", "brotli", "zstd"]) {
    const url = new URL(`${codec}.parquet`, FOLDER);
    const blob = new File([await Deno.readFile(url)], "a.parquet");
    for (const source of [url, url.pathname, blob]) {
      const { columns, rows, lines } = await readTable(source);
      assertEquals(columns, Object.keys(COLUMNS));
      assertEquals(lines, undefined);
      for (const [name, values] of Object.entries(COLUMNS)) {
        assertEquals(rows.map((row) => row[name]), values, `${codec} ${name}`);
      }
    }
  }
});

Deno.test("examples are made of the nested columns of Parquet", async () => {
  const url = new URL("snappy.parquet", FOLDER);
  const words = readExamples(url, tokenExamples({ names: ["O", "B-person"] }), {
    onBadRow: "skip",
  });
  assertEquals((await words.toArray())[0], {
    tokens: ["Ada", "smiled"],
    tags: ["B-person", "O"],
  });
  assertEquals([words.used, words.skipped], [4, 1]);
  const parse = sourceTargetExamples({ source: "en", target: "sv" });
  const pairs = readExamples(url, parse, { onBadRow: "skip" });
  assertEquals((await pairs.toArray()).length, 4);
  assertEquals(
    pairs.problems[0]?.replace(/of .*: its/, "of …: its"),
    'Cannot use row 5 of …: its "translation.sv" is null, expected a text or a ' +
      "number",
  );
  const spans = spanExamples({ context: "text", question: "text" });
  const [answer] = await readExamples(url, spans, { onBadRow: "skip" })
    .toArray();
  assertEquals(answer, {
    question: "good",
    context: "good",
    answers: [{ text: "go", start: 0 }],
  });
});

Deno.test("what is no Parquet file is refused by its name", async () => {
  const good = await Deno.readFile(new URL("snappy.parquet", FOLDER));
  const damaged = good.slice();
  damaged.fill(0xff, 4, 200);
  for (
    const [source, message] of [
      [new URL("lz4_raw.parquet", FOLDER), "LZ4_RAW"],
      [file("a.parquet", "text,label\na,b\n"), "Cannot read a.parquet: "],
      [file("a.parquet", ""), "Cannot read a.parquet: "],
      [file("a.parquet", good.slice(0, 1000)), "Cannot read a.parquet: "],
      [file("a.parquet", damaged), "Cannot read a.parquet: "],
    ] as const
  ) {
    await assertRejects(() => readTable(source), SyntaxError, message);
  }
  await assertRejects(
    () => Array.fromAsync(readRows("-", { format: "parquet" })),
    TypeError,
    "from standard input",
  );
  await assertRejects(
    () => readTable("no.parquet"),
    Deno.errors.NotFound,
    "no.parquet",
  );
});
