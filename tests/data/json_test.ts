// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { ExactNumber, readRows, type ReadRowsOptions } from "../../data/mod.ts";
import { jsonElements } from "../../data/json_list.ts";
import { blocksOf, file } from "./_blocks.ts";

/** The cells of a JSON file. */
async function cells(
  text: string,
  options: ReadRowsOptions = {},
): Promise<unknown[]> {
  const rows = readRows(file("a.json", text), options);
  return (await Array.fromAsync(rows)).map((row) => row.cells);
}

Deno.test("the elements of a list are found in blocks of any length", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue()),
      fc.jsonValue(),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(0, 1, "\r\n"),
      fc.boolean(),
      async (list, other, length, space, hasField) => {
        const whole = hasField
          ? { 'an "\\{[,': other, rows: list, other }
          : list;
        const text = ` \n${JSON.stringify(whole, null, space)}\n`;
        const elements = jsonElements(blocksOf(text, length), {
          path: "a",
          field: hasField ? "rows" : undefined,
          optionName: (name) => name,
        });
        const texts = (await Array.fromAsync(elements)).map(({ text }) => text);
        assertEquals(
          texts.map((text) => JSON.stringify(JSON.parse(text))),
          list.map((value) => JSON.stringify(value)),
        );
      },
    ),
  );
});

Deno.test("rows of a JSON list have their lines, and keep their digits", async () => {
  const text =
    '[\n  {"a": 1},\r\n  {"a":\r\n 12345678901234567890}, {"a": "]"}\n]\n';
  const rows = await Array.fromAsync(readRows(file("a.json", text)));
  assertEquals(rows.map(({ cells, line }) => [cells.a, line]), [
    [1, 2],
    [new ExactNumber("12345678901234567890"), 3],
    ["]", 4],
  ]);
});

Deno.test("a list in an object, and rows that are lists, are named", async () => {
  const text = '{"x": [["no", 1]], "train": [["good", 1], ["bad", 0]]}';
  const options = { field: "train", columns: ["text", "label"] };
  assertEquals(await cells(text, options), [
    { text: "good", label: 1 },
    { text: "bad", label: 0 },
  ]);
  assertEquals(await cells("[]"), []);
  assertEquals(await cells('{"a": [ ]}', { field: "a" }), []);
});

Deno.test("JSON that is no list of rows is refused with the place", async () => {
  const cases: [string, ReadRowsOptions, string][] = [
    ["5", {}, "it is neither a list nor an object"],
    [
      '{"a": [1], "b": 2}',
      {},
      'say with field which list in it to read, of "a"',
    ],
    ['{"a": 1}', { field: "b" }, 'it has no list "b"; there are "a"'],
    ['{"a": 1}', { field: "a" }, 'it has no list "a"'],
    ['[{"a": 1},\n', {}, "it ends in the middle, on line 2"],
    ['[{"a": 1},\n]', {}, "row 2 (line 2) is not a JSON object"],
    ['[{"a": 1}\n, , {"a": 2}]', {}, "row 2 (line 2) is not"],
    ['[{"a": 1} {"a": 2}]', {}, "row 1 (line 1) is not a JSON object"],
    ['[{"a": 1}}', {}, 'its list ends in "}"'],
    ['[{"a": 1}]\n]', {}, "line 2 follows its end"],
    ["[\n\n[1]]", {}, "row 1 (line 3) is not a JSON object but a list"],
    ["[[1]]", { columns: ["a", "b"] }, "has 1 cells, columns names 2"],
    ['[{"a": 1, "a": 2}]', {}, 'has "a" twice'],
  ];
  for (const [text, options, message] of cases) {
    await assertRejects(() => cells(text, options), SyntaxError, message);
  }
  await assertRejects(
    () => cells('[{"a": 1}]', { columns: ["a"] }),
    TypeError,
    "it names its columns itself",
  );
});

Deno.test("bad lines of JSON can be left out", async () => {
  const problems: string[] = [];
  const onBadRow = (error: Error) => void problems.push(error.message);
  const lines = file("a.jsonl", '{"a": 1}\n{"a": 2\n[3]\n{"a": 4}\n');
  const rows = await Array.fromAsync(readRows(lines, { onBadRow }));
  assertEquals(rows.map(({ cells, number }) => [cells.a, number]), [[1, 1], [
    4,
    4,
  ]]);
  assertEquals(problems.length, 2);
  assertEquals(await cells('[{"a": 1}, 2, {"a": 3}]', { onBadRow }), [
    { a: 1 },
    { a: 3 },
  ]);
});
