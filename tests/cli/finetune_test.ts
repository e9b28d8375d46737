// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
} from "@std/assert";
import { cli, command, inFolder, names, read } from "./_command.ts";

const SAVED = [
  "config.json",
  "model.safetensors",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "vocab.txt",
];

Deno.test("finetune, evaluate and predict lead from a file to answers", async () => {
  await inFolder(async (folder, start) => {
    const output = `${folder}/model`;
    const trained = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--eval", `${folder}/train.csv`],
      ...["--output", output, "--swag", "--max-num-models", "3"],
      ...["--max-length", "6", "--quiet", ...start],
    );
    assertEquals([trained.code, trained.err], [0, ""]);
    assertMatch(trained.out, /after 18 steps, .*, 3 collections, rank 3\n/);
    assertMatch(trained.out, /last iterate .*\nSWA .*\nSWAG /);
    const written = names(output);
    assert(SAVED.every((name) => written.includes(name)), written.join());
    assertEquals(written.length, SAVED.length + 1);
    const config = JSON.parse(await Deno.readTextFile(`${output}/config.json`));
    assertEquals(config.id2label, { 0: "neg", 1: "pos" });
    assertEquals(config.problem_type, "single_label_classification");

    // What was saved, cut as in training, gives the scores of the end again.
    const scores = await cli(
      "evaluate",
      ...["--model", output, "--data", `${folder}/train.csv`, "--quiet"],
    );
    assert(trained.out.endsWith(scores.out), `${trained.out}\n${scores.out}`);

    const evaluated = await cli(
      "evaluate",
      ...["--model", output, "--data", `${folder}/train.jsonl`, "--json"],
      ...["--swag-samples", "4", "--temperature-fit", `${folder}/train.csv`],
      "--quiet",
    );
    assertEquals([evaluated.code, evaluated.err], [0, ""]);
    const { rows, results } = JSON.parse(evaluated.out);
    assertEquals(rows, 24);
    assertEquals(
      results.map(({ method }: { method: string }) => method),
      ["last iterate", "SWA", "SWAG"],
    );
    assertEquals(results[0].scores.accuracy, 1);
    assertEquals(
      Object.keys(results[0].scores).join(" "),
      "accuracy nll ece brier f1 mcc temperature scaled_nll scaled_ece",
    );

    const predicted = await cli(
      "predict",
      ...["--model", output, "--swag-samples", "4", "--quiet"],
      ...["--text", "the film was good", "--text", "the film was bad"],
    );
    assertEquals([predicted.code, predicted.err], [0, ""]);
    const lines = predicted.out.trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(lines.map(({ label }) => label), ["pos", "neg"]);
    for (const { probabilities: { neg, pos }, ...line } of lines) {
      assertAlmostEquals(neg + pos, 1, 1e-6);
      assert(line.mutual_information >= 0);
      assert(line.entropy >= line.mutual_information);
    }

    // The same folder once more is refused, and nothing in it changes.
    const before = await Deno.readFile(`${output}/model.safetensors`);
    const again = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", output, ...start],
    );
    assertEquals(again.code, 1);
    assertMatch(again.err, /^error: Cannot write to .*--overwrite\n$/);
    assertEquals(await Deno.readFile(`${output}/model.safetensors`), before);

    // On from the saved model, without a posterior: the old one must go.
    const more = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", output, "--overwrite"],
      ...["--model", output, "--epochs", "1", "--quiet"],
    );
    assertEquals([more.code, more.err], [0, ""]);
    assertEquals(names(output).includes("swag.safetensors"), false);
  });
});

Deno.test("finetune names classes by whole numbers, and learns regression", async () => {
  await inFolder(async (folder, start) => {
    const data = ["--data", `${folder}/ints.jsonl`];
    const classes = await cli(
      "finetune",
      ...[...data, "--output", `${folder}/classes`, "--quiet", ...start],
    );
    assertEquals([classes.code, classes.err], [0, ""]);
    const config = JSON.parse(
      await Deno.readTextFile(`${folder}/classes/config.json`),
    );
    assertEquals(config.id2label, { 0: "1", 1: "5" });

    const regression = await cli(
      "finetune",
      ...[...data, "--output", `${folder}/numbers`, ...start],
      ...["--problem-type", "regression", "--pair-column", "text"],
      "--quiet",
    );
    assertEquals([regression.code, regression.err], [0, ""]);
    const evaluated = await cli(
      "evaluate",
      ...[...data, "--model", `${folder}/numbers`],
    );
    assertEquals(evaluated.code, 0);
    assertMatch(evaluated.out, /RMSE\s+MSE\s+Pearson\s+Spearman\n/);
    // The folder remembers that it was trained on pairs, and one adapter line.
    assertMatch(
      evaluated.err,
      /^Using the columns of the training: pair "text"\nWebGPU adapter: .+\n/,
    );
  });
});

Deno.test("finetune refuses what cannot work before it writes anything", async () => {
  await inFolder(async (folder, start) => {
    const output = ["--output", `${folder}/model`];
    const data = ["--data", `${folder}/train.csv`];
    const cases: [string[], RegExp][] = [
      [["--data", `${folder}/no.csv`], /no\.csv: there is no such file/],
      [[...data, "--text-column", "body"], /column "body" .*"text", "label"/],
      [[...data, "--label-column", "y"], /column "y" .*"text", "label"/],
      [
        [...data, "--eval", `${folder}/other.jsonl`],
        /label "meh" .*"neg", "pos"/,
      ],
      [[...data, "--problem-type", "regression"], /"neg" in row 1 .*numbers/],
      [[...data, "--model", folder], /either --model or --init/],
      [
        [...data, "--epochs", "many"],
        /--epochs many: expected a number from 1/,
      ],
      [[...data, "--epoch", "3"], /with --epoch: it is not an option/],
      [[...data, "--max-length", "99"], /the model knows 16 places/],
      [[...data, "--var-clamp", "0"], /without --swag/],
      [[...data, "--swag", "--swag-start", "5"], /from 1 collections/],
      [
        [...data, "--swag", "--swag-modules", "bert.decoder"],
        /"bert\.encoder"/,
      ],
    ];
    const outcomes = await Promise.all(
      cases.map(([args]) => cli("finetune", ...output, ...start, ...args)),
    );
    outcomes.forEach(({ code, out, err }, i) => {
      assertMatch(err, cases[i]?.[1] ?? /./);
      assertMatch(err, /^error: [^\n]*\n$/);
      assertEquals([code, out], [1, ""]);
    });
    assert(!names(folder).includes("model"));
  });
});

Deno.test("finetune saves and exits with 130 when it is interrupted", async () => {
  await inFolder(async (folder, start) => {
    const output = `${folder}/model`;
    const child = command([
      "finetune",
      ...["--data", `${folder}/train.csv`, "--output", output, "--swag"],
      ...[...start, "--epochs", "100000", "--swag-start", "1"],
    ]).spawn();
    // The folder is made when all is well and training begins.
    for (let i = 0; i < 300 && !names(folder).includes("model"); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // Compiling the first step's kernels may take seconds on a busy machine.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGINT");
    const { code, out, err } = read(await child.output());
    assertEquals(code, 130);
    assertMatch(
      err,
      /^WebGPU adapter: .*\n(epoch .* samples\/s .* left\n)+Stopping; .*\n$/,
    );
    assertMatch(out, /^Saved .*model after \d+ steps/);
    assertEquals(
      names(output),
      [...SAVED, "swag.safetensors"].sort(),
    );
    const loaded = await cli(
      "predict",
      ...["--model", output, "--text", "the film", "--swag-samples", "2"],
      "--quiet",
    );
    assertEquals([loaded.code, loaded.err], [0, ""]);
  });
});
