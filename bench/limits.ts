// Copyright 2026 the swagpu authors. MIT license.

// Kernels that measure the adapter's limits: fused multiply-adds from registers,
// and copying memory to memory. Shares of these limits can be compared between
// machines, but times cannot.

import { defineKernel, type Kernel } from "../engine/kernel_kit.ts";

/** The number of multiply-adds of one invocation of {@linkcode fmaPeak}. */
export const FMA_PER_INVOCATION = 8 * 4 * 1024;

// 8 independent vec4 chains, enough to hide the latency of one.
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
  var a0 = vec4<f32>(f32(id.x));
  var a1 = a0 + 1.0;
  var a2 = a0 + 2.0;
  var a3 = a0 + 3.0;
  var a4 = a0 + 4.0;
  var a5 = a0 + 5.0;
  var a6 = a0 + 6.0;
  var a7 = a0 + 7.0;
  for (var i = 0u; i < 1024u; i++) {
    a0 = fma(a0, m, c);
    a1 = fma(a1, m, c);
    a2 = fma(a2, m, c);
    a3 = fma(a3, m, c);
    a4 = fma(a4, m, c);
    a5 = fma(a5, m, c);
    a6 = fma(a6, m, c);
    a7 = fma(a7, m, c);
  }
  let s = ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7));
  y[id.x] = (s.x + s.y) + (s.z + s.w);
}
`,
});

// One vec4 read and one written per invocation.
export const copyPeak: Kernel = defineKernel({
  name: "copy_peak",
  wgsl: /* wgsl */ `
struct Params { vectors: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i < p.vectors) { y[i] = x[i]; }
}
`,
});
