// Copyright 2026 the swagpu authors. MIT license.

// train() continues a run that was cut after a step.

import { assertEquals, assertRejects } from "@std/assert";
import {
  defaultGenerator,
  manualSeed,
  readAll,
  type Tensor,
} from "../../engine/mod.ts";
import {
  AdamW,
  batches,
  Dropout,
  Linear,
  linearSchedule,
  mseLoss,
  type ResumePoint,
  Scheduler,
  train,
} from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";

/** A model with dropout, and what trains it. */
function start() {
  manualSeed(3);
  const model = new Linear(1, 2);
  const dropout = new Dropout(0.5);
  const optimizer = new AdamW(model.parameters(), { learningRate: 0.1 });
  const schedule = linearSchedule({ totalSteps: 30 });
  const scheduler = new Scheduler(optimizer, schedule);
  const losses: number[] = [];
  const epochs: number[] = [];
  const run = async (
    options: { capture: boolean; resume?: ResumePoint; until?: number },
  ) => {
    const { until, ...rest } = options;
    const controller = new AbortController();
    let point: ResumePoint = { epoch: 0, step: 0, epochStep: 0 };
    await train({
      ...rest,
      epochs: 4,
      // 7 batches an epoch in groups of 2: the last step has one batch.
      batches: (epoch) => batches(7, 1, { shuffle: true, epoch }),
      inputs: (rows) => ({
        x: { data: Float32Array.from(rows), shape: [rows.length, 1] },
      }),
      step: ({ x }: { x: Tensor }) => {
        const y = model.forward(x);
        return mseLoss(dropout.forward(y), y);
      },
      optimizer,
      scheduler,
      gradientAccumulation: 2,
      signal: controller.signal,
      async onStep({ readLosses, ...state }) {
        if (state.step !== until) return;
        await readLosses();
        const { epoch, step, epochStep } = state;
        point = { epoch, step, epochStep };
        controller.abort();
      },
      onLog: (report) => void losses.push(...report.losses),
      onEpoch: ({ epoch }) => void epochs.push(epoch),
    });
    return point;
  };
  const states = async () => ({
    weights: await readAll(model.parameters()),
    optimizer: await optimizer.stateDict(),
    scheduler: scheduler.stateDict(),
    generator: defaultGenerator().stateDict(),
  });
  const load = (state: Awaited<ReturnType<typeof states>>) => {
    model.parameters().forEach((p, i) => p.write(state.weights[i] ?? []));
    optimizer.loadStateDict(state.optimizer);
    scheduler.loadStateDict(state.scheduler);
    defaultGenerator().loadStateDict(state.generator);
  };
  const free = () => {
    optimizer.dispose();
    model.dispose();
  };
  return { run, states, load, free, losses, epochs };
}

gpuTest("train() resumes after any step, bit for bit", async () => {
  for (const capture of [true, false]) {
    const whole = start();
    await whole.run({ capture });
    const expected = await whole.states();
    assertEquals(whole.epochs, [0, 1, 2, 3]);
    assertEquals(whole.losses.length, 16);
    for (const until of [1, 3, 4, 5, 10, 16]) {
      const first = start();
      const resume = await first.run({ capture, until });
      assertEquals(resume.step, until);
      const cut = await first.states();
      const second = start();
      second.load(cut);
      await second.run({ capture, resume });
      const label = `cut after step ${until}, captured: ${capture}`;
      assertEquals(await second.states(), expected, label);
      const losses = [...first.losses, ...second.losses];
      assertEquals(losses, whole.losses, label);
      assertEquals([...first.epochs, ...second.epochs], whole.epochs, label);
      first.free();
      second.free();
    }
    whole.free();
  }
});

gpuTest("train() refuses to resume from what is no step", async () => {
  const { run, free } = start();
  for (
    const change of [{ epoch: -1 }, { step: 0.5 }, { epochStep: NaN }]
  ) {
    const [[name, value] = []] = Object.entries(change);
    await assertRejects(
      () =>
        run({
          capture: true,
          resume: { epoch: 0, step: 1, epochStep: 1, ...change },
        }),
      RangeError,
      `Cannot train with resume.${name} ${value}: it must be a whole number of ` +
        "at least 0",
    );
  }
  free();
});
