// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Cross-entropy of logits z [rows, C] with class indices or distributions t.
// With w the class weights, ε the smoothing and q = (1 - ε)·t + ε/C:
//   loss = Σ_c w_c q_c (lse - z_c)             lse = log Σ exp z, shifted by max
//   dz_c = g (softmax_c · Σ_k w_k q_k - w_c q_c)
// Forward reads z twice (maximum, then all sums) and leaves four numbers a row:
// (loss, max, its share of the mean's divisor, Σ_k w_k q_k / Σ exp(z - max)), so
// that no large lse is rounded. Backward makes dz from them in one pass. Ignored rows are 0 throughout; a class index outside
// [0, C) makes its row NaN, so that it is seen.
//
//   serial      one invocation per row, groups of 8 to spread over CPU cores
//   workgroup   one workgroup per row, tree sums in a fixed order

import type { Access, Kernel, ParamType } from "../kernel.ts";

/** Invocations of a workgroup of the serial forward kernel. */
export const SERIAL_WORKGROUP = 8;

/** Invocations of a workgroup of the backward kernel, and logits of each. */
export const BACKWARD_WORKGROUP = 64;
export const BACKWARD_RUN = 16;

const FORWARD_BIND: readonly Access[] = ["read", "read", "read", "write"];

const FORWARD_PARAMS: Readonly<Record<string, ParamType>> = {
  rows: "u32",
  classes: "u32",
  ignore: "i32",
  smoothing: "f32",
};

/** Shared declarations; `target` is i32 or f32 by its bits. */
const DECLARATIONS = /* wgsl */ `
override SOFT: bool = false;     // targets are distributions
override WEIGHTED: bool = false; // class weights are bound

fn class_weight(c: u32) -> f32 {
  if (WEIGHTED) { return weight[c]; }
  return 1.0;
}
/** q_c of a row, from its target class or its distribution. */
fn wanted(row: u32, c: u32) -> f32 {
  let uniform_part = p.smoothing / f32(p.classes);
  if (SOFT) {
    return (1.0 - p.smoothing) * bitcast<f32>(labels[row * p.classes + c]) + uniform_part;
  }
  return select(0.0, 1.0 - p.smoothing, c == labels[row]) + uniform_part;
}
fn is_ignored(row: u32) -> bool {
  if (SOFT) { return false; }
  return bitcast<i32>(labels[row]) == p.ignore;
}
fn is_bad(row: u32) -> bool {
  if (SOFT) { return false; }
  return labels[row] >= p.classes;
}
fn not_a_number() -> f32 { return bitcast<f32>(0x7fc00000u + p.classes * 0u); }
`;

const FORWARD_HEAD = /* wgsl */ `
struct Params { rows: u32, classes: u32, ignore: i32, smoothing: f32 }
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> stats: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

/** The four numbers, from the row's maximum and sums of exp, w q and w q z. */
fn row_stats(row: u32, top: f32, sums: vec3<f32>) -> vec4<f32> {
  let loss = sums.y * log(sums.x) - sums.z;
  if (SOFT) { return vec4<f32>(loss, top, 1.0, sums.y / sums.x); }
  return vec4<f32>(loss, top, class_weight(labels[row]), sums.y / sums.x);
}
` + DECLARATIONS;

/** Forward, one invocation per row. */
export const CROSS_ENTROPY_SERIAL: Kernel = {
  name: "cross_entropy_serial",
  bind: FORWARD_BIND,
  params: FORWARD_PARAMS,
  wgsl: FORWARD_HEAD + /* wgsl */ `
fn add_lanes(v: vec4<f32>) -> f32 { return (v.x + v.y) + (v.z + v.w); }

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.x + id.y * groups.x * 8u;
  if (row >= p.rows) { return; }
  if (is_ignored(row)) {
    stats[row] = vec4<f32>(0.0);
    return;
  }
  if (is_bad(row)) {
    stats[row] = vec4<f32>(not_a_number());
    return;
  }
  let base = row * p.classes;
  var top = logits[base];
  let even = p.classes - p.classes % 4u;
  for (var c = 0u; c < even; c += 4u) {
    let at = base + c;
    top = max(max(top, max(logits[at], logits[at + 1u])), max(logits[at + 2u], logits[at + 3u]));
  }
  for (var c = even; c < p.classes; c++) { top = max(top, logits[base + c]); }
  var exps = 0.0;
  var total = 0.0;
  var dot = 0.0;
  if (SOFT || WEIGHTED || p.smoothing > 0.0) {
    for (var c = 0u; c < p.classes; c++) {
      let z = logits[base + c] - top;
      let wq = class_weight(c) * wanted(row, c);
      exps += exp(z);
      total += wq;
      if (wq != 0.0) { dot += wq * z; }
    }
  } else {
    for (var c = 0u; c < even; c += 4u) {
      let at = base + c;
      let z = vec4<f32>(logits[at], logits[at + 1u], logits[at + 2u], logits[at + 3u]);
      exps += add_lanes(exp(z - top));
    }
    for (var c = even; c < p.classes; c++) { exps += exp(logits[base + c] - top); }
    total = 1.0;
    dot = logits[base + labels[row]] - top;
  }
  stats[row] = row_stats(row, top, vec3<f32>(exps, total, dot));
}
`,
};

/** Forward, one workgroup per row. */
export const CROSS_ENTROPY_WORKGROUP: Kernel = {
  name: "cross_entropy_workgroup",
  bind: FORWARD_BIND,
  params: FORWARD_PARAMS,
  wgsl: FORWARD_HEAD + /* wgsl */ `
var<workgroup> partial: array<vec3<f32>, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  // The row's kind must not steer control flow around barriers: the values are
  // made in any case and replaced at the end.
  let base = row * p.classes;
  var top = logits[base];
  for (var c = t; c < p.classes; c += 128u) { top = max(top, logits[base + c]); }
  partial[t] = vec3<f32>(top);
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (t < half) { partial[t] = max(partial[t], partial[t + half]); }
    workgroupBarrier();
  }
  top = partial[0].x;
  workgroupBarrier();
  var sums = vec3<f32>(0.0);
  for (var c = t; c < p.classes; c += 128u) {
    let z = logits[base + c] - top;
    let wq = class_weight(c) * wanted(row, c);
    sums += vec3<f32>(exp(z), wq, select(0.0, wq * z, wq != 0.0));
  }
  partial[t] = sums;
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (t < half) { partial[t] += partial[t + half]; }
    workgroupBarrier();
  }
  if (t > 0u) { return; }
  if (is_ignored(row)) {
    stats[row] = vec4<f32>(0.0);
  } else if (is_bad(row)) {
    stats[row] = vec4<f32>(not_a_number());
  } else {
    stats[row] = row_stats(row, top, partial[0]);
  }
}
`,
};

/**
 * Backward, sixteen logits an invocation. `dy` is the gradient of the loss: one
 * number, divided by `totals[2]` for the mean, or one per row.
 */
export const CROSS_ENTROPY_BACKWARD: Kernel = {
  name: "cross_entropy_backward",
  bind: ["read", "read", "read", "read", "read", "read", "write"],
  params: { ...FORWARD_PARAMS, per_row: "u32", mean: "u32", first: "u32" },
  wgsl: /* wgsl */ `
struct Params { rows: u32, classes: u32, ignore: i32, smoothing: f32, per_row: u32, mean: u32, first: u32 }
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> totals: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dlogits: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  // Columns t, t + stride … of one row: neighbours read neighbours.
  let stride = (p.classes + 15u) / 16u;
  let e = id.x + id.y * groups.x * 64u;
  let row = e / stride;
  if (row >= p.rows) { return; }
  var g = dy[select(0u, p.first + row, p.per_row == 1u)];
  if (p.mean == 1u) { g /= totals[2]; }
  let ignored = is_ignored(row);
  let s = stats[row];
  let base = row * p.classes;
  let plain = !SOFT && !WEIGHTED && p.smoothing == 0.0;
  let label = labels[select(row, base, SOFT)];
  for (var c = e % stride; c < p.classes; c += stride) {
    var dz = exp(logits[base + c] - s.y) * s.w;
    if (plain) { dz -= select(0.0, 1.0, c == label); }
    else { dz -= class_weight(c) * wanted(row, c); }
    dlogits[base + c] = select(g * dz, 0.0, ignored);
  }
}
` + DECLARATIONS,
};

/** The loss of all rows from the column sums of their four numbers. */
export const CROSS_ENTROPY_FINISH: Kernel = {
  name: "cross_entropy_finish",
  bind: ["read", "write"],
  params: { mean: "u32" },
  wgsl: /* wgsl */ `
struct Params { mean: u32 }
@group(0) @binding(0) var<storage, read> totals: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(1)
fn main() {
  let t = totals[0];
  // 0/0 must be NaN on every GPU, which WGSL does not promise of a division.
  let nothing = p.mean == 1u && t.z == 0.0;
  let loss = t.x / select(1.0, t.z, p.mean == 1u && t.z != 0.0);
  y[0] = select(loss, bitcast<f32>(0x7fc00000u + p.mean * 0u), nothing);
}
`,
};
