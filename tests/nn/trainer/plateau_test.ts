// Copyright 2026 the swagpu authors. MIT license.

// Runs whose rate falls when an evaluation is no better.

import { assertEquals, assertRejects } from "@std/assert";
import { readAll } from "../../../engine/mod.ts";
import {
  ReduceLROnPlateau,
  SGD,
  type TrainerEvent,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { timeless } from "./_resume.ts";
import { tinyRows, tinyTrainer } from "./_tiny.ts";

/** Every evaluation gives the next of these. */
const SCORES = [0.5, 0.6, 0.6, 0.6, 0.7, 0.6, 0.6];

const ARGS: TrainingArguments = {
  ...{ maxSteps: 7, learningRate: 0.5, perDeviceTrainBatchSize: 4 },
  ...{ evalStrategy: "steps", evalSteps: 1, loggingSteps: 1 },
  lrSchedulerType: "reduce_lr_on_plateau",
  lrSchedulerKwargs: { patience: 1, factor: 0.5 },
  ...{ metricForBestModel: "score", greaterIsBetter: true },
};

/** Trains, perhaps until a cut, and gives the rate of each step. */
async function run(
  args: TrainingArguments,
  { cut, resume = false }: { cut?: number; resume?: boolean } = {},
) {
  const rates: number[] = [];
  const { model, trainer } = tinyTrainer(args, {
    evalDataset: tinyRows(5, 2),
    computeMetrics: () => ({
      score: SCORES[trainer.state.globalStep - 1] ?? NaN,
    }),
    callbacks: [{
      onStepBegin({ optimizer }) {
        rates.push(optimizer?.learningRate ?? NaN);
      },
      onStepEnd({ state, control }: TrainerEvent) {
        if (state.globalStep !== cut) return;
        control.shouldSave = true;
        control.shouldTrainingStop = true;
      },
    }],
  });
  try {
    await trainer.train({ resumeFromCheckpoint: resume });
    const weights = await readAll(model.parameters());
    return { rates, weights, log: timeless(trainer.state.logHistory) };
  } finally {
    model.dispose();
  }
}

gpuTest("the rate falls after evaluations that are no better", async () => {
  const { rates, weights, log } = await run(ARGS);
  // The fourth one is the second in a row without a gain, as is the last.
  assertEquals(rates, [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]);
  assertEquals(
    log.flatMap(({ learning_rate }) => learning_rate ?? []),
    rates,
  );
  assertEquals((await run({ ...ARGS, capture: false })).weights, weights);
  // Lower is better: the first score is never surpassed.
  const lower = await run({ ...ARGS, greaterIsBetter: false });
  assertEquals(lower.rates, [0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]);
  const cooled = await run({
    ...ARGS,
    greaterIsBetter: false,
    lrSchedulerKwargs: { patience: 0, cooldown: 1, minLr: 0.2, factor: 0.5 },
  });
  assertEquals(cooled.rates, [0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]);
});

gpuTest("a run on a plateau resumes with equal bits", async () => {
  await inFolder(async (root) => {
    const whole = await run(ARGS);
    for (const cut of [2, 3, 4, 6]) {
      const args = { ...ARGS, outputDir: `${root}/${cut}`, saveSteps: 100 };
      const first = await run(args, { cut });
      const rest = await run(args, { resume: true });
      assertEquals([...first.rates, ...rest.rates], whole.rates);
      assertEquals(rest.weights, whole.weights, `cut after step ${cut}`);
      assertEquals(rest.log, whole.log);
    }
    const other: TrainingArguments = {
      ...ARGS,
      ...{ outputDir: `${root}/2`, lrSchedulerType: "linear" },
      lrSchedulerKwargs: {},
    };
    await assertRejects(
      () => run(other, { resume: true }),
      TypeError,
      "Cannot load the scheduler's state: it is of another schedule",
    );
  });
});

gpuTest("a plateau that is given follows the loss of evaluations", async () => {
  const { model } = tinyTrainer({});
  const optimizer = new SGD(model.parameters(), { learningRate: 0.5 });
  // With this threshold, no loss is a gain on the first one.
  const plateau = new ReduceLROnPlateau(optimizer, {
    ...{ threshold: 1e9, patience: 1, factor: 0.1 },
    thresholdMode: "abs",
  });
  const { model: own, trainer } = tinyTrainer({
    ...{ maxSteps: 4, evalStrategy: "steps", evalSteps: 1 },
  }, { model, evalDataset: tinyRows(3), optimizers: [optimizer, plateau] });
  await trainer.train();
  const { logHistory } = trainer.state;
  const [first] = logHistory.flatMap(({ eval_loss }) => eval_loss ?? []);
  assertEquals(plateau.best, first);
  assertEquals(optimizer.learningRate, 0.5 * 0.1);
  optimizer.dispose();
  own.dispose();
  model.dispose();
});
