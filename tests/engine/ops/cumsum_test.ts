// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { openDevice } from "../../../engine/gpu/device.ts";
import { tensor } from "../../../engine/ops/creation.ts";
import { cumsum } from "../../../engine/ops/cumsum.ts";
import { sizeOf } from "../../../engine/shape.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll, type Tensor } from "../../../engine/tensor.ts";
import { checkOp, gpuTest, randomValues } from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";

/** Shapes and axes: lines shorter and longer than CUMSUM_STRETCH, and columns. */
const CASES: [number[], number][] = [
  [[1], 0],
  [[7], -1],
  [[3, 128], 1],
  [[3, 129], -1],
  [[1025], 0],
  [[17, 33], 1],
  [[17, 33], 0],
  [[130, 5], 0],
  [[2, 9, 1], 1],
  [[4, 5, 6], 1],
  [[2, 3, 2, 5], 2],
];

/** Running sums, one line after the other. */
function reference(
  x: ArrayLike<number>,
  shape: readonly number[],
  axis: number,
  reverse: boolean,
): number[] {
  const a = axis < 0 ? axis + shape.length : axis;
  const inner = sizeOf(shape.slice(a + 1));
  const n = shape[a] ?? 1;
  const y = Array.from(x);
  for (let e = 0; e < y.length; e++) {
    const at = reverse ? y.length - 1 - e : e;
    const k = Math.floor(at / inner) % n;
    if (k === (reverse ? n - 1 : 0)) continue;
    y[at] = (y[at] ?? 0) + (y[reverse ? at + inner : at - inner] ?? 0);
  }
  return y;
}

eachVariant(
  "cumsum",
  "cumsum() matches the reference along any axis",
  async () => {
    for (const [shape, axis] of CASES) {
      for (const reverse of [false, true]) {
        await checkOp(
          [{ shape }],
          (x) => cumsum(x, { axis, reverse }),
          (x) => reference(x, shape, axis, reverse),
          {
            label: `[${shape}] along ${axis}${reverse ? ", reversed" : ""}`,
            elements: 12,
          },
        );
      }
    }
  },
);

eachVariant("cumsum", "cumsum() of integers is exact", async () => {
  const shape = [5, 300];
  const values = Int32Array.from(randomValues(1500, 4, -1e6, 1e6));
  const signed = tensor(values, { shape });
  const unsigned = tensor(Uint32Array.from(values, Math.abs), { shape });
  const [a, b] = await readAll([
    cumsum(signed),
    cumsum(unsigned, { reverse: true }),
  ]);
  assertEquals(a, Int32Array.from(reference(values, shape, 1, false)));
  const sizes = values.map(Math.abs);
  assertEquals(b, Uint32Array.from(reference(sizes, shape, 1, true)));
});

eachVariant(
  "cumsum",
  "cumsum() gives the same bits through windows",
  async () => {
    const small = await openDevice({ maxBindingSize: 64 * 1024 });
    const cases: [number[], number][] = [
      [[1000, 37], 1],
      [[40_001], 0],
      [[2, 20_001], 1],
      [[700, 65], 0],
      [[4, 3, 7001], 1],
    ];
    for (const [shape, axis] of cases) {
      const values = randomValues(sizeOf(shape), 6);
      const run = (device: Tensor["device"], reverse: boolean) => {
        const x = tensor(values, { shape, device, requiresGrad: true });
        const y = cumsum(x, { axis, reverse });
        const weights = randomValues(y.size, 2);
        backward(y, { gradient: tensor(weights, { shape, device }) });
        return readAll([y, x.grad ?? x]);
      };
      for (const reverse of [false, true]) {
        assertEquals(
          await run(small, reverse),
          await run(tensor([0]).device, reverse),
          `[${shape}] along ${axis}`,
        );
      }
    }
    await small.destroy();
  },
);

gpuTest(
  "cumsum() sums along the last axis, and takes no elements",
  async () => {
    const x = tensor([[1, 2], [3, 4]], { dtype: "i32" });
    const y = cumsum(x);
    assertEquals(y.dtype, "i32");
    assertEquals([...await y.data()], [1, 3, 3, 7]);
    assertEquals(cumsum(tensor([], { shape: [0, 3] })).shape, [0, 3]);
  },
);

gpuTest("cumsum() refuses what it cannot sum", async () => {
  assertThrows(
    () => cumsum(tensor([[1, 2]]), { axis: 2 }),
    RangeError,
    "Cannot sum along axis 2: the tensor has 2 axes",
  );
  const small = await openDevice({ maxBindingSize: 64 * 1024 });
  const wide = new Float32Array(2 * 10_000);
  assertThrows(
    () =>
      cumsum(tensor(wide, { shape: [2, 10_000], device: small }), { axis: 0 }),
    RangeError,
    "Cannot sum along rows of 10000 elements: 2 of them exceed the device's largest",
  );
  await small.destroy();
});
