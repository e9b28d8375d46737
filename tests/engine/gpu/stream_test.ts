// Copyright 2026 the swagpu authors. MIT license.

import {
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { openDevice } from "../../../engine/gpu/device.ts";
import { GpuError } from "../../../engine/gpu/errors.ts";
import {
  defineKernel,
  type Kernel,
  specialize,
} from "../../../engine/gpu/kernel.ts";
import { addInto, fillInto } from "../../../engine/launch/flat.ts";
import { launch } from "../../../engine/launch/launch.ts";
import { add } from "../../../engine/mod.ts";
import { ones, tensor, zeros } from "../../../engine/ops/creation.ts";
import { readAll, Tensor } from "../../../engine/tensor.ts";
import { gpuTest } from "../../_check.ts";

gpuTest(
  "more dispatches than a chunk holds keep their order and parameters",
  async () => {
    let y = zeros([7]);
    for (let i = 1; i <= 300; i++) y = add(y, i);
    assertEquals(await y.data(), new Float32Array(7).fill(300 * 301 / 2));
  },
);

gpuTest("a write comes after what was recorded before it", async () => {
  const x = tensor([1, 2]);
  const before = add(x, 1);
  x.write([10, 20]);
  const after = add(x, 1);
  const [a, b] = await readAll([before, after]);
  assertEquals([...a ?? []], [2, 3]);
  assertEquals([...b ?? []], [11, 21]);
});

gpuTest(
  "readAll() shares one wait and takes every type and size",
  async (device) => {
    const { reads } = device.stream.statistics();
    const results = await readAll([
      tensor([1]),
      tensor(Int32Array.of(-1, 2, -3)),
      zeros([0, 2]),
      tensor(Uint32Array.of(7)),
    ]);
    assertEquals(results, [
      Float32Array.of(1),
      Int32Array.of(-1, 2, -3),
      new Float32Array(0),
      Uint32Array.of(7),
    ]);
    assertEquals(device.stream.statistics().reads, reads + 1);
    assertEquals(await readAll([]), []);
  },
);

gpuTest("launch() refuses invalid calls", async (device) => {
  const x = tensor([1]);
  const kernel: Kernel = defineKernel({
    name: "nothing",
    wgsl: `struct Params { count: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;
@compute @workgroup_size(1) fn main() { if (p.count > 0u) { y[0] = 5.0; } }`,
  });
  assertThrows(
    () => launch(device, kernel, { bind: [x], groups: [1] }),
    TypeError,
    "Cannot dispatch nothing: parameter count is missing",
  );
  assertThrows(
    () =>
      launch(device, kernel, {
        bind: [x],
        params: { count: 0, size: 0 },
        groups: [1],
      }),
    TypeError,
    "Cannot dispatch nothing: it has no parameter size",
  );
  assertThrows(
    () => launch(device, kernel, { bind: [], params: {}, groups: [1] }),
    TypeError,
    "Cannot dispatch nothing: expected 1 bindings, got 0",
  );
  assertThrows(
    () =>
      launch(device, kernel, {
        bind: [x],
        params: { count: 0 },
        groups: [70_000],
      }),
    GpuError,
    "Cannot dispatch nothing over [70000, 1, 1] workgroups",
  );
  const other = await openDevice();
  const y = tensor([1], { device: other });
  assertThrows(() => add(x, y), TypeError, "Cannot use tensors of two devices");
  launch(device, kernel, { bind: [x], params: { count: 1 }, groups: [1] });
  assertEquals(await x.item(), 5);
  await other.destroy();
});

gpuTest("two bindings of a dispatch must not collide", async (device) => {
  const two = (access: "read" | "read_write"): Kernel =>
    defineKernel({
      name: "two",
      wgsl: `@group(0) @binding(0) var<storage, ${access}> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main() { y[0] = x[0]; }`,
    });
  const x = zeros([192]);
  const bytes = (start: number, end: number) =>
    x.block.window(start, end - start);
  const kernels = [two("read_write"), two("read")];
  for (
    const [kernel, ranges, message] of [
      [0, [bytes(0, 512), bytes(256, 512)], "must not overlap"],
      [0, [bytes(256, 512), bytes(0, 512)], "must not overlap"],
      [0, [bytes(0, 256), bytes(0, 256)], "must not overlap"],
      [1, [bytes(0, 256), bytes(0, 256)], "must lie in another buffer"],
      [1, [bytes(0, 256), bytes(256, 512)], "must lie in another buffer"],
    ] as const
  ) {
    const call = { bind: ranges, groups: [1] };
    for (let i = 0; i < 2; i++) { // It is refused again, so no group was kept.
      assertThrows(
        () => launch(device, kernels[kernel] as Kernel, call),
        GpuError,
        message,
      );
    }
  }
  launch(device, two("read_write"), {
    bind: [bytes(0, 256), bytes(256, 512)], // Ranges side by side do not overlap.
    groups: [1],
  });
  await device.synchronize();
});

gpuTest("a tensor binds its own range where others share the block", () => {
  const whole = zeros([3000]); // In a block of 12,288 bytes.
  assertEquals(whole.binding.size, whole.block.size);
  const { device, block } = whole;
  const part = (length: number, byteOffset: number) => {
    const x = new Tensor(device, [length], "f32", { block, byteOffset });
    const { offset, size } = x.binding;
    x.dispose();
    return [offset, size];
  };
  assertEquals(part(0, 0), [0, 256]); // WebGPU has no empty bindings.
  assertEquals(part(1, 0), [0, 256]);
  assertEquals(part(64, 256), [256, 256]);
  assertEquals(part(65, 256), [256, 512]);
  const larger = zeros([5000]); // Its block is larger than the tensor.
  assertEquals(larger.binding.size, larger.block.size);
});

gpuTest(
  "a dispatch that throws leaves the stream as it was",
  async (device) => {
    const x = tensor([1]);
    const kernel: Kernel = defineKernel({
      name: "count",
      wgsl: `struct Params { by: f32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;
@compute @workgroup_size(1) fn main() { y[0] += p.by; }`,
    });
    for (let i = 0; i < 200; i++) { // More than a chunk has slots for.
      assertThrows(() => launch(device, kernel, { bind: [x], groups: [1] }));
      launch(device, kernel, { bind: [x], params: { by: 1 }, groups: [1] });
    }
    assertEquals(await x.item(), 201);
  },
);

Deno.test("specialize() gives the same kernel for the same constants", () => {
  const kernel = defineKernel({
    name: "k",
    wgsl: "override TILE: u32;\noverride ROWS: u32;\n" +
      "@compute @workgroup_size(TILE) fn main() {}",
    constants: { TILE: 1 },
  });
  const a = specialize(kernel, { TILE: 8 });
  assertStrictEquals(specialize(kernel, { TILE: 8 }), a);
  assertNotStrictEquals(specialize(kernel, { TILE: 4 }), a);
  assertEquals(specialize(a, { ROWS: 2 }).constants, { TILE: 8, ROWS: 2 });
  assertEquals([kernel.workgroupSize, a.workgroupSize], [1, 8]);
  assertThrows(
    () => specialize(kernel, { COLUMNS: 1 }),
    SyntaxError,
    "COLUMNS",
  );
});

gpuTest("addInto() and fillInto() leave neighboring views alone", async () => {
  const target = zeros([128]);
  fillInto(target, 7);
  const { device, block } = target;
  const head = new Tensor(device, [33], "f32", { block, byteOffset: 0 });
  fillInto(head, 1);
  addInto(head, ones([33]));
  const values = await target.data();
  assertEquals([...values.slice(0, 33)], new Array(33).fill(2));
  assertEquals([...values.slice(33)], new Array(95).fill(7));
  head.dispose();
});
