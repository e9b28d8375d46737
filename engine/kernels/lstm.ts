// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// One step of an LSTM, forward and backward. An invocation owns one unit of one
// text. The two products that make the gates, x·W_ihᵀ and h·W_hhᵀ, with their
// biases, come from elsewhere; their rows hold the gates i, f, g, o side by side.
//   c' = f·c + i·g    h' = o·tanh(c')
// With lengths, a text that has ended keeps its state, its y is 0, and it gives
// the products no gradient.
//
// h and c are changed in place. What belongs to one time of many lies at an
// offset, because a time's part need not start where a binding may.

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
@group(0) @binding(4) var<storage, read_write> c: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> saved: array<f32>; // i, f, g, o and the c before
@group(0) @binding(7) var<storage, read_write> before: array<f32>; // the h before
@group(0) @binding(8) var<uniform> p: Params;

fn gate(at: u32) -> f32 { return from_x[p.gates_offset + at] + from_h[at]; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let unit = id.x + id.y * groups.x * 64u;
  if (unit >= p.items) { return; }
  let row = unit / p.width;
  let at = row * 3u * p.width + unit; // the place of gate i; the others follow
  let i = sigmoid(gate(at));
  let f = sigmoid(gate(at + p.width));
  let g = tanh_safe(gate(at + 2u * p.width));
  let o = sigmoid(gate(at + 3u * p.width));
  let old = c[unit];
  if (SAVE) {
    let to = p.saved_offset + row * 4u * p.width + unit;
    saved[to] = i;
    saved[to + p.width] = f;
    saved[to + 2u * p.width] = g;
    saved[to + 3u * p.width] = o;
    saved[to + 4u * p.width] = old;
    before[p.before_offset + unit] = h[unit];
  }
  var ended = false;
  if (LENGTHS) { ended = p.time >= lengths[row]; }
  let new_c = f * old + i * g;
  let new_h = o * tanh_safe(new_c);
  y[p.y_offset + unit] = select(new_h, 0.0, ended);
  if (!ended) {
    c[unit] = new_c;
    h[unit] = new_h;
  }
}
`;

const BACKWARD = /* wgsl */ `
override LENGTHS: bool = false;
override DY: bool = true;
struct Params { items: u32, width: u32, time: u32, gates_offset: u32, y_offset: u32, saved_offset: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> saved: array<f32>;
@group(0) @binding(2) var<storage, read> lengths: array<u32>;
@group(0) @binding(3) var<storage, read_write> dh: array<f32>; // Leaves what does not pass the gates.
@group(0) @binding(4) var<storage, read_write> dc: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgates: array<f32>; // of all times
@group(0) @binding(6) var<storage, read_write> dstep: array<f32>; // of this time
@group(0) @binding(7) var<uniform> p: Params;

fn write(at: u32, value: f32) {
  dgates[p.gates_offset + at] = value;
  dstep[at] = value;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let unit = id.x + id.y * groups.x * 64u;
  if (unit >= p.items) { return; }
  let row = unit / p.width;
  let at = row * 3u * p.width + unit;
  if (LENGTHS) {
    if (p.time >= lengths[row]) {
      write(at, 0.0);
      write(at + p.width, 0.0);
      write(at + 2u * p.width, 0.0);
      write(at + 3u * p.width, 0.0);
      return;
    }
  }
  let kept = p.saved_offset + row * 4u * p.width + unit;
  let i = saved[kept];
  let f = saved[kept + p.width];
  let g = saved[kept + 2u * p.width];
  let o = saved[kept + 3u * p.width];
  let old = saved[kept + 4u * p.width];
  var d = dh[unit];
  if (DY) { d += dy[p.y_offset + unit]; }
  let t = tanh_safe(f * old + i * g);
  let e = dc[unit] + d * o * (1.0 - t * t);
  write(at, e * g * i * (1.0 - i));
  write(at + p.width, e * old * f * (1.0 - f));
  write(at + 2u * p.width, e * i * (1.0 - g * g));
  write(at + 3u * p.width, d * t * o * (1.0 - o));
  dc[unit] = e * f;
  dh[unit] = 0.0;
}
`;

/** How many gates an LSTM has. */
export const LSTM_GATES = 4;
/** How many numbers of each unit and time its derivative needs. */
export const LSTM_SAVED = 5;

/** The kernel of a step. */
export const LSTM_FORWARD: Kernel = defineKernel({
  name: "lstm",
  wgsl: scalarFunctions(FORWARD) + FORWARD,
});

/** The kernel of a step's derivative. */
export const LSTM_BACKWARD: Kernel = defineKernel({
  name: "lstm_backward",
  wgsl: scalarFunctions(BACKWARD) + BACKWARD,
});
