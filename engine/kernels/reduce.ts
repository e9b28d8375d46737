// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reductions of x [outer, n, inner] along its middle axis. `n` is cut into
// parts of `chunk`, each reduced to one element of y [outer, parts, inner];
// where there are several parts, the launcher reduces y again. The cut depends
// on the shape alone, so results are the same however storage is split. A part
// too large for a binding is taken in several dispatches, each of which resumes
// with the y of the one before (element and columns4 only).
//
//   element    one invocation per element of y, in order along n
//   columns4   the same for four neighbouring columns: inner % 4 = 0
//   rows4      inner = 1 and n % 4 = 0: one invocation per part, vec4 loads
//   workgroup  inner = 1: one workgroup per part, tree in a fixed order
//   …Texels    the same as columns4 and rows4, with x of f32 read as texels
//
// A maximum or minimum of floats is found among integers in the order of the
// numbers, NaN beyond all others: WGSL leaves max and min of NaN open.

import type { DType } from "../dtype.ts";
import type { Access, Kernel, ParamType } from "../gpu/kernel.ts";
import { declareTexels } from "../gpu/texels.ts";

/** What a reduction does with two elements. */
export type Reduction = "sum" | "max" | "min";

/** Invocations of a workgroup of the kernels without shared memory. */
export const REDUCE_WORKGROUP = 64;

const BIND: readonly Access[] = ["read", "write"];

const PARAMS: Readonly<Record<string, ParamType>> = {
  outer: "u32",
  n: "u32",
  inner: "u32",
  parts: "u32",
  chunk: "u32",
  x_offset: "u32",
  y_offset: "u32",
  resume: "u32",
  scale: "f32",
};

const ELEMENT: Kernel = {
  name: "reduce_element",
  bind: BIND,
  params: PARAMS,
  wgsl: /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, parts: u32, chunk: u32, x_offset: u32, y_offset: u32, resume: u32, scale: T }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(1) @binding(0) var<uniform> p: Params;


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
  var acc = take(x[at]);
  if (p.resume == 1u) { acc = combine(take(y[p.y_offset + e]), acc); }
  for (var k = 1u; k < count; k++) {
    at += p.inner;
    acc = combine(acc, take(x[at]));
  }
  y[p.y_offset + e] = give(acc) * p.scale;
}
`,
};

const COLUMNS4: Kernel = {
  name: "reduce_columns4",
  bind: BIND,
  params: PARAMS,
  wgsl: /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, parts: u32, chunk: u32, x_offset: u32, y_offset: u32, resume: u32, scale: T }
@group(0) @binding(0) var<storage, read> x: array<vec4<T>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<T>>;
@group(1) @binding(0) var<uniform> p: Params;


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
  var acc = take(x[at]);
  if (p.resume == 1u) { acc = combine(take(y[p.y_offset / 4u + e]), acc); }
  for (var k = 1u; k < count; k++) {
    at += width;
    acc = combine(acc, take(x[at]));
  }
  y[p.y_offset / 4u + e] = give(acc) * p.scale;
}
`,
};

const ROWS4: Kernel = {
  name: "reduce_rows4",
  bind: BIND,
  params: PARAMS,
  wgsl: /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, parts: u32, chunk: u32, x_offset: u32, y_offset: u32, resume: u32, scale: T }
@group(0) @binding(0) var<storage, read> x: array<vec4<T>>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(1) @binding(0) var<uniform> p: Params;


@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.outer * p.parts) { return; }
  let start = (e % p.parts) * p.chunk;
  let count = min(p.chunk, p.n - start) / 4u;
  let at = (p.x_offset + (e / p.parts) * p.n + start) / 4u;
  var acc = take(x[at]);
  for (var k = 1u; k < count; k++) {
    acc = combine(acc, take(x[at + k]));
  }
  // Lanes (0, 2) and (1, 3), then the two sums.
  let pair = combine(acc, acc.zwxy);
  y[p.y_offset + e] = give(combine(pair, pair.yxwz)).x * p.scale;
}
`,
};

const WORKGROUP: Kernel = {
  name: "reduce_workgroup",
  bind: BIND,
  params: PARAMS,
  wgsl: /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, parts: u32, chunk: u32, x_offset: u32, y_offset: u32, resume: u32, scale: T }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(1) @binding(0) var<uniform> p: Params;
var<workgroup> shared_acc: array<A, 128>;


@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let e = group.x + group.y * groups.x;
  if (e >= p.outer * p.parts) { return; }
  let start = (e % p.parts) * p.chunk;
  let count = min(p.chunk, p.n - start);
  let at = p.x_offset + (e / p.parts) * p.n + start;
  if (t < count) {
    var acc = take(x[at + t]);
    for (var k = t + 128u; k < count; k += 128u) {
      acc = combine(acc, take(x[at + k]));
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
`,
};

/** The same kernel with x, of vec4, read as texels. */
function fromTexels(kernel: Kernel): Kernel {
  return {
    ...kernel,
    name: `${kernel.name}_texels`,
    bind: ["texels", "write"],
    wgsl: kernel.wgsl
      .replace(/@group.* x: array<vec4<T>>;/, declareTexels(0, "x"))
      .replace(/\bx\[([^\]]+)\]/g, "x_texel($1)"),
  };
}

/** The forms of a reduction; see the head of the file. */
const FORMS = {
  element: ELEMENT,
  columns4: COLUMNS4,
  columns4Texels: fromTexels(COLUMNS4),
  rows4: ROWS4,
  rows4Texels: fromTexels(ROWS4),
  workgroup: WORKGROUP,
} as const;

/** How a reduction's kernels read and write. */
export type ReduceForm = keyof typeof FORMS;

const made = new Map<string, Kernel>();

/** The kernel of a reduction of elements of a type. */
export function reduceKernel(
  form: ReduceForm,
  op: Reduction,
  dtype: DType,
): Kernel {
  const key = `${form} ${op} ${dtype}`;
  let kernel = made.get(key);
  if (!kernel) {
    const { name, wgsl, params, bind } = FORMS[form];
    const wide = form.startsWith("columns4") || form.startsWith("rows4");
    kernel = {
      name: `${name}_${op}_${dtype}`,
      bind,
      params: { ...params, scale: dtype },
      wgsl: operation(op, dtype, wide) + wgsl,
    };
    made.set(key, kernel);
  }
  return kernel;
}

/**
 * The types of an element `T`, of what is loaded `V` and of what is combined
 * `A`, and the functions between them.
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

/** Where NaN stands in the order: it wins. Its bits, made back, are a NaN. */
const NAN_RANK = { max: "0x7fffffff", min: "i32(-0x7fffffff - 1)" } as const;

const typed = new Map<Kernel, Map<DType, Kernel>>();

/** The same kernel, of those below and of running sums, over another type. */
export function retype(kernel: Kernel, dtype: DType): Kernel {
  if (dtype === "f32") return kernel;
  let kernels = typed.get(kernel);
  if (!kernels) typed.set(kernel, kernels = new Map());
  let other = kernels.get(dtype);
  if (!other) {
    const params = Object.entries(kernel.params ?? {}).map(([name, type]) =>
      [name, type === "f32" ? dtype : type] as const
    );
    other = {
      ...kernel,
      name: `${kernel.name}_${dtype}`,
      params: Object.fromEntries(params),
      wgsl: kernel.wgsl.replace("alias T = f32;", `alias T = ${dtype};`),
    };
    kernels.set(dtype, other);
  }
  return other;
}

const ARGMAX_PARAMS: Readonly<Record<string, ParamType>> = {
  outer: "u32",
  n: "u32",
  inner: "u32",
  x_offset: "u32",
  y_offset: "u32",
};

/** The first index of the element that `take` puts highest: one invocation each. */
const ARGMAX_SERIAL: Kernel = {
  name: "argmax_serial",
  bind: BIND,
  params: ARGMAX_PARAMS,
  wgsl: /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, x_offset: u32, y_offset: u32 }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.outer * p.inner) { return; }
  var at = p.x_offset + (e / p.inner) * p.n * p.inner + e % p.inner;
  var best = take(x[at]);
  var index = 0u;
  for (var k = 1u; k < p.n; k++) {
    at += p.inner;
    let v = take(x[at]);
    if (v > best) {
      best = v;
      index = k;
    }
  }
  y[p.y_offset + e] = i32(index);
}
`,
};

/** The same for inner = 1: one workgroup per row, ties to the smaller index. */
const ARGMAX_WORKGROUP: Kernel = {
  name: "argmax_workgroup",
  bind: BIND,
  params: ARGMAX_PARAMS,
  wgsl: /* wgsl */ `
struct Params { outer: u32, n: u32, inner: u32, x_offset: u32, y_offset: u32 }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(1) @binding(0) var<uniform> p: Params;
var<workgroup> values: array<A, 128>;
var<workgroup> indices: array<u32, 128>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let e = group.x + group.y * groups.x;
  if (e >= p.outer) { return; }
  let at = p.x_offset + e * p.n;
  if (t < p.n) {
    var best = take(x[at + t]);
    var index = t;
    for (var k = t + 128u; k < p.n; k += 128u) {
      let v = take(x[at + k]);
      if (v > best) {
        best = v;
        index = k;
      }
    }
    values[t] = best;
    indices[t] = index;
  }
  workgroupBarrier();
  for (var half = 64u; half > 0u; half /= 2u) {
    if (t < half && t + half < p.n) {
      let a = values[t];
      let b = values[t + half];
      if (b > a || (a == b && indices[t + half] < indices[t])) {
        values[t] = b;
        indices[t] = indices[t + half];
      }
    }
    workgroupBarrier();
  }
  if (t == 0u) { y[p.y_offset + e] = i32(indices[0]); }
}
`,
};

/** Invocations that share a row in the workgroup form. */
export const ARGMAX_LANES = 128;

const ARGMAX_FORMS = {
  serial: ARGMAX_SERIAL,
  workgroup: ARGMAX_WORKGROUP,
} as const;

/** The kernel that finds the first of the largest or smallest elements. */
export function argmaxKernel(
  form: keyof typeof ARGMAX_FORMS,
  op: "max" | "min",
  dtype: DType,
): Kernel {
  const key = `arg ${form} ${op} ${dtype}`;
  let kernel = made.get(key);
  if (!kernel) {
    const base = ARGMAX_FORMS[form];
    kernel = {
      ...base,
      name: `${base.name}_${op}_${dtype}`,
      wgsl: /* wgsl */ `
alias T = ${dtype};
alias A = ${dtype === "u32" ? "u32" : "i32"};
fn take(x: T) -> A { // ~k turns the order round
${
        dtype === "f32"
          ? `  let k = bitcast<i32>(x);
  let nan = (k & 0x7fffffff) > 0x7f800000;
  let up = select(k ^ ((k >> 31u) & 0x7fffffff), 0, k == i32(-0x7fffffff - 1)); // -0 is 0
  return select(${op === "max" ? "up" : "~up"}, 0x7fffffff, nan);`
          : `  return ${op === "max" ? "x" : "~x"};`
      }
}
${base.wgsl}`,
    };
    made.set(key, kernel);
  }
  return kernel;
}

/** The gradient of max and min: dy at the chosen index, 0 elsewhere. */
export const SELECT_INDEX: Kernel = {
  name: "select_index",
  bind: ["read", "read", "write"],
  params: {
    count: "u32",
    n: "u32",
    inner: "u32",
    y_offset: "u32",
    x_offset: "u32",
  },
  wgsl: /* wgsl */ `
struct Params { count: u32, n: u32, inner: u32, y_offset: u32, x_offset: u32 }
@group(0) @binding(0) var<storage, read> index: array<i32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.count) { return; }
  let i = e % p.inner;
  let k = (e / p.inner) % p.n;
  let at = p.y_offset + (e / (p.inner * p.n)) * p.inner + i;
  dx[p.x_offset + e] = select(0.0, dy[at], u32(index[at]) == k);
}
`,
};
