// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
} from "@std/assert";
import { lockRun } from "../../../cli/run_lock.ts";
import { names } from "../../_folder.ts";
import { cli, command, inDataFolder } from "../../cli/_command.ts";

/** The files of a model with its tokenizer. */
const MODEL = [
  "config.json",
  "model.safetensors",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "vocab.txt",
];

/** The files that a training leaves in its folder. */
const SAVED = [...MODEL, "log.jsonl", "run.json", "trainer_state.json"].sort();

Deno.test("finetune, evaluate and predict lead from a file to answers", async () => {
  await inDataFolder(async (folder, options) => {
    const output = `${folder}/model`;
    const trained = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--eval", `${folder}/train.csv`],
      ...["--output", output, "--swag", "--max-num-models", "3"],
      ...["--max-length", "6", "--quiet", ...options],
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

    // The saved model, with texts cut as in training, gives the same scores.
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
      assertEquals(line.confidence, Math.max(neg, pos));
      assert(line.mutualInformation >= 0);
      assertAlmostEquals(
        line.entropy,
        line.expectedEntropy + line.mutualInformation,
        1e-6,
      );
      assertAlmostEquals(
        line.entropy,
        -neg * Math.log(neg) - pos * Math.log(pos),
        1e-6,
      );
    }

    // The folder is refused a second time, and nothing in it changes.
    const before = await Deno.readFile(`${output}/model.safetensors`);
    const again = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", output, ...options],
    );
    assertEquals(again.code, 1);
    assertMatch(again.err, /^error: Cannot write to .*--overwrite\n$/);
    assertEquals(await Deno.readFile(`${output}/model.safetensors`), before);

    // Training from the saved model, without a posterior, removes the old posterior.
    const more = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", output, "--overwrite"],
      ...["--model", output, "--epochs", "1", "--quiet"],
    );
    assertEquals([more.code, more.err], [0, ""]);
    assertEquals(names(output).includes("swag.safetensors"), false);
  });
});

Deno.test("finetune sorts classes that are whole numbers, and trains regression", async () => {
  await inDataFolder(async (folder, options) => {
    const data = ["--data", `${folder}/ints.jsonl`];
    const classes = await cli(
      "finetune",
      ...[...data, "--output", `${folder}/classes`, "--quiet", ...options],
    );
    assertEquals([classes.code, classes.err], [0, ""]);
    const config = JSON.parse(
      await Deno.readTextFile(`${folder}/classes/config.json`),
    );
    assertEquals(config.id2label, { 0: "1", 1: "5" });

    const regression = await cli(
      "finetune",
      ...[...data, "--output", `${folder}/numbers`, ...options],
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
    // The folder remembers the pairs, and the adapter is printed once.
    assertMatch(
      evaluated.err,
      /^Using the columns of the training: pair "text"\nWebGPU adapter: .+\n/,
    );
  });
});

Deno.test("finetune refuses bad data and options before it writes anything", async () => {
  await inDataFolder(async (folder, options) => {
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
      [[...data, "--max-length", "99"], /the model supports 16 positions/],
      [[...data, "--var-clamp", "0"], /without --swag/],
      [[...data, "--swag-deviations", "f16"], /without --swag/],
      [[...data, "--swag", "--swag-deviations", "int4"], /f32, f16, int8/],
      [[...data, "--momentum", "0.9"], /--momentum with adamw/],
      [
        [...data, "--swag", "--no-cov-mat", "--max-num-models", "3"],
        /--max-num-models with --no-cov-mat/,
      ],
      [
        ["--data", `${folder}/scores.csv`],
        /they look like numbers; say --problem-type regression/,
      ],
      [
        ["--data", `${folder}/unlabeled.csv`],
        /row 2 of .*unlabeled\.csv \(line 3\): .*empty.*--skip-unlabelled/,
      ],
      [["--data", `${folder}/bare.tsv`], /--columns text,label/],
      [[...data, "--eval", `${folder}/ragged.csv`], /ragged\.csv: .*line 3/],
      [["--data", "-", "--eval", "-", "--format", "csv"], /standard input/],
      [
        [...data, "--output", `${folder}/config.json/model`],
        /Cannot write to .*config\.json\/model: /,
      ],
      [[...data, "--swag", "--swag-start", "5"], /from 1 collections/],
      [[...data, "--swag", "--swag-gate", "0.1"], /without --eval/],
      [[...data, "--schedule", "cyclic"], /without --cycle-steps/],
      [[...data, "--cycle-steps", "3"], /they belong to cyclic/],
      [
        [...data, "--swag", "--swag-modules", "bert.decoder"],
        /"bert\.encoder"/,
      ],
    ];
    const outcomes = await Promise.all(
      cases.map(([args]) =>
        cli("finetune", "--quiet", ...output, ...options, ...args)
      ),
    );
    outcomes.forEach(({ code, out, err }, i) => {
      assertMatch(err, cases[i]?.[1] ?? /./);
      assertMatch(err, /^error: [^\n]*\n$/);
      assertEquals([code, out], [1, ""]);
    });
    assert(!names(folder).includes("model"));
  });
});

/** Waits until a process writes a text, and returns all that it has written. */
async function until(
  reader: ReadableStreamDefaultReader<string>,
  expected: string,
): Promise<string> {
  let text = "";
  while (!text.includes(expected)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`"${expected}" never came: ${text}`);
    text += value;
  }
  return text;
}

/** A run whose outputs can be read while it is going on. */
function start(args: readonly string[]) {
  const child = command(args).spawn();
  const reader = (stream: ReadableStream<Uint8Array<ArrayBuffer>>) =>
    stream.pipeThrough(new TextDecoderStream()).getReader();
  const [out, err] = [reader(child.stdout), reader(child.stderr)];
  const rest = async (own: typeof out) => {
    let text = "";
    for (;;) {
      const { value, done } = await own.read();
      if (done) return text;
      text += value;
    }
  };
  return { child, out, err, rest };
}

for (
  const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const
) {
  Deno.test(`finetune saves and exits with ${code} after ${signal}`, async () => {
    await inDataFolder(async (folder, options) => {
      const output = `${folder}/model`;
      const { child, out, err, rest } = start([
        "finetune",
        ...["--data", `${folder}/train.csv`, "--output", output, "--swag"],
        ...[...options, "--epochs", "100000"],
        // After an early interrupt there may be no posterior.
        ...["--swag-start", signal === "SIGINT" ? "1" : "1000"],
        ...["--log-every", "1"],
      ]);
      // With this option every step prints a line, even without a terminal.
      const said = await until(err, "epoch 3/");
      child.kill(signal);
      await new Promise((resolve) => setTimeout(resolve, 50));
      child.kill(signal);
      const status = await child.status;
      const [saved, last] = await Promise.all([rest(out), rest(err)]);
      assertEquals([status.code, status.signal], [code, null]);
      assertMatch(said, /WebGPU adapter: .*\n(epoch .* samples\/s .* left\n)+/);
      assertMatch(last, /(^|\n)Stopping; .*\n/);
      const posterior = signal === "SIGINT"
        ? "\\d+ collections, rank \\d+"
        : "no posterior: nothing had been collected";
      assertMatch(
        saved,
        new RegExp(`^Saved .*model after \\d+ steps, .*, ${posterior}\\n$`),
      );
      if (signal === "SIGTERM") {
        assertEquals(names(output), SAVED);
        return;
      }
      assertEquals(names(output), [...SAVED, "swag.safetensors"].sort());
      const loaded = await cli(
        "predict",
        ...["--model", output, "--text", "the film", "--swag-samples", "2"],
        "--quiet",
      );
      assertEquals([loaded.code, loaded.err], [0, ""]);
    });
  });
}

Deno.test("a training that is at work on a folder keeps others out of it", async () => {
  await inDataFolder(async (folder, options) => {
    const output = `${folder}/model`;
    const train = (...more: string[]) =>
      cli(
        ...["finetune", "--data", `${folder}/train.csv`, "--output", output],
        ...[...options, "--quiet", ...more],
      );
    await Deno.mkdir(output);
    const path = `${output}/.finetune.lock`;
    {
      await using _lock = await lockRun(path, { action: "", say: () => {} });
      const { code, out, err } = await train("--overwrite");
      assertEquals([code, out], [1, ""]);
      assertEquals(
        err,
        `error: Cannot write to ${output}: another process holds ${path} and ` +
          "is at work on it; try again when that has ended\n",
      );
      assertEquals(names(output), [".finetune.lock"]);
    }
    // One that was killed keeps nobody out.
    await Deno.writeTextFile(path, "1");
    assertEquals((await train()).code, 0);
    assertEquals(names(output), SAVED);
  });
});

Deno.test("a model is saved to another folder if its own cannot be written", async () => {
  await inDataFolder(async (folder, options) => {
    const output = `${folder}/model`;
    const { child, out, err, rest } = start([
      "finetune",
      ...["--data", `${folder}/train.csv`, "--output", output],
      ...[...options, "--epochs", "100000"],
    ]);
    await until(err, "epoch ");
    await Deno.remove(output, { recursive: true });
    await Deno.writeTextFile(output, "");
    child.kill("SIGINT");
    const { code } = await child.status;
    const [saved, last] = await Promise.all([rest(out), rest(err)]);
    assertEquals([code, saved], [1, ""]);
    const [, other = ""] =
      /\nerror: Cannot write to .*model: it is a file, expected a folder\. The model was saved to (.*) instead\n$/
        .exec(last) ?? [];
    try {
      assertEquals(names(other), MODEL);
    } finally {
      if (other !== "") await Deno.remove(other, { recursive: true });
    }
  });
});

Deno.test("a signal ends the evaluation at the end of finetune", async () => {
  await inDataFolder(async (folder, options) => {
    const lines = (await Deno.readTextFile(`${folder}/train.jsonl`)).repeat(
      600,
    );
    await Deno.writeTextFile(`${folder}/long.jsonl`, lines);
    const { child, out, err, rest } = start([
      "finetune",
      ...["--data", `${folder}/train.csv`, "--eval", `${folder}/long.jsonl`],
      ...["--output", `${folder}/model`, "--swag", ...options],
    ]);
    await until(out, "Saved");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const sent = performance.now();
    child.kill("SIGTERM");
    const { code } = await child.status;
    assertEquals(code, 143);
    assert(performance.now() - sent < 5000);
    assertEquals(await rest(out), "");
    await rest(err);
    assert(names(`${folder}/model`).includes("swag.safetensors"));
  });
});

Deno.test("finetune does not replace a good model with one that diverged", async () => {
  await inDataFolder(async (folder, options) => {
    const output = `${folder}/model`;
    const data = ["--data", `${folder}/train.csv`, "--output", output];
    // All 24 texts are in one step, whose loss is computed before it diverges.
    const steps = ["--epochs", "1", "--batch-size", "24"];
    const first = await cli("finetune", ...data, ...options, ...steps);
    assertEquals(first.code, 0);
    const before = await Deno.readFile(`${output}/model.safetensors`);
    for (const rate of ["1e38", "1e30"]) {
      const again = await cli(
        "finetune",
        ...[...data, "--overwrite", "--model", output, ...steps],
        ...["--learning-rate", rate],
      );
      assertEquals([again.code, again.out], [1, ""]);
      assertMatch(
        again.err,
        /\nerror: Cannot save the model: .* Nothing was saved\n$/,
      );
      assertMatch(again.err, /^((?!maxGradNorm).)*$/s);
    }
    assertEquals(await Deno.readFile(`${output}/model.safetensors`), before);
  });
});
