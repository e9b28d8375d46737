// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Device, openDevice } from "../../../engine/gpu/device.ts";
import { ones, tensor } from "../../../engine/ops/creation.ts";
import { dropout } from "../../../engine/ops/dropout.ts";
import { mul } from "../../../engine/mod.ts";
import { Generator } from "../../../engine/generator.ts";
import { philoxUniform } from "../../../engine/philox.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";

gpuTest(
  "dropout() drops by the host's numbers, forward and backward",
  async () => {
    for (const size of [1, 7, 33, 1025]) {
      const rate = 0.3;
      const stream = new Generator(5).next();
      const values = randomValues(size, size);
      const x = tensor(values, { requiresGrad: true });
      const y = dropout(x, { rate, generator: new Generator(5) });
      const dy = randomValues(size, 2);
      backward(y, { gradient: tensor(dy) });
      const factors = Array.from(
        values,
        (_, k) => philoxUniform(stream, k) >= rate ? 1 / (1 - rate) : 0,
      );
      const [actual, grad] = await readAll([y, x.grad ?? x]);
      assertClose(
        actual ?? [],
        factors.map((f, k) => f * (values[k] ?? 0)),
      );
      assertClose(grad ?? [], factors.map((f, k) => f * (dy[k] ?? 0)));
    }
  },
);

gpuTest("dropout() keeps the share it should", async () => {
  const n = 100_000;
  const y = await dropout(ones([n]), { rate: 0.1, generator: new Generator(1) })
    .data();
  const kept = y.filter((value) => value > 0).length / n;
  assert(Math.abs(kept - 0.9) < 0.005); // five standard errors
});

gpuTest(
  "dropout() gives the tensor itself when there is nothing to drop",
  () => {
    const x = ones([3]);
    const generator = new Generator(1);
    assert(dropout(x, { training: false, generator }) === x);
    assert(dropout(x, { rate: 0, generator }) === x);
    assertEquals(generator.position, 0);
  },
);

gpuTest("dropout() at rate 1 drops everything", async () => {
  const x = tensor([1, Infinity, NaN]);
  assertEquals([...await dropout(x, { rate: 1 }).data()], [0, 0, 0]);
});

gpuTest("dropout() takes a new mask each time", async () => {
  const x = ones([256]);
  const generator = new Generator(1);
  const [a, b] = await readAll([
    dropout(x, { generator }),
    dropout(x, { generator }),
  ]);
  assert(a?.some((value, i) => value !== b?.[i]));
});

gpuTest("dropout() gives the same bits through windows", async (whole) => {
  const small = await openDevice({ maxBindingSize: 4096 });
  const run = async (device: Device) => {
    const x = tensor(randomValues(5001, 1), { device, requiresGrad: true });
    const y = mul(dropout(x, { generator: new Generator(3) }), 2);
    backward(y, { gradient: tensor(randomValues(5001, 2), { device }) });
    return await readAll([y, x.grad ?? x]);
  };
  assertEquals(await run(small), await run(whole));
  await small.destroy();
});

gpuTest("dropout() refuses rates and types it cannot take", () => {
  assertThrows(
    () => dropout(ones([1]), { rate: 1.5 }),
    RangeError,
    "Cannot drop elements at rate 1.5: it must be between 0 and 1",
  );
  assertThrows(
    // @ts-expect-error -- the types ask for floats
    () => dropout(ones([1], { dtype: "i32" })),
    TypeError,
    "Cannot drop elements of a tensor of i32: cast() it to f32",
  );
});
