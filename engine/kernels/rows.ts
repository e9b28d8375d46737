// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Kernels over rows (layer norm, softmax) exist in three variants and two
// widths. Their text is put together from three parts: a head that defines the
// element type `V` (f32, or vec4<f32> where rows are multiples of four), the
// kernel's own function `run`, and an end with `main` that says who owns a row.
//   serial      one invocation a row, no barrier: for adapters on the CPU
//   texels      the same, with rows of vec4 read as texels, which such adapters
//               fetch several times faster
//   workgroup   LANES invocations a row, sums by a tree in a fixed order: for
//               GPUs. A row of a few elements a lane is held: it is read once
//               and stays in registers
// `deno task wgsl layer_norm` prints such a text, with a variant behind it.

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import { declareInput } from "../gpu/texels.ts";
import { unroll } from "./unroll.ts";

/** The variants of a family of row kernels. */
export const ROW_VARIANTS = ["serial", "texels", "workgroup"] as const;

/** The properties of a call that select the text of its kernels. */
export interface RowForm {
  /** Who owns a row. */
  variant: (typeof ROW_VARIANTS)[number];
  /** Whether rows are contiguous and multiples of four elements. */
  vectors: boolean;
  /** Invocations that share a row. */
  lanes: number;
  /** The elements (or vec4) that each holds; 0 where rows are read again. */
  held: number;
}

/** The invocations of a workgroup of the workgroup variant. */
export const WORKGROUP = 128;

/** The rows that a workgroup of a kernel of {@linkcode rowKernels} handles. */
export function rowsPerGroup(kernel: Kernel, { lanes }: RowForm): number {
  return kernel.workgroupSize / lanes;
}

/** Declares an input of elements `V` and its function `{name}_at(i)`. */
export function declareRows(
  { variant }: RowForm,
  binding: number,
  name: string,
): string {
  return declareInput(binding, name, variant === "texels", "V");
}

/**
 * Text that does something for each element of a row that a lane has, `c` being
 * its column. Where rows are not held that is a loop:
 *
 * ```wgsl
 * for (var c = lane; c < p.columns; c += LANES) { line }
 * ```
 *
 * Where they are, it is one block for each register, since a loop cannot name
 * the registers `v0`, `v1` …; only the last element may lie beyond the row:
 *
 * ```wgsl
 * { let c = lane + 0u * LANES; line }
 * if (lane + 1u * LANES < p.columns) { let c = lane + 1u * LANES; line }
 * ```
 *
 * @param columns The expression for the length of a row.
 * @param line The line, from the number of the register.
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
    const all = i < held - 1;
    return `${all ? "" : `if (lane + ${i}u * LANES < ${columns}) `}{ ${text} }`;
  });
}

// The heads: the element type and its functions.
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

// One invocation owns a row, so that there is nothing to reduce.
const SERIAL_END = /* wgsl */ `
fn reduce(v: vec2<f32>) -> vec2<f32> { return v; }
@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = id.x + id.y * groups.x * 8u;
  if (row < p.rows) { run(row, 0u, true); }
}
`;

// Invocations without a row compute the last one again without writing it,
// because all invocations of a workgroup must reach its barriers.
const WORKGROUP_END = /* wgsl */ `
var<private> position: u32; // of the invocation in the workgroup
var<workgroup> tree: array<vec2<f32>, 128>;
fn reduce(v: vec2<f32>) -> vec2<f32> {
  workgroupBarrier();
  tree[position] = v;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (position % LANES < half) { tree[position] = join(tree[position], tree[position + half]); }
    workgroupBarrier();
  }
  return tree[position - position % LANES];
}
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  position = index;
  let row = (group.x + group.y * groups.x) * (128u / LANES) + position / LANES;
  run(min(row, p.rows - 1u), position % LANES, row < p.rows);
}
`;

/** What {@linkcode rowKernels} takes. */
export interface RowKernels {
  /** The name of the kernels. */
  readonly name: string;
  /**
   * The text in a form. It defines `run(row: u32, lane: u32, live: bool)`, in
   * which LANES invocations share a row, and, to be reduced by the workgroup
   * variant, `join` of two pairs.
   */
  readonly text: (form: RowForm) => string;
  /** Forms to show; see {@linkcode KernelFamily}. @default {ROW_FORMS} */
  readonly forms?: Readonly<Record<string, RowForm>>;
}

/** Forms of kernels that do not hold rows, to show. */
export const NOT_HELD: Readonly<Record<string, RowForm>> = {
  serial: { variant: "serial", vectors: true, lanes: 1, held: 0 },
  texels: { variant: "texels", vectors: true, lanes: 1, held: 0 },
  workgroup: { variant: "workgroup", vectors: true, lanes: WORKGROUP, held: 0 },
};

/** The same, and one that holds rows of 768 columns. */
const ROW_FORMS: Readonly<Record<string, RowForm>> = {
  ...NOT_HELD,
  held: { variant: "workgroup", vectors: true, lanes: 64, held: 3 },
};

/** Defines the kernels over rows of one text. */
export function rowKernels(
  { name, text, forms = ROW_FORMS }: RowKernels,
): (form: RowForm) => Kernel {
  return defineKernels<RowForm>({
    name,
    make: (form) => ({
      name: `${name}_${form.variant}`,
      wgsl: rowHead(form) + text(form) +
        (form.variant === "workgroup" ? WORKGROUP_END : SERIAL_END),
    }),
    forms,
    key: rowKey,
  });
}

/** The start of a text: the element type `V` and its functions, and `LANES`. */
export function rowHead({ vectors, lanes }: RowForm): string {
  return (vectors ? VEC4 : SCALAR) + `const LANES = ${lanes}u;\n`;
}

/** What tells two forms apart. */
export function rowKey({ variant, vectors, lanes, held }: RowForm): string {
  return `${variant} ${vectors} ${lanes} ${held}`;
}
