// Copyright 2026 the swagpu authors. MIT license.

// A training run that saves after each step is killed twenty times, at random
// moments: its last checkpoint is never lost, and it ends with the bits of a run
// that was never killed.

import { assert, assertEquals } from "@std/assert";
import { readAll } from "../../engine/mod.ts";
import { getLastCheckpoint, type TrainingArguments } from "../../nn/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";
import { inFolder } from "../_folder.ts";
import { tinyTrainer } from "../nn/trainer/_tiny.ts";

const KILLS = 20;

function args(outputDir: string, saveSteps: number): TrainingArguments {
  return {
    ...{ outputDir, saveSteps, saveTotalLimit: 2, perDeviceTrainBatchSize: 4 },
    ...{ maxSteps: 100_000, learningRate: 0.05 },
  };
}

/** Trains, and tells each step that is saved. */
const CHILD = `
import { initialize } from ${url("../../engine/mod.ts")};
import { tinyTrainer } from ${url("../nn/trainer/_tiny.ts")};
await initialize();
const { trainer } = tinyTrainer(JSON.parse(Deno.args[0]), {
  callbacks: [{ onSave: ({ state }) => console.log(state.globalStep) }],
});
await trainer.train({ resumeFromCheckpoint: Deno.args[1] === "true" });
`;

function url(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

/** Starts the run, kills it some time after its first save, and counts. */
async function killed(
  script: string,
  { outputDir, resume, delay }: {
    outputDir: string;
    resume: boolean;
    delay: number;
  },
): Promise<number> {
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", `--config=${config}`, script],
      ...[JSON.stringify(args(outputDir, 1)), String(resume)],
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let told = "";
  for await (
    const text of child.stdout.pipeThrough(new TextDecoderStream())
  ) {
    if (told === "") setTimeout(() => child.kill("SIGKILL"), delay);
    told += text;
  }
  assertEquals((await child.status).signal, "SIGKILL");
  return Number(told.trim().split("\n").at(-1));
}

gpuTest(`a run that is killed ${KILLS} times loses no checkpoint`, async () => {
  await inFolder(async (root) => {
    const script = `${root}/child.ts`;
    await Deno.writeTextFile(script, CHILD);
    const outputDir = `${root}/out`;
    const delays = randomValues(KILLS, 1, 0, 300);
    let last = 0;
    for (const delay of delays) {
      const resume = last > 0;
      const told = await killed(script, { outputDir, resume, delay });
      const path = await getLastCheckpoint(outputDir);
      const step = Number(path?.split("-").at(-1));
      // What the run has told is there, or the next one already.
      assert(told > last && step >= told, `${path} after ${told} and ${last}`);
      last = step;
    }
    const finish = async (outputDir: string, resumeFromCheckpoint: boolean) => {
      const { model, trainer } = tinyTrainer(args(outputDir, 100_000), {
        callbacks: [{
          onStepEnd({ state, control }) {
            control.shouldTrainingStop = state.globalStep === last + 10;
          },
        }],
      });
      await trainer.train({ resumeFromCheckpoint });
      const values = await readAll(model.parameters());
      model.dispose();
      return values;
    };
    assertEquals(
      await finish(outputDir, true),
      await finish(`${root}/whole`, false),
    );
  });
});
