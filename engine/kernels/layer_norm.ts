// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Layer norm over rows of C columns: y = (x - mean)·rstd·weight + bias, with the
// mean first and the variance from centred values, and (mean, rstd) saved.
//   serial      one invocation a row, no barrier: for adapters on the CPU
//   workgroup   one workgroup a row, sums by a tree in a fixed order: for GPUs
// Both are one text, `normalise`, of which every `step`-th column is one lane's;
// `reduce` adds up what the lanes have. Rows are read as vec4 where C is a multiple
// of four (`V`).
// Backward takes one pass for two sums and one for dx; dweight and dbias are
// summed over blocks of rows into partial sums, then over the blocks.

import type { Kernel } from "../kernel.ts";
import { type RowForm, rowKernel, type RowTexts } from "./rows.ts";

const VEC4 = /* wgsl */ `
alias V = vec4<f32>;
fn total(v: V) -> f32 { return v.x + v.y + v.z + v.w; }
`;

const SCALAR = /* wgsl */ `
alias V = f32;
fn total(v: V) -> f32 { return v; }
`;

const ROW = /* wgsl */ `
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let number = group.x + group.y * groups.x;
`;

/** One invocation a row. */
const SERIAL = /* wgsl */ `
fn reduce(v: vec2<f32>, lane: u32) -> vec2<f32> { return v; }
` + ROW.replace("WORKGROUP", "8") + /* wgsl */ `
  let row = number * 8u + lane;
  if (row < p.rows) { normalise(row, 0u, 1u); }
}
`;

/** One workgroup a row. */
const WORKGROUP = /* wgsl */ `
var<workgroup> tree: array<vec2<f32>, 128>;
fn reduce(v: vec2<f32>, lane: u32) -> vec2<f32> {
  workgroupBarrier();
  tree[lane] = v;
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (lane < half) { tree[lane] += tree[lane + half]; }
    workgroupBarrier();
  }
  return tree[0];
}
` + ROW.replace("WORKGROUP", "128") + /* wgsl */ `
  if (number < p.rows) { normalise(number, lane, 128u); }
}
`;

const FORWARD = /* wgsl */ `
override WEIGHT: u32 = 0u;
override BIAS: u32 = 0u;
override RESIDUAL: u32 = 0u;
struct Params { rows: u32, columns: u32, size: f32, eps: f32 }
@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read> residual: array<V>;
@group(0) @binding(2) var<storage, read> weight: array<V>;
@group(0) @binding(3) var<storage, read> bias: array<V>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;
@group(0) @binding(5) var<storage, read_write> sum: array<V>;
@group(0) @binding(6) var<storage, read_write> statistics: array<vec2<f32>>;
@group(1) @binding(0) var<uniform> p: Params;

fn value(i: u32) -> V {
  if (RESIDUAL == 1u) { return x[i] + residual[i]; }
  return x[i];
}
fn normalise(row: u32, lane: u32, step: u32) {
  let base = row * p.columns;
  var s = V();
  for (var c = lane; c < p.columns; c += step) { s += value(base + c); }
  let mean = reduce(vec2<f32>(total(s), 0.0), lane).x / p.size;
  var q = V();
  for (var c = lane; c < p.columns; c += step) {
    let d = value(base + c) - V(mean);
    q += d * d;
  }
  let variance = reduce(vec2<f32>(total(q), 0.0), lane).x / p.size;
  let rstd = 1.0 / sqrt(variance + p.eps);
  for (var c = lane; c < p.columns; c += step) {
    let v = value(base + c);
    if (RESIDUAL == 1u) { sum[base + c] = v; }
    var n = (v - V(mean)) * rstd;
    if (WEIGHT == 1u) { n *= weight[c]; }
    if (BIAS == 1u) { n += bias[c]; }
    y[base + c] = n;
  }
  if (lane == 0u) { statistics[row] = vec2<f32>(mean, rstd); }
}
`;

const BACKWARD = /* wgsl */ `
override WEIGHT: u32 = 0u;
struct Params { rows: u32, columns: u32, size: f32 }
@group(0) @binding(0) var<storage, read> dy: array<V>;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> weight: array<V>;
@group(0) @binding(4) var<storage, read_write> dx: array<V>;
@group(1) @binding(0) var<uniform> p: Params;

fn scaled(base: u32, c: u32) -> V {
  if (WEIGHT == 1u) { return dy[base + c] * weight[c]; }
  return dy[base + c];
}
fn normalise(row: u32, lane: u32, step: u32) {
  let base = row * p.columns;
  let saved = statistics[row];
  var s = V();
  var q = V();
  for (var c = lane; c < p.columns; c += step) {
    let g = scaled(base, c);
    s += g;
    q += g * ((x[base + c] - V(saved.x)) * saved.y);
  }
  let means = reduce(vec2<f32>(total(s), total(q)), lane) / p.size;
  for (var c = lane; c < p.columns; c += step) {
    let n = (x[base + c] - V(saved.x)) * saved.y;
    dx[base + c] = (scaled(base, c) - V(means.x) - n * means.y) * saved.y;
  }
}
`;

const TEXTS: RowTexts = {
  vectors: VEC4,
  scalars: SCALAR,
  serial: SERIAL,
  workgroup: WORKGROUP,
};

function build(form: RowForm, kernel: Kernel): Kernel {
  return rowKernel(form, kernel, TEXTS);
}

/** y, x + residual and (mean, rstd) from x, residual, weight and bias. */
export function layerNormForward(form: RowForm): Kernel {
  return build(form, {
    name: "layer_norm",
    bind: ["read", "read", "read", "read", "write", "write", "write"],
    params: { rows: "u32", columns: "u32", size: "f32", eps: "f32" },
    wgsl: FORWARD,
  });
}

/** dx from dy, x, (mean, rstd) and weight. */
export function layerNormBackward(form: RowForm): Kernel {
  return build(form, {
    name: "layer_norm_backward",
    bind: ["read", "read", "read", "read", "write"],
    params: { rows: "u32", columns: "u32", size: "f32" },
    wgsl: BACKWARD,
  });
}

/** Invocations of a workgroup of the column kernels. */
export const COLUMNS_WORKGROUP = { serial: 8, workgroup: 64 } as const;

/**
 * Partial sums of dweight and dbias, [blocks, 2, C], over `span` rows each: one
 * invocation a block and column (or vec4 of columns).
 */
export function layerNormPartials(form: RowForm): Kernel {
  return rowKernel(form, PARTIALS, COLUMN_TEXTS);
}

/** target = [target +] the sum of one half of the partial sums over blocks. */
export function layerNormColumns(form: RowForm): Kernel {
  return rowKernel(form, COLUMNS, COLUMN_TEXTS);
}

/** These own columns: their ends only say how many a workgroup takes. */
const COLUMN_TEXTS: RowTexts = {
  ...TEXTS,
  serial: `const WORKGROUP = ${COLUMNS_WORKGROUP.serial}u;\n`,
  workgroup: `const WORKGROUP = ${COLUMNS_WORKGROUP.workgroup}u;\n`,
};

const PARTIALS: Kernel = {
  name: "layer_norm_partials",
  bind: ["read", "read", "read", "write"],
  params: { rows: "u32", columns: "u32", span: "u32", first: "u32" },
  wgsl: /* wgsl */ `
struct Params { rows: u32, columns: u32, span: u32, first: u32 }
@group(0) @binding(0) var<storage, read> dy: array<V>;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> partials: array<V>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= p.columns) { return; }
  let start = id.y * p.span;
  var dweight = V();
  var dbias = V();
  for (var row = start; row < min(start + p.span, p.rows); row++) {
    let saved = statistics[row];
    let g = dy[row * p.columns + c];
    dweight += g * ((x[row * p.columns + c] - V(saved.x)) * saved.y);
    dbias += g;
  }
  partials[(p.first + id.y) * 2u * p.columns + c] = dweight;
  partials[((p.first + id.y) * 2u + 1u) * p.columns + c] = dbias;
}
`,
};

const COLUMNS: Kernel = {
  name: "layer_norm_columns",
  bind: ["read", "write"],
  params: { columns: "u32", blocks: "u32", half: "u32", add: "u32" },
  wgsl: /* wgsl */ `
struct Params { columns: u32, blocks: u32, half: u32, add: u32 }
@group(0) @binding(0) var<storage, read> partials: array<V>;
@group(0) @binding(1) var<storage, read_write> target_: array<V>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= p.columns) { return; }
  var s = V();
  for (var block = 0u; block < p.blocks; block++) {
    s += partials[(block * 2u + p.half) * p.columns + c];
  }
  if (p.add == 1u) { s += target_[c]; }
  target_[c] = s;
}
`,
};
