// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Device, openDevice } from "../../../engine/gpu/device.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import { add, mul } from "../../../engine/mod.ts";
import {
  embedding,
  gather,
  indexSelect,
} from "../../../engine/ops/indexing.ts";
import { sum } from "../../../engine/ops/reduce.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import { assertClose, checkOp, gpuTest, randomValues } from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";
import { indicesOf, placeOf } from "../../reference/array.ts";

/** Integers in [0, limit), some of them often. */
function randomIds(
  count: number,
  limit: number,
  seed: number,
): Int32Array<ArrayBuffer> {
  return Int32Array.from(
    randomValues(count, seed, 0, 1),
    (u) => Math.floor(u * u * limit),
  );
}

eachVariant(
  "embedding",
  "embedding() matches the reference for any width and repetition",
  async () => {
    for (
      const [tokens, rows, width] of [
        [1, 1, 1],
        [7, 3, 5],
        [33, 17, 8],
        [200, 4, 3],
        [129, 1025, 4],
        [70, 9, 68],
        [71, 40, 132],
        [17, 2, 33],
      ] as const
    ) {
      const ids = randomIds(tokens, rows, tokens);
      await checkOp(
        [{ shape: [rows, width] }],
        (table) => embedding(tensor(ids), table),
        (table) =>
          [...ids].flatMap((
            id,
          ) => [...table.slice(id * width, (id + 1) * width)]),
        { label: `${tokens} of ${rows} rows of ${width}` },
      );
    }
  },
);

gpuTest("embedding() keeps the shape of the ids, of i32 or u32", async () => {
  const table = tensor([[1, 2], [3, 4]]);
  const ids = tensor([[0, 1], [1, 1]], { dtype: "u32" });
  const y = embedding(ids, table);
  assertEquals(y.shape, [2, 2, 2]);
  assertEquals([...await y.data()], [1, 2, 3, 4, 3, 4, 3, 4]);
  assertEquals(embedding(tensor(new Int32Array(0)), table).shape, [0, 2]);
});

eachVariant(
  "embedding",
  "embedding() gives the padding row no gradient",
  async () => {
    const table = zeros([3, 4], { requiresGrad: true });
    const ids = tensor([0, 2, 0, 1, 2], { dtype: "i32" });
    const y = embedding(ids, table, { paddingIdx: 0 });
    backward(sum(y));
    assertEquals([...await table.grad?.data() ?? []], [
      0,
      0,
      0,
      0,
      1,
      1,
      1,
      1,
      2,
      2,
      2,
      2,
    ]);
  },
);

gpuTest(
  "embedding() adds to a gradient that exists, when used twice",
  async () => {
    const table = tensor(randomValues(12, 1), {
      shape: [4, 3],
      requiresGrad: true,
    });
    const ids = tensor([3, 0, 3], { dtype: "i32" });
    const loss = () => sum(mul(embedding(ids, table), embedding(ids, table)));
    backward(loss());
    backward(loss());
    const [values, grad] = await readAll([table, table.grad ?? table]);
    const counts = [1, 0, 0, 2];
    assertClose(
      grad ?? [],
      [...values ?? []].map((v, i) => 4 * v * (counts[Math.floor(i / 3)] ?? 0)),
    );
  },
);

gpuTest(
  "embedding() passes its gradient on where the table is computed",
  async () => {
    const table = tensor([[1, 2], [3, 4]], { requiresGrad: true });
    const ids = tensor([1, 1, 0], { dtype: "i32" });
    backward(sum(embedding(ids, mul(table, 10))));
    assertEquals([...await table.grad?.data() ?? []], [10, 10, 20, 20]);
  },
);

gpuTest(
  "embedding() gives NaN for GPU ids out of range, and no gradient",
  async () => {
    const table = tensor([[1, 2], [3, 4]], { requiresGrad: true });
    const ids = add(tensor([-1, 1, 2], { dtype: "i32" }), 0);
    const y = embedding(ids, table);
    backward(y, { gradient: tensor([[1, 1], [1, 1], [1, 1]]) });
    const [values, grad] = await readAll([y, table.grad ?? table]);
    assertEquals([...values ?? []], [NaN, NaN, 3, 4, NaN, NaN]);
    assertEquals([...grad ?? []], [0, 0, 1, 1]);
  },
);

gpuTest("gather() matches the reference along any axis", async () => {
  const cases: [number[], number, number][] = [
    [[7], 0, 9],
    [[17, 33], 1, 1],
    [[17, 33], 0, 5],
    [[3, 4, 5], 1, 6],
    [[3, 4, 5], -1, 2],
    [[3, 1025], 1, 7],
  ];
  for (const [shape, axis, m] of cases) {
    const a = axis < 0 ? axis + shape.length : axis;
    const result = shape.with(a, m);
    const size = result.reduce((s, n) => s * n, 1);
    const index = randomIds(size, shape[a] ?? 0, size);
    await checkOp(
      [{ shape }],
      (x) => gather(x, tensor(index, { shape: result }), axis),
      (x) =>
        indicesOf(result).map((at, k) =>
          x[placeOf(at.with(a, index[k] ?? 0), shape)] ?? NaN
        ),
      { label: `[${shape}] along ${axis}` },
    );
  }
});

gpuTest("indexSelect() matches the reference along any axis", async () => {
  const cases: [number[], number, number][] = [
    [[7], 0, 9],
    [[17, 33], 0, 40],
    [[17, 33], 1, 3],
    [[3, 4, 5], 1, 1],
  ];
  for (const [shape, axis, m] of cases) {
    const index = randomIds(m, shape[axis] ?? 0, m);
    await checkOp(
      [{ shape }],
      (x) => indexSelect(x, tensor(index), axis),
      (x) =>
        indicesOf(shape.with(axis, m)).map((at) =>
          x[placeOf(at.with(axis, index[at[axis] ?? 0] ?? 0), shape)] ?? NaN
        ),
      { label: `${m} of [${shape}] along ${axis}` },
    );
  }
});

gpuTest(
  "gather() and indexSelect() take integers, and show GPU indices out of range",
  async () => {
    const x = tensor(Int32Array.of(5, 6, 7));
    const index = add(tensor([2, 0, 3], { dtype: "i32" }), 0);
    const f = tensor([5, 6, 7]);
    const [a, b] = await readAll([gather(x, index), indexSelect(f, index)]);
    assertEquals([...a ?? []], [7, 5, -(2 ** 31)]);
    assertEquals([...b ?? []], [7, 5, NaN]);
  },
);

gpuTest("index ops refuse what does not fit", () => {
  const ids = tensor([0, 1], { dtype: "i32" });
  assertThrows(
    () => embedding(tensor([0]), zeros([2, 2])),
    TypeError,
    "Cannot look up by indices of f32: cast() them to i32",
  );
  assertThrows(
    () => embedding(ids, zeros([2])),
    TypeError,
    "Cannot look up rows of a tensor of shape [2]: it must have two axes",
  );
  assertThrows(
    () => embedding(ids, zeros([2, 2]), { paddingIdx: 2 }),
    RangeError,
    "Cannot pad with row 2: the table has 2 rows",
  );
  assertThrows(
    () => gather(zeros([2, 3]), zeros([3, 3], { dtype: "i32" }), 1),
    TypeError,
    "Cannot gather [2, 3] along axis 1 by indices of [3, 3]",
  );
  assertThrows(
    () => indexSelect(zeros([2, 3]), zeros([1, 1], { dtype: "u32" })),
    TypeError,
    "Cannot select by indices of shape [1, 1]: they must lie along one axis",
  );
});

eachVariant(
  "embedding",
  "index ops give the same bits through windows",
  async (whole) => {
    const small = await openDevice({ maxBindingSize: 8 * 1024 });
    const run = (device: Device, width: number) => {
      const rows = 300;
      const table = tensor(randomValues(rows * width, 1), {
        shape: [rows, width],
        device,
        requiresGrad: true,
      });
      const x = tensor(randomValues(rows * width, 2), {
        shape: [rows, width],
        device,
        requiresGrad: true,
      });
      const ids = tensor(randomIds(500, rows, 7), { device });
      const index = tensor(randomIds(40 * width, rows, 8), {
        shape: [40, width],
        device,
      });
      const columns = tensor(randomIds(9, width, 9), { device });
      const ys = [
        embedding(ids, table, { paddingIdx: 1 }),
        gather(x, index, 0),
        indexSelect(x, ids, 0),
        indexSelect(x, columns, 1),
      ];
      for (const y of ys) {
        backward(y, {
          gradient: tensor(randomValues(y.size, 4), { shape: y.shape, device }),
        });
      }
      assert(table.grad && x.grad);
      return readAll([...ys, table.grad, x.grad]);
    };
    for (const width of [16, 19]) {
      assertEquals(
        await run(small, width),
        await run(whole, width),
        `width ${width}`,
      );
    }
    await small.destroy();
  },
);
