// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The stretches of rows x [rows, length] that a convolution reads, and the sum of
// their gradients. An invocation owns one element of the result.
//   y[r, j, o] = x[r, o·stride + j·dilation - padding], or 0 beyond the row

import { defineKernel, type Kernel } from "../gpu/kernel.ts";

const FORWARD = /* wgsl */ `
struct Params { items: u32, length: u32, size: u32, count: u32, stride: u32, dilation: u32, padding: u32, x_offset: u32, y_offset: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let o = item % p.count;
  let j = item / p.count % p.size;
  let row = item / p.count / p.size;
  let place = o * p.stride + j * p.dilation; // counted from the padding's start
  var value = 0.0;
  if (place >= p.padding && place < p.padding + p.length) {
    value = x[p.x_offset + row * p.length + place - p.padding];
  }
  y[p.y_offset + item] = value;
}
`;

const BACKWARD = /* wgsl */ `
struct Params { items: u32, length: u32, size: u32, count: u32, stride: u32, dilation: u32, padding: u32, x_offset: u32, y_offset: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let row = item / p.length;
  let place = item % p.length + p.padding;
  var total = 0.0;
  for (var j = 0u; j < p.size; j++) {
    let ahead = j * p.dilation;
    if (ahead > place) { break; }
    let o = (place - ahead) / p.stride;
    if (o * p.stride + ahead == place && o < p.count) {
      total += dy[p.y_offset + (row * p.size + j) * p.count + o];
    }
  }
  dx[p.x_offset + item] = total;
}
`;

/** The kernel of y from x. */
export const UNFOLD: Kernel = defineKernel({ name: "unfold", wgsl: FORWARD });

/** The kernel of dx from dy. */
export const UNFOLD_BACKWARD: Kernel = defineKernel({
  name: "unfold_backward",
  wgsl: BACKWARD,
});
