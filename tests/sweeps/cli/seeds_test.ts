// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
} from "@std/assert";
import { names } from "../../_folder.ts";
import { cli, inDataFolder } from "../../cli/_command.ts";

Deno.test("finetune --seeds repeats a run, and tells how much the scores differ", () =>
  inDataFolder(async (folder, options) => {
    const output = `${folder}/series`;
    const words = [
      ...["--data", `${folder}/train.tsv`, "--eval", `${folder}/train.csv`],
      ...["--seed", "3", "--output", output, ...options],
    ];
    const two = await cli("finetune", ...words, "--seeds", "2");
    assertEquals(two.code, 0, two.err);
    assertMatch(two.out, /\n2 seeds +accuracy +NLL /);
    assertMatch(
      two.out,
      /\nlast iterate: accuracy from [\d.]+ to [\d.]+, median [\d.]+; \d of 2 degenerate \(no better than 0\.5000\)\n/,
    );
    assertEquals(names(output).sort(), [
      "seed-3",
      "seed-4",
      "seeds.json",
      "seeds.svg",
    ]);
    const series = JSON.parse(await Deno.readTextFile(`${output}/seeds.json`));
    const [first, second] = series.runs.map((
      { methods }: { methods: Record<string, Record<string, number>> },
    ) => methods["last iterate"]?.nll ?? NaN);
    assert(first !== second);
    const mean = Number(
      /last iterate +[\d.]+ ± [\d.]+ +([\d.]+) ±/.exec(two.out)?.[1],
    );
    assertAlmostEquals(mean, (first + second) / 2, 1e-4);
    assertMatch(await Deno.readTextFile(`${output}/seeds.svg`), /^<svg/);
    // Each folder is that of a run that was called alone.
    const run = JSON.parse(
      await Deno.readTextFile(`${output}/seed-4/run.json`),
    );
    assertMatch(run.command, /--seed 4/);
    assert(!run.command.includes("--seeds"));
    const alone = await cli(
      "finetune",
      ...[...words.slice(0, 4), "--seed", "4", ...options],
      ...["--output", `${folder}/alone`],
    );
    assertEquals(alone.code, 0, alone.err);
    assertEquals(
      await Deno.readFile(`${folder}/alone/model.safetensors`),
      await Deno.readFile(`${output}/seed-4/model.safetensors`),
    );

    // A longer series goes on from what is done.
    const three = await cli("finetune", ...words, "--seeds", "3");
    assertEquals(three.code, 0, three.err);
    assertEquals(three.out.match(/^Saved/gm)?.length, 1);
    assertMatch(three.out, /\n3 seeds /);
    const other = await cli(
      "finetune",
      ...words,
      "--seeds",
      "3",
      "--batch-size",
      "8",
    );
    assertEquals(other.code, 1);
    assertMatch(other.err, /its runs were made with other options/);
  }));

Deno.test("a series counts runs that diverge, and goes on", () =>
  inDataFolder(async (folder, options) => {
    const { code, out } = await cli(
      "finetune",
      ...["--data", `${folder}/train.csv`, "--eval", `${folder}/train.csv`],
      ...["--seeds", "2", "--output", `${folder}/series`, ...options],
      ...["--epochs", "1", "--batch-size", "24", "--learning-rate", "1e38"],
    );
    assertEquals(code, 0);
    assertMatch(out, /seed 0 failed: Cannot save the model/);
    assertMatch(out, /failed: seed 0, 1\n$/);
  }));

Deno.test("a series needs something to measure on", () =>
  inDataFolder(async (folder, options) => {
    const data = ["--data", `${folder}/train.csv`, "--output", `${folder}/x`];
    const none = await cli("finetune", ...data, ...options, "--seeds", "2");
    assertEquals(none.code, 1);
    assertMatch(none.err, /--seeds without --eval/);
    const one = await cli("finetune", ...data, ...options, "--degenerate", "1");
    assertMatch(one.err, /--degenerate without --seeds/);
  }));
