// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Running sums of x [outer, n, inner] along its middle axis, from the first
// element or, with `reverse`, from the last. With `resume` the sum goes on from
// the y just before the first element that the dispatch sees.
//
//   serial     one invocation per line, in order
//   workgroup  inner = 1: one workgroup per line, 128 elements at a time, each
//              stretch in log2(128) steps of doubling distance

import type { DType } from "../dtype.ts";
import { defineKernels, type Kernel } from "../gpu/kernel.ts";

/** How many elements the workgroup variant sums at a time. */
export const CUMSUM_STRETCH = 128;

const SERIAL = /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, x_offset: u32, y_offset: u32, reverse: u32, resume: u32 }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.outer * p.inner) { return; }
  var at = (e / p.inner) * p.n * p.inner + e % p.inner;
  var step = p.inner;
  if (p.reverse == 1u) {
    at += (p.n - 1u) * p.inner;
    step = 0u - p.inner; // unsigned sums wrap around
  }
  var total = T(0);
  if (p.resume == 1u) { total = y[p.y_offset + at - step]; }
  for (var k = 0u; k < p.n; k++) {
    total += x[p.x_offset + at];
    y[p.y_offset + at] = total;
    at += step;
  }
}
`;

const WORKGROUP = /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, x_offset: u32, y_offset: u32, reverse: u32, resume: u32 }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;
var<workgroup> sums: array<T, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let line = group.x + group.y * groups.x;
  if (line >= p.outer) { return; }
  let first = line * p.n;
  var before = T(0);
  if (p.resume == 1u) {
    before = y[p.y_offset + select(first - 1u, first + p.n, p.reverse == 1u)];
  }
  for (var start = 0u; start < p.n; start += 128u) {
    let k = start + t;
    let at = first + select(k, p.n - 1u - k, p.reverse == 1u);
    var own = T(0);
    if (k < p.n) { own = x[p.x_offset + at]; }
    sums[t] = own;
    workgroupBarrier();
    for (var distance = 1u; distance < 128u; distance *= 2u) {
      var left = T(0);
      if (t >= distance) { left = sums[t - distance]; }
      workgroupBarrier();
      sums[t] += left;
      workgroupBarrier();
    }
    if (k < p.n) { y[p.y_offset + at] = before + sums[t]; }
    before += sums[127];
    workgroupBarrier();
  }
}
`;

/** What selects the text of a running sum. */
export interface CumsumForm {
  /** Who sums a line; see the head of the file. */
  variant: "serial" | "workgroup";
  /** The type of an element. */
  dtype: DType;
}

/** The kernel of a running sum. */
export const cumsumKernel: (form: CumsumForm) => Kernel = defineKernels({
  name: "cumsum",
  make: ({ variant, dtype }) => ({
    name: `cumsum_${variant}_${dtype}`,
    wgsl: `alias T = ${dtype};` + (variant === "serial" ? SERIAL : WORKGROUP),
  }),
  forms: {
    serial: { variant: "serial", dtype: "f32" },
    workgroup: { variant: "workgroup", dtype: "f32" },
  },
});
