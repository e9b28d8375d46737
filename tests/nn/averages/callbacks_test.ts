// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { readAll } from "../../../engine/mod.ts";
import {
  ASWACallback,
  EMACallback,
  Linear,
  SWACallback,
  type Trainer,
  type TrainerCallback,
  type TrainerEvent,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import { assertClose, gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { type Tiny, tinyTrainer } from "../trainer/_tiny.ts";

/** The weights of a model, one after the other. */
async function weightsOf(model: Tiny | Linear): Promise<number[]> {
  const values = await readAll([...model.namedParameters().values()]);
  return values.flatMap((own) => [...own]);
}

/** Runs with callbacks, and gives the weights after each epoch and at the end. */
async function run(
  args: TrainingArguments,
  make: (model: Tiny) => (TrainerCallback & Disposable)[],
  resumeFromCheckpoint?: string,
): Promise<{ epochs: number[][]; rates: number[]; end: number[] }> {
  const epochs: number[][] = [];
  const rates: number[] = [];
  const callbacks: TrainerCallback[] = [];
  const { model, trainer } = tinyTrainer({
    learningRate: 0.05,
    perDeviceTrainBatchSize: 4,
    lrSchedulerType: "constant",
    ...args,
  }, { callbacks });
  const made = make(model);
  const seen: TrainerCallback = {
    async onEpochEnd() {
      epochs.push(await weightsOf(model));
    },
    onStepBegin: ({ optimizer }: TrainerEvent) =>
      void rates.push(optimizer?.learningRate ?? NaN),
  };
  for (const callback of [...made, seen]) trainer.addCallback(callback);
  await (trainer as Trainer<unknown>).train(
    resumeFromCheckpoint === undefined ? {} : { resumeFromCheckpoint },
  );
  const end = await weightsOf(model);
  for (const callback of made) callback[Symbol.dispose]();
  model.dispose();
  return { epochs, rates, end };
}

/** The mean of lists of numbers. */
function meanOf(lists: readonly number[][]): number[] {
  return lists[0]?.map((_, i) =>
    lists.reduce((sum, list) => sum + (list[i] ?? NaN), 0) / lists.length
  ) ?? [];
}

gpuTest("SWA gives the model the mean of the epochs that count", async () => {
  const { epochs, rates, end } = await run(
    { numTrainEpochs: 7 },
    (model) => [new SWACallback(model, { swaStartEpoch: 2, swaCEpochs: 2 })],
  );
  const counted = [2, 4, 6].map((epoch) => epochs[epoch] ?? []);
  assertClose(end, meanOf(counted), { absolute: 1e-6, relative: 1e-6 });
  assertEquals(new Set(rates), new Set([0.05]));
});

gpuTest("SWA lowers the rate after the first half of the run", async () => {
  const { rates } = await run(
    { numTrainEpochs: 10, perDeviceTrainBatchSize: 11 },
    (model) => [new SWACallback(model, { swaStartEpoch: 5, swaLr: 0.01 })],
  );
  // 1 - (1 - 0.2)(t - 0.5) / 0.4 of the rate, from t = 0.6 on.
  const factors = [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2];
  rates.forEach((rate, i) =>
    assertAlmostEquals(rate, 0.05 * (factors[i] ?? NaN), 1e-9)
  );
});

gpuTest(
  "an exponential average follows steps, or epochs as in dicee",
  async () => {
    const { epochs, end } = await run(
      { numTrainEpochs: 4 },
      (model) => [new EMACallback(model, { decay: 0.5, emaCEpochs: 1 })],
    );
    const expected = epochs.reduce((average, weights, i) =>
      i === 0 ? weights : average.map((x, k) => (x + (weights[k] ?? NaN)) / 2)
    );
    assertClose(end, expected, { absolute: 1e-6, relative: 1e-6 });
    let count = 0;
    await run({ maxSteps: 5 }, (model) => {
      const ema = new EMACallback(model, { warmup: true });
      return [Object.assign(ema, {
        onSave: () => void (count = ema.averaged.nAveraged),
        [Symbol.dispose]() {
          count = ema.averaged.nAveraged;
          ema.dispose();
        },
      })];
    });
    assertEquals(count, 5);
  },
);

gpuTest("a run that resumes has the averages of the uncut run", async () => {
  const make = (model: Tiny) => [
    new SWACallback(model, { swaStartEpoch: 1, swaLr: 0.01 }),
  ];
  const emas = (model: Tiny) => [new EMACallback(model, { decay: 0.9 })];
  for (const callbacks of [make, emas]) {
    await inFolder(async (outputDir) => {
      const args = { numTrainEpochs: 5, outputDir, saveSteps: 4 };
      const whole = await run(args, callbacks);
      const rest = await run(args, callbacks, `${outputDir}/checkpoint-8`);
      assertEquals(rest.end, whole.end);
    });
  }
});

/** Feeds a callback with weights and what they measure. */
async function aswa(
  path: readonly (readonly [weight: number, value: number])[],
  valueOf: (weight: number) => number,
): Promise<{ callback: ASWACallback; average: number; model: Linear }> {
  const model = new Linear(1, 1, { bias: false });
  const values = new Map(path);
  const callback = new ASWACallback(model, {
    evaluate: async () => {
      const weight = await model.weight.item();
      return values.get(weight) ?? valueOf(weight);
    },
  });
  for (const [weight] of path) {
    model.weight.write([weight]);
    await callback.onEpochEnd(eventOf(model));
  }
  const [average] = callback.averaged.namedTensors().values();
  return { callback, average: await average?.item() ?? NaN, model };
}

gpuTest(
  "ASWA begins anew after a hard update, whose weights then count",
  async () => {
    // 4 alone is better than the mean of 0 and 4; and 4 with 6 is better still.
    const { callback, average, model } = await aswa(
      [[0, 1], [4, 5], [6, 2]],
      (weight) => weight === 2 ? 3 : weight === 5 ? 7 : 0,
    );
    assertEquals(callback.updates, ["first", "hard", "soft"]);
    // dicee would give 6: the weights of the hard update had no share.
    assertEquals([average, callback.value], [5, 7]);
    callback.onTrainEnd({} as TrainerEvent);
    assertEquals(await model.weight.item(), 5);
    callback.dispose();
    model.dispose();
  },
);

gpuTest(
  "ASWA rejects weights that help neither alone nor in the mean",
  async () => {
    const { callback, average, model } = await aswa(
      [[0, 4], [8, 1], [2, 3]],
      (weight) => weight === 1 ? 6 : weight === 4 ? 2 : 0,
    );
    assertEquals(callback.updates, ["first", "reject", "soft"]);
    assertEquals([average, callback.value], [1, 6]);
    callback.dispose();
    model.dispose();
  },
);

gpuTest("the value of ASWA's average never gets worse", async () => {
  // A bumpy function of the weight, and a path that jumps about.
  const valueOf = (w: number) => Math.sin(5 * w) - 0.1 * w * w;
  const weights = Array.from({ length: 12 }, (_, i) => 2 * Math.sin(i * i));
  const model = new Linear(1, 1, { bias: false });
  using callback = new ASWACallback(model, {
    evaluate: async () => valueOf(await model.weight.item()),
  });
  let before = -Infinity;
  for (const weight of weights) {
    model.weight.write([weight]);
    await callback.onEpochEnd(eventOf(model));
    assert(callback.value >= before);
    before = callback.value;
  }
  const seen = new Set(callback.updates);
  assert(seen.has("hard") && seen.has("soft") && seen.has("reject"));
  const value = await callback.averaged.withAverage(async () =>
    valueOf(await model.weight.item())
  );
  assertAlmostEquals(value, callback.value, 1e-6);
  model.dispose();
});

gpuTest("numbers of epochs that make no sense are refused", () => {
  using model = new Linear(1, 1);
  assertThrows(
    () => new SWACallback(model, { swaStartEpoch: -1 }),
    RangeError,
    "swaStartEpoch -1",
  );
  assertThrows(
    () => new SWACallback(model, { swaStartEpoch: 0, swaCEpochs: 0.5 }),
    RangeError,
    "swaCEpochs 0.5",
  );
  assertThrows(
    () => new EMACallback(model, { decay: 2 }),
    RangeError,
    "decay 2",
  );
  using swa = new SWACallback(model, { swaStartEpoch: 3 });
  assertThrows(
    () => swa.onTrainBegin({ state: { numTrainEpochs: 3 } } as TrainerEvent),
    RangeError,
    "the run has 3 epochs",
  );
});

function eventOf(model: Linear): TrainerEvent {
  return { model } as Partial<TrainerEvent> as TrainerEvent;
}
