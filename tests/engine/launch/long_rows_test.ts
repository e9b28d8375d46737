// Copyright 2026 the swagpu authors. MIT license.

// Mesa's software driver leaves the loops of an invocation after 65,535 turns,
// without an error. No op may depend on longer loops.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  argmax,
  attention,
  backward,
  cachedAttention,
  cumsum,
  embedding,
  indexSelect,
  type IntegerTensor,
  layerNorm,
  logSoftmax,
  matmul,
  max,
  ones,
  pin,
  softmax,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../../engine/mod.ts";
import { openDevice, setDevice } from "../../../engine/gpu/device.ts";
import { crossEntropy } from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";

const LONG = 150_000;
/** Far beyond the elements that 65,535 turns of four reach, and not the last one. */
const PEAK = LONG - 7;

/** Zeros with one large element. */
function peaked(shape: number[]): Tensor {
  const values = new Float32Array(LONG);
  values[PEAK] = 12;
  return tensor(values, { shape });
}

/** Σ exp of {@linkcode peaked}. */
const TOTAL = LONG - 1 + Math.exp(12);

async function at(x: Tensor, i: number): Promise<number> {
  return (await x.data())[i] ?? NaN;
}

const FAMILIES = ["softmax", "layer_norm", "reduce", "cross_entropy", "cumsum"];

for (const form of ["serial", "workgroup"] as const) {
  gpuTest(`rows of ${LONG} are reduced to their end, ${form}`, async () => {
    for (const family of FAMILIES) pin(family, form);
    try {
      await checkRows();
    } finally {
      for (const family of FAMILIES) pin(family, undefined);
    }
  });
}

async function checkRows(): Promise<void> {
  const row = peaked([1, LONG]);
  const column = peaked([LONG, 1]);
  const pair = tensor(
    Float32Array.from(
      { length: 2 * LONG },
      (_, i) => i >> 1 === PEAK ? 1 : 0,
    ),
    { shape: [LONG, 2] },
  );
  assertEquals(await sum(ones([LONG])).item(), LONG);
  assertEquals(await max(row).item(), 12);
  assertEquals(await argmax(row, { axis: 1 }).item(), PEAK);
  assertEquals(await argmax(column, { axis: 0 }).item(), PEAK);
  assertEquals([...await argmax(pair, { axis: 0 }).data()], [PEAK, PEAK]);
  const share = Math.exp(12) / TOTAL;
  assertAlmostEquals(await at(softmax(row), PEAK), share, 1e-4);
  assertAlmostEquals(await at(softmax(row), PEAK + 1), 1 / TOTAL, 1e-8);
  assertAlmostEquals(
    await at(logSoftmax(row), PEAK),
    12 - Math.log(TOTAL),
    1e-4,
  );
  assertAlmostEquals(await at(softmax(pair, { axis: 0 }), 0), 1 / LONG, 1e-9);
  const label = tensor([PEAK], { dtype: "i32" });
  for (const labelSmoothing of [0, 0.1]) {
    const smoothed = labelSmoothing / LONG * 12 + (1 - labelSmoothing) * 12;
    assertAlmostEquals(
      await crossEntropy(row, label, { labelSmoothing }).item(),
      Math.log(TOTAL) - smoothed,
      1e-3,
    );
  }
  const mean = 12 / LONG;
  const deviation = Math.sqrt(144 / LONG - mean * mean + 1e-5);
  assertAlmostEquals(
    await at(layerNorm(row), PEAK),
    (12 - mean) / deviation,
    1e-2,
  );
  assertEquals(await at(cumsum(ones([1, LONG])), LONG - 1), LONG);
  assertEquals(
    await at(cumsum(ones([LONG, 2]), { axis: 0 }), 2 * LONG - 1),
    LONG,
  );
  assertEquals(
    await at(cumsum(ones([LONG, 2]), { axis: 0, reverse: true }), 0),
    LONG,
  );
}

gpuTest("products and gradients sum to their end", async () => {
  // Depths are walked in fours.
  const depth = 4 * LONG;
  const product = matmul(ones([1, depth]), ones([depth, 2]));
  assertEquals([...await product.data()], [depth, depth]);
  const turned = matmul(ones([depth, 1]), ones([depth, 2]), {
    transposeA: true,
  });
  assertEquals([...await turned.data()], [depth, depth]);

  const ids = zeros([LONG], { dtype: "i32" });
  for (const pick of [embedding, pickRows]) {
    const table = ones([2, 4]);
    table.requiresGrad = true;
    backward(sum(pick(ids, table)));
    assertEquals(await at(table.grad ?? zeros([1]), 0), LONG);
    table.dropGradient();
  }
});

function pickRows(ids: IntegerTensor, table: Tensor): Tensor {
  return indexSelect(table, ids);
}

gpuTest("attention reaches the last key, or throws", async (device) => {
  const length = 50_000;
  const values = new Float32Array(length * 4);
  values.fill(1, values.length - 4);
  const v = tensor(values, { shape: [1, length, 4] });
  const k = zeros([1, length, 4]);
  const q = zeros([1, 1, 4]);
  const even = 1 / length;
  const seen = await attention(q, k, v, { heads: 1 }).data();
  assertAlmostEquals(seen[0] ?? NaN, even, 1e-3 * even);
  const cached = await cachedAttention(q, [k, v], { heads: 1 }).data();
  assertAlmostEquals(cached[0] ?? NaN, even, 1e-3 * even);
  if (!device.isSoftware) return;
  const many = zeros([1, 70_000, 4]);
  assertThrows(
    () => attention(q, many, many, { heads: 1 }),
    RangeError,
    "Cannot attend over 70000 tokens: the software adapter's loops end too",
  );
});

/** Runs on a device that claims to leave loops after `maxTurns` turns. */
async function withTurns(
  maxTurns: number,
  run: () => Promise<void>,
): Promise<void> {
  const device = await openDevice();
  Object.defineProperty(device, "maxTurns", { value: maxTurns });
  const before = setDevice(device);
  try {
    await run();
  } finally {
    if (before) setDevice(before);
    await device.destroy();
  }
}

for (const form of ["serial", "workgroup"] as const) {
  gpuTest(`layerNorm() sums the gradients of many rows, ${form}`, async () => {
    pin("layer_norm", form);
    try {
      await withTurns(16, async () => {
        const rows = 70_000; // Blocks of 16 rows, more than are added at once.
        for (const columns of [2, 4]) {
          const values = new Float32Array(rows * columns);
          for (let i = 0; i < values.length; i += columns) values[i] = 2;
          const x = tensor(values, { shape: [rows, columns] });
          const weight = ones([columns], { requiresGrad: true });
          const bias = zeros([columns], { requiresGrad: true });
          backward(sum(layerNorm(x, { weight, bias })));
          assertEquals(
            await bias.grad?.data(),
            new Float32Array(columns).fill(rows),
          );
          const [first = 0, second = 0] = await weight.grad?.data() ?? [];
          const [high, low] = columns === 2 ? [1, -1] : [3, -1];
          const std = columns === 2 ? 1 : Math.sqrt(3);
          assertAlmostEquals(first / rows, high / std, 1e-4);
          assertAlmostEquals(second / rows, low / std, 1e-4);
        }
      });
    } finally {
      pin("layer_norm", undefined);
    }
  });
}

gpuTest("argmax() and max() search rows of any length by parts", async () => {
  await withTurns(16, async () => {
    const n = 5000;
    const values = Float32Array.from({ length: 2 * n }, (_, i) => i % 97);
    values[4321] = values[4700] = 1000;
    values[n + 17] = -1000;
    const x = tensor(values, { shape: [2, n], requiresGrad: true });
    assertEquals([...await argmax(x, { axis: 1 }).data()], [4321, 43]);
    assertEquals(await argmax(x).item(), 4321);
    backward(sum(max(x, { axis: 1 })));
    const places = [...await x.grad?.data() ?? []].flatMap((v, i) =>
      v === 0 ? [] : [i]
    );
    assertEquals(places, [4321, n + 43]);
  });
});

gpuTest("rows too long for every loop throw", async () => {
  await withTurns(16, async () => {
    const x = zeros([1, 20_000]);
    for (const op of [softmax, layerNorm]) {
      assertThrows(() => op(x), RangeError, "Cannot work on rows of 20000");
    }
    await x.data();
  });
});
