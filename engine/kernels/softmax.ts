// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Softmax and its logarithm over n elements that lie `inner` apart: element c of
// row (o, i) is at (o·n + c)·inner + i. One pass for the maximum and the sum of
// exponentials together (rescaled when the maximum rises), one that writes.
//   serial      one invocation a row, no barrier: for adapters on the CPU
//   workgroup   one workgroup a row, reduced by a tree in a fixed order: for GPUs
// With inner = 1 and n a multiple of four, serial rows are read as vec4 (`V`).
// A row of -∞ alone gives NaN, as it does elsewhere.

import type { Kernel } from "../kernel.ts";
import { type RowForm, rowKernel, type RowTexts } from "./rows.ts";

const VEC4 = /* wgsl */ `
alias V = vec4<f32>;
fn total(v: V) -> f32 { return v.x + v.y + v.z + v.w; }
fn largest(v: V) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
`;

const SCALAR = /* wgsl */ `
alias V = f32;
fn total(v: V) -> f32 { return v; }
fn largest(v: V) -> f32 { return v; }
`;

const SERIAL = /* wgsl */ `
fn merge(v: vec2<f32>, lane: u32) -> vec2<f32> { return v; }
fn add_up(v: f32, lane: u32) -> f32 { return v; }
@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.x + id.y * groups.x * 8u;
  if (row < p.rows) { run(row / p.inner * p.n * p.inner + row % p.inner, 0u, 1u); }
}
`;

const WORKGROUP = /* wgsl */ `
var<workgroup> tree: array<vec2<f32>, 128>;
fn merge(v: vec2<f32>, lane: u32) -> vec2<f32> {
  tree[lane] = v;
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (lane < half) {
      let a = tree[lane];
      let b = tree[lane + half];
      let m = max(a.x, b.x);
      tree[lane] = vec2<f32>(m, a.y * scale_to(a.x, m) + b.y * scale_to(b.x, m));
    }
    workgroupBarrier();
  }
  return tree[0];
}
fn add_up(v: f32, lane: u32) -> f32 {
  tree[lane] = vec2<f32>(v, 0.0);
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (lane < half) { tree[lane] += tree[lane + half]; }
    workgroupBarrier();
  }
  return tree[0].x;
}
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * groups.x;
  if (row < p.rows) { run(row / p.inner * p.n * p.inner + row % p.inner, lane, 128u); }
}
`;

const FORWARD = /* wgsl */ `
override LOG: u32 = 0u;
const LOWEST = -3.4028234e38;
struct Params { rows: u32, n: u32, inner: u32 }
@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read_write> y: array<V>;
@group(1) @binding(0) var<uniform> p: Params;

// What a sum of exponentials is multiplied by when the maximum rises.
fn scale_to(value: f32, top: f32) -> f32 { return exp(value - top); }
fn run(base: u32, lane: u32, step: u32) {
  var m = LOWEST;
  var s = 0.0;
  for (var c = lane; c < p.n; c += step) {
    let v = x[base + c * p.inner];
    let top = max(m, largest(v));
    s = s * scale_to(m, top) + total(exp(v - V(top)));
    m = top;
  }
  let all = merge(vec2<f32>(m, s), lane);
  if (LOG == 1u) {
    let shift = all.x + log(all.y);
    for (var c = lane; c < p.n; c += step) { y[base + c * p.inner] = x[base + c * p.inner] - V(shift); }
  } else {
    let f = 1.0 / all.y;
    for (var c = lane; c < p.n; c += step) {
      y[base + c * p.inner] = exp(x[base + c * p.inner] - V(all.x)) * f;
    }
  }
}
`;

const BACKWARD = /* wgsl */ `
override LOG: u32 = 0u;
struct Params { rows: u32, n: u32, inner: u32 }
@group(0) @binding(0) var<storage, read> y: array<V>;
@group(0) @binding(1) var<storage, read> dy: array<V>;
@group(0) @binding(2) var<storage, read_write> dx: array<V>;
@group(1) @binding(0) var<uniform> p: Params;

fn scale_to(value: f32, top: f32) -> f32 { return exp(value - top); }
fn run(base: u32, lane: u32, step: u32) {
  var s = V();
  for (var c = lane; c < p.n; c += step) {
    let at = base + c * p.inner;
    if (LOG == 1u) { s += dy[at]; } else { s += dy[at] * y[at]; }
  }
  let sum = add_up(total(s), lane);
  for (var c = lane; c < p.n; c += step) {
    let at = base + c * p.inner;
    if (LOG == 1u) { dx[at] = dy[at] - exp(y[at]) * sum; }
    else { dx[at] = y[at] * (dy[at] - V(sum)); }
  }
}
`;

const PARAMS = { rows: "u32", n: "u32", inner: "u32" } as const;

const TEXTS: RowTexts = {
  vectors: VEC4,
  scalars: SCALAR,
  serial: SERIAL,
  workgroup: WORKGROUP,
};

function build(form: RowForm, kernel: Kernel): Kernel {
  return rowKernel(form, kernel, TEXTS);
}

/** y from x. */
export function softmaxForward(form: RowForm): Kernel {
  return build(form, {
    name: "softmax",
    bind: ["read", "write"],
    params: PARAMS,
    wgsl: FORWARD,
  });
}

/** dx from y and dy. */
export function softmaxBackward(form: RowForm): Kernel {
  return build(form, {
    name: "softmax_backward",
    bind: ["read", "read", "write"],
    params: PARAMS,
    wgsl: BACKWARD,
  });
}
