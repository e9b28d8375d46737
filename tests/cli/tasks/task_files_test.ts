// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { maskedLanguageModel } from "../../../cli/tasks/masked_language_model.ts";
import { questionAnswering } from "../../../cli/tasks/question_answering.ts";
import { translation } from "../../../cli/tasks/sequence_to_sequence.ts";
import type { Task, TaskModel, TaskRow } from "../../../cli/tasks/task.ts";
import { textClassification } from "../../../cli/tasks/text_classification.ts";
import { tokenClassification } from "../../../cli/tasks/token_classification.ts";
import { AutoConfig } from "../../../models/mod.ts";
import { contextOf, listener, readText, withFile } from "./_task.ts";

/** Rows as lines of JSON. */
function lines(...rows: readonly object[]): string {
  return rows.map((row) => JSON.stringify(row) + "\n").join("");
}

/**
 * Reads a file with options, and again with the model that learned from it instead of
 * the options: both must give the same.
 */
async function readTwice<E, R extends TaskRow, O, M extends TaskModel>(
  task: Task<E, R, O, M>,
  text: string,
  argv: readonly string[],
): Promise<E[]> {
  return await withFile("a.jsonl", text, async (path) => {
    const given = contextOf(task, ["--data", path, ...argv]);
    const data = await task.read("data", given);
    const config = AutoConfig.fromFields({ model_type: "bert" });
    const fields = task.configFields(data, { ...given, config });
    const trained = AutoConfig.fromFields({ model_type: "bert", ...fields });
    const bare = contextOf(task, ["--data", path]);
    const again = await task.read("data", { ...bare, config: trained });
    assertEquals(again, data);
    return [...data.examples];
  });
}

Deno.test("tags and answers are read from the columns of the training", async () => {
  const [words] = await readTwice(
    tokenClassification,
    lines({ w: ["a", "b"], t: ["O", "B-X"] }),
    ["--tokens-column", "w", "--tags-column", "t"],
  );
  assertEquals(words && "words" in words && words.words, ["a", "b"]);
  const [text] = await readTwice(
    tokenClassification,
    lines({ body: "a b", parts: [{ start: 2, end: 3, label: "X" }] }),
    ["--text-column", "body", "--spans-column", "parts"],
  );
  assertEquals(text && "text" in text && text.text, "a b");
  const [asked] = await readTwice(
    questionAnswering,
    lines({ q: "who", c: "it was Anna", a: "Anna", at: 7 }),
    [
      ...["--question-column", "q", "--context-column", "c"],
      ...["--answers-column", "a", "--answer-start-column", "at"],
    ],
  );
  assertEquals(asked?.answers, [{ text: "Anna", start: 7 }]);
});

Deno.test("columns of the training are not looked for in files that lack them", async () => {
  const config = AutoConfig.fromFields({
    model_type: "bert",
    swagpu: { tokens_column: "w", tags_column: "t" },
  });
  const text = lines({ tokens: ["a", "b"], tags: ["O", "B-X"] });
  await withFile("a.jsonl", text, async (path) => {
    const context = contextOf(tokenClassification, ["--data", path]);
    const { examples } = await tokenClassification.read("data", {
      ...context,
      config,
    });
    assertEquals(examples.length, 1);
  });
});

Deno.test("--skip-bad-rows leaves out rows of texts that cannot be used", async () => {
  const argv = ["--skip-bad-rows"];
  const read = async <E, R extends TaskRow, O, M extends TaskModel>(
    task: Task<E, R, O, M>,
    text: string,
    ...more: string[]
  ) => {
    await assertRejects(
      () => readText(task, { name: "a.jsonl", text, argv: more }),
      TypeError,
      "Cannot use row 2",
    );
    const told = listener();
    const data = await readText(task, {
      ...{ name: "a.jsonl", text, told },
      argv: [...argv, ...more],
    });
    const all = told.said.join("\n");
    assertMatch(all, /^Left out [12] of [34] rows of .*: Cannot use row 2 of/);
    assertEquals(data.examples.length, 2);
    return { data, all };
  };
  const { data } = await read(
    textClassification,
    lines(
      { text: "good", label: "pos" },
      { text: "fine" },
      { text: null, label: "neg" },
      { text: "bad", label: "neg" },
    ),
  );
  assertEquals(data.examples.map(({ row }) => row.number), [1, 4]);
  await read(maskedLanguageModel, lines({ text: "a" }, {}, { text: "b" }));
  await read(
    translation,
    lines(
      { source: "a", target: "b" },
      { source: "a", target: [] },
      { source: "c", target: "d" },
    ),
  );
  await assertRejects(
    () =>
      readText(maskedLanguageModel, {
        ...{ name: "a.jsonl", argv },
        text: lines({ text: null }),
      }),
    RangeError,
    "it has no rows",
  );
});

Deno.test("--skip-unlabelled and --skip-bad-rows say what each leaves out", async () => {
  const told = listener();
  const { examples } = await readText(textClassification, {
    name: "a.jsonl",
    text: lines(
      { text: "good", label: "pos" },
      { text: ["x"], label: "neg" },
      { text: "fine" },
      { text: "bad", label: "neg" },
    ),
    argv: ["--skip-bad-rows", "--skip-unlabelled"],
    told,
  });
  assertEquals(examples.map(({ text }) => text), ["good", "bad"]);
  assertMatch(told.said[0] ?? "", /Left out 1 of 4 rows .*row 2/);
  assertMatch(told.said[1] ?? "", /Left out 1 row of .* without a label/);
});
