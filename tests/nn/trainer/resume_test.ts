// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { readAll } from "../../../engine/mod.ts";
import type { TrainerEvent, TrainingArguments } from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";
import { ARGS, Average, cutTest, run, timeless } from "./_resume.ts";
import { tinyRows, tinyTrainer } from "./_tiny.ts";

// tests/sweeps/trainer_cuts_test.ts cuts at more steps.
cutTest({ capture: true, count: 4 });
cutTest({ capture: false, count: 2 });

gpuTest("a run that is cut again and again gives equal bits", async () => {
  await inFolder(async (root) => {
    const args = { ...ARGS, groupByLength: true, lengthColumnName: "label" };
    const whole = await run({ ...args, outputDir: `${root}/whole` });
    const outputDir = `${root}/cut`;
    let resume = false;
    for (const cut of [2, 3, 4, 8, 9, 12, 22]) {
      await run({ ...args, outputDir }, { cut, resume });
      resume = true;
    }
    assertEquals(await run({ ...args, outputDir }, { resume }), whole);
  });
});

gpuTest(
  "a run of IVON that is cut draws what it would have drawn",
  async () => {
    await inFolder(async (root) => {
      const args: TrainingArguments = {
        ...{ ...ARGS, optim: "ivon", capture: true },
        optimArgs: { ess: 11, mcSamples: 2, beta2: 0.9 },
      };
      const whole = await run({ ...args, outputDir: `${root}/whole` });
      for (const cut of [5, 12]) {
        const outputDir = `${root}/${cut}`;
        await run({ ...args, outputDir }, { cut });
        assertEquals(
          await run({ ...args, outputDir }, { resume: true }),
          whole,
        );
      }
    });
  },
);

gpuTest("a run resumes from its last checkpoint's end of epoch", async () => {
  await inFolder(async (root) => {
    const args: TrainingArguments = { ...ARGS, saveStrategy: "epoch" };
    const whole = await run({ ...args, outputDir: `${root}/run` });
    const again = `${root}/run/checkpoint-11`;
    const average = new Average();
    const { model, trainer } = tinyTrainer(
      { ...args, outputDir: `${root}/run` },
      { evalDataset: tinyRows(5, 2), callbacks: [average] },
    );
    await trainer.train({ resumeFromCheckpoint: again });
    assertEquals(await readAll(model.parameters()), whole.weights);
    assertEquals(timeless(trainer.state.logHistory), whole.log);
    assertEquals(
      [average.count, average.draws, [...average.mean]],
      whole.average,
    );
    model.dispose();
  });
});

gpuTest("a signal saves, and the run resumes with equal bits", async () => {
  await inFolder(async (root) => {
    const whole = await run({ ...ARGS, outputDir: `${root}/whole` });
    const args = { ...ARGS, outputDir: `${root}/cut` };
    const controller = new AbortController();
    const average = new Average();
    const { model, trainer } = tinyTrainer(args, {
      evalDataset: tinyRows(5, 2),
      callbacks: [average, {
        onStepEnd({ state }: TrainerEvent) {
          if (state.globalStep === 6) controller.abort();
        },
      }],
    });
    await trainer.train({ signal: controller.signal });
    assertEquals(trainer.state.globalStep, 6);
    model.dispose();
    assertEquals(await run(args, { resume: true }), whole);
    // Both parts are in the log, and what was logged twice is there once.
    const text = await Deno.readTextFile(`${args.outputDir}/log.jsonl`);
    const lines = text.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(timeless(lines), whole.log);
  });
});

gpuTest("a run finds a checkpoint that was being replaced", async () => {
  await inFolder(async (root) => {
    const whole = await run({ ...ARGS, outputDir: `${root}/whole` });
    const args = { ...ARGS, outputDir: `${root}/cut` };
    await run(args, { cut: 4 });
    // As if the process had been killed between the two renames.
    await Deno.rename(
      `${args.outputDir}/checkpoint-4`,
      `${args.outputDir}/.checkpoint-4.old`,
    );
    await Deno.mkdir(`${args.outputDir}/.checkpoint-4.partial`);
    assertEquals(await run(args, { resume: true }), whole);
    assertEquals(names(args.outputDir)[0], "checkpoint-23");
  });
});

gpuTest("a run refuses checkpoints of other runs", async () => {
  await inFolder(async (outputDir) => {
    const args = { ...ARGS, outputDir };
    await run(args, { cut: 4 });
    const attempt = async (
      change: TrainingArguments,
      callbacks = [new Average()],
    ) => {
      const { model, trainer } = tinyTrainer({ ...args, ...change }, {
        evalDataset: tinyRows(5, 2),
        callbacks,
      });
      try {
        await trainer.train({ resumeFromCheckpoint: true });
      } finally {
        model.dispose();
      }
    };
    const changes: [TrainingArguments, string][] = [
      [
        { perDeviceTrainBatchSize: 4 },
        "perDeviceTrainBatchSize is 2 there and 4",
      ],
      [{ dataSeed: 1 }, "dataSeed is 42 there and 1 here"],
      [{ learningRate: 1 }, "learningRate is 0.05 there and 1 here"],
      [
        { optimArgs: { correctBias: false } },
        "optimArgs.correctBias is not set there and false here",
      ],
    ];
    for (const [change, message] of changes) {
      await assertRejects(() => attempt(change), RangeError, message);
    }
    await assertRejects(
      () => attempt({}, []),
      RangeError,
      "it has a state of the callback Average, which would be lost",
    );
    await assertRejects(
      () => run(args),
      RangeError,
      `Cannot train into ${outputDir}: it has ${outputDir}/checkpoint-4`,
    );
    const path = `${outputDir}/checkpoint-4/model.safetensors`;
    const bytes = await Deno.readFile(path);
    await Deno.writeFile(path, bytes.subarray(1));
    await assertRejects(
      () => attempt({}),
      RangeError,
      `there is no checkpoint in ${outputDir}`,
    );
    assert(bytes.length > 100);
  });
});
