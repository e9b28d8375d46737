// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Rows picked by index: y[o, j, i] = x[o, index, i] for x [outer, n, inner] and
// y [outer, m, inner]. The index has separate strides along o, j and i, so that
// one index may serve all o and i. A dispatch sees rows `first` to
// `first + rows` of x. Indices outside [0, n) give `bad`, which the dispatch of
// the first rows writes.
//
// Backward walks j in order, one invocation per (o, i), and adds dy to dx in
// place: no two invocations write one element, so the order of the sum is
// fixed.

import { defineKernel, type Kernel } from "../gpu/kernel.ts";

/** The parameters of both kernels. */
const PARAMS = /* wgsl */ `struct Params {
  outer: u32, n: u32, m: u32, inner: u32,
  index_o: u32, index_j: u32, index_i: u32,
  first: u32, rows: u32, x_offset: u32, y_offset: u32, index_offset: u32, bad: u32,
}`;

/** The forward kernel, for elements of any 4-byte type. */
export const GATHER: Kernel = defineKernel({
  name: "gather",
  wgsl: /* wgsl */ `
${PARAMS}
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.outer * p.m * p.inner) { return; }
  let i = e % p.inner;
  let j = (e / p.inner) % p.m;
  let o = e / (p.inner * p.m);
  let row = index[p.index_offset + o * p.index_o + j * p.index_j + i * p.index_i];
  if (row >= p.n) {
    if (p.first == 0u) { y[p.y_offset + e] = p.bad; }
    return;
  }
  if (row < p.first || row >= p.first + p.rows) { return; }
  y[p.y_offset + e] = x[p.x_offset + (o * p.n + row - p.first) * p.inner + i];
}
`,
});

/** The backward kernel, which adds to dx. */
export const GATHER_BACKWARD: Kernel = defineKernel({
  name: "gather_backward",
  wgsl: /* wgsl */ `
${PARAMS}
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.outer * p.inner) { return; }
  let i = e % p.inner;
  let o = e / p.inner;
  for (var j = 0u; j < p.m; j++) {
    let row = index[p.index_offset + o * p.index_o + j * p.index_j + i * p.index_i];
    if (row >= p.n || row < p.first || row >= p.first + p.rows) { continue; }
    let at = p.x_offset + (o * p.n + row - p.first) * p.inner + i;
    dx[at] += dy[p.y_offset + (o * p.m + j) * p.inner + i];
  }
}
`,
});
