// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { openDevice, setDevice } from "../../../engine/gpu/device.ts";
import {
  DeviceLostError,
  GpuOutOfMemoryError,
} from "../../../engine/gpu/errors.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import { add, exp, gelu, mul } from "../../../engine/mod.ts";
import { slice } from "../../../engine/ops/movement.ts";
import { mean, sum } from "../../../engine/ops/reduce.ts";
import { scope } from "../../../engine/scope.ts";
import { backward } from "../../../engine/tape.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import { gpuTest, randomValues } from "../../_check.ts";
import { openLate } from "./_late_gpu.ts";

gpuTest("a repeated step makes no buffer and no bind group", async (device) => {
  const w = tensor(randomValues(33 * 17, 1), {
    shape: [33, 17],
    requiresGrad: true,
  });
  const b = zeros([17], { requiresGrad: true });
  const step = () => {
    using _ = scope();
    const x = tensor(randomValues(33 * 17, 2), { shape: [33, 17] });
    const y = gelu(add(mul(x, w), b));
    backward(mean(mul(y, slice(exp(y), { start: 0 }))));
  };
  step();
  step();
  await device.synchronize();
  const pool = device.pool.statistics();
  const { bindGroups } = device.stream.statistics();
  const pipelines = device.pipelines.size;
  for (let i = 0; i < 200; i++) step();
  await device.synchronize();
  const after = device.pool.statistics();
  assertEquals([after.inUse, after.blocks, after.created, after.reserved], [
    pool.inUse,
    pool.blocks,
    pool.created,
    pool.reserved,
  ]);
  assertEquals(device.stream.statistics().bindGroups, bindGroups);
  assertEquals(device.pipelines.size, pipelines);
});

gpuTest("Pool hands out the lowest free block of a class", async () => {
  const device = await openDevice();
  const { pool } = device;
  const [a, b, c] = [
    pool.acquire(1000),
    pool.acquire(1000),
    pool.acquire(1000),
  ];
  assertEquals(pool.statistics().blocks, 3);
  for (const block of [c, a, b]) pool.release(block);
  assertStrictEquals(pool.acquire(900), a);
  assertStrictEquals(pool.acquire(1024), b);
  assertNotStrictEquals(pool.acquire(100), c);
  await device.destroy();
});

gpuTest("Pool gives free memory back when trimmed", async () => {
  const device = await openDevice();
  const x = zeros([1000], { device });
  zeros([5000], { device }).dispose();
  await device.synchronize();
  const before = device.pool.statistics();
  assertEquals(before.inUse, 4096);
  assertEquals(device.pool.trim(), before.reserved - 4096);
  assertEquals(device.pool.statistics().reserved, 4096);
  assertEquals(await sum(x).item(), 0);
  device.pool.resetPeak();
  assertEquals(device.pool.statistics().peak, device.pool.statistics().inUse);
  await device.destroy();
});

const MIB = 2 ** 20;

Deno.test("memory that ran out can be used again once it is free", async () => {
  const { device } = await openLate({ memory: 9 * MIB });
  const { pool } = device;
  const fill = async () => {
    const made: Tensor[] = [];
    const more = async () => {
      for (let i = 0; i < 12; i++) {
        const x = zeros([MIB / 2], { device }); // 2 MiB
        made.push(x);
        await x.data();
      }
    };
    await assertRejects(
      more,
      GpuOutOfMemoryError,
      "The GPU has no memory left",
    );
    for (const x of made) x.dispose();
    return made.length;
  };
  const small = tensor([1, 2, 3], { device });
  for (let i = 0; i < 3; i++) {
    assertEquals(await fill(), 5);
    assertEquals(pool.statistics().inUse, 256);
    assert(pool.statistics().reserved <= 9 * MIB);
    const y = add(small, 1);
    assertEquals([...await y.data()], [2, 3, 4]);
    y.dispose();
  }
  pool.trim();
  await device.destroy();
});

Deno.test("free blocks make room for blocks of other sizes", async () => {
  const { device } = await openLate({ memory: 9 * MIB });
  const free = () => {
    const x = [0, 1, 2, 3].map(() => zeros([MIB / 2], { device }));
    for (const one of x) one.dispose();
  };
  const large = async () => {
    const x = zeros([MIB], { device });
    await x.data();
    x.dispose();
  };
  free(); // 8 of 9 MiB, free, but in blocks of 2.
  await assertRejects(large, GpuOutOfMemoryError, "for 4 MiB");
  await large(); // The same call works again, and nothing was freed in between.
  device.pool.trim();
  free();
  await large(); // By now the pool knows how much memory there is.
  await device.destroy();
});

Deno.test("an op that finds no memory leaves other results and the scope intact", async () => {
  const { device } = await openLate({ memory: 8 * MIB });
  const before = setDevice(device);
  try {
    const w = tensor([2, 3], { requiresGrad: true });
    const y = mul(w, w);
    const failing = async () => {
      using _ = scope();
      const x = zeros([4 * MIB], { requiresGrad: true });
      const loss = sum(mul(x, x));
      backward(loss);
      await loss.item();
    };
    await assertRejects(failing, GpuOutOfMemoryError);
    backward(sum(y));
    assertEquals([...await w.grad?.data() ?? []], [4, 6]);
    for (const x of [w, y]) x.dispose();
    await device.synchronize();
    device.pool.trim();
  } finally {
    if (before) setDevice(before);
    await device.destroy();
  }
});

gpuTest(
  "acquire() refuses more bytes than a buffer can have",
  async (device) => {
    const { maxBufferSize } = device.gpu.limits;
    const before = device.pool.statistics();
    assertThrows(
      () => device.pool.acquire(maxBufferSize + 1024),
      RangeError,
      "bytes: the largest buffer of the device has",
    );
    assertEquals(device.pool.statistics(), before);
    const other = await openDevice();
    await other.destroy();
    assertThrows(() => other.pool.acquire(4), DeviceLostError);
  },
);
