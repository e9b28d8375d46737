// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Matrix product C = op(A)·op(B) in two shapes of kernel:
//   direct  one BM×BN block of C an invocation, in registers; no workgroup
//           memory, no barrier: what an adapter on the CPU wants
//   tiled   one BM×BN tile of C a workgroup, staged through workgroup memory in
//           slices of depth BK; 4×4 or 8×8 outputs an invocation: for GPUs
// Both fetch 4×4 quads through load_a and load_b, so that the four transpose
// cases and ragged sizes differ in those two functions alone. Every element is
// one chain of fused multiply-adds in rising k, so all variants, and products
// cut along any axis (along k at multiples of 4), give the same bits.
// Rows and columns past the edge read whatever lies there and are not stored.

import type { Kernel } from "../kernel.ts";
import { SCALAR_FUNCTIONS } from "./elementwise.ts";
import { type Activation, ACTIVATIONS } from "./matmul_activation.ts";
import { choice, unroll } from "./unroll.ts";

/** The block of C that an invocation (direct) or a workgroup (tiled) computes. */
export interface Block {
  kind: "direct" | "tiled";
  /** Rows of C. */
  m: number;
  /** Columns of C. */
  n: number;
  /** Rows and columns an invocation computes in a tile. */
  each: number;
  /** Depth of a slice in workgroup memory. */
  k: number;
}

/** The variants, by name. */
export const BLOCKS = {
  direct32: { kind: "direct", m: 32, n: 32, each: 32, k: 4 },
  direct16: { kind: "direct", m: 16, n: 16, each: 16, k: 4 },
  direct8: { kind: "direct", m: 8, n: 8, each: 8, k: 4 },
  direct4: { kind: "direct", m: 4, n: 4, each: 4, k: 4 },
  direct8x48: { kind: "direct", m: 8, n: 48, each: 8, k: 4 },
  direct8x16: { kind: "direct", m: 8, n: 16, each: 8, k: 4 },
  direct4x16: { kind: "direct", m: 4, n: 16, each: 4, k: 4 },
  tiled32: { kind: "tiled", m: 32, n: 32, each: 4, k: 32 },
  tiled64: { kind: "tiled", m: 64, n: 64, each: 8, k: 16 },
  tiled128: { kind: "tiled", m: 128, n: 128, each: 8, k: 16 },
} as const satisfies Readonly<Record<string, Block>>;

/** The name of a variant. */
export type MatmulVariant = keyof typeof BLOCKS;

/** Invocations of a workgroup of the direct kernels: a CPU's vector width. */
export const DIRECT_WORKGROUP = 8;

/** Everything that changes the text of the kernel. */
export interface MatmulForm {
  variant: MatmulVariant;
  /** Whether A is stored [K, M]. */
  transposeA: boolean;
  /** Whether B is stored [N, K]. */
  transposeB: boolean;
  /** Whether rows of A start at multiples of four elements. */
  vectorA: boolean;
  /** Likewise B. */
  vectorB: boolean;
  /** Likewise C, and N is a multiple of four. */
  vectorC: boolean;
  /** Whether K is no multiple of four. */
  ragged: boolean;
  /** Whether the sums start from what C holds. */
  resume: boolean;
  bias: boolean;
  residual: boolean;
  activation: Activation | undefined;
  /** Whether the argument of the activation is a second output. */
  save: boolean;
}

const PARAMS = {
  M: "u32",
  N: "u32",
  K: "u32",
  lda: "u32", // elements from one stored row to the next
  ldb: "u32",
  ldc: "u32",
  offset_a: "u32", // of the first element
  offset_b: "u32",
  offset_c: "u32",
  batch_a: "u32", // elements from one product of the batch to the next
  batch_b: "u32",
  batch_c: "u32",
  bias_at: "u32",
} as const;

const kernels = new Map<string, Kernel>();

/**
 * The kernel of a form. Binds A, B, the bias and the residual if the form has
 * them, C, and the saved argument of the activation.
 */
export function matmulKernel(form: MatmulForm): Kernel {
  const key = Object.values(form).join();
  let kernel = kernels.get(key);
  if (!kernel) {
    const block = BLOCKS[form.variant];
    const inputs = ["A", "B"];
    if (form.bias) inputs.push("bias");
    if (form.residual) inputs.push("residual");
    const outputs = form.save ? ["C", "saved"] : ["C"];
    const vector: Record<string, boolean> = {
      A: form.vectorA,
      B: form.vectorB,
      C: form.vectorC,
      residual: form.vectorC,
      saved: form.vectorC,
    };
    const declare =
      (access: string, first: number) => (name: string, i: number) =>
        `@group(0) @binding(${first + i}) var<storage, ${access}> ${name}: ` +
        `array<${vector[name] ? "vec4<f32>" : "f32"}>;`;
    kernel = {
      name: `matmul_${form.variant}`,
      bind: [
        ...inputs.map(() => "read" as const),
        ...outputs.map(() => "write" as const),
      ],
      params: PARAMS,
      wgsl: [
        ...inputs.map(declare("read", 0)),
        ...outputs.map(declare("read_write", inputs.length)),
        `struct Params { ${
          Object.entries(PARAMS).map(([n, t]) => `${n}: ${t}`).join(", ")
        } }`,
        "@group(1) @binding(0) var<uniform> p: Params;",
        loader("a", "A", !form.transposeA, form.vectorA, form.ragged),
        loader("b", "B", form.transposeB, form.vectorB, form.ragged),
        epilogue(form),
        block.kind === "direct" ? direct(form, block) : tiled(form, block),
      ].join("\n"),
    };
    kernels.set(key, kernel);
  }
  return kernel;
}

/**
 * The function that fetches a quad: column j of the result is element k + j of
 * four neighbouring rows of op(A), or columns of op(B), from `at` on.
 *
 * @param alongK Whether neighbours in memory are neighbours along k.
 */
function loader(
  name: string,
  buffer: string,
  alongK: boolean,
  vector: boolean,
  ragged: boolean,
): string {
  const four = vector
    ? `${buffer}[i / 4u]`
    : `vec4<f32>(${buffer}[i], ${buffer}[i + 1u], ${buffer}[i + 2u], ${buffer}[i + 3u])`;
  const quad = (j: number) => {
    const load = `four_${name}(i + ${j}u * p.ld${name})`;
    if (!ragged) return load;
    const keep = alongK
      ? "vec4<u32>(k, k + 1u, k + 2u, k + 3u) < vec4<u32>(p.K)"
      : `k + ${j}u < p.K`;
    return `select(vec4<f32>(), ${load}, ${keep})`;
  };
  const [row, column] = alongK ? ["at", "k"] : ["k", "at"];
  const matrix = `mat4x4<f32>(${[0, 1, 2, 3].map(quad).join(", ")})`;
  return /* wgsl */ `
fn four_${name}(i: u32) -> vec4<f32> { return ${four}; }
fn load_${name}(base: u32, at: u32, k: u32) -> mat4x4<f32> {
  let i = base + ${row} * p.ld${name} + ${column};
  return ${alongK ? `transpose(${matrix})` : matrix};
}`;
}

/**
 * Reading and writing four neighbours of C: `held` and `finish`, which applies
 * what follows the bias.
 */
function epilogue(form: MatmulForm): string {
  const lanes = [0, 1, 2, 3];
  const read = (buffer: string, vector: boolean) =>
    vector
      ? `${buffer}[i / 4u]`
      : `vec4<f32>(${lanes.map((l) => `${buffer}[i + ${l}u]`).join(", ")})`;
  const write = (buffer: string, value: string) =>
    form.vectorC
      ? `if (n < p.N) { ${buffer}[i / 4u] = ${value}; }`
      : lanes.map((l) =>
        `if (n + ${l}u < p.N) { ${buffer}[i + ${l}u] = ${value}[${l}]; }`
      ).join("\n  ");
  const steps: string[] = [];
  if (form.save) steps.push(write("saved", "v"));
  if (form.activation) {
    const each = "xyzw".split("").map((l) => `activate(v.${l})`).join(", ");
    steps.push(`v = vec4<f32>(${each});`);
  }
  if (form.residual) steps.push(`v += ${read("residual", form.vectorC)};`);
  const activate = form.activation
    ? `${SCALAR_FUNCTIONS}
fn activate(z: f32) -> f32 { return ${ACTIVATIONS[form.activation].y}; }`
    : "";
  const bias = form.bias
    ? `vec4<f32>(${lanes.map((l) => `bias[p.bias_at + n + ${l}u]`).join(", ")})`
    : "vec4<f32>()";
  return /* wgsl */ `${activate}
fn shift(n: u32) -> vec4<f32> { return ${bias}; }
fn held(base: u32, m: u32, n: u32) -> vec4<f32> {
  let i = base + m * p.ldc + n;
  return ${read("C", form.vectorC)};
}
fn finish(base: u32, m: u32, n: u32, sum: vec4<f32>) {
  let i = base + m * p.ldc + n;
  var v = sum;
  ${steps.join("\n  ")}
  ${write("C", "v")}
}`;
}

/**
 * The kernel without workgroup memory. Lane after lane takes the next block
 * along n. The accumulators are named c{row}_{quad of columns}; reading and
 * writing C goes row by row through `v{quad}`, as text for each element would
 * take the driver seconds to compile.
 */
function direct(form: MatmulForm, { m, n }: Block): string {
  const quads = n / 4;
  const cells = (line: (row: number, quad: number) => string) =>
    unroll(m, (row) => unroll(quads, (quad) => line(row, quad)));
  const rows = (line: (row: number, quad: number) => string) =>
    choice("r", m, (row) => unroll(quads, (quad) => line(row, quad)));
  const resume = form.resume
    ? /* wgsl */ `
  for (var r = 0u; r < stop; r++) {
${
      unroll(
        quads,
        (q) => `    let v${q} = held(base_c, m0 + r, n0 + ${4 * q}u);`,
      )
    }
    ${rows((r, q) => `c${r}_${q} = v${q};`)}
  }`
    : "";
  return /* wgsl */ `
@compute @workgroup_size(${DIRECT_WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let across = (p.N + ${n - 1}u) / ${n}u;
  let block = id.x + id.y * groups.x * ${DIRECT_WORKGROUP}u;
  let m0 = block / across * ${m}u;
  let n0 = block % across * ${n}u;
  if (m0 >= p.M) { return; }
  let stop = min(${m}u, p.M - m0);
  let base_a = p.offset_a + id.z * p.batch_a;
  let base_b = p.offset_b + id.z * p.batch_b;
  let base_c = p.offset_c + id.z * p.batch_c;
${cells((r, q) => `  var c${r}_${q} = vec4<f32>();`)}
${resume}
  for (var k = 0u; k < p.K; k += 4u) {
${unroll(quads, (q) => `    let b${q} = load_b(base_b, n0 + ${4 * q}u, k);`)}
${
    unroll(m / 4, (g) =>
      [
        `    let a${g} = load_a(base_a, m0 + ${4 * g}u, k);`,
        ...[0, 1, 2, 3].flatMap((r) =>
          Array.from({ length: quads }, (_, q) => {
            const c = `c${4 * g + r}_${q}`;
            return "    " + [0, 1, 2, 3].map((j) =>
              `${c} = fma(vec4<f32>(a${g}[${j}][${r}]), b${q}[${j}], ${c});`
            ).join(" ");
          })
        ),
      ].join("\n"))
  }
  }
  for (var r = 0u; r < stop; r++) {
${unroll(quads, (q) => `    var v${q} = vec4<f32>();`)}
    ${rows((r, q) => `v${q} = c${r}_${q};`)}
    for (var q = 0u; q < ${quads}u; q++) {
      let at = n0 + q * 4u;
      if (at >= p.N) { break; }
      var v = vec4<f32>();
      ${choice("q", quads, (q) => `v = v${q};`)}
      finish(base_c, m0 + r, at, v + shift(at));
    }
  }
}
`;
}

/** The lines that read each quad of the bias once. */
function shifts(
  form: MatmulForm,
  quads: number,
  column: (quad: number) => string,
): string {
  if (!form.bias) return "";
  return unroll(quads, (q) => `  let s${q} = shift(${column(q)});`);
}

/** An accumulator with its bias. */
function shifted(form: MatmulForm, row: number, quad: number): string {
  return form.bias ? `c${row}_${quad} + s${quad}` : `c${row}_${quad}`;
}

/**
 * The kernel with workgroup memory: slices of A and B lie there with k as the
 * outer axis, so that every read is a vec4 along m or n. The rows of an
 * invocation are quads `step` apart, and its columns likewise, so that
 * neighbouring invocations read neighbouring vec4s.
 */
function tiled(form: MatmulForm, { m, n, each, k: depth }: Block): string {
  const across = n / each;
  const threads = across * (m / each);
  const quads = each / 4;
  const row = (r: number) =>
    `m0 + y * 4u + ${Math.floor(r / 4) * (m / each) * 4 + r % 4}u`;
  const column = (q: number) => `n0 + x * 4u + ${q * across * 4}u`;
  // Neighbouring invocations fetch neighbours in memory.
  const stage = (
    name: string,
    tile: string,
    size: number,
    start: string,
    alongK: boolean,
  ) => /* wgsl */ `
    for (var i = t; i < ${size * depth / 16}u; i += ${threads}u) {
      let kq = ${alongK ? `i % ${depth / 4}u` : `i / ${size / 4}u`};
      let at = ${alongK ? `i / ${depth / 4}u` : `i % ${size / 4}u`};
      var quad = mat4x4<f32>();
      if (k0 + kq * 4u < p.K) { quad = load_${name}(base_${name}, ${start} + at * 4u, k0 + kq * 4u); }
      ${
    [0, 1, 2, 3].map((j) =>
      `${tile}[(kq * 4u + ${j}u) * ${size / 4}u + at] = quad[${j}];`
    ).join(" ")
  }
    }`;
  return /* wgsl */ `
var<workgroup> tile_a: array<vec4<f32>, ${m * depth / 4}>;
var<workgroup> tile_b: array<vec4<f32>, ${n * depth / 4}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let x = t % ${across}u;
  let y = t / ${across}u;
  let m0 = group.y * ${m}u;
  let n0 = group.x * ${n}u;
  let base_a = p.offset_a + group.z * p.batch_a;
  let base_b = p.offset_b + group.z * p.batch_b;
  let base_c = p.offset_c + group.z * p.batch_c;
${
    unroll(each, (r) =>
      unroll(quads, (q) =>
        `  var c${r}_${q} = ${
          form.resume
            ? `held(base_c, ${row(r)}, ${column(q)})`
            : "vec4<f32>()"
        };`))
  }
  for (var k0 = 0u; k0 < p.K; k0 += ${depth}u) {
    ${stage("a", "tile_a", m, "m0", !form.transposeA)}
    ${stage("b", "tile_b", n, "n0", form.transposeB)}
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
${
    unroll(quads, (q) =>
      `      let a${q} = tile_a[k * ${m / 4}u + y + ${q * m / each}u];`)
  }
${
    unroll(quads, (q) =>
      `      let b${q} = tile_b[k * ${n / 4}u + x + ${q * across}u];`)
  }
${
    unroll(each, (r) =>
      unroll(quads, (q) =>
        `      c${r}_${q} = fma(vec4<f32>(a${Math.floor(r / 4)}[${
          r % 4
        }]), b${q}, c${r}_${q});`))
  }
    }
    workgroupBarrier();
  }
${shifts(form, quads, column)}
${
    unroll(each, (r) =>
      `  if (${row(r)} < p.M) {\n${
        unroll(quads, (q) =>
          `    finish(base_c, ${row(r)}, ${column(q)}, ${
            shifted(form, r, q)
          });`)
      }\n  }`)
  }
}
`;
}
