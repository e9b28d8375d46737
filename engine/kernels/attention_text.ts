// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What every attention kernel shares: the parameters, how rows of q, k and v
// are addressed inside [batch, length, heads·D], the mask rules, and dropout.
//
// Scores are kept in base 2: s = q·k · scale · log2(e), p = 2^(s - lse).
//   masked key    s = MASKED: the key counts only where all keys of a row are
//                 masked
//   excluded key  s = EXCLUDED: outside the causal or window rule; p = 0 always
// A row whose allowed keys are all masked has lse = MASKED and spreads its
// attention evenly over them, as adding the most negative float would.
//
// With segments (MASK = 2), rows of several texts lie side by side and each row
// attends to its own text only. The binding of the mask then holds, for each
// row that a kernel owns (queries, or keys for dk and dv), the first and the
// one-past-last row of the other side that belong to the same segment. All
// other rows are excluded.

import type { Access, KernelSource } from "../gpu/kernel.ts";
import { declareTexels } from "../gpu/texels.ts";
import { PHILOX } from "./random.ts";

/** The properties of an attention that select the text of its kernels. */
export interface AttentionForm {
  /** Columns of a head. */
  depth: number;
  /** Whether heads start at multiples of four elements. */
  aligned: boolean;
  /** Whether rows of heads are read as texels. They must then be aligned. */
  texels: boolean;
}

const RULES = /* wgsl */ `
override MASK: u32 = 0u; // 1 for a mask, 2 for segments
override CAUSAL: u32 = 0u;
override WINDOW: u32 = 0u;
override DROPOUT: u32 = 0u;
const MASKED = -1e38;
const EXCLUDED = -3e38;
struct Params {
  batch: u32, // the first batch row of the window, for dropout's counter
  sq: u32,
  sk: u32,
  heads: u32,
  items: u32, // invocations (serial) or workgroups (tiled) with work
  offset: i32, // what to add to a query's index to compare it with a key's
  window: i32,
  scale: f32, // of the products q·k; in base 2 where log2(e) is multiplied in
  scale2: f32,
  threshold: u32, // of 2^24: a probability is dropped where its 24 bits are below
  keep: f32, // 1 / (1 - rate)
  key0: u32,
  key1: u32,
  stream0: u32,
  stream1: u32,
}

// Keys [x, y) that queries first..last may see by rule.
fn keys_of(first: u32, last: u32) -> vec2<u32> {
  var low = i32(segment_of(first).x);
  var high = i32(segment_of(last).y);
  if (CAUSAL == 1u) { high = min(high, i32(last) + p.offset + 1); }
  if (WINDOW == 1u) {
    low = max(low, i32(first) + p.offset - p.window);
    high = min(high, i32(last) + p.offset + p.window + 1);
  }
  return vec2<u32>(u32(low), u32(max(low, high)));
}
// Queries [x, y) that may see keys first..last by rule.
fn queries_of(first: u32, last: u32) -> vec2<u32> {
  var low = i32(segment_of(first).x);
  var high = i32(segment_of(last).y);
  if (CAUSAL == 1u) { low = max(low, i32(first) - p.offset); }
  if (WINDOW == 1u) {
    low = max(low, i32(first) - p.offset - p.window);
    high = min(high, i32(last) - p.offset + p.window + 1);
  }
  return vec2<u32>(u32(low), u32(max(low, high)));
}
// The score after the rules of mask, causality and window.
fn rule(s: f32, visible: bool, i: u32, j: u32) -> f32 {
  var r = s;
  if (MASK != 0u) { r = select(select(EXCLUDED, MASKED, MASK == 1u), r, visible); }
  let d = i32(i) + p.offset - i32(j);
  if (CAUSAL == 1u) { r = select(r, EXCLUDED, d < 0); }
  if (WINDOW == 1u) { r = select(r, EXCLUDED, abs(d) > p.window); }
  return select(EXCLUDED, r, j < p.sk);
}
// Whether queries first..last see all of keys low..high, so that no rule
// applies.
fn unruled(first: u32, last: u32, low: u32, high: u32) -> bool {
  var all = MASK == 0u && high < p.sk;
  if (CAUSAL == 1u) { all = all && i32(high) <= i32(first) + p.offset; }
  if (WINDOW == 1u) {
    all = all && i32(last) + p.offset - i32(low) <= p.window
      && i32(high) - i32(first) - p.offset <= p.window;
  }
  return all;
}
// lse is given as (max, log2 Σ). Their sum would round log2 Σ away where max is
// large.
fn probability(s: f32, lse: vec2<f32>, i: u32) -> f32 {
  // Without a mask, a row that sees no key has EXCLUDED scores only, and p = 0.
  if (MASK != 1u || lse.x > 0.5 * MASKED) { return exp2((s - lse.x) - lse.y); }
  let range = keys_of(i, i);
  return select(0.0, 1.0 / f32(max(range.y - range.x, 1u)), s > 2.0 * MASKED);
}
// lse from the largest score and the sum of a row; MASKED where all is masked.
fn lse_of(m: f32, sum: f32) -> vec2<f32> {
  return select(vec2<f32>(MASKED, 0.0), vec2<f32>(m, log2(sum)), m > 0.5 * MASKED);
}
// Where a row of a head begins, in units.
fn base_of(b: u32, h: u32, row: u32, length: u32) -> u32 {
  return ((b * length + row) * p.heads + h) * (D / UNIT);
}
// Whether dropout keeps the probabilities of keys 4·quad … 4·quad + 3.
fn kept4(b: u32, h: u32, i: u32, quad: u32) -> vec4<bool> {
  let row = ((p.batch + b) * p.heads + h) * p.sq + i;
  let bits = philox4x32(vec4<u32>(quad, row, p.stream0, p.stream1), vec2<u32>(p.key0, p.key1));
  return (bits >> vec4<u32>(8u)) >= vec4<u32>(p.threshold);
}
// What dropout multiplies these probabilities by.
fn factors(b: u32, h: u32, i: u32, quad: u32) -> vec4<f32> {
  return select(vec4<f32>(0.0), vec4<f32>(p.keep), kept4(b, h, i, quad));
}
` + PHILOX;

// segment_of gives the rows [x, y) of the other side in the same segment as a
// row. within and within4 say whether a row, or each of four, lies in a
// segment, and inside whether a row lies in each of four segments.
const SEGMENT_OF = /* wgsl */ `
fn segment_of(row: u32) -> vec2<u32> {
  if (MASK != 2u) { return vec2<u32>(0u, others()); }
  return min(vec2<u32>(mask[2u * row], mask[2u * row + 1u]), vec2<u32>(others()));
}
fn within(segment: vec2<u32>, row: u32) -> bool {
  return MASK != 2u || (row >= segment.x && row < segment.y);
}
fn within4(segment: vec2<u32>, row: u32) -> vec4<bool> {
  let rows = row + vec4<u32>(0u, 1u, 2u, 3u);
  return vec4<bool>(MASK != 2u) | ((rows >= vec4<u32>(segment.x)) & (rows < vec4<u32>(segment.y)));
}
fn inside(starts: vec4<u32>, ends: vec4<u32>, row: u32) -> vec4<bool> {
  return vec4<bool>(MASK != 2u) | ((vec4<u32>(row) >= starts) & (vec4<u32>(row) < ends));
}
`;

// The same where the kernel has no mask.
const NO_SEGMENTS = /* wgsl */ `
fn segment_of(row: u32) -> vec2<u32> { return vec2<u32>(0u, others()); }
`;

// Rows of heads are arrays of Unit, UNIT numbers each.
const ALIGNED = /* wgsl */ `
alias Unit = vec4<f32>;
const UNIT = 4u;
`;

const RAGGED = /* wgsl */ `
alias Unit = f32;
const UNIT = 1u;
`;

/** `fetch_name(base, n)`: vec4 number n of a row of heads. */
function fetchText(name: string, { aligned, texels }: AttentionForm): string {
  if (texels) {
    return /* wgsl */ `
fn fetch_${name}(base: u32, n: u32) -> vec4<f32> { return ${name}_texel(base + n); }
`;
  }
  return aligned
    ? /* wgsl */ `
fn fetch_${name}(base: u32, n: u32) -> vec4<f32> { return ${name}[base + n]; }
`
    : /* wgsl */ `
fn fetch_${name}(base: u32, n: u32) -> vec4<f32> {
  let c = n * 4u;
  return vec4<f32>(
    ${name}[base + c],
    select(0.0, ${name}[base + c + 1u], c + 1u < D),
    select(0.0, ${name}[base + c + 2u], c + 2u < D),
    select(0.0, ${name}[base + c + 3u], c + 3u < D));
}
`;
}

/** `store_name(base, n, v)` writes vec4 number n of a row of heads. */
function storeText(name: string, { aligned }: AttentionForm): string {
  return aligned
    ? /* wgsl */ `
fn store_${name}(base: u32, n: u32, v: vec4<f32>) { ${name}[base + n] = v; }
`
    : /* wgsl */ `
fn store_${name}(base: u32, n: u32, v: vec4<f32>) {
  let c = n * 4u;
  ${name}[base + c] = v.x;
  if (c + 1u < D) { ${name}[base + c + 1u] = v.y; }
  if (c + 2u < D) { ${name}[base + c + 2u] = v.z; }
  if (c + 3u < D) { ${name}[base + c + 3u] = v.w; }
}
`;
}

// What backward needs of a query's row: lse in x and z, Σ dy·y in y.
const ROW = /* wgsl */ `
fn row_of(row: u32) -> vec3<f32> { return rows[row].xyz; }
`;

const ROW_TEXEL = /* wgsl */ `
fn row_of(row: u32) -> vec3<f32> { return rows_texel(row).xyz; }
`;

/** A binding of an attention kernel. */
export interface AttentionBinding {
  name: string;
  access: Access;
  /**
   * The WGSL type.
   *
   * @default {rows of heads, which `fetch_name` reads or `store_name` writes}
   */
  type?: string;
}

const TYPES: Readonly<Record<string, string>> = {
  rows: "array<vec4<f32>>",
  mask: "array<u32>",
};

/** Bindings that kernels read. The types of `rows` and `mask` are known. */
export function read(...names: string[]): AttentionBinding[] {
  return names.map((name) => {
    const type = TYPES[name];
    return type ? { name, access: "read", type } : { name, access: "read" };
  });
}

/**
 * The start of `main` of a kernel whose workgroups own ROWS rows of a head
 * each: `first` to `last` of head `h` of batch row `b`.
 */
export function ownRows(length: "sq" | "sk", invocations: number): string {
  return /* wgsl */ `
@compute @workgroup_size(${invocations})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = group.x + group.y * groups.x;
  if (item >= p.items) { return; }
  let blocks = (p.${length} + ROWS - 1u) / ROWS;
  let first = item % blocks * ROWS;
  let h = item / blocks % p.heads;
  let b = item / blocks / p.heads;
  let last = min(first + ROWS - 1u, p.${length} - 1u);
`;
}

/**
 * Puts a kernel together: declarations, the shared functions, and its own text.
 *
 * @param bindings The bindings in order, without the parameters.
 * @param body The text of the kernel itself.
 * @param owned The side whose rows an invocation or workgroup owns.
 */
export function attentionSource(
  name: string,
  form: AttentionForm,
  bindings: readonly AttentionBinding[],
  body: string,
  owned: "queries" | "keys" = "queries",
): KernelSource {
  const { depth, aligned, texels } = form;
  const isTexels = ({ access, type }: AttentionBinding) =>
    texels && access === "read" && (!type || type === TYPES.rows);
  const declared = bindings.map((binding, i) => {
    const { name, access, type } = binding;
    if (isTexels(binding)) return declareTexels(i, name);
    return `@group(0) @binding(${i}) var<storage, ${
      access === "read" ? "read" : "read_write"
    }> ${name}: ${type ?? "array<Unit>"};\n`;
  });
  const accessors = bindings.filter(({ type }) => !type).map((b) =>
    (b.access === "read" ? fetchText : storeText)(b.name, form)
  );
  const reads = (variable: string) =>
    bindings.some((b) => b.name === variable && b.access === "read");
  return {
    name,
    wgsl: [
      `const D = ${depth}u;\n`,
      aligned ? ALIGNED : RAGGED,
      ...declared,
      `@group(0) @binding(${bindings.length}) var<uniform> p: Params;\n`,
      RULES,
      `fn others() -> u32 { return p.${owned === "keys" ? "sq" : "sk"}; }\n`,
      reads("mask") ? SEGMENT_OF : NO_SEGMENTS,
      reads("rows") ? texels ? ROW_TEXEL : ROW : "",
      ...accessors,
      body,
    ].join(""),
  };
}
