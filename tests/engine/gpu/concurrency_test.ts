// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { capture } from "../../../engine/capture/capture.ts";
import {
  currentDevice,
  initialize,
  openDevice,
  setDevice,
} from "../../../engine/gpu/device.ts";
import { add, mul } from "../../../engine/mod.ts";
import { onReplay } from "../../../engine/gpu/observer.ts";
import { tensor } from "../../../engine/ops/creation.ts";
import { sum } from "../../../engine/ops/reduce.ts";
import { keep, scope } from "../../../engine/scope.ts";
import { backward, isRecording, noGrad } from "../../../engine/tape.ts";
import { readAll, type Tensor } from "../../../engine/tensor.ts";
import { tune } from "../../../engine/tuner.ts";
import { gpuTest } from "../../_check.ts";

const wait = (milliseconds: number) =>
  new Promise((done) => setTimeout(done, milliseconds));

/** Ways to wait in the middle of an asynchronous function. */
const PAUSES: Record<string, () => Promise<unknown>> = {
  "a microtask": () => Promise.resolve(),
  "a timer": () => wait(1),
  "a read": () => tensor([1]).data(),
};

Deno.test("two initialize() at once open one device", async () => {
  const [a, b, c] = await Promise.all([
    initialize(),
    initialize(),
    initialize(),
  ]);
  assertStrictEquals(a, b);
  assertStrictEquals(a, c);
  assertStrictEquals(await initialize(), a);
  assertStrictEquals(currentDevice(), a);
});

Deno.test("the last of several initialize() with options decides", async () => {
  const before = await initialize();
  const [a, b, c] = await Promise.all([
    initialize({ maxBindingSize: 4096 }),
    initialize({ maxBindingSize: 8192 }),
    initialize(), // The device that is being opened.
  ]);
  assertEquals([a.maxBindingSize, b.maxBindingSize], [4096, 8192]);
  assertNotStrictEquals(a, b);
  assertStrictEquals(c, b);
  assertStrictEquals(currentDevice(), b);
  await a.destroy();
  assertStrictEquals(await initialize(), b);
  await b.destroy();
  setDevice(before);
});

for (const [pause, pass] of Object.entries(PAUSES)) {
  gpuTest(
    `scopes that overlap over ${pause} free their own`,
    async (device) => {
      const { inUse } = device.pool.statistics();
      const outside = tensor([7]);
      const work = async (value: number, rounds: number) => {
        using _ = scope();
        const x = tensor([value]);
        const y = mul(x, x);
        for (let i = 0; i < rounds; i++) await pass();
        assert(!x.isDisposed && !y.isDisposed);
        return await y.item();
      };
      // The first scope ends last, first, and in the middle.
      for (const rounds of [[5, 1, 2], [1, 5, 3], [3, 1, 5]]) {
        const results = rounds.map((n, i) => work(i + 2, n));
        assertEquals(await Promise.all(results), [4, 9, 16]);
      }
      assertEquals(await outside.item(), 7);
      outside.dispose();
      assertEquals(device.pool.statistics().inUse, inUse);
      {
        using own = scope();
        assertStrictEquals(tensor([1]).owner, own); // No other scope is open.
      }
    },
  );
}

gpuTest(
  "a tensor that a waiting scope freed for others says so when used",
  async () => {
    const open = async () => {
      using _ = scope();
      tensor([1]);
      await wait(5);
    };
    const opened = open();
    const mine = tensor([2]); // It is not known whose it is.
    const kept = keep(tensor([3]));
    await opened;
    assertThrows(
      () => add(mine, 1),
      ReferenceError,
      "That scope was open while something was awaited",
    );
    assertEquals(await kept.item(), 3);
  },
);

gpuTest("a scope that is closed twice closes once", () => {
  const outer = scope();
  const inner = scope();
  inner[Symbol.dispose]();
  const x = tensor([1]);
  inner[Symbol.dispose]();
  assert(!x.isDisposed);
  assertStrictEquals(x.owner, outer);
  outer[Symbol.dispose]();
  assert(x.isDisposed);
});

gpuTest("noGrad() refuses an asynchronous function", async () => {
  const x = tensor([2], { requiresGrad: true });
  let result: Tensor | undefined;
  assertThrows(
    () =>
      noGrad(async () => {
        await wait(1);
        result = mul(x, x);
        throw new Error("of the function that was refused");
      }),
    TypeError,
    "Cannot run an asynchronous function without recording",
  );
  assert(isRecording());
  await wait(5);
  assert(result?.requiresGrad);
  assertThrows(() => noGrad(() => Promise.resolve(1)), TypeError);
  assertEquals(noGrad(() => [1]), [1]);
  backward(sum(result));
  assertEquals(await x.grad?.item(), 4);
});

gpuTest("onReplay() and capture() refuse asynchronous functions", async () => {
  const step = capture(({ x }) => {
    onReplay(async () => await wait(1));
    return add(x, 1);
  });
  for (
    const call of [
      () => step({ x: Float32Array.of(1) }),
      () => onReplay(async () => {}),
    ]
  ) {
    assertThrows(
      call,
      TypeError,
      "Cannot repeat an asynchronous function in onReplay()",
    );
  }
  const late = capture(async ({ x }) => add(x, await Promise.resolve(1)));
  assertThrows(
    () => late({ x: Float32Array.of(1) }),
    TypeError,
    "Cannot capture an asynchronous function",
  );
  await wait(5);
  assert(isRecording());
});

gpuTest("reads at the same time give each its own numbers", async () => {
  const x = tensor([1]);
  const reads: Promise<number>[] = [];
  for (let i = 0; i < 20; i++) {
    reads.push(x.item()); // Each read comes before the next change.
    x.write([i + 2]);
  }
  const y = add(x, 0.5);
  const [both] = await Promise.all([readAll([y, x]), ...reads]);
  assertEquals(await Promise.all(reads), Array.from(reads, (_, i) => i + 1));
  assertEquals(both.map((values) => values[0]), [21.5, 21]);
  const read = y.data();
  y.dispose(); // The read has been recorded.
  tensor([99]);
  assertEquals([...await read], [21.5]);
});

gpuTest("readAll() refuses tensors of two devices", async (device) => {
  const other = await openDevice();
  const tensors = [tensor([1]), tensor([1], { device: other })];
  await assertRejects(
    () => readAll(tensors),
    TypeError,
    "Cannot read tensors of two devices at once",
  );
  await other.destroy();
  await device.synchronize();
});

gpuTest(
  "a captured step can be called by several functions at once",
  async () => {
    using step = capture(({ x }) => ({ y: mul(x, 3) }));
    const use = async (value: number) => {
      const { y } = step({ x: Float32Array.of(value) });
      const read = y.item();
      await wait(value % 3);
      return await read;
    };
    const values = Array.from({ length: 12 }, (_, i) => i);
    assertEquals(await Promise.all(values.map(use)), values.map((i) => 3 * i));
    assertEquals(step.reason, undefined);
    const { y } = step({ x: Float32Array.of(1) });
    step({ x: Float32Array.of(2) });
    assertThrows(() => add(y, 1), ReferenceError); // It was freed, and says so.
  },
);

gpuTest(
  "tune() frees no tensors of code that runs beside it",
  async (device) => {
    const tuning = tune(device, { families: ["cumsum"] });
    const mine: Tensor[] = [];
    for (let i = 0; i < 5; i++) {
      mine.push(tensor([i]));
      await wait(1);
    }
    await tuning;
    assertEquals((await readAll(mine)).map(([value]) => value), [
      0,
      1,
      2,
      3,
      4,
    ]);
  },
);
