// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
} from "@std/assert";
import {
  defaultGenerator,
  type Device,
  manualSeed,
  mul,
  readAll,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  AdamW,
  batches,
  crossEntropy,
  Dropout,
  Linear,
  linearSchedule,
  mseLoss,
  Scheduler,
  SGD,
  train,
  type TrainOptions,
  type TrainReport,
} from "../../nn/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";

/** The same gradients summed in two orders, in 32 bits. */
const SAME = 1e-5;

const ROWS = 12;
const X = randomValues(ROWS * 3, 1);
const Y = randomValues(ROWS * 2, 2);

/** Trains a linear model on fixed data. `run` changes the options. */
async function fit(
  options: Partial<TrainOptions<ArrayLike<number>>> & { batchSize?: number },
) {
  manualSeed(3);
  const model = new Linear(3, 2);
  const optimizer = new SGD(model.parameters(), {
    learningRate: 0.1,
    momentum: 0.9,
  });
  const gather = (
    values: Float32Array,
    rows: ArrayLike<number>,
    width: number,
  ) =>
    tensor(
      Float32Array.from(
        { length: rows.length * width },
        (_, i) =>
          values[(rows[Math.floor(i / width)] ?? 0) * width + i % width] ?? 0,
      ),
      { shape: [rows.length, width] },
    );
  const { batchSize = 4, ...rest } = options;
  const all = {
    epochs: 2,
    batches: (epoch: number) =>
      batches(ROWS, batchSize, { shuffle: true, epoch }),
    step: (rows: ArrayLike<number>) =>
      mseLoss(model.forward(gather(X, rows, 3)), gather(Y, rows, 2)),
    optimizer,
    ...rest,
  };
  try {
    const result = await train(all);
    const [weight, bias] = await readAll([
      model.weight,
      ...model.bias ? [model.bias] : [],
    ]);
    return { result, values: [...weight ?? [], ...bias ?? []] };
  } finally {
    optimizer.dispose();
    model.dispose();
  }
}

gpuTest(
  "train() accumulates k batches to the step of one big batch",
  async () => {
    const big = await fit({ batchSize: 12, epochs: 5 });
    const small = await fit({
      batchSize: 3,
      gradientAccumulation: 4,
      epochs: 5,
    });
    assertEquals(small.result.step, big.result.step);
    small.values.forEach((value, i) =>
      assertAlmostEquals(value, big.values[i] ?? NaN, SAME)
    );
    assertAlmostEquals(small.result.loss, big.result.loss, SAME);
  },
);

gpuTest(
  "train() makes a step of the last batches of an epoch, even if they are fewer",
  async () => {
    // Each epoch: 4 batches of 3 rows in groups of 3 and 1.
    const { result } = await fit({ batchSize: 3, gradientAccumulation: 3 });
    assertEquals(result.step, 4);
  },
);

gpuTest("train() reports every loss once, however often it reads", async () => {
  const done = [];
  for (const logEvery of [1, 2, 5, undefined]) {
    const logs: TrainReport[] = [];
    const epochs: TrainReport[] = [];
    const { result } = await fit({
      logEvery,
      onLog: (report) => void logs.push(report),
      onEpoch: (report) => void epochs.push(report),
    });
    done.push({ logs, epochs, result });
  }
  const expected = done[0]?.logs.flatMap(({ losses }) => [...losses]) ?? [];
  assertEquals(expected.length, 6);
  for (const { logs, epochs, result } of done) {
    assertEquals(logs.flatMap(({ losses }) => [...losses]), expected);
    assertEquals(epochs.flatMap(({ losses }) => [...losses]), expected);
    const last = expected.slice(3).reduce((sum, loss) => sum + loss) / 3;
    assertAlmostEquals(epochs[1]?.loss ?? NaN, last, SAME);
    assertAlmostEquals(result.loss, last, SAME);
    assertEquals([epochs[0]?.step, epochs[1]?.step], [3, 6]);
  }
});

gpuTest(
  "train() reads once per logEvery steps and at an epoch's end",
  async (device) => {
    const { reads } = device.stream.statistics();
    await fit({ batchSize: 1, epochs: 2, logEvery: 5 });
    // An epoch has 12 steps, with readings after 5, 10 and 12. The test itself
    // reads the weights.
    assertEquals(device.stream.statistics().reads - reads, 2 * 3 + 1);
  },
);

gpuTest("train() needs no new buffer after the first epoch", async (device) => {
  const created: number[] = [];
  await fit({
    epochs: 6,
    logEvery: 3,
    onEpoch: () => void created.push(device.pool.statistics().created),
  });
  assertEquals(created.at(-1), created[1]);
});

gpuTest("train() advances the scheduler after each step", async () => {
  const model = new Linear(1, 1);
  const optimizer = new SGD(model.parameters(), { learningRate: 1 });
  const rates: number[] = [];
  await train({
    epochs: 1,
    batches: () => [0, 1, 2, 3],
    step: (value) => mseLoss(model.forward(tensor([[value]])), tensor([[0]])),
    optimizer,
    scheduler: new Scheduler(optimizer, linearSchedule({ totalSteps: 4 })),
    logEvery: 1,
    onLog: ({ learningRate }) => void rates.push(learningRate),
  });
  assertEquals(rates, [1, 0.75, 0.5, 0.25]);
  optimizer.dispose();
  model.dispose();
});

gpuTest("train() limits the gradients by maxGradNorm", async () => {
  const model = new Linear(1, 1, { bias: false });
  model.weight.write([0]);
  const optimizer = new SGD(model.parameters(), { learningRate: 1 });
  const norms: number[] = [];
  await train({
    epochs: 1,
    batches: () => [1],
    step: () => mseLoss(model.forward(tensor([[10]])), tensor([[10]])),
    optimizer,
    maxGradNorm: 0.5,
    onLog: ({ gradNorm }) => void norms.push(gradNorm ?? NaN),
  });
  assertEquals(norms, [200]);
  // The gradient is -200, so it is clipped, and the step is the limit.
  assertAlmostEquals(await model.weight.item(), 0.5, SAME);
  optimizer.dispose();
  model.dispose();
});

gpuTest("train() names the step whose loss is not a number", async () => {
  for (const value of [NaN, Infinity]) {
    const model = new Linear(1, 1);
    const optimizer = new SGD(model.parameters());
    const error = await assertRejects(
      () =>
        train({
          epochs: 2,
          batches: () => [0, 1, 2, 3, 4].map((i) => i === 3 ? value : i),
          step: (x) => mseLoss(model.forward(tensor([[x]])), tensor([[0]])),
          optimizer,
          logEvery: 5,
        }),
      RangeError,
    );
    assertMatch(error.message, /the loss of step 4 is (NaN|Infinity),/);
    assertMatch(error.message, /labels outside of the classes, ids outside of/);
    optimizer.dispose();
    model.dispose();
  }
});

/** Trains with dropout, clipping, a scheduler and `inputs`. */
async function fitByInputs(
  device: Device,
  options: { capture?: boolean; gradientAccumulation?: number },
) {
  manualSeed(3);
  const model = new Linear(3, 2);
  const dropout = new Dropout(0.5);
  const optimizer = new AdamW(model.parameters(), { learningRate: 0.1 });
  const losses: number[] = [];
  let runs = 0;
  const before = device.stream.statistics().dispatches;
  const result = await train({
    epochs: 4,
    // 12 rows: 3 batches of 5, 5 and 2, so that groups of 2 end with 1.
    batches: (epoch) => batches(ROWS, 5, { shuffle: true, epoch }),
    inputs: (rows) => ({
      x: {
        data: Float32Array.from(
          { length: rows.length * 3 },
          (_, i) => X[(rows[Math.floor(i / 3)] ?? 0) * 3 + i % 3] ?? 0,
        ),
        shape: [rows.length, 3],
      },
      y: {
        data: Float32Array.from(
          { length: rows.length * 2 },
          (_, i) => Y[(rows[i >> 1] ?? 0) * 2 + i % 2] ?? 0,
        ),
        shape: [rows.length, 2],
      },
    }),
    step({ x, y }: { x: Tensor; y: Tensor }) {
      runs++;
      return mseLoss(model.forward(dropout.forward(x)), y);
    },
    optimizer,
    scheduler: new Scheduler(optimizer, linearSchedule({ totalSteps: 12 })),
    maxGradNorm: 0.5,
    logEvery: 3, // Each reading looks at the weights: as many in every run.
    onLog: (report) => void losses.push(...report.losses),
    ...options,
  });
  const state = await readAll([
    ...model.parameters(),
    ...optimizer.moments.flat(),
  ]);
  const dispatches = device.stream.statistics().dispatches - before;
  const { position } = defaultGenerator();
  optimizer.dispose();
  model.dispose();
  return { same: { result, state, losses, position, dispatches }, runs };
}

gpuTest(
  "train() gives the same bits with and without capture",
  async (device) => {
    for (const gradientAccumulation of [1, 2]) {
      const options = { gradientAccumulation };
      const eager = await fitByInputs(device, { ...options, capture: false });
      const captured = await fitByInputs(device, options);
      assertEquals(captured.same, eager.same);
      assertEquals(eager.runs, 12);
      assert(captured.runs <= 6, `${captured.runs} runs of the step`);
    }
  },
);

gpuTest(
  "train() fails if its last step makes the weights diverge",
  async () => {
    for (const learningRate of [1e38, 1e30]) {
      for (const logEvery of [undefined, 1, 3]) {
        for (const captured of [false, true]) {
          const model = new Linear(1, 1);
          const optimizer = new AdamW(model.parameters(), { learningRate });
          const value = { data: Float32Array.of(1), shape: [1, 1] };
          const losses: number[] = [];
          let epochs = 0;
          const common = {
            epochs: 1,
            batches: () => [1],
            optimizer,
            onLog: (report: TrainReport) => void losses.push(...report.losses),
            onEpoch: () => void epochs++,
            ...logEvery === undefined ? {} : { logEvery },
          };
          const loss = (x: Tensor) => mseLoss(model.forward(x), x);
          const error = await assertRejects(
            () =>
              captured
                ? train({
                  ...common,
                  inputs: () => ({ x: value }),
                  step: ({ x }) => loss(x),
                })
                : train({ ...common, step: () => loss(tensor([[1]])) }),
            RangeError,
          );
          assertMatch(
            error.message,
            /after step 1 one of a parameter of shape \[/,
          );
          assertEquals(epochs, 0); // Nothing was saved or collected of it.
          assert(losses.every(Number.isFinite));
          optimizer.dispose();
          model.dispose();
        }
      }
    }
  },
);

gpuTest("train() checks only the weights that it trains", async () => {
  const model = new Linear(1, 1);
  model.placeParameters();
  model.bias?.write([NaN]);
  model.freeze("bias");
  const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
  const { step } = await train({
    epochs: 2,
    batches: () => [1],
    step: () => mseLoss(mul(model.weight, 2), tensor([[1]])),
    optimizer,
  });
  assertEquals(step, 2);
  optimizer.dispose();
  model.dispose();
});

gpuTest("train() infers the types of a step's inputs", async () => {
  const model = new Linear(2, 2);
  const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
  const seen: unknown[] = [];
  await train({
    epochs: 1,
    batches: () => [[1, 2], [3, 4]],
    inputs: (row) => ({
      x: { data: Float32Array.from(row), shape: [1, 2] },
      labels: Int32Array.of(1),
      kind: "one" as const,
    }),
    step({ labels, kind, ...inputs }) {
      const x: Tensor = inputs.x;
      const name: "one" = kind;
      seen.push(x.shape, labels.shape, name);
      return crossEntropy(model.forward(x), labels);
    },
    optimizer,
  });
  assertEquals(seen.slice(0, 3), [[1, 2], [1], "one"]);
  optimizer.dispose();
  model.dispose();
});

gpuTest("train() stops between two steps when the signal says so", async () => {
  const controller = new AbortController();
  let steps = 0;
  const { result } = await fit({
    epochs: 100,
    signal: controller.signal,
    onStep({ step }) {
      steps = step;
      if (step === 7) controller.abort();
    },
  });
  assertEquals([result.aborted, result.step, steps, result.epoch], [
    true,
    7,
    7,
    2,
  ]);
  assert(Number.isFinite(result.loss));
});

gpuTest("train() notices signals that arrive while it runs", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  const { result } = await fit({
    epochs: 100_000,
    signal: controller.signal,
    logEvery: 2,
  });
  assert(result.aborted);
});

gpuTest(
  "train() takes asynchronous batches and callbacks that wait",
  async () => {
    const order: string[] = [];
    const { result } = await fit({
      epochs: 1,
      batches: async function* () {
        for (const rows of [[0, 1], [2, 3]]) {
          await Promise.resolve();
          yield rows;
        }
      },
      async onStep({ step }) {
        await Promise.resolve();
        order.push(`step ${step}`);
      },
      async onEpoch() {
        await Promise.resolve();
        order.push("epoch");
      },
    });
    assertEquals(order, ["step 1", "step 2", "epoch"]);
    assertEquals(result.step, 2);
  },
);

gpuTest(
  "train() refuses options that are out of range or unknown",
  async () => {
    const cases: [Parameters<typeof fit>[0], string][] = [
      [{ epochs: 0 }, "Cannot train with epochs 0"],
      [{ gradientAccumulation: 1.5 }, "gradientAccumulation 1.5"],
      [{ logEvery: 0 }, "logEvery 0"],
      [{ maxGradNorm: 0 }, "maxGradNorm 0"],
      [{ logInterval: 1 } as object, 'Cannot train with option "logInterval"'],
      [{ batches: () => [] }, "epoch 0 has no batches"],
      [{ step: () => ({}) }, "the step returned no loss"],
      [{ step: () => tensor([1, 2]) }, "a loss of shape [2]"],
    ];
    for (const [options, message] of cases) {
      const error = await assertRejects(() => fit(options), Error);
      assert(error.message.includes(message), error.message);
    }
  },
);
