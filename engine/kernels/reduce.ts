// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reductions of x [outer, n, inner] along its middle axis. `n` is cut into
// parts of `chunk`, each of which is reduced to one element of y [outer, parts,
// inner]; where there are several parts, the launcher reduces y again. The cut
// depends on the shape only, so that results are the same however storage is
// split. A part too large for a binding is taken in several dispatches, each of
// which goes on from the y of the one before (element and columns4 only).
//
//   element    one invocation per element of y, in order along n
//   columns4   the same for four neighboring columns: inner % 4 = 0
//   rows4      inner = 1 and n % 4 = 0: one invocation per part, vec4 loads
//   workgroup  inner = 1: one workgroup per part, a tree in a fixed order
//   …Texels    the same as columns4 and rows4, with x of f32 read as texels
//
// A maximum or minimum of floats is found among integers that have the order of
// the numbers, with NaN beyond all others, because WGSL leaves max and min of
// NaN open.

import type { DType } from "../dtype.ts";
import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import { declareInput } from "../gpu/texels.ts";

/** The operation that combines two elements. */
export type Reduction = "sum" | "max" | "min";

const PARAMS = /* wgsl */ `
struct Params {
  outer: u32, n: u32, inner: u32, parts: u32, chunk: u32,
  x_offset: u32, y_offset: u32, resume: u32, scale: T,
}
@group(0) @binding(2) var<uniform> p: Params;
`;

const ELEMENT = /* wgsl */ `
@group(0) @binding(1) var<storage, read_write> y: array<T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.outer * p.parts * p.inner) { return; }
  let i = e % p.inner;
  let part = (e / p.inner) % p.parts;
  let o = e / (p.inner * p.parts);
  let start = part * p.chunk;
  let count = min(p.chunk, p.n - start);
  var at = p.x_offset + (o * p.n + start) * p.inner + i;
  var acc = take(x_at(at));
  if (p.resume == 1u) { acc = combine(take(y[p.y_offset + e]), acc); }
  for (var k = 1u; k < count; k++) {
    at += p.inner;
    acc = combine(acc, take(x_at(at)));
  }
  y[p.y_offset + e] = give(acc) * p.scale;
}
`;

const COLUMNS4 = /* wgsl */ `
@group(0) @binding(1) var<storage, read_write> y: array<vec4<T>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  let width = p.inner / 4u;
  if (e >= p.outer * p.parts * width) { return; }
  let i = e % width;
  let part = (e / width) % p.parts;
  let o = e / (width * p.parts);
  let start = part * p.chunk;
  let count = min(p.chunk, p.n - start);
  var at = p.x_offset / 4u + (o * p.n + start) * width + i;
  var acc = take(x_at(at));
  if (p.resume == 1u) { acc = combine(take(y[p.y_offset / 4u + e]), acc); }
  for (var k = 1u; k < count; k++) {
    at += width;
    acc = combine(acc, take(x_at(at)));
  }
  y[p.y_offset / 4u + e] = give(acc) * p.scale;
}
`;

const ROWS4 = /* wgsl */ `
@group(0) @binding(1) var<storage, read_write> y: array<T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.outer * p.parts) { return; }
  let start = (e % p.parts) * p.chunk;
  let count = min(p.chunk, p.n - start) / 4u;
  let at = (p.x_offset + (e / p.parts) * p.n + start) / 4u;
  var acc = take(x_at(at));
  for (var k = 1u; k < count; k++) {
    acc = combine(acc, take(x_at(at + k)));
  }
  // Lanes (0, 2) and (1, 3), then the two sums.
  let pair = combine(acc, acc.zwxy);
  y[p.y_offset + e] = give(combine(pair, pair.yxwz)).x * p.scale;
}
`;

const WORKGROUP = /* wgsl */ `
@group(0) @binding(1) var<storage, read_write> y: array<T>;
var<workgroup> shared_acc: array<A, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let e = group.x + group.y * groups.x;
  if (e >= p.outer * p.parts) { return; }
  let start = (e % p.parts) * p.chunk;
  let count = min(p.chunk, p.n - start);
  let at = p.x_offset + (e / p.parts) * p.n + start;
  if (t < count) {
    var acc = take(x_at(at + t));
    for (var k = t + 128u; k < count; k += 128u) {
      acc = combine(acc, take(x_at(at + k)));
    }
    shared_acc[t] = acc;
  }
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (t < half && t + half < count) {
      shared_acc[t] = combine(shared_acc[t], shared_acc[t + half]);
    }
    workgroupBarrier();
  }
  if (t == 0u) { y[p.y_offset + e] = give(shared_acc[0]) * p.scale; }
}
`;

/** How a reduction's kernels read and write; see the head of the file. */
export type ReduceForm =
  | "element"
  | "columns4"
  | "columns4Texels"
  | "rows4"
  | "rows4Texels"
  | "workgroup";

const TEXTS = {
  element: ELEMENT,
  columns4: COLUMNS4,
  rows4: ROWS4,
  workgroup: WORKGROUP,
} as const;

/** What selects the kernel of a reduction. */
export interface Reducing {
  /** How the kernel reads and writes. */
  form: ReduceForm;
  /** The operation that combines two elements. */
  op: Reduction;
  /** The type of an element. */
  dtype: DType;
}

/** The kernel of a reduction. */
export const reduceKernel: (reducing: Reducing) => Kernel = defineKernels({
  name: "reduce",
  make: ({ form, op, dtype }) => {
    const texels = form === "columns4Texels" || form === "rows4Texels";
    const base = form === "columns4Texels"
      ? "columns4"
      : form === "rows4Texels"
      ? "rows4"
      : form;
    return {
      name: `reduce_${base}${texels ? "_texels" : ""}_${op}_${dtype}`,
      wgsl: operation(op, dtype, base === "columns4" || base === "rows4") +
        PARAMS + declareInput(0, "x", texels, "V") + TEXTS[base],
    };
  },
  key: ({ form, op, dtype }) => `${form} ${op} ${dtype}`,
  forms: {
    element: { form: "element", op: "sum", dtype: "f32" },
    columns4: { form: "columns4", op: "sum", dtype: "f32" },
    columns4Texels: { form: "columns4Texels", op: "sum", dtype: "f32" },
    rows4: { form: "rows4", op: "sum", dtype: "f32" },
    rows4Texels: { form: "rows4Texels", op: "sum", dtype: "f32" },
    workgroup: { form: "workgroup", op: "sum", dtype: "f32" },
    elementMax: { form: "element", op: "max", dtype: "f32" },
  },
});

/**
 * The types: an element is a `T`, a load a `V`, and what is combined an `A`.
 * The functions `take` and `give` lead from V to A and back, and `combine`
 * joins two.
 */
function operation(op: Reduction, dtype: DType, wide: boolean): string {
  const width = (type: string) => wide ? `vec4<${type}>` : type;
  const ranks = op !== "sum" && dtype === "f32";
  return /* wgsl */ `
alias T = ${dtype};
alias V = ${width(dtype)};
alias A = ${width(ranks ? "i32" : dtype)};
${
    ranks
      ? `alias U = ${width("u32")};
fn take(x: V) -> A {
  let k = bitcast<A>(x);
  let nan = (k & A(0x7fffffff)) > A(0x7f800000);
  return select(k ^ ((k >> U(31u)) & A(0x7fffffff)), A(${NAN_RANK[op]}), nan);
}
fn give(k: A) -> V { return bitcast<V>(k ^ ((k >> U(31u)) & A(0x7fffffff))); }`
      : `fn take(x: V) -> A { return x; }
fn give(x: A) -> V { return x; }`
  }
fn combine(a: A, b: A) -> A { return ${
    op === "sum" ? "a + b" : `${op}(a, b)`
  }; }
`;
}

/**
 * The rank of NaN, which wins. Turned back into a float, its bits are a NaN.
 */
const NAN_RANK = { max: "0x7fffffff", min: "i32(-0x7fffffff - 1)" } as const;
