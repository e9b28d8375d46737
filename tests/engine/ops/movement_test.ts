// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { openDevice } from "../../../engine/gpu/device.ts";
import { arange, tensor, zeros } from "../../../engine/ops/creation.ts";
import {
  concat,
  expand,
  permute,
  reshape,
  slice,
  type SliceOptions,
  split,
  squeeze,
  stack,
  transpose,
  unsqueeze,
  unstack,
} from "../../../engine/ops/movement.ts";
import { mul } from "../../../engine/mod.ts";
import { sum } from "../../../engine/ops/reduce.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import { checkOp, gpuTest, randomValues, ROUNDING } from "../../_check.ts";
import { indicesOf, mapBroadcast, placeOf } from "../../reference/array.ts";

const exactly = { forward: ROUNDING, elements: 15 };

function permuteReference(
  x: Float64Array,
  shape: readonly number[],
  axes: readonly number[],
): number[] {
  return indicesOf(axes.map((axis) => shape[axis] ?? 0)).map((index) => {
    const source = shape.map((_, axis) => index[axes.indexOf(axis)] ?? 0);
    return x[placeOf(source, shape)] ?? NaN;
  });
}

gpuTest("permute() matches the reference for any order", async () => {
  const cases: [number[], number[]][] = [
    [[7], [0]],
    [[1, 33], [1, 0]],
    [[17, 33], [1, 0]],
    [[1025, 3], [1, 0]],
    [[2, 3, 4], [0, 2, 1]],
    [[2, 3, 4], [2, 0, 1]],
    [[4, 8, 12], [1, 0, 2]],
    [[2, 3, 5, 4], [0, 2, 1, 3]],
    [[2, 3, 2, 3, 2, 3], [5, 3, 1, 4, 2, 0]],
    [[2, 1, 3, 1, 5], [3, 4, 0, 1, 2]],
  ];
  for (const [shape, axes] of cases) {
    await checkOp(
      [{ shape }],
      (x) => permute(x, axes),
      (x) => permuteReference(x, shape, axes),
      { ...exactly, label: `[${shape}] by [${axes}]` },
    );
  }
});

gpuTest("transpose() swaps two axes, the last two by default", async () => {
  const shape = [3, 4, 5];
  await checkOp(
    [{ shape }],
    (x) => transpose(x),
    (x) => permuteReference(x, shape, [0, 2, 1]),
    exactly,
  );
  await checkOp(
    [{ shape }],
    (x) => transpose(x, 0, -1),
    (x) => permuteReference(x, shape, [2, 1, 0]),
    exactly,
  );
});

gpuTest("reshape(), squeeze() and unsqueeze() keep the order", async () => {
  await checkOp(
    [{ shape: [6, 4] }],
    (x) => reshape(x, [2, -1, 3]),
    (x) => x,
    exactly,
  );
  await checkOp([{ shape: [1, 7, 1] }], (x) => squeeze(x), (x) => x, exactly);
  const x = zeros([2, 1, 3]);
  assertEquals(reshape(x, [-1]).shape, [6]);
  assertEquals(reshape(zeros([1]), []).shape, []);
  assertEquals(reshape(zeros([0, 3]), [3, 0]).shape, [3, 0]);
  assertEquals(squeeze(x, -2).shape, [2, 3]);
  assertEquals(unsqueeze(x, 0).shape, [1, 2, 1, 3]);
  assertEquals(unsqueeze(x, -1).shape, [2, 1, 3, 1]);
});

gpuTest("slice() matches the reference along one axis or several", async () => {
  const cases: [number[], SliceOptions[], number[], number[]][] = [
    [[7], [{ start: 2 }], [2], [5]],
    [[7], [{ start: -3, end: -1 }], [4], [2]],
    [[17, 33], [{ axis: 1, start: 5, end: 30 }], [0, 5], [17, 25]],
    [[16, 32], [{ axis: 1, start: 8, end: 24 }], [0, 8], [16, 16]],
    [[17, 33], [{ start: 3, end: 4 }], [3, 0], [1, 33]],
    [[3, 4, 5], [{ axis: -1, end: 1 }], [0, 0, 0], [3, 4, 1]],
    [[3, 4, 5], [{ start: 1 }, { axis: 2, start: 1, end: 4 }], [1, 0, 1], [
      2,
      4,
      3,
    ]],
    [[3, 4], [{}], [0, 0], [3, 4]],
  ];
  for (const [shape, ranges, starts, result] of cases) {
    await checkOp(
      [{ shape }],
      (x) => slice(x, ranges.length === 1 ? ranges[0] ?? {} : ranges),
      (x) =>
        indicesOf(result).map((index) =>
          x[placeOf(index.map((i, axis) => i + (starts[axis] ?? 0)), shape)] ??
            NaN
        ),
      { ...exactly, label: `[${shape}] ${JSON.stringify(ranges)}` },
    );
  }
  assertEquals(slice(zeros([3, 2]), { start: 1, end: 1 }).shape, [0, 2]);
});

gpuTest("concat() joins along any axis", async () => {
  const cases: [number[][], number][] = [
    [[[7], [1], [3]], 0],
    [[[2, 3], [2, 5]], 1],
    [[[2, 3], [4, 3]], -2],
    [[[2, 4, 8], [2, 8, 8]], 1],
    [[[3, 2, 1], [3, 2, 6], [3, 2, 33]], 2],
    [[[5, 5]], 0],
  ];
  for (const [shapes, axis] of cases) {
    const first = shapes[0] ?? [];
    const a = axis < 0 ? axis + first.length : axis;
    const sizes = shapes.map((shape) => shape[a] ?? 0);
    const result = first.with(a, sizes.reduce((s, n) => s + n, 0));
    await checkOp(
      shapes.map((shape) => ({ shape })),
      (...xs) => concat(xs, axis),
      (...xs) =>
        indicesOf(result).map((index) => {
          let at = index[a] ?? 0;
          let k = 0;
          while (at >= (sizes[k] ?? 0)) at -= sizes[k++] ?? 0;
          return xs[k]?.[placeOf(index.with(a, at), shapes[k] ?? [])] ?? NaN;
        }),
      { ...exactly, label: `${shapes.join(" and ")} along ${axis}` },
    );
  }
});

gpuTest(
  "concat() gives the same tensor its gradient from both places",
  async () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = concat([x, x]);
    backward(y, { gradient: tensor([1, 2, 10, 20]) });
    assertEquals([...await x.grad?.data() ?? []], [11, 22]);
  },
);

gpuTest("stack() and unstack() undo each other", async () => {
  const parts = [0, 1, 2].map((seed) =>
    tensor(randomValues(6, seed), { shape: [2, 3] })
  );
  for (const axis of [0, 1, 2, -1]) {
    const whole = stack(parts, axis);
    assertEquals(whole.shape, [2, 3].toSpliced(axis < 0 ? 2 : axis, 0, 3));
    const back = unstack(whole, axis);
    assertEquals(await readAll(back), await readAll(parts));
  }
});

gpuTest("split() cuts an axis evenly or by sizes", async () => {
  const x = arange(10, { dtype: "f32" });
  const [a, b, c] = split(x, 4);
  assertEquals([a?.shape, b?.shape, c?.shape], [[4], [4], [2]]);
  const [d, e] = split(reshape(x, [2, 5]), [1, 4], 1);
  assertEquals([...await d?.data() ?? []], [0, 5]);
  assertEquals([...await e?.data() ?? []], [1, 2, 3, 4, 6, 7, 8, 9]);
});

gpuTest("split() gathers the gradients of its parts", async () => {
  const x = tensor(randomValues(12, 1), { shape: [3, 4], requiresGrad: true });
  const [left, right] = split(x, 2, 1);
  if (!left || !right) throw new Error("split() gave no parts");
  backward(sum(mul(left, right)));
  const [values, grad] = await readAll([x, x.grad ?? x]);
  const swapped = [2, 3, 0, 1];
  assertEquals(
    [...grad ?? []],
    Array.from(
      values ?? [],
      (_, i) => values?.[i - i % 4 + (swapped[i % 4] ?? 0)] ?? NaN,
    ),
  );
});

gpuTest("expand() repeats axes of length 1", async () => {
  const cases: [number[], number[]][] = [
    [[1], [7]],
    [[3], [5, 3]],
    [[4, 1], [4, 33]],
    [[2, 1, 3, 1], [2, 5, 3, 7]],
    [[3, 4], [3, 4]],
    [[], [2, 2]],
  ];
  for (const [shape, target] of cases) {
    await checkOp(
      [{ shape }],
      (x) => expand(x, target),
      (x) => mapBroadcast((v) => v, [[x, shape], [[], target]]),
      { elements: 15, label: `[${shape}] to [${target}]` },
    );
  }
});

gpuTest("movement ops take integers", async () => {
  const x = tensor(Int32Array.of(-1, 2, 3, -4), { shape: [2, 2] });
  const results = await readAll([
    transpose(x),
    slice(x, { axis: 1, start: 1 }),
    concat([x, x], 1),
    expand(unsqueeze(x, 0), [2, 2, 2]),
  ]);
  assertEquals(results, [
    Int32Array.of(-1, 3, 2, -4),
    Int32Array.of(2, -4),
    Int32Array.of(-1, 2, -1, 2, 3, -4, 3, -4),
    Int32Array.of(-1, 2, 3, -4, -1, 2, 3, -4),
  ]);
});

gpuTest("movement ops refuse shapes that do not fit", () => {
  const x = zeros([2, 3]);
  assertThrows(
    () => reshape(x, [4, -1]),
    TypeError,
    "Cannot reshape [2, 3] to [4, -1]: the numbers of elements differ",
  );
  assertThrows(
    () => reshape(x, [-1, -1]),
    TypeError,
    "numbers of elements differ",
  );
  assertThrows(
    () => permute(x, [0, 0]),
    TypeError,
    "Cannot permute [2, 3] by [0, 0]: every axis must appear once",
  );
  for (const length of [0.5, -1, NaN, Infinity]) {
    assertThrows(
      () => expand(zeros([1]), [length]),
      RangeError,
      "lengths must be non-negative integers",
    );
  }
  assertThrows(
    () => slice(x, { axis: 1, start: 2, end: 4 }),
    RangeError,
    "Cannot slice axis 1 of [2, 3] from 2 to 4: the axis has 3 elements",
  );
  assertThrows(
    () => concat([x, zeros([3, 3])], 1),
    TypeError,
    "Cannot join [2, 3] and [3, 3] along axis 1: all other lengths must be equal",
  );
  assertThrows(
    () => concat([x, arange(3)]),
    TypeError,
    "all other lengths must be equal",
  );
  assertThrows(
    () => concat([arange(3), zeros([3])]),
    TypeError,
    "Cannot join i32 and f32: cast() one of them",
  );
  assertThrows(
    () => concat([]),
    TypeError,
    "Cannot join tensors: expected at least one",
  );
  assertThrows(
    () => split(x, [1, 1], 1),
    RangeError,
    "Cannot split axis 1 of [2, 3] into [1, 1]: the sizes must add up to 3",
  );
  assertThrows(() => squeeze(x, 0), TypeError, "its length is not 1");
  assertThrows(() => expand(x, [3]), TypeError, "Cannot expand [2, 3] to [3]");
  assertThrows(
    () => transpose(x, 0, 2),
    RangeError,
    "Cannot transpose axis 2: the tensor has 2 axes",
  );
  const axes = Array.from({ length: 8 }, (_, i) => 7 - i);
  assertThrows(
    () => permute(zeros(axes.map(() => 2)), axes),
    RangeError,
    "they lie along more than 6 independent axes",
  );
});

gpuTest("movement ops give the same bits through windows", async (whole) => {
  const small = await openDevice({ maxBindingSize: 16 * 1024 });
  const values = randomValues(20_000, 3);
  const run = (device: typeof small) => {
    const x = tensor(values, { shape: [200, 100], device, requiresGrad: true });
    const ys = [
      transpose(x),
      slice(x, { axis: 1, start: 3, end: 90 }),
      concat([x, x], 1),
      expand(unsqueeze(slice(x, { end: 50 }), 1), [50, 5, 100]),
      permute(reshape(x, [20, 10, 100]), [1, 0, 2]),
    ];
    for (const y of ys) {
      backward(y, {
        gradient: tensor(randomValues(y.size, 4), { shape: y.shape, device }),
      });
    }
    assert(x.grad);
    return readAll([...ys, x.grad]);
  };
  assertEquals(await run(small), await run(whole));
  await small.destroy();
});
