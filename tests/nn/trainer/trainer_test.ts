// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  argmax,
  crossEntropy,
  hasDType,
  manualSeed,
  mul,
  readAll,
  type Tensor,
} from "../../../engine/mod.ts";
import {
  AdamW,
  constantSchedule,
  decayParameterNames,
  defaultDataCollator,
  EarlyStoppingCallback,
  Scheduler,
  train,
  Trainer,
  type TrainerCallback,
  type TrainerEvent,
  type TrainerProgress,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import { assertClose, gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import {
  Tiny,
  type TinyInputs,
  type TinyRow,
  tinyRows,
  tinyTrainer,
} from "./_tiny.ts";

gpuTest("a Trainer makes the steps of train()", async () => {
  const { model, trainer } = tinyTrainer({
    ...{ perDeviceTrainBatchSize: 4, learningRate: 0.1, weightDecay: 0.2 },
    ...{ numTrainEpochs: 2, lrSchedulerType: "constant", seed: 9 },
  });
  const { trainingLoss } = await trainer.train();
  const values = await readAll(model.parameters());
  model.dispose();

  const rows = tinyRows(11);
  const { model: other } = tinyTrainer({});
  const { first, norm, last } = other;
  const kept = [first.bias, norm.weight, norm.bias, last.bias];
  const optimizer = new AdamW([
    { parameters: [first.weight, last.weight], weightDecay: 0.2 },
    { parameters: kept.filter((p) => p !== undefined), weightDecay: 0 },
  ], { learningRate: 0.1 });
  manualSeed(9);
  const losses: number[] = [];
  const { batches } = await import("../../../nn/mod.ts");
  await train({
    epochs: 2,
    batches: (epoch) => batches(11, 4, { shuffle: true, seed: 9, epoch }),
    inputs: (numbers) =>
      defaultDataCollator([...numbers].map((i) => rows[i])) as never,
    step: (inputs: TinyInputs) => other.forward(inputs),
    optimizer,
    maxGradNorm: 1,
    onLog: (report) => void losses.push(...report.losses),
  });
  assertEquals(await readAll(other.parameters()), values);
  assertEquals(losses.reduce((sum, x) => sum + x) / 6, trainingLoss);
  optimizer.dispose();
  other.dispose();
});

gpuTest("events come in Hugging Face's order", async () => {
  await inFolder(async (outputDir) => {
    const events: string[] = [];
    const names = [
      ...["onTrainBegin", "onEpochBegin", "onStepBegin", "onStepEnd"],
      ...["onEvaluate", "onLog", "onSave", "onEpochEnd", "onTrainEnd"],
      "onPredict",
    ] as const;
    const callback: TrainerCallback = Object.fromEntries(
      names.map((
        name,
      ) => [
        name,
        ({ state }: TrainerEvent) =>
          void events.push(`${name.slice(2)} ${state.globalStep}`),
      ]),
    );
    const { model, trainer } = tinyTrainer({
      ...{ outputDir, perDeviceTrainBatchSize: 6, numTrainEpochs: 2 },
      ...{ loggingSteps: 3, evalStrategy: "epoch", saveSteps: 3 },
    }, { callbacks: [callback], evalDataset: tinyRows(3) });
    await trainer.train();
    await trainer.predict(tinyRows(2));
    model.dispose();
    assertEquals(events, [
      ...["TrainBegin 0", "EpochBegin 0"],
      ...["StepBegin 0", "StepEnd 1", "StepBegin 1", "StepEnd 2"],
      ...["EpochEnd 2", "Log 2", "Evaluate 2", "EpochBegin 2"],
      ...["StepBegin 2", "StepEnd 3", "Log 3", "Save 3"],
      ...["StepBegin 3", "StepEnd 4", "Save 4"],
      ...["EpochEnd 4", "Log 4", "Evaluate 4", "Log 4", "TrainEnd 4"],
      "Predict 4",
    ]);
    const text = await Deno.readTextFile(`${outputDir}/trainer_state.json`);
    const file = JSON.parse(text);
    assertEquals([file.global_step, file.max_steps, file.epoch], [4, 4, 2]);
    assertEquals(file.log_history, trainer.state.logHistory);
    const log = await Deno.readTextFile(`${outputDir}/log.jsonl`);
    assertEquals(
      log.trim().split("\n").map((line) => JSON.parse(line)),
      trainer.state.logHistory,
    );
  });
});

gpuTest("callbacks stop, log, evaluate and save when they want", async () => {
  await inFolder(async (outputDir) => {
    const evaluated: number[] = [];
    const epochs: number[] = [];
    const { model, trainer } = tinyTrainer({
      ...{ outputDir, perDeviceTrainBatchSize: 2, numTrainEpochs: 3 },
    }, {
      evalDataset: tinyRows(3),
      callbacks: [{
        onEpochBegin: ({ state }) => void epochs.push(state.globalStep),
        onStepEnd({ state: { globalStep: step }, control }) {
          if (step === 2) control.shouldEpochStop = true;
          if (step === 3) control.shouldLog = true;
          if (step === 4) control.shouldEvaluate = true;
          if (step === 5) control.shouldSave = true;
          if (step === 6) control.shouldTrainingStop = true;
        },
        onEvaluate: ({ state }) => void evaluated.push(state.globalStep),
      }],
    });
    const { globalStep } = await trainer.train();
    model.dispose();
    assertEquals([globalStep, evaluated, epochs], [6, [4], [0, 2]]);
    const logged = trainer.state.logHistory.filter((entry) => "loss" in entry);
    assertEquals(logged.map(({ step }) => step), [3]);
    const folders = [...Deno.readDirSync(outputDir)]
      .filter(({ isDirectory }) => isDirectory);
    assertEquals(folders.map(({ name }) => name), ["checkpoint-5"]);
  });
});

gpuTest("a run tells its pace and its memory", async () => {
  const seen: TrainerProgress[] = [];
  const { model, trainer } = tinyTrainer({
    perDeviceTrainBatchSize: 4,
    numTrainEpochs: 2,
    loggingSteps: 3,
  }, {
    callbacks: [{
      onStepEnd({ progress }) {
        if (progress) seen.push(progress);
      },
    }],
  });
  const { metrics } = await trainer.train();
  model.dispose();
  assertEquals(seen.length, 6);
  for (const [i, progress] of seen.entries()) {
    const { elapsedSeconds, stepsPerSecond, secondsLeft } = progress;
    assertGreater(elapsedSeconds, 0);
    assertGreater(progress.gpuBytes, 100);
    assertAlmostEquals(stepsPerSecond * elapsedSeconds, i + 1, 1e-6);
    assertAlmostEquals(secondsLeft * stepsPerSecond, 5 - i, 1e-6);
  }
  const { train_runtime: time = NaN } = metrics;
  assertAlmostEquals(
    (metrics["train_samples_per_second"] ?? NaN) * time,
    22,
    1e-6,
  );
  assertAlmostEquals(
    (metrics["train_steps_per_second"] ?? NaN) * time,
    6,
    1e-6,
  );
});

gpuTest(
  "evaluate() gives the mean over rows, and leaves the mode",
  async () => {
    const rows = tinyRows(7);
    const seen: string[] = [];
    const { model, trainer } = tinyTrainer({ perDeviceEvalBatchSize: 3 }, {
      computeMetrics({ predictions, labels }) {
        const right = [...labels.data].filter((label, i) =>
          label === ((predictions.data[2 * i + 1] ?? 0) >
              (predictions.data[2 * i] ?? 0)
            ? 1
            : 0)
        );
        return { accuracy: right.length / labels.data.length, eval_n: 7 };
      },
      callbacks: [{
        onEvaluate: ({ metrics }) =>
          void seen.push(...Object.keys(metrics ?? {})),
      }],
    });
    assert(model.training);
    const metrics = await trainer.evaluate(rows);
    assert(model.training && model.dropout.training);
    model.eval();
    const { x, labels } = defaultDataCollator(rows);
    const { tensor } = await import("../../../engine/mod.ts");
    const logits = model.forward({
      x: tensor(x?.data ?? [], { shape: x?.shape ?? [] }),
    } as TinyInputs).logits;
    const target = tensor(labels?.data ?? [], { dtype: "i32" });
    const loss = await crossEntropy(logits, target).item();
    assertAlmostEquals(metrics["eval_loss"] ?? NaN, loss, 1e-6);
    assertEquals(Object.keys(metrics), [
      ...["eval_loss", "eval_accuracy", "eval_n", "eval_runtime"],
      ...["eval_samples_per_second", "eval_steps_per_second"],
    ]);
    assertEquals(seen, Object.keys(metrics));
    const named = await trainer.evaluate(rows, { metricKeyPrefix: "dev" });
    assertEquals(named["dev_accuracy"], metrics["eval_accuracy"]);
    const { predictions, outputs } = await trainer.predict(rows);
    assertClose(predictions.data, await logits.data());
    assertEquals(outputs["logits"], predictions);
    assertEquals(trainer.state.logHistory.length, 2);
    model.dispose();
  },
);

gpuTest(
  "predict() needs no labels, and pads what differs in length",
  async () => {
    const { model } = tinyTrainer({});
    const trainer = new Trainer({
      model,
      args: { perDeviceEvalBatchSize: 2 },
      dataCollator(rows: number[]) {
        const [length = 0] = rows;
        const data = Float32Array.from(
          { length: rows.length * length * 3 },
          () => 1,
        );
        return { x: { data, shape: [rows.length, length, 3] } };
      },
    });
    const { predictions, labels, metrics } = await trainer.predict([
      2,
      2,
      3,
      3,
      1,
    ]);
    model.dispose();
    assertEquals(predictions.shape, [5, 3, 2]);
    assertEquals(labels.shape, [0]);
    assert(!("test_loss" in metrics));
    const one = [...predictions.data.subarray(0, 2)];
    const filled = [-100, -100];
    assertEquals(
      [...predictions.data],
      [
        ...[one, one, filled, one, one, filled],
        ...[one, one, one, one, one, one],
        ...[one, filled, filled],
      ].flat(),
    );
  },
);

gpuTest("preprocessLogitsForMetrics makes outputs smaller", async () => {
  const { model, trainer } = tinyTrainer({ perDeviceEvalBatchSize: 2 }, {
    preprocessLogitsForMetrics: ({ logits }) =>
      argmax(logits as Tensor, { axis: 1 }),
    computeMetrics: ({ predictions, labels }) => {
      assertEquals(predictions.shape, labels.shape);
      assert(predictions.data.every((x) => x === 0 || x === 1));
      return { n: predictions.data.length };
    },
  });
  assertEquals((await trainer.evaluate(tinyRows(5)))["eval_n"], 5);
  model.dispose();
});

gpuTest("class weights, soft targets and a loss of one's own", async () => {
  const rows = tinyRows(6);
  const lossOf = async (
    options: Parameters<typeof tinyTrainer>[1],
    own: readonly TinyRow[] = rows,
  ) => {
    const { model, trainer } = tinyTrainer({ learningRate: 0.1 }, options);
    const { predictions, metrics } = await trainer.predict([...own])
      .catch((error) => {
        model.dispose();
        throw error;
      });
    await trainer.train(); // The loss can be trained on, too.
    model.dispose();
    const logits = rows.map((
      _,
      i,
    ) => [...predictions.data.slice(2 * i, 2 * i + 2)]);
    const logProbabilities = logits.map((z) => {
      const total = Math.log(z.reduce((sum, x) => sum + Math.exp(x), 0));
      return z.map((x) => x - total);
    });
    return { loss: metrics["test_loss"] ?? NaN, logProbabilities };
  };
  const weights = [1, 3];
  const weighted = await lossOf({ classWeights: weights });
  let sum = 0;
  let total = 0;
  rows.forEach(({ label }, i) => {
    const weight = weights[label] ?? NaN;
    sum -= weight * (weighted.logProbabilities[i]?.[label] ?? NaN);
    total += weight;
  });
  assertAlmostEquals(weighted.loss, sum / total, 1e-5);

  const soft = (batch: TinyRow[]) => ({
    x: defaultDataCollator(batch)["x"],
    labels: {
      data: Float32Array.from(
        batch.flatMap(({ label }) => label ? [0.2, 0.8] : [0.7, 0.3]),
      ),
      shape: [batch.length, 2],
    },
  });
  const softened = await lossOf({ softTargets: true, dataCollator: soft });
  const expected = rows.map(({ label }, i) => {
    const [a = NaN, b = NaN] = softened.logProbabilities[i] ?? [];
    return label ? -0.2 * a - 0.8 * b : -0.7 * a - 0.3 * b;
  });
  assertAlmostEquals(
    softened.loss,
    expected.reduce((sum, x) => sum + x) / 6,
    1e-5,
  );

  const plain = await lossOf({});
  const own = await lossOf({
    computeLoss(inputs: TinyInputs, model) {
      const { logits, loss } = model.forward(inputs);
      return { logits, loss: mul(loss as Tensor, 2) };
    },
  });
  assertAlmostEquals(own.loss, 2 * plain.loss, 1e-5);
  await assertRejects(
    () => lossOf({ softTargets: true }),
    TypeError,
    "soft targets are probabilities of each class, of f32",
  );
});

Deno.test("settings of the loss that contradict are refused", () => {
  const model = new Tiny();
  const computeLoss = (inputs: TinyInputs) => model.forward(inputs);
  const make = (options: object, args: TrainingArguments = {}) => () =>
    new Trainer({ model, computeLoss, args, ...options } as never);
  for (
    const [options, name] of [
      [{ classWeights: [1, 2] }, "classWeights"],
      [{ softTargets: true }, "softTargets"],
    ] as const
  ) {
    assertThrows(
      make(options),
      TypeError,
      `Cannot use ${name} with computeLoss`,
    );
  }
  assertThrows(
    make({}, { labelSmoothingFactor: 0.1 }),
    TypeError,
    "Cannot use labelSmoothingFactor with computeLoss",
  );
  assertThrows(
    make({ tokenizer: {} }),
    TypeError,
    'Cannot make a Trainer with option "tokenizer"',
  );
  assertThrows(
    make({}, { evalStrategy: "epoch" }),
    TypeError,
    "there is no evalDataset",
  );
  assertThrows(make({ trainDataset: [] }), RangeError, "it has no rows");
  assertThrows(make({ trainDataset: 3 }), TypeError, "must be an array");
  const named = () => ({ name: "a", stateDict: () => ({}) });
  assertThrows(
    make({ callbacks: [named(), named()] }),
    TypeError,
    "a second callback with the name a",
  );
});

gpuTest("datasets may be asynchronous, and need no length", async () => {
  const rows = tinyRows(5);
  let epochs = 0;
  const streamed = {
    async *[Symbol.asyncIterator]() {
      epochs++;
      for (const row of rows) yield await Promise.resolve(row);
    },
  };
  const sizes: number[] = [];
  const dataCollator = async (batch: TinyRow[]) => {
    sizes.push(batch.length);
    return await Promise.resolve(defaultDataCollator(batch));
  };
  const args = { perDeviceTrainBatchSize: 2, maxSteps: 7 };
  const stream = tinyTrainer(args, { trainDataset: streamed, dataCollator });
  await stream.trainer.train();
  assertEquals(sizes.slice(0, 7), [2, 2, 1, 2, 2, 1, 2]);
  assertEquals(epochs, 3);
  assertEquals(stream.trainer.state.epoch, 2 + 1 / 7);
  const { metrics } = await stream.trainer.predict(streamed);
  const late = {
    length: 5,
    at: async (i: number) => await Promise.resolve(rows[i]),
  };
  const other = await stream.trainer.predict(late);
  assertEquals(other.metrics["test_loss"], metrics["test_loss"]);
  await assertRejects(
    () => stream.trainer.predict({ length: 2, at: () => undefined }),
    RangeError,
    "at(0) gave nothing, but its length is 2",
  );
  stream.model.dispose();
  const { model, trainer } = tinyTrainer({}, { trainDataset: streamed });
  await assertRejects(() => trainer.train(), RangeError, "set maxSteps");
  model.dispose();
});

gpuTest("optimizers can be given, and stay", async () => {
  const { model } = tinyTrainer({});
  const optimizer = new AdamW(model.parameters(), { learningRate: 0.25 });
  const scheduler = new Scheduler(optimizer, constantSchedule());
  const rates: number[] = [];
  const trainer = new Trainer({
    model,
    trainDataset: tinyRows(4),
    args: { numTrainEpochs: 2 },
    optimizers: [optimizer, scheduler],
    callbacks: [{
      onStepEnd: ({ optimizer }) =>
        void rates.push(optimizer?.learningRate ?? NaN),
    }],
  });
  await trainer.train();
  assertEquals([rates, optimizer.steps, scheduler.steps], [[0.25, 0.25], 2, 2]);
  optimizer.dispose();
  model.dispose();
});

gpuTest("frozen parameters are not trained", async () => {
  const { model, trainer } = tinyTrainer({
    learningRate: 0.1,
    numTrainEpochs: 1,
  });
  model.freeze("first");
  const before = await readAll([model.first.weight, model.last.weight]);
  await trainer.train();
  const after = await readAll([model.first.weight, model.last.weight]);
  assertEquals(after[0], before[0]);
  assert(after[1]?.some((x, i) => x !== before[1]?.[i]));
  model.dispose();
});

gpuTest("weight decay leaves out biases and norms, wherever they are", () => {
  const model = new Tiny();
  assertEquals(decayParameterNames(model), ["first.weight", "last.weight"]);
  const named = Object.assign(new Tiny(), {
    attention_norm: new Tiny().first,
    norms: new Tiny().first,
    LayerNorm: new Tiny().last,
  });
  assertEquals(decayParameterNames(named), [
    "first.weight",
    "last.weight",
    "norms.weight",
  ]);
});

gpuTest("a default collator keeps to one element type", async () => {
  const rows = [0, 1, 2, 2.5].map((label) => ({ x: [1, 2, 3.5], label }));
  const { model, trainer } = tinyTrainer({ perDeviceEvalBatchSize: 2 });
  await assertRejects(
    () => trainer.predict(rows),
    TypeError,
    'Cannot collate "labels": it is a Float32Array in this batch and was a ' +
      "Int32Array before",
  );
  model.dispose();
  assertThrows(
    () => defaultDataCollator(["text"]),
    TypeError,
    "expected objects",
  );
  assertThrows(
    () => defaultDataCollator([{ a: [1, 2] }, { a: [1] }]),
    TypeError,
    "length 2 in row 0 of the batch but 1 in row 1",
  );
  assertThrows(
    () => defaultDataCollator([{ a: [1] }, { a: "b" }]),
    TypeError,
    "row 1 of the batch has b",
  );
  assertEquals(
    defaultDataCollator([
      {
        flag: true,
        big: 2 ** 40,
        u: Uint32Array.of(2 ** 32 - 1),
        text: "left out",
      },
    ]),
    {
      flag: { data: Int32Array.of(1), shape: [1] },
      big: { data: Float32Array.of(2 ** 40), shape: [1] },
      u: { data: Uint32Array.of(2 ** 32 - 1), shape: [1, 1] },
    },
  );
});

/** Runs with given values of a metric, one an evaluation. */
async function stops(
  values: number[],
  { greaterIsBetter = true, ...options }: {
    greaterIsBetter?: boolean;
    earlyStoppingPatience?: number;
    earlyStoppingThreshold?: number;
  } = {},
): Promise<number> {
  const { model, trainer } = tinyTrainer({
    ...{ maxSteps: values.length, evalStrategy: "steps", evalSteps: 1 },
    ...{ metricForBestModel: "score", greaterIsBetter },
  }, {
    evalDataset: tinyRows(2),
    computeMetrics: () => ({
      score: values[trainer.state.globalStep - 1] ?? NaN,
    }),
    callbacks: [new EarlyStoppingCallback(options)],
  });
  const { globalStep } = await trainer.train();
  model.dispose();
  return globalStep;
}

gpuTest("EarlyStoppingCallback stops by Hugging Face's rule", async () => {
  assertEquals(await stops([1, 2, 2, 3]), 3);
  assertEquals(await stops([1, 2, 2, 3, 4]), 3);
  assertEquals(await stops([3, 2, 1, 1], { greaterIsBetter: false }), 4);
  const patient = { earlyStoppingPatience: 2 };
  assertEquals(await stops([1, 0, 2, 1, 1, 5], patient), 5);
  // The best one counts, though its gain was too small to end the waiting.
  const eager = { ...patient, earlyStoppingThreshold: 0.5 };
  assertEquals(await stops([1, 1.4, 1.8, 9], eager), 3);
  assertEquals(await stops([1, 1.6, 2.2, 2.8], eager), 4);
  for (
    const [options, message] of [
      [{ earlyStoppingPatience: 0 }, "earlyStoppingPatience 0"],
      [{ earlyStoppingThreshold: -1 }, "earlyStoppingThreshold -1"],
    ] as const
  ) {
    assertThrows(() => new EarlyStoppingCallback(options), RangeError, message);
  }
  const { model, trainer } = tinyTrainer({}, {
    callbacks: [new EarlyStoppingCallback()],
  });
  await assertRejects(
    () => trainer.train(),
    RangeError,
    "Cannot stop early without metricForBestModel",
  );
  model.dispose();
});

gpuTest("a metric that is missing is named", async () => {
  const { model, trainer } = tinyTrainer({
    ...{ evalStrategy: "epoch", metricForBestModel: "f1" },
  }, { evalDataset: tinyRows(2) });
  await assertRejects(
    () => trainer.train(),
    RangeError,
    'Cannot choose the best model by "f1": the evaluation gave "eval_loss"',
  );
  model.dispose();
});

gpuTest(
  "a Trainer trains once at a time, and again after an error",
  async () => {
    let fails = true;
    const { model, trainer } = tinyTrainer({ numTrainEpochs: 1 }, {
      callbacks: [{
        async onStepBegin() {
          await assertRejects(
            () => trainer.train(),
            TypeError,
            "training already",
          );
          if (fails) throw new Error("of the callback");
        },
      }],
    });
    await assertRejects(() => trainer.train(), Error, "of the callback");
    fails = false;
    assertEquals((await trainer.train()).globalStep, 2);
    assert(hasDType(model.last.weight, "f32"));
    model.dispose();
  },
);
