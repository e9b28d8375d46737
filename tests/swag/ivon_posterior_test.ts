// Copyright 2026 the swagpu authors. MIT license.

// IVON's posterior on a linear regression, whose exact posterior is known.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  manualSeed,
  mul,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { IVON, Linear, Module, mseLoss } from "../../nn/mod.ts";
import { IVONPosterior } from "../../swag/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";

/** A product of inputs and weights, without a bias. */
class Product extends Module {
  readonly dense = new Linear(3, 1, { bias: false });
  forward(x: Tensor): Tensor {
    return this.dense.forward(x);
  }
}

gpuTest(
  "predictions have the mean and the variance of the weights' Gaussian",
  async () => {
    const model = new Product();
    const optimizer = new IVON(model.parameters(), {
      ...{ ess: 30, hessInit: 0.7, weightDecay: 0.3 },
    });
    const weights = randomValues(3, 1);
    model.dense.weight.write(weights);
    const values = randomValues(6, 2);
    const x = tensor(values, { shape: [2, 3] });
    const posterior = new IVONPosterior(model, optimizer);
    const samples = 3000;
    const { mean, std } = posterior.predict(() => model.forward(x), {
      ...{ problemType: "regression", numPredictions: samples, seed: 2 },
    });
    const [means, stds] = [await mean.data(), await std.data()];
    for (let row = 0; row < 2; row++) {
      const input = values.slice(row * 3, row * 3 + 3);
      const expected = input.reduce((n, v, i) => n + v * (weights[i] ?? 0), 0);
      const deviation = Math.sqrt(
        input.reduce((n, v) => n + v * v, 0) / (30 * (0.7 + 0.3)),
      );
      // Five standard errors of each.
      const error = 5 * deviation / Math.sqrt(samples);
      assert(Math.abs((means[row] ?? NaN) - expected) < error, `mean ${row}`);
      assert(
        Math.abs((stds[row] ?? NaN) - deviation) < error / Math.SQRT2,
        `deviation ${row}`,
      );
    }
    assertEquals(await model.dense.weight.data(), weights);
    optimizer.dispose();
    model.dispose();
  },
);

gpuTest(
  "after training the variances are those of the exact posterior",
  async () => {
    manualSeed(2);
    const model = new Product();
    // Orthogonal inputs, of which the second has no more than a prior's weight: the
    // diagonal posterior is exact. Half the mean squared error has the Hessian xᵀx/n.
    const scales = [2, 0.05, 1];
    const rows = [[2, 0, 0], [0, 0.05, 0], [0, 0, 1]];
    const x = tensor(rows);
    const y = tensor([[1], [0.1], [-2]]);
    const ess = 3;
    const weightDecay = 0.2;
    const optimizer = new IVON(model.parameters(), {
      ...{ ess, weightDecay, beta2: 0.998, hessInit: 0.5, learningRate: 0.05 },
    });
    for (let step = 0; step < 3000; step++) {
      using _ = scope();
      optimizer.accumulate(() =>
        backward(mul(mseLoss(model.forward(x), y), 0.5))
      );
      optimizer.step();
    }
    const { std } = new IVONPosterior(model, optimizer).predict(
      () => model.forward(tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1]])),
      { problemType: "regression", numPredictions: 2000, seed: 1 },
    );
    const stds = await std.data();
    for (const [i, scale] of scales.entries()) {
      const exact = 1 / Math.sqrt(ess * (scale ** 2 / 3 + weightDecay));
      // The average over 1 / (1 - β₂) noisy estimates of the Hessian.
      const ratio = (stds[i] ?? NaN) / exact;
      assert(ratio > 0.85 && ratio < 1.15, `weight ${i}: ${ratio}`);
    }
    optimizer.dispose();
    model.dispose();
  },
);

gpuTest("the same seed gives the same samples, for every batch", async () => {
  const model = new Product();
  const optimizer = new IVON(model.parameters(), { ess: 10 });
  const posterior = new IVONPosterior(model, optimizer);
  const inputs = [1, 2].map((seed) =>
    tensor(randomValues(6, seed), { shape: [2, 3] })
  );
  const options = {
    ...{ problemType: "regression", numPredictions: 3, seed: 4 } as const,
  };
  const all = posterior.predictAll(inputs, (x) => model.forward(x), options);
  for (const [i, x] of inputs.entries()) {
    const one = posterior.predict(() => model.forward(x), options);
    assertEquals(await one.samples.data(), await all[i]?.samples.data());
  }
  const [x] = inputs as [Tensor];
  const plain = posterior.getLogits(() => model.forward(x));
  assertEquals(await plain.data(), await model.forward(x).data());
  const drawn = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const one = posterior.predict(() => model.forward(x), {
      ...{ problemType: "regression", numPredictions: 1 },
    });
    drawn.add(`${await one.samples.data()}`);
  }
  assertEquals(drawn.size, 2);
  optimizer.dispose();
  model.dispose();
});

gpuTest("a model that the optimizer does not train is refused", () => {
  const [model, other] = [new Product(), new Product()];
  const optimizer = new IVON(model.parameters(), { ess: 10 });
  assertThrows(
    () => new IVONPosterior(other, optimizer),
    TypeError,
    "the optimizer has none of its parameters",
  );
  const posterior = new IVONPosterior(model, optimizer);
  const x = tensor([[1, 2, 3]]);
  optimizer.sampleParameters();
  assertThrows(
    () => posterior.getLogits(() => model.forward(x), { numPredictions: 1 }),
    TypeError,
    "Cannot predict with samples: the parameters hold one",
  );
  optimizer.restoreWeights();
  optimizer.dispose();
  model.dispose();
  other.dispose();
});
