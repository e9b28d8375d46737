// Copyright 2026 the swagpu authors. MIT license.

// Longer than most files, because it has every case of sampling.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  defaultGenerator,
  type Device,
  manualSeed,
  normal,
  openDevice,
  pin,
  readAll,
  setDevice,
  type Tensor,
  variantsOf,
} from "../../engine/mod.ts";
import { alias } from "../../engine/kernel_kit.ts";
import {
  type SampleOptions,
  SwagModel,
  type SwagOptions,
} from "../../swag/mod.ts";
import { drawKey } from "../../swag/noise.ts";
import { forAngles } from "../_adapter.ts";
import {
  assertClose,
  gpuTest,
  randomValues,
  type Tolerance,
} from "../_check.ts";
import {
  cholesky,
  mahalanobis,
  referenceCovariance,
  type ReferenceMoments,
  referenceSample,
} from "../reference/swag.ts";
import { Tree } from "./_tree.ts";

const EXACT: Tolerance = { absolute: 0, relative: 0 };

/** For weights near 1 with a spread of a few percent: the rounding of their sum. */
const WEIGHTS: Tolerance = { absolute: 0, relative: 1e-6 };

/**
 * The factor on an error of sin and cos in a weight: the largest radius of normal
 * noise, 5.77, times 0.02, which is more than the deviation of any of these weights at
 * scale 0.5.
 */
const SPREAD = 5.77 * 0.02;

/** For differences of weights near 1, which are of size 0.02 with an error of 1e-7. */
const DIFFERENCES: Tolerance = { absolute: 5e-7, relative: 1e-5 };

const SHAPES = { "a.weight": [5], "b.weight": [3] };

/** Makes a posterior of 7 collections over 8 weights in two parameters. */
function posterior(
  options: SwagOptions = {},
): { model: Tree; swag: SwagModel } {
  const model = new Tree(SHAPES);
  const swag = SwagModel.fromBase(model, {
    noCovMat: false,
    maxNumModels: 5,
    ...options,
  });
  for (let n = 0; n < 7; n++) {
    model.setAll(randomValues(8, n + 3, 0.97, 1.03));
    swag.collectModel();
  }
  return { model, swag };
}

/** The moments of all parameters, one after the other. */
async function together(swag: SwagModel): Promise<ReferenceMoments> {
  const all = [...(await swag.moments()).values()];
  const rank = swag.covMatRank;
  const deviations: number[] = [];
  for (let k = 0; k < rank; k++) {
    for (const { mean: { length }, deviations: d } of all) {
      deviations.push(...d?.subarray(k * length, (k + 1) * length) ?? []);
    }
  }
  return {
    mean: all.flatMap(({ mean }) => [...mean]),
    variance: all.flatMap(({ variance }) => [...variance ?? []]),
    deviations,
  };
}

/** The same without covariances between the two parameters. */
function blocks(matrix: Float64Array): Float64Array {
  return matrix.map((value, i) =>
    (Math.floor(i / 8) < 5) === (i % 8 < 5) ? value : 0
  );
}

/** Reads all parameters of a sample from where the model reads them. */
async function weightsOf(model: Tree): Promise<number[]> {
  return (await readAll(model.parameters())).flatMap((row) => [...row]);
}

/** Draws many samples, `[count, 8]`, and reads them at once. */
async function draws(
  model: Tree,
  swag: SwagModel,
  count: number,
  options: SampleOptions,
): Promise<Float64Array[]> {
  const [first] = model.parameters();
  const values = first?.location?.segment.values as Tensor;
  const flat = await swag.getLogits(() => alias(values, [1, 128]), {
    ...options,
    numPredictions: count,
  }).data();
  return Array.from({ length: count }, (_, s) => {
    const row = flat.subarray(s * 128, (s + 1) * 128);
    return Float64Array.of(...row.subarray(0, 5), ...row.subarray(64, 67));
  });
}

function covariance(rows: readonly Float64Array[], mean: ArrayLike<number>) {
  const matrix = new Float64Array(64);
  for (const row of rows) {
    const d = row.map((x, i) => x - (mean[i] ?? 0));
    for (let i = 0; i < 64; i++) {
      matrix[i] = (matrix[i] ?? 0) +
        (d[i >> 3] ?? 0) * (d[i & 7] ?? 0) / rows.length;
    }
  }
  return matrix;
}

const S = 20_000;

for (const blockwise of [false, true]) {
  const mode = blockwise ? "blockwise" : "together";
  gpuTest(
    `samples have the posterior's mean and covariance, ${mode}`,
    async () => {
      const { model, swag } = posterior();
      const scale = 0.5;
      const moments = await together(swag);
      const rows = await draws(model, swag, S, { scale, blockwise, seed: 11 });
      const full = referenceCovariance(moments, scale);
      const sigma = blockwise ? blocks(full) : full;
      for (let i = 0; i < 8; i++) {
        const mean = rows.reduce((sum, row) => sum + (row[i] ?? 0) / S, 0);
        const bound = 4 * Math.sqrt((sigma[i * 9] ?? 0) / S);
        assert(Math.abs(mean - (moments.mean[i] ?? 0)) <= bound);
      }
      const found = covariance(rows, moments.mean);
      let error = 0;
      let norm = 0;
      found.forEach((value, i) => {
        const expected = sigma[i] ?? 0;
        error += (value - expected) ** 2;
        norm += expected ** 2;
        // Checks every entry, also those between parameters.
        const variances = (sigma[(i >> 3) * 9] ?? 0) *
          (sigma[(i & 7) * 9] ?? 0);
        const bound = 5 * Math.sqrt((variances + expected ** 2) / S);
        assert(Math.abs(value - expected) <= bound, `entry ${i}`);
      });
      assert(Math.sqrt(error / norm) <= 0.03, `${Math.sqrt(error / norm)}`);

      const lower = cholesky(sigma);
      const distances = rows.map((row) =>
        mahalanobis(lower, row.map((x, i) => x - (moments.mean[i] ?? 0)))
      );
      // 15.507 is the 95 % quantile of χ² with 8 degrees of freedom; sd ≈ 9.7.
      const inside = distances.slice(0, 2000).filter((d) => d < 15.507).length;
      assert(inside >= 1870 && inside <= 1930, `${inside}`);
      const mean = distances.reduce((sum, d) => sum + d / S, 0);
      assert(Math.abs(mean - 8) <= 4 * Math.sqrt(2 * 8 / S), `${mean}`);
      swag.dispose();
      model.dispose();
    },
  );
}

gpuTest("scale multiplies the covariance in every mode", async () => {
  const { model, swag } = posterior();
  const { mean } = await together(swag);
  for (const cov of [false, true]) {
    for (const blockwise of [false, true]) {
      const options = { cov, blockwise, seed: 3, index: 5 };
      const deviation = async (scale: number) => {
        swag.sampleParameters({ ...options, scale });
        return (await weightsOf(model)).map((x, i) => x - (mean[i] ?? 0));
      };
      const unit = await deviation(1);
      for (const scale of [0.01, 0.1, 0.5, 2, 5]) {
        assertClose(
          await deviation(scale),
          unit.map((d) => Math.sqrt(scale) * d),
          DIFFERENCES,
          `scale ${scale}, cov ${cov}, blockwise ${blockwise}`,
        );
      }
    }
  }
  swag.dispose();
  model.dispose();
});

gpuTest("sampleParameters() matches the float64 twin", async (device) => {
  const tolerance = await forAngles(WEIGHTS, device, SPREAD);
  const { model, swag } = posterior();
  const all = [...(await swag.moments()).values()];
  for (
    const [seed, index] of [[0, 0], [7, 17], [-3n, 4_000_000_000]] as const
  ) {
    const draw = drawKey(seed, index);
    for (const blockwise of [false, true]) {
      swag.sampleParameters({ scale: 0.5, blockwise, seed, index });
      const expected = all.flatMap(({ mean, variance, deviations }, i) => [
        ...referenceSample({
          mean,
          variance: variance ?? [],
          deviations: deviations ?? [],
        }, {
          draw,
          scale: 0.5,
          start: 64 * i,
          ...(blockwise ? { block: i } : {}),
        }),
      ]);
      assertClose(await weightsOf(model), expected, tolerance);
    }
  }
  swag.dispose();
  model.dispose();
});

gpuTest("a sample depends only on seed and index", async () => {
  const { model, swag } = posterior();
  const draw = async (options: SampleOptions) => {
    swag.sampleParameters({ scale: 0.5, ...options });
    return await weightsOf(model);
  };
  const first = await draw({ seed: 1, index: 2 });
  assertNotEquals(await draw({ seed: 1, index: 3 }), first);
  assertNotEquals(await draw({ seed: 2, index: 2 }), first);
  assertEquals(await draw({ seed: 1, index: 2 }), first);
  assertEquals(await draw({ seed: 5 }), await draw({ seed: 5, index: 0 }));
  // Without a seed, every call is the next sample of seed 0.
  assertEquals(await draw({}), await draw({ seed: 0, index: 0 }));
  assertEquals(await draw({}), await draw({ seed: 0, index: 1 }));
  swag.dispose();
  model.dispose();
});

gpuTest("sampling does not advance the default generator", async () => {
  const { model, swag } = posterior();
  manualSeed(5);
  const expected = await normal([4]).data();
  manualSeed(5);
  swag.sampleParameters({ scale: 0.5 });
  swag.sampleParameters({ scale: 0.5, seed: 5 });
  assertEquals(defaultGenerator().position, 0);
  assertEquals(await normal([4]).data(), expected);
  manualSeed(0);
  swag.dispose();
  model.dispose();
});

gpuTest(
  "a weight's noise does not depend on which other weights are random",
  async () => {
    const all = posterior();
    const some = posterior({ modulePrefixList: ["b"] });
    for (
      const options of [
        { cov: false },
        { cov: true },
        { cov: true, blockwise: true },
      ]
    ) {
      for (const { swag } of [all, some]) {
        swag.sampleParameters({ ...options, scale: 0.5, seed: 9 });
      }
      const a = await weightsOf(all.model);
      const b = await weightsOf(some.model);
      assertEquals(b.slice(5), a.slice(5));
      const mean = (await some.swag.moments()).get("a.weight")?.mean ?? [];
      assertEquals(b.slice(0, 5), [...mean]);
    }
    for (const { swag, model } of [all, some]) {
      swag.dispose();
      model.dispose();
    }
  },
);

gpuTest(
  "samples do not depend on how storage is cut, bit for bit",
  async (device) => {
    const shapes = { "a.weight": [3, 301], "b.bias": [7], "c.weight": [40, 5] };
    const sample = async (on: Device, options: SwagOptions) => {
      const before = setDevice(on);
      try {
        const model = new Tree(shapes);
        using swag = SwagModel.fromBase(model, {
          noCovMat: false,
          maxNumModels: 3,
          ...options,
        });
        for (let n = 0; n < 5; n++) {
          model.setAll(randomValues(1110, n));
          swag.collectModel();
        }
        const { dispatches } = on.stream.statistics();
        swag.sampleParameters({ scale: 0.5, seed: 4 });
        const used = on.stream.statistics().dispatches - dispatches;
        const together = await weightsOf(model);
        swag.sampleParameters({ scale: 0.5, seed: 4, blockwise: true });
        const split = await weightsOf(model);
        const moments = [...await swag.moments()];
        swag.restoreWeights();
        assertEquals(await weightsOf(model), [...randomValues(1110, 4)]);
        model.dispose();
        return { used, values: [together, split, moments] };
      } finally {
        setDevice(before ?? on);
      }
    };
    const cases: SwagOptions[] = [
      {},
      { modulePrefixList: ["a"] },
      { modulePrefixList: ["b", "c"] },
      { deviations: "f16" },
      { deviations: "int8", modulePrefixList: ["a", "c"] },
    ];
    for (const options of cases) {
      const whole = await sample(device, options);
      assertEquals(whole.used, 1, "one dispatch for one segment");
      // Those of real adapters, too, are not all multiples of 256.
      for (const maxBindingSize of [1024, 1276, 2044, 3068, 4096]) {
        const small = await openDevice({ maxBindingSize });
        const parts = await sample(small, options);
        assert(parts.used > 1, `${parts.used} dispatches`);
        assertEquals(parts.values, whole.values, `${maxBindingSize} bytes`);
        await small.destroy();
      }
    }
  },
);

gpuTest("every variant collects and samples alike", async () => {
  const results = [];
  try {
    for (const variant of variantsOf("swag")) {
      pin("swag", variant);
      const model = new Tree({ "a.weight": [3, 301], "b.bias": [7] });
      using swag = SwagModel.fromBase(model, {
        noCovMat: false,
        maxNumModels: 3,
        modulePrefixList: ["a"],
      });
      for (let n = 0; n < 5; n++) {
        model.setAll(randomValues(910, n));
        swag.collectModel();
      }
      swag.sampleParameters({ scale: 0.5, seed: 4 });
      results.push(await weightsOf(model));
      model.dispose();
    }
  } finally {
    pin("swag", undefined);
  }
  assert(results.length > 1);
  for (const result of results) assertClose(result, results[0] ?? []);
});

gpuTest("scale 0 and one collection give exactly the mean", async () => {
  const { model, swag } = posterior();
  const { mean } = await together(swag);
  for (const options of [{ cov: false }, { cov: true }, { blockwise: true }]) {
    swag.sampleParameters({ ...options, scale: 0 });
    assertEquals(await weightsOf(model), [...Float64Array.from(mean)]);
  }
  swag.dispose();
  for (const noCovMat of [false, true]) {
    using once = SwagModel.fromBase(model, { noCovMat, varClamp: 0.1 });
    const row = [0, -0.5, 1e-20, 3, 4, 0, 6, 7].map(Math.fround);
    once.restoreWeights();
    model.setAll(row);
    once.collectModel();
    once.sampleParameters({ scale: 5 });
    assertClose(await weightsOf(model), row, EXACT);
  }
  model.dispose();
});

gpuTest("fewer than two deviations give no low-rank part", async () => {
  const { model, swag } = posterior({ maxNumModels: 1 });
  assertEquals(swag.covMatRank, 1);
  for (const blockwise of [false, true]) {
    swag.sampleParameters({ seed: 1, blockwise, scale: 1 });
    const withCov = await weightsOf(model);
    assert(withCov.every(Number.isFinite));
    swag.sampleParameters({ seed: 1, cov: false, scale: 1 });
    assertEquals(await weightsOf(model), withCov);
  }
  swag.dispose();
  model.dispose();
});

gpuTest("normalize selects the divisor of the low-rank part", async () => {
  const sample = async (normalize: "rank" | "capacity") => {
    const model = new Tree({ weight: [9] });
    using swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: 10,
      normalize,
    });
    for (let n = 0; n < 5; n++) {
      model.setAll(randomValues(9, n));
      swag.collectModel();
    }
    swag.sampleParameters({ seed: 2, cov: false, scale: 1 });
    const diagonal = await weightsOf(model);
    swag.sampleParameters({ seed: 2, scale: 1 });
    const both = await weightsOf(model);
    model.dispose();
    return both.map((x, i) => x - (diagonal[i] ?? 0));
  };
  const byCapacity = await sample("capacity");
  assertClose(
    await sample("rank"),
    byCapacity.map((d) => d * Math.sqrt(9 / 4)),
    { absolute: 1e-6, relative: 1e-5 },
  );
});
