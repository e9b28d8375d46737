// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readAll } from "../../../engine/mod.ts";
import {
  getLastCheckpoint,
  openSafetensors,
  type TrainerEvent,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import { readState, writeState } from "../../../nn/trainer/state_file.ts";
import { gpuTest } from "../../_check.ts";
import { faulty } from "../../_faulty_disk.ts";
import { inFolder, names } from "../../_folder.ts";
import { tinyRows, tinyTrainer } from "./_tiny.ts";

/** Trains, and gives the names in the output folder. */
async function save(args: TrainingArguments): Promise<string[]> {
  const { model, trainer } = tinyTrainer(
    { perDeviceTrainBatchSize: 2, loggingSteps: 3, ...args },
    {
      evalDataset: tinyRows(4, 2),
      computeMetrics: () => ({ up: trainer.state.globalStep }),
    },
  );
  try {
    await trainer.train();
  } finally {
    model.dispose();
  }
  return names(`${args.outputDir}`)
    .filter((name) => name.startsWith("checkpoint"))
    .sort((a, b) => Number(a.slice(11)) - Number(b.slice(11)));
}

gpuTest(
  "a checkpoint holds the files that its documentation lists",
  async () => {
    await inFolder(async (outputDir) => {
      const steps = await save({ outputDir, maxSteps: 4, saveSteps: 2 });
      assertEquals(steps, ["checkpoint-2", "checkpoint-4"]);
      assertEquals(names(`${outputDir}/checkpoint-2`), [
        "callbacks.safetensors",
        "model.safetensors",
        "optimizer.safetensors",
        "run.json",
        "scheduler.safetensors",
        "trainer_state.json",
      ]);
      assertEquals(names(outputDir), [
        "checkpoint-2",
        "checkpoint-4",
        "log.jsonl",
        "trainer_state.json",
      ]);
      using file = await openSafetensors(
        `${outputDir}/checkpoint-4/model.safetensors`,
      );
      assertEquals(file.info("first.weight").shape, [4, 3]);
    });
  },
);

gpuTest("saveTotalLimit keeps the last checkpoints and the best", async () => {
  const common = { maxSteps: 8, saveSteps: 2 };
  const evaluated: TrainingArguments = {
    ...common,
    evalStrategy: "steps",
    evalSteps: 2,
    metricForBestModel: "up",
    greaterIsBetter: false, // The first is the best.
  };
  const cases: [TrainingArguments, number[]][] = [
    [{ ...common }, [2, 4, 6, 8]],
    [{ ...common, saveTotalLimit: 3 }, [4, 6, 8]],
    [{ ...common, saveTotalLimit: 1 }, [8]],
    [{ ...evaluated, saveTotalLimit: 3 }, [2, 6, 8]],
    [{ ...evaluated, saveTotalLimit: 2 }, [2, 8]],
    // As there, the last one goes at the end.
    [{ ...evaluated, saveTotalLimit: 1 }, [2]],
    [{ ...evaluated, saveTotalLimit: 1, loadBestModelAtEnd: true }, [2]],
    [{ ...evaluated, saveTotalLimit: 1, greaterIsBetter: true }, [8]],
  ];
  for (const [args, steps] of cases) {
    await inFolder(async (outputDir) => {
      assertEquals(
        await save({ ...args, outputDir }),
        steps.map((step) => `checkpoint-${step}`),
        JSON.stringify(args),
      );
    });
  }
});

gpuTest("overwriteOutputDir removes checkpoints of other runs", async () => {
  await inFolder(async (outputDir) => {
    await save({ outputDir, maxSteps: 6, saveSteps: 2 });
    const again = { outputDir, maxSteps: 3, saveSteps: 3 };
    await assertRejects(() => save(again), RangeError, "of another run");
    assertEquals(await save({ ...again, overwriteOutputDir: true }), [
      "checkpoint-3",
    ]);
  });
});

gpuTest(
  "saveOnlyModel gives checkpoints that no run resumes from",
  async () => {
    await inFolder(async (outputDir) => {
      await save({ outputDir, maxSteps: 2, saveOnlyModel: true });
      assertEquals(names(`${outputDir}/checkpoint-2`), [
        "model.safetensors",
        "trainer_state.json",
      ]);
      assertEquals(await getLastCheckpoint(outputDir), undefined);
      const { model, trainer } = tinyTrainer({ outputDir });
      await assertRejects(
        () =>
          trainer.train({ resumeFromCheckpoint: `${outputDir}/checkpoint-2` }),
        RangeError,
        "it has no run.json; it is not a checkpoint, or saveOnlyModel was set",
      );
      model.dispose();
    });
  },
);

gpuTest(
  "loadBestModelAtEnd gives the weights of the best checkpoint",
  async () => {
    await inFolder(async (outputDir) => {
      const seen = new Map<number, unknown>();
      const { model, trainer } = tinyTrainer({
        outputDir,
        maxSteps: 6,
        learningRate: 0.1,
        evalStrategy: "steps",
        saveStrategy: "steps",
        evalSteps: 2,
        saveSteps: 2,
        loadBestModelAtEnd: true,
        metricForBestModel: "score",
      }, {
        evalDataset: tinyRows(4, 2),
        computeMetrics: () => ({
          score: [1, 3, 2][trainer.state.globalStep / 2 - 1] ?? 0,
        }),
        callbacks: [{
          async onStepEnd({ state, model }: TrainerEvent) {
            seen.set(state.globalStep, await readAll(model.parameters()));
          },
        }],
      });
      await trainer.train();
      const { bestMetric, bestGlobalStep, bestModelCheckpoint } = trainer.state;
      assertEquals([bestMetric, bestGlobalStep, bestModelCheckpoint], [
        3,
        4,
        `${outputDir}/checkpoint-4`,
      ]);
      assertEquals(await readAll(model.parameters()), seen.get(4));
      model.dispose();
    });
  },
);

gpuTest('saveStrategy "best" saves after each better evaluation', async () => {
  await inFolder(async (outputDir) => {
    const scores = [1, 3, 2, 4];
    const { model, trainer } = tinyTrainer({
      outputDir,
      maxSteps: 4,
      evalStrategy: "steps",
      evalSteps: 1,
      saveStrategy: "best",
      metricForBestModel: "score",
    }, {
      evalDataset: tinyRows(4, 2),
      computeMetrics: () => ({
        score: scores[trainer.state.globalStep - 1] ?? 0,
      }),
    });
    await trainer.train();
    model.dispose();
    assertEquals(
      names(outputDir).filter((name) => name.startsWith("checkpoint")),
      ["checkpoint-1", "checkpoint-2", "checkpoint-4"],
    );
  });
});

gpuTest("weights that are not finite are never saved", async () => {
  await inFolder(async (outputDir) => {
    const { model, trainer } = tinyTrainer({ outputDir, saveSteps: 1 }, {
      callbacks: [{
        onStepEnd({ state }: TrainerEvent) {
          if (state.globalStep === 2) {
            model.last.weight.write(new Float32Array(8).fill(NaN));
          }
        },
      }],
    });
    await assertRejects(() => trainer.train(), RangeError, "is NaN");
    await assertRejects(() => trainer.saveModel(), RangeError, "is NaN");
    model.dispose();
    assertEquals(names(outputDir), ["checkpoint-1", "log.jsonl"]);
    assertEquals(
      await getLastCheckpoint(outputDir),
      `${outputDir}/checkpoint-1`,
    );
  });
});

gpuTest("a full disk leaves the last good checkpoint", async () => {
  await inFolder(async (outputDir) => {
    for (const file of ["model", "optimizer", "run"]) {
      const { model, trainer } = tinyTrainer({
        outputDir,
        saveSteps: 1,
        saveTotalLimit: 1,
        overwriteOutputDir: true,
      });
      // Writes of this file fail from the second checkpoint on.
      {
        using _disk = faulty(outputDir, (system) => ({
          async open(path, mode) {
            const opened = await system.open(path, mode);
            const isFull = path.includes(`checkpoint-2`) &&
              path.includes(`/${file}.`) && mode !== "read";
            if (isFull) {
              opened.write = () =>
                Promise.reject(
                  new Error("No space left on device (os error 28)"),
                );
            }
            return opened;
          },
        }));
        const error = await assertRejects(() => trainer.train(), Error);
        assertMatch(error.message, /No space left on device, after 0/);
        assertMatch(error.message, new RegExp(`${file}\\.`));
      }
      model.dispose();
      assertEquals(names(outputDir), ["checkpoint-1", "log.jsonl"]);
      assertEquals(
        await getLastCheckpoint(outputDir),
        `${outputDir}/checkpoint-1`,
      );
    }
  });
});

gpuTest("the output folder is tried before the training", async () => {
  await inFolder(async (root) => {
    await Deno.writeTextFile(`${root}/file`, "");
    let steps = 0;
    for (
      const args of [
        { outputDir: `${root}/file/below` },
        { outputDir: `${root}/out`, logDir: `${root}/file` },
      ]
    ) {
      const { model, trainer } = tinyTrainer(args, {
        callbacks: [{ onStepEnd: () => void steps++ }],
      });
      await assertRejects(() => trainer.train(), Error, "Cannot write to");
      model.dispose();
    }
    assertEquals(steps, 0);
  });
});

Deno.test("states come back from files bit for bit", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/state.safetensors`;
    const state = {
      list: [1, -0, NaN, Infinity, -Infinity, 0.1 + 0.2, 2 ** 53, "text", null],
      deep: { flag: true, none: null, empty: {}, nothing: [] },
      arrays: {
        f32: Float32Array.of(1, NaN, -0, 1e-45),
        f64: Float64Array.of(0.1),
        u16: Uint16Array.of(1, 65535),
        i8: Int8Array.of(-1),
        i32: Int32Array.of(-(2 ** 31)),
        u32: Uint32Array.of(2 ** 32 - 1),
        part: new Float32Array([1, 2, 3]).subarray(1, 2),
        none: new Float32Array(),
      },
    };
    await writeState(path, state);
    assertEquals(await readState(path), state);
    await writeState(path, 3);
    assertEquals(await readState(path), 3);
    await assertRejects(
      () => writeState(path, { a: [new Map()] }),
      TypeError,
      "a.0 is of the class Map",
    );
    assertEquals(await readState(path), 3);
  });
});

/** Trains and saves at every step, until it is killed. */
const CHILD = `
import { initialize } from ${url("../../../engine/mod.ts")};
import { tinyTrainer } from ${url("./_tiny.ts")};
const [outputDir, resume, count] = Deno.args;
await initialize();
let left = Number(count);
for (const name of ["rename", "remove", "mkdir", "open"]) {
  const original = Deno[name];
  Deno[name] = (...args) => {
    if (\`\${args[0]}\`.includes("checkpoint") && --left === 0) {
      Deno.kill(Deno.pid, "SIGKILL");
    }
    return original(...args);
  };
}
const { trainer } = tinyTrainer({
  outputDir,
  perDeviceTrainBatchSize: 4,
  maxSteps: 40,
  learningRate: 0.05,
  saveSteps: 1,
  saveTotalLimit: 1,
});
await trainer.train({ resumeFromCheckpoint: resume === "true" });
`;

function url(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

gpuTest("kill -9 during a save never loses the last checkpoint", async () => {
  await inFolder(async (root) => {
    const script = `${root}/child.ts`;
    await Deno.writeTextFile(script, CHILD);
    const outputDir = `${root}/out`;
    let last = 0;
    // One save with its removal of the last checkpoint is about 20 operations.
    for (const count of [33, 38, 35, 41, 44, 52]) {
      const { signal } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", "--no-check", `--config=${config()}`, script],
          ...[outputDir, String(last > 0), String(count)],
        ],
        stdout: "null",
        stderr: "null",
      }).output();
      assertEquals(signal, "SIGKILL");
      const path = await getLastCheckpoint(outputDir);
      const step = Number(path?.split("-").at(-1));
      assert(step > last, `${path} after ${last}`);
      last = step;
    }
    // The run that was killed again and again ends as one that was not.
    const finish = async (outputDir: string, resumeFromCheckpoint: boolean) => {
      const { model, trainer } = tinyTrainer({
        outputDir,
        perDeviceTrainBatchSize: 4,
        maxSteps: 40,
        learningRate: 0.05,
        saveSteps: 1000,
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
    assert(names(outputDir).every((name) => !name.startsWith(".")));
  });
});

function config(): string {
  return new URL("../../../deno.json", import.meta.url).pathname;
}
