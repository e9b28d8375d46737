// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Layer norm over rows of C columns: y = (x - mean)·rstd·weight + bias, with
// the mean computed first and the variance from centered values. Where all of a
// row lies far from 0, the rounded mean may be off by more than the row's
// spread. The sum of the centered values is then the rest, and the mean is
// saved as both: (mean, rstd, rest).
//
// rows.ts says who owns a row, and what `V`, `reduce`, `total` and `run` are.
// Forward reads x once where a row is held in registers, and else three times,
// which costs little as texels. Backward, where rows are held, is one pass for
// dx and, over blocks of rows, for partial sums of dweight and dbias; else it
// is two passes for dx (two sums, then dx) and one for the partial sums. The
// partial sums are then added up over the blocks. `deno task wgsl layer_norm`
// prints the text for adapters on the CPU, and with `held` behind it a text for
// GPUs.

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import { declareInput } from "../gpu/texels.ts";
import {
  declareRows,
  eachOf,
  NOT_HELD,
  type RowForm,
  rowHead,
  rowKernels,
  rowKey,
} from "./rows.ts";
import { unroll } from "./unroll.ts";

const JOIN = /* wgsl */ `
fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> { return a + b; }
`;

/**
 * The kernel of y, x + residual and the statistics, from x, residual, weight
 * and bias.
 */
export const layerNormForward: (form: RowForm) => Kernel = rowKernels({
  name: "layer_norm",
  text: (form) => {
    // The value of a column is in a register where rows are held, and else read
    // again.
    const held = form.held > 0;
    const each = (line: (value: string) => string) =>
      eachOf(
        form,
        "p.columns",
        (i) => line(held ? `v${i}` : "value(base + c)"),
      );
    const sum = each((v) =>
      held ? `${v} = value(base + c); s += ${v};` : `s += ${v};`
    );
    const center = each((v) => `let d = ${v} - V(mean); q += d * d; r += d;`);
    const write = each((v) => `put(base + c, c, ${v}, mean, rest, rstd);`);
    return /* wgsl */ `
override WEIGHT: u32 = 0u;
override BIAS: u32 = 0u;
override RESIDUAL: u32 = 0u;
struct Params { rows: u32, columns: u32, size: f32, eps: f32 }
${declareRows(form, 0, "x")}
${declareRows(form, 1, "residual")}
${declareRows(form, 2, "weight")}
${declareRows(form, 3, "bias")}
@group(0) @binding(4) var<storage, read_write> y: array<V>;
@group(0) @binding(5) var<storage, read_write> sum: array<V>;
@group(0) @binding(6) var<storage, read_write> statistics: array<vec4<f32>>;
@group(0) @binding(7) var<uniform> p: Params;
${JOIN}
fn value(i: u32) -> V {
  if (RESIDUAL == 1u) { return x_at(i) + residual_at(i); }
  return x_at(i);
}
fn put(at: u32, c: u32, v: V, mean: f32, rest: f32, rstd: f32) {
  if (RESIDUAL == 1u) { sum[at] = v; }
  var n = ((v - V(mean)) - V(rest)) * rstd;
  if (WEIGHT == 1u) { n *= weight_at(c); }
  if (BIAS == 1u) { n += bias_at(c); }
  y[at] = n;
}
fn run(row: u32, lane: u32, live: bool) {
  let base = row * p.columns;
${unroll(form.held, (i) => `  var v${i} = V();`)}
  // First pass: the mean, from the sum of all columns.
  var s = V();
${sum}
  let mean = reduce(vec2<f32>(total(s), 0.0)).x / p.size;
  // Second pass: the squares and the sum of the centered values.
  var q = V();
  var r = V();
${center}
  let both = reduce(vec2<f32>(total(q), total(r))) / p.size;
  let rest = both.y;
  let variance = max(both.x - rest * rest, 0.0);
  let rstd = 1.0 / sqrt(variance + p.eps);
  // Third pass: the result. No barrier follows, so rows that are not live end
  // here.
  if (!live) { return; }
${write}
  if (lane == 0u) { statistics[row] = vec4<f32>(mean, rstd, rest, 0.0); }
}
`;
  },
});

// The statistics of a row are (mean, rstd, rest).
const NORMAL = /* wgsl */ `
fn normal(v: V, saved: vec4<f32>) -> V { return ((v - V(saved.x)) - V(saved.z)) * saved.y; }
`;

/**
 * The kernel of dx from dy, x, the statistics and weight, where rows are not
 * held.
 */
export const layerNormBackward: (form: RowForm) => Kernel = rowKernels({
  name: "layer_norm_backward",
  text: (form) => {
    const each = (line: string) => eachOf(form, "p.columns", () => line);
    const sums = each(`
    let g = scaled(base, c);
    s += g;
    q += g * normal(x_at(base + c), saved);
`);
    const write = each(`
    let n = normal(x_at(base + c), saved);
    dx[base + c] = (scaled(base, c) - V(means.x) - n * means.y) * saved.y;
`);
    return /* wgsl */ `
override WEIGHT: u32 = 0u;
struct Params { rows: u32, columns: u32, size: f32 }
${declareRows(form, 0, "dy")}
${declareRows(form, 1, "x")}
${declareStatistics(form, 2)}
${declareRows(form, 3, "weight")}
@group(0) @binding(4) var<storage, read_write> dx: array<V>;
@group(0) @binding(5) var<uniform> p: Params;
${JOIN}${NORMAL}
fn scaled(base: u32, c: u32) -> V {
  if (WEIGHT == 1u) { return dy_at(base + c) * weight_at(c); }
  return dy_at(base + c);
}
fn run(row: u32, lane: u32, live: bool) {
  let base = row * p.columns;
  let saved = statistics_at(row);
  // First pass: the means of dy·weight, and of its product with the normalized
  // x.
  var s = V();
  var q = V();
${sums}
  let means = reduce(vec2<f32>(total(s), total(q))) / p.size;
  // Second pass: dx.
  if (!live) { return; }
${write}
}
`;
  },
  forms: NOT_HELD,
});

/**
 * The kernel of partial sums of dweight and dbias, [blocks, 2, C], over `span`
 * rows each: one invocation a block and column (or vec4 of columns). Where rows
 * are not held.
 */
export const layerNormPartials: (form: RowForm) => Kernel = defineKernels({
  name: "layer_norm_partials",
  make: (form) => ({
    name: `layer_norm_partials_${form.variant}`,
    wgsl: rowHead(form) + /* wgsl */ `
struct Params { rows: u32, columns: u32, span: u32, first: u32 }
${declareRows(form, 0, "dy")}
${declareRows(form, 1, "x")}
${declareStatistics(form, 2)}
@group(0) @binding(3) var<storage, read_write> partials: array<V>;
@group(0) @binding(4) var<uniform> p: Params;
${NORMAL}
@compute @workgroup_size(${form.variant === "workgroup" ? 64 : 8})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= p.columns) { return; }
  let start = id.y * p.span;
  var dweight = V();
  var dbias = V();
  for (var row = start; row < min(start + p.span, p.rows); row++) {
    let saved = statistics_at(row);
    let g = dy_at(row * p.columns + c);
    dweight += g * normal(x_at(row * p.columns + c), saved);
    dbias += g;
  }
  partials[(p.first + id.y) * 2u * p.columns + c] = dweight;
  partials[((p.first + id.y) * 2u + 1u) * p.columns + c] = dbias;
}
`,
  }),
  forms: NOT_HELD,
  key: rowKey,
});

/**
 * The kernel of dx, and of the partial sums of dweight and dbias over `span`
 * rows, where rows are held: LANES invocations take these one after the other.
 * The `row` of `run` is here such a block of rows, of a tensor of `length`
 * rows.
 */
export const layerNormBlocks: (form: RowForm) => Kernel = rowKernels({
  name: "layer_norm_blocks",
  text: (form) => {
    const each = (line: (i: string) => string) =>
      eachOf(form, "p.columns", line);
    const read = each((i) => /* wgsl */ `
      g${i} = dy[base + c];
      n${i} = normal(x[base + c], saved);
      dweight${i} += g${i} * n${i};
      dbias${i} += g${i};
      g${i} *= w${i};
      s += g${i};
      q += g${i} * n${i};`);
    const writeDx = each((i) =>
      `dx[base + c] = (g${i} - V(means.x) - n${i} * means.y) * saved.y;`
    );
    const writeSums = each((i) => /* wgsl */ `
    partials[at + c] = dweight${i};
    partials[at + p.columns + c] = dbias${i};`);
    return /* wgsl */ `
override WEIGHT: u32 = 0u;
override DX: u32 = 0u;
override SUMS: u32 = 0u;
struct Params { rows: u32, columns: u32, span: u32, first: u32, length: u32, size: f32 }
@group(0) @binding(0) var<storage, read> dy: array<V>;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> weight: array<V>;
@group(0) @binding(4) var<storage, read_write> dx: array<V>;
@group(0) @binding(5) var<storage, read_write> partials: array<V>;
@group(0) @binding(6) var<uniform> p: Params;
${JOIN}${NORMAL}
fn run(block: u32, lane: u32, own: bool) {
${
      unroll(form.held, (i) => /* wgsl */ `
  var dweight${i} = V();
  var dbias${i} = V();
  var w${i} = V(1.0);
  var n${i} = V();
  var g${i} = V();`)
    }
  if (WEIGHT == 1u) {
${each((i) => `w${i} = weight[c];`)}
  }
  for (var r = 0u; r < p.span; r++) {
    let row = block * p.span + r;
    let live = own && row < p.length;
    let base = select(0u, row, live) * p.columns;
    let saved = statistics[select(0u, row, live)];
    var s = V();
    var q = V();
    if (live) {
${read}
    }
    if (DX == 1u) {
      let means = reduce(vec2<f32>(total(s), total(q))) / p.size;
      if (live) {
${writeDx}
      }
    }
  }
  if (SUMS == 1u && own) {
    let at = (p.first + block) * 2u * p.columns;
${writeSums}
  }
}
`;
  },
  forms: { held: { variant: "workgroup", vectors: true, lanes: 64, held: 3 } },
});

/** The columns that a workgroup of {@linkcode layerNormColumns} adds up. */
export const LAYER_NORM_COLUMNS = 8;

const COLUMNS = /* wgsl */ `
struct Params { columns: u32, blocks: u32, half: u32, add: u32 }
@group(0) @binding(0) var<storage, read> partials: array<V>;
@group(0) @binding(1) var<storage, read_write> target_: array<V>;
@group(0) @binding(2) var<uniform> p: Params;

fn share(c: u32, start: u32, step: u32) -> V {
  var s = V();
  for (var block = start; block < p.blocks; block += step) {
    s += partials[(block * 2u + p.half) * p.columns + c];
  }
  return s;
}
fn put(c: u32, s: V) {
  if (p.add == 1u) { target_[c] = s + target_[c]; } else { target_[c] = s; }
}
`;

const COLUMNS_SERIAL = /* wgsl */ `
@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < p.columns) { put(id.x, share(id.x, 0u, 1u)); }
}
`;

const COLUMNS_WORKGROUP = /* wgsl */ `
var<workgroup> shares: array<V, 128>;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let c = group.x * 8u + index % 8u;
  shares[index] = share(min(c, p.columns - 1u), index / 8u, 16u);
  workgroupBarrier();
  for (var half = 64u; half >= 8u; half /= 2u) {
    if (index < half) { shares[index] += shares[index + half]; }
    workgroupBarrier();
  }
  if (index < 8u && c < p.columns) { put(c, shares[index]); }
}
`;

/**
 * The kernel of target = [target +] the sum of one half of the partial sums
 * over blocks: in order, or by the workgroup variant in sixteen shares that a
 * tree adds.
 */
export const layerNormColumns: (form: RowForm) => Kernel = defineKernels({
  name: "layer_norm_columns",
  make: ({ variant, vectors }) => ({
    name: `layer_norm_columns_${variant}`,
    wgsl: rowHead({ variant, vectors, lanes: 1, held: 0 }) + COLUMNS +
      (variant === "workgroup" ? COLUMNS_WORKGROUP : COLUMNS_SERIAL),
  }),
  forms: NOT_HELD,
  key: ({ variant, vectors }) => `${variant} ${vectors}`,
});

/** Declares the statistics of each row and `statistics_at(row)`. */
function declareStatistics({ variant }: RowForm, binding: number): string {
  return declareInput(binding, "statistics", variant === "texels");
}
