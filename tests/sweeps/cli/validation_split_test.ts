// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertMatch } from "@std/assert";
import { cli, examples, inDataFolder } from "../../cli/_command.ts";

Deno.test("finetune holds a share of the texts out, the same for the same seed", async () => {
  await inDataFolder(async (folder, options) => {
    // Nested cells are named by their path.
    const rows = examples(24).map(({ text, label }) => ({
      example: { text },
      label,
    }));
    const data = `${folder}/nested.json`;
    await Deno.writeTextFile(data, JSON.stringify({ test: [], train: rows }));
    const run = (output: string, ...more: string[]) =>
      cli(
        "finetune",
        ...["--data", data, "--field", "train"],
        ...["--text-column", "example.text"],
        ...["--output", `${folder}/${output}`, ...options, ...more],
      );
    const [first, again, refused, none, empty, idle] = await Promise.all([
      run("first", "--validation-split", "0.25"),
      run("again", "--validation-split", "0.25"),
      run("c", "--validation-split", "0.25", "--eval", data),
      run("d", "--validation-split", "0.99"),
      run("e", "--eval", data, "--eval-field", "test"),
      run("f", "--eval-field", "test"),
    ]);
    assertEquals(first.code, 0, first.err);
    assertMatch(
      first.err,
      /^Held out 6 rows of .*nested\.json to measure on\n/,
    );
    assertMatch(first.out, /accuracy/i);
    const scores = ({ out }: typeof first) => out.replace(/^Saved .*\n/, "");
    assertEquals(scores(first), scores(again));
    for (const { code } of [refused, none, empty, idle]) assertEquals(code, 1);
    assertMatch(empty.err, /^error: Cannot use .*nested\.json: it has no rows/);
    assertMatch(idle.err, /^error: Cannot use --eval-field without --eval/);
    assertMatch(
      refused.err,
      /^error: Cannot use --validation-split with --eval: give one of them\n/,
    );
    assertMatch(
      none.err,
      /^error: Cannot use --validation-split 0\.99 with 24 rows: none would be/,
    );
  });
});
