// Copyright 2026 the swagpu authors. MIT license.

// Kernels that measure the adapter's limits: fused multiply-adds from registers,
// and copying memory to memory. Shares of these limits can be compared between
// machines, but times cannot.

import { type Device, ones, type Tensor } from "../engine/mod.ts";
import {
  defineKernel,
  defineKernels,
  grid,
  type Kernel,
  launch,
  windows,
} from "../engine/kernel_kit.ts";

const MEBI = 2 ** 20;

/** The turns of the loop of {@linkcode fmaPeak}, and the steps of each chain in one. */
const TURNS = 128;
const STEPS = 8;
const CHAINS = 8;

/** The number of multiply-adds of one invocation of {@linkcode fmaPeak}. */
export const FMA_PER_INVOCATION = CHAINS * 4 * STEPS * TURNS;

const chains = (line: (i: number) => string, between = "\n  ") =>
  Array.from({ length: CHAINS }, (_, i) => line(i)).join(between);

// Independent vec4 chains, enough to hide the latency of one. A turn of the loop
// has many steps: to count and to check for the end, as compilers of WGSL do a
// second time, took a fifth of the time on a large GPU.
export const fmaPeak: Kernel = defineKernel({
  name: "fma_peak",
  wgsl: /* wgsl */ `
struct Params { factor: f32, term: f32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let m = vec4<f32>(p.factor);
  let c = vec4<f32>(p.term);
  ${chains((i) => `var a${i} = vec4<f32>(f32(id.x)) + ${i}.0;`)}
  for (var i = 0u; i < ${TURNS}u; i++) {
    ${
    Array.from(
      { length: STEPS },
      () => chains((i) => `a${i} = fma(a${i}, m, c);`, " "),
    ).join("\n    ")
  }
  }
  let s = ${chains((i) => `a${i}`, " + ")};
  y[id.x] = (s.x + s.y) + (s.z + s.w);
}
`,
});

/** A text for each of the vectors that an invocation copies. */
const each = (vectors: number, text: (k: number) => string) =>
  Array.from({ length: vectors }, (_, k) => text(k)).join(" ");

/**
 * Copies as many vec4 per invocation as the form says. On GPUs, several loads are
 * under way at once then; adapters on the CPU are faster with one.
 */
export const copyPeak: (form: { vectors: number }) => Kernel = defineKernels({
  name: "copy_peak",
  make: ({ vectors }) => ({
    name: `copy_peak_${vectors}`,
    wgsl: /* wgsl */ `
struct Params { vectors: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) t: u32,
) {
  let i = (group.x + group.y * groups.x) * ${64 * vectors}u + t;
  if (i + ${64 * (vectors - 1)}u < p.vectors) {
    ${each(vectors, (k) => `let v${k} = x[i + ${64 * k}u];`)}
    ${each(vectors, (k) => `y[i + ${64 * k}u] = v${k};`)}
  } else {
    for (var k = i; k < p.vectors; k += 64u) { y[k] = x[k]; }
  }
}
`,
  }),
  forms: { one: { vectors: 1 }, four: { vectors: 4 } },
  key: ({ vectors }) => `${vectors}`,
});

/** A limit that can be measured, with the memory that it needs. */
export interface LimitRun {
  /** What {@linkcode LimitRun.run} reads and writes. */
  readonly tensors: readonly Tensor[];
  /** Records it once. */
  readonly run: () => void;
}

/** How many invocations keep an adapter busy for some milliseconds. */
function fmaInvocations(device: Device): number {
  return device.isSoftware ? 16 * 1024 : MEBI;
}

/** The floating-point operations of one run of {@linkcode fmaRun}. */
export function fmaFlops(device: Device): number {
  return 2 * FMA_PER_INVOCATION * fmaInvocations(device);
}

/** Multiply-adds from registers. */
export function fmaRun(device: Device): LimitRun {
  const invocations = fmaInvocations(device);
  const y = ones([invocations], { device });
  return {
    tensors: [y],
    run: () =>
      launch(device, fmaPeak, {
        bind: [y],
        params: { factor: 0.999, term: 0.001 },
        groups: grid(invocations, fmaPeak.workgroupSize),
      }),
  };
}

/**
 * The elements of a copy. The caches of large GPUs hold 64 MiB, so that a copy
 * there takes 512 MiB if the device has large buffers.
 */
function copyElements({ isSoftware, gpu }: Device): number {
  const share = Math.min(512 * MEBI, gpu.limits.maxBufferSize / 4);
  return isSoftware
    ? 16 * MEBI
    : Math.max(16 * MEBI, 2 ** Math.floor(Math.log2(share / 4)));
}

/** The bytes that one run of {@linkcode copyRun} reads and writes. */
export function copyBytes(device: Device): number {
  return 2 * 4 * copyElements(device);
}

/** A copy from one tensor to another, in parts that fit bindings. */
export function copyRun(
  device: Device,
  {
    elements = copyElements(device),
    vectors = device.isSoftware ? 1 : 4,
  } = {},
): LimitRun {
  const x = ones([elements], { device });
  const y = ones([elements], { device });
  const kernel = copyPeak({ vectors });
  return {
    tensors: [x, y],
    run() {
      for (const { start, count } of windows(device, elements, [1])) {
        launch(device, kernel, {
          bind: [x.window(start, count), y.window(start, count)],
          params: { vectors: count / 4 },
          groups: grid(
            Math.ceil(count / 4 / vectors),
            kernel.workgroupSize,
          ),
        });
      }
    },
  };
}
