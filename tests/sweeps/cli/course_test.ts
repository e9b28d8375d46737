// Copyright 2026 the swagpu authors. MIT license.

// The course of a training: measuring and saving on the way, going on, logging, and
// options from a file.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { names } from "../../_folder.ts";
import { cli, command, inDataFolder, read } from "../../cli/_command.ts";

/** Reads a file of lines of JSON. */
async function lines(path: string): Promise<Record<string, unknown>[]> {
  const text = await Deno.readTextFile(path);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("finetune goes on from a checkpoint with the bits of a run that was not cut", async () => {
  await inDataFolder(async (folder, [init, config, tok, tokenizer]) => {
    const run = (output: string, ...more: string[]) =>
      cli(
        "finetune",
        ...["--data", `${folder}/train.csv`, "--output", `${folder}/${output}`],
        ...[init ?? "", config ?? "", tok ?? "", tokenizer ?? ""],
        ...["--batch-size", "8", "--learning-rate", "0.01", "--quiet"],
        ...["--swag", "--swag-start", "0", "--swag-collect-steps", "2"],
        ...more,
      );
    const [whole, first] = await Promise.all([
      run("whole", "--max-steps", "11"),
      run("cut", "--max-steps", "7", "--save-every", "3"),
    ]);
    assertEquals([whole.code, first.code], [0, 0], whole.err + first.err);
    assertMatch(first.out, /^Saved .* after 7 steps, .*, 3 collections, /);
    // The end of a run is saved, too.
    assertEquals(
      names(`${folder}/cut`).filter((name) => name.startsWith("checkpoint")),
      ["checkpoint-6", "checkpoint-7"],
    );
    // The folder holds another run, unless the command says what to do with it.
    const refused = await run("cut", "--max-steps", "11");
    assertEquals(refused.code, 1);
    assertMatch(
      refused.err,
      /checkpoint-7 of another run; say --resume to go on/,
    );

    const second = await run("cut", "--max-steps", "11", "--resume");
    assertEquals([second.code, second.err], [0, ""]);
    assertMatch(second.out, /^Saved .* after 11 steps, .*, 5 collections, /);
    for (const name of ["model.safetensors", "swag.safetensors"]) {
      assertEquals(
        await Deno.readFile(`${folder}/cut/${name}`),
        await Deno.readFile(`${folder}/whole/${name}`),
        name,
      );
    }
    const { snapshots, command } = JSON.parse(
      await Deno.readTextFile(`${folder}/cut/run.json`),
    );
    assertEquals(snapshots, [2, 4, 6, 8, 10]);
    assertMatch(command, /^swagpu finetune --data train\.csv .* --resume$/);

    const none = await run("none", "--max-steps", "11", "--resume");
    assertEquals(none.code, 1);
    assertMatch(
      none.err,
      /there is no checkpoint in .*none; --save-every makes/,
    );
    assert(!names(folder).includes("none"));
  });
});

Deno.test("finetune measures on the way, stops early, and saves what measured best", async () => {
  await inDataFolder(async (folder, options) => {
    const output = `${folder}/model`;
    const { code, err } = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--eval", `${folder}/train.csv`],
      ...["--output", output, ...options, "--epochs", "40"],
      ...["--eval-every", "epoch", "--early-stopping", "2", "--load-best"],
    );
    assertEquals(code, 0, err);
    const measured = err.split("\n").filter((line) => /^after \d+/.test(line));
    assertMatch(
      measured[0] ?? "",
      /^after 3 steps: loss .*, accuracy .*, nll /,
    );
    // The accuracy reaches 1 and cannot get better.
    assert(measured.length < 20, err);
    const state = JSON.parse(
      await Deno.readTextFile(`${output}/trainer_state.json`),
    );
    assertEquals(state.best_metric, 1);
    assertEquals(state.global_step, state.best_global_step + 6);
    assertEquals(
      await Deno.readFile(`${output}/model.safetensors`),
      await Deno.readFile(
        `${output}/checkpoint-${state.best_global_step}/model.safetensors`,
      ),
    );
    const log = await lines(`${output}/log.jsonl`);
    assertEquals(
      log.filter((entry) => "eval_accuracy" in entry).length,
      measured.length,
    );
  });
});

Deno.test("options come from a file, and those of the command line come first", async () => {
  await inDataFolder(async (folder, options) => {
    const file = `${folder}/options.json`;
    await Deno.writeTextFile(
      file,
      JSON.stringify({
        data: `${folder}/train.csv`,
        output: `${folder}/model`,
        max_num_models: 2,
        maxSteps: 4,
        swag: true,
        "swag-collect-steps": 1,
        overwrite: false,
      }),
    );
    const start = options.slice(0, 4);
    const run = (...more: string[]) =>
      cli("finetune", "--config", file, ...start, "--quiet", ...more);
    const [first, second] = await Promise.all([
      run(),
      run("--max-steps", "6", "--output", `${folder}/other`),
    ]);
    assertEquals([first.code, first.err], [0, ""]);
    assertMatch(first.out, /^Saved .*model after 4 steps, .*, rank 2\n/);
    assertMatch(second.out, /^Saved .*other after 6 steps, .*, rank 2\n/);
    const cases: [string, RegExp][] = [
      ['{"epoch": 3}', /"epoch" is not an option of finetune/],
      ['{"model_type": "bert"}', /for a model's configuration say --init/],
      ['{"swag": 1}', /"swag" is 1, expected true or false/],
      ['{"data": ["a"]}', /"data" is \["a"\], expected a text or a number/],
      ["[]", /expected an object/],
      ["{", /it is not JSON/],
    ];
    const refused = await Promise.all(cases.map(async ([text], i) => {
      const path = `${folder}/bad${i}.json`;
      await Deno.writeTextFile(path, text);
      return await cli("finetune", `--config=${path}`, ...start);
    }));
    for (const [i, { code, err }] of refused.entries()) {
      assertEquals(code, 1);
      assertMatch(err, cases[i]?.[1] ?? /^$/);
    }
    const missing = await cli("finetune", "--config", `${folder}/no.json`);
    assertMatch(missing.err, /^error: Cannot read --config .*no such file\n$/);
  });
});

Deno.test("finetune logs to Trackio's inbox", async () => {
  await inDataFolder(async (folder, options) => {
    const run = command(
      [
        "finetune",
        ...["--data", `${folder}/train.csv`, "--output", `${folder}/model`],
        ...[...options, "--epochs", "2", "--quiet"],
        ...["--log", "trackio", "--project", "reviews"],
      ],
      "null",
      { TRACKIO_DIR: `${folder}/trackio` },
    );
    const { code, err } = read(await run.output());
    assertEquals([code, err], [0, ""]);
    const inbox = `${folder}/trackio/inbox`;
    const [writer = ""] = names(inbox);
    const records = (await Promise.all(
      names(`${inbox}/${writer}`).map((name) =>
        lines(`${inbox}/${writer}/${name}`)
      ),
    )).flat();
    assertEquals(records.map(({ step }) => step), [1, 2, 3, 4, 5, 6]);
    const [{ project, run: name, metrics } = {}] = records;
    assertEquals([project, name], ["reviews", "model"]);
    assert(Object.hasOwn(metrics as object, "train/loss"));
  });
});

Deno.test("options of the course of a run that change nothing are refused", async () => {
  await inDataFolder(async (folder, options) => {
    const data = ["--data", `${folder}/train.csv`];
    const evaluated = [...data, "--eval", `${folder}/train.csv`];
    const cases: [string[], RegExp][] = [
      [[...data, "--load-best"], /--load-best without --eval-every/],
      [[...data, "--eval-every", "2"], /--eval-every without --eval or/],
      [[...data, "--save-limit", "2"], /--save-limit without --save-every/],
      [[...data, "--project", "x"], /--project without --log trackio/],
      [[...data, "--log", "wandb"], /--log wandb: expected trackio/],
      [[...data, "--max-steps", "5"], /--max-steps with --epochs/],
      [[...data, "--save-every", "0"], /--save-every 0: expected a .* from 1/],
      [
        [...data, "--schedule", "reduce_lr_on_plateau"],
        /reduce_lr_on_plateau without --eval-every/,
      ],
      [
        [...evaluated, "--eval-every", "2", "--save-every", "3", "--load-best"],
        /--load-best with --save-every 3 and --eval-every 2/,
      ],
      [[...data, "--doc-stride", "5"], /--doc-stride for text-classification/],
      [[...data, "--task", "nre"], /--task nre: .*did you mean ner\?/],
    ];
    const outcomes = await Promise.all(
      cases.map(([args]) =>
        cli("finetune", "--output", `${folder}/model`, ...options, ...args)
      ),
    );
    for (const [i, { code, out, err }] of outcomes.entries()) {
      assertMatch(err, cases[i]?.[1] ?? /^$/);
      assertMatch(err, /^error: [^\n]*\n$/);
      assertEquals([code, out], [1, ""]);
    }
    assert(!names(folder).includes("model"));
  });
});
