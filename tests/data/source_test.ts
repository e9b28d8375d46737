// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { readRows, readTable } from "../../data/mod.ts";
import { linesOf, textBlocks } from "../../data/text_blocks.ts";
import { inFolder } from "../_folder.ts";
import { blocksOf, file } from "./_blocks.ts";

/** A file whose bytes come in pieces of some length. */
function inPieces(bytes: Uint8Array<ArrayBuffer>, length: number): Blob {
  return Object.assign(new Blob([bytes]), {
    stream: () =>
      ReadableStream.from((function* () {
        for (let i = 0; i < bytes.length; i += length) {
          yield bytes.slice(i, i + length);
        }
      })()),
  });
}

/** The whole text of a file. */
async function readText(source: Blob): Promise<string> {
  return (await Array.fromAsync(textBlocks(source))).join("");
}

function utf16(text: string, isLittle: boolean): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let i = 0; i < text.length; i++) {
    view.setUint16(2 * i, text.charCodeAt(i), isLittle);
  }
  return new Uint8Array(view.buffer);
}

Deno.test("texts are decoded as they were written, in pieces of any length", async () => {
  const text = fc.string({
    unit: fc.constantFrom(..."aé€", "😀", "\n", "\ufeff", "\ufffd"),
  });
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.integer({ min: 1, max: 5 }),
      async (own, length) => {
        for (
          const bytes of [
            new TextEncoder().encode(`\ufeff${own}`),
            utf16(`\ufeff${own}`, true),
            utf16(`\ufeff${own}`, false),
          ]
        ) {
          assertEquals(await readText(inPieces(bytes, length)), own);
        }
      },
    ),
  );
});

Deno.test("a byte that is no text is named by its line, in pieces of any length", async () => {
  const good = new TextEncoder().encode("é\r\n€\ufffd\n😀\r");
  for (
    const [bad, line] of [
      [[0xff], 4],
      [[0xe2, 0x82], 4],
      [[0xf0, 0x9f, 0x98, 0x0a], 4],
      [[0x0a, 0x0a, 0xc3, 0x28], 5],
    ] as const
  ) {
    for (let length = 1; length < 9; length++) {
      await assertRejects(
        () => readText(inPieces(Uint8Array.from([...good, ...bad]), length)),
        SyntaxError,
        `it is not UTF-8 text, because of a byte in line ${line}`,
      );
    }
  }
  const zero = new TextEncoder().encode("a\nb\r\n\0");
  for (let length = 1; length < 6; length++) {
    await assertRejects(
      () => readText(inPieces(zero, length)),
      SyntaxError,
      "line 3 has a NUL byte",
    );
  }
});

Deno.test("lines end in LF, CRLF and CR, in blocks of any length", async () => {
  const text = fc.string({ unit: fc.constantFrom("\r", "\n", "\r\n", "a") });
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.integer({ min: 1, max: 4 }),
      async (own, length) => {
        const lines = await Array.fromAsync(linesOf(blocksOf(own, length)));
        const expected = own.split(/\r\n|\n|\r/);
        if (expected.at(-1) === "") expected.pop();
        assertEquals(lines.map(({ text }) => text), expected);
        assertEquals(
          lines.map(({ line }) => line),
          expected.map((_, i) => i + 1),
        );
      },
    ),
  );
});

Deno.test("gzip is unpacked in pieces, and an incomplete file is refused", async () => {
  const text = "text,label\n" + "grüße,a\n".repeat(1000);
  const packed = new Blob([text]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const bytes = await new Response(packed).bytes();
  for (const length of [1, 2, 7, bytes.length]) {
    assertEquals(await readText(inPieces(bytes, length)), text);
    await assertRejects(
      () => readText(inPieces(bytes.slice(0, -9), length)),
      SyntaxError,
      "it is not complete gzip data",
    );
  }
  assertEquals(await readText(file("a.csv", bytes)), text);
});

Deno.test("files are read by path and by address, and closed if reading ends early", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/a b.jsonl`;
    await Deno.writeTextFile(path, '{"a": 1}\n'.repeat(100_000));
    const zip = `${folder}/a.csv.gz`;
    const noise = Array.from({ length: 50_000 }, () => Math.random());
    const packed = new Blob(["a\n", noise.join("\n")]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    await Deno.writeFile(zip, packed);
    // The sanitizer of tests complains if a file stays open.
    for await (const _row of readRows(zip)) break;
    for (const source of [path, new URL(`file://${encodeURI(path)}`)]) {
      for await (const row of readRows(source)) {
        assertEquals([row.path, row.line], [path, 1]);
        break;
      }
    }
    await assertRejects(
      () => readTable(`${folder}/no.csv`),
      Deno.errors.NotFound,
      "no.csv: there is no such file",
    );
    await assertRejects(
      () => readTable(folder, { format: "json" }),
      Error,
      `Cannot read ${folder}: `,
    );
  });
});

Deno.test("readRows() refuses options that the format has no use for", () => {
  const cases: [Parameters<typeof readRows>, string][] = [
    [["a.csv", { field: "a" }], "Cannot use field with a.csv: only JSON"],
    [["a.csv", { sampleBy: "line" }], "Cannot use sampleBy with a.csv"],
    [["a.parquet", { columns: ["a"] }], "Cannot use columns with a.parquet"],
    [[[], { columns: ["a"] }], "Cannot use columns with rows in memory"],
    [["a", { format: "xml" as "csv" }], 'Cannot use format "xml"'],
    [["a.csv", { header: true } as object], 'with option "header"'],
    [["a.txt", { sampleBy: "word" as "line" }], 'Cannot use sampleBy "word"'],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => readRows(...args), TypeError, message);
  }
  assertThrows(() => readRows("a.xyz"), RangeError, "say format csv, tsv");
});

Deno.test("rows in memory that are no objects are refused by their number", async () => {
  await assertRejects(
    () => readTable([{ a: 1 }, "b" as never]),
    TypeError,
    "Cannot use row 2 of the rows in memory: expected an object",
  );
  const { columns, path } = await readTable([{ a: 1 }, { b: 2 }]);
  assertEquals([columns, path], [["a", "b"], "the rows in memory"]);
});
