// Copyright 2026 the swagpu authors. MIT license.

// Asynchronous functions with several samples in the model.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { tensor } from "../../engine/mod.ts";
import { BatchNorm1d, Dropout, Linear, Module } from "../../nn/mod.ts";
import { MCDropout, MultiSwag, SwagModel } from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";

/** A posterior over a single weight, which holds -7 now. */
function given(values: number[]): { model: Linear; swag: SwagModel } {
  const model = new Linear(1, 1, { bias: false });
  const swag = SwagModel.fromBase(model, { noCovMat: false });
  for (const value of values) {
    model.weight.write([value]);
    swag.collectModel();
  }
  model.weight.write([-7]);
  return { model, swag };
}

function free(...all: { dispose(): void }[]): void {
  for (const one of all) one.dispose();
}

gpuTest(
  "mapSamples() calls a function with the samples that predict() has",
  async () => {
    const { model, swag } = given([1, 2, 4]);
    model.train();
    const numbers: number[] = [];
    const weights = await swag.mapSamples(async (sample) => {
      numbers.push(sample);
      assertEquals(model.training, false);
      return await model.weight.item();
    }, { numPredictions: 3, scale: 2, seed: 4, index: 1 });
    assertEquals(numbers, [0, 1, 2]);
    assertEquals([model.training, await model.weight.item()], [true, -7]);
    const logits = swag.getLogits(() => model.forward(tensor([[1]])), {
      numPredictions: 3,
      scale: 2,
      seed: 4,
      index: 1,
    });
    assertEquals([...await logits.data()], weights);
    // Without a seed the next ones are taken, as by all other calls.
    const next = await swag.mapSamples(() => model.weight.item(), {
      numPredictions: 2,
    });
    const after = await swag.mapSamples(() => model.weight.item(), {
      numPredictions: 2,
    });
    assertNotEquals(next, after);
    assertEquals(
      await swag.mapSamples(() => model.training, {
        numPredictions: 1,
        training: true,
      }),
      [true],
    );
    const all = await swag.mapSamples(() => 0);
    assertEquals(all.length, 30);
    free(swag, model);
  },
);

gpuTest(
  "mapSamples() of several particles takes one after the other",
  async () => {
    const model = new Linear(1, 1, { bias: false });
    const particles = [[1, 2, 4], [10, 13], [5, 5.5, 7]].map((values) => {
      const swag = SwagModel.fromBase(model, { noCovMat: false });
      for (const value of values) {
        model.weight.write([value]);
        swag.collectModel();
      }
      return swag;
    });
    model.weight.write([-7]);
    const multi = new MultiSwag(model, particles);
    const sampling = { numPredictions: 2, seed: 1 };
    const weights = await multi.mapSamples(() => model.weight.item(), sampling);
    const logits = multi.getLogits(
      () => model.forward(tensor([[1]])),
      sampling,
    );
    assertEquals(weights, [...await logits.data()]);
    assertEquals(await model.weight.item(), -7);
    assert(particles.every(({ holdsSample }) => !holdsSample));
    free(multi, model);
  },
);

gpuTest(
  "a call that fails gives the model its weights, mode and buffers",
  async () => {
    class Net extends Module {
      norm = new BatchNorm1d(1);
      drop = new Dropout(0.5);
      linear = new Linear(1, 1, { bias: false });
    }
    const model = new Net();
    const ensemble = await MultiSwag.ofWeights(model, [1, 2], (weight) => {
      model.linear.weight.write([weight]);
      model.norm.runningMean?.write([weight]);
    });
    model.linear.weight.write([-7]);
    model.norm.runningMean?.write([-8]);
    model.train();
    const seen: unknown[] = [];
    await assertRejects(
      () =>
        ensemble.mapSamples(async (sample) => {
          seen.push(
            await model.linear.weight.item(),
            await model.norm.runningMean?.item(),
          );
          if (sample === 1) throw new Error("enough");
        }),
      Error,
      "enough",
    );
    assertEquals(seen, [1, 1, 2, 2]);
    assertEquals(await model.linear.weight.item(), -7);
    assertEquals(await model.norm.runningMean?.item(), -8);
    assert(model.training && model.drop.training);
    const plain = new Linear(1, 1);
    // A function that throws at once, and a model that drops nothing.
    await assertRejects(
      () =>
        ensemble.mapSamples(() => {
          throw new Error("at once");
        }),
      Error,
      "at once",
    );
    await assertRejects(
      () => new MCDropout(plain).mapSamples(() => {}),
      TypeError,
      "the model drops nothing",
    );
    assertEquals(await model.linear.weight.item(), -7);
    free(ensemble, model, plain);
  },
);

gpuTest(
  "mapSamples() refuses what would lose the weights, and bad counts",
  async () => {
    const { model, swag } = given([1, 2, 4]);
    const other = SwagModel.fromBase(model);
    other.collectModel();
    const first = swag.mapSamples(() => model.weight.item(), {
      numPredictions: 2,
    });
    for (const own of [swag, other]) {
      await assertRejects(
        () => own.mapSamples(() => 0, { numPredictions: 1 }),
        TypeError,
        "Cannot compute with samples: the model holds a sample for another",
      );
    }
    await first;
    assertEquals(await model.weight.item(), -7);
    // Within a call, functions that return no promise may use other samples.
    const inner = await swag.mapSamples(
      () => {
        const logits = other.getLogits(() => model.forward(tensor([[1]])), {
          numPredictions: 1,
        });
        return Promise.all([logits.item(), model.weight.item()]);
      },
      { numPredictions: 2, seed: 1 },
    );
    assertEquals(inner.map(([mean]) => mean), [-7, -7]);
    const plain = await swag.mapSamples(() => model.weight.item(), {
      numPredictions: 2,
      seed: 1,
    });
    assertEquals(inner.map(([, weight]) => weight), plain);
    for (const numPredictions of [0, 1.5]) {
      await assertRejects(
        () => swag.mapSamples(() => 0, { numPredictions }),
        RangeError,
        `Cannot compute with ${numPredictions} samples: it must be a positive`,
      );
    }
    await assertRejects(
      () => swag.mapSamples(() => 0, { samples: 1 } as object),
      TypeError,
      '"samples"',
    );
    assertEquals(await model.weight.item(), -7);
    free(swag, other, model);
  },
);
