// Copyright 2026 the swagpu authors. MIT license.

// Mixout; tests/tools/golden_kit_test.ts compares it with its authors' code.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  backward,
  capture,
  Generator,
  keep,
  manualSeed,
  openDevice,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { mixout } from "../../nn/mod.ts";
import {
  assertClose,
  checkOp,
  gpuTest,
  randomValues,
  ROUNDING,
} from "../_check.ts";

/** The reference: u + B (w - u) / (1 - p), with a mask for all rows. */
function twin(
  w: Float64Array,
  u: Float64Array,
  { p, mask }: { p: number; mask: readonly number[] },
): number[] {
  return [...w].map((x, i) => {
    const target = u[i] ?? 0;
    const kept = mask[i % mask.length] ?? 0;
    return kept === 0 ? target : target + (x - target) / (1 - p);
  });
}

for (const shape of [[3, 5], [7], [2, 3, 3], [1, 1], [4, 8]]) {
  gpuTest(
    `mixout() and its gradient match the reference for [${shape}]`,
    async () => {
      const row = shape.length > 1 ? shape.slice(1) : shape;
      const columns = row.reduce((n, x) => n * x, 1);
      const mask = Array.from(
        { length: columns },
        (_, i) => i % 3 === 1 ? 0 : 1,
      );
      const size = shape.reduce((n, x) => n * x, 1);
      const u = randomValues(size, 5);
      await checkOp(
        [{ shape }],
        (w) =>
          mixout(w, {
            p: 0.7,
            target: tensor(u, { shape }),
            mask: tensor(mask, { shape: row }),
          }),
        (w) => twin(w, Float64Array.from(u), { p: 0.7, mask }),
      );
    },
  );
}

gpuTest("mixout() has mean w and variance p / (1 - p) (w - u)²", async () => {
  const w = tensor(randomValues(12, 1), { shape: [3, 4] });
  const u = tensor(randomValues(12, 2), { shape: [3, 4] });
  const [before = [], target = []] = await readAll([w, u]);
  const p = 0.3;
  const draws = 2000;
  const generator = new Generator(3);
  const sums = before.map(() => 0);
  const squares = before.map(() => 0);
  let drawn: Tensor[] = [];
  for (let i = 0; i < draws; i++) {
    drawn.push(mixout(w, { p, target: u, generator }));
    if (drawn.length < 500) continue;
    for (const values of await readAll(drawn)) {
      values.forEach((y, k) => {
        const off = y - (before[k] ?? 0);
        sums[k] = (sums[k] ?? 0) + off;
        squares[k] = (squares[k] ?? 0) + off * off;
      });
    }
    for (const y of drawn) y.dispose();
    drawn = [];
  }
  before.forEach((x, k) => {
    const variance = p / (1 - p) * (x - (target[k] ?? 0)) ** 2;
    const error = Math.sqrt(variance / draws);
    assert(Math.abs((sums[k] ?? NaN) / draws) < 4 * error, `mean of ${k}`);
    assertAlmostEquals((squares[k] ?? NaN) / draws / variance, 1, 0.1);
  });
});

gpuTest("mixout() takes or leaves whole columns", async () => {
  const shape = [50, 30];
  const w = tensor(randomValues(1500, 1), { shape });
  const u = tensor(randomValues(1500, 2), { shape });
  const y = mixout(w, { p: 0.5, target: u, generator: new Generator(1) });
  const [mixed = [], target = []] = await readAll([y, u]);
  const taken = Array.from({ length: 30 }, (_, c) => mixed[c] === target[c]);
  const count = taken.filter((is) => is).length;
  assert(count > 4 && count < 26, `${count} of 30 columns`);
  mixed.forEach((x, i) => assertEquals(x === target[i], taken[i % 30]));
});

gpuTest("mixout() with p = 1 is the target, with a gradient of 0", async () => {
  const w = tensor([[1, Infinity]], { requiresGrad: true });
  const target = tensor([[5, 6]]);
  const y = mixout(w, { p: 1, target });
  assertEquals([...await y.data()], [5, 6]);
  backward(y, { gradient: tensor([[1, 1]]) });
  assertEquals([...await w.grad?.data() ?? []], [0, 0]);
});

gpuTest(
  "the gradient has the factor 1 / (1 - p), which the authors' code leaves out",
  async () => {
    const mask = tensor([1, 0, 1, 0]);
    const dy = [3, 5, -2, 7];
    const kept = [3, 0, -2, 0];
    for (const p of [0.1, 0.7, 0.9]) {
      const gradient = async (more: { officialBackward?: boolean }) => {
        const w = tensor([1, 2, 3, 4], { requiresGrad: true });
        const target = tensor([0, 1, 0, 1]);
        const y = mixout(w, { p, target, mask, ...more });
        backward(y, { gradient: tensor(dy) });
        return await w.grad?.data() ?? [];
      };
      const exact = kept.map((x) => x / (1 - p));
      assertClose(await gradient({}), exact);
      assertClose(await gradient({ officialBackward: false }), exact);
      assertClose(await gradient({ officialBackward: true }), kept);
    }
  },
);

gpuTest("the mean gradient is that of the weight itself", async () => {
  // The mean of B / (1 - p) is 1, and that of B alone 1 - p = 0.3.
  const columns = 20_000;
  const w = tensor(new Float32Array(columns), {
    shape: [1, columns],
    requiresGrad: true,
  });
  const y = mixout(w, { p: 0.7, generator: new Generator(2) });
  const gradient = tensor(new Float32Array(columns).fill(1), {
    shape: [1, columns],
  });
  backward(y, { gradient });
  const values = [...await w.grad?.data() ?? []];
  const mean = values.reduce((sum, x) => sum + x, 0) / columns;
  // The standard error is √(p / (1 - p) / columns) = 0.011.
  assertAlmostEquals(mean, 1, 0.05);
});

gpuTest("mixout() is the weight in evaluation and with p = 0", () => {
  const w = tensor([[1, 2]]);
  const target = tensor([[5, 6]]);
  assertEquals(mixout(w, { p: 0.5, target, training: false }), w);
  assertEquals(mixout(w, { p: 0, target }), w);
});

gpuTest(
  "mixout() works in windows where a weight exceeds a binding",
  async () => {
    const values = randomValues(300 * 7, 1);
    const targets = randomValues(300 * 7, 2);
    const mask = [1, 0, 1, 1, 0, 0, 1];
    const shape = [300, 7];
    const small = await openDevice({ maxBindingSize: 1024 });
    try {
      const [w, target] = [values, targets].map((x) =>
        tensor(x, { shape, device: small, requiresGrad: true })
      ) as [Tensor, Tensor];
      const y = mixout(w, {
        p: 0.25,
        target,
        mask: tensor(mask, { device: small }),
      });
      const [w64, u64] = [values, targets].map((x) => Float64Array.from(x)) as [
        Float64Array,
        Float64Array,
      ];
      assertClose(await y.data(), twin(w64, u64, { p: 0.25, mask }), ROUNDING);
    } finally {
      await small.destroy();
    }
  },
);

gpuTest("a captured step draws another mask at each replay", async () => {
  const w = tensor(randomValues(64, 1), { shape: [1, 64] });
  const draw = async (isCaptured: boolean) => {
    manualSeed(4);
    const make = () => ({ y: keep(mixout(w, { p: 0.5 })) });
    using step = capture(make);
    const drawn: number[][] = [];
    for (let i = 0; i < 6; i++) {
      using _ = scope();
      const { y } = isCaptured ? step({}) : make();
      drawn.push([...await y.data()]);
      if (!isCaptured) y.dispose();
    }
    return drawn;
  };
  const captured = await draw(true);
  assertEquals(captured, await draw(false));
  assertEquals(new Set(captured.map(String)).size, 6);
});

gpuTest("mixout() refuses what does not fit", () => {
  const w = tensor([[1, 2], [3, 4]]);
  assertThrows(
    () => mixout(w, { p: 1.5 }),
    RangeError,
    "Cannot mix weights with p 1.5: it must be between 0 and 1",
  );
  for (const p of [-0.1, NaN]) {
    assertThrows(() => mixout(w, { p }), RangeError, `with p ${p}`);
  }
  assertThrows(
    () => mixout(w, { p: 0.5, target: tensor([1, 2]) }),
    TypeError,
    "Cannot mix a weight [2, 2] with a target [2]: they must have the same shape",
  );
  assertThrows(
    () => mixout(w, { p: 0.5, mask: tensor([[1, 0], [1, 0]]) }),
    TypeError,
    "its shape must be [2]",
  );
});
