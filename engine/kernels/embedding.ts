// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Embedding: y[t] = table[ids[t]], and the gradient of the table, which costs
// tokens × width whatever the vocabulary is:
//   link     one invocation per token finds the next token with the same id,
//            and whether an earlier one has it (vec4 loads, ends at a match)
//   scatter  one invocation per (first token of an id, column) follows that
//            chain in order and adds to the gradient. For adapters on the CPU,
//            an invocation has several columns, and ids and dy are read as
//            texels
// A dispatch sees the table's rows `first` to `first + rows`, and skips tokens
// of other rows. Ids outside [0, n) give NaN, which the dispatch of the first
// rows writes.

import { defineKernel, type Kernel } from "../gpu/kernel.ts";
import { declareTexels } from "../gpu/texels.ts";
import { WIDEN_HALVES } from "./halves.ts";

const FORWARD = /* wgsl */ `
struct Params { tokens: u32, width: u32, n: u32, first: u32, rows: u32, ids_offset: u32, y_offset: u32, table_offset: u32 }
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<uniform> p: Params;
`;

/** How the forward kernels read the table: `table_at(i)` gives bits of f32. */
const TABLES = {
  f32: /* wgsl */ `
@group(0) @binding(0) var<storage, read> table: array<u32>;
fn table_at(i: u32) -> u32 { return table[i]; }
`,
  f16: /* wgsl */ `
@group(0) @binding(0) var<storage, read> table: array<u32>;
${WIDEN_HALVES}
fn table_at(i: u32) -> u32 { return widen_halves(vec2<u32>(table[i / 2u]))[i % 2u]; }
`,
} as const;

/** The same for four elements at a time. */
const TABLES4 = {
  f32: /* wgsl */ `
@group(0) @binding(0) var<storage, read> table: array<vec4<u32>>;
fn table_at(i: u32) -> vec4<u32> { return table[i]; }
`,
  f16: /* wgsl */ `
@group(0) @binding(0) var<storage, read> table: array<vec2<u32>>;
${WIDEN_HALVES}
fn table_at(i: u32) -> vec4<u32> { return widen_halves(table[i]); }
`,
} as const;

/** The types of element that a table is stored as. */
type Stored = keyof typeof TABLES;

/** The forward kernel for widths that are not a multiple of 4. */
function forward(stored: Stored): Kernel {
  return defineKernel({
    name: stored === "f16" ? "embedding_halves" : "embedding",
    wgsl: /* wgsl */ `
${FORWARD}${TABLES[stored]}
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.tokens * p.width) { return; }
  let row = ids[p.ids_offset + e / p.width];
  if (row >= p.n) {
    if (p.first == 0u) { y[p.y_offset + e] = 0x7fc00000u; }
    return;
  }
  if (row < p.first || row >= p.first + p.rows) { return; }
  y[p.y_offset + e] = table_at(p.table_offset + (row - p.first) * p.width + e % p.width);
}
`,
  });
}

/** The forward kernel for widths that are a multiple of 4. */
function forward4(stored: Stored): Kernel {
  return defineKernel({
    name: stored === "f16" ? "embedding4_halves" : "embedding4",
    wgsl: /* wgsl */ `
${FORWARD}${TABLES4[stored]}
@group(0) @binding(2) var<storage, read_write> y: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  let width = p.width / 4u;
  if (e >= p.tokens * width) { return; }
  let row = ids[p.ids_offset + e / width];
  if (row >= p.n) {
    if (p.first == 0u) { y[p.y_offset / 4u + e] = vec4<u32>(0x7fc00000u); }
    return;
  }
  if (row < p.first || row >= p.first + p.rows) { return; }
  y[p.y_offset / 4u + e] = table_at(p.table_offset / 4u + (row - p.first) * width + e % width);
}
`,
  });
}

/** The forward kernels for any width, by how the table is stored. */
export const EMBEDDING = { f32: forward("f32"), f16: forward("f16") } as const;

/** The forward kernels for widths that are a multiple of 4. */
export const EMBEDDING4 = {
  f32: forward4("f32"),
  f16: forward4("f16"),
} as const;

const IDS_BUFFER = /* wgsl */ `
@group(0) @binding(0) var<storage, read> ids: array<vec4<i32>>;
fn ids_at(i: u32) -> vec4<i32> { return ids[i]; }
`;

const IDS_TEXELS = declareTexels(0, "ids") + /* wgsl */ `
fn ids_at(i: u32) -> vec4<i32> { return bitcast<vec4<i32>>(ids_texel(i)); }
`;

/**
 * The kernel that links tokens `start` to `end`. It gives each the next token
 * below `end` with the same id (or `end`), plus 2³¹ if it is the first one from
 * `start` on that has the id. Tokens of `padding` get `end`, and so belong to
 * no chain.
 */
function link(variant: "buffers" | "texels"): Kernel {
  const texels = variant === "texels";
  return defineKernel({
    name: texels ? "embedding_link_texels" : "embedding_link",
    wgsl: /* wgsl */ `
struct Params { start: u32, end: u32, padding: i32 }
${texels ? IDS_TEXELS : IDS_BUFFER}
@group(0) @binding(1) var<storage, read_write> link: array<u32>;
@group(0) @binding(2) var<uniform> p: Params;

const LANES = vec4<u32>(0u, 1u, 2u, 3u);

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let t = p.start + id.x + id.y * groups.x * 64u;
  if (t >= p.end) { return; }
  let mine = ids_at(t / 4u)[t % 4u];
  if (mine == p.padding && mine >= 0) {
    link[t] = p.end;
    return;
  }
  var is_first = true;
  for (var q = p.start / 4u; q * 4u < t; q++) {
    let at = LANES + q * 4u;
    if (any((ids_at(q) == vec4<i32>(mine)) & (at < vec4<u32>(t)) & (at >= vec4<u32>(p.start)))) {
      is_first = false;
      break;
    }
  }
  var next = p.end;
  for (var q = (t + 1u) / 4u; q * 4u < p.end; q++) {
    let at = LANES + q * 4u;
    let found = select(
      vec4<u32>(p.end), at,
      (ids_at(q) == vec4<i32>(mine)) & (at > vec4<u32>(t)) & (at < vec4<u32>(p.end)));
    next = min(min(found.x, found.y), min(found.z, found.w));
    if (next < p.end) { break; }
  }
  link[t] = next | select(0u, 0x80000000u, is_first);
}
`,
  });
}

/** The kernels that link tokens, by how they read ids. */
export const EMBEDDING_LINK = {
  buffers: link("buffers"),
  texels: link("texels"),
} as const;

/**
 * The kernel that adds dy of tokens `start` to `end` along the chains, for any
 * width.
 */
export const EMBEDDING_SCATTER: Kernel = defineKernel({
  name: "embedding_scatter",
  wgsl: /* wgsl */ `
struct Params { start: u32, end: u32, width: u32, n: u32, first: u32, rows: u32, y_offset: u32, table_offset: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> link: array<u32>;
@group(0) @binding(3) var<storage, read_write> table: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  var t = p.start + e / p.width;
  if (t >= p.end) { return; }
  var next = link[t];
  let row = ids[t];
  if ((next & 0x80000000u) == 0u || row >= p.n || row < p.first || row >= p.first + p.rows) { return; }
  let c = e % p.width;
  let at = p.table_offset + (row - p.first) * p.width + c;
  var acc = table[at];
  loop {
    acc += dy[p.y_offset + (t - p.start) * p.width + c];
    t = next & 0x7fffffffu;
    if (t >= p.end) { break; }
    next = link[t];
  }
  table[at] = acc;
}
`,
});

/**
 * The columns (as vec4) of each invocation of the kernel below, from texels.
 */
export const SCATTER_RUN = 16;

/** The same kernel for widths that are a multiple of 4. */
function scatter4(variant: "buffers" | "texels"): Kernel {
  const texels = variant === "texels";
  return defineKernel({
    name: texels ? "embedding_scatter4_texels" : "embedding_scatter4",
    wgsl: /* wgsl */ `
const RUN = ${texels ? SCATTER_RUN : 1}u;
struct Params { start: u32, end: u32, width: u32, n: u32, first: u32, rows: u32, y_offset: u32, table_offset: u32 }
${
      texels ? declareTexels(0, "dy") : /* wgsl */ `
@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;
fn dy_texel(i: u32) -> vec4<f32> { return dy[i]; }`
    }
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read> link: array<u32>;
@group(0) @binding(3) var<storage, read_write> table: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  let width = p.width / 4u;
  let runs = (width + RUN - 1u) / RUN;
  let t = p.start + e / runs;
  if (t >= p.end) { return; }
  let first = link[t];
  let row = ids[t];
  if ((first & 0x80000000u) == 0u || row >= p.n || row < p.first || row >= p.first + p.rows) { return; }
  let begin = e % runs * RUN;
  let target_ = p.table_offset / 4u + (row - p.first) * width;
  let source = p.y_offset / 4u;
  if ((first & 0x7fffffffu) >= p.end) { // No other token has its id.
    for (var c = begin; c < min(begin + RUN, width); c++) {
      table[target_ + c] += dy_texel(source + (t - p.start) * width + c);
    }
    return;
  }
  for (var c = begin; c < min(begin + RUN, width); c++) {
    var acc = table[target_ + c];
    var token = t;
    var next = first & 0x7fffffffu;
    loop {
      acc += dy_texel(source + (token - p.start) * width + c);
      if (next >= p.end) { break; }
      token = next;
      next = link[token] & 0x7fffffffu;
    }
    table[target_ + c] = acc;
  }
}
`,
  });
}

/**
 * {@linkcode EMBEDDING_SCATTER} for four columns at a time, by how they read
 * dy.
 */
export const EMBEDDING_SCATTER4 = {
  buffers: scatter4("buffers"),
  texels: scatter4("texels"),
} as const;
