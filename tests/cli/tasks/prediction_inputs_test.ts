// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { chunksOf, textInputs } from "../../../cli/tasks/prediction_inputs.ts";
import { TASKS } from "../../../cli/tasks/registry.ts";
import { AutoConfig } from "../../../models/mod.ts";
import { inFolder } from "../../_folder.ts";
import { cli } from "../_command.ts";
import { TINY } from "./_classification.ts";
import { argumentsOf, listener } from "./_task.ts";

const config = AutoConfig.fromFields(TINY);

Deno.test("predict reads and checks its inputs before the model is loaded", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/a.csv`;
    await Deno.writeTextFile(path, "id,body\n1,the film\n");
    const plain = `${folder}/bad.txt`;
    await Deno.writeFile(plain, new Uint8Array([0x61, 0x0a, 0xff, 0xff, 0xff]));
    const cases: [string[], RegExp][] = [
      [["--data", `${folder}/none.csv`], /none\.csv/],
      [["--data", path], /Cannot find the column "(text|source|question)"/],
      [["--data", path, "--format", "xml"], /Cannot use --format xml/],
      [["--data", `${folder}/none.xml`], /detect the format of .*none\.xml/],
      [[], /^Cannot predict: give either --data/],
    ];
    for (const task of TASKS) {
      const takesText = !/text-classification|question/.test(task.name);
      const own: typeof cases = takesText
        ? [
          [["--data", `${folder}/none.txt`], /none\.txt/],
          [["--data", plain], /it is not UTF-8 text/],
        ]
        : [[["--data", plain], /Cannot read .* as text: expected/]];
      for (const [argv, message] of [...cases, ...own]) {
        const { progress, said } = listener();
        const args = argumentsOf(task, "predict", argv);
        const load = () => Promise.reject(new Error("it was loaded"));
        const error = await assertRejects(
          () => Array.fromAsync(task.predict({ args, progress, config, load })),
          Error,
        );
        assertMatch(error.message, message, task.name);
        assertEquals(said, [], task.name);
      }
    }
  });
});

Deno.test("a file that is missing is the only thing that predict says", async () => {
  await inFolder(async (folder) => {
    // There are no weights and no tokenizer, which would be an error too.
    await Deno.writeTextFile(
      `${folder}/config.json`,
      JSON.stringify({ ...TINY, architectures: ["BertForMaskedLM"] }),
    );
    const { code, out, err } = await cli(
      ...["predict", "--model", folder, "--data", `${folder}/none.txt`],
    );
    assertEquals([code, out], [1, ""]);
    assertMatch(err, /^error: [^\n]*none\.txt[^\n]*\n$/);
  });
});

Deno.test("texts of options, lines and tables have fields of the same names", async () => {
  await inFolder(async (folder) => {
    const [lines, table] = [`${folder}/a.txt`, `${folder}/a.csv`];
    await Deno.writeTextFile(lines, "one\r\ntwo");
    await Deno.writeTextFile(table, "id,body,truth\n7,one,yes\n");
    const task = TASKS.find(({ name }) => name === "translation") ?? TASKS[0];
    if (!task) throw new Error("there is no task");
    const read = async (...argv: string[]) =>
      await Array.fromAsync(
        await textInputs(argumentsOf(task, "predict", argv), {
          naming: [],
          text: () => "body",
          gold: () => "truth",
        }),
      );
    assertEquals(await read("--text", "one"), [
      { text: "one", place: "--text 1", line: { text: "one" } },
    ]);
    assertEquals(await read("--data", lines), [
      {
        text: "one",
        place: `line 1 of ${lines}`,
        line: { row: 1, text: "one" },
      },
      {
        text: "two",
        place: `line 2 of ${lines}`,
        line: { row: 2, text: "two" },
      },
    ]);
    const [row] = await read("--data", table, "--keep-columns", "id");
    assertEquals(Object.keys(row?.line ?? {}), [
      ...["row", "text", "gold", "columns"],
    ]);
    assertEquals(row?.line, {
      row: 1,
      text: "one",
      gold: "yes",
      columns: { id: "7" },
    });
  });
});

Deno.test("chunksOf() ends a chunk by number or by cost", async () => {
  const items = [1, 5, 1, 1, 1, 1, 1];
  assertEquals(
    await Array.fromAsync(chunksOf(items, 3, (item) => item / 5)),
    [[1, 5], [1, 1, 1], [1, 1]],
  );
  assertEquals(await Array.fromAsync(chunksOf([], 3)), []);
});
