// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import type { DataRow } from "../../data/rows.ts";
import { separatedRows } from "../../data/separated.ts";
import { blocksOf } from "./_blocks.ts";

const ENDS = ["\n", "\r\n", "\r"];

interface Read {
  kind?: "csv" | "tsv";
  columns?: string[];
  length?: number;
  problems?: string[];
}

/** Reads a text that comes in blocks of some length. */
async function read(
  text: string,
  { kind = "csv", columns, length = 7, problems }: Read = {},
): Promise<DataRow[]> {
  return await Array.fromAsync(separatedRows(blocksOf(text, length), {
    path: "a",
    kind,
    columns,
    optionName: (name) => name,
    onBadRow: (error) => {
      if (!problems) throw error;
      problems.push(error.message);
    },
  }));
}

/** Letters that matter in CSV, and some that need two units of UTF-16. */
const letters = fc.string({
  unit: fc.constantFrom(
    ...'",\t\r\n a',
    "ü",
    "😀",
  ),
  maxLength: 8,
});

Deno.test("CSV that is written with quotes is read as it was, in blocks of any length", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(letters, { minLength: 3, maxLength: 3 })),
      fc.array(fc.constantFrom(...ENDS), { minLength: 1 }),
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      async (rows, ends, length, isClosed) => {
        const lines = [["x", "y", "z"], ...rows].map((row) =>
          row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(",")
        );
        const text = lines.map((line, i) =>
          line + (isClosed || i < lines.length - 1 ? ends[i % ends.length] : "")
        ).join("");
        const got = await read(text, { length });
        assertEquals(got.map(({ cells }) => Object.values(cells)), rows);
        assertEquals(
          got.map(({ number }) => number),
          rows.map((_, i) => i + 1),
        );
        // The lines, counted in the text before each row.
        let before = `${lines[0]}${ends[0]}`;
        for (const [i, row] of got.entries()) {
          assertEquals(row.line, before.split(/\r\n|\n|\r/).length);
          before += `${lines[i + 1]}${ends[(i + 1) % ends.length]}`;
        }
      },
    ),
  );
});

Deno.test("CSV is read as csv-parse reads it, quoted or not", async () => {
  const plain = fc.string({
    unit: fc.constantFrom(..." abü'\t;"),
    maxLength: 5,
  });
  const cell = fc.oneof(
    plain,
    letters.map((text) => `"${text.replaceAll('"', '""')}"`),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 2 }), {
        minLength: 1,
      }),
      fc.integer({ min: 1, max: 9 }),
      async (rows, length) => {
        const text = rows.map((row) => row.join(",") + "\r\n").join("");
        const expected = parse(text, {
          record_delimiter: ["\r\n", "\n", "\r"],
          skip_empty_lines: true,
        });
        const got = await read(text, { columns: ["x", "y"], length });
        assertEquals(got.map(({ cells }) => Object.values(cells)), expected);
      },
    ),
  );
});

Deno.test("TSV without quoting is read as it was, in blocks of any length", async () => {
  const cell = fc.string({ unit: fc.constantFrom(...'"a ,ü'), minLength: 1 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(cell, { minLength: 2, maxLength: 2 })),
      fc.constantFrom(...ENDS),
      fc.integer({ min: 1, max: 9 }),
      async (rows, end, length) => {
        const text = [["x", "y"], ...rows].map((row) => row.join("\t"))
          .join(end);
        const got = await read(text, { kind: "tsv", length });
        assertEquals(got.map(({ cells }) => Object.values(cells)), rows);
      },
    ),
  );
});

Deno.test("bad rows of CSV can be left out, and the rows behind them are read", async () => {
  const text = 'x,y\n1,2\n3\n"4"5,6\n"7"z"\n8,9\n9,10,11\n12,13\n';
  for (const length of [1, 2, 5, 100]) {
    const problems: string[] = [];
    const rows = await read(text, { length, problems });
    assertEquals(rows.map(({ cells }) => Object.values(cells)), [
      ["1", "2"],
      ["8", "9"],
      ["12", "13"],
    ]);
    assertEquals(rows.map(({ line }) => line), [2, 6, 8]);
    assertEquals(problems.map((problem) => /line \d/.exec(problem)?.[0]), [
      "line 3",
      "line 4",
      "line 5",
      "line 7",
    ]);
    await assertRejects(() => read(text, { length }), SyntaxError, "line 3");
  }
  const open: string[] = [];
  const kept = await read('x\n1\n"2\n3\n', { problems: open });
  assertEquals(kept.map(({ cells }) => cells.x), ["1"]);
  assertEquals(open, [
    "Cannot read a: Quote Not Closed: the file ends in the row that begins on " +
    "line 3",
  ]);
});
