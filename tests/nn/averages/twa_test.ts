// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { backward, readAll, scope, tensor } from "../../../engine/mod.ts";
import {
  AdamW,
  Linear,
  mseLoss,
  SGD,
  Trainer,
  type TrainerCallback,
  type TrainerEvent,
  type TrainingArguments,
  TWACallback,
  type TWACallbackOptions,
} from "../../../nn/mod.ts";
import { WeightSubspace } from "../../../nn/averages/weight_subspace.ts";
import { assertClose, gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { Tiny, tinyTrainer } from "../trainer/_tiny.ts";

/** Snapshots of a layer, of which one is the sum of two others. */
const SNAPSHOTS = [
  [[1, 0, 2], [0.5]],
  [[0, 1, -1], [1]],
  [[1, 1, 1], [1.5]],
] as const;

function spanned(model: Linear, options = {}): WeightSubspace {
  const subspace = new WeightSubspace(model, { most: 5, ...options });
  for (const [weight, bias] of SNAPSHOTS) {
    model.weight.write(weight);
    model.bias?.write(bias);
    subspace.take();
  }
  return subspace;
}

/** The gradients of a layer, after a projection. */
async function projected(
  model: Linear,
  subspace: WeightSubspace,
  gradient: readonly number[],
): Promise<number[]> {
  const segment = model.weight.location?.segment;
  assert(segment && model.bias);
  model.weight.gradientTarget().write(gradient.slice(0, 3));
  model.bias.gradientTarget().write(gradient.slice(3));
  subspace.project([segment]);
  const values = await readAll([
    model.weight.gradientTarget(),
    model.bias.gradientTarget(),
  ]);
  return values.flatMap((own) => [...own]);
}

gpuTest(
  "a projection is idempotent, and keeps what the snapshots span",
  async () => {
    using model = new Linear(3, 1);
    using subspace = spanned(model);
    await subspace.span();
    assertEquals(subspace.rank, 2);
    const once = await projected(model, subspace, [3, -1, 2, 0.5]);
    const twice = await projected(model, subspace, once);
    assertClose(twice, once, { absolute: 1e-5, relative: 1e-5 });
    for (const [weight, bias] of SNAPSHOTS) {
      const own = [...weight, ...bias];
      const kept = await projected(model, subspace, own);
      assertClose(kept, own, { absolute: 1e-5, relative: 1e-5 });
    }
    // What is orthogonal to both goes: (2, -1, -1, 0) · each snapshot is 0.
    const none = await projected(model, subspace, [2, -1, -1, 0]);
    assertClose(none, [0, 0, 0, 0], { absolute: 1e-5, relative: 0 });
  },
);

gpuTest(
  "weights begin at the mean; centered directions are one fewer",
  async () => {
    using model = new Linear(3, 1);
    using subspace = spanned(model, { centered: true });
    await subspace.span();
    assertClose(await model.weight.data(), [2 / 3, 2 / 3, 2 / 3]);
    assertClose(await model.bias?.data() ?? [], [1]);
    assertEquals(subspace.rank, 2);
    const difference = [1, -1, 3, -0.5];
    assertClose(await projected(model, subspace, difference), difference, {
      absolute: 1e-5,
      relative: 1e-5,
    });
  },
);

gpuTest(
  "the oldest snapshot goes, and frozen weights have no part",
  async () => {
    using model = new Linear(3, 1);
    model.freeze("bias");
    using subspace = spanned(model, { most: 2 });
    await subspace.span();
    assertEquals(subspace.rank, 2);
    assertClose(await model.weight.data(), [0.5, 1, 0]);
    assertEquals(await model.bias?.item(), 1.5);
  },
);

gpuTest(
  "training in the subspace finds its least squares solution",
  async () => {
    // y = x · w, with w outside of the span of two snapshots.
    const x = [[1, 0, 0], [0, 2, 0], [0, 0, 1], [1, 1, 1]];
    const y = [[3], [1], [-2], [0.5]];
    using model = new Linear(3, 1, { bias: false });
    using subspace = new WeightSubspace(model, { most: 2 });
    const rows = [[1, 0, 1], [0, 1, 1]];
    for (const row of rows) {
      model.weight.write(row);
      subspace.take();
    }
    await subspace.span();
    const [xs, ys] = [tensor(x), tensor(y)];
    const lossOf = () => mseLoss(model.forward(xs), ys);
    const mean = await lossOf().item();
    const optimizer = new SGD([model.weight], { learningRate: 0.2 });
    optimizer.projection = subspace;
    for (let step = 0; step < 400; step++) {
      using _ = scope();
      backward(lossOf());
      optimizer.step();
    }
    // Normal equations of b in w = b₀ r₀ + b₁ r₁, worked by hand: with
    // z = X Rᵀ = [[1, 0], [0, 2], [1, 1], [2, 2]], zᵀz b = zᵀy.
    const [a, b, d] = [1 + 0 + 1 + 4, 0 + 0 + 1 + 4, 0 + 4 + 1 + 4];
    const [p, q] = [3 + 0 - 2 + 1, 0 + 2 - 2 + 1];
    const determinant = a * d - b * b;
    const best = [(p * d - q * b) / determinant, (a * q - b * p) / determinant];
    const expected = [0, 1, 2].map((i) =>
      best.reduce((sum, beta, k) => sum + beta * (rows[k]?.[i] ?? 0), 0)
    );
    assertClose(await model.weight.data(), expected, {
      absolute: 1e-4,
      relative: 1e-4,
    });
    assert(await lossOf().item() < mean);
    optimizer.dispose();
  },
);

gpuTest("a pull to the mean shortens the way", async () => {
  using model = new Linear(3, 1);
  using subspace = spanned(model, { regLambda: 0.5 });
  await subspace.span();
  model.weight.write([2 / 3 + 1, 2 / 3, 2 / 3]);
  assertClose(
    await projected(model, subspace, [0, 0, 0, 0]),
    [0.5, 0, 0, 0],
    { absolute: 1e-5, relative: 1e-5 },
  );
});

async function run(
  args: TrainingArguments,
  options: TWACallbackOptions,
  from?: string,
): Promise<{ weights: number[]; rates: number[]; losses: number[] }> {
  const rates: number[] = [];
  const { model, trainer } = tinyTrainer({
    ...{ optim: "sgd", learningRate: 0.05, lrSchedulerType: "constant" },
    ...{ perDeviceTrainBatchSize: 4, loggingSteps: 3, ...args },
  });
  const twa = new TWACallback(model, options);
  const seen: TrainerCallback = {
    onStepBegin: ({ optimizer }: TrainerEvent) =>
      void rates.push(optimizer?.learningRate ?? NaN),
  };
  for (const callback of [twa, seen]) trainer.addCallback(callback);
  await (trainer as Trainer<unknown>).train(
    from === undefined ? {} : { resumeFromCheckpoint: from },
  );
  const weights = await weightsOf(model);
  const losses = trainer.state.logHistory.flatMap(({ loss }) => loss ?? []);
  twa.dispose();
  model.dispose();
  return { weights, rates, losses };
}

async function weightsOf(model: Tiny): Promise<number[]> {
  const values = await readAll([...model.namedParameters().values()]);
  return values.flatMap((own) => [...own]);
}

gpuTest(
  "a Trainer trains in the subspace, captured or not, and resumes there",
  async () => {
    const options = { twaStartEpoch: 3, numSamples: 2, lrInit: 0.2 };
    await inFolder(async (outputDir) => {
      const args = { numTrainEpochs: 7, outputDir, saveSteps: 3 };
      const whole = await run(args, options);
      const eager = await run({ numTrainEpochs: 7, capture: false }, options);
      assertEquals(eager.weights, whole.weights);
      // Three steps an epoch: 0.05, then 0.2 with falls after half of four epochs
      // and after three quarters.
      assertEquals(
        whole.rates.filter((_, i) => i % 3 === 0),
        [0.05, 0.05, 0.05, 0.2, 0.2, 0.2 * 0.1, 0.2 * 0.01],
      );
      for (const step of [6, 12]) {
        const rest = await run(
          args,
          options,
          `${outputDir}/checkpoint-${step}`,
        );
        assertEquals(rest.weights, whole.weights);
      }
    });
  },
);

gpuTest("what cannot be trained so is refused", () => {
  using model = new Linear(1, 1);
  const refused = (options: TWACallbackOptions, message: string) =>
    assertThrows(() => new TWACallback(model, options), RangeError, message);
  refused({ twaStartEpoch: 0 }, "twaStartEpoch 0");
  refused({ twaStartEpoch: 1, numSamples: 0 }, "numSamples 0");
  refused({ twaStartEpoch: 1, lrInit: NaN }, "lrInit NaN");
  using twa = new TWACallback(model, { twaStartEpoch: 2 });
  const newState = new Trainer({ model: new Tiny() }).state;
  const begin = (optimizer: AdamW | SGD, numTrainEpochs: number) =>
    twa.onTrainBegin({
      optimizer,
      state: { ...newState, numTrainEpochs },
    } as Partial<TrainerEvent> as TrainerEvent);
  const [adam, sgd] = [
    new AdamW(model.parameters()),
    new SGD(model.parameters()),
  ];
  assertThrows(() => begin(adam, 3), TypeError, "use SGD");
  assertThrows(() => begin(sgd, 2), RangeError, "the run has 2 epochs");
  adam.dispose();
  sgd.dispose();
  assertAlmostEquals(twa.rank ?? 0, 0);
});
