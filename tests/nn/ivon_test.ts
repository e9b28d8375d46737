// Copyright 2026 the swagpu authors. MIT license.

// IVON's samples, its state and its part in training. tests/sweeps/tools/golden_ivon_test.ts
// compares its steps with the package of its authors.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  backward,
  capture,
  manualSeed,
  mul,
  scope,
  sum,
  tensor,
  uniform,
} from "../../engine/mod.ts";
import {
  batches,
  clipGradNorm,
  createOptimizer,
  init,
  IVON,
  type IVONOptions,
  Linear,
  mseLoss,
  Parameter,
  PriorDecay,
  train,
} from "../../nn/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";

/** An optimizer of two parameters, whose places have padding. */
function start(options: Partial<IVONOptions> = {}) {
  const parameters = [5, 70].map((size, i) =>
    new Parameter([size], init.values(randomValues(size, i)))
  ) as [Parameter, Parameter];
  const optimizer = new IVON(parameters, { ess: 50, beta2: 0.9, ...options });
  const add = () => {
    for (const p of parameters) backward(sum(mul(mul(p, p), 0.5)));
  };
  const run = (steps: number) => {
    for (let t = 0; t < steps; t++) {
      using _ = scope();
      for (let sample = 0; sample < optimizer.mcSamples; sample++) {
        optimizer.sampledParams({ train: true }, add);
      }
      optimizer.step();
    }
  };
  const values = async () =>
    (await Promise.all(parameters.map((p) => p.data()))).flatMap((v) => [...v]);
  const free = () => {
    optimizer.dispose();
    const segments = new Set(parameters.map((p) => p.location?.segment));
    for (const p of parameters) p.dispose();
    for (const segment of segments) segment?.dispose();
  };
  return { parameters, optimizer, add, run, values, free };
}

gpuTest("samples have the mean and the variance of the posterior", async () => {
  const size = 20000;
  const x = new Parameter([size], init.constant(3));
  const optimizer = new IVON([x], {
    ...{ ess: 40, hessInit: 0.6, weightDecay: 0.4 },
  });
  const sample = await optimizer.sampledParams({ seed: 5 }, () => x.data());
  const mean = sample.reduce((sum, v) => sum + v, 0) / size;
  const variance = sample.reduce((sum, v) => sum + (v - mean) ** 2, 0) / size;
  // Five standard errors: of the mean, and of the variance of a Gaussian.
  assertAlmostEquals(mean, 3, 5 * Math.sqrt(1 / 40 / size));
  assertAlmostEquals(variance * 40, 1, 5 * Math.sqrt(2 / size));
  assertEquals(new Set(await x.data()), new Set([3]));
  optimizer.dispose();
  x.location?.segment.dispose();
  x.dispose();
});

gpuTest(
  "a sample depends on seed and index, and on no generator",
  async () => {
    const { optimizer, values, free } = start();
    manualSeed(3);
    const expected = await uniform([4]).data();
    manualSeed(3);
    const draw = (options: { seed?: number; index?: number }) =>
      optimizer.sampledParams(options, values);
    const first = await draw({ seed: 1 });
    assertEquals(await draw({ seed: 1, index: 0 }), first);
    const others = [
      ...[await draw({ seed: 2 }), await draw({ seed: 1, index: 1 })],
    ];
    assertEquals(new Set([first, ...others].map(String)).size, 3);
    assertEquals(await uniform([4]).data(), expected);
    // Without a seed, the default generator gives another one each time.
    const drawn = [await draw({}), await draw({})];
    assertEquals(new Set(drawn.map(String)).size, 2);
    free();
  },
);

gpuTest("padding stays zero in samples and steps", async () => {
  for (const hessApprox of ["price", "gradsq"] as const) {
    const { optimizer, parameters: [x, y], run, free } = start({
      ...{ hessApprox, weightDecay: 0, mcSamples: 2 },
    });
    run(3);
    const segment = x.location?.segment;
    const padding = async () => {
      const values = await segment?.values.data() ?? new Float32Array();
      const used = [x, y].map(({ location, size }) =>
        [location?.offset ?? 0, (location?.offset ?? 0) + size] as const
      );
      return [...values].filter((_, i) =>
        !used.some(([from, to]) => i >= from && i < to)
      );
    };
    assertEquals(new Set(await padding()), new Set([0]));
    optimizer.sampleParameters({ seed: 1 });
    assertEquals(new Set(await padding()), new Set([0]));
    optimizer.restoreWeights();
    free();
  }
});

for (const mcSamples of [1, 2]) {
  gpuTest(
    `IVON with ${mcSamples} samples continues from its state, bit for bit`,
    async () => {
      manualSeed(1);
      const whole = start({ mcSamples });
      whole.run(5);
      manualSeed(1);
      const first = start({ mcSamples });
      first.run(2);
      const second = start({ mcSamples, ess: 7, hessInit: 3 });
      for (const [i, parameter] of second.parameters.entries()) {
        parameter.write(await first.parameters[i]?.data() ?? []);
      }
      second.optimizer.loadStateDict(await first.optimizer.stateDict());
      second.run(3);
      assertEquals(await second.values(), await whole.values());
      for (const run of [whole, first, second]) run.free();
    },
  );
}

gpuTest("several samples average gradients and estimates", async () => {
  // The twin computes the same in float64, from the noise that it gives.
  const { parameters, optimizer, add, free } = start({ weightDecay: 0.1 });
  const [x] = parameters;
  const m = [...await x.data()];
  const noises = [0, 1, 2].map((i) => randomValues(x.size, 10 + i));
  const sigma = 1 / Math.sqrt(50 * (1 + 0.1));
  for (const values of noises) {
    optimizer.sampledParams({
      train: true,
      noise: new Map([[x, values]]),
    }, add);
  }
  optimizer.step();
  const [state] = (await optimizer.stateDict()).parameters;
  const [after, [u, h]] = [await x.data(), state?.moments ?? []];
  for (const [i, mean] of m.entries()) {
    const moves = noises.map((values) => sigma * (values[i] ?? NaN));
    const average = (f: (move: number) => number) =>
      moves.reduce((sum, move) => sum + f(move), 0) / 3;
    const g = average((move) => mean + move);
    const estimate = average((move) => move * (mean + move) * 50 * 1.1);
    const hessian = 1 + 0.1 * (estimate - 1) +
      0.5 * (0.1 * (estimate - 1)) ** 2 / 1.1;
    assertAlmostEquals(u?.[i] ?? NaN, 0.1 * g, 1e-6);
    assertAlmostEquals(h?.[i] ?? NaN, hessian, 1e-5);
    const step = 0.1 * 1.1 * (g + 0.1 * mean) / (hessian + 0.1);
    assertAlmostEquals(after[i] ?? NaN, mean - step, 1e-6);
  }
  free();
});

gpuTest("a frozen parameter is neither sampled nor trained", async () => {
  const { parameters: [x, y], optimizer, free } = start();
  x.requiresGrad = false;
  const before = await x.data();
  const seen = await optimizer.sampledParams({ train: true }, async () => {
    backward(sum(mul(y, y)));
    return await x.data();
  });
  optimizer.step();
  assertEquals([seen, await x.data()], [before, before]);
  assertEquals([...optimizer.parameterSteps.values()], [0, 1]);
  free();
});

gpuTest("a parameter that is frozen at first is trained later", async () => {
  const x = new Parameter([3], init.ones());
  x.requiresGrad = false;
  const optimizer = new IVON([x], { ess: 10, hessInit: 0.5, weightDecay: 0 });
  x.requiresGrad = true;
  optimizer.sampledParams({
    train: true,
    noise: new Map([[x, [0, 1, -1]]]),
  }, () => backward(sum(mul(x, x))));
  optimizer.step();
  const [state] = (await optimizer.stateDict()).parameters;
  for (const h of state?.moments[1] ?? []) assertAlmostEquals(h, 0.5, 1e-3);
  assertEquals((await x.data()).every((value) => value < 1), true);
  optimizer.dispose();
  x.location?.segment.dispose();
  x.dispose();
});

gpuTest("an error leaves the mean in the parameters", async () => {
  const { optimizer, values, free } = start();
  const before = await values();
  const fail = () => {
    throw new Error("no loss");
  };
  assertThrows(
    () => optimizer.sampledParams({ train: true }, fail),
    Error,
    "no loss",
  );
  await assertRejects(
    () =>
      optimizer.sampledParams(
        { train: true },
        () => Promise.reject(new Error("no loss")),
      ),
    Error,
    "no loss",
  );
  assertEquals([await values(), optimizer.holdsSample], [before, false]);
  assertThrows(
    () => optimizer.step(),
    TypeError,
    "needs gradients at a sample",
  );
  free();
});

gpuTest("what cannot be done with IVON is refused", () => {
  const { optimizer, parameters, free } = start();
  assertThrows(() => optimizer.step(), TypeError, "sampledParams({ train:");
  optimizer.sampledParams({}, () => {
    assertThrows(
      () => optimizer.sampledParams({}, () => {}),
      TypeError,
      "there is room for one sample",
    );
    assertThrows(() => optimizer.sampleParameters(), TypeError, "wait for its");
  });
  optimizer.sampledParams(
    { train: true },
    () => backward(sum(mul(parameters[0], 2))),
  );
  optimizer.sampleParameters();
  assertThrows(() => optimizer.step(), TypeError, "hold a sample");
  optimizer.restoreWeights();
  optimizer.zeroGrad();
  assertThrows(() => optimizer.step(), TypeError, "needs gradients");
  assertThrows(
    () => optimizer.sampleParameters({ seed: 1, index: -1 }),
    RangeError,
    "Cannot draw sample -1",
  );
  const make = (options: Partial<IVONOptions>) =>
    new IVON([new Parameter([1])], options as IVONOptions);
  const cases: [Partial<IVONOptions>, string][] = [
    [{}, "Cannot optimize with ess NaN: it must be the number of training"],
    [{ ess: 0 }, "ess 0"],
    [{ ess: 1, hessInit: 0 }, "hessInit 0: it must be a positive number"],
    [{ ess: 1, beta2: 1 }, "beta2 1: it must be in [0, 1)"],
    [{ ess: 1, clipRadius: 0 }, "clipRadius 0: it must be positive"],
    [{ ess: 1, mcSamples: 0 }, "mcSamples 0: it must be a whole number"],
    [{ ess: 1, weightDecay: -1 }, "weightDecay -1: it must not be negative"],
    [{ ess: 1, hessApprox: "fisher" as "price" }, 'hessApprox "fisher"'],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => make(options), RangeError, message);
  }
  assertThrows(
    () => make({ ess: 1, lr: 1 } as Partial<IVONOptions>),
    TypeError,
    'did you mean "learningRate"?',
  );
  free();
});

gpuTest("a decay to a prior is refused", () => {
  const model = new Linear(2, 2);
  const optimizer = new IVON(model.parameters(), { ess: 10 });
  assertThrows(
    () => new PriorDecay(model, optimizer),
    TypeError,
    "Cannot pull the weights of IVON to a prior",
  );
  optimizer.dispose();
  model.dispose();
});

/** Trains a linear model, and returns its weights and the losses. */
async function trained(
  options: { captured: boolean; mcSamples: number; weighted?: boolean },
) {
  manualSeed(4);
  const model = new Linear(3, 1);
  const optimizer = createOptimizer(model, {
    optim: "ivon",
    learningRate: 0.05,
    optimArgs: { ess: 20, mcSamples: options.mcSamples, beta2: 0.95 },
  });
  const x = randomValues(30, 1);
  const inputs = (rows: ArrayLike<number>) => ({
    x: {
      data: Float32Array.from(
        { length: rows.length * 3 },
        (_, i) => x[(rows[Math.floor(i / 3)] ?? 0) * 3 + i % 3] ?? 0,
      ),
      shape: [rows.length, 3],
    },
    y: {
      data: Float32Array.from(rows, (row) => 2 * (x[row * 3] ?? 0) + 1),
      shape: [rows.length, 1],
    },
  });
  const losses: number[] = [];
  const common = {
    epochs: 4,
    batches: (epoch: number) => batches(10, 2, { shuffle: true, epoch }),
    optimizer,
    maxGradNorm: 5,
    gradientAccumulation: 2,
    ...options.weighted
      ? { batchWeight: (rows: ArrayLike<number>) => rows.length }
      : {},
    onLog: ({ losses: own }: { losses: Float32Array }) => {
      losses.push(...own);
    },
  };
  await (options.captured
    ? train({
      ...common,
      inputs,
      step: ({ x, y }) => mseLoss(model.forward(x), y),
    })
    : train({
      ...common,
      step(rows) {
        const { x, y } = inputs(rows);
        const input = tensor(x.data, { shape: x.shape });
        return mseLoss(
          model.forward(input),
          tensor(y.data, { shape: y.shape }),
        );
      },
    }));
  const weights = [...await model.weight.data()];
  const { steps } = optimizer;
  optimizer.dispose();
  model.dispose();
  return { weights, losses, steps };
}

for (const mcSamples of [1, 2]) {
  for (const weighted of [false, true]) {
    gpuTest(
      `train() with ${mcSamples} samples has the same bits captured` +
        (weighted ? ", with weights" : ""),
      async () => {
        const plain = await trained({ captured: false, mcSamples, weighted });
        const captured = await trained({ captured: true, mcSamples, weighted });
        assertEquals(captured, plain);
        // Five batches an epoch in groups of two.
        assertEquals([plain.steps, plain.losses.length], [12, 12]);
        assert((plain.losses.at(-1) ?? NaN) < (plain.losses[0] ?? NaN) / 2);
      },
    );
  }
}

gpuTest("the loss of a step is the mean over its samples", async () => {
  // With weights so certain that samples do not differ, the mean is the loss.
  const losses: number[] = [];
  const x = new Parameter([4], init.constant(2));
  for (const mcSamples of [1, 3]) {
    x.write([2, 2, 2, 2]);
    const optimizer = new IVON([x], { ess: 1e12, mcSamples });
    await train({
      ...{ epochs: 1, batches: () => [0], optimizer },
      step: () => sum(mul(x, x)),
      onLog: ({ loss }) => void losses.push(loss),
    });
    optimizer.dispose();
  }
  for (const loss of losses) assertAlmostEquals(loss, 16, 1e-4);
  x.location?.segment.dispose();
  x.dispose();
});

gpuTest("a whole step with two samples can be captured", async () => {
  const run = async (enabled: boolean) => {
    manualSeed(8);
    const { optimizer, add, values, free } = start({ mcSamples: 2 });
    const step = capture(() => {
      optimizer.accumulate(add);
      clipGradNorm(optimizer, 1);
      optimizer.step();
    }, { enabled });
    for (let t = 0; t < 6; t++) step({});
    assertEquals(step.reason !== undefined, !enabled);
    const found = await values();
    step.dispose();
    free();
    return found;
  };
  assertEquals(await run(true), await run(false));
});
