// Copyright 2026 the swagpu authors. MIT license.

// Steps of several batches in which all labels count the same.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import {
  manualSeed,
  readAll,
  type Tensor,
  tensor,
  type TypedArray,
} from "../../../engine/mod.ts";
import {
  crossEntropy,
  Linear,
  Module,
  mseLoss,
  SGD,
  train,
  Trainer,
  type TrainerOptions,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";

interface Inputs {
  x: Tensor;
  labels?: Tensor<"i32">;
}

/** Classifies each of four tokens. */
class Tagger extends Module {
  linear: Linear = new Linear(3, 5);

  forward({ x, labels }: Inputs): { logits: Tensor; loss?: Tensor } {
    const logits = this.linear.forward(x);
    return labels ? { logits, loss: crossEntropy(logits, labels) } : { logits };
  }
}

interface Row {
  x: Float32Array;
  labels: number[];
}

/** Rows of four tokens, of which none to all have labels. */
function taggedRows(count: number): Row[] {
  const values = randomValues(count * 12, 3);
  return Array.from({ length: count }, (_, i) => ({
    x: values.slice(12 * i, 12 * (i + 1)),
    labels: Array.from(
      { length: 4 },
      (_, k) => k < (i * 7) % 5 ? (i * 3 + k) % 5 : -100,
    ),
  }));
}

function collate(rows: Row[]) {
  return {
    x: {
      data: Float32Array.from(rows.flatMap(({ x }) => [...x])),
      shape: [rows.length, 4, 3],
    },
    labels: {
      data: Int32Array.from(rows.flatMap(({ labels }) => labels)),
      shape: [rows.length, 4],
    },
  };
}

// deno-lint-ignore no-explicit-any -- the inputs of whatever collator there is
type Options = Partial<TrainerOptions<Row, any, Tagger>>;

/** Trains for some steps, and gives the weights and the mean loss. */
async function run(args: TrainingArguments, options: Options = {}) {
  manualSeed(4);
  const model = new Tagger();
  model.placeParameters();
  const trainer = new Trainer({
    model,
    args: {
      ...{ maxSteps: 7, optim: "sgd", learningRate: 0.5, maxGradNorm: 0 },
      ...args,
    },
    trainDataset: taggedRows(30),
    dataCollator: collate,
    ...options,
  });
  try {
    const { trainingLoss } = await trainer.train();
    const [weight, bias] = await readAll(model.parameters());
    return { values: [...weight ?? [], ...bias ?? []], loss: trainingLoss };
  } finally {
    model.dispose();
  }
}

/** Whether two lists of numbers differ by more than rounding. */
function differ(a: number[], b: number[]): boolean {
  return a.some((x, i) => Math.abs(x - (b[i] ?? NaN)) > 1e-3);
}

const LARGE = { perDeviceTrainBatchSize: 12 };
const SMALL: TrainingArguments = {
  perDeviceTrainBatchSize: 3,
  gradientAccumulationSteps: 4,
  averageTokensAcrossBatches: true,
};

gpuTest("several batches are as one large batch, label by label", async () => {
  for (const classWeights of [undefined, [1, 3, 0.5, 2, 1]]) {
    const options = classWeights ? { classWeights } : {};
    const large = await run(LARGE, options);
    const small = await run(SMALL, options);
    assertClose(Float32Array.from(small.values), large.values);
    assertAlmostEquals(small.loss, large.loss, 1e-6);
    const eager = await run({ ...SMALL, capture: false }, options);
    assertEquals(eager, small);
    const means = { ...SMALL, averageTokensAcrossBatches: false };
    // The last step of an epoch has 6 rows; without the argument it is as ever.
    assert(differ((await run(means, options)).values, large.values));
  }
});

gpuTest("a batch without labels is left out", async () => {
  // In batches of one row, every fifth has no label, and a loss of NaN.
  const single: TrainingArguments = {
    ...SMALL,
    perDeviceTrainBatchSize: 1,
    gradientAccumulationSteps: 12,
  };
  const large = await run(LARGE);
  const small = await run(single);
  assertClose(Float32Array.from(small.values), large.values);
  await assertRejects(
    () => run({ ...single, gradientAccumulationSteps: 1 }),
    RangeError,
    "is NaN",
  );
});

gpuTest("labels that are numbers count by rows", async () => {
  const options: Options = {
    computeLoss: ({ x, labels }, model) =>
      mseLoss(model.forward({ x }).logits, labels),
    dataCollator: (rows: Row[]) => ({
      x: collate(rows).x,
      labels: {
        data: Float32Array.from(rows.flatMap(({ x }) => [...x, ...x.slice(4)])),
        shape: [rows.length, 4, 5],
      },
    }),
  };
  // A step has batches of 11, 11 and 8 rows.
  const args = { perDeviceTrainBatchSize: 11, gradientAccumulationSteps: 3 };
  const averaged = { ...args, averageTokensAcrossBatches: true };
  const large = await run({ perDeviceTrainBatchSize: 30 }, options);
  const small = await run(averaged, options);
  assertClose(Float32Array.from(small.values), large.values);
  assert(differ((await run(args, options)).values, large.values));
});

gpuTest("train() weighs batches, with and without captured steps", async () => {
  const fit = async (isCaptured: boolean) => {
    manualSeed(4);
    const model = new Tagger();
    const optimizer = new SGD(model.parameters(), { learningRate: 0.5 });
    const rows = taggedRows(12);
    const common = {
      epochs: 4,
      batches: () => [[0, 1, 2, 3, 4], [6], [7, 8, 9, 11]],
      gradientAccumulation: 3,
      batchWeight: (batch: number[]) =>
        batch.flatMap((i) => rows[i]?.labels ?? [])
          .filter((label) => label !== -100).length,
      optimizer,
    };
    const feed = (batch: number[]) => collate(batch.map((i) => rows[i] as Row));
    const { loss } = isCaptured
      ? await train({
        ...common,
        inputs: feed,
        step: (inputs: Inputs) => model.forward(inputs),
      })
      : await train({
        ...common,
        step(batch) {
          const { x, labels } = feed(batch);
          return model.forward({
            x: tensor(x.data, { shape: x.shape }),
            labels: tensor(labels.data, { shape: labels.shape }),
          });
        },
      });
    const values = await readAll(model.parameters());
    optimizer.dispose();
    model.dispose();
    return { loss, values };
  };
  assertEquals(await fit(true), await fit(false));
});

gpuTest("weights that make no sense are refused", async () => {
  const model = new Tagger();
  const optimizer = new SGD(model.parameters(), { learningRate: 0.5 });
  for (const weight of [-1, NaN, Infinity]) {
    await assertRejects(
      () =>
        train({
          ...{ epochs: 1, optimizer, batches: () => [1] },
          step: () => mseLoss(model.linear.weight, model.linear.weight),
          batchWeight: () => weight,
        }),
      RangeError,
      `Cannot train on a batch of the weight ${weight}`,
    );
  }
  optimizer.dispose();
  model.dispose();
  const refusals: [Options, string][] = [
    [
      {
        dataCollator(rows: Row[]) {
          const { x, labels } = collate(rows);
          const { data, shape } = labels;
          return { x, labels: tensor(data as TypedArray, { shape }) };
        },
      },
      '"labels" is a tensor; let the collator give a host array',
    ],
    [
      { dataCollator: (rows: Row[]) => ({ x: collate(rows).x }) },
      "the inputs have no labels; name them by labelNames",
    ],
  ];
  for (const [options, message] of refusals) {
    await assertRejects(
      () => run(SMALL, options),
      TypeError,
      `Cannot average over the labels of several batches: ${message}`,
    );
  }
});
