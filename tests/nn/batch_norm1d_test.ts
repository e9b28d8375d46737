// Copyright 2026 the swagpu authors. MIT license.

// Values and derivatives are compared with PyTorch's in golden_layers_test.ts.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  capture,
  scope,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../engine/mod.ts";
import { BatchNorm1d, Linear, Module, SGD, updateBn } from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";

gpuTest("names and initial values are PyTorch's", async () => {
  using norm = new BatchNorm1d(2);
  assertEquals([...norm.namedTensors().keys()], [
    ...["weight", "bias", "running_mean", "running_var"],
    "num_batches_tracked",
  ]);
  assertEquals([...await norm.runningVar?.data() ?? []], [1, 1]);
  using plain = new BatchNorm1d(2, { affine: false, trackRunningStats: false });
  assertEquals([...plain.namedTensors().keys()], []);
});

gpuTest("without statistics evaluation takes those of the batch", async () => {
  using norm = new BatchNorm1d(1, { trackRunningStats: false, affine: false });
  norm.eval();
  const y = await norm.forward(tensor([[1], [3]])).data();
  assertAlmostEquals(y[0] ?? NaN, -1, 1e-4);
});

gpuTest("captured steps update the statistics each time", async () => {
  using norm = new BatchNorm1d(1, { momentum: null });
  const optimizer = new SGD(norm.parameters(), { learningRate: 0 });
  const step = capture(({ x }: { x: Tensor }) => {
    backward(sum(norm.forward(x)));
    optimizer.step();
  });
  for (const value of [1, 2, 6]) {
    using _ = scope();
    step({ x: tensor([[value - 1], [value + 1]]) });
  }
  assertAlmostEquals(await norm.runningMean?.item() ?? NaN, 3, 1e-6);
  assertAlmostEquals(await norm.runningVar?.item() ?? NaN, 2, 1e-6);
  assertEquals(await norm.numBatchesTracked?.item(), 3);
  optimizer.dispose();
});

gpuTest("inputs that cannot be normalized are refused", () => {
  using norm = new BatchNorm1d(2);
  assertThrows(() => norm.forward(zeros([2, 3])), TypeError, "[batch, 2]");
  assertThrows(() => norm.forward(zeros([2])), TypeError, "[batch, 2]");
  assertThrows(() => norm.forward(zeros([1, 2])), RangeError, "at least 2");
  norm.eval().forward(zeros([1, 2]));
  assertThrows(() => new BatchNorm1d(0), RangeError, "at least 1");
  assertThrows(
    () => new BatchNorm1d(1, { momentum: 2 }),
    RangeError,
    "in [0, 1]",
  );
});

gpuTest("a model without batch norms is not run", async () => {
  using model = new Linear(1, 1);
  await updateBn([1, 2], model, {
    forward: () => {
      throw new Error("it was run");
    },
  });
});

gpuTest("a pass that fails leaves modes and momenta as they were", async () => {
  class Net extends Module {
    norm = new BatchNorm1d(1, { momentum: 0.3 });
  }
  using model = new Net().eval();
  await updateBn([1], model).then(
    () => assertEquals(true, false, "there is no forward"),
    (error) => assertEquals(error instanceof TypeError, true),
  );
  assertEquals([model.training, model.norm.training], [false, false]);
  assertEquals(model.norm.momentum, 0.3);
});
