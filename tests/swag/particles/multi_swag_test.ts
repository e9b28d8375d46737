// Copyright 2026 the swagpu authors. MIT license.

// Particles of a MultiSWAG: that each is a run of its own, and that predictions,
// variances and files are those of all of them.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  backward,
  defaultGenerator,
  manualSeed,
  readAll,
  scope,
  tanh,
  type Tensor,
  tensor,
  zeros,
} from "../../../engine/mod.ts";
import {
  AdamW,
  batches,
  BatchNorm1d,
  Linear,
  Module,
  mseLoss,
} from "../../../nn/mod.ts";
import {
  type BayesInferOptions,
  MultiSwag,
  SwagModel,
} from "../../../swag/mod.ts";
import { assertClose, gpuTest, ROUNDING } from "../../_check.ts";

class Net extends Module {
  first = new Linear(1, 6);
  second = new Linear(6, 1);
  forward(x: Tensor): Tensor {
    return this.second.forward(tanh(this.first.forward(x)));
  }
}

const X = Float32Array.from({ length: 12 }, (_, i) => i / 6 - 1);
const Y = X.map((x) => Math.sin(3 * x));

interface Feed {
  x: { data: Float32Array<ArrayBuffer>; shape: number[] };
  y: { data: Float32Array<ArrayBuffer>; shape: number[] };
}

const data = {
  examples: X.length,
  batchSize: 5,
  inputs: (rows: Uint32Array): Feed => ({
    x: {
      data: Float32Array.from(rows, (row) => X[row] ?? NaN),
      shape: [rows.length, 1],
    },
    y: {
      data: Float32Array.from(rows, (row) => Y[row] ?? NaN),
      shape: [rows.length, 1],
    },
  }),
  numModels: 3,
  pretrainEpochs: 2,
  swagEpochs: 4,
  covMatRank: 3,
  seed: 5,
};

const options: BayesInferOptions<Net, Feed> = {
  ...data,
  step: (model, { x, y }) => mseLoss(model.forward(x), y),
};

async function momentsOf(swag: SwagModel) {
  return [...await swag.moments()].map((
    [name, { mean, variance, deviations }],
  ) => [name, mean, variance, deviations] as const);
}

gpuTest(
  "each particle counts its own collections and holds its own deviations",
  async () => {
    using multi = await MultiSwag.bayesInfer(() => new Net(), options);
    assertEquals(multi.particles.map(({ nModels }) => nModels), [5, 5, 5]);
    assertEquals(multi.particles.map(({ covMatRank }) => covMatRank), [
      3,
      3,
      3,
    ]);
    const [a, b] = await Promise.all(multi.particles.map(momentsOf));
    assertNotEquals(a, b);
    multi.base.dispose();
  },
);

gpuTest(
  "a particle has the same bits however many others there are",
  async () => {
    using three = await MultiSwag.bayesInfer(() => new Net(), options);
    using one = await MultiSwag.bayesInfer(() => new Net(), {
      ...options,
      numModels: 1,
      seed: 7,
    });
    assertEquals(
      await momentsOf(one.particles[0] as SwagModel),
      await momentsOf(three.particles[2] as SwagModel),
    );
    for (const { base } of [three, one]) base.dispose();
  },
);

gpuTest("training leaves the default generator as it was", async () => {
  manualSeed(3);
  const before = defaultGenerator().stateDict();
  using multi = await MultiSwag.bayesInfer(() => new Net(), options);
  assertEquals(defaultGenerator().stateDict(), before);
  multi.base.dispose();
});

gpuTest(
  "the moments of a particle are those of a loop written by hand",
  async () => {
    using multi = await MultiSwag.bayesInfer(() => new Net(), options);
    manualSeed(6);
    const model = new Net();
    using swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: 3,
    });
    using optimizer = new AdamW(model.parameters(), {
      learningRate: 0.01,
      weightDecay: 1e-5,
    });
    for (let epoch = 0; epoch < 6; epoch++) {
      const order = { shuffle: true, seed: 6, epoch };
      for (const rows of batches(X.length, 5, order)) {
        using _ = scope();
        const { x, y } = options.inputs(rows);
        const output = model.forward(tensor(x.data, { shape: x.shape }));
        backward(mseLoss(output, tensor(y.data, { shape: y.shape })));
        optimizer.step();
      }
      if (epoch >= 1) swag.collectModel();
    }
    assertEquals(
      await momentsOf(multi.particles[1] as SwagModel),
      await momentsOf(swag),
    );
    model.dispose();
    multi.base.dispose();
  },
);

gpuTest(
  "resamples differ from particle to particle, and from all examples",
  async () => {
    const seen: number[][] = [[], []];
    let particle = 0;
    using multi = await MultiSwag.bayesInfer(() => new Net(), {
      ...options,
      numModels: 2,
      pretrainEpochs: 1,
      swagEpochs: 0,
      bootstrap: true,
      together: false, // So that inputs are asked for particle by particle.
      inputs(rows) {
        seen[particle]?.push(...rows);
        return options.inputs(rows);
      },
      onParticle: () => void particle++,
    });
    const [first, second] = seen.map((rows) => rows.toSorted((a, b) => a - b));
    assertEquals([first?.length, second?.length], [12, 12]);
    assertNotEquals(first, second);
    assert(new Set(first).size < 12);
    multi.base.dispose();
  },
);

/** Particles of a line without bias, whose collections are given. */
function given(collections: readonly (readonly number[])[]) {
  const model = new Linear(1, 1, { bias: false });
  const particles = collections.map((values) => {
    const swag = SwagModel.fromBase(model, { noCovMat: false });
    for (const value of values) {
      model.weight.write([value]);
      swag.collectModel();
    }
    return swag;
  });
  model.weight.write([-7]);
  return { model, multi: new MultiSwag(model, particles) };
}

gpuTest(
  "samples are those of each particle in turn, and weights are restored",
  async () => {
    const { model, multi } = given([[1, 2, 4], [10, 13], [5, 5.5, 7]]);
    const x = tensor([[1]]);
    const forward = () => model.forward(x);
    const all = multi.getLogits(forward, {
      numPredictions: 4,
      scale: 0.5,
      seed: 3,
    });
    assertEquals(all.shape, [1, 12, 1]);
    const each = multi.particles.map((swag) =>
      swag.getLogits(forward, { numPredictions: 4, scale: 0.5, seed: 3 })
    );
    assertEquals(
      [...await all.data()],
      (await readAll(each)).flatMap((own) => [...own]),
    );
    assertEquals(await model.weight.item(), -7);
    assert(multi.particles.every(({ holdsSample }) => !holdsSample));
    multi.dispose();
    model.dispose();
  },
);

gpuTest(
  "calls without a seed take the next samples of each particle",
  async () => {
    const { model, multi } = given([[1, 2, 4], [10, 13, 19]]);
    const forward = () => model.forward(tensor([[1]]));
    const seeded = (index: number) =>
      multi.getLogits(forward, { numPredictions: 2, seed: 0, index });
    const next = () => multi.getLogits(forward, { numPredictions: 2 });
    // Samples 0 and 1, then 2 and 3; those with a seed do not count.
    const first = next();
    const own = [seeded(0), seeded(2), seeded(5)];
    const second = next();
    const single = multi.withSample({ particle: 1 }, () => model.weight.item());
    const { std } = multi.predict(forward, {
      problemType: "regression",
      numPredictions: 1,
    });
    const { pred } = await multi.posteriorPred(forward, {
      problemType: "regression",
      numPredictions: 2,
      mode: ["pred"],
    });
    const [a, b, ...expected] = await readAll([first, second, ...own]);
    assertEquals([a, b], expected.slice(0, 2));
    assertNotEquals(a, b);
    assert(await std.item() > 0);
    // Sample 4 of the second particle was drawn alone, so that it is one ahead.
    const at = async (particle: number, index: number) =>
      await multi.withSample(
        { particle, seed: 0, index },
        () => model.weight.item(),
      );
    assertEquals(await single, await at(1, 4));
    const means = [
      (await at(0, 5) + await at(0, 6)) / 2,
      (await at(1, 6) + await at(1, 7)) / 2,
    ];
    assertClose(pred?.data ?? [], means, ROUNDING);
    multi.dispose();
    model.dispose();
  },
);

gpuTest("variance is that within particles and that between them", async () => {
  const { model, multi } = given([[1, 2, 4], [10, 13], [5, 5.5, 7]]);
  const x = tensor([[1], [2]]);
  const forward = () => model.forward(x);
  const sampling = { numPredictions: 50, scale: 0.5, seed: 1 } as const;
  const problemType = "regression" as const;
  const parts = multi.decomposeVariance(forward, { ...sampling, problemType });
  const { mean, std } = multi.predict(forward, { ...sampling, problemType });
  const [m, within, between, total, mean2, std2] = await readAll([
    parts.mean,
    parts.within,
    parts.between,
    parts.total,
    mean,
    std,
  ]);
  assertClose(m as Float32Array, [...mean2 ?? []], ROUNDING);
  for (let i = 0; i < 2; i++) {
    const sum = (within?.[i] ?? 0) + (between?.[i] ?? 0);
    assertAlmostEquals((total?.[i] ?? 0) / sum, 1, 1e-5);
    assertAlmostEquals((std2?.[i] ?? 0) ** 2 / sum, 1, 1e-4);
  }
  // Push's std is over the particles' means alone: it has no part within them.
  assert((within?.[0] ?? 0) > 0.1 && (between?.[0] ?? 0) > 1);
  multi.dispose();
  model.dispose();
});

gpuTest(
  "one particle has a standard deviation, and one sample no division by zero",
  async () => {
    const { model, multi } = given([[1, 2, 4]]);
    const forward = () => model.forward(tensor([[1]]));
    const problemType = "regression" as const;
    const { std } = await multi.posteriorPred(forward, {
      mode: ["std"],
      problemType,
    });
    assert((std?.data[0] ?? 0) > 0.1);
    const single = await multi.posteriorPred(forward, {
      mode: ["std", "mean"],
      problemType,
      numPredictions: 1,
    });
    assertEquals(single.std?.data[0], 0);
    assert(Number.isFinite(single.mean?.data[0]));
    multi.dispose();
    model.dispose();
  },
);

gpuTest("the modes of a regression", async () => {
  const { model, multi } = given([[1], [2], [9]]);
  const prediction = await multi.posteriorPred(
    () => model.forward(tensor([[1], [10]])),
    {
      mode: ["mean", "median", "min", "max", "std", "pred"],
      problemType: "regression",
    },
  );
  const shapes = Object.values(prediction).map(({ shape }) => shape);
  assertEquals(shapes, [[2, 1], [2, 1], [2, 1], [2, 1], [2, 1], [2, 3, 1]]);
  const values = Object.values(prediction).map(({ data }) => [...data]);
  const std = Math.sqrt((9 + 4 + 25) / 3);
  assertEquals(values.slice(0, 4), [[4, 40], [2, 20], [1, 10], [9, 90]]);
  assertAlmostEquals(prediction.std?.data[0] ?? 0, std, 1e-6);
  assertEquals(values[5], [1, 2, 9, 10, 20, 90]);
  await assertRejects(
    () =>
      multi.posteriorPred(() => model.forward(tensor([[1]])), {
        mode: ["mode"],
        problemType: "regression",
      }),
    RangeError,
    'Cannot predict with mode "mode": expected "mean", "median"',
  );
  multi.dispose();
  model.dispose();
});

gpuTest("the modes of a classification", async () => {
  const model = new Linear(1, 2, { bias: false });
  using multi = await MultiSwag.ofWeights(
    model,
    [[2, 0], [0, 0.5], [0, 0.25]],
    (weights) => model.weight.write(weights),
  );
  const { logits, prob, mode, mean, pred } = await multi.posteriorPred(
    () => model.forward(tensor([[1]])),
    { mode: ["logits", "prob", "mode", "mean", "pred"] },
  );
  assertClose(logits?.data ?? [], [2 / 3, 0.25], ROUNDING);
  const first = [2, -0.5, -0.25].map((x) => 1 / (1 + Math.exp(-x)));
  const share = first.reduce((sum, p) => sum + p, 0) / 3;
  assertClose(prob?.data ?? [], [share, 1 - share], ROUNDING);
  assertEquals(mean, prob);
  assertClose(pred?.data ?? [], first.flatMap((p) => [p, 1 - p]), ROUNDING);
  // Two of three choose the second class, though the first is more probable.
  assertEquals([mode?.shape, mode?.data[0]], [[1], 1]);
  assert(share > 0.5);
  model.dispose();
});

gpuTest("the class that most samples choose, for each token", async () => {
  const model = new Linear(1, 3, { bias: false });
  using multi = await MultiSwag.ofWeights(
    model,
    [[1, 2, 3], [3, 3, -4], [2, 9, 1], [5, 1, 0]],
    (weights) => model.weight.write(weights),
  );
  const modes = (x: number[][][]) =>
    multi.posteriorPred(() => model.forward(tensor(x)), { mode: ["mode"] });
  // At 1 the choices are 2, 0, 1, 0; at 0 all are equal; at -1 they are 0, 2, 2, 2.
  const { mode } = await modes([[[1], [0]], [[-1], [1]]]);
  assertEquals([mode?.shape, [...mode?.data ?? []]], [[2, 2], [0, 0, 2, 0]]);
  const none = await multi.posteriorPred(
    () => model.forward(zeros([0, 1])),
    { mode: ["mode"] },
  );
  assertEquals([none.mode?.shape, none.mode?.data.length], [[0], 0]);
  await assertRejects(() => modes([[[1], [NaN]]]), RangeError, "NaN");
  model.dispose();
});

class Normed extends Module {
  norm = new BatchNorm1d(1);
  linear = new Linear(1, 1);
  forward(x: Tensor): Tensor {
    return this.linear.forward(this.norm.forward(x));
  }
}

gpuTest("how many samples are enough follows the collections", async () => {
  const model = new Linear(1, 1, { bias: false });
  using multi = await MultiSwag.ofWeights(
    model,
    [1, 2],
    (weight) => model.weight.write([weight]),
  );
  assertEquals(multi.defaultPredictions, 1);
  // A particle that goes on, after it was put among the others.
  multi.particles[1]?.collectModel();
  assertEquals(multi.defaultPredictions, 20);
  assertEquals((await multi.mapSamples(() => 0)).length, 40);
  model.dispose();
});

gpuTest("members that cannot be loaded leave nothing behind", async () => {
  const model = new Normed();
  await assertRejects(
    () =>
      MultiSwag.ofWeights(model, [1, 2, 3], (member) => {
        if (member === 3) throw new Error("no member 3");
      }),
    Error,
    "no member 3",
  );
  const multi = await MultiSwag.ofWeights(model, [1, 2], () => {});
  multi.dispose();
  multi.dispose();
  model.dispose();
});

gpuTest("each particle has its own running statistics", async () => {
  using multi = await MultiSwag.bayesInfer(() => new Normed(), {
    ...data,
    numModels: 2,
    step: (model, { x, y }) => mseLoss(model.forward(x), y),
  });
  const meanOf = (particle: number) =>
    multi.withSample(
      { particle },
      () => multi.base.norm.runningMean?.item() ?? Promise.resolve(NaN),
    );
  const [first, second] = [await meanOf(0), await meanOf(1)];
  assertNotEquals(first, second);
  const folder = await Deno.makeTempDir();
  await multi.save(folder);
  multi.base.norm.runningMean?.write([42]);
  using again = await MultiSwag.load(folder, multi.base);
  const read = await again.withSample(
    { particle: 1 },
    () => multi.base.norm.runningMean?.item() ?? Promise.resolve(NaN),
  );
  assertEquals(read, second);
  assertEquals(await multi.base.norm.runningMean?.item(), 42);
  await Deno.remove(folder, { recursive: true });
  multi.base.dispose();
});

gpuTest(
  "saved particles draw the same samples, and other files stay",
  async () => {
    const { model, multi } = given([[1, 2, 4], [10, 13]]);
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/notes.txt`, "mine");
    await multi.save(folder);
    using again = await MultiSwag.load(folder, model);
    const forward = () => model.forward(tensor([[1]]));
    const [a, b] = await readAll(
      [multi, again].map((own) => own.getLogits(forward, { seed: 4 })),
    );
    assertEquals(a, b);
    assertEquals(await Deno.readTextFile(`${folder}/notes.txt`), "mine");
    const files = [0, 1].map((i) => `${folder}/particle-000${i}.safetensors`);
    using listed = await MultiSwag.load(files.toReversed(), model);
    assertEquals(listed.particles.map(({ nModels }) => nModels), [2, 3]);
    await Deno.writeTextFile(
      `${folder}/multiswag.json`,
      '{"particles":[{"posterior":"../x.safetensors"}]}',
    );
    await assertRejects(
      () => MultiSwag.load(folder, model),
      SyntaxError,
      'names the file "../x.safetensors", but must name one in the folder',
    );
    await Deno.remove(folder, { recursive: true });
    multi.dispose();
    model.dispose();
  },
);

gpuTest("errors name the values and what is expected", async () => {
  const { model, multi } = given([[1, 2]]);
  const other = new Linear(1, 1, { bias: false });
  assertThrows(
    () => new MultiSwag(other, multi.particles),
    TypeError,
    "particle 0 is over another model",
  );
  assertThrows(() => new MultiSwag(model, []), RangeError, "of 0 particles");
  assertThrows(
    () => multi.withSample({ particle: 1 }, () => 0),
    RangeError,
    "Cannot sample particle 1: there are 1, numbered from 0",
  );
  const refuse = (own: Partial<BayesInferOptions<Net, Feed>>, text: string) =>
    assertRejects(
      () => MultiSwag.bayesInfer(() => new Net(), { ...options, ...own }),
      RangeError,
      text,
    );
  await refuse({ numModels: 0 }, "with numModels 0");
  await refuse({ covMatRank: 1 }, "with covMatRank 1");
  await refuse({ pretrainEpochs: 0, swagEpochs: 0 }, "there must be an epoch");
  await refuse({ learningRate: -1 }, "with learningRate -1");
  multi.dispose();
  for (const module of [model, other]) module.dispose();
});

gpuTest(
  "a saved MultiSWAG goes on with the samples that come next",
  async () => {
    const { model, multi } = given([[1, 2, 4], [10, 13, 19]]);
    const forward = () => model.forward(tensor([[1]]));
    const next = (own: MultiSwag) =>
      own.getLogits(forward, { numPredictions: 2 }).data();
    const before = await next(multi);
    const folder = await Deno.makeTempDir();
    await multi.save(folder);
    const again = await MultiSwag.load(folder, model);
    const after = await next(again);
    assertEquals(after, await next(multi));
    assertNotEquals(after, before);
    await Deno.remove(folder, { recursive: true });
    for (const own of [multi, again]) own.dispose();
    model.dispose();
  },
);

gpuTest("a call that fails restores weights and buffers", () => {
  const { model, multi } = given([[1, 2], [3, 4]]);
  assertThrows(
    () =>
      multi.getLogits(() => {
        throw new Error("no");
      }),
    Error,
    "no",
  );
  assert(multi.particles.every(({ holdsSample }) => !holdsSample));
  multi.dispose();
  model.dispose();
});
