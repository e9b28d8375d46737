// Copyright 2026 the swagpu authors. MIT license.

// A posterior that is cut at any collection, and continued from its state, has the
// bits of the one that was not cut.

import { assertEquals, assertRejects } from "@std/assert";
import {
  backward,
  openDevice,
  readAll,
  scope,
  setDevice,
  tensor,
} from "../../engine/mod.ts";
import { AdamW, crossEntropy, Linear } from "../../nn/mod.ts";
import { SwagModel, type SwagOptions } from "../../swag/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";
import {
  bits,
  bitsOfState,
  collect,
  COVARIANCES,
  SHAPES,
  SIZE,
} from "./_states.ts";
import { Tree } from "./_tree.ts";

async function bitsOfModel(model: Tree): Promise<number[]> {
  return (await readAll(model.parameters())).flatMap((row) =>
    bits(row as Float32Array)
  );
}

/** The bits of a posterior: its state, and samples of all kinds. */
async function bitsOf(model: Tree, swag: SwagModel) {
  const state = bitsOfState(await swag.stateDict());
  const samples: number[][] = [];
  if (swag.nModels === 0) return { state, samples };
  const cov = swag.settings.noCovMat ? { cov: false } : {};
  for (
    const options of [
      { scale: 0, seed: 0 },
      { scale: 0.5, seed: 7, index: 3, ...cov },
      { scale: 1, cov: false, seed: 8 },
      { scale: 2, blockwise: !swag.settings.noCovMat, ...cov }, // Without a seed.
    ]
  ) {
    swag.sampleParameters(options);
    samples.push(await bitsOfModel(model));
  }
  swag.restoreWeights();
  return { state, samples };
}

/** Compares a run that is cut at a step with one that is not. */
async function checkCut(
  cut: number,
  steps: number,
  options: SwagOptions,
  build = () => new Tree(SHAPES),
): Promise<void> {
  const [whole, first, second] = [build(), build(), build()];
  using uncut = SwagModel.fromBase(whole, options);
  using before = SwagModel.fromBase(first, options);
  using after = SwagModel.fromBase(second, options);
  collect(whole, uncut, 0, cut);
  collect(first, before, 0, cut);
  if (cut > 0) {
    for (const swag of [uncut, before]) {
      swag.withSample({ scale: 0.5 }, () => {}); // It advances the number of draws.
    }
  }
  const state = await before.stateDict();
  // The state is a copy: what happens to its posterior later does not show.
  collect(first, before, 50, 53);
  // What the new posterior has collected before is forgotten.
  collect(second, after, 60, 60 + (cut + 1) % 3);
  after.loadStateDict(structuredClone(state));
  assertEquals(bitsOfState(await after.stateDict()), bitsOfState(state));
  collect(whole, uncut, cut, steps);
  collect(second, after, cut, steps);
  assertEquals([after.nModels, after.covMatRank], [
    steps,
    options.noCovMat === false ? Math.min(steps, options.maxNumModels ?? 0) : 0,
  ]);
  assertEquals(await bitsOf(second, after), await bitsOf(whole, uncut));
  for (const model of [whole, first, second]) model.dispose();
}

gpuTest(
  "stateDict() at 10 random steps: the run has the bits of one not cut",
  async () => {
    const cuts = new Set<number>();
    for (let seed = 0; cuts.size < 10; seed++) {
      cuts.add(Math.floor(randomValues(1, seed, 0, 15)[0] ?? 0));
    }
    for (const cut of cuts) await checkCut(cut, 15, COVARIANCES);
  },
);

gpuTest(
  "stateDict() and loadStateDict() with every kind of posterior",
  async () => {
    const cases: [cut: number, steps: number, SwagOptions][] = [
      [0, 0, COVARIANCES],
      [0, 3, COVARIANCES],
      [2, 3, COVARIANCES], // Never full.
      [2, 9, COVARIANCES], // Full and wrapped around after the cut.
      [4, 5, COVARIANCES], // Cut when it is just full.
      [9, 11, { ...COVARIANCES, normalize: "capacity" }],
      [6, 8, { noCovMat: false, maxNumModels: 1 }],
      [2, 9, { ...COVARIANCES, deviations: "f16" }],
      [2, 9, { ...COVARIANCES, deviations: "int8" }],
      [5, 8, { ...COVARIANCES, deviations: "int8", modulePrefixList: ["c"] }],
      [5, 8, {}],
      [1, 8, { varClamp: 1e-3 }],
      [3, 7, { ...COVARIANCES, modulePrefixList: ["b", "c.weight"] }],
      [7, 9, { ...COVARIANCES, modulePrefixList: ["a"] }],
      [7, 9, { modulePrefixList: ["b.bias"] }],
    ];
    for (const [cut, steps, options] of cases) {
      await checkCut(cut, steps, options);
    }
  },
);

gpuTest("stateDict() of a posterior in many pieces", async (device) => {
  const small = await openDevice({ maxBindingSize: 1024 });
  setDevice(small);
  try {
    await checkCut(6, 9, { noCovMat: false, maxNumModels: 2 });
  } finally {
    setDevice(device);
    await small.destroy();
  }
});

gpuTest("stateDict() of a posterior that is read as texels", async () => {
  // Large enough for the variant that CPU adapters use for large models.
  const build = () => new Tree({ "a.weight": [300, 220], "b.bias": [5] });
  await checkCut(3, 4, { noCovMat: false, maxNumModels: 2 }, build);
});

gpuTest("stateDict() continues a posterior along training", async () => {
  const x = tensor(randomValues(24, 1), { shape: [8, 3] });
  const labels = tensor(Int32Array.from({ length: 8 }, (_, i) => i % 4));
  const start = () => {
    const model = new Linear(3, 4);
    model.parameters().forEach((p, i) => p.write(randomValues(p.size, i)));
    const optimizer = new AdamW(model.parameters(), { learningRate: 0.05 });
    return { model, optimizer, swag: SwagModel.fromBase(model, COVARIANCES) };
  };
  const train = (run: ReturnType<typeof start>, steps: number) => {
    for (let step = 0; step < steps; step++) {
      using _ = scope();
      backward(crossEntropy(run.model.forward(x), labels));
      run.optimizer.step();
      run.swag.collectModel();
    }
  };
  const [uncut, before, after] = [start(), start(), start()];
  train(uncut, 12);
  train(before, 7);
  const weights = await readAll(before.model.parameters());
  const moments = await before.optimizer.stateDict();
  const state = await before.swag.stateDict();
  after.model.parameters().forEach((p, i) => p.write(weights[i] ?? []));
  after.optimizer.loadStateDict(moments);
  after.swag.loadStateDict(state);
  train(after, 5);
  assertEquals(
    bitsOfState(await after.swag.stateDict()),
    bitsOfState(await uncut.swag.stateDict()),
  );
  const samples = [];
  for (const { model, swag } of [uncut, after]) {
    swag.sampleParameters({ scale: 0.5 });
    samples.push(await readAll(model.parameters()));
  }
  assertEquals(samples[1], samples[0]);
  for (const run of [uncut, before, after]) {
    run.swag.dispose();
    run.optimizer.dispose();
    run.model.dispose();
  }
});

gpuTest("stateDict() has tied weights once", async () => {
  const build = () => new Tree(SHAPES).tie("z.weight", "a.weight");
  const model = build();
  using swag = SwagModel.fromBase(model, COVARIANCES);
  collect(model, swag, 0, 2);
  const { parameters } = await swag.stateDict();
  assertEquals(Object.keys(parameters), Object.keys(SHAPES));
  model.dispose();
  await checkCut(5, 7, COVARIANCES, build);
});

gpuTest("stateDict() reads plain values with one wait", async (device) => {
  const model = new Tree(SHAPES);
  using swag = SwagModel.fromBase(model, {
    ...COVARIANCES,
    modulePrefixList: ["b"],
  });
  model.setAll(new Float32Array(SIZE).fill(1));
  swag.collectModel();
  model.setAll(new Float32Array(SIZE).fill(3));
  swag.collectModel();
  const { reads } = device.stream.statistics();
  const state = await swag.stateDict();
  assertEquals(device.stream.statistics().reads - reads, 1);
  // By hand: the mean of 1 and 3 is 2, the squared differences add up to 2, and the
  // second collection is 1 above the mean at that time.
  const { settings, parameters, ...counts } = state;
  assertEquals(settings, swag.settings);
  assertEquals(counts, { nModels: 2, covMatRank: 2, draws: 0 });
  assertEquals(parameters, {
    "a.weight": { shape: [7, 13], mean: new Float32Array(91).fill(2) },
    "b.bias": {
      shape: [3],
      mean: new Float32Array([2, 2, 2]),
      squaredDeviations: new Float32Array([2, 2, 2]),
      deviations: new Float32Array([0, 0, 0, 1, 1, 1]),
    },
    "c.weight": { shape: [65], mean: new Float32Array(65).fill(2) },
  });
  model.dispose();
});

gpuTest(
  "stateDict() and loadStateDict() while the model holds a sample",
  async () => {
    const model = new Tree(SHAPES);
    using swag = SwagModel.fromBase(model, COVARIANCES);
    using other = SwagModel.fromBase(model, COVARIANCES);
    collect(model, other, 20, 23);
    collect(model, swag, 0, 6);
    const own = await bitsOfModel(model);
    const expected = bitsOfState(await swag.stateDict());
    const { state, sample } = await swag.withSample(
      { scale: 0.5, seed: 1 },
      async () => ({
        state: await swag.stateDict(),
        sample: await bitsOfModel(model),
      }),
    );
    assertEquals(bitsOfState(state), expected);
    assertEquals(await bitsOfModel(model), own);
    other.sampleParameters({ scale: 1, seed: 5 });
    const held = await bitsOfModel(model);
    other.loadStateDict(state);
    assertEquals([other.holdsSample, await bitsOfModel(model)], [true, held]);
    // The next sample is of the state that was loaded.
    other.sampleParameters({ scale: 0.5, seed: 1 });
    assertEquals(await bitsOfModel(model), sample);
    other.restoreWeights();
    assertEquals(await bitsOfModel(model), own);
    model.dispose();
  },
);

gpuTest("stateDict() leaves out weights that are not finite", async () => {
  const model = new Tree(SHAPES);
  const twin = new Tree(SHAPES);
  using swag = SwagModel.fromBase(model, COVARIANCES);
  using clean = SwagModel.fromBase(twin, COVARIANCES);
  using loaded = SwagModel.fromBase(twin, COVARIANCES);
  collect(model, swag, 0, 6);
  collect(twin, clean, 0, 6);
  const bad = () => {
    model.setAll(new Float32Array(SIZE).fill(NaN, 93, 94));
    swag.collectModel();
  };
  bad();
  await assertRejects(() => swag.stateDict(), RangeError, "b.bias was not");
  const expected = bitsOfState(await clean.stateDict());
  assertEquals(bitsOfState(await swag.stateDict()), expected);
  // Another reading is under way, and is the one that brings the answer.
  bad();
  const outcomes = await Promise.allSettled([
    tensor([1]).data(),
    swag.stateDict(),
  ]);
  assertEquals(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
  const messages = outcomes.map((outcome) =>
    outcome.status === "rejected" ? `${outcome.reason}` : ""
  );
  assertEquals(messages.filter((x) => x.includes("b.bias was not")).length, 1);
  assertEquals(messages.filter((x) => x.includes("read again")).length, 1);
  const state = await swag.stateDict();
  assertEquals(bitsOfState(state), expected);
  // A collection that has not been checked is forgotten with all others.
  bad();
  swag.loadStateDict(state);
  collect(model, swag, 6, 8);
  loaded.loadStateDict(state);
  collect(twin, loaded, 6, 8);
  assertEquals(await bitsOf(model, swag), await bitsOf(twin, loaded));
  model.dispose();
  twin.dispose();
});
