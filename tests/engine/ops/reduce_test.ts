// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { openDevice } from "../../../engine/gpu/device.ts";
import { tensor } from "../../../engine/ops/creation.ts";
import {
  argmax,
  logSumExp,
  max,
  mean,
  min,
  type ReduceOptions,
  sum,
  sumTo,
  variance,
} from "../../../engine/ops/reduce.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll, type Tensor } from "../../../engine/tensor.ts";
import {
  assertClose,
  checkOp,
  FUNCTIONS,
  gpuTest,
  randomValues,
  SUMS,
} from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";
import { reduceReference } from "../../reference/array.ts";

type Reduce = (x: Tensor, options?: ReduceOptions) => Tensor;

/** Shapes and the axes reduced: rows, columns, both sides, several stretches. */
const CASES: [number[], number | number[] | undefined][] = [
  [[1], undefined],
  [[7], 0],
  [[1025], undefined],
  [[1028], -1],
  [[17, 33], 1],
  [[17, 33], 0],
  [[9, 64], 1],
  [[300, 8], 0],
  [[300, 7], 0],
  [[3, 1, 5], [1]],
  [[4, 5, 6], 1],
  [[3, 140, 4], 1],
  [[4, 5, 6], [0, 2]],
  [[4, 5, 6], [0, -2]],
  [[2, 3, 2, 5, 3], [0, 2, 4]],
  [[2, 3, 2, 5, 3], [1, 3]],
  [[33, 2, 9], []],
];

const total = (values: number[]) => values.reduce((s, v) => s + v, 0);

function logSumExpOf(values: number[]): number {
  const top = Math.max(...values);
  return top + Math.log(total(values.map((v) => Math.exp(v - top))));
}

function varianceOf(correction: number): (values: number[]) => number {
  return (values) => {
    const m = total(values) / values.length;
    return total(values.map((v) => (v - m) ** 2)) /
      (values.length - correction);
  };
}

async function checkReduction(
  op: Reduce,
  reference: (values: number[]) => number,
  cases = CASES,
): Promise<void> {
  for (const [shape, axis] of cases) {
    const axes = axis === undefined
      ? shape.map((_, i) => i)
      : [axis].flat().map((a) => a < 0 ? a + shape.length : a);
    const options = axis === undefined ? {} : { axis };
    await checkOp(
      // Far apart, so that no step of a difference changes which is largest.
      [{ shape, values: spaced(shape.reduce((a, b) => a * b, 1)) }],
      (x) => op(x, options),
      (x) => reduceReference(x, shape, axes, reference),
      { label: `[${shape}] over ${axis}`, backward: FUNCTIONS, elements: 12 },
    );
  }
}

/** Distinct numbers in [-1, 1), in random order, at least 2/count apart. */
function spaced(count: number): number[] {
  const keys = randomValues(count, 3);
  return Array.from({ length: count }, (_, i) => i)
    .sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0))
    .map((rank) => -1 + 2 * rank / count);
}

eachVariant(
  "reduce",
  "sum() matches the reference over any axes",
  () => checkReduction(sum, total),
);

eachVariant(
  "reduce",
  "mean() matches the reference over any axes",
  () => checkReduction(mean, (v) => total(v) / v.length),
);

eachVariant(
  "reduce",
  "max() matches the reference over any axes",
  () => checkReduction(max, (v) => Math.max(...v)),
);

eachVariant(
  "reduce",
  "min() matches the reference over any axes",
  () => checkReduction(min, (v) => Math.min(...v)),
);

eachVariant(
  "reduce",
  "logSumExp() matches the reference over any axes",
  () => checkReduction(logSumExp, logSumExpOf),
);

eachVariant(
  "reduce",
  "variance() matches the reference over any axes",
  async () => {
    const several = CASES.filter(([shape, axis]) =>
      shape.length > 0 && ![axis].flat().every((a) => (shape[a ?? 0] ?? 0) < 2)
    );
    await checkReduction(variance, varianceOf(1), several);
    await checkReduction(
      (x, options) => variance(x, { ...options, correction: 0 }),
      varianceOf(0),
      several,
    );
  },
);

eachVariant("reduce", "sum() takes several stages for long axes", async () => {
  for (const shape of [[3, 20_001], [40_000], [20_001, 3]]) {
    const axis = shape.length === 1 || shape[1] === 20_001 ? -1 : 0;
    const size = shape.reduce((a, b) => a * b, 1);
    const values = randomValues(size, 8);
    const actual = await sum(tensor(values, { shape }), { axis }).data();
    const axes = [axis < 0 ? shape.length - 1 : axis];
    assertClose(
      actual,
      reduceReference(values, shape, axes, total),
      // 20,000 numbers of order 1, summed by stretches.
      { absolute: 2e-4, relative: 1e-5 },
    );
  }
});

eachVariant("reduce", "argmax() gives the first of the largest", async () => {
  for (const n of [1, 7, 129, 1025]) {
    const values = randomValues(5 * n, n).map((v) => Math.round(v * 4));
    const x = tensor(values, { shape: [5, n] });
    const [rows, columns, all] = await readAll([
      argmax(x, { axis: 1 }),
      argmax(x, { axis: 0, keepDims: true }),
      argmax(x),
    ]);
    const first = (v: number[]) => v.indexOf(Math.max(...v));
    assertEquals(
      rows,
      Int32Array.from(reduceReference(values, [5, n], [1], first)),
    );
    assertEquals(
      columns,
      Int32Array.from(reduceReference(values, [5, n], [0], first)),
    );
    assertEquals([...all ?? []], [first([...values])]);
  }
});

eachVariant("reduce", "reductions of integers are exact", async () => {
  const values = Int32Array.from(randomValues(999, 4, -1e6, 1e6));
  const x = tensor(values, { shape: [27, 37] });
  const u = tensor(Uint32Array.from(values, (v) => Math.abs(v)), {
    shape: [999],
  });
  const [totals, top, least, index, all] = await readAll([
    sum(x, { axis: 1 }),
    max(x, { axis: 0 }),
    min(x),
    argmax(x),
    sum(u),
  ]);
  assertEquals(
    [...totals ?? []],
    [...reduceReference(values, [27, 37], [1], total)],
  );
  assertEquals(
    [...top ?? []],
    [...reduceReference(values, [27, 37], [0], (v) => Math.max(...v))],
  );
  assertEquals([...least ?? []], [Math.min(...values)]);
  assertEquals([...index ?? []], [values.indexOf(Math.max(...values))]);
  assertEquals([...all ?? []], [total([...values].map(Math.abs))]);
});

gpuTest("reductions keep axes when asked", () => {
  const x = tensor(randomValues(24, 1), { shape: [2, 3, 4] });
  assertEquals(sum(x, { axis: [0, 2], keepDims: true }).shape, [1, 3, 1]);
  assertEquals(mean(x, { axis: [0, 2] }).shape, [3]);
  assertEquals(max(x, { keepDims: true }).shape, [1, 1, 1]);
  assertEquals(logSumExp(x).shape, []);
  assertEquals(variance(x, { axis: -1, keepDims: true }).shape, [2, 3, 1]);
  assertEquals(argmax(x, { keepDims: true }).shape, [1, 1, 1]);
});

gpuTest("max() gives its gradient to the first of equals", async () => {
  const x = tensor([[1, 3, 3], [3, 2, 3]], { requiresGrad: true });
  backward(max(x));
  assertEquals([...await x.grad?.data() ?? []], [0, 1, 0, 0, 0, 0]);
  x.dropGradient();
  backward(sum(min(x, { axis: 0 })));
  assertEquals([...await x.grad?.data() ?? []], [1, 0, 1, 0, 1, 0]);
});

gpuTest("logSumExp() neither overflows nor loses infinities", async () => {
  const x = tensor([
    [1e4, 1e4],
    [-1e4, -1e4],
    [-Infinity, 2],
    [-Infinity, -Infinity],
    [Infinity, 0],
  ]);
  assertClose(await logSumExp(x, { axis: 1 }).data(), [
    1e4 + Math.LN2,
    -1e4 + Math.LN2,
    2,
    -Infinity,
    Infinity,
  ]);
  const y = tensor([[-Infinity, 2], [0, 0]], { requiresGrad: true });
  backward(sum(logSumExp(y, { axis: 1 })));
  assertClose(await y.grad?.data() ?? [], [0, 1, 0.5, 0.5]);
});

gpuTest(
  "variance() stays accurate far from 0, and is NaN for one",
  async () => {
    const x = tensor([1e4, 1e4 + 1, 1e4 + 2]);
    assertClose(await variance(x).data(), [1], SUMS);
    assertEquals(await variance(tensor([3])).item(), NaN);
    assertEquals(await variance(tensor([3]), { correction: 0 }).item(), 0);
  },
);

gpuTest("reductions of nothing give what they should, or refuse", async () => {
  const x = tensor([], { shape: [0, 3] });
  assertEquals([...await sum(x, { axis: 0 }).data()], [0, 0, 0]);
  assertEquals(sum(x, { axis: 1 }).shape, [0]);
  assertEquals(await mean(x).item(), NaN);
  assertThrows(
    () => max(x, { axis: 0 }),
    RangeError,
    "Cannot take the max of [0, 3]: there is no element",
  );
  assertThrows(() => argmax(x), RangeError, "Cannot search [0, 3]");
});

gpuTest("reductions refuse what they cannot take", () => {
  const x = tensor([[1, 2]], { dtype: "i32" });
  assertThrows(
    () => sum(x, { axis: 2 }),
    RangeError,
    "Cannot sum axis 2: the tensor has 2 axes",
  );
  assertThrows(
    // @ts-expect-error -- the types ask for floats
    () => mean(x),
    TypeError,
    "Cannot take the mean of a tensor of i32: cast() it to f32",
  );
  // @ts-expect-error -- the types ask for floats
  assertThrows(() => variance(x), TypeError, "cast() it to f32");
  // @ts-expect-error -- the types ask for floats
  assertThrows(() => logSumExp(x), TypeError, "cast() it to f32");
});

gpuTest(
  "sumTo() gives the tensor itself where nothing was broadcast",
  async () => {
    const x = tensor(randomValues(12, 1), { shape: [3, 4] });
    assert(sumTo(x, [3, 4]) === x);
    assertEquals(sumTo(x, [4]).shape, [4]);
    assertEquals(sumTo(x, [3, 1]).shape, [3, 1]);
    const whole = await sum(x).data();
    assertClose(await sumTo(x, []).data(), whole);
  },
);

gpuTest("reductions give the same bits through windows", async () => {
  const small = await openDevice({ maxBindingSize: 64 * 1024 });
  const all: Reduce[] = [sum, max, logSumExp];
  const cases: [number[], ReduceOptions, Reduce[]][] = [
    [[1000, 37], { axis: 1 }, all],
    [[1000, 37], { axis: 0 }, [sum, logSumExp]],
    [[37_000], {}, [sum, logSumExp]],
    [[3, 12_345], { axis: 1 }, all],
    [[2, 600, 31], { axis: 1 }, [sum]],
    [[300, 501], { axis: 0 }, [sum, logSumExp]],
    [[3, 20_000], { axis: 0 }, [sum, logSumExp]],
    [[2, 3, 20_001], { axis: 1 }, [sum]],
    [[5, 200, 31], { axis: 1 }, all],
    [[20, 40, 50], { axis: [0, 2] }, all],
  ];
  for (const [shape, options, ops] of cases) {
    const values = randomValues(shape.reduce((a, b) => a * b, 1), 6);
    const run = (device: Tensor["device"], op: Reduce) => {
      const x = tensor(values, { shape, device, requiresGrad: true });
      const y = op(x, options);
      const weights = tensor(randomValues(y.size, 2), {
        shape: y.shape,
        device,
      });
      backward(y, { gradient: weights });
      return readAll([y, x.grad ?? x]);
    };
    for (const op of ops) {
      const device = tensor([0]).device;
      assertEquals(
        await run(small, op),
        await run(device, op),
        `${op.name} of [${shape}]`,
      );
    }
  }
  assertThrows(
    () => argmax(tensor(new Float32Array(37_000), { device: small })),
    RangeError,
    "of them exceed the device's largest binding of 65536 bytes",
  );
  await small.destroy();
});
