// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The index of the largest or smallest element of each line of x [outer, n,
// inner] along its middle axis, and the gradient of the element itself.
//
//   serial     one invocation a line, in order
//   workgroup  inner = 1: one workgroup a line, by a tree
//
// Of equal elements the first is chosen, and a NaN before all numbers. Elements
// are compared as integers in the order of the numbers, since WGSL leaves
// comparisons of NaN open.

import type { DType } from "../dtype.ts";
import { defineKernel, defineKernels, type Kernel } from "../gpu/kernel.ts";

// The first index of the element that `take` puts highest.
const SERIAL = /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, x_offset: u32, y_offset: u32 }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.outer * p.inner) { return; }
  var at = p.x_offset + (e / p.inner) * p.n * p.inner + e % p.inner;
  var best = take(x[at]);
  var index = 0u;
  for (var k = 1u; k < p.n; k++) {
    at += p.inner;
    let v = take(x[at]);
    if (v > best) {
      best = v;
      index = k;
    }
  }
  y[p.y_offset + e] = i32(index);
}
`;

// The same, by a tree in which the smaller index wins a tie.
const WORKGROUP = /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, x_offset: u32, y_offset: u32 }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> p: Params;
var<workgroup> values: array<A, 128>;
var<workgroup> indices: array<u32, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let e = group.x + group.y * groups.x;
  if (e >= p.outer) { return; }
  let at = p.x_offset + e * p.n;
  if (t < p.n) {
    var best = take(x[at + t]);
    var index = t;
    for (var k = t + 128u; k < p.n; k += 128u) {
      let v = take(x[at + k]);
      if (v > best) {
        best = v;
        index = k;
      }
    }
    values[t] = best;
    indices[t] = index;
  }
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (t < half && t + half < p.n) {
      let a = values[t];
      let b = values[t + half];
      if (b > a || (a == b && indices[t + half] < indices[t])) {
        values[t] = b;
        indices[t] = indices[t + half];
      }
    }
    workgroupBarrier();
  }
  if (t == 0u) { y[p.y_offset + e] = i32(indices[0]); }
}
`;

/** What selects the kernel of an argmax or argmin. */
export interface ArgmaxForm {
  /** Who walks a line; see the head of the file. */
  variant: "serial" | "workgroup";
  /** Which element is looked for. */
  op: "max" | "min";
  /** The type of an element. */
  dtype: DType;
}

/** The kernel that finds the first of the largest or smallest elements. */
export const argmaxKernel: (form: ArgmaxForm) => Kernel = defineKernels({
  name: "argmax",
  make: ({ variant, op, dtype }) => ({
    name: `argmax_${variant}_${op}_${dtype}`,
    wgsl: /* wgsl */ `
alias T = ${dtype};
alias A = ${dtype === "u32" ? "u32" : "i32"};
fn take(x: T) -> A { // ~k turns the order around
${
      dtype === "f32"
        ? `  let k = bitcast<i32>(x);
  let nan = (k & 0x7fffffff) > 0x7f800000;
  let up = select(k ^ ((k >> 31u) & 0x7fffffff), 0, k == i32(-0x7fffffff - 1)); // -0 is 0
  return select(${op === "max" ? "up" : "~up"}, 0x7fffffff, nan);`
        : `  return ${op === "max" ? "x" : "~x"};`
    }
}
${variant === "serial" ? SERIAL : WORKGROUP}`,
  }),
  forms: {
    serial: { variant: "serial", op: "max", dtype: "f32" },
    workgroup: { variant: "workgroup", op: "max", dtype: "f32" },
  },
});

/**
 * The kernel of the gradient of max and min: dy at the chosen index, 0
 * elsewhere.
 */
export const SELECT_INDEX: Kernel = defineKernel({
  name: "select_index",
  wgsl: /* wgsl */ `
struct Params { count: u32, n: u32, inner: u32, y_offset: u32, x_offset: u32 }
@group(0) @binding(0) var<storage, read> index: array<i32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.count) { return; }
  let i = e % p.inner;
  let k = (e / p.inner) % p.n;
  let at = p.y_offset + (e / (p.inner * p.n)) * p.inner + i;
  dx[p.x_offset + e] = select(0.0, dy[at], u32(index[at]) == k);
}
`,
});
