// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The rules of attention as the host needs them, and two small kernels: one
// gathers what backward needs to know of each row, the other computes the
// probabilities themselves. Neither owns blocks of rows, unlike those that
// attention_blocks.ts chooses among.

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import { type AttentionForm, attentionSource, read } from "./attention_text.ts";

export type { AttentionForm } from "./attention_text.ts";

/** The lengths and rules of a call, which bound what each row can attend to. */
export interface AttentionRule {
  sq: number;
  sk: number;
  /** What to add to a query's index to compare it with a key's. */
  offset: number;
  causal: boolean;
  window: number | undefined;
}

/**
 * The rows of the other side that a block of rows attends to: `[start, end)`.
 */
export type RowRange = readonly [start: number, end: number];

/**
 * The keys that queries `first` to `last` may see; `keys_of` of the kernels.
 */
export function keysOf(
  { sk, offset, causal, window = Infinity }: AttentionRule,
  first: number,
  last: number,
): RowRange {
  const low = Math.max(0, first + offset - window);
  const high = Math.min(
    sk,
    causal ? last + offset + 1 : sk,
    last + offset + window + 1,
  );
  return [low, Math.max(low, high)];
}

/**
 * The queries that may see keys `first` to `last`; `queries_of` of the kernels.
 */
export function queriesOf(
  { sq, offset, causal, window = Infinity }: AttentionRule,
  first: number,
  last: number,
): RowRange {
  const low = Math.max(
    0,
    causal ? first - offset : 0,
    first - offset - window,
  );
  const high = Math.min(sq, last - offset + window + 1);
  return [low, Math.max(low, high)];
}

/** The most rows of the other side that a block of `rows` rows attends to. */
export function mostRows(
  rule: AttentionRule,
  rows: number,
  owned: "queries" | "keys",
): number {
  const { sq, sk, window = Infinity } = rule;
  return Math.min(owned === "queries" ? sk : sq, rows + 2 * window);
}

/** Forms of heads of 64 columns, to show. */
const ATTENTION_FORMS: Readonly<Record<string, AttentionForm>> = {
  buffers: { depth: 64, aligned: true, texels: false },
  texels: { depth: 64, aligned: true, texels: true },
  ragged: { depth: 63, aligned: false, texels: false },
};

const key = ({ depth, aligned, texels }: AttentionForm) =>
  `${depth} ${aligned} ${texels}`;

/**
 * The kernel of rows[b, h, i] = (max, Σ dy·y, log2 Σ, 0): all that backward
 * needs to know of a row, in as many words as a texel has. One invocation a
 * row.
 */
export const attentionRows: (form: AttentionForm) => Kernel = defineKernels({
  name: "attention_rows",
  make: (form) =>
    attentionSource(
      "attention_rows",
      form,
      [
        ...read("y", "dy"),
        { name: "lse", access: "read", type: "array<vec2<f32>>" },
        { name: "rows", access: "write", type: "array<vec4<f32>>" },
      ],
      /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let i = item % p.sq;
  let h = item / p.sq % p.heads;
  let b = item / p.sq / p.heads;
  let base = base_of(b, h, i, p.sq);
  var sum = 0.0;
  for (var n = 0u; n < (D + 3u) / 4u; n++) { sum += dot(fetch_y(base, n), fetch_dy(base, n)); }
  rows[item] = vec4<f32>(lse[item].x, sum, lse[item].y, 0.0);
}
`,
    ),
  forms: ATTENTION_FORMS,
  key,
});

/**
 * The kernel of a[b, h, i, j], the probabilities themselves, without dropout.
 * One invocation each.
 */
export const attentionWeights: (form: AttentionForm) => Kernel = defineKernels({
  name: "attention_weights",
  make: (form) =>
    attentionSource(
      "attention_weights",
      form,
      [
        ...read("q", "k", "mask"),
        { name: "lse", access: "read", type: "array<vec2<f32>>" },
        { name: "a", access: "write", type: "array<f32>" },
      ],
      /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let j = item % p.sk;
  let row = item / p.sk;
  let i = row % p.sq;
  let h = row / p.sq % p.heads;
  let b = row / p.sq / p.heads;
  let q_base = base_of(b, h, i, p.sq);
  let k_base = base_of(b, h, j, p.sk);
  var s = 0.0;
  for (var n = 0u; n < (D + 3u) / 4u; n++) { s += dot(fetch_q(q_base, n), fetch_k(k_base, n)); }
  var visible = true;
  if (MASK == 1u) { visible = mask[b * p.sk + j] != 0u; }
  visible = visible && within(segment_of(i), j);
  a[item] = probability(rule(s * p.scale2, visible, i, j), lse[row], i);
}
`,
    ),
  forms: ATTENTION_FORMS,
  key,
});
