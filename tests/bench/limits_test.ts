// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  copyBytes,
  copyRun,
  FMA_PER_INVOCATION,
  fmaFlops,
  fmaPeak,
  fmaRun,
} from "../../bench/limits.ts";
import { Stretch } from "../../bench/stretch.ts";
import { launch } from "../../engine/kernel_kit.ts";
import { openDevice, tensor } from "../../engine/mod.ts";
import { gpuTest } from "../_check.ts";

gpuTest("fmaPeak does as many multiply-adds as it counts", async (device) => {
  const y = tensor(new Float32Array(64));
  launch(device, fmaPeak, {
    bind: [y],
    params: { factor: 1, term: 1 },
    groups: [1],
  });
  // 8 vec4 chains, which begin at 0 to 7 and one higher for each invocation.
  const wanted = (i: number) => 32 * i + 4 * 28 + FMA_PER_INVOCATION;
  assertEquals(
    [...await y.data()],
    Array.from({ length: 64 }, (_, i) => wanted(i)),
  );
  const { tensors, run } = fmaRun(device);
  run();
  const [x] = tensors;
  assert(x && fmaFlops(device) === 2 * FMA_PER_INVOCATION * x.size);
  for (const value of await x.data()) assert(value > 0);
  x.dispose();
});

gpuTest(
  "copyRun() copies every element, also where bindings are small",
  async () => {
    const small = await openDevice({ maxBindingSize: 64 * 1024 });
    for (const elements of [4, 1024, 1028, 16_384, 40_004]) {
      for (const vectors of [1, 4]) {
        const { tensors: [x, y], run } = copyRun(small, { elements, vectors });
        assert(x && y);
        const values = Float32Array.from({ length: elements }, (_, i) => i + 2);
        x.write(values);
        run();
        assertEquals(await y.data(), values);
      }
    }
    await small.destroy();
  },
);

gpuTest("copies are larger than the caches of large GPUs", (device) => {
  const sized = (maxBufferSize: number, isSoftware = false) =>
    copyBytes({ isSoftware, gpu: { limits: { maxBufferSize } } } as never) /
    2 ** 21;
  assertEquals(sized(4_292_870_144), 512);
  assertEquals(sized(2 ** 30), 256);
  assertEquals(sized(2 ** 28), 64);
  assertEquals(sized(2 ** 31, true), 64);
  assert(copyBytes(device) >= 2 ** 27);
});

Deno.test("a stretch has as many runs as make a wait little", async () => {
  for (const milliseconds of [0.01, 0.5, 30, 700]) {
    let now = 0;
    let done = 0;
    let runs = 0;
    const run = () => {
      done = Math.max(done, now) + milliseconds;
      runs++;
    };
    const wait = () => { // Deno looks every 10 ms whether the work is done.
      now += 10 * Math.floor(Math.max(done - now, 0) / 10 + 1);
      return Promise.resolve();
    };
    const stretch = new Stretch(run, wait, () => now);
    for (let i = 0; i < 2; i++) {
      const seconds = await stretch.seconds();
      assertAlmostEquals(seconds * 1000 / milliseconds, 1, 0.06);
    }
    const before = runs;
    await stretch.seconds();
    const length = (runs - before) * milliseconds;
    assert(length >= 190 && length < 1000, `${length} ms in a stretch`);
  }
});
