// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertAlmostEquals, assertRejects } from "@std/assert";
import { readAll } from "../../engine/mod.ts";
import { SwagModel, type SwagOptions } from "../../swag/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";
import {
  cholesky,
  mahalanobis,
  referenceCovariance,
  type ReferenceMoments,
} from "../reference/swag.ts";
import { Tree } from "./_tree.ts";

/** Both are in float64, but the dense one uses variances rounded to 32 bits. */
const DENSITY = 1e-5;

function collected(shapes: Record<string, number[]>, options: SwagOptions) {
  const model = new Tree(shapes);
  const swag = SwagModel.fromBase(model, { noCovMat: false, ...options });
  for (let n = 0; n < 12; n++) {
    model.setAll(randomValues(50, n));
    swag.collectModel();
  }
  return { model, swag };
}

/** Computes log N(x; mean, covariance) by a dense factorization. */
function dense(
  x: ArrayLike<number>,
  moments: ReferenceMoments,
  scale: number,
): number {
  const lower = cholesky(referenceCovariance(moments, scale));
  const size = x.length;
  let logs = size * Math.log(2 * Math.PI);
  for (let i = 0; i < size; i++) {
    logs += 2 * Math.log(lower[i * (size + 1)] ?? 0);
  }
  const d = Float64Array.from(x, (value, i) => value - (moments.mean[i] ?? 0));
  return -0.5 * (logs + mahalanobis(lower, d));
}

gpuTest("logProbability() matches a dense factorization", async () => {
  const { model, swag } = collected({ weight: [50] }, { maxNumModels: 6 });
  const { mean, variance = [], deviations = [] } =
    (await swag.moments()).get("weight") ?? { mean: [] };
  for (const scale of [0.1, 0.5, 2]) {
    swag.sampleParameters({ scale, seed: 1 });
    const [x] = await readAll(model.parameters());
    assert(x);
    const moments = { mean, variance, deviations };
    assertAlmostEquals(
      await swag.logProbability({ scale }),
      dense(x, moments, scale),
      DENSITY,
    );
    const diagonal = { mean, variance, deviations: new Float32Array(100) };
    assertAlmostEquals(
      await swag.logProbability({ scale, cov: false }),
      dense(x, diagonal, scale),
      DENSITY,
    );
  }
  swag.dispose();
  model.dispose();
});

gpuTest("logProbability() adds up over blocks and random weights", async () => {
  const shapes = { "a.weight": [4, 5], "b.weight": [17], "c.weight": [13] };
  const { model, swag } = collected(shapes, {
    modulePrefixList: ["a", "c"],
    maxNumModels: 5,
  });
  swag.sampleParameters({ scale: 0.5, seed: 1, blockwise: true });
  const [a, , c] = await readAll(model.parameters());
  const moments = await swag.moments();
  let expected = 0;
  for (const [name, x] of [["a.weight", a], ["c.weight", c]] as const) {
    const { mean = [], variance = [], deviations = [] } = moments.get(name) ??
      {};
    expected += dense(x ?? [], {
      mean,
      variance: variance ?? [],
      deviations: deviations ?? [],
    }, 0.5);
  }
  assertAlmostEquals(
    await swag.logProbability({ scale: 0.5, blockwise: true }),
    expected,
    DENSITY,
  );
  swag.dispose();
  model.dispose();
});

gpuTest("logProbability() refuses a Gaussian without spread", async () => {
  const model = new Tree({ weight: [3] });
  using swag = SwagModel.fromBase(model);
  await assertRejects(
    () => swag.logProbability(),
    RangeError,
    "nothing has been",
  );
  swag.collectModel();
  await assertRejects(
    () => swag.logProbability(),
    RangeError,
    "Cannot compute a density with scale 1 and 1 collections: there is no spread",
  );
  swag.collectModel();
  await assertRejects(
    () => swag.logProbability({ scale: 0 }),
    RangeError,
    "scale 0",
  );
  await assertRejects(
    () => swag.logProbability({ cov: true }),
    TypeError,
    "keeps no deviations",
  );
  model.dispose();
});

gpuTest(
  "logProbability() of variances alone is that of independent weights",
  async () => {
    // After 1 and 3 the mean is 2 and the variance 1.
    const one = (options: SwagOptions) => {
      const model = new Tree({ weight: [1] });
      const swag = SwagModel.fromBase(model, options);
      for (const x of [1, 3]) {
        model.setAll([x]);
        swag.collectModel();
      }
      return { model, swag };
    };
    const normal = (x: number, variance: number) =>
      -0.5 * (Math.log(2 * Math.PI * variance) + (x - 2) ** 2 / variance);
    const kinds: SwagOptions[] = [
      {},
      { maxNumModels: 0 },
      { normalize: "capacity" },
      { noCovMat: false, maxNumModels: 1 },
      { noCovMat: false, maxNumModels: 1, normalize: "capacity" },
    ];
    for (const options of kinds) {
      const { model, swag } = one(options);
      for (const x of [2, 2.5, -1]) {
        for (const scale of [1, 0.5]) {
          for (const blockwise of [false, true]) {
            model.setAll([x]);
            assertAlmostEquals(
              await swag.logProbability({ scale, blockwise }),
              normal(x, scale),
              1e-12,
              JSON.stringify({ options, x, scale, blockwise }),
            );
          }
        }
      }
      swag.dispose();
      model.dispose();
    }
    const { model, swag } = one({ noCovMat: false });
    model.setAll([2]);
    assertAlmostEquals(
      await swag.logProbability({ cov: false }),
      normal(2, 1),
      1e-12,
    );
    model.setAll([NaN]);
    await assertRejects(
      () => swag.logProbability(),
      RangeError,
      "weight is NaN",
    );
    swag.dispose();
    model.dispose();
  },
);

gpuTest("logProbability() refuses a variance of 0", async () => {
  const model = new Tree({ weight: [1] });
  using swag = SwagModel.fromBase(model, { varClamp: 0 });
  swag.collectModel();
  swag.collectModel();
  await assertRejects(
    () => swag.logProbability(),
    RangeError,
    "weight 0 of weight has variance 0",
  );
  model.dispose();
});
