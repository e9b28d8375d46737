// Copyright 2026 the swagpu authors. MIT license.

// Runs that are cut and resumed.

import { assertEquals } from "@std/assert";
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
import { inFolder } from "../../_folder.ts";
import { tinyRows, tinyTrainer } from "./_tiny.ts";

/** Saves and ends the run after a step. */
class Cut implements TrainerCallback {
  readonly name = "Cut";
  constructor(readonly at: number) {}
  onStepEnd({ state, control }: TrainerEvent): void {
    if (state.globalStep !== this.at) return;
    control.shouldSave = true;
    control.shouldTrainingStop = true;
  }
}

/** Averages weights and draws random numbers: a state of all kinds. */
export class Average implements TrainerCallback {
  readonly name = "Average";
  count = 0;
  draws: number[] = [];
  mean = new Float32Array(12);

  async onStepEnd({ model, state, control }: TrainerEvent): Promise<void> {
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
  async onEpochEnd(): Promise<void> {
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
  async loadStateDict({ values, tensors }: LoadedCallbackState): Promise<void> {
    const { count, draws } = values as { count: number; draws: number[] };
    this.count = count;
    this.draws = draws;
    const mean = await tensors?.tensor("mean");
    this.mean = Float32Array.from(mean?.data ?? []);
  }
}

/** A log without its times. */
export function timeless(log: readonly LogEntry[]): LogEntry[] {
  return log.map((entry) =>
    Object.fromEntries(
      Object.entries(entry).filter(([name]) =>
        !/runtime|per_second/.test(name)
      ),
    )
  );
}

/** Everything that two runs must agree on. */
interface Outcome {
  globalStep: number;
  weights: ArrayLike<number>[];
  optimizer: unknown;
  scheduler: unknown;
  log: LogEntry[];
  position: unknown;
  best: unknown[];
  average: unknown[];
}

/** Trains a tiny model until its end or a cut, from the start or a checkpoint. */
export async function run(
  args: TrainingArguments,
  { cut, resume = false }: { cut?: number; resume?: boolean } = {},
): Promise<Outcome> {
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

export const ARGS: TrainingArguments = {
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

/** Defines a test that cuts a run of 23 steps at some of them, and resumes it. */
export function cutTest(
  { capture, count }: { capture: boolean; count: number },
): void {
  const how = capture ? "captured" : "eager";
  gpuTest(
    `a run that is cut at any step and resumed gives equal bits (${how})`,
    async () => {
      await inFolder(async (root) => {
        const args = { ...ARGS, capture };
        const whole = await run({ ...args, outputDir: `${root}/whole` });
        assertEquals(whole.globalStep, 23);
        assertEquals(whole.average[0], 5);
        // Some of the 22 steps at which a run can be cut, in random order.
        const order = randomValues(22, 3);
        const cuts = Array.from({ length: 22 }, (_, i) => i + 1)
          .sort((a, b) => (order[a - 1] ?? 0) - (order[b - 1] ?? 0))
          .slice(0, count);
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
