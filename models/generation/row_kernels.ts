// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Kernels that scan rows of scores exist in two variants:
//   serial      one invocation an item, no barrier: for adapters on the CPU
//   workgroup   128 invocations an item, reduced by trees in a fixed order: for
//               GPUs
// A kernel's own text defines `run(item, lane, step)`, and reduces by
// `best_of`, `sum_of` and `count_of`. It reads scores four at a time by
// `fetch(row, quad)`, which gives LOWEST beyond the end of the row, and writes
// them by `store(row, quad, x)`.
//
// Scores are compared as keys: unsigned integers that have the order of the
// floats, with NaN as the lowest, so that choices are the same on every
// adapter.

import {
  chooseRowForm,
  defineKernels,
  defineVariants,
  grid,
  type Kernel,
} from "../../engine/kernel_kit.ts";
import type { Device } from "../../engine/mod.ts";

const FAMILY = "generation";
defineVariants(FAMILY, ["serial", "workgroup"]);

/** The properties of a call that select the text of its kernels. */
export interface RowForm {
  /** Who owns an item. */
  variant: "serial" | "workgroup";
  /** Whether rows are multiples of four elements. */
  vectors: boolean;
}

/** The workgroups of a kernel of {@linkcode rowKernels} for so many items. */
export function rowGrid(
  kernel: Kernel,
  { variant }: RowForm,
  items: number,
): [number, number] {
  return grid(items, variant === "serial" ? kernel.workgroupSize : 1);
}

/**
 * The form of a kernel, from the loop turns of its serial variant for each
 * item.
 */
export function rowForm(
  device: Device,
  { vocabulary, turns }: { vocabulary: number; turns: number },
): RowForm {
  return {
    variant: chooseRowForm(device, FAMILY, { turns }),
    vectors: vocabulary % 4 === 0,
  };
}

/** The WGSL function `key_of(score)`. */
export const KEYS = /* wgsl */ `
const LOWEST = -3.4028234e38;
fn key_of(x: f32) -> u32 {
  let b = bitcast<u32>(x);
  if ((b & 0x7fffffffu) > 0x7f800000u) { return 0u; }
  if (b == 0x80000000u) { return 0x80000000u; } // -0 counts as 0
  return select(b | 0x80000000u, ~b, b >= 0x80000000u);
}
`;

const VECTORS = /* wgsl */ `
alias Unit = vec4<f32>;
fn fetch(row: u32, quad: u32) -> vec4<f32> { return scores[row * (p.vocabulary / 4u) + quad]; }
`;

const STORE_VECTORS = /* wgsl */ `
fn store(row: u32, quad: u32, x: vec4<f32>) { scores[row * (p.vocabulary / 4u) + quad] = x; }
`;

const SCALARS = /* wgsl */ `
alias Unit = f32;
fn fetch(row: u32, quad: u32) -> vec4<f32> {
  let c = quad * 4u;
  let at = row * p.vocabulary + c;
  return vec4<f32>(
    scores[at],
    select(LOWEST, scores[at + 1u], c + 1u < p.vocabulary),
    select(LOWEST, scores[at + 2u], c + 2u < p.vocabulary),
    select(LOWEST, scores[at + 3u], c + 3u < p.vocabulary));
}
`;

const STORE_SCALARS = /* wgsl */ `
fn store(row: u32, quad: u32, x: vec4<f32>) {
  let c = quad * 4u;
  let at = row * p.vocabulary + c;
  scores[at] = x.x;
  if (c + 1u < p.vocabulary) { scores[at + 1u] = x.y; }
  if (c + 2u < p.vocabulary) { scores[at + 2u] = x.z; }
  if (c + 3u < p.vocabulary) { scores[at + 3u] = x.w; }
}
`;

const SERIAL = /* wgsl */ `
fn best_of(v: vec2<u32>, lane: u32) -> vec2<u32> { return v; }
fn sum_of(v: f32, lane: u32) -> f32 { return v; }
fn count_of(v: u32, lane: u32) -> u32 { return v; }
@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 8u;
  if (item < p.items) { run(item, 0u, 1u); }
}
`;

const WORKGROUP = /* wgsl */ `
var<workgroup> pairs: array<vec2<u32>, 128>;
var<workgroup> sums: array<f32, 128>;
fn best_of(v: vec2<u32>, lane: u32) -> vec2<u32> {
  pairs[lane] = v;
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (lane < half && better(pairs[lane + half], pairs[lane])) { pairs[lane] = pairs[lane + half]; }
    workgroupBarrier();
  }
  let result = pairs[0];
  workgroupBarrier();
  return result;
}
fn sum_of(v: f32, lane: u32) -> f32 {
  sums[lane] = v;
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (lane < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  let result = sums[0];
  workgroupBarrier();
  return result;
}
fn count_of(v: u32, lane: u32) -> u32 {
  pairs[lane] = vec2<u32>(v, 0u);
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (lane < half) { pairs[lane] += pairs[lane + half]; }
    workgroupBarrier();
  }
  let result = pairs[0].x;
  workgroupBarrier();
  return result;
}
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let item = group.x + group.y * groups.x;
  if (item < p.items) { run(item, lane, 128u); }
}
`;

// Pairs (key, index): the higher key is better, and of equal ones the first
// index.
const PAIRS = /* wgsl */ `
const NONE = vec2<u32>(0u, 0xffffffffu);
fn better(a: vec2<u32>, b: vec2<u32>) -> bool { return a.x > b.x || (a.x == b.x && a.y < b.y); }
`;

/** What {@linkcode rowKernels} takes. */
export interface RowText {
  /** The name of the kernels. */
  readonly name: string;
  /** The text that defines `run(item, lane, step)`. */
  readonly wgsl: string;
  /**
   * Whether the text calls `fetch`, and `store`, on a binding named `scores`.
   */
  readonly scores?: "none" | "read" | "write";
}

/** Defines the kernels of a text, one for each {@linkcode RowForm}. */
export function rowKernels(text: RowText): (form: RowForm) => Kernel {
  const { name, wgsl, scores = "none" } = text;
  return defineKernels<RowForm>({
    name,
    make: ({ variant, vectors }) => ({
      name: `${name}_${variant}`,
      wgsl: [
        KEYS,
        PAIRS,
        wgsl,
        scores === "none" ? "" : vectors ? VECTORS : SCALARS,
        scores !== "write" ? "" : vectors ? STORE_VECTORS : STORE_SCALARS,
        variant === "serial" ? SERIAL : WORKGROUP,
      ].join(""),
    }),
    key: ({ variant, vectors }) => `${variant} ${vectors}`,
    forms: {
      serial: { variant: "serial", vectors: true },
      workgroup: { variant: "workgroup", vectors: true },
    },
  });
}
