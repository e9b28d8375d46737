// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { defaultGenerator, readAll, uniform } from "../../../engine/mod.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  LogEntry,
  TrainerCallback,
  TrainerEvent,
  TrainingArguments,
} from "../../../nn/mod.ts";
import { readState } from "../../../nn/trainer/state_file.ts";
import { gpuTest, randomValues } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";
import { tinyRows, tinyTrainer } from "./_tiny.ts";

/** Saves and ends the run after a step. */
class Cut implements TrainerCallback {
  readonly name = "Cut";
  constructor(readonly at: number) {}
  onStepEnd({ state, control }: TrainerEvent) {
    if (state.globalStep !== this.at) return;
    control.shouldSave = true;
    control.shouldTrainingStop = true;
  }
}

/** Averages weights and draws random numbers: a state of all kinds. */
class Average implements TrainerCallback {
  readonly name = "Average";
  count = 0;
  draws: number[] = [];
  mean = new Float32Array(12);

  async onStepEnd({ model, state, control }: TrainerEvent) {
    // The third epoch has two steps instead of three.
    if (state.globalStep === 8) control.shouldEpochStop = true;
    if (state.globalStep % 4 !== 0) return;
    const [weight] = model.parameters();
    const values = await weight?.data() ?? [];
    this.count++;
    this.mean = this.mean.map((x, i) =>
      x + ((values[i] ?? 0) - x) / this.count
    );
  }
  async onEpochEnd() {
    const x = uniform([1]);
    this.draws.push(await x.item());
    x.dispose();
  }
  stateDict(): CallbackState {
    return {
      values: { count: this.count, draws: this.draws },
      tensors: [["mean", { shape: [12], dtype: "F32", data: this.mean }]],
    };
  }
  async loadStateDict({ values, tensors }: LoadedCallbackState) {
    const { count, draws } = values as { count: number; draws: number[] };
    this.count = count;
    this.draws = draws;
    const mean = await tensors?.tensor("mean");
    this.mean = Float32Array.from(mean?.data ?? []);
  }
}

/** A log without its times. */
function timeless(log: readonly LogEntry[]): LogEntry[] {
  return log.map((entry) =>
    Object.fromEntries(
      Object.entries(entry).filter(([name]) =>
        !/runtime|per_second/.test(name)
      ),
    )
  );
}

/** Everything that two runs must agree on. */
async function run(
  args: TrainingArguments,
  { cut, resume = false }: { cut?: number; resume?: boolean } = {},
) {
  const average = new Average();
  const { model, trainer } = tinyTrainer(args, {
    evalDataset: tinyRows(5, 2),
    callbacks: [average, ...(cut === undefined ? [] : [new Cut(cut)])],
  });
  try {
    await trainer.train({ resumeFromCheckpoint: resume });
    const { globalStep } = trainer.state;
    const folder = `${args.outputDir}/checkpoint-${globalStep}`;
    return {
      globalStep,
      weights: await readAll(model.parameters()),
      optimizer: await readState(`${folder}/optimizer.safetensors`),
      scheduler: await readState(`${folder}/scheduler.safetensors`),
      log: timeless(trainer.state.logHistory),
      position: defaultGenerator().stateDict(),
      best: [trainer.state.bestMetric, trainer.state.bestGlobalStep],
      average: [average.count, average.draws, [...average.mean]],
    };
  } finally {
    model.dispose();
  }
}

const ARGS: TrainingArguments = {
  perDeviceTrainBatchSize: 2,
  perDeviceEvalBatchSize: 4,
  gradientAccumulationSteps: 2,
  // 6 batches an epoch, the last of one row: 3 steps; 7 epochs and a part.
  numTrainEpochs: 7.5,
  learningRate: 0.05,
  weightDecay: 0.1,
  lrSchedulerType: "cosine",
  warmupSteps: 3,
  loggingSteps: 5,
  evalStrategy: "epoch",
  metricForBestModel: "loss",
  saveStrategy: "steps",
  saveSteps: 100,
};

for (const capture of [true, false]) {
  const how = capture ? "captured" : "eager";
  gpuTest(
    `a run that is cut at any step and resumed gives equal bits (${how})`,
    async () => {
      await inFolder(async (root) => {
        const args = { ...ARGS, capture };
        const whole = await run({ ...args, outputDir: `${root}/whole` });
        assertEquals(whole.globalStep, 23);
        assertEquals(whole.average[0], 5);
        // Ten of the 22 steps at which a run can be cut, in random order.
        const order = randomValues(22, 3);
        const cuts = Array.from({ length: 22 }, (_, i) => i + 1)
          .sort((a, b) => (order[a - 1] ?? 0) - (order[b - 1] ?? 0))
          .slice(0, capture ? 10 : 4);
        for (const cut of cuts) {
          const outputDir = `${root}/${cut}`;
          const first = await run({ ...args, outputDir }, { cut });
          assertEquals(first.globalStep, cut);
          const second = await run({ ...args, outputDir }, { resume: true });
          assertEquals(second, whole, `cut after step ${cut}`);
        }
      });
    },
  );
}

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
