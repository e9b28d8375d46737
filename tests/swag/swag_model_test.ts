// Copyright 2026 the swagpu authors. MIT license.

// Longer than most files, because it has every case of one class.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  add,
  mul,
  openDevice,
  readAll,
  reshape,
  setDevice,
  tensor,
} from "../../engine/mod.ts";
import {
  estimateMemory,
  summarizeLogits,
  SwagModel,
  type SwagOptions,
} from "../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest, randomValues } from "../_check.ts";
import { Tree } from "./_tree.ts";

const SHAPES = {
  "encoder.layer.1.weight": [4, 3],
  "encoder.layer.11.weight": [4, 3],
  "encoder.LayerNorm.weight": [3],
  "head.weight": [5],
};

function fill(model: Tree, seed: number): Tree {
  const size = model.parameters().reduce((n, { size }) => n + size, 0);
  return model.setAll(randomValues(size, seed));
}

function collected(
  model: Tree,
  options: SwagOptions = {},
  count = 4,
): SwagModel {
  const swag = SwagModel.fromBase(model, options);
  for (let n = 0; n < count; n++) {
    fill(model, n);
    swag.collectModel();
  }
  return swag;
}

async function weightsOf(model: Tree): Promise<number[][]> {
  return (await readAll(model.parameters())).map((row) => [...row]);
}

gpuTest("fromBase() selects by whole path segments", () => {
  const model = new Tree(SHAPES).tie("tied.weight", "head.weight");
  const enabled = (...modulePrefixList: string[]) => {
    using swag = SwagModel.fromBase(model, { modulePrefixList });
    return swag.enabledParameters;
  };
  assertEquals(enabled("encoder.layer.1"), ["encoder.layer.1.weight"]);
  assertEquals(enabled("head", "encoder.LayerNorm"), [
    "encoder.LayerNorm.weight",
    "head.weight",
  ]);
  assertEquals(enabled("encoder").length, 3);
  assertThrows(
    () => enabled("encoder.layer.2"),
    RangeError,
    'Cannot select "encoder.layer.2": no parameter has that prefix; there ' +
      'are "encoder.layer", "encoder.LayerNorm", "head.weight"',
  );
  assertThrows(() => enabled("encoder.lay"), RangeError, "no parameter has");
  assertThrows(
    () => enabled("tied"),
    RangeError,
    'Cannot select "tied": its parameters are tied to "head.weight", select ' +
      "them by that name",
  );
  assertThrows(() => enabled(), RangeError, "an empty modulePrefixList");
  model.dispose();
});

gpuTest("fromBase() refuses options out of range", () => {
  const model = new Tree(SHAPES);
  const build = (options: SwagOptions) => () =>
    SwagModel.fromBase(model, options);
  for (const maxNumModels of [0, -1, 2.5, 65536, NaN]) {
    assertThrows(
      build({ noCovMat: false, maxNumModels }),
      RangeError,
      `Cannot keep covariances with maxNumModels ${maxNumModels}: it must be`,
    );
  }
  assertThrows(build({ varClamp: -1 }), RangeError, "Cannot clamp variances");
  assertThrows(
    build({ normalize: "size" as "rank" }),
    RangeError,
    'Cannot normalize by "size"',
  );
  assertThrows(() => SwagModel.fromBase(new Tree({})), TypeError, "no param");
  model.dispose();
});

gpuTest("sampleParameters() refuses options that it cannot sample with", () => {
  const model = new Tree(SHAPES);
  using swag = SwagModel.fromBase(model);
  assertThrows(
    () => swag.sampleParameters(),
    RangeError,
    "Cannot sample weights: nothing has been collected, call collectModel()",
  );
  swag.collectModel();
  assertThrows(
    () => swag.sampleParameters({ cov: true }),
    TypeError,
    "Cannot sample weights with cov: the posterior keeps no deviations",
  );
  assertThrows(() => swag.sampleParameters({ scale: -1 }), RangeError, "-1");
  assertThrows(() => swag.sampleParameters({ scale: NaN }), RangeError, "NaN");
  assertThrows(() => swag.sampleParameters({ index: -1 }), RangeError, "-1");
  assertThrows(() => swag.sampleParameters({ seed: 0.5 }), RangeError, "0.5");
  assert(!swag.holdsSample);
  model.dispose();
});

gpuTest("a tied parameter is collected once", async () => {
  const model = new Tree(SHAPES).tie("tied.weight", "head.weight");
  using swag = collected(model, { noCovMat: false });
  assertEquals(swag.enabledParameters.length, 4);
  swag.sampleParameters({ seed: 1 });
  const { head, tied } = model as unknown as Record<string, { weight: Tree }>;
  assertStrictEquals(head?.weight, tied?.weight);
  const sample = await weightsOf(model);
  swag.restoreMean();
  assertNotEquals(sample[3], (await weightsOf(model))[3]);
  model.dispose();
});

gpuTest("restoreWeights() restores the weights after samples", async () => {
  const model = new Tree(SHAPES);
  using swag = collected(model, { noCovMat: false });
  fill(model, 77);
  const own = await weightsOf(model);
  swag.restoreWeights();
  assertEquals(await weightsOf(model), own);

  swag.sampleParameters({ seed: 1 });
  const sample = await weightsOf(model);
  swag.sampleParameters({ seed: 2 });
  swag.restoreMean();
  const moments = [...(await swag.moments()).values()];
  assertEquals(await weightsOf(model), moments.map(({ mean }) => [...mean]));
  assert(swag.holdsSample);
  assertThrows(
    () => swag.collectModel(),
    TypeError,
    "the model holds a sample",
  );
  swag.restoreWeights();
  assert(!swag.holdsSample);
  assertEquals(await weightsOf(model), own);

  assertEquals(
    await swag.withSample({ seed: 1 }, () => weightsOf(model)),
    sample,
  );
  assertEquals(await weightsOf(model), own);

  // A sample from before the call stays, and so do the weights that were kept then.
  swag.sampleParameters({ seed: 1 });
  swag.withSample({ seed: 3 }, () => swag.sampleParameters({ seed: 4 }));
  assertEquals(await weightsOf(model), sample);
  assertThrows(() =>
    swag.withSample({ seed: 3 }, () => {
      throw new Error("stop");
    })
  );
  await assertRejects(() =>
    swag.withSample({ seed: 3 }, () => Promise.reject(new Error("stop")))
  );
  assertEquals(await weightsOf(model), sample);
  swag.restoreWeights();
  assertEquals(await weightsOf(model), own);

  swag.sampleParameters({ seed: 1 });
  swag.acceptWeights();
  swag.restoreWeights();
  assertEquals(await weightsOf(model), sample);
  swag.collectModel();
  model.dispose();
});

gpuTest("asynchronous withSample() calls do not lose the weights", async () => {
  const model = new Tree(SHAPES);
  using swag = collected(model, { noCovMat: false });
  using other = collected(model, { noCovMat: true });
  fill(model, 77);
  const own = await weightsOf(model);
  const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));
  const sampleOf = (seed: number) =>
    swag.withSample({ seed }, () => weightsOf(model));
  const [one, two] = [await sampleOf(1), await sampleOf(2)];
  assertNotEquals(one, two);

  // This holds whichever call ends first, and for two posteriors over one model.
  for (const second of [swag, other]) {
    for (const [first, then] of [[5, 20], [20, 5]] as const) {
      const seen: number[][][] = [];
      const results = await Promise.allSettled([
        swag.withSample({ seed: 1 }, async () => {
          await wait(first);
          seen.push(await weightsOf(model));
          return "kept";
        }),
        second.withSample({ seed: 2 }, () => wait(then)),
      ]);
      assertEquals(results[0], { status: "fulfilled", value: "kept" });
      assert(results[1].status === "rejected");
      const { reason } = results[1];
      assert(reason instanceof TypeError);
      assert(/^Cannot hold a sample during another /.test(reason.message));
      assertEquals(seen, [one]); // The first kept its sample.
      assertEquals(await weightsOf(model), own);
      assert(!swag.holdsSample && !other.holdsSample);
    }
  }

  // Nested calls, and calls that return no promise, are allowed.
  let inside: unknown;
  const outer = swag.withSample({ seed: 1 }, async () => {
    await swag.withSample({ seed: 2 }, async () => {
      await wait(1);
      inside = await weightsOf(model);
    });
    await wait(5);
    return await weightsOf(model);
  });
  await wait(3);
  swag.withSample({ seed: 3 }, () => {});
  assertEquals(await outer, one);
  assertEquals(inside, two);
  assertEquals(await weightsOf(model), own);

  // The weights return when the last call ends, even a nested one that is not awaited.
  let late: Promise<unknown> | undefined;
  await swag.withSample({ seed: 1 }, async () => {
    late = swag.withSample({ seed: 2 }, () => wait(20));
    await wait(1);
  });
  await late;
  assertEquals(await weightsOf(model), own);
  model.dispose();
});

gpuTest("a posterior does not change weights of other models", async () => {
  // Both models' parameters share one segment, with the other's in the middle.
  const whole = new Tree({ "a.x": [5], "b.y": [70], "c.z": [3] });
  fill(whole, 1);
  const { a, b, c } = whole as unknown as Record<string, Tree>;
  const part = Object.assign(new Tree({}), { a, c });
  using swag = SwagModel.fromBase(part, { noCovMat: false });
  for (let n = 0; n < 3; n++) {
    fill(part, n);
    swag.collectModel();
  }
  swag.sampleParameters({ seed: 1 });
  assertEquals(
    (await weightsOf(whole))[1],
    [...randomValues(78, 1)].slice(5, 75),
  );
  fill(b as Tree, 9);
  swag.restoreWeights();
  assertEquals((await weightsOf(whole))[1], [...randomValues(70, 9)]);
  assertEquals((await weightsOf(part)).flat(), [...randomValues(8, 2)]);
  whole.dispose();
});

gpuTest("getLogits() stacks the predictions of samples", async () => {
  const model = new Tree({ weight: [2, 3] });
  using swag = collected(model, { noCovMat: false });
  const [weight] = model.parameters();
  assert(weight);
  const own = [...await weight.data()];
  const one = swag.getLogits(() => weight);
  assertEquals(one.shape, [2, 1, 3]);
  assertEquals([...await one.data()], own);

  const logits = swag.getLogits(() => ({ logits: add(weight, 1) }), {
    numPredictions: 4,
    scale: 0.5,
    seed: 3,
  });
  assertEquals(logits.shape, [2, 4, 3]);
  const values = await logits.data();
  assertEquals([...await weight.data()], own);
  for (let index = 0; index < 4; index++) {
    swag.sampleParameters({ scale: 0.5, seed: 3, index });
    const sample = await weight.data();
    for (let row = 0; row < 2; row++) {
      const at = (row * 4 + index) * 3;
      assertClose(
        values.subarray(at, at + 3),
        sample.subarray(row * 3, row * 3 + 3).map((x) => x + 1),
      );
    }
  }
  swag.restoreWeights();

  const sequences = swag.getLogits(() => reshape(weight, [1, 2, 3]), {
    numPredictions: 5,
    cov: false,
  });
  assertEquals(sequences.shape, [1, 5, 2, 3]);
  assert(!sequences.requiresGrad);
  for (const numPredictions of [0, -1, 1.5]) {
    assertThrows(
      () => swag.getLogits(() => weight, { numPredictions }),
      RangeError,
      `Cannot predict with ${numPredictions} samples`,
    );
  }
  assertThrows(
    () => swag.getLogits(() => reshape(weight, [6])),
    TypeError,
    "Cannot stack logits of shape [6]",
  );
  const wrong: [unknown, string][] = [
    [Promise.resolve(weight), "of the model, a promise: expected logits"],
    [{ output: weight }, "of the model, an object of output: expected logits"],
    [
      { logits: [[1, 2]] },
      "of the model, an object of logits: expected logits",
    ],
    [undefined, "of the model, undefined: expected logits"],
    [7, "of the model, 7: expected logits"],
  ];
  for (const [output, message] of wrong) {
    const forward = () => output as typeof weight;
    for (
      const call of [
        () => swag.getLogits(forward, { numPredictions: 2 }),
        () => swag.predict(forward, { numPredictions: 2 }),
      ]
    ) assertThrows(call, TypeError, message);
  }
  model.dispose();
});

gpuTest("summarizeLogits() matches the float64 twin", async () => {
  const [batch, samples, classes] = [3, 7, 4];
  const values = randomValues(batch * samples * classes, 1, -6, 6);
  values.set([80, -80, 0, 0], 0); // A probability that underflows.
  const prediction = summarizeLogits(
    tensor(values, { shape: [batch, samples, classes] }),
  );
  const expected: Record<keyof typeof prediction, number[]> = {
    probabilities: [],
    entropy: [],
    expectedEntropy: [],
    mutualInformation: [],
    std: [],
  };
  const entropyOf = (p: number[]) =>
    p.reduce((sum, x) => x > 0 ? sum - x * Math.log(x) : sum, 0);
  for (let b = 0; b < batch; b++) {
    const rows = Array.from({ length: samples }, (_, s) => {
      const at = (b * samples + s) * classes;
      const exps = [...values.subarray(at, at + classes)].map(Math.exp);
      const total = exps.reduce((sum, x) => sum + x, 0);
      return exps.map((x) => x / total);
    });
    const mean = Array.from(
      { length: classes },
      (_, k) => rows.reduce((sum, row) => sum + (row[k] ?? 0) / samples, 0),
    );
    const expectedEntropy = rows.reduce(
      (sum, row) => sum + entropyOf(row) / samples,
      0,
    );
    expected.probabilities.push(...mean);
    expected.entropy.push(entropyOf(mean));
    expected.expectedEntropy.push(expectedEntropy);
    expected.mutualInformation.push(entropyOf(mean) - expectedEntropy);
    expected.std.push(...mean.map((m, k) =>
      Math.sqrt(
        rows.reduce((sum, row) => sum + ((row[k] ?? 0) - m) ** 2 / samples, 0),
      )
    ));
  }
  for (const key of Object.keys(expected) as (keyof typeof prediction)[]) {
    assertClose(
      await prediction[key].data(),
      expected[key] ?? [],
      FUNCTIONS,
      key,
    );
  }
  const same = summarizeLogits(tensor([[[1, 2], [1, 2]]]));
  assertClose(await same.mutualInformation.data(), [0], FUNCTIONS);
  assertThrows(() => summarizeLogits(tensor([[1, 2]])), TypeError, "[1, 2]");
});

gpuTest(
  "predict() averages samples and frees intermediate tensors",
  async (device) => {
    const model = new Tree({ weight: [2, 3] });
    using swag = collected(model, { noCovMat: false });
    const [weight] = model.parameters();
    assert(weight);
    const forward = () => mul(weight, 3);
    const { blocks } = device.pool.statistics();
    const options = { numPredictions: 6, scale: 0.5, seed: 1 };
    const prediction = swag.predict(forward, options);
    assertEquals(device.pool.statistics().blocks, blocks + 5);
    assertEquals(prediction.probabilities.shape, [2, 3]);
    assertEquals(prediction.entropy.shape, [2]);
    const composed = summarizeLogits(swag.getLogits(forward, options));
    assertEquals(
      await prediction.probabilities.data(),
      await composed.probabilities.data(),
    );
    assertEquals(swag.predict(forward).std.shape, [2, 3]);
    model.dispose();
  },
);

gpuTest(
  "estimateMemory() gives the bytes by which the pool grows",
  (device) => {
    const model = new Tree(SHAPES);
    fill(model, 1);
    const cases: SwagOptions[] = [
      {},
      { noCovMat: false },
      { noCovMat: false, maxNumModels: 3, modulePrefixList: ["head"] },
    ];
    for (const options of cases) {
      const estimate = estimateMemory(model, options);
      const before = device.pool.statistics().inUse;
      using swag = SwagModel.fromBase(model, options);
      assertEquals(device.pool.statistics().inUse - before, estimate.total);
      assertEquals(swag.memoryEstimate, estimate);
      swag.collectModel();
      const collected = device.pool.statistics().inUse;
      swag.sampleParameters();
      assertEquals(
        device.pool.statistics().inUse - collected,
        estimate.keptWeights,
      );
      swag.restoreWeights();
    }
    const head = estimateMemory(model, {
      noCovMat: false,
      maxNumModels: 3,
      modulePrefixList: ["head"],
    });
    assertEquals([head.mean, head.secondMoment, head.deviations], [
      4 * 256,
      256,
      3 * 256,
    ]);
    model.dispose();
  },
);

gpuTest(
  "fromBase() refuses deviations that exceed a binding",
  async (device) => {
    const small = await openDevice({ maxBindingSize: 1024 });
    setDevice(small);
    try {
      const model = new Tree({ weight: [100] });
      const before = small.pool.statistics().inUse;
      assertThrows(
        () => SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 5 }),
        RangeError,
        "Cannot keep 5 deviations: for 64 weights they take 1280 bytes, more " +
          "than the device's largest binding of 1024",
      );
      // Nothing has been allocated, not even the model's weights.
      assertEquals(small.pool.statistics().inUse - before, 0);
    } finally {
      setDevice(device);
      await small.destroy();
    }
  },
);

gpuTest("200 collections and samples leak nothing", async (device) => {
  const model = new Tree(SHAPES);
  using swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 5 });
  const [weight] = model.parameters();
  assert(weight);
  const round = (n: number) => {
    swag.collectModel();
    swag.sampleParameters({ scale: 0.5, blockwise: n % 2 === 0 });
    swag.restoreWeights();
    swag.getLogits(() => weight, { numPredictions: 2 }).dispose();
  };
  // The rank grows for five collections; after six, both modes have occurred.
  for (let n = 0; n < 8; n++) round(n);
  const before = device.pool.statistics();
  const { bindGroups } = device.stream.statistics();
  for (let n = 0; n < 200; n++) round(n);
  assertEquals(device.pool.statistics(), before);
  assertEquals(device.stream.statistics().bindGroups, bindGroups);
  await device.synchronize();
  model.dispose();
});

gpuTest("moments() and collectModel() refuse unknown parameters", async () => {
  const model = new Tree({ weight: [2] });
  using swag = SwagModel.fromBase(model);
  await assertRejects(
    () => swag.moments(["bias"]),
    RangeError,
    'Cannot read the moments of "bias": there is no such parameter',
  );
  const wide = new Tree({ weight: [3] });
  assertThrows(
    () => swag.collectModel(wide),
    TypeError,
    'Cannot collect "weight": it is [2] here and [3] in the model given',
  );
  assertThrows(
    () => swag.collectModel(new Tree({})),
    TypeError,
    "and absent in the model given",
  );
  assertEquals(swag.nModels, 0);
  wide.dispose();
  model.dispose();
});
