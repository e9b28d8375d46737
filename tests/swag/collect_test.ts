// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { Generator } from "../../engine/mod.ts";
import { fillRandom } from "../../engine/kernel_kit.ts";
import { SwagModel } from "../../swag/mod.ts";
import {
  assertClose,
  gpuTest,
  normalValues,
  randomValues,
  type Tolerance,
} from "../_check.ts";
import { runningDeviations, twoPassMoments } from "../reference/swag.ts";
import { Tree } from "./_tree.ts";

/**
 * A running mean adds one rounding error per collection, and they average out.
 */
const MEAN: Tolerance = { absolute: 0, relative: 1e-6 };

/**
 * Differences of numbers near 1 have an error of 6e-8; these are about 1e-4.
 */
const VARIANCE: Tolerance = { absolute: 0, relative: 2e-3 };

gpuTest("collectModel() keeps variances that E[x²] - E[x]² loses", async () => {
  const model = new Tree({ weight: [16, 20] });
  using swag = SwagModel.fromBase(model);
  const rows: Float32Array[] = [];
  for (let n = 0; n < 200; n++) {
    const row = Float32Array.from(normalValues(320, n), (z) => 1 + 1e-4 * z);
    rows.push(row);
    model.setAll(row);
    swag.collectModel();
  }
  const { mean, variance } = twoPassMoments(rows);
  const moments = (await swag.moments()).get("weight");
  assertClose(moments?.mean ?? [], mean, MEAN);
  assertClose(moments?.variance ?? [], variance, VARIANCE);
  model.dispose();
});

gpuTest("collectModel() keeps the last deviations in order", async () => {
  for (const size of [1, 7, 65]) {
    const model = new Tree({ "a.weight": [size], "b.weight": [3] });
    using swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: 4,
    });
    const rows: Float32Array[] = [];
    for (let n = 1; n <= 11; n++) {
      const row = randomValues(size, n);
      rows.push(row);
      model.set({ "a.weight": row });
      swag.collectModel();
      assertEquals([swag.nModels, swag.covMatRank], [n, Math.min(n, 4)]);
      if (n !== 1 && n !== 4 && n < 8) continue;
      const { mean, deviations } = (await swag.moments(["a.weight"]))
        .get("a.weight") ?? {};
      assertClose(mean ?? [], twoPassMoments(rows).mean, undefined, "mean");
      assertClose(
        deviations ?? [],
        runningDeviations(rows).slice(-4).flatMap((d) => [...d]),
        undefined,
        `deviations after ${n}`,
      );
      if (n <= 4) {
        assert(deviations?.slice(0, size).every((d) => d === 0), "first is 0");
      }
    }
    model.dispose();
  }
});

gpuTest(
  "weighted deviations give the exact scatter while all of them are kept",
  async () => {
    const size = 6;
    const capacity = 20;
    // The first deviation is 0, so one more collection loses nothing.
    for (const n of [2, 20, capacity + 1]) {
      const model = new Tree({ weight: [size] });
      using swag = SwagModel.fromBase(model, {
        noCovMat: false,
        maxNumModels: capacity,
      });
      const rows: Float32Array[] = [];
      for (let i = 0; i < n; i++) {
        const row = randomValues(size, 31 * n + i);
        rows.push(row);
        model.setAll(row);
        swag.collectModel();
      }
      const deviations = (await swag.moments()).get("weight")?.deviations ?? [];
      const { mean } = twoPassMoments(rows);
      const first = n - swag.covMatRank + 1;
      let error = 0;
      let norm = 0;
      for (let a = 0; a < size; a++) {
        for (let b = 0; b < size; b++) {
          let scatter = 0;
          for (const row of rows) {
            scatter += ((row[a] ?? 0) - (mean[a] ?? 0)) *
              ((row[b] ?? 0) - (mean[b] ?? 0));
          }
          let weighted = 0;
          for (let k = 0; k < swag.covMatRank; k++) {
            const i = first + k;
            if (i < 2) continue;
            weighted += i / (i - 1) * (deviations[k * size + a] ?? 0) *
              (deviations[k * size + b] ?? 0);
          }
          error += (scatter - weighted) ** 2;
          norm += scatter ** 2;
        }
      }
      assert(Math.sqrt(error / norm) <= 1e-5, `${Math.sqrt(error / norm)}`);
      model.dispose();
    }
  },
);

gpuTest(
  "deviations of independent weights have the expected trace",
  async () => {
    const size = 4096;
    const capacity = 20;
    // E trace(Dᵀ D) / (K - 1) / trace Σ = Σ (1 - 1/i) / (K - 1), the last K of
    // n.
    for (const [n, expected] of [[20, 0.863], [40, 1.017], [1000, 1.0516]]) {
      const model = new Tree({ weight: [size] });
      using swag = SwagModel.fromBase(model, {
        noCovMat: false,
        maxNumModels: capacity,
      });
      const [weight] = model.parameters();
      const generator = new Generator(n ?? 0);
      for (let i = 0; weight && i < (n ?? 0); i++) {
        // 4096 elements are whole blocks, so that no padding is overwritten.
        fillRandom(weight, "normal", generator.next(), { a: 0, b: 1 });
        swag.collectModel();
      }
      const { deviations = [] } = (await swag.moments()).get("weight") ?? {};
      let trace = 0;
      for (const d of deviations ?? []) trace += d * d;
      const ratio = trace / (capacity - 1) / size;
      const standardError = Math.sqrt(2 / (capacity - 1) / size) * 1.05;
      assert(
        Math.abs(ratio - (expected ?? 0)) < 3 * standardError,
        `${ratio} instead of ${expected} for n = ${n}`,
      );
      model.dispose();
    }
  },
);

gpuTest(
  "collectModel() recovers the variance of SGD on a quadratic",
  async () => {
    // θ ← θ - η (a θ + s z) has the stationary variance η s² / (a (2 - η a)).
    const [size, eta, s, thinning, n] = [64, 0.1, 0.5, 50, 1200];
    const a = Float64Array.from({ length: size }, (_, i) => 0.5 + i / size);
    const theta = new Float64Array(size);
    const model = new Tree({ weight: [size] });
    using swag = SwagModel.fromBase(model);
    for (let i = 0; i < n; i++) {
      for (let step = 0; step < thinning; step++) {
        const z = normalValues(size, i * thinning + step);
        for (let k = 0; k < size; k++) {
          theta[k] = (theta[k] ?? 0) * (1 - eta * (a[k] ?? 0)) -
            eta * s * (z[k] ?? 0);
        }
      }
      if (i < 10) continue; // The path starts at 0, outside of the stationary state.
      model.setAll(theta);
      swag.collectModel();
    }
    const { variance } = (await swag.moments()).get("weight") ?? {};
    let ratio = 0;
    variance?.forEach((v, k) => {
      const ak = a[k] ?? 0;
      ratio += v * ak * (2 - eta * ak) / (eta * s * s) / size;
    });
    assert(ratio > 0.98 && ratio < 1.02, `${ratio}`);
    model.dispose();
  },
);

gpuTest("collectModel() takes another model's weights by name", async () => {
  const shapes = { "a.weight": [70], "b.weight": [3, 5], "c.bias": [1] };
  const base = new Tree(shapes);
  const same = new Tree(shapes);
  // Other names in between, and another order, make another layout.
  const other = new Tree({
    "c.bias": [1],
    "x.weight": [100],
    "a.weight": [70],
    "b.weight": [3, 5],
  });
  using swag = SwagModel.fromBase(base, { noCovMat: false });
  const values = (seed: number) => ({
    "a.weight": randomValues(70, seed),
    "b.weight": randomValues(15, seed + 1),
    "c.bias": randomValues(1, seed + 2),
  });
  const rounds = [[base, 1], [same, 11], [other, 21]] as const;
  for (const [model, seed] of rounds) {
    model.set(values(seed));
    swag.collectModel(model);
  }
  for (const [name, moments] of await swag.moments()) {
    const rows = rounds.map(([, seed]) =>
      values(seed)[name as keyof typeof shapes]
    );
    const { mean, variance } = twoPassMoments(rows);
    assertClose(moments.mean, mean, undefined, name);
    assertClose(moments.variance ?? [], variance, undefined, name);
    assertClose(
      moments.deviations ?? [],
      runningDeviations(rows).flatMap((d) => [...d]),
      undefined,
      name,
    );
  }
  for (const model of [base, same, other]) model.dispose();
});
