// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Cross-entropy of logits z [rows, C] with class indices or distributions t.
// With w the class weights, ε the smoothing and q = (1 - ε)·t + ε/C:
//   loss = Σ_c w_c q_c (lse - z_c)             lse = log Σ exp z, shifted by max
//   dz_c = g (softmax_c · Σ_k w_k q_k - w_c q_c)
// Forward leaves four numbers a row: (loss, max, its share of the mean's
// divisor, Σ_k w_k q_k / Σ exp(z - max)), so that no large lse is rounded.
// Backward computes dz from them in one pass. Ignored rows are 0 throughout. A
// class index outside [0, C) makes its row NaN, so that the mistake shows.
//
//   serial      one invocation per row, in workgroups of 8, to use all CPU
//               cores; z is read twice (for the maximum, then for all sums)
//   texels      the same, with z read as texels, four logits at a time,
//               whatever C is: the first and last four may reach into other
//               rows. Class indices only
//   workgroup   one workgroup per row, z read once, tree sums in a fixed order

import { defineKernel, type Kernel } from "../gpu/kernel.ts";
import { declareTexels } from "../gpu/texels.ts";
import { scalarFunctions } from "./scalar_functions.ts";

/** The logits of each invocation of the backward kernel. */
export const BACKWARD_RUN = 16;

/**
 * The fours of logits of each invocation of the backward kernel from texels.
 */
export const BACKWARD_FOURS = 32;

/**
 * Functions that all kernels share. `labels` holds the bits of i32 or of f32.
 */
const DECLARATIONS = /* wgsl */ `
override SOFT: bool = false;     // targets are distributions
override WEIGHTED: bool = false; // class weights are bound

fn class_weight(c: u32) -> f32 {
  if (WEIGHTED) { return weight[c]; }
  return 1.0;
}
/** q_c of a row, from its target class or its distribution. */
fn target_of(row: u32, c: u32) -> f32 {
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
`;

const LOGITS = /* wgsl */ `
@group(0) @binding(0) var<storage, read> logits: array<f32>;
`;

const FORWARD_HEAD = /* wgsl */ `
struct Params { rows: u32, classes: u32, ignore: i32, smoothing: f32 }
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> stats: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> p: Params;

${scalarFunctions("logarithm(")}
/** The four numbers, from the row's maximum and sums of exp, w q and w q z. */
fn row_stats(row: u32, top: f32, sums: vec3<f32>) -> vec4<f32> {
  // No exponential exceeds 1, except that of a NaN, which some drivers make ∞.
  let exps = select(sums.x, not_a_number(sums.x), sums.x > 3.4028234e38);
  let loss = sums.y * logarithm(exps) - sums.z;
  if (SOFT) { return vec4<f32>(loss, top, 1.0, sums.y / exps); }
  return vec4<f32>(loss, top, class_weight(labels[row]), sums.y / exps);
}
` + DECLARATIONS;

/** Forward, one invocation per row. */
export const CROSS_ENTROPY_SERIAL: Kernel = defineKernel({
  name: "cross_entropy_serial",
  wgsl: LOGITS + FORWARD_HEAD + /* wgsl */ `
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
    stats[row] = vec4<f32>(not_a_number(0.0));
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
    // Sums of 64 at a time, because thousands of terms in one sum lose digits.
    for (var first = 0u; first < p.classes; first += 64u) {
      var sums = vec3<f32>();
      for (var c = first; c < min(first + 64u, p.classes); c++) {
        let z = logits[base + c] - top;
        let wq = class_weight(c) * target_of(row, c);
        sums += vec3<f32>(exp(z), wq, select(wq * z, 0.0, wq == 0.0));
      }
      exps += sums.x;
      total += sums.y;
      dot += sums.z;
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
});

/**
 * Reading by fours: where the fours of a row lie, and which of their logits are
 * its own.
 */
const FOURS = declareTexels(0, "logits") + /* wgsl */ `
/** The first four that a row has logits in, and the one after the last. */
fn fours_of(row: u32) -> vec2<u32> {
  return vec2<u32>(row * p.classes / 4u, (row * p.classes + p.classes + 3u) / 4u);
}
/** The classes of four logits; outside [0, C) if they are another row's. */
fn classes_of(four: u32, row: u32) -> vec4<u32> {
  return vec4<u32>(four * 4u - row * p.classes) + vec4<u32>(0u, 1u, 2u, 3u);
}
`;

/** Forward from texels, one invocation per row. */
export const CROSS_ENTROPY_TEXELS: Kernel = defineKernel({
  name: "cross_entropy_texels",
  wgsl: FORWARD_HEAD + FOURS + /* wgsl */ `
const LOWEST = vec4<f32>(-3.4028234e38);

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.x + id.y * groups.x * 8u;
  if (row >= p.rows) { return; }
  if (is_ignored(row)) {
    stats[row] = vec4<f32>(0.0);
    return;
  }
  if (is_bad(row)) {
    stats[row] = vec4<f32>(not_a_number(0.0));
    return;
  }
  let fours = fours_of(row);
  var tops = LOWEST;
  for (var four = fours.x; four < fours.y; four++) {
    let mine = classes_of(four, row) < vec4<u32>(p.classes);
    tops = max(tops, select(LOWEST, logits_texel(four), mine));
  }
  let top = max(max(tops.x, tops.y), max(tops.z, tops.w));
  let label = labels[row];
  var exps = vec4<f32>();
  var zs = vec4<f32>();
  var z_label = vec4<f32>();
  for (var four = fours.x; four < fours.y; four++) {
    let c = classes_of(four, row);
    let mine = c < vec4<u32>(p.classes);
    let z = logits_texel(four) - top;
    exps += select(vec4<f32>(), exp(z), mine);
    if (p.smoothing > 0.0) { zs += select(vec4<f32>(), z, mine); }
    z_label = select(z_label, z, c == vec4<u32>(label));
  }
  let sums = vec4<f32>(1.0) * mat3x4<f32>(exps, zs, z_label);
  var dot = 0.0;
  if (p.smoothing < 1.0) { dot = (1.0 - p.smoothing) * sums.z; }
  if (p.smoothing > 0.0) { dot += p.smoothing / f32(p.classes) * sums.y; }
  stats[row] = row_stats(row, top, vec3<f32>(sums.x, 1.0, dot));
}
`,
});

/** Forward, one workgroup per row. */
export const CROSS_ENTROPY_WORKGROUP: Kernel = defineKernel({
  name: "cross_entropy_workgroup",
  wgsl: LOGITS + FORWARD_HEAD + /* wgsl */ `
const LOWEST = -3.4028234e38;
/** (top, Σ exp(z - top), Σ w q, Σ w q (z - top)) of a share of the row. */
var<workgroup> partial: array<vec4<f32>, 128>;

/** The same share, relative to a top that is at least as high. */
fn raised(s: vec4<f32>, top: f32) -> vec4<f32> {
  let fall = select(0.0, s.z * (top - s.x), s.z != 0.0);
  return vec4<f32>(top, s.y * exp(s.x - top), s.z, s.w - fall);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let row = group.x + group.y * groups.x;
  if (row >= p.rows) { return; }
  // Whether a row is ignored must not decide on barriers. So the values are
  // computed in any case, and replaced at the end.
  let base = row * p.classes;
  var s = vec4<f32>(LOWEST, 0.0, 0.0, 0.0);
  for (var c = t; c < p.classes; c += 128u) {
    let z = logits[base + c];
    if (!(z <= s.x)) { s = raised(s, z); }
    let wq = class_weight(c) * target_of(row, c);
    s += vec4<f32>(0.0, exp(z - s.x), wq, select(0.0, wq * (z - s.x), wq != 0.0));
  }
  partial[t] = s;
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (t < half) {
      let other = partial[t + half];
      let top = max(partial[t].x, other.x);
      let a = raised(partial[t], top);
      let b = raised(other, top);
      partial[t] = vec4<f32>(top, a.yzw + b.yzw);
    }
    workgroupBarrier();
  }
  if (t > 0u) { return; }
  if (is_ignored(row)) {
    stats[row] = vec4<f32>(0.0);
  } else if (is_bad(row)) {
    stats[row] = vec4<f32>(not_a_number(0.0));
  } else {
    stats[row] = row_stats(row, partial[0].x, partial[0].yzw);
  }
}
`,
});

const BACKWARD_HEAD = /* wgsl */ `
struct Params { rows: u32, classes: u32, ignore: i32, smoothing: f32, per_row: u32, mean: u32, first: u32 }
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> totals: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dlogits: array<f32>;
@group(0) @binding(7) var<uniform> p: Params;

fn gradient_of(row: u32) -> f32 {
  let g = dy[select(0u, p.first + row, p.per_row == 1u)];
  if (p.mean == 1u) { return g / totals[2]; }
  return g;
}
` + DECLARATIONS;

/**
 * Backward, sixteen logits an invocation. `dy` is the gradient of the loss: one
 * number, divided by `totals[2]` for the mean, or one per row.
 */
export const CROSS_ENTROPY_BACKWARD: Kernel = defineKernel({
  name: "cross_entropy_backward",
  wgsl: LOGITS + BACKWARD_HEAD + /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  // Columns t, t + stride … of one row, so that neighbors read neighbors.
  let stride = (p.classes + 15u) / 16u;
  let e = id.x + id.y * groups.x * 64u;
  let row = e / stride;
  if (row >= p.rows) { return; }
  let ignored = is_ignored(row);
  let g = gradient_of(row);
  let s = stats[row];
  let base = row * p.classes;
  let plain = !SOFT && !WEIGHTED && p.smoothing == 0.0;
  let label = labels[select(row, base, SOFT)];
  for (var c = e % stride; c < p.classes; c += stride) {
    var dz = exp(logits[base + c] - s.y) * s.w;
    if (plain) { dz -= select(0.0, 1.0, c == label); }
    else { dz -= class_weight(c) * target_of(row, c); }
    dlogits[base + c] = select(g * dz, 0.0, ignored);
  }
}
`,
});

/** The same from texels, {@linkcode BACKWARD_FOURS} fours an invocation. */
export const CROSS_ENTROPY_BACKWARD_TEXELS: Kernel = defineKernel({
  name: "cross_entropy_backward_texels",
  wgsl: BACKWARD_HEAD + FOURS + /* wgsl */ `
const FOURS = ${BACKWARD_FOURS}u;

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let runs = (p.classes / 4u + 2u + FOURS - 1u) / FOURS;
  let e = id.x + id.y * groups.x * 8u;
  let row = e / runs;
  if (row >= p.rows) { return; }
  let ignored = is_ignored(row);
  let g = gradient_of(row);
  let s = stats[row];
  let label = vec4<u32>(labels[row]);
  let hit = 1.0 - p.smoothing;
  let miss = p.smoothing / f32(p.classes);
  let base = row * p.classes;
  let fours = fours_of(row);
  let start = fours.x + e % runs * FOURS;
  for (var four = start; four < min(start + FOURS, fours.y); four++) {
    let c = classes_of(four, row);
    let q = select(vec4<f32>(), vec4<f32>(hit), c == label) + miss;
    let dz = g * (exp(logits_texel(four) - s.y) * s.w - q);
    let value = select(dz, vec4<f32>(), ignored);
    if (c.x < p.classes) { dlogits[base + c.x] = value.x; }
    if (c.y < p.classes) { dlogits[base + c.y] = value.y; }
    if (c.z < p.classes) { dlogits[base + c.z] = value.z; }
    if (c.w < p.classes) { dlogits[base + c.w] = value.w; }
  }
}
`,
});

/** The loss of all rows from the column sums of their four numbers. */
export const CROSS_ENTROPY_FINISH: Kernel = defineKernel({
  name: "cross_entropy_finish",
  wgsl: /* wgsl */ `
struct Params { mean: u32 }
@group(0) @binding(0) var<storage, read> totals: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(1)
fn main() {
  let t = totals[0];
  // 0/0 must be NaN on every GPU, which WGSL does not guarantee for a division.
  let nothing = p.mean == 1u && t.z == 0.0;
  let loss = t.x / select(1.0, t.z, p.mean == 1u && t.z != 0.0);
  y[0] = select(loss, bitcast<f32>(0x7fc00000u + p.mean * 0u), nothing);
}
`,
});
