// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { capture } from "../../../engine/capture/capture.ts";
import { type Device, setDevice } from "../../../engine/gpu/device.ts";
import { GpuError } from "../../../engine/gpu/errors.ts";
import { defineKernel, type Kernel } from "../../../engine/gpu/kernel.ts";
import { fillInto } from "../../../engine/launch/flat.ts";
import { launch } from "../../../engine/launch/launch.ts";
import { add, mul } from "../../../engine/mod.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import { sum } from "../../../engine/ops/reduce.ts";
import { allocate, readAll, type Tensor } from "../../../engine/tensor.ts";
import { GpuStopwatch } from "../../../engine/tuning/stopwatch.ts";
import { type LateOptions, openLate } from "./_late_gpu.ts";

const REFUSED = "The GPU refused a command:";

/** A test on a device that reports errors late, as in a browser. */
function lateTest(
  name: string,
  run: (device: Device, late: Awaited<ReturnType<typeof openLate>>) =>
    | void
    | Promise<void>,
  options: LateOptions = {},
): void {
  Deno.test(name, async () => {
    const late = await openLate(options);
    const before = setDevice(late.device);
    try {
      await run(late.device, late);
      await late.device.destroy();
    } finally {
      if (before) setDevice(before);
    }
  });
}

/** Records a command that WebGPU refuses, and with it its whole chunk. */
function spoil({ stream }: Device, x: Tensor): void {
  stream.copy(x.binding, x.binding, 4);
}

/** Waits until every error has been reported. */
function settled(): Promise<void> {
  return new Promise((done) => setTimeout(done, 80));
}

lateTest("a read never gives what the last one left behind", async (device) => {
  const x = tensor([225]);
  assertEquals(await x.item(), 225); // stays in the buffer that reads go through
  const y = add(x, 1);
  spoil(device, x);
  await assertRejects(() => y.item(), GpuError, REFUSED);
  // No other error follows, neither at once nor after the last report.
  assertEquals(await add(x, 2).item(), 227);
  await settled();
  assertEquals(await add(x, 3).item(), 228);
  device.check();
});

lateTest("wait and synchronize() tell of what was refused", async (device) => {
  const x = tensor([1]);
  spoil(device, x);
  await assertRejects(() => device.synchronize(), GpuError, REFUSED);
  await device.synchronize();
  spoil(device, x);
  await assertRejects(() => zeros([0]).data(), GpuError, REFUSED);
  await device.stream.wait();
});

lateTest("an error goes to the reads of its time alone", async (device) => {
  const x = tensor([1, 2]);
  const before = add(x, 1).data();
  const lost = add(x, 2);
  spoil(device, x);
  // Whichever of the reads ends first, its error is waited for.
  const refused = assertRejects(() => lost.data(), GpuError, REFUSED);
  const both = assertRejects(() => readAll([lost, x]), GpuError, REFUSED);
  assertEquals([...await before], [2, 3]);
  await refused;
  await both;
  assertEquals([...await x.data()], [1, 2]);
});

lateTest(
  "code that runs beside a read does not get its error",
  async (device) => {
    const x = tensor([1]);
    spoil(device, x);
    const refused = assertRejects(() => x.item(), GpuError, REFUSED);
    for (let i = 0; i < 8; i++) {
      add(x, i);
      device.stream.flush(); // It would throw an error that no read waits for.
      await new Promise((done) => setTimeout(done, 10));
    }
    await refused;
  },
);

lateTest("what nobody reads is thrown at a flush, once", async (device) => {
  const x = tensor([1]);
  spoil(device, x);
  device.stream.flush();
  await settled();
  add(x, 1);
  assertThrows(() => device.stream.flush(), GpuError, REFUSED);
  device.stream.flush();
  assertEquals(await add(x, 1).item(), 2);
});

lateTest(
  "a tensor whose commands were refused holds nothing",
  async (device) => {
    const x = tensor([3]);
    const kept = mul(x, 2);
    await device.synchronize();
    const y = mul(x, 7);
    fillInto(kept, 9); // It is refused as well, so kept stays as it was.
    spoil(device, x);
    await assertRejects(() => device.synchronize(), GpuError, REFUSED);
    for (let i = 0; i < 2; i++) {
      await assertRejects(
        () => y.data(),
        GpuError,
        "Cannot use a tensor in a read: the commands that made it were refused",
      );
      assertThrows(() => add(y, 1), GpuError, "Cannot use a tensor in add");
      assertThrows(() => capture(({ y }) => sum(y))({ y }), GpuError, "a copy");
    }
    assertEquals(await kept.item(), 6);
    y.dispose();
    assertEquals(await mul(x, 7).item(), 21); // It has the same memory.
  },
);

lateTest("a captured step never gives what was not computed", async () => {
  const w = tensor([5]);
  using step = capture(({ x }) => ({ y: mul(x, w) }));
  const call = (value: number) => step({ x: Float32Array.of(value) }).y.item();
  for (const i of [1, 2, 3, 4]) assertEquals(await call(i), 5 * i);
  assertEquals(step.reason, undefined);
  w.block.buffer.destroy(); // The library cannot know of it.
  const { y } = step({ x: Float32Array.of(9) });
  await assertRejects(() => y.item(), GpuError);
  await settled();
  await assertRejects(() => y.item(), GpuError, "the commands that made it");
  assertEquals(await tensor([1]).item(), 1);
});

lateTest("reports do not pile up where nobody reads", async (device, late) => {
  const x = zeros([4]);
  await device.synchronize();
  for (let i = 0; i < 1000; i++) {
    fillInto(x, i);
    if (i === 900) spoil(device, x);
    device.stream.flush();
    x.write([i, i, i, i]); // A call whose report is awaited, too.
  }
  assert(late.pending.most < 300, `${late.pending.most} at once`);
  await assertRejects(() => x.data(), GpuError, REFUSED);
  assertEquals([...await x.data()], [999, 999, 999, 999]);
  await settled();
  assertEquals(late.pending.now, 0);
});

/** A kernel that does not compile. */
const MISSPELT: Kernel = defineKernel({
  name: "misspelt",
  wgsl: "@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n" +
    "@compute @workgroup_size(1) fn main() { y[0] = unknown_name; }\n",
});

lateTest(
  "a kernel that does not compile is named, and only it",
  async (device) => {
    for (let i = 0; i < 2; i++) {
      const y = allocate(device, [4]);
      launch(device, MISSPELT, { bind: [y], groups: [1] });
      const error = await assertRejects(() => y.data(), GpuError);
      for (
        const part of [
          "Cannot compile kernel misspelt",
          "unknown_name",
          "2:",
          "2: @compute",
        ]
      ) assertStringIncludes(error.message, part);
    }
    assertEquals(await add(tensor([1], { device }), 1).item(), 2);
  },
);

let delay = 60;

lateTest(
  "the cause is thrown, though what follows is known first",
  async (device) => {
    const x = zeros([4]);
    await device.synchronize();
    for (const flush of [() => device.stream.flush(), () => device.check()]) {
      delay = 80; // The compiler reports after 80 ms, later calls sooner.
      launch(device, MISSPELT, { bind: [x], groups: [1] });
      device.stream.flush();
      await new Promise((done) => setTimeout(done, 30));
      flush(); // The refusal of the chunk is known before the error of the kernel.
      await settled();
      assertThrows(flush, GpuError, "Cannot compile kernel misspelt");
      flush();
    }
    assertEquals([...await x.data()], [0, 0, 0, 0]);
  },
  { delay: () => Math.max(5, delay -= 20) },
);

lateTest(
  "a rider gets its bytes once, from a read that succeeds",
  async (device) => {
    const told: string[] = [];
    const riderOf = (name: string, x: Tensor, error?: Error) => ({
      range: { block: x.block, offset: x.byteOffset, bytes: x.bytes },
      board: () => (bytes: ArrayBuffer) => {
        told.push(`${name} ${new Float32Array(bytes)}`);
        if (error) throw error;
      },
    });
    const x = tensor([1]);
    const { stream } = device;
    const first = riderOf("first", tensor([2]), new RangeError("of the first"));
    const second = riderOf(
      "second",
      tensor([3]),
      new RangeError("of the second"),
    );
    const gone = riderOf("gone", tensor([4]));
    for (const rider of [first, second, gone]) stream.bring(rider);
    spoil(device, x);
    const read = x.item();
    stream.leave(gone);
    await assertRejects(() => read, GpuError, REFUSED);
    assertEquals(told, []);
    await assertRejects(() => x.item(), RangeError, "of the first");
    assertEquals(told, ["first 2", "second 3"]);
    assertEquals(await x.item(), 1);
    assertEquals(told.length, 2);
  },
);

lateTest("what other code did wrong is thrown once", async (device) => {
  device.gpu.createBuffer({
    size: 16,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE,
  });
  await device.gpu.queue.onSubmittedWorkDone(); // Browsers batch their calls.
  await settled();
  assertThrows(() => device.check(), GpuError, REFUSED);
  device.check();
  await device.synchronize();
});

lateTest(
  "a measurement beside other code leaves its errors to it",
  async (device) => {
    if (!device.gpu.features.has("timestamp-query")) return;
    const stopwatch = new GpuStopwatch(device, true);
    const x = tensor([1]);
    spoil(device, x);
    const read = x.item();
    const measured = stopwatch.time([() => fillInto(x, 2)]);
    await assertRejects(() => read, GpuError, REFUSED);
    await measured.catch(() => {}); // It may reject or not: the report may come before or after.
    assertEquals(await x.item(), 2);
    spoil(device, x);
    await assertRejects(() => stopwatch.time([() => fillInto(x, 3)]), GpuError);
    await assertRejects(() => x.item(), GpuError, REFUSED); // The user gets the error, too.
    stopwatch.dispose();
    assertEquals(await x.item(), 2);
  },
);
