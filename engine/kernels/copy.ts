// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Strided copies of 4-byte elements, whatever their type:
//   y[y_offset + Σ iₖ tₖ] = x[x_offset + Σ iₖ sₖ]
// over up to six axes. The vector form moves four elements at once. For it, the
// last axis must have stride 1 on both sides, and every other stride, both
// offsets and the last length must be multiples of 4; all are given in fours.

import { defineKernel, type Kernel } from "../gpu/kernel.ts";

/** The most axes of a strided copy. */
export const COPY_AXES = 6;

const BODY = /* wgsl */ `
override AXES: u32; // uses s0, t0 and the last AXES - 1 fields of n, s and t
struct Params {
  count: u32, x_offset: u32, y_offset: u32,
  n1: u32, n2: u32, n3: u32, n4: u32, n5: u32,
  s0: u32, s1: u32, s2: u32, s3: u32, s4: u32, s5: u32,
  t0: u32, t1: u32, t2: u32, t3: u32, t4: u32, t5: u32,
}
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= p.count) { return; }
  var rest = i;
  var source = p.x_offset;
  var target_ = p.y_offset;
  if (AXES > 1u) { let k = rest % p.n5; rest /= p.n5; source += k * p.s5; target_ += k * p.t5; }
  if (AXES > 2u) { let k = rest % p.n4; rest /= p.n4; source += k * p.s4; target_ += k * p.t4; }
  if (AXES > 3u) { let k = rest % p.n3; rest /= p.n3; source += k * p.s3; target_ += k * p.t3; }
  if (AXES > 4u) { let k = rest % p.n2; rest /= p.n2; source += k * p.s2; target_ += k * p.t2; }
  if (AXES > 5u) { let k = rest % p.n1; rest /= p.n1; source += k * p.s1; target_ += k * p.t1; }
  source += rest * p.s0;
  target_ += rest * p.t0;
  y[target_] = x[source];
}
`;

/** The kernel that copies one element an invocation. */
export const COPY: Kernel = defineKernel({
  name: "copy",
  wgsl: "alias T = u32;" + BODY,
});

/** The kernel that copies four elements an invocation. */
export const COPY4: Kernel = defineKernel({
  name: "copy4",
  wgsl: "alias T = vec4<u32>;" + BODY,
});
