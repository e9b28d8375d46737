// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkLabels, columnOf, labeledRows } from "../../cli/table_columns.ts";
import {
  type DataFormat,
  ExactNumber,
  findColumn,
  type ReadRowsOptions,
  readTable,
  type Table,
} from "../../data/mod.ts";
import { inFolder } from "../_folder.ts";

/** Writes a file of the given name, and reads it as a table. */
async function read(
  name: string,
  content: string | Uint8Array<ArrayBuffer>,
  options: ReadRowsOptions = {},
): Promise<Table> {
  return await inFolder(async (folder) => {
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
    await Deno.writeFile(`${folder}/${name}`, bytes);
    return await readTable(`${folder}/${name}`, {
      optionName: (option) => `--${option}`,
      ...options,
    });
  });
}

function utf16(text: string, littleEndian: boolean): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  [...text].forEach((letter, i) =>
    view.setUint16(2 * i, letter.charCodeAt(0), littleEndian)
  );
  return new Uint8Array(view.buffer);
}

Deno.test("readTable() reads what each format allows", async () => {
  const csv = await read(
    "a.csv",
    '\ufefftext,label\r\n"a, ""b""\nc",1\r\n',
  );
  assertEquals(csv.columns, ["text", "label"]);
  assertEquals(columnOf(csv, "text"), ['a, "b"\nc']);
  const tsv = await read("a.tsv", 'text\tn\n"a\t1\n\nb"\t2\n');
  assertEquals(columnOf(tsv, "text"), ['"a', 'b"']);
  const jsonl = await read(
    "a.jsonl",
    '{"text": "a"}\r\n\r\n{"text": 2, "n": null}\n',
  );
  assertEquals(columnOf(jsonl, "text"), ["a", "2"]);
  assertEquals(jsonl.lines, [1, 3]);
  assertThrows(() => columnOf(jsonl, "n"), TypeError, "row 1 of");
});

Deno.test("readTable() accepts any mixture of line ends, and keeps those in quotes", async () => {
  // Python's csv.reader reads the same bytes in the same way with newline="".
  for (
    const [a, b, c]
      of [..."000111222012021102120201210"].join("").match(/.{3}/g) ?? []
  ) {
    const ends = ["\n", "\r\n", "\r"];
    const [first, second, third] = [a, b, c].map((i) => ends[Number(i)]);
    const text = `text,label${first}bad,neg${second}"x\r\ny\nz\rw",pos${third}`;
    for (const tail of ["", "last,neg", `last,neg${first}`]) {
      const table = await read("a.csv", text + tail);
      const more = tail === "" ? [] : ["last"];
      assertEquals(columnOf(table, "text"), ["bad", "x\r\ny\nz\rw", ...more]);
      assertEquals(
        columnOf(table, "label"),
        ["neg", "pos", ...more.map(() => "neg")],
      );
      assertEquals(table.lines, [2, 3, ...more.map(() => 7)]);
    }
    const tsv = await read(
      "a.tsv",
      text.replaceAll(",", "\t").replace(/"[^"]*"/, '"y'),
    );
    assertEquals(columnOf(tsv, "label"), ["neg", "pos"]);
    assertEquals(columnOf(tsv, "text"), ["bad", '"y']);
  }
});

Deno.test("readTable() accepts several columns without a name", async () => {
  const table = await read("a.csv", "text,label,,\na,x,,\nb,y,1,\n");
  assertEquals(table.columns, ["text", "label", "", ""]);
  assertEquals(columnOf(table, "label"), ["x", "y"]);
});

Deno.test("readTable() keeps quotes inside cells that do not begin with one", async () => {
  // pandas.read_csv and csv.reader give the same cells.
  const table = await read(
    "a.csv",
    'text,label\nhe said "no",neg\n"""yes"" he said",pos\n 5" pipe,neg\n"",pos\n',
  );
  assertEquals(columnOf(table, "text"), [
    'he said "no"',
    '"yes" he said',
    ' 5" pipe',
    "",
  ]);
});

Deno.test("readTable() reads UTF-16 with a byte order mark, gzip, and files without a header", async () => {
  const text = "text,label\r\ngrüße,a\r\n";
  for (const littleEndian of [true, false]) {
    const table = await read("a.csv", utf16(`\ufeff${text}`, littleEndian));
    assertEquals(columnOf(table, "text"), ["grüße"]);
  }
  const packed = new Blob([text]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const zipped = await new Response(packed).bytes();
  // Gzip is recognized by its name, by its first bytes, and in two parts as by cat.
  for (const name of ["a.csv.gz", "a.csv"]) {
    const table = await read(name, zipped);
    assertEquals(columnOf(table, "text"), ["grüße"]);
  }
  const joined = await read("a.csv.gz", Uint8Array.of(...zipped, ...zipped));
  assertEquals(columnOf(joined, "text"), ["grüße", "text", "grüße"]);
  const half = zipped.slice(0, zipped.length - 9);
  await assertRejects(
    () => read("a.csv", half),
    SyntaxError,
    "not complete gzip",
  );
  const bare = await read("a.tsv", "good\t1\nbad\t0\n", {
    columns: ["text", "label"],
  });
  assertEquals(columnOf(bare, "text"), ["good", "bad"]);
  assertEquals(columnOf(bare, "2"), ["1", "0"]);
  assertEquals(bare.lines, [1, 2]);
  // Otherwise "label" would become a class.
  await assertRejects(
    () =>
      read("a.csv", "\nText,label \ngood,1\n", {
        columns: ["text", "label"],
      }),
    SyntaxError,
    "line 2 is a header with the names of --columns",
  );
});

Deno.test("readTable() names the line that it cannot read", async () => {
  const cases: [string, string, string][] = [
    ["b.csv", "text,label\na\n", "Invalid Record Length: line 2 has 1 cell"],
    ["b.csv", 'text,label\r\n"a\r\nb",c\r\nd,e,f\r\n', "line 4 has 3 cells"],
    ["c.csv", "text,text\na,b\n", 'the column "text" occurs twice'],
    ["d.csv", 'text,label\n"a,b\n', "Quote Not Closed"],
    ["d.csv", 'text,label\na,b\n"a"b,c\n', "the row that begins on line 3"],
    ["d.csv", 'text,label\n5" pipe,b\n"a"b,c\n', "Invalid Closing Quote"],
    ["e.csv", "text,label\n", "it has no rows"],
    ["e.csv", "", "it has no rows"],
    ["e.jsonl", "\n\n", "it has no rows"],
    ["f.jsonl", '{"text": "a"}\n[1]\n', "line 2 is not a JSON object"],
    ["g.jsonl", '{"text": "a"\n', "line 1 is not a JSON object"],
    ["g.jsonl", '{"a": 1}\r\n\r\n9007199254740993', "line 3 is not a JSON"],
    [
      "g.jsonl",
      '{"a": {"b": 1, "b": 2}}\n{"b": 1, "\\u0062": 2}',
      'line 2 has "b" twice',
    ],
    ["h.dat", "text\na\n", "say --format"],
    ["i.csv", "text,label\na,b\nc\0,d\n", "line 3 has a NUL byte"],
    ["j.csv.gz", "text,label\na,b\n", "not complete gzip data"],
  ];
  for (const [name, text, message] of cases) {
    await assertRejects(() => read(name, text), Error, message);
  }
  await assertRejects(
    () => read("i.csv", new Uint8Array([0x61, 0xff, 0x0a])),
    SyntaxError,
    "not UTF-8",
  );
  const latin = new TextEncoder().encode("text,label\r\nü\ufffd,a\r\nu,b\n");
  latin[latin.length - 4] = 0xfc;
  await assertRejects(
    () => read("i.csv", latin),
    SyntaxError,
    "not UTF-8 text, because of a byte in line 3",
  );
  await assertRejects(
    () => read("i.csv", utf16("text,label\na,b\n", true)),
    SyntaxError,
    "line 1 has a NUL byte",
  );
  await assertRejects(() => readTable("no.csv"), Error, "no such file");
  await assertRejects(
    () => readTable("tests", { format: "csv" }),
    Error,
    "Cannot read tests: ",
  );
  await assertRejects(
    () => read("k.jsonl", '{"a": 1}', { columns: ["a"] }),
    TypeError,
    "--columns",
  );
});

Deno.test("readTable() keeps every digit of a number in JSON lines", async () => {
  const numbers = [
    "9007199254740993",
    "-12345678901234567890",
    "0.1234567890123456789",
    "1e400",
    "0.30000000000000004",
    "5",
    "1e2",
    "-0.5",
  ];
  const table = await read(
    "a.jsonl",
    numbers.map((number) => `{"text": "a", "label": ${number}}\r\n`).join(""),
  );
  assertEquals(columnOf(table, "label"), [
    ...numbers.slice(0, 6),
    "100",
    "-0.5",
  ]);
  assertEquals(
    JSON.stringify(new ExactNumber("9007199254740993")),
    "9007199254740993",
  );
});

Deno.test("checkLabels() refuses missing labels and labels of several kinds", async () => {
  const jsonl = (...labels: string[]) =>
    read("a.jsonl", labels.map((label) => `{"text": "a"${label}}`).join("\n"));
  const label = (value: string) => `, "label": ${value}`;
  const refused: [Table, RegExp][] = [
    [
      await read("a.csv", "text,label\ngood,\nbad,x\n"),
      /row 1 of .*\(line 2\).*empty/,
    ],
    [
      await read("a.csv", "text,label\r\n\r\nbad,x\r\ngood, \r\n"),
      /row 2 .*\(line 4\).*empty/,
    ],
    [await read("a.tsv", "text\tlabel\nbad\tx\ngood\t\n"), /row 2 .*empty/],
    [await jsonl(label('"x"'), label('""')), /row 2 .*empty/],
    [await jsonl(label('"x"'), label("null")), /row 2 .*null/],
    [await jsonl(label('"x"'), ""), /row 2 .*missing/],
    [
      await jsonl(label("1"), label('"1"')),
      /row 2 .* is a text, .*row 1 .* is a number/,
    ],
    [await jsonl(label('"true"'), label("true")), /row 2 .* is a boolean/],
    [await jsonl(label("[1]"), label("[2]")), /row 1 .* is \[1\]/],
  ];
  for (const [table, message] of refused) {
    const error = assertThrows(() => {
      checkLabels(table, "label");
      columnOf(table, "label");
    }, TypeError);
    assertEquals(message.test(error.message), true, error.message);
  }
  const big = await jsonl(label("1"), label("9007199254740993"), label("1.0"));
  checkLabels(big, "label");
  assertEquals(columnOf(big, "label"), ["1", "9007199254740993", "1"]);
  const some = await read("a.csv", "text,label\na,\nb,x\nc, \nd,y\n");
  const kept = labeledRows(some, "label");
  assertEquals(columnOf(kept, "label"), ["x", "y"]);
  assertEquals([kept.numbers, kept.lines], [[2, 4], [3, 5]]);
});

Deno.test("findColumn() names a missing column with a short list", async () => {
  const names = Array.from({ length: 150 }, (_, i) => `c${i}`);
  const wide = await read("a.csv", `${names}\n${names}\n`);
  const error = assertThrows(() => columnOf(wide, "text"), RangeError);
  assertEquals(
    error.message.replace(/ in .*: there/, ": there"),
    'Cannot find the column "text": there are ' +
      names.slice(0, 10).map((name) => `"${name}"`).join(", ") +
      " and 140 more; if its first line is no header, name them with " +
      "--columns text,label",
  );
  for (
    const [name, header, wish] of [
      [
        "a.csv",
        "text\tlabel",
        "CSV has no tabs between cells, say --format tsv",
      ],
      ["a.csv", "text;label", "CSV has no semicolons between cells"],
      [
        "a.tsv",
        "text,label",
        "TSV has no commas between cells, say --format csv",
      ],
    ] as const
  ) {
    const table = await read(name, `${header}\n${header}\n`);
    assertThrows(() => columnOf(table, "text"), RangeError, `"; ${wish}`);
  }
  const nested = await read("a.jsonl", '{"example": {"text": "a"}}\n');
  assertThrows(
    () => findColumn(nested, "text", "--text-column"),
    RangeError,
    '"example"; say which it is with --text-column',
  );
  const near = await read("a.csv", "Text, label,sentence\na,b,c\n");
  for (
    const [wrong, right] of [
      ["text", "Text"],
      ["label", " label"],
      ["sentense", "sentence"],
    ] as const
  ) {
    assertThrows(
      () => columnOf(near, wrong),
      RangeError,
      `did you mean "${right}"?`,
    );
  }
  const format: DataFormat = "jsonl";
  const lines = await read("a.txt", '{"a": 1, "toString": 2}\n{"a": 1}', {
    format,
  });
  assertThrows(() => columnOf(lines, "toString"), TypeError, "is missing");
  assertThrows(() => columnOf(lines, "constructor"), RangeError, '"a"');
});
