// Copyright 2026 the swagpu authors. MIT license.

// Digits that a shift, a sum with 1 or a product with 0 would lose.

import { assertEquals } from "@std/assert";
import * as engine from "../../../engine/mod.ts";
import { backward, sum, type Tensor, tensor } from "../../../engine/mod.ts";
import { assertClose, gpuTest, type Tolerance } from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";

/** A few units in the last place, however small the number is. */
const DIGITS: Tolerance = { absolute: 0, relative: 2e-6 };

/** WGSL's exp(x) may be off by 3 + 2|x| units in the last place. */
const EXPONENTIALS: Tolerance = { absolute: 0, relative: 1e-5 };

const SHIFTS = [0, 1e4, 1e6, 1e8];

eachVariant("softmax", "logSoftmax() does not see a shift", async () => {
  for (const n of [2, 3, 8, 700]) {
    for (const z of SHIFTS) {
      const x = tensor([new Array(n).fill(z)], { requiresGrad: true });
      const y = engine.logSoftmax(x);
      assertClose(await y.data(), new Array(n).fill(-Math.log(n)), DIGITS);
      backward(engine.slice(y, { axis: 1, end: 1 }), {
        gradient: tensor([[1]]),
      });
      const wanted = Array.from({ length: n }, (_, i) => (i ? 0 : 1) - 1 / n);
      assertClose(await x.grad?.data() ?? [], wanted, DIGITS);
    }
  }
});

gpuTest("logSumExp() has its gradient far from 0", async () => {
  for (const z of SHIFTS) {
    const x = tensor([z, z, z, z], { requiresGrad: true });
    backward(engine.logSumExp(x));
    assertClose(await x.grad?.data() ?? [], [0.25, 0.25, 0.25, 0.25], DIGITS);
  }
});

eachVariant(
  "cross_entropy",
  "crossEntropy() does not see a shift",
  async () => {
    for (const n of [2, 5, 40]) {
      const label = tensor([1], { dtype: "i32" });
      const shares = tensor([new Array(n).fill(1 / n)]);
      for (const z of SHIFTS) {
        const x = tensor([new Array(n).fill(z)]);
        for (
          const loss of [
            engine.crossEntropy(x, label),
            engine.crossEntropy(x, label, { labelSmoothing: 0.25 }),
            engine.crossEntropy(x, shares),
            engine.crossEntropy(x, label, { weight: engine.ones([n]) }),
          ]
        ) {
          assertClose(await loss.data(), [Math.log(n)], DIGITS);
        }
      }
    }
  },
);

eachVariant(
  "cross_entropy",
  "crossEntropy() keeps its digits over a vocabulary",
  async () => {
    const classes = 30_522; // BERT's
    const values = Float32Array.from(
      { length: classes },
      (_, i) => 5 * Math.sin(1.7 * i),
    );
    const log = Math.log(values.reduce((total, z) => total + Math.exp(z), 0));
    const weights = Float32Array.from(values, (_, i) => 0.5 + i % 3);
    const x = tensor(values, { shape: [1, classes] });
    const label = tensor([7], { dtype: "i32" });
    const shares = engine.full([1, classes], 1 / classes);
    const weight = tensor(weights);
    const wanted = (share: number, smoothing: number, weighed = false) =>
      values.reduce((total, z, i) => {
        const q = (1 - smoothing) * share + smoothing / classes +
          (share === 0 && i === 7 ? 1 - smoothing : 0);
        return total - (weighed ? weights[i] ?? 0 : 1) * q * (z - log);
      }, 0);
    const near = { absolute: 0, relative: 1e-5 };
    const smoothed = { labelSmoothing: 0.1 };
    for (
      const [loss, value] of [
        [engine.crossEntropy(x, label, smoothed), wanted(0, 0.1)],
        [
          engine.crossEntropy(x, label, {
            ...smoothed,
            weight,
            reduction: "sum",
          }),
          wanted(0, 0.1, true),
        ],
        [engine.crossEntropy(x, shares), wanted(1 / classes, 0)],
      ] as const
    ) {
      assertClose(await loss.data(), [value], near);
    }
  },
);

gpuTest("bceWithLogits() keeps the digits of small losses", async () => {
  const x = [0, 0.3, 1, 5, 10, 15, 17, 20, 30];
  const wanted = x.map((v) => Math.log1p(Math.exp(-v)));
  const slopes = x.map((v) => 1 / (1 + Math.exp(v)));
  for (const sign of [1, -1]) {
    const logits = tensor(x.map((v) => sign * v), { requiresGrad: true });
    const target = tensor(x.map(() => sign > 0 ? 1 : 0));
    const loss = engine.bceWithLogits(logits, target, { reduction: "none" });
    assertClose(await loss.data(), wanted, EXPONENTIALS);
    backward(sum(loss));
    assertClose(
      await logits.grad?.data() ?? [],
      slopes.map((v) => -sign * v),
      EXPONENTIALS,
    );
  }
});

gpuTest("functions keep their digits near 0 and in their tails", async () => {
  const small = [1e-6, -1e-6, 1e-3, -0.02, 0.3, -0.4];
  const tails = [-9, -15, -20, 9, 15, 20];
  const cases: [(x: Tensor) => Tensor, (x: number) => number, number[]][] = [
    [engine.tanh, Math.tanh, small],
    [engine.elu, (v) => v > 0 ? v : Math.expm1(v), small],
    [engine.sigmoid, (v) => 1 / (1 + Math.exp(-v)), tails],
    [engine.silu, (v) => v / (1 + Math.exp(-v)), tails],
    [engine.erf, (v) => v * 2 / Math.sqrt(Math.PI), [1e-6, -1e-4]],
  ];
  for (const [op, wanted, x] of cases) {
    assertClose(await op(tensor(x)).data(), x.map(wanted), DIGITS, op.name);
  }
  const slopes: [(x: Tensor) => Tensor, (x: number) => number][] = [
    [engine.sigmoid, (v) => 1 / (2 + Math.exp(v) + Math.exp(-v))],
    [engine.tanh, (v) => 1 / Math.cosh(v) ** 2],
  ];
  for (const [op, wanted] of slopes) {
    const x = tensor(tails, { requiresGrad: true });
    backward(sum(op(x)));
    assertClose(
      await x.grad?.data() ?? [],
      tails.map(wanted),
      EXPONENTIALS,
      `derivative of ${op.name}`,
    );
  }
});

/** Distances from a mean, whose squares and sums are exact. */
const SPREAD = Array.from({ length: 24 }, (_, i) => (i * 7) % 24 - 11);

gpuTest("variance() does not see a shift", async () => {
  const n = SPREAD.length;
  const mean = SPREAD.reduce((s, v) => s + v) / n;
  const square = SPREAD.reduce((s, v) => s + (v - mean) ** 2, 0);
  for (const [shift, step] of [[0, 1], [1e4, 1], [1e8, 8]] as const) {
    const x = tensor(SPREAD.map((v) => shift + v * step), {
      requiresGrad: true,
    });
    const y = engine.variance(x);
    assertClose(await y.data(), [square * step ** 2 / (n - 1)], DIGITS);
    backward(y);
    const wanted = SPREAD.map((v) => 2 * (v - mean) * step / (n - 1));
    assertClose(await x.grad?.data() ?? [], wanted, DIGITS);
  }
});

eachVariant("layer_norm", "layerNorm() does not see a shift", async () => {
  for (const n of [6, 24]) {
    const spread = SPREAD.slice(0, n);
    const mean = spread.reduce((s, v) => s + v) / n;
    const std = Math.sqrt(spread.reduce((s, v) => s + (v - mean) ** 2, 0) / n);
    const normal = spread.map((v) => (v - mean) / std);
    const dy = spread.map((_, i) => Math.cos(i));
    const m = dy.reduce((s, v) => s + v) / n;
    const q = dy.reduce((s, v, i) => s + v * (normal[i] ?? 0), 0) / n;
    for (const [shift, step] of [[0, 1], [1e4, 1], [1e8, 8]] as const) {
      const row = spread.map((v) => shift + v * step);
      const x = tensor([row, row], { requiresGrad: true });
      const weight = tensor(new Array(n).fill(1), { requiresGrad: true });
      const y = engine.layerNorm(x, { weight, eps: 1e-12 });
      const near = { absolute: 2e-6, relative: 2e-6 };
      assertClose(await y.data(), [...normal, ...normal], near);
      backward(y, { gradient: tensor([dy, dy]) });
      const dx = dy.map((v, i) => (v - m - (normal[i] ?? 0) * q) / std);
      assertClose(
        [...await x.grad?.data() ?? []].map((v) => v * step),
        [...dx, ...dx],
        near,
      );
      assertClose(
        await weight.grad?.data() ?? [],
        dy.map((v, i) => 2 * v * (normal[i] ?? 0)),
        near,
      );
    }
  }
});

gpuTest("shares of 0 add nothing to divergences and losses", async () => {
  const none = { reduction: "none" } as const;
  const x = tensor([-Infinity, -Infinity, 0, -1, NaN]);
  const t = tensor([0, 1, 1, NaN, 0]);
  assertClose(
    await engine.klDivergence(x, t, none).data(),
    [0, Infinity, 0, NaN, NaN],
  );
  const logs = tensor([-Infinity, 0, -Infinity], { requiresGrad: true });
  const kl = engine.klDivergence(
    tensor([-Infinity, 0, -1]),
    logs,
    { ...none, logTarget: true },
  );
  assertClose(await kl.data(), [0, 0, 0]);
  backward(sum(kl));
  assertClose(await logs.grad?.data() ?? [], [0, 1, 0]);
  assertClose(
    await engine.bceWithLogits(
      tensor([-Infinity, Infinity, -Infinity]),
      tensor([0, 1, 1]),
      none,
    ).data(),
    [0, 0, Infinity],
  );
});

eachVariant(
  "cross_entropy",
  "crossEntropy() takes masked logits and NaN",
  async () => {
    for (const pad of [0, 40]) { // Narrow rows and wide ones.
      const row = (...values: number[]) =>
        tensor([[...values, ...new Array(pad).fill(-Infinity)]]);
      const classes = (c: number) => tensor([c], { dtype: "i32" });
      const shares = (...values: number[]) =>
        tensor([[...values, ...new Array(pad).fill(0)]]);
      const cases: [Tensor, number][] = [
        [engine.crossEntropy(row(0, -Infinity, 0), classes(0)), Math.LN2],
        [engine.crossEntropy(row(0, -Infinity), classes(1)), Infinity],
        [engine.crossEntropy(row(0, -Infinity), shares(1, 0)), 0],
        [engine.crossEntropy(row(-Infinity, -Infinity), classes(0)), NaN],
        [engine.crossEntropy(row(1, NaN, 2), classes(0)), NaN],
        [
          engine.crossEntropy(row(1, -Infinity), classes(0), {
            labelSmoothing: 0.1,
          }),
          Infinity,
        ],
      ];
      for (const [i, [loss, wanted]] of cases.entries()) {
        assertClose(await loss.data(), [wanted], DIGITS, `case ${i}, ${pad}`);
      }
      assertEquals(cases.length, 6);
    }
  },
);

eachVariant(
  "attention_backward",
  "attention() does not see a shift",
  async () => {
    for (const size of [1, 1e4, 1e6]) {
      const q = tensor([[[size, 0, 0, 0]]], { requiresGrad: true });
      const k = tensor([[[1, 2, 0, 0], [1, 0, 2, 0], [1, 0, 0, 2]]]);
      const v = tensor([[[3, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 0]]], {
        requiresGrad: true,
      });
      const y = engine.attention(q, k, v, { heads: 1, scale: 1 });
      assertClose(await y.data(), [1, 1, 1, 0], DIGITS);
      backward(y, { gradient: tensor([[[1, 0, 0, 0]]]) });
      const third = [1 / 3, 0, 0, 0];
      assertClose(
        await v.grad?.data() ?? [],
        [...third, ...third, ...third],
        DIGITS,
      );
      // dsⱼ = pⱼ (dpⱼ - Σ dy·y), and dq = Σ dsⱼ kⱼ.
      const near = { absolute: 2e-6, relative: 2e-6 };
      assertClose(
        await q.grad?.data() ?? [],
        [0, 4 / 3, -2 / 3, -2 / 3],
        near,
      );
    }
  },
);
