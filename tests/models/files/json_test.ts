// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readConfig } from "../../../models/config.ts";
import {
  formatJson,
  parseJson,
  parseValue,
} from "../../../models/files/json.ts";
import { readText } from "../../../models/files/read_file.ts";
import { GenerationConfig, Tokenizer } from "../../../models/mod.ts";

Deno.test("parseJson() reads the constants that Python writes", () => {
  const text =
    `{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN, \\"Infinity", ` +
    `"NaN": 1, "d": {"e": NaN}, "f": 1.0}`;
  const { fields, floats } = parseJson(text, "x.json");
  assertEquals(fields, {
    a: NaN,
    b: [Infinity, -Infinity],
    c: 'NaN, "Infinity',
    NaN: 1,
    d: { e: NaN },
    f: 1,
  });
  assert(floats.has("f") && !floats.has("NaN"));
  // The text that Python would write can be read again.
  assertEquals(parseJson(formatJson(fields, floats), "x").fields, fields);
  assertEquals(parseValue("[NaN, -Infinity]", "x"), [NaN, -Infinity]);
});

Deno.test("parseJson() refuses texts that Python does not read either", () => {
  const bad = [
    "",
    "{",
    "[]",
    "null",
    "NaN",
    "{NaN: 1}",
    '{"a": -NaN}',
    '{"a": nan}',
    '{"a": NaNs}',
    '{"a": +Infinity}',
    '{"a": Infinity1}',
    "\ufeff\ufeff{}",
  ];
  for (const text of bad) {
    const error = assertThrows(() => parseJson(text, "x.json"), SyntaxError);
    assert(error.message.startsWith("Cannot read x.json: "), error.message);
  }
});

Deno.test("parseJson() says that a text is nested too deeply", () => {
  for (const depth of [1001, 5000, 100_000]) {
    for (const inner of ["1", "NaN"]) {
      for (
        const text of [
          `{"a": ${"[".repeat(depth)}${inner}${"]".repeat(depth)}}`,
          `${'{"a":'.repeat(depth)}${inner}${"}".repeat(depth)}`,
        ]
      ) {
        assertThrows(
          () => parseJson(text, "x.json"),
          SyntaxError,
          "Cannot read x.json: it is nested more than 1000 deep",
        );
      }
    }
  }
  const deep = `{"a": ${"[".repeat(900)}${"]".repeat(900)}}`;
  assertEquals(Object.keys(parseJson(deep, "x").fields), ["a"]);
});

Deno.test("parseJson() keeps whole numbers and drops a byte order mark", () => {
  const { fields, floats } = parseJson(
    '\ufeff{"limit": 1000000000000000019884624838656, "x": 1e30}',
    "x",
  );
  assertEquals(
    formatJson(fields, floats),
    '{\n  "limit": 1000000000000000019884624838656,\n  "x": 1e+30\n}\n',
  );
});

Deno.test("NaN and Infinity are read in every JSON file of a folder", async () => {
  const folder = await Deno.makeTempDir();
  const odd = { a: NaN, b: Infinity, c: [-Infinity] };
  await Deno.writeTextFile(
    `${folder}/vocab.txt`,
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n",
  );
  for (
    const name of [
      "config.json",
      "generation_config.json",
      "tokenizer_config.json",
      "special_tokens_map.json",
    ]
  ) {
    await Deno.writeTextFile(`${folder}/${name}`, formatJson(odd));
  }
  assertEquals((await readConfig(folder)).fields["b"], Infinity);
  await GenerationConfig.fromPretrained(folder);
  const tokenizer = await Tokenizer.fromPretrained(folder);
  assertEquals(tokenizer.encode("hello").inputIds, [2, 5, 3]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("readText() opens only regular files", async () => {
  const folder = await Deno.makeTempDir();
  await assertRejects(
    () => readText(folder),
    TypeError,
    `Cannot read ${folder}: it is not a file`,
  );
  await assertRejects(
    () => readText(`${folder}/absent`),
    Deno.errors.NotFound,
    `Cannot read ${folder}/absent: the file does not exist`,
  );
  await Deno.remove(folder, { recursive: true });
});
