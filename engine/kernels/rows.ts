// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How the kernels over rows (layer norm, softmax) come in three variants and two
// widths: one text between a head that names the element type and an end that
// says who owns a row.
//   serial      one invocation a row, no barrier: for adapters on the CPU
//   texels      the same; rows are read as texels, which such adapters fetch
//               several times faster; rows of fours only
//   workgroup   LANES invocations a row, sums by a tree in a fixed order: for
//               GPUs. A row of up to HELD elements for each lane is read once
//               and stays in registers

import type { Access, Kernel } from "../gpu/kernel.ts";
import { declareTexels } from "../gpu/texels.ts";
import { unroll } from "./unroll.ts";

/** The variants of a family of row kernels. */
export const ROW_VARIANTS = ["serial", "texels", "workgroup"] as const;

/** What of a call changes the text of its kernels. */
export interface RowForm {
  variant: (typeof ROW_VARIANTS)[number];
  /** Whether rows are contiguous and multiples of four elements. */
  vectors: boolean;
  /** Invocations that share a row. */
  lanes: number;
  /** Elements (or vec4) that each keeps; 0 where rows are walked again. */
  held: number;
}

/** Invocations of a workgroup of the variants without and with barriers. */
const SERIAL = 8;
export const WORKGROUP = 128;

/** Rows that one workgroup handles. */
export function rowsPerGroup({ variant, lanes }: RowForm): number {
  return variant === "workgroup" ? WORKGROUP / lanes : SERIAL;
}

/** How inputs are bound. */
export function inputAccess({ variant }: RowForm): Access {
  return variant === "texels" ? "texels" : "read";
}

/** Declares an input of elements `V` and its function `{name}_at(i)`. */
export function declareInput(
  { variant }: RowForm,
  binding: number,
  name: string,
): string {
  return variant === "texels"
    ? declareTexels(binding, name) + `
fn ${name}_at(i: u32) -> V { return ${name}_texel(i); }
`
    : /* wgsl */ `
@group(0) @binding(${binding}) var<storage, read> ${name}: array<V>;
fn ${name}_at(i: u32) -> V { return ${name}[i]; }
`;
}

/**
 * A line for each element that a lane has, number `i` at the place `c` among
 * `columns`: a loop, or without one where rows are held.
 */
export function eachOf(
  { held }: RowForm,
  columns: string,
  line: (i: string) => string,
): string {
  if (held === 0) {
    return `for (var c = lane; c < ${columns}; c += LANES) { ${line("")} }`;
  }
  return unroll(held, (i) => {
    const text = `let c = lane + ${i}u * LANES; ${line(String(i))}`;
    const all = i < held - 1; // Only the last may lie beyond the row.
    return `${all ? "" : `if (lane + ${i}u * LANES < ${columns}) `}{ ${text} }`;
  });
}

/** Heads of texts: the element type and what concerns it. */
const VEC4 = /* wgsl */ `
alias V = vec4<f32>;
fn total(v: V) -> f32 { return v.x + v.y + v.z + v.w; }
fn largest(v: V) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }
`;

const SCALAR = /* wgsl */ `
alias V = f32;
fn total(v: V) -> f32 { return v; }
fn largest(v: V) -> f32 { return v; }
`;

const SERIAL_END = /* wgsl */ `
fn reduce(v: vec2<f32>) -> vec2<f32> { return v; }
@compute @workgroup_size(${SERIAL})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.x + id.y * groups.x * ${SERIAL}u;
  if (row < p.rows) { run(row, 0u, true); }
}
`;

// Rows beyond the last are worked on as the last one is, for the barriers' sake,
// and not written.
const WORKGROUP_END = /* wgsl */ `
var<private> place: u32;
var<workgroup> tree: array<vec2<f32>, ${WORKGROUP}>;
fn reduce(v: vec2<f32>) -> vec2<f32> {
  workgroupBarrier();
  tree[place] = v;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (place % LANES < half) { tree[place] = join(tree[place], tree[place + half]); }
    workgroupBarrier();
  }
  return tree[place - place % LANES];
}
@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  place = index;
  let row = (group.x + group.y * groups.x) * (${WORKGROUP}u / LANES) + place / LANES;
  run(min(row, p.rows - 1u), place % LANES, row < p.rows);
}
`;

const made = new Map<string, Kernel>();

/** What {@linkcode rowKernel} completes. */
export interface RowText extends Kernel {
  /** What replaces the usual `main`, without and with barriers. */
  readonly ends?: { readonly serial: string; readonly workgroup: string };
}

/**
 * A kernel in the form of a call. Its text defines
 * `run(row: u32, lane: u32, live: bool)`, in which LANES invocations share a
 * row, and, to be reduced by the workgroup variant, `join` of two pairs.
 */
export function rowKernel(
  form: RowForm,
  name: string,
  make: (form: RowForm) => Omit<RowText, "name">,
): Kernel {
  const key = `${name} ${form.variant} ${form.vectors} ${form.lanes} ` +
    form.held;
  let kernel = made.get(key);
  if (!kernel) {
    const { ends, wgsl, ...rest } = make(form);
    const workgroup = form.variant === "workgroup";
    const end = workgroup
      ? ends?.workgroup ?? WORKGROUP_END
      : ends?.serial ?? SERIAL_END;
    kernel = {
      ...rest,
      name: `${name}_${form.variant}`,
      wgsl: (form.vectors ? VEC4 : SCALAR) +
        `const LANES = ${form.lanes}u;\n` + wgsl + end,
    };
    made.set(key, kernel);
  }
  return kernel;
}
