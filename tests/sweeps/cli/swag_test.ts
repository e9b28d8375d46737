// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseSafetensors } from "../../../nn/formats/mod.ts";
import { names } from "../../_folder.ts";
import { cli, inDataFolder } from "../../cli/_command.ts";

/** A weight of a model's folder. */
async function weightOf(folder: string, name: string): Promise<number[]> {
  const file = parseSafetensors(
    await Deno.readFile(`${folder}/model.safetensors`),
  );
  return [...file.tensor(name).data];
}

Deno.test("finetune collects at the ends of cycles, by a gate", () =>
  inDataFolder(async (folder, options) => {
    const run = async (name: string, ...more: string[]) => {
      const output = `${folder}/${name}`;
      const { code, out, err } = await cli(
        "finetune",
        ...["--data", `${folder}/train.tsv`, "--eval", `${folder}/train.csv`],
        ...["--output", output, "--swag", "--swag-start", "0", ...options],
        ...["--schedule", "cyclic", "--cycle-steps", "4", ...more],
      );
      assertEquals(code, 0, err);
      const { snapshots } = JSON.parse(
        await Deno.readTextFile(`${output}/run.json`),
      );
      return { out, steps: snapshots };
    };
    // 18 steps.
    const all = await run("all");
    assertMatch(all.out, /after 18 steps, .*, 4 collections, rank 4/);
    assertEquals(all.steps, [4, 8, 12, 16]);
    // Scores are accuracies, so that none is worse by 1.
    const wide = await run("wide", "--swag-gate", "1");
    assertMatch(wide.out, /4 collections/);
    assertEquals(wide.steps, all.steps);
  }));

Deno.test("swag makes a posterior of checkpoints, and plain models of its draws", () =>
  inDataFolder(async (folder, options) => {
    const [run, fitted] = [`${folder}/run`, `${folder}/fitted`];
    const trained = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", run, ...options],
      ...["--schedule", "constant", "--save-every", "2", "--save-limit", "20"],
    );
    assertEquals(trained.code, 0, trained.err);
    const fit = await cli(
      "swag",
      ...["fit", "--checkpoints", run, "--skip-first", "3", "--output", fitted],
      ...["--max-num-models", "4", "--swag-deviations", "int8"],
      ...["--swag-modules", "last-layer", "--swag-modules", "bert.*.layer.0"],
    );
    assertEquals(fit.code, 0, fit.err);
    assertMatch(
      fit.err,
      /over [\d,]+ weights, with up to 4 deviations as int8: it takes [\d.]+ \w+/,
    );
    // 18 steps: checkpoints 2 to 18, without 2, 4 and 6.
    const [saved, ...diagnosis] = fit.out.trimEnd().split("\n");
    assertEquals(saved, `Saved ${fitted}: 6 collections, rank 4`);
    assertEquals(diagnosis.length, 3);
    assertMatch(diagnosis[0] ?? "", /^Effective rank: [1-4]\.\d of 4$/);
    assertMatch(
      diagnosis[1] ?? "",
      /^Agreement .*: 0\.\d\d; independent weights would agree by 0\.36$/,
    );
    assertMatch(
      diagnosis[2] ?? "",
      /^Drift .*: [\d.]+ standard errors, so the/,
    );
    const posterior = parseSafetensors(
      await Deno.readFile(`${fitted}/swag.safetensors`),
    );
    const { dtype } = posterior.info("swag.base.classifier.bias_cov_mat_sqrt");
    assertEquals(dtype, "I8");
    const data = ["--data", `${folder}/train.csv`, "--quiet", "--json"];
    const measured = await cli("swag", "evaluate", "--model", fitted, ...data);
    assertEquals(measured.code, 0, measured.err);
    const { results } = JSON.parse(measured.out);
    assertEquals(results.length, 3);
    const same = await cli("evaluate", "--model", fitted, ...data);
    assertEquals(same.out, measured.out);
    const none = await cli("swag", "evaluate", "--model", run, ...data);
    assertEquals([none.code, none.out], [1, ""]);
    assertMatch(
      none.err,
      /^error: Cannot evaluate .*run: it holds no posterior/,
    );

    const draw = async (name: string, ...more: string[]) => {
      const output = `${folder}/${name}`;
      const { code, err } = await cli(
        "swag",
        ...["sample", "--model", fitted, "--output", output, ...more],
      );
      assertEquals(code, 0, err);
      return output;
    };
    const weight = "classifier.weight";
    const mean = await draw("mean", "--scale", "0");
    const paths = Array.from(
      { length: 6 },
      (_, i) => `${run}/checkpoint-${8 + 2 * i}`,
    );
    const all = await Promise.all(paths.map((path) => weightOf(path, weight)));
    const found = await weightOf(mean, weight);
    found.forEach((x, i) => {
      const expected = all.reduce((sum, own) => sum + (own[i] ?? 0), 0) / 6;
      assert(Math.abs(x - expected) < 1e-6);
    });
    assert(!names(mean).includes("swag.safetensors"));
    const third = await draw("third", "--index", "3", "--seed", "5");
    const again = await draw("again", "--index", "3", "--seed", "5");
    const fourth = await draw("fourth", "--index", "4", "--seed", "5");
    const [a, b, c] = await Promise.all(
      [third, again, fourth].map((path) => weightOf(path, weight)),
    );
    assertEquals(a, b);
    assert(a?.join() !== c?.join());
  }));

Deno.test("swag says what it needs", () =>
  inDataFolder(async (folder) => {
    for (
      const [words, wish] of [
        [[], /say fit, sample or evaluate/],
        [["fit", "--checkpoints", folder, "--output", "x"], /at least 2/],
        [
          ["fit", "--checkpoints", folder, "--output", "x", "--index", "1"],
          /swag fit with --index/,
        ],
        [["sample", "--model", folder], /without --output/],
      ] as const
    ) {
      const { code, err } = await cli("swag", ...words);
      assertEquals(code, 1);
      assertMatch(err, wish);
    }
  }));
