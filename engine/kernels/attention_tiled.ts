// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Attention for GPUs. A workgroup of 8×8 invocations owns 32 rows of one head
// (queries, or keys for dk and dv) and walks the other side in tiles of 32, so
// that a tile of scores is 32×32 and each invocation holds 4×4 of it. Slices of
// 32 columns pass through two tiles of workgroup memory; a third carries
// probabilities from the invocations that made them to those that sum over
// them. 14 KiB of workgroup memory whatever the depth of a head.
//   forward  online softmax over key tiles, y in registers, lse saved
//   dq       p again from lse, ds = p·(dp - Σ dy·y), dq in registers
//   dkv      the same with keys as rows, dk and dv in registers
// Row 4t + r of a tile lies at slot 8r + t: invocations of a row then read
// neighbouring slots, and nine vec4 a slot keep them on different banks.
// Longer than most files: the three kernels share their tiles and their maths.

import type { Kernel } from "../kernel.ts";
import {
  type AttentionBinding,
  type AttentionForm,
  attentionKernel,
  read,
} from "./attention.ts";

/** Rows of a workgroup, and of the tiles it walks over. */
export const ATTENTION_TILE = 32;

const TILES = /* wgsl */ `
var<workgroup> tile_a: array<vec4<f32>, 288>;
var<workgroup> tile_b: array<vec4<f32>, 288>;
var<workgroup> tile_p: array<vec4<f32>, 288>;

fn slot(row: u32) -> u32 { return ((row & 3u) * 8u + row / 4u) * 9u; }
fn base_of(b: u32, h: u32, row: u32, length: u32) -> u32 {
  return ((b * length + row) * p.heads + h) * (D / UNIT);
}
fn vectors(slice: u32) -> u32 { return min((D + 3u) / 4u - slice * 8u, 8u); }

// s[r][c] += row 4·ty + r of tile a times row 4·tx + c of tile b.
struct Scores { s0: vec4<f32>, s1: vec4<f32>, s2: vec4<f32>, s3: vec4<f32> }
fn products(before: Scores, tx: u32, ty: u32, depth: u32) -> Scores {
  var s = before;
  for (var n = 0u; n < depth; n++) {
    let a0 = tile_a[ty * 9u + n];
    let a1 = tile_a[(ty + 8u) * 9u + n];
    let a2 = tile_a[(ty + 16u) * 9u + n];
    let a3 = tile_a[(ty + 24u) * 9u + n];
    let b0 = tile_b[tx * 9u + n];
    let b1 = tile_b[(tx + 8u) * 9u + n];
    let b2 = tile_b[(tx + 16u) * 9u + n];
    let b3 = tile_b[(tx + 24u) * 9u + n];
    s.s0 += vec4<f32>(dot(a0, b0), dot(a0, b1), dot(a0, b2), dot(a0, b3));
    s.s1 += vec4<f32>(dot(a1, b0), dot(a1, b1), dot(a1, b2), dot(a1, b3));
    s.s2 += vec4<f32>(dot(a2, b0), dot(a2, b1), dot(a2, b2), dot(a2, b3));
    s.s3 += vec4<f32>(dot(a3, b0), dot(a3, b1), dot(a3, b2), dot(a3, b3));
  }
  return s;
}

// Puts a 4×4 block where sums() finds it: row 4·ty + r, columns 4·tx ….
fn share(s: Scores, tx: u32, ty: u32) {
  tile_p[ty * 9u + tx] = s.s0;
  tile_p[(ty + 8u) * 9u + tx] = s.s1;
  tile_p[(ty + 16u) * 9u + tx] = s.s2;
  tile_p[(ty + 24u) * 9u + tx] = s.s3;
}

// o[r] += Σ over the 32 rows of tile b of p[4·ty + r][row] · columns 4·tx ….
fn sums(before: Scores, tx: u32, ty: u32) -> Scores {
  var o = before;
  for (var n = 0u; n < 8u; n++) {
    let p0 = tile_p[ty * 9u + n];
    let p1 = tile_p[(ty + 8u) * 9u + n];
    let p2 = tile_p[(ty + 16u) * 9u + n];
    let p3 = tile_p[(ty + 24u) * 9u + n];
    let b0 = tile_b[n * 9u + tx];
    let b1 = tile_b[(n + 8u) * 9u + tx];
    let b2 = tile_b[(n + 16u) * 9u + tx];
    let b3 = tile_b[(n + 24u) * 9u + tx];
    o.s0 += p0.x * b0 + p0.y * b1 + p0.z * b2 + p0.w * b3;
    o.s1 += p1.x * b0 + p1.y * b1 + p1.z * b2 + p1.w * b3;
    o.s2 += p2.x * b0 + p2.y * b1 + p2.z * b2 + p2.w * b3;
    o.s3 += p3.x * b0 + p3.y * b1 + p3.z * b2 + p3.w * b3;
  }
  return o;
}
fn times(s: Scores, f: vec4<f32>) -> Scores {
  return Scores(s.s0 * f.x, s.s1 * f.y, s.s2 * f.z, s.s3 * f.w);
}
`;

const LOAD = /* wgsl */ `
fn load_NAME_SIDE(b: u32, h: u32, first: u32, length: u32, slice: u32, lane: u32) {
  for (var e = lane; e < 256u; e += 64u) {
    let row = e / 8u;
    let n = slice * 8u + e % 8u;
    var v = vec4<f32>(0.0);
    if (first + row < length && n * 4u < D) { v = fetch_NAME(base_of(b, h, first + row, length), n); }
    tile_SIDE[slot(row) + e % 8u] = v;
  }
}
`;

const SAVE = /* wgsl */ `
fn save_NAME(b: u32, h: u32, first: u32, length: u32, n: u32, v: Scores, scale: f32) {
  if (n * 4u >= D) { return; }
  if (first < length) { store_NAME(base_of(b, h, first, length), n, v.s0 * scale); }
  if (first + 1u < length) { store_NAME(base_of(b, h, first + 1u, length), n, v.s1 * scale); }
  if (first + 2u < length) { store_NAME(base_of(b, h, first + 2u, length), n, v.s2 * scale); }
  if (first + 3u < length) { store_NAME(base_of(b, h, first + 3u, length), n, v.s3 * scale); }
}
`;

const PROLOGUE = /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = group.x + group.y * groups.x;
  if (item >= p.items) { return; }
  let tx = lane % 8u;
  let ty = lane / 8u;
  let blocks = (p.LENGTH + 31u) / 32u;
  let first = item % blocks * 32u;
  let h = item / blocks % p.heads;
  let b = item / blocks / p.heads;
  let last = min(first + 31u, p.LENGTH - 1u);
  let mine = first + ty * 4u;
`;

/** Repeats text for every slice of 32 columns, `SLICE` being its number. */
function slices(form: AttentionForm, text: string): string {
  return Array.from(
    { length: Math.ceil(form.depth / 32) },
    (_, i) => text.replaceAll("SLICE", `${i}`),
  ).join("");
}

function tiledKernel(
  name: string,
  form: AttentionForm,
  bindings: readonly AttentionBinding[],
  sides: readonly string[],
  body: string,
): Kernel {
  const text = [
    TILES,
    ...sides.map((side) => {
      const [name = "", tile = ""] = side.split(" ");
      return LOAD.replaceAll("NAME", name).replaceAll("SIDE", tile);
    }),
    ...bindings.filter((b) => b.access === "write" && !b.type).map((b) =>
      SAVE.replaceAll("NAME", b.name)
    ),
    body,
  ].join("");
  return attentionKernel(name, form, bindings, text);
}

/** y and lse from q, k, v. */
export function tiledForward(form: AttentionForm): Kernel {
  return tiledKernel(
    "attention_tiled",
    form,
    [
      ...read("q", "k", "v", "mask"),
      { name: "y", access: "write" },
      { name: "lse", access: "write", type: "array<f32>" },
    ],
    ["q a", "k b", "v b"],
    /* wgsl */ `
var<workgroup> row_max: array<f32, 288>;
fn rules(s: vec4<f32>, visible: vec4<bool>, i: u32, j: u32) -> vec4<f32> {
  let t = s * p.scale2;
  return vec4<f32>(
    rule(t.x, visible.x, i, j), rule(t.y, visible.y, i, j + 1u),
    rule(t.z, visible.z, i, j + 2u), rule(t.w, visible.w, i, j + 3u));
}
fn largest(v: vec4<f32>) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
fn total(v: vec4<f32>) -> f32 { return v.x + v.y + v.z + v.w; }
fn max_of_row(row: u32) -> f32 {
  var m = MASKED;
  for (var t = 0u; t < 8u; t++) { m = max(m, row_max[row * 9u + t]); }
  return m;
}
fn sum_of_row(row: u32) -> f32 {
  var sum = 0.0;
  for (var t = 0u; t < 8u; t++) { sum += row_max[row * 9u + t]; }
  return sum;
}
` + PROLOGUE.replaceAll("LENGTH", "sq") + slices(
      form,
      "  var ySLICE = Scores();\n",
    ) + /* wgsl */ `
  let text0 = text_of(min(mine, last));
  let text1 = text_of(min(mine + 1u, last));
  let text2 = text_of(min(mine + 2u, last));
  let text3 = text_of(min(mine + 3u, last));
  var m = vec4<f32>(MASKED);
  var l = vec4<f32>(0.0); // of this invocation's columns alone
  let range = keys_of(first, last);
  for (var tile = range.x & 0xfffffffcu; tile < range.y; tile += 32u) {
    let j = tile + tx * 4u;
    var visible = vec4<bool>(true);
    if (MASK == 1u) {
      for (var c = 0u; c < 4u; c++) { visible[c] = mask[b * p.sk + min(j + c, p.sk - 1u)] != 0u; }
    }
    var s = Scores();
    for (var slice = 0u; slice * 32u < D; slice++) {
      workgroupBarrier();
      load_q_a(b, h, first, p.sq, slice, lane);
      load_k_b(b, h, tile, p.sk, slice, lane);
      workgroupBarrier();
      s = products(s, tx, ty, vectors(slice));
    }
    s.s0 = rules(s.s0, visible & within4(text0, j), mine, j);
    s.s1 = rules(s.s1, visible & within4(text1, j), mine + 1u, j);
    s.s2 = rules(s.s2, visible & within4(text2, j), mine + 2u, j);
    s.s3 = rules(s.s3, visible & within4(text3, j), mine + 3u, j);
    row_max[(ty * 4u) * 9u + tx] = largest(s.s0);
    row_max[(ty * 4u + 1u) * 9u + tx] = largest(s.s1);
    row_max[(ty * 4u + 2u) * 9u + tx] = largest(s.s2);
    row_max[(ty * 4u + 3u) * 9u + tx] = largest(s.s3);
    workgroupBarrier();
    let m_new = max(m, vec4<f32>(
      max_of_row(ty * 4u), max_of_row(ty * 4u + 1u),
      max_of_row(ty * 4u + 2u), max_of_row(ty * 4u + 3u)));
    let a = exp2(m - m_new);
    m = m_new;
    s.s0 = exp2(s.s0 - m.x);
    s.s1 = exp2(s.s1 - m.y);
    s.s2 = exp2(s.s2 - m.z);
    s.s3 = exp2(s.s3 - m.w);
    l = l * a + vec4<f32>(total(s.s0), total(s.s1), total(s.s2), total(s.s3));
    if (DROPOUT == 1u) {
      s.s0 *= factors(b, h, mine, j / 4u);
      s.s1 *= factors(b, h, mine + 1u, j / 4u);
      s.s2 *= factors(b, h, mine + 2u, j / 4u);
      s.s3 *= factors(b, h, mine + 3u, j / 4u);
    }
    share(s, tx, ty);
` + slices(
        form,
        /* wgsl */ `
    workgroupBarrier();
    load_v_b(b, h, tile, p.sk, SLICEu, lane);
    workgroupBarrier();
    ySLICE = sums(times(ySLICE, a), tx, ty);
`,
      ) + /* wgsl */
      `
  }
  workgroupBarrier();
  row_max[(ty * 4u) * 9u + tx] = l.x;
  row_max[(ty * 4u + 1u) * 9u + tx] = l.y;
  row_max[(ty * 4u + 2u) * 9u + tx] = l.z;
  row_max[(ty * 4u + 3u) * 9u + tx] = l.w;
  workgroupBarrier();
  l = vec4<f32>(
    sum_of_row(ty * 4u), sum_of_row(ty * 4u + 1u),
    sum_of_row(ty * 4u + 2u), sum_of_row(ty * 4u + 3u));
  let f = select(vec4<f32>(0.0), 1.0 / l, l > vec4<f32>(0.0));
` + slices(
        form,
        "  save_y(b, h, mine, p.sq, SLICEu * 8u + tx, times(ySLICE, f), 1.0);\n",
      ) + /* wgsl */ `
  if (tx < 4u && mine + tx < p.sq) {
    lse[(b * p.heads + h) * p.sq + mine + tx] =
      select(MASKED, m[tx] + log2(l[tx]), m[tx] > 0.5 * MASKED);
  }
}
`,
  );
}

/** dq from q, k, v, dy and rows (lse and Σ dy·y). */
export function tiledQueries(form: AttentionForm): Kernel {
  return tiledKernel(
    "attention_tiled_dq",
    form,
    [
      ...read("q", "k", "v", "mask", "dy", "rows"),
      { name: "dq", access: "write" },
    ],
    ["q a", "k b", "dy a", "v b"],
    /* wgsl */ `
fn gradients(s: vec4<f32>, dp: vec4<f32>, visible: vec4<bool>, row: vec2<f32>, b: u32, h: u32, i: u32, j: u32) -> vec4<f32> {
  let t = s * p.scale2;
  let w = vec4<f32>(
    probability(rule(t.x, visible.x, i, j), row.x, i),
    probability(rule(t.y, visible.y, i, j + 1u), row.x, i),
    probability(rule(t.z, visible.z, i, j + 2u), row.x, i),
    probability(rule(t.w, visible.w, i, j + 3u), row.x, i));
  var d = dp;
  if (DROPOUT == 1u) { d *= factors(b, h, i, j / 4u); }
  return w * (d - row.y);
}
` + PROLOGUE.replaceAll("LENGTH", "sq") + slices(
      form,
      "  var dqSLICE = Scores();\n",
    ) + /* wgsl */ `
  let text0 = text_of(min(mine, last));
  let text1 = text_of(min(mine + 1u, last));
  let text2 = text_of(min(mine + 2u, last));
  let text3 = text_of(min(mine + 3u, last));
  let row_base = (b * p.heads + h) * p.sq;
  let row0 = rows[row_base + min(mine, last)];
  let row1 = rows[row_base + min(mine + 1u, last)];
  let row2 = rows[row_base + min(mine + 2u, last)];
  let row3 = rows[row_base + min(mine + 3u, last)];
  let range = keys_of(first, last);
  for (var tile = range.x & 0xfffffffcu; tile < range.y; tile += 32u) {
    let j = tile + tx * 4u;
    var visible = vec4<bool>(true);
    if (MASK == 1u) {
      for (var c = 0u; c < 4u; c++) { visible[c] = mask[b * p.sk + min(j + c, p.sk - 1u)] != 0u; }
    }
    var s = Scores();
    var dp = Scores();
    for (var slice = 0u; slice * 32u < D; slice++) {
      workgroupBarrier();
      load_q_a(b, h, first, p.sq, slice, lane);
      load_k_b(b, h, tile, p.sk, slice, lane);
      workgroupBarrier();
      s = products(s, tx, ty, vectors(slice));
      workgroupBarrier();
      load_dy_a(b, h, first, p.sq, slice, lane);
      load_v_b(b, h, tile, p.sk, slice, lane);
      workgroupBarrier();
      dp = products(dp, tx, ty, vectors(slice));
    }
    s.s0 = gradients(s.s0, dp.s0, visible & within4(text0, j), row0, b, h, mine, j);
    s.s1 = gradients(s.s1, dp.s1, visible & within4(text1, j), row1, b, h, mine + 1u, j);
    s.s2 = gradients(s.s2, dp.s2, visible & within4(text2, j), row2, b, h, mine + 2u, j);
    s.s3 = gradients(s.s3, dp.s3, visible & within4(text3, j), row3, b, h, mine + 3u, j);
    share(s, tx, ty);
` + slices(
        form,
        /* wgsl */ `
    workgroupBarrier();
    load_k_b(b, h, tile, p.sk, SLICEu, lane);
    workgroupBarrier();
    dqSLICE = sums(dqSLICE, tx, ty);
`,
      ) +
      "  }\n" + slices(
        form,
        "  save_dq(b, h, mine, p.sq, SLICEu * 8u + tx, dqSLICE, p.scale);\n",
      ) + "}\n",
  );
}

/** dk and dv from q, k, v, dy and rows (lse and Σ dy·y). */
export function tiledKeys(form: AttentionForm): Kernel {
  return tiledKernel(
    "attention_tiled_dkv",
    form,
    [
      ...read("q", "k", "v", "mask", "dy", "rows"),
      { name: "dk", access: "write" },
      { name: "dv", access: "write" },
    ],
    ["k a", "q b", "v a", "dy b"],
    // Rows are keys here: s.s0 holds key `mine` against queries i … i + 3.
    /* wgsl */ `
fn inside(starts: vec4<u32>, ends: vec4<u32>, i: u32) -> vec4<bool> {
  return vec4<bool>(MASK != 2u) | ((vec4<u32>(i) >= starts) & (vec4<u32>(i) < ends));
}
struct Column { p: vec4<f32>, ds: vec4<f32> }
// Keys j … j + 3 against query i: probabilities after dropout, and ds.
fn column(s: vec4<f32>, dp: vec4<f32>, visible: vec4<bool>, row: vec2<f32>, b: u32, h: u32, i: u32, j: u32) -> Column {
  if (i >= p.sq) { return Column(); }
  let t = s * p.scale2;
  let w = vec4<f32>(
    probability(rule(t.x, visible.x, i, j), row.x, i),
    probability(rule(t.y, visible.y, i, j + 1u), row.x, i),
    probability(rule(t.z, visible.z, i, j + 2u), row.x, i),
    probability(rule(t.w, visible.w, i, j + 3u), row.x, i));
  var keep = vec4<f32>(1.0);
  if (DROPOUT == 1u) { keep = factors(b, h, i, j / 4u); }
  return Column(w * keep, w * (dp * keep - row.y));
}
` + PROLOGUE.replaceAll("LENGTH", "sk") + slices(
      form,
      "  var dkSLICE = Scores();\n  var dvSLICE = Scores();\n",
    ) + /* wgsl */ `
  var visible = vec4<bool>(true);
  if (MASK == 1u) {
    for (var c = 0u; c < 4u; c++) { visible[c] = mask[b * p.sk + min(mine + c, last)] != 0u; }
  }
  let text0 = text_of(min(mine, last));
  let text1 = text_of(min(mine + 1u, last));
  let text2 = text_of(min(mine + 2u, last));
  let text3 = text_of(min(mine + 3u, last));
  let starts = vec4<u32>(text0.x, text1.x, text2.x, text3.x);
  let ends = vec4<u32>(text0.y, text1.y, text2.y, text3.y);
  let range = queries_of(first, last);
  for (var tile = range.x; tile < range.y; tile += 32u) {
    let i = tile + tx * 4u;
    let row_base = (b * p.heads + h) * p.sq;
    let row0 = rows[row_base + min(i, p.sq - 1u)];
    let row1 = rows[row_base + min(i + 1u, p.sq - 1u)];
    let row2 = rows[row_base + min(i + 2u, p.sq - 1u)];
    let row3 = rows[row_base + min(i + 3u, p.sq - 1u)];
    var s = Scores();
    var dp = Scores();
    for (var slice = 0u; slice * 32u < D; slice++) {
      workgroupBarrier();
      load_k_a(b, h, first, p.sk, slice, lane);
      load_q_b(b, h, tile, p.sq, slice, lane);
      workgroupBarrier();
      s = products(s, tx, ty, vectors(slice));
      workgroupBarrier();
      load_v_a(b, h, first, p.sk, slice, lane);
      load_dy_b(b, h, tile, p.sq, slice, lane);
      workgroupBarrier();
      dp = products(dp, tx, ty, vectors(slice));
    }
    let c0 = column(vec4<f32>(s.s0.x, s.s1.x, s.s2.x, s.s3.x), vec4<f32>(dp.s0.x, dp.s1.x, dp.s2.x, dp.s3.x), visible & inside(starts, ends, i), row0, b, h, i, mine);
    let c1 = column(vec4<f32>(s.s0.y, s.s1.y, s.s2.y, s.s3.y), vec4<f32>(dp.s0.y, dp.s1.y, dp.s2.y, dp.s3.y), visible & inside(starts, ends, i + 1u), row1, b, h, i + 1u, mine);
    let c2 = column(vec4<f32>(s.s0.z, s.s1.z, s.s2.z, s.s3.z), vec4<f32>(dp.s0.z, dp.s1.z, dp.s2.z, dp.s3.z), visible & inside(starts, ends, i + 2u), row2, b, h, i + 2u, mine);
    let c3 = column(vec4<f32>(s.s0.w, s.s1.w, s.s2.w, s.s3.w), vec4<f32>(dp.s0.w, dp.s1.w, dp.s2.w, dp.s3.w), visible & inside(starts, ends, i + 3u), row3, b, h, i + 3u, mine);
    share(Scores(
      vec4<f32>(c0.p.x, c1.p.x, c2.p.x, c3.p.x), vec4<f32>(c0.p.y, c1.p.y, c2.p.y, c3.p.y),
      vec4<f32>(c0.p.z, c1.p.z, c2.p.z, c3.p.z), vec4<f32>(c0.p.w, c1.p.w, c2.p.w, c3.p.w)), tx, ty);
` + slices(
        form,
        /* wgsl */ `
    workgroupBarrier();
    load_dy_b(b, h, tile, p.sq, SLICEu, lane);
    workgroupBarrier();
    dvSLICE = sums(dvSLICE, tx, ty);
`,
      ) + /* wgsl */
      `
    workgroupBarrier();
    share(Scores(
      vec4<f32>(c0.ds.x, c1.ds.x, c2.ds.x, c3.ds.x), vec4<f32>(c0.ds.y, c1.ds.y, c2.ds.y, c3.ds.y),
      vec4<f32>(c0.ds.z, c1.ds.z, c2.ds.z, c3.ds.z), vec4<f32>(c0.ds.w, c1.ds.w, c2.ds.w, c3.ds.w)), tx, ty);
` + slices(
        form,
        /* wgsl */ `
    workgroupBarrier();
    load_q_b(b, h, tile, p.sq, SLICEu, lane);
    workgroupBarrier();
    dkSLICE = sums(dkSLICE, tx, ty);
`,
      ) + "  }\n" + slices(
        form,
        `  save_dk(b, h, mine, p.sk, SLICEu * 8u + tx, dkSLICE, p.scale);
  save_dv(b, h, mine, p.sk, SLICEu * 8u + tx, dvSLICE, 1.0);
`,
      ) + "}\n",
  );
}
