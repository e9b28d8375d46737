// Copyright 2026 the swagpu authors. MIT license.

// The precision of the adapter's sin and cos, which is measured once per process by a
// kernel that uses nothing of the engine. Adapters differ: the error is 1e-7 on
// lavapipe and 2e-4 on SwiftShader, and WGSL allows both.

import { assertLessOrEqual } from "@std/assert";
import type { Device } from "../engine/gpu/device.ts";
import type { Tolerance } from "./_check.ts";

/**
 * The largest absolute error of sin and cos on [-π, π] that WGSL allows
 * (https://www.w3.org/TR/WGSL/#floating-point-accuracy).
 */
const ALLOWED = 2 ** -11;

const COUNT = 2 ** 14;

const PROBE = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> y: array<vec2<f32>>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let x = (f32(id.x) / ${COUNT / 2}.0 - 1.0) * 3.1415925;
  y[id.x] = vec2<f32>(sin(x), cos(x));
}`;

/** Runs {@linkcode PROBE} and returns what it wrote. */
async function probe(gpu: GPUDevice): Promise<Float32Array> {
  const size = COUNT * 8;
  const written = gpu.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  });
  const read = gpu.createBuffer({
    size,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const pipeline = gpu.createComputePipeline({
    layout: "auto",
    compute: { module: gpu.createShaderModule({ code: PROBE }) },
  });
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer: written } }],
    }),
  );
  pass.dispatchWorkgroups(COUNT / 64);
  pass.end();
  encoder.copyBufferToBuffer(written, 0, read, 0, size);
  gpu.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(read.getMappedRange().slice(0));
  for (const buffer of [written, read]) buffer.destroy();
  return values;
}

const errors = new WeakMap<GPUDevice, Promise<number>>();

async function measure(gpu: GPUDevice): Promise<number> {
  const values = await probe(gpu);
  let worst = 0;
  for (let i = 0; i < COUNT; i++) {
    const turn = Math.fround(Math.fround(i / (COUNT / 2)) - 1);
    const x = Math.fround(turn * Math.fround(3.1415925));
    const [sin = NaN, cos = NaN] = values.subarray(2 * i, 2 * i + 2);
    worst = Math.max(
      worst,
      Math.abs(sin - Math.sin(x)),
      Math.abs(cos - Math.cos(x)),
    );
  }
  assertLessOrEqual(worst, ALLOWED, "the adapter's sin and cos break WGSL");
  return worst;
}

/**
 * The largest absolute error of the adapter's sin and cos on [-π, π], from a
 * fine grid.
 */
export async function angleError({ gpu }: Device): Promise<number> {
  const known = errors.get(gpu) ?? measure(gpu);
  errors.set(gpu, known);
  return await known;
}

/**
 * Widens a tolerance for results in which an error of sin or cos is multiplied by
 * `factor`. If the adapter is precise enough, the tolerance stays the same.
 */
export async function forAngles(
  tolerance: Tolerance,
  device: Device,
  factor = 1,
): Promise<Tolerance> {
  // Between two points of the grid an error may be a little larger.
  const error = 1.1 * factor * await angleError(device);
  return { ...tolerance, absolute: Math.max(tolerance.absolute, error) };
}
