// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Layer norm over rows of C columns: y = (x - mean)·rstd·weight + bias, with the
// mean first and the variance from centred values. The rounded mean may be off by
// more than a row's spread where all of it lies far from 0: what the centred
// values add up to is the rest, and the mean is saved as both: (mean, rstd, rest).
// Who owns a row is told in rows.ts; rows are read as vec4 where C is a multiple of
// four (`V`). Forward reads x once where a row is held in registers, else three
// times, which costs little as texels.
// Backward: where rows are held, one pass for dx and, over blocks of rows, for
// partial sums of dweight and dbias; else two passes for dx (two sums, then dx)
// and one for the partial sums. These are then added up over the blocks.

import type { Kernel } from "../gpu/kernel.ts";
import {
  declareInput,
  eachOf,
  inputAccess,
  type RowForm,
  rowKernel,
} from "./rows.ts";
import { unroll } from "./unroll.ts";

const JOIN = /* wgsl */ `
fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> { return a + b; }
`;

/** y, x + residual and the statistics from x, residual, weight and bias. */
export function layerNormForward(form: RowForm): Kernel {
  return rowKernel(form, "layer_norm", (form) => {
    const input = inputAccess(form);
    const held = form.held > 0;
    const each = (line: (v: string) => string) =>
      eachOf(
        form,
        "p.columns",
        (i) => line(held ? `v${i}` : "value(base + c)"),
      );
    return {
      bind: [input, input, input, input, "write", "write", "write"],
      params: { rows: "u32", columns: "u32", size: "f32", eps: "f32" },
      wgsl: /* wgsl */ `
override WEIGHT: u32 = 0u;
override BIAS: u32 = 0u;
override RESIDUAL: u32 = 0u;
struct Params { rows: u32, columns: u32, size: f32, eps: f32 }
${declareInput(form, 0, "x")}
${declareInput(form, 1, "residual")}
${declareInput(form, 2, "weight")}
${declareInput(form, 3, "bias")}
@group(0) @binding(4) var<storage, read_write> y: array<V>;
@group(0) @binding(5) var<storage, read_write> sum: array<V>;
@group(0) @binding(6) var<storage, read_write> statistics: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;
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
  var s = V();
${each((v) => held ? `${v} = value(base + c); s += ${v};` : `s += ${v};`)}
  let mean = reduce(vec2<f32>(total(s), 0.0)).x / p.size;
  var q = V();
  var r = V();
${each((v) => `let d = ${v} - V(mean); q += d * d; r += d;`)}
  let both = reduce(vec2<f32>(total(q), total(r))) / p.size;
  let rest = both.y;
  let variance = max(both.x - rest * rest, 0.0);
  let rstd = 1.0 / sqrt(variance + p.eps);
  if (!live) { return; }
${each((v) => `put(base + c, c, ${v}, mean, rest, rstd);`)}
  if (lane == 0u) { statistics[row] = vec4<f32>(mean, rstd, rest, 0.0); }
}
`,
    };
  });
}

const NORMAL = /* wgsl */ `
fn normal(v: V, saved: vec4<f32>) -> V { return ((v - V(saved.x)) - V(saved.z)) * saved.y; }
`;

/** Declares `saved_at(row)`, (mean, rstd, rest), and `normal(v, saved)`. */
function declareStatistics({ variant }: RowForm, binding: number): string {
  const input = declareInput(
    { variant, vectors: true, lanes: 1, held: 0 },
    binding,
    "statistics",
  );
  return NORMAL + (variant === "texels"
    ? input + /* wgsl */ `
fn saved_at(row: u32) -> vec4<f32> { return statistics_at(row); }
`
    : /* wgsl */ `
@group(0) @binding(${binding}) var<storage, read> statistics: array<vec4<f32>>;
fn saved_at(row: u32) -> vec4<f32> { return statistics[row]; }
`);
}

/** dx from dy, x, the statistics and weight, where rows are not held. */
export function layerNormBackward(form: RowForm): Kernel {
  return rowKernel(form, "layer_norm_backward", (form) => {
    const input = inputAccess(form);
    const each = (line: string) => eachOf(form, "p.columns", () => line);
    return {
      bind: [input, input, input, input, "write"],
      params: { rows: "u32", columns: "u32", size: "f32" },
      wgsl: /* wgsl */ `
override WEIGHT: u32 = 0u;
struct Params { rows: u32, columns: u32, size: f32 }
${declareInput(form, 0, "dy")}
${declareInput(form, 1, "x")}
${declareStatistics(form, 2)}
${declareInput(form, 3, "weight")}
@group(0) @binding(4) var<storage, read_write> dx: array<V>;
@group(1) @binding(0) var<uniform> p: Params;
${JOIN}
fn scaled(base: u32, c: u32) -> V {
  if (WEIGHT == 1u) { return dy_at(base + c) * weight_at(c); }
  return dy_at(base + c);
}
fn run(row: u32, lane: u32, live: bool) {
  let base = row * p.columns;
  let saved = saved_at(row);
  var s = V();
  var q = V();
${
        each(`
    let g = scaled(base, c);
    s += g;
    q += g * normal(x_at(base + c), saved);
`)
      }
  let means = reduce(vec2<f32>(total(s), total(q))) / p.size;
  if (!live) { return; }
${
        each(`
    let n = normal(x_at(base + c), saved);
    dx[base + c] = (scaled(base, c) - V(means.x) - n * means.y) * saved.y;
`)
      }
}
`,
    };
  });
}

/** Invocations of a workgroup of {@linkcode layerNormPartials}. */
export function partialsWorkgroup({ variant }: RowForm): number {
  return variant === "workgroup" ? 64 : 8;
}

/**
 * Partial sums of dweight and dbias, [blocks, 2, C], over `span` rows each: one
 * invocation a block and column (or vec4 of columns). Where rows are not held.
 */
export function layerNormPartials(form: RowForm): Kernel {
  return rowKernel(form, "layer_norm_partials", (form) => {
    const input = inputAccess(form);
    return {
      bind: [input, input, input, "write"],
      params: { rows: "u32", columns: "u32", span: "u32", first: "u32" },
      wgsl: /* wgsl */ `
struct Params { rows: u32, columns: u32, span: u32, first: u32 }
${declareInput(form, 0, "dy")}
${declareInput(form, 1, "x")}
${declareStatistics(form, 2)}
@group(0) @binding(3) var<storage, read_write> partials: array<V>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(${partialsWorkgroup(form)})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let c = id.x;
  if (c >= p.columns) { return; }
  let start = id.y * p.span;
  var dweight = V();
  var dbias = V();
  for (var row = start; row < min(start + p.span, p.rows); row++) {
    let saved = saved_at(row);
    let g = dy_at(row * p.columns + c);
    dweight += g * normal(x_at(row * p.columns + c), saved);
    dbias += g;
  }
  partials[(p.first + id.y) * 2u * p.columns + c] = dweight;
  partials[((p.first + id.y) * 2u + 1u) * p.columns + c] = dbias;
}
`,
      ends: { serial: "", workgroup: "" },
    };
  });
}

/**
 * dx, and the partial sums of dweight and dbias over `span` rows, where rows are
 * held: LANES invocations take these one after the other. What the ends call
 * rows are such blocks here, of a tensor of `length` rows.
 */
export function layerNormBlocks(form: RowForm): Kernel {
  return rowKernel(form, "layer_norm_blocks", (form) => {
    const each = (line: (i: string) => string) =>
      eachOf(form, "p.columns", line);
    return {
      bind: ["read", "read", "read", "read", "write", "write"],
      params: {
        rows: "u32",
        columns: "u32",
        span: "u32",
        first: "u32",
        length: "u32",
        size: "f32",
      },
      wgsl: /* wgsl */ `
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
@group(1) @binding(0) var<uniform> p: Params;
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
${
        each((i) => /* wgsl */ `
      g${i} = dy[base + c];
      n${i} = normal(x[base + c], saved);
      dweight${i} += g${i} * n${i};
      dbias${i} += g${i};
      g${i} *= w${i};
      s += g${i};
      q += g${i} * n${i};`)
      }
    }
    if (DX == 1u) {
      let means = reduce(vec2<f32>(total(s), total(q))) / p.size;
      if (live) {
${
        each((i) =>
          `dx[base + c] = (g${i} - V(means.x) - n${i} * means.y) * saved.y;`
        )
      }
      }
    }
  }
  if (SUMS == 1u && own) {
    let at = (p.first + block) * 2u * p.columns;
${
        each((i) => /* wgsl */ `
    partials[at + c] = dweight${i};
    partials[at + p.columns + c] = dbias${i};`)
      }
  }
}
`,
    };
  });
}

/** Columns that a workgroup of {@linkcode layerNormColumns} adds up. */
export const COLUMNS_WORKGROUP = 8;

/**
 * target = [target +] the sum of one half of the partial sums over blocks: in
 * order, or by the workgroup variant in sixteen shares that a tree adds.
 */
export function layerNormColumns({ variant, vectors }: RowForm): Kernel {
  const form = { variant, vectors, lanes: 1, held: 0 };
  return rowKernel(form, "layer_norm_columns", () => ({
    bind: ["read", "write"],
    params: { columns: "u32", blocks: "u32", half: "u32", add: "u32" },
    wgsl: /* wgsl */ `
struct Params { columns: u32, blocks: u32, half: u32, add: u32 }
@group(0) @binding(0) var<storage, read> partials: array<V>;
@group(0) @binding(1) var<storage, read_write> target_: array<V>;
@group(1) @binding(0) var<uniform> p: Params;

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
`,
    ends: {
      serial: /* wgsl */ `
@compute @workgroup_size(${COLUMNS_WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < p.columns) { put(id.x, share(id.x, 0u, 1u)); }
}
`,
      workgroup: /* wgsl */ `
var<workgroup> shares: array<V, 128>;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let c = group.x * ${COLUMNS_WORKGROUP}u + index % ${COLUMNS_WORKGROUP}u;
  shares[index] = share(min(c, p.columns - 1u), index / ${COLUMNS_WORKGROUP}u, 16u);
  workgroupBarrier();
  for (var half = 64u; half >= ${COLUMNS_WORKGROUP}u; half /= 2u) {
    if (index < half) { shares[index] += shares[index + half]; }
    workgroupBarrier();
  }
  if (index < ${COLUMNS_WORKGROUP}u && c < p.columns) { put(c, shares[index]); }
}
`,
    },
  }));
}
