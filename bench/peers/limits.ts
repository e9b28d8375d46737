// Copyright 2026 the swagpu authors. MIT license.

// The worker that measures the adapter itself, in the same rounds as the peers. Each kind
// is a limit of cases.ts, of which one run does `amount`.

import { type Device, initialize } from "../../engine/mod.ts";
import {
  copyBytes,
  copyRun,
  fmaFlops,
  fmaRun,
  type LimitRun,
} from "../limits.ts";
import type { Limit } from "./cases.ts";
import { type Prepare, type Prepared, serve, watch } from "./worker.ts";

const DISPATCHES = 1000;

/** Adds 16 numbers: as little as a dispatch can do. */
const TINY = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < 16u) { y[id.x] = x[id.x] + 1.0; }
}
`;

/** Dispatches that each wait for the one before, in one pass. */
function dispatches({ gpu }: Device): Prepared {
  const pipeline = gpu.createComputePipeline({
    layout: "auto",
    compute: { module: gpu.createShaderModule({ code: TINY }) },
  });
  const buffers = [0, 1].map(() =>
    gpu.createBuffer({
      size: 64,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    })
  );
  const group = (order: readonly number[]) =>
    gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: order.map((from, binding) => {
        const buffer = buffers[from];
        if (!buffer) throw new Error("unreachable");
        return { binding, resource: { buffer } };
      }),
    });
  const there = group([0, 1]);
  const back = group([1, 0]);
  const wait = () => gpu.queue.onSubmittedWorkDone();
  const run = () => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    for (let i = 0; i < DISPATCHES; i++) {
      pass.setBindGroup(0, i % 2 === 0 ? there : back);
      pass.dispatchWorkgroups(1);
    }
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  };
  return {
    run,
    wait,
    async outputs() {
      run();
      await wait();
      return [DISPATCHES];
    },
    dispose() {
      for (const buffer of buffers) buffer.destroy();
    },
  };
}

/** Measures the limits of an adapter. The outputs say how much one run does. */
function limits(device: Device): Record<Limit, Prepare> {
  // One run of a limit, and how much it does.
  const limit = ({ tensors, run }: LimitRun, amount: number): Prepared => ({
    run,
    wait: () => device.synchronize(),
    async outputs() {
      run();
      await device.synchronize();
      return [amount];
    },
    dispose() {
      for (const x of tensors) x.dispose();
    },
  });
  return {
    fma: () => limit(fmaRun(device), fmaFlops(device)),
    copy: () => limit(copyRun(device), copyBytes(device)),
    dispatch: () => dispatches(device),
    wait: () => ({
      run: () => device.gpu.queue.onSubmittedWorkDone(),
      wait: () => Promise.resolve(),
      outputs: () => Promise.resolve([1]),
    }),
  };
}

if (import.meta.main) {
  await serve(async () => {
    const device = await initialize();
    watch(device.gpu);
    return {
      hello: { versions: {}, adapter: device.name },
      kinds: limits(device),
    };
  });
}
