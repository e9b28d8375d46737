// Copyright 2026 the swagpu authors. MIT license.

import {
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
} from "@std/assert";
import { openDevice } from "../../engine/device.ts";
import { tensor, zeros } from "../../engine/ops/creation.ts";
import { add, exp, gelu, mul } from "../../engine/mod.ts";
import { slice } from "../../engine/ops/movement.ts";
import { mean, sum } from "../../engine/ops/reduce.ts";
import { scope } from "../../engine/scope.ts";
import { backward } from "../../engine/tape.ts";
import { gpuTest, randomValues } from "../_check.ts";

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
