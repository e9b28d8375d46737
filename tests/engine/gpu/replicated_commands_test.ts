// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import type { Device } from "../../../engine/gpu/device.ts";
import {
  dispatchesOf,
  type DispatchLimits,
} from "../../../engine/gpu/replicated_commands.ts";
import {
  allocate,
  defineKernel,
  fillInto,
} from "../../../engine/kernel_kit.ts";
import { Replicas, tensor } from "../../../engine/mod.ts";
import { gpuTest } from "../../_check.ts";

/** Adds x, and the number of the workgroup along z, to elements of y and z. */
const KERNEL = defineKernel({
  name: "add_to_both",
  wgsl: `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> z: array<f32>;
@compute @workgroup_size(4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.z * 4u + id.x;
  y[i] = y[i] + vec4<f32>(x[i]);
  z[i] = z[i] + f32(id.z);
}`,
});

const COUNT = 7;
const NO_LIMITS = { binding: 2 ** 30, groups: 65535, buffers: 8 };

/** Runs the kernel on two windows of one block; gives what it did and how often. */
async function runWithin(device: Device, limits: DispatchLimits) {
  using replicas = new Replicas(Array.from({ length: COUNT }, (_, j) => j));
  const values = Array.from(
    { length: COUNT },
    (_, j) => tensor(Array.from({ length: 8 }, (_, i) => 10 * j + i)),
  );
  const x = replicas.stack(values);
  const y = replicas.run(() => {
    const y = allocate(device, [192]); // 128 for vectors, and 64
    fillInto(y, 1);
    return y;
  });
  const bindings = [x.binding, y.window(0, 128), y.window(128, 64)];
  const groups = [1, 1, 2] as const;
  const call = { kernel: KERNEL, bindings, params: {}, groups };
  const dispatches = replicas.run(() => dispatchesOf(call, limits));
  // They name memory as the GPU knows it, so here it must be ordinary memory.
  const { replicas: ofX } = x.block;
  const { replicas: ofY } = y.block;
  x.block.replicas = y.block.replicas = undefined;
  for (const { kernel, bindings, params, groups } of dispatches) {
    device.stream.dispatch(kernel, bindings, params, ...groups);
  }
  x.block.replicas = ofX;
  y.block.replicas = ofY;
  return { results: await replicas.data(y), count: dispatches.length };
}

/** What the kernel must do for each replica. */
function expected(): Float32Array[] {
  return Array.from(
    { length: COUNT },
    (_, j) =>
      Float32Array.from({ length: 192 }, (_, i) => {
        const k = i < 128 ? Math.floor(i / 4) : i - 128;
        if (k >= 8) return 1;
        return 1 + (i < 128 ? 10 * j + k : Math.floor(k / 4));
      }),
  );
}

const CASES: readonly [name: string, limits: DispatchLimits, count: number][] =
  [
    ["one dispatch for all replicas", NO_LIMITS, 1],
    ["several where there would be too many workgroups", {
      ...NO_LIMITS,
      groups: 6,
    }, 3],
    ["several where a binding would be too large", {
      ...NO_LIMITS,
      binding: 768 + 3 * 768,
    }, 2],
    ["one for each where there would be too many buffers", {
      ...NO_LIMITS,
      buffers: 1,
    }, 7],
    ["one for each where no two fit", { ...NO_LIMITS, binding: 1024 }, 7],
  ];

for (const [name, limits, count] of CASES) {
  gpuTest(`a command of replicas becomes ${name}`, async (device) => {
    const found = await runWithin(device, limits);
    assertEquals(found.count, count);
    assertEquals(found.results, expected());
  });
}
