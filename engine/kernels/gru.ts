// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// One step of a GRU, forward and backward. An invocation owns one unit of one
// text. The products a = x·W_ihᵀ and b = h·W_hhᵀ, with their biases, come from
// elsewhere; their rows hold r, z, n side by side.
//   r = σ(a_r + b_r)    z = σ(a_z + b_z)    n = tanh(a_n + r·b_n)
//   h' = n + z·(h - n)
// With lengths, a text that has ended keeps its state, its y is 0, and it gives
// the products no gradient.
//
// h is changed in place. What belongs to one time of many lies at an offset,
// because a time's part need not start where a binding may.

import { defineKernel, type Kernel } from "../gpu/kernel.ts";
import { scalarFunctions } from "./scalar_functions.ts";

const FORWARD = /* wgsl */ `
override LENGTHS: bool = false;
override SAVE: bool = false;
struct Params { items: u32, width: u32, time: u32, gates_offset: u32, y_offset: u32, saved_offset: u32, before_offset: u32 }
@group(0) @binding(0) var<storage, read> from_x: array<f32>;
@group(0) @binding(1) var<storage, read> from_h: array<f32>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
@group(0) @binding(3) var<storage, read_write> h: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> saved: array<f32>; // r, z, n and b_n
@group(0) @binding(6) var<storage, read_write> before: array<f32>; // the h before
@group(0) @binding(7) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let unit = id.x + id.y * groups.x * 64u;
  if (unit >= p.items) { return; }
  let row = unit / p.width;
  let at = row * 2u * p.width + unit; // the place of r; z and n follow
  let x_at = p.gates_offset + at;
  let hidden = from_h[at + 2u * p.width];
  let r = sigmoid(from_x[x_at] + from_h[at]);
  let z = sigmoid(from_x[x_at + p.width] + from_h[at + p.width]);
  let n = tanh_safe(from_x[x_at + 2u * p.width] + r * hidden);
  let old = h[unit];
  if (SAVE) {
    let to = p.saved_offset + row * 3u * p.width + unit;
    saved[to] = r;
    saved[to + p.width] = z;
    saved[to + 2u * p.width] = n;
    saved[to + 3u * p.width] = hidden;
    before[p.before_offset + unit] = old;
  }
  var ended = false;
  if (LENGTHS) { ended = p.time >= lengths[row]; }
  let new_h = n + z * (old - n);
  y[p.y_offset + unit] = select(new_h, 0.0, ended);
  if (!ended) { h[unit] = new_h; }
}
`;

const BACKWARD = /* wgsl */ `
override LENGTHS: bool = false;
override DY: bool = true;
struct Params { items: u32, width: u32, time: u32, gates_offset: u32, y_offset: u32, saved_offset: u32, before_offset: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read> before: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<u32>;
@group(0) @binding(4) var<storage, read_write> dh: array<f32>; // Leaves what does not pass the gates.
@group(0) @binding(5) var<storage, read_write> da: array<f32>; // of all times
@group(0) @binding(6) var<storage, read_write> db: array<f32>; // of all times
@group(0) @binding(7) var<storage, read_write> dstep: array<f32>; // db of this time
@group(0) @binding(8) var<uniform> p: Params;

fn write(at: u32, a: f32, b: f32) {
  da[p.gates_offset + at] = a;
  db[p.gates_offset + at] = b;
  dstep[at] = b;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let unit = id.x + id.y * groups.x * 64u;
  if (unit >= p.items) { return; }
  let row = unit / p.width;
  let at = row * 2u * p.width + unit;
  if (LENGTHS) {
    if (p.time >= lengths[row]) {
      write(at, 0.0, 0.0);
      write(at + p.width, 0.0, 0.0);
      write(at + 2u * p.width, 0.0, 0.0);
      return;
    }
  }
  let kept = p.saved_offset + row * 3u * p.width + unit;
  let r = saved[kept];
  let z = saved[kept + p.width];
  let n = saved[kept + 2u * p.width];
  let hidden = saved[kept + 3u * p.width];
  var d = dh[unit];
  if (DY) { d += dy[p.y_offset + unit]; }
  let dn = d * (1.0 - z) * (1.0 - n * n);
  let dz = d * (before[p.before_offset + unit] - n) * z * (1.0 - z);
  let dr = dn * hidden * r * (1.0 - r);
  write(at, dr, dr);
  write(at + p.width, dz, dz);
  write(at + 2u * p.width, dn, dn * r);
  dh[unit] = d * z;
}
`;

/** How many gates a GRU has. */
export const GRU_GATES = 3;
/** How many numbers of each unit and time its derivative needs. */
export const GRU_SAVED = 4;

/** The kernel of a step. */
export const GRU_FORWARD: Kernel = defineKernel({
  name: "gru",
  wgsl: scalarFunctions(FORWARD) + FORWARD,
});

/** The kernel of a step's derivative. */
export const GRU_BACKWARD: Kernel = defineKernel({
  name: "gru_backward",
  wgsl: scalarFunctions(BACKWARD) + BACKWARD,
});
