// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Attention of a few queries to keys that lie in a cache [rows, capacity, H·D],
// forward only. Which cache row holds key j of query row r is looked up in a
// table (for beams that share their past) or follows from r (for rows of one
// source).
//   serial      one invocation a query and head: online softmax over the keys,
//               with q and y in registers; for adapters on the CPU
//   workgroup   128 invocations a query and head, 128 keys at a time: each
//               scores one key, then they share the columns of y and slices of
//               the keys; for GPUs
//   split       the same for 512 keys only; a second kernel combines the parts
//               of a query and head, in order. For GPUs that a few queries to a
//               long cache would leave idle
// Scores are in base 2. A masked key has the score MASKED: where all keys are
// masked, attention spreads evenly, as adding the most negative float would
// make it.

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import { unroll } from "./unroll.ts";

/** The properties of a call that select the text of its kernel. */
export interface CachedAttentionForm {
  /** Who owns a query; see the head of the file. */
  variant: "serial" | "workgroup" | "split";
  /** Columns of a head. */
  depth: number;
}

/** The keys of a part, where they are split among workgroups. */
export const CACHED_PART = 512;

const HEAD = /* wgsl */ `
override MASK: u32 = 0u;
override ORIGINS: u32 = 0u;
const MASKED = -1e38;
const EXCLUDED = -3e38;
const N = (D + 3u) / 4u;
const WIDTH = D / UNIT;
struct Params {
  first: u32, items: u32, queries: u32, heads: u32, length: u32, causal: u32, capacity: u32,
  row: u32, share: u32, mask_share: u32, mask_columns: u32, scale: f32,
  parts: u32, // workgroups of a query and head
}
@group(0) @binding(0) var<storage, read> q: array<Unit>;
@group(0) @binding(1) var<storage, read> k: array<Unit>;
@group(0) @binding(2) var<storage, read> v: array<Unit>;
@group(0) @binding(3) var<storage, read> mask: array<u32>;
@group(0) @binding(4) var<storage, read> origins: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<Result>;
@group(0) @binding(6) var<uniform> p: Params;

// An item is a head h of a query i of a row r. keys_of says how many keys it
// sees.
fn keys_of(item: u32) -> u32 {
  let i = item / p.heads % p.queries;
  return p.length - select(0u, p.queries - 1u - i, p.causal == 1u);
}
// The offset of the item's head in key j.
fn key_at(item: u32, j: u32) -> u32 {
  let r = item / p.heads / p.queries;
  var row = r / p.share;
  if (ORIGINS == 1u) { row = origins[r * p.capacity + j]; }
  return (((row - p.row) * p.capacity + j) * p.heads + item % p.heads) * WIDTH;
}
fn masked(item: u32, j: u32) -> bool {
  if (MASK == 0u) { return false; }
  return mask[item / p.heads / p.queries / p.mask_share * p.mask_columns + j] == 0u;
}
`;

const ALIGNED = /* wgsl */ `
alias Unit = vec4<f32>;
const UNIT = 4u;
fn fetch_q(base: u32, n: u32) -> vec4<f32> { return q[base + n]; }
fn fetch_k(base: u32, n: u32) -> vec4<f32> { return k[base + n]; }
fn fetch_v(base: u32, n: u32) -> vec4<f32> { return v[base + n]; }
`;

const STORE_ALIGNED = /* wgsl */ `
fn store_y(base: u32, n: u32, x: vec4<f32>) { y[base + n] = x; }
`;

const RAGGED = /* wgsl */ `
alias Unit = f32;
const UNIT = 1u;
fn inside(n: u32) -> vec4<bool> { return vec4<u32>(n * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(D); }
fn fetch_q(base: u32, n: u32) -> vec4<f32> {
  let c = base + n * 4u;
  return select(vec4<f32>(0.0), vec4<f32>(q[c], q[c + 1u], q[c + 2u], q[c + 3u]), inside(n));
}
fn fetch_k(base: u32, n: u32) -> vec4<f32> {
  let c = base + n * 4u;
  return select(vec4<f32>(0.0), vec4<f32>(k[c], k[c + 1u], k[c + 2u], k[c + 3u]), inside(n));
}
fn fetch_v(base: u32, n: u32) -> vec4<f32> {
  let c = base + n * 4u;
  return select(vec4<f32>(0.0), vec4<f32>(v[c], v[c + 1u], v[c + 2u], v[c + 3u]), inside(n));
}
`;

const STORE_RAGGED = /* wgsl */ `
fn store_y(base: u32, n: u32, x: vec4<f32>) {
  let c = base + n * 4u;
  y[c] = x.x;
  if (n * 4u + 1u < D) { y[c + 1u] = x.y; }
  if (n * 4u + 2u < D) { y[c + 2u] = x.z; }
  if (n * 4u + 3u < D) { y[c + 3u] = x.w; }
}
`;

// A workgroup's invocations first score a key each; then invocation (slice,
// column) adds every SLICES-th key's share of a column.
const WORKGROUP = /* wgsl */ `
const SLICES = 128u / N;
var<workgroup> query: array<vec4<f32>, N>;
var<workgroup> starts: array<u32, 128>;
var<workgroup> weights: array<f32, 128>;
var<workgroup> tree: array<f32, 128>;
var<workgroup> partial: array<vec4<f32>, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let local = (group.x + group.y * groups.x) / p.parts;
  if (local >= p.items) { return; }
  let item = p.first + local;
  let begin = (group.x + group.y * groups.x) % p.parts * PART;
  let keys = min(keys_of(item), begin + PART);
  if (lane < N) { query[lane] = fetch_q(item * WIDTH, lane) * p.scale; }
  workgroupBarrier();
  let column = lane % N;
  let slice = lane / N;
  var m = MASKED;
  var l = 0.0;
  var sum = vec4<f32>(0.0);
  for (var start = begin; start < keys; start += 128u) {
    let j = start + lane;
    var s = EXCLUDED;
    var at = 0u;
    if (j < keys) {
      at = key_at(item, j);
      s = 0.0;
      for (var n = 0u; n < N; n++) { s += dot(query[n], fetch_k(at, n)); }
      if (masked(item, j)) { s = MASKED; }
    }
    starts[lane] = at;
    tree[lane] = s;
    workgroupBarrier();
    for (var half = 64u; half > 0u; half /= 2u) {
      if (lane < half) { tree[lane] = max(tree[lane], tree[lane + half]); }
      workgroupBarrier();
    }
    let top = max(m, tree[0]);
    let a = exp2(m - top);
    let e = exp2(s - top);
    weights[lane] = e;
    m = top;
    l = l * a + e;
    sum *= a;
    workgroupBarrier();
    if (slice < SLICES) {
      for (var c = slice; c < min(128u, keys - start); c += SLICES) {
        sum += weights[c] * fetch_v(starts[c], column);
      }
    }
    workgroupBarrier();
  }
  tree[lane] = l;
  partial[lane] = sum;
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (lane < half) { tree[lane] += tree[lane + half]; }
    workgroupBarrier();
  }
  if (lane < N) {
    for (var c = 1u; c < SLICES; c++) { sum += partial[c * N + lane]; }
    put(item, begin / PART, lane, sum, m, tree[0]);
  }
}
`;

// Writes column `lane` of y: the workgroup has seen all keys of the item.
const PUT_WHOLE = /* wgsl */ `
const PART = 0x7fffffffu;
alias Result = Unit;
fn put(item: u32, part: u32, lane: u32, sum: vec4<f32>, m: f32, l: f32) {
  store_y(item * WIDTH, lane, sum / l);
}
`;

// Writes column `lane` of a part: the sum, and once for all columns what the
// parts are put together by.
const PUT_PART = /* wgsl */ `
const PART = ${CACHED_PART}u;
alias Result = vec4<f32>;
fn put(item: u32, part: u32, lane: u32, sum: vec4<f32>, m: f32, l: f32) {
  let at = (item - p.first) * p.parts + part;
  y[at * (N + 1u) + lane] = sum;
  if (lane == 0u) { y[at * (N + 1u) + N] = vec4<f32>(m, l, 0.0, 0.0); }
}
`;

// Combines the parts of a query and head: each holds Σ e·v and (largest score,
// Σ e).
const COMBINE = /* wgsl */ `
const N = (D + 3u) / 4u;
const WIDTH = D / UNIT;
struct Params { first: u32, items: u32, parts: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<Unit>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let local = id.x + id.y * groups.x * 64u;
  if (local >= p.items * N) { return; }
  let base = local / N * p.parts;
  let lane = local % N;
  var m = x[base * (N + 1u) + N].x;
  for (var i = 1u; i < p.parts; i++) { m = max(m, x[(base + i) * (N + 1u) + N].x); }
  var l = 0.0;
  var sum = vec4<f32>(0.0);
  for (var i = 0u; i < p.parts; i++) {
    let part = (base + i) * (N + 1u);
    let e = exp2(x[part + N].x - m);
    l += e * x[part + N].y;
    sum += e * x[part + lane];
  }
  store_y((p.first + local / N) * WIDTH, lane, sum / l);
}
`;

/**
 * The text for adapters on the CPU: registers are named variables; see
 * unroll.ts.
 */
function serial(depth: number): string {
  const count = Math.ceil(depth / 4);
  return /* wgsl */ `
alias Result = Unit;

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let local = id.x + id.y * groups.x * 8u;
  if (local >= p.items) { return; }
  let item = p.first + local;
  let keys = keys_of(item);
  var m = MASKED;
  var l = 0.0;
${
    unroll(count, (n) =>
      `  let q${n} = fetch_q(item * WIDTH, ${n}u) * p.scale;
  var y${n} = vec4<f32>(0.0);`)
  }
  for (var j = 0u; j < keys; j++) {
    let at = key_at(item, j);
    var s = 0.0;
${unroll(count, (n) => `    s += dot(q${n}, fetch_k(at, ${n}u));`)}
    if (masked(item, j)) { s = MASKED; }
    let top = max(m, s);
    let a = exp2(m - top);
    let e = exp2(s - top);
    m = top;
    l = l * a + e;
${unroll(count, (n) => `    y${n} = y${n} * a + e * fetch_v(at, ${n}u);`)}
  }
${unroll(count, (n) => `  store_y(item * WIDTH, ${n}u, y${n} / l);`)}
}
`;
}

/** The number of words of a part of an item. */
export function partWords(depth: number): number {
  return 4 * (Math.ceil(depth / 4) + 1);
}

/** The kernel of y, or of its parts, from q, k, v, mask and origins. */
export const cachedForward: (form: CachedAttentionForm) => Kernel =
  defineKernels({
    name: "cached_attention",
    make: ({ variant, depth }) => {
      const aligned = depth % 4 === 0;
      const split = variant === "split";
      return {
        name: `cached_attention_${variant}`,
        wgsl: [
          `const D = ${depth}u;\n`,
          aligned ? ALIGNED : RAGGED,
          HEAD,
          split ? "" : aligned ? STORE_ALIGNED : STORE_RAGGED,
          variant === "serial"
            ? serial(depth)
            : (split ? PUT_PART : PUT_WHOLE) + WORKGROUP,
        ].join(""),
      };
    },
    key: ({ variant, depth }) => `${variant} ${depth}`,
    forms: {
      serial: { variant: "serial", depth: 64 },
      workgroup: { variant: "workgroup", depth: 64 },
      split: { variant: "split", depth: 64 },
    },
  });

/** The kernel of y from the parts of `"split"`. One invocation a vec4 of y. */
export const cachedCombine: (depth: number) => Kernel = defineKernels({
  name: "cached_attention_combine",
  make: (depth) => {
    const aligned = depth % 4 === 0;
    return {
      name: "cached_attention_combine",
      wgsl: [
        `const D = ${depth}u;\n`,
        aligned
          ? "alias Unit = vec4<f32>;\nconst UNIT = 4u;\n"
          : "alias Unit = f32;\nconst UNIT = 1u;\n",
        COMBINE,
        aligned ? STORE_ALIGNED : STORE_RAGGED,
      ].join(""),
    };
  },
  key: String,
  forms: { aligned: 64, ragged: 6 },
});
