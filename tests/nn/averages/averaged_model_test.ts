// Copyright 2026 the swagpu authors. MIT license.

import {
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { mul, scope, type Tensor, tensor } from "../../../engine/mod.ts";
import {
  AveragedModel,
  BatchNorm1d,
  getEmaAvgFn,
  Linear,
  Module,
  updateBn,
} from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";

/** A weight and a batch norm. */
class Net extends Module {
  lin = new Linear(1, 1, { bias: false });
  norm = new BatchNorm1d(1);

  forward(x: Tensor): Tensor {
    return this.norm.forward(this.lin.forward(x));
  }
}

gpuTest(
  "the mean of weights is their mean, and the first is a copy",
  async () => {
    using model = new Linear(1, 1, { bias: false });
    using averaged = new AveragedModel(model);
    const [average] = averaged.namedTensors().values();
    for (const [i, value] of [3, 5, 10].entries()) {
      model.weight.write([value]);
      averaged.updateParameters();
      assertAlmostEquals(
        await average?.item() ?? NaN,
        [3, 4, 6][i] ?? NaN,
        1e-6,
      );
    }
    assertEquals([averaged.nAveraged, await model.weight.item()], [3, 10]);
    averaged.copyToModule();
    assertAlmostEquals(await model.weight.item(), 6, 1e-6);
  },
);

gpuTest("an exponential average has its closed form", async () => {
  using model = new Linear(1, 1, { bias: false });
  using averaged = new AveragedModel(model, { avgFn: getEmaAvgFn(0.9) });
  model.weight.write([2]);
  averaged.updateParameters();
  model.weight.write([-1]);
  for (let n = 0; n < 12; n++) averaged.updateParameters();
  const [average] = averaged.namedTensors().values();
  // θ₁ + dⁿ (θ₀ - θ₁)
  assertAlmostEquals(await average?.item() ?? NaN, -1 + 0.9 ** 12 * 3, 1e-6);
});

gpuTest("a decay that warms up forgets the first weights", async () => {
  using model = new Linear(1, 1, { bias: false });
  const avgFn = getEmaAvgFn(0.999, { warmup: true });
  using averaged = new AveragedModel(model, { avgFn });
  model.weight.write([1]);
  averaged.updateParameters();
  model.weight.write([0]);
  let expected = 1;
  for (let n = 1; n <= 20; n++) {
    averaged.updateParameters();
    expected *= Math.min(0.999, (1 + n) / (10 + n));
  }
  const [average] = averaged.namedTensors().values();
  assertAlmostEquals(await average?.item() ?? NaN, expected, 1e-6);
});

gpuTest("another rule may see all tensors at once", async () => {
  using model = new Linear(1, 1);
  using averaged = new AveragedModel(model, {
    multiAvgFn: (averaged, current, n) => {
      assertEquals([averaged.length, current.length, n], [2, 2, 1]);
      return current.map((x) => mul(x, 2));
    },
  });
  model.weight.write([3]);
  averaged.updateParameters();
  averaged.updateParameters();
  const [average] = averaged.namedTensors().values();
  assertEquals(await average?.item(), 6);
});

gpuTest("buffers are the model's last ones, or averaged", async () => {
  using model = new Net();
  using last = new AveragedModel(model);
  using mean = new AveragedModel(model, { useBuffers: true });
  for (const value of [1, 4]) {
    model.norm.runningMean?.write([value]);
    last.updateParameters();
    mean.updateParameters();
  }
  const name = "module.norm.running_mean";
  assertEquals(await last.namedTensors().get(name)?.item(), 4);
  assertEquals(await mean.namedTensors().get(name)?.item(), 2.5);
});

gpuTest(
  "statistics are those of the average, and the model keeps its own",
  async () => {
    using model = new Net().eval();
    using averaged = new AveragedModel(model);
    for (const value of [1, 3]) {
      model.lin.weight.write([value]);
      averaged.updateParameters();
    }
    const { runningMean } = model.norm;
    await updateBn(
      [tensor([[1], [3]]), [tensor([[5], [7]]), "label"]],
      averaged,
    );
    assertEquals(await runningMean?.item(), 0);
    assertEquals(await model.lin.weight.item(), 3);
    assertEquals([model.training, model.norm.momentum], [false, 0.1]);
    const inside = await averaged.withAverage(async () => [
      await model.lin.weight.item(),
      await runningMean?.item(),
      await model.norm.numBatchesTracked?.item(),
    ]);
    // The average weight is 2, so that the batches' means are 4 and 12.
    assertEquals(inside, [2, 8, 2]);
    using _ = scope();
    const y = averaged.withAverage((net) => net.forward(tensor([[4]])));
    assertAlmostEquals(await y.item(), 0, 1e-6);
  },
);

gpuTest("a function that fails leaves the model its weights", async () => {
  using model = new Linear(1, 1, { bias: false });
  using averaged = new AveragedModel(model);
  model.weight.write([7]);
  assertThrows(
    () =>
      averaged.withAverage(() => {
        throw new Error("wrong");
      }),
    Error,
    "wrong",
  );
  await assertRejects(() =>
    averaged.withAverage(() => Promise.reject(new Error("wrong")))
  );
  assertEquals(await model.weight.item(), 7);
  averaged.withAverage(() => {
    assertThrows(
      () => averaged.withAverage(() => {}),
      TypeError,
      "twice",
    );
    assertThrows(() => averaged.updateParameters(), TypeError, "withAverage");
  });
});

gpuTest("what cannot be averaged is refused", () => {
  using model = new Linear(1, 1);
  using other = new Linear(1, 2);
  using averaged = new AveragedModel(model);
  assertThrows(
    () => averaged.updateParameters(other),
    TypeError,
    "Cannot average weight: it is [2, 1] in the model, and [1, 1]",
  );
  assertThrows(() => getEmaAvgFn(1.5), RangeError, "in [0, 1]");
  const avgFn = getEmaAvgFn();
  assertThrows(
    () => new AveragedModel(model, { avgFn, multiAvgFn: (x) => x }),
    TypeError,
    "give one of them",
  );
  using short = new AveragedModel(model, { avgFn: () => tensor([1, 2, 3]) });
  short.updateParameters();
  assertThrows(() => short.updateParameters(), TypeError, "one of shape [3]");
});

gpuTest("an average goes on from its state", async () => {
  using model = new Linear(1, 1);
  using averaged = new AveragedModel(model);
  averaged.updateParameters();
  model.weight.write([5]);
  averaged.updateParameters();
  const { tensors = [], values } = averaged.stateDict();
  const state = new Map<string, { shape: number[]; data: Float32Array }>();
  for (const [name, { shape, data }] of tensors) {
    const own = typeof data === "function" ? await data() : data;
    state.set(name, { shape: [...shape], data: own as Float32Array });
  }
  using again = new AveragedModel(model);
  await again.loadStateDict({
    values,
    tensors: {
      names: [...state.keys()],
      info: (name) => ({ shape: state.get(name)?.shape ?? [], dtype: "F32" }),
      tensor: (name) => Promise.resolve(state.get(name) ?? fail(name)),
    },
  });
  assertEquals(again.nAveraged, 2);
  for (const [name, average] of averaged.namedTensors()) {
    const own = again.namedTensors().get(name);
    assertEquals(await own?.data(), await average.data());
  }
});

function fail(name: string): never {
  throw new Error(`there is no ${name}`);
}
