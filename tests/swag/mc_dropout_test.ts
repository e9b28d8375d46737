// Copyright 2026 the swagpu authors. MIT license.

// MC dropout against the moments that follow from the masks' distribution.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  defaultGenerator,
  dropout,
  manualSeed,
  type Tensor,
  tensor,
  uniform,
} from "../../engine/mod.ts";
import { BatchNorm1d, Dropout, Linear, Module } from "../../nn/mod.ts";
import { MCDropout } from "../../swag/mod.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";

const [ROWS, INPUTS, OUTPUTS] = [3, 6, 2];

/** A dropout layer in front of a linear one. */
class Dropped extends Module {
  dropout: Dropout;
  dense = new Linear(INPUTS, OUTPUTS);

  constructor(rate: number) {
    super();
    this.dropout = new Dropout(rate);
  }

  forward(x: Tensor): Tensor {
    return this.dense.forward(this.dropout.forward(x));
  }
}

function inputs(seed = 1, rows = ROWS) {
  const values = randomValues(rows * INPUTS, seed);
  return { values, x: tensor(values, { shape: [rows, INPUTS] }) };
}

for (const rate of [0.1, 0.5]) {
  gpuTest(
    `MC dropout at rate ${rate} has the moments of a sum of masked inputs`,
    async () => {
      const model = new Dropped(rate);
      const { values, x } = inputs();
      const samples = 4000;
      const { mean, std } = new MCDropout(model).predict(
        () => model.forward(x),
        { problemType: "regression", numPredictions: samples, seed: 3 },
      );
      const [weight, bias] = [
        await model.dense.weight.data(),
        await model.dense.bias?.data() ?? [],
      ];
      const [means, stds] = [await mean.data(), await std.data()];
      for (let row = 0; row < ROWS; row++) {
        for (let out = 0; out < OUTPUTS; out++) {
          const terms = Array.from(
            { length: INPUTS },
            (_, i) =>
              (weight[out * INPUTS + i] ?? NaN) *
              (values[row * INPUTS + i] ?? NaN),
          );
          const expected = terms.reduce((sum, t) => sum + t, bias[out] ?? 0);
          const variance = rate / (1 - rate) *
            terms.reduce((sum, t) => sum + t * t, 0);
          const found = means[row * OUTPUTS + out] ?? NaN;
          const deviation = stds[row * OUTPUTS + out] ?? NaN;
          // Five standard errors of a mean; a tenth of a standard deviation is
          // as many of its own, as the kurtosis of a mask is at most 8.2.
          const error = 5 * Math.sqrt(variance / samples);
          assert(Math.abs(found - expected) < error, `mean ${row} ${out}`);
          assert(
            Math.abs(deviation / Math.sqrt(variance) - 1) < 0.1,
            `deviation ${row} ${out}`,
          );
        }
      }
      model.dispose();
    },
  );
}

gpuTest(
  "the same seed and index drop the same, whatever other batches there are",
  async () => {
    const model = new Dropped(0.5);
    const mc = new MCDropout(model);
    const batches = [inputs(1).x, inputs(2, 5).x];
    const all = mc.predictAll(batches, (x) => model.forward(x), {
      problemType: "regression",
      numPredictions: 4,
      seed: 9,
    });
    for (const [i, x] of batches.entries()) {
      const { samples } = mc.predict(() => model.forward(x), {
        problemType: "regression",
        numPredictions: 4,
        seed: 9,
      });
      assertEquals(await samples.data(), await all[i]?.samples.data());
      const later = mc.getLogits(() => model.forward(x), {
        numPredictions: 1,
        seed: 9,
        index: 2,
      });
      const own = await samples.data();
      const found = await later.data();
      const rows = x.shape[0] ?? 0;
      const third = Array.from({ length: rows }, (_, row) => {
        const from = (row * 4 + 2) * OUTPUTS;
        return [...own.slice(from, from + OUTPUTS)];
      });
      assertEquals([...found], third.flat());
    }
    // Without a seed each call draws other samples, and other seeds do.
    const draw = async (options: { seed?: number }) => {
      const run = () => model.forward(batches[0] as Tensor);
      const logits = mc.getLogits(run, { numPredictions: 1, ...options });
      return [...await logits.data()];
    };
    const draws = [
      ...[await draw({}), await draw({}), await draw({ seed: 1 })],
    ];
    assertEquals(new Set(draws.map(String)).size, 3);
    model.dispose();
  },
);

gpuTest(
  "MC dropout leaves mode, generator and running statistics alone",
  async () => {
    class Model extends Dropped {
      norm = new BatchNorm1d(INPUTS);
      override forward(x: Tensor): Tensor {
        return super.forward(this.norm.forward(x));
      }
    }
    const model = new Model(0.5);
    model.eval();
    model.dropout.training = true;
    model.placeParameters();
    const before = await model.norm.runningMean?.data();
    manualSeed(5);
    const expected = await uniform([4]).data();
    manualSeed(5);
    const mc = new MCDropout(model);
    const { x } = inputs();
    const plain = mc.getLogits(() => model.forward(x));
    mc.getLogits(() => model.forward(x), { numPredictions: 2 });
    assertEquals(await uniform([4]).data(), expected);
    assertEquals(
      [model, model.dropout, model.norm].map(({ training }) => training),
      [false, true, false],
    );
    assertEquals(await model.norm.runningMean?.data(), before);
    model.eval();
    assertClose(await plain.data(), [...await model.forward(x).data()], {
      ...{ absolute: 0, relative: 0 },
    });
    model.dispose();
  },
);

gpuTest("a model that drops nothing is refused", () => {
  const { x } = inputs();
  const model = new Dropped(0);
  model.placeParameters();
  const { position } = defaultGenerator();
  for (const numPredictions of [1, 3]) {
    assertThrows(
      () =>
        new MCDropout(model).predict(() => model.forward(x), {
          problemType: "regression",
          numPredictions,
        }),
      TypeError,
      "Cannot predict with MC dropout: the model drops nothing",
    );
  }
  assertEquals(defaultGenerator().position, position);
  // Dropout need not be a module.
  const drop = () => {
    const rate = model.training ? 0.5 : 0;
    return model.dense.forward(dropout(x, { rate }));
  };
  const logits = new MCDropout(model).getLogits(drop, { numPredictions: 2 });
  assertEquals(logits.shape, [ROWS, 2, OUTPUTS]);
  model.dispose();
});

gpuTest("MC dropout refuses an index that is out of range", () => {
  const { x } = inputs();
  const model = new Dropped(0.5);
  assertThrows(
    () =>
      new MCDropout(model).getLogits(() => model.forward(x), {
        ...{ numPredictions: 2, index: 2 ** 32 - 1 },
      }),
    RangeError,
    "Cannot draw sample 4294967296",
  );
  model.dispose();
});
