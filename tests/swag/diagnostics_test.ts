// Copyright 2026 the swagpu authors. MIT license.

// The diagnosis of a posterior, by what is known of runs that are made by formulas.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { openDevice, setDevice } from "../../engine/mod.ts";
import {
  type SwagDiagnostics,
  SwagModel,
  type SwagOptions,
} from "../../swag/mod.ts";
import { gpuTest, normalValues } from "../_check.ts";
import { twoPassMoments } from "../reference/swag.ts";
import { Tree } from "./_tree.ts";

/** 4,099 weights: whole blocks, and a few. */
const SHAPES = { "a.weight": [64, 60], "b.bias": [3], "c.weight": [256] };
const SIZE = 64 * 60 + 3 + 256;

/** Collects rows of all weights, and diagnoses the posterior. */
async function diagnosed(
  rows: readonly ArrayLike<number>[],
  options: SwagOptions = {},
): Promise<SwagDiagnostics> {
  const model = new Tree(SHAPES);
  const swag = SwagModel.fromBase(model, { noCovMat: false, ...options });
  try {
    for (const row of rows) {
      model.setAll(row);
      swag.collectModel();
    }
    return await swag.diagnostics();
  } finally {
    swag.dispose();
    model.dispose();
  }
}

/** The same from the collections themselves, in float64. */
function reference(rows: readonly ArrayLike<number>[], kept: number) {
  const held = rows.slice(-kept);
  const half = Math.floor(held.length / 2);
  const halves = [held.slice(0, half), held.slice(-half)].map(twoPassMoments);
  const [first, second] = halves as [typeof halves[0], typeof halves[0]];
  let [distance, difference, total] = [0, 0, 0];
  first?.mean.forEach((m, i) => {
    // Two passes divide by h.
    const scale = half / (half - 1);
    const a = (first.variance[i] ?? 0) * scale;
    const b = (second?.variance[i] ?? 0) * scale;
    distance += (m - (second?.mean[i] ?? 0)) ** 2;
    difference += Math.abs(a - b);
    total += a + b;
  });
  const deviations = held.map((row, k) => {
    const { mean } = twoPassMoments(
      rows.slice(0, rows.length - held.length + k + 1),
    );
    return mean.map((m, i) => (row[i] ?? 0) - m);
  });
  let [trace, square] = [0, 0];
  deviations.forEach((a, k) =>
    deviations.forEach((b, l) => {
      const product = a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
      if (k === l) trace += product;
      square += product ** 2;
    })
  );
  return {
    effectiveRank: trace ** 2 / square,
    varianceAgreement: 1 - difference / total,
    drift: Math.sqrt(distance / (total / half)),
  };
}

function assertMatches(
  found: SwagDiagnostics,
  expected: ReturnType<typeof reference>,
  relative = 1e-4,
): void {
  for (const [name, value] of Object.entries(expected)) {
    const own = found[name as keyof typeof expected];
    assertAlmostEquals(own, value, relative * Math.abs(value), name);
  }
}

gpuTest("diagnostics() is what the collections themselves give", async () => {
  for (
    const [count, kept] of [[4, 20], [5, 20], [12, 12], [9, 4], [
      23,
      7,
    ]] as const
  ) {
    // Weights near 1 that drift a little, with different spreads.
    const rows = Array.from({ length: count }, (_, n) =>
      Float32Array.from(
        normalValues(SIZE, n),
        (z, i) => 1 + 0.01 * (1 + Math.sin(i)) * z + 0.003 * n * Math.cos(i),
      ));
    const found = await diagnosed(rows, { maxNumModels: kept });
    assertEquals(found.rank, Math.min(count, kept));
    assertMatches(found, reference(rows, kept));
  }
});

gpuTest(
  "diagnostics() does not depend on how storage is cut",
  async (device) => {
    const rows = Array.from(
      { length: 11 },
      (_, n) => Float32Array.from(normalValues(SIZE, n), (z) => 0.1 * z),
    );
    const whole = await diagnosed(rows, { maxNumModels: 8 });
    // The precision of 32-bit sums, f16, and int8.
    const cases = [["f32", 1e-5], ["f16", 1e-3], ["int8", 1e-2]] as const;
    for (const [deviations, relative] of cases) {
      const small = await openDevice({ maxBindingSize: 8192 });
      const before = setDevice(small);
      const options = { maxNumModels: 8, deviations };
      const [parts, one] = [
        await diagnosed(rows, options),
        (setDevice(before ?? device), await diagnosed(rows, options)),
      ];
      assertMatches(parts, whole, relative);
      assertMatches(one, whole, relative);
      await small.destroy();
    }
  },
);

gpuTest("diagnostics() sees some parameters alone", async () => {
  const rows = Array.from({ length: 8 }, (_, n) =>
    Float32Array.from(
      normalValues(SIZE, n),
      (z, i) => i < 64 * 60 ? n : z,
    ));
  const found = await diagnosed(rows, { modulePrefixList: ["c"] });
  const own = rows.map((row) => row.subarray(64 * 60 + 3));
  assertMatches(found, reference(own, 20));
  assert(found.isExploring);
});

gpuTest(
  "independent collections have the measures that theory says",
  async () => {
    for (const [count, kept] of [[40, 20], [20, 20], [13, 9]] as const) {
      const rows = Array.from(
        { length: count },
        (_, n) => normalValues(SIZE, 100 * kept + n),
      );
      const found = await diagnosed(rows, { maxNumModels: kept });
      // χ² of 4,099 weights: a standard error of 1/√(2 · 4,099) = 0.011.
      assertAlmostEquals(found.drift, 1, 0.045);
      assertAlmostEquals(
        found.varianceAgreement,
        found.expectedAgreement,
        0.02,
      );
      // E D Dᵀ is diagonal, with entries 1 - 1/i; others are 1/√P at random.
      const all = Array.from(
        { length: kept },
        (_, k) => 1 - 1 / (count - kept + 1 + k),
      );
      const trace = all.reduce((sum, x) => sum + x, 0);
      const squares = all.reduce((sum, x) => sum + x * x, 0);
      const expected = trace ** 2 / (squares + trace ** 2 / SIZE);
      assertAlmostEquals(found.effectiveRank, expected, 0.01 * expected);
      assert(found.isExploring);
    }
  },
);

gpuTest("the agreement to be expected is that of gamma variances", async () => {
  const expected = async (kept: number) => {
    const rows = Array.from({ length: kept }, (_, n) => normalValues(SIZE, n));
    return (await diagnosed(rows, { maxNumModels: kept })).expectedAgreement;
  };
  // h = 2 and 3: variances of one and two degrees of freedom, whose mean differences
  // are those of χ²₁, 4/π, and of an exponential distribution, its own mean.
  assertAlmostEquals(await expected(4), 1 - 2 / Math.PI, 1e-12);
  assertAlmostEquals(await expected(6), 0.5, 1e-12);
  // Γ(5) = 24 and Γ(5.5) = 52.342778.
  assertAlmostEquals(await expected(20), 0.74131006, 1e-7);
});

gpuTest("a run that goes one way drifts in one direction", async () => {
  const rows = Array.from(
    { length: 12 },
    (_, n) =>
      Float64Array.from(
        normalValues(SIZE, n),
        (z, i) => n * Math.cos(i) + 0.05 * z,
      ),
  );
  const { effectiveRank, drift, isExploring } = await diagnosed(rows);
  // All deviations are (n - 1)/2 times the same step.
  assertAlmostEquals(effectiveRank, 1, 0.02);
  // Halves of 1 … 6: six steps apart, and the variance of 1 … 6 is 3.5.
  assertAlmostEquals(drift, 6 / Math.sqrt(2 * 3.5 / 6), 0.05);
  assert(!isExploring);
});

gpuTest(
  "weights in three directions have an effective rank of three",
  async () => {
    const basis = [0, 1, 2].map((k) => normalValues(SIZE, 900 + k));
    const norms = basis.map((row) =>
      Math.sqrt(row.reduce((s, x) => s + x * x, 0))
    );
    const coefficients = Array.from(
      { length: 400 },
      (_, n) => normalValues(3, n),
    );
    const rows = coefficients.map((own) =>
      Float64Array.from(
        { length: SIZE },
        (_, i) =>
          own.reduce(
            (sum, c, k) => sum + c * (basis[k]?.[i] ?? 0) / (norms[k] ?? 1),
            0,
          ),
      )
    );
    const { effectiveRank } = await diagnosed(rows.slice(-200), {
      maxNumModels: 100,
    });
    // A sample covariance of 100 in three directions.
    assert(effectiveRank > 2.6 && effectiveRank < 3.001, `${effectiveRank}`);
  },
);

gpuTest("SGD on a quadratic explores if its rate is high enough", async () => {
  // θ ← θ - η (a θ + s z): collections t steps apart have the correlation
  // ρ = (1 - ηa)ᵗ. With R = ‖m₁ - m₂‖² / (Σ (v₁ + v₂) / h) in expectation:
  const [a, s, t, kept] = [1, 1, 10, 20];
  const h = kept / 2;
  const expectedDrift = (rho: number) => {
    const mean = (u: readonly number[]) =>
      u.reduce(
        (sum, x, i) =>
          sum +
          u.reduce((own, y, j) => own + x * y * rho ** Math.abs(i - j), 0),
        0,
      );
    const distance = mean(
      Array.from({ length: kept }, (_, i) => (i < h ? 1 : -1) / h),
    );
    // E Σ (x - m)² = h - h Var m.
    const varianceOfMean = mean(Array(h).fill(1 / h));
    const variance = h * (1 - varianceOfMean) / (h - 1);
    return Math.sqrt(distance / (2 * variance / h));
  };
  for (
    const [eta, isExploring] of [[0.5, true], [0.1, true], [
      0.01,
      false,
    ]] as const
  ) {
    const rho = (1 - eta * a) ** t;
    // The exact walk from one collection to the next, from the stationary state on.
    const std = Math.sqrt(eta * s ** 2 / (a * (2 - eta * a)));
    let theta = normalValues(SIZE, 7).map((z) => std * z);
    const rows = Array.from({ length: kept + 5 }, (_, n) => {
      const z = normalValues(SIZE, 50 + n);
      theta = theta.map((x, i) =>
        rho * x + std * Math.sqrt(1 - rho ** 2) * (z[i] ?? 0)
      );
      return theta;
    });
    const found = await diagnosed(rows, { maxNumModels: kept });
    const expected = expectedDrift(rho);
    assertAlmostEquals(found.drift, expected, 0.05 * expected, `${eta}`);
    assertEquals(found.isExploring, isExploring, `${eta}: ${found.drift}`);
  }
});

gpuTest("diagnostics() needs four deviations", async () => {
  const rows = Array.from({ length: 6 }, (_, n) => normalValues(SIZE, n));
  await assertRejects(
    () => diagnosed(rows.slice(0, 3)),
    RangeError,
    "Cannot diagnose a posterior that holds 3 deviations: collect at least 4",
  );
  await assertRejects(
    () => diagnosed(rows, { noCovMat: true }),
    RangeError,
    "Cannot diagnose a posterior that holds 0 deviations",
  );
  const same = await diagnosed(rows.map(() => new Float32Array(SIZE).fill(1)));
  assertEquals([same.drift, same.isExploring], [NaN, false]);
});
