// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise kernels. Their text is a template around an expression. Every
// expression has two forms:
//   flat     operands of one shape: four elements an invocation, read as vec4
//            or, for adapters on the CPU, those of f32 as texels
//   strided  broadcasting operands: the index is taken apart along up to five
//            axes; four elements an invocation where the last axis allows it
// A target that is updated (`target_`) is read and written through one binding,
// since WebGPU refuses a buffer that is bound for both in one dispatch.
// `deno task wgsl elementwise_flat` prints the text around an expression.

import { type DType, DTYPES } from "../dtype.ts";
import { defineKernels, type Kernel, type ParamType } from "../gpu/kernel.ts";
import { declareInput, declareTexels } from "../gpu/texels.ts";
import { scalarFunctions } from "./scalar_functions.ts";

/** The most axes of the strided form. */
export const MAX_AXES = 5;

/** An expression over named operands, for an element-wise kernel. */
export interface Expression<Result extends DType = DType> {
  /** The name of its kernels, in errors. */
  name: string;
  /** WGSL of one element, in which each operand is a scalar of its name. */
  body: string;
  /** The tensors, in order: name and type. */
  operands: readonly (readonly [string, DType])[];
  /** The numbers that are given with each call, in order: name and type. */
  scalars?: readonly (readonly [string, ParamType])[];
  /** The type of the result. */
  result: Result;
  /**
   * Whether the old value of the result is an operand, too, named `target_`.
   */
  update?: boolean;
}

/** The variants of the flat form: how operands of f32 are read. */
export const FLAT_VARIANTS = ["buffers", "texels"] as const;

/** One of {@linkcode FLAT_VARIANTS}. */
export type FlatVariant = (typeof FLAT_VARIANTS)[number];

/** The WGSL type of an element, or of four if `wide`. */
function typeOf(dtype: DType, wide: boolean): string {
  const { wgsl } = DTYPES[dtype];
  return wide ? `vec4<${wgsl}>` : wgsl;
}

/** A struct of parameters, bound after `bindings` bindings. */
function declareParams(
  fields: readonly (readonly [string, ParamType])[],
  bindings: number,
): string {
  return `struct Params { ${fields.map(([n, t]) => `${n}: ${t}`).join(", ")} }
@group(0) @binding(${bindings}) var<uniform> p: Params;`;
}

/** The function `op` of one element: the expression, and what it calls. */
function declareOp(e: Expression): string {
  const result = DTYPES[e.result].wgsl;
  const operands = [
    ...e.operands.map(([n, t]) => `${n}: ${DTYPES[t].wgsl}`),
    ...(e.update ? [`target_: ${result}`] : []),
  ];
  return [
    scalarFunctions(e.body),
    `fn op(${operands.join(", ")}) -> ${result} {`,
    ...(e.scalars ?? []).map(([n]) => `  let ${n} = p.${n};`),
    `  return ${e.body};`,
    `}`,
  ].join("\n");
}

const MAIN = /* wgsl */ `
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;`;

/** What tells the texts of two expressions apart. */
function keyOf(e: Expression): string {
  return [e.body, e.operands, e.scalars, e.result, e.update].join("|");
}

/** An expression with an update and a scalar, as an example for `deno task wgsl`. */
const EXAMPLE: Expression = {
  name: "multiply_add",
  body: "target_ + factor * tanh_safe(x)",
  operands: [["x", "f32"]],
  scalars: [["factor", "f32"]],
  result: "f32",
  update: true,
};

/** Whether an expression reads anything of f32, which texels can serve. */
export function readsTexels(e: Expression): boolean {
  return oldTexels(e) || e.operands.some(([, dtype]) => dtype === "f32");
}

/** Whether the target's old value is read as texels. */
export function oldTexels(e: Expression): boolean {
  return Boolean(e.update) && e.result === "f32";
}

function flatText(e: Expression, variant: FlatVariant): string {
  const texels = variant === "texels";
  const old = texels && oldTexels(e);
  const count = e.operands.length;
  const declare = ([name, dtype]: readonly [string, DType], i: number) =>
    declareInput(
      i,
      `buffer_${name}`,
      texels && dtype === "f32",
      typeOf(dtype, true),
    );
  const lane = (l: string) => {
    const operands = e.operands.map(([n]) => `${n}.${l}`);
    return `op(${[...operands, ...e.update ? [`old_.${l}`] : []].join(", ")})`;
  };
  // An updated target may be a view between others, so its padding must keep
  // its value; other results own their padding.
  const store = e.update
    ? `let left_ = p.count - i * 4u;
  result[i] = select(old_, value_, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(left_));`
    : `result[i] = value_;`;
  return `${e.operands.map(declare).join("")}
@group(0) @binding(${count}) var<storage, read_write> result: array<${
    typeOf(e.result, true)
  }>;
${old ? declareTexels(count + 1, "old") : ""}
${
    declareParams(
      [["count", "u32"], ...e.scalars ?? []],
      count + (old ? 2 : 1),
    )
  }
${declareOp(e)}
${MAIN}
  if (i * 4u >= p.count) { return; }
${e.operands.map(([n]) => `  let ${n} = buffer_${n}_at(i);`).join("\n")}
  ${e.update ? `let old_ = ${old ? "old_texel(i)" : "result[i]"};` : ""}
  let value_ = ${typeOf(e.result, true)}(${
    ["x", "y", "z", "w"].map(lane).join(", ")
  });
  ${store}
}
`;
}

const flat = defineKernels<{ e: Expression; variant: FlatVariant }>({
  name: "elementwise_flat",
  make: ({ e, variant }) => ({
    name: `${e.name}_flat`,
    wgsl: flatText(e, variant),
  }),
  key: ({ e, variant }) => `${variant} ${keyOf(e)}`,
  forms: {
    buffers: { e: EXAMPLE, variant: "buffers" },
    texels: { e: EXAMPLE, variant: "texels" },
  },
});

const known = {
  buffers: new WeakMap<Expression, Kernel>(),
  texels: new WeakMap<Expression, Kernel>(),
};

/**
 * The kernel for operands of one shape. Its parameters are `count` and the
 * scalars. With texels, an updated target of f32 is bound twice, and read
 * through the second binding.
 */
export function flatKernel(
  e: Expression,
  variant: FlatVariant = "buffers",
): Kernel {
  let kernel = known[variant].get(e); // Quicker than the key of the text.
  if (!kernel) known[variant].set(e, kernel = flat({ e, variant }));
  return kernel;
}

/** What selects the text of a strided kernel. */
export interface StridedForm {
  /** How many axes there are, at most {@linkcode MAX_AXES}. */
  rank: number;
  /**
   * Given where an invocation handles four elements: each operand's stride
   * along the last axis, 1 or 0. The last length must then be a multiple of 4.
   * It is given in fours, and so is all that concerns the result and the
   * operands of stride 1.
   */
  steps?: readonly number[] | undefined;
}

function stridedText(e: Expression, { rank, steps }: StridedForm): string {
  const axes = Array.from({ length: MAX_AXES }, (_, i) => i);
  const first = MAX_AXES - rank;
  const count = e.operands.length;
  const fields: (readonly [string, ParamType])[] = [
    ["count", "u32"],
    ...axes.slice(1).map((i) => [`n${i}`, "u32"] as const),
    ["o_result", "u32"],
    ...e.operands.flatMap(([n]) => [
      [`o_${n}`, "u32"] as const,
      ...axes.map((i) => [`s_${n}${i}`, "u32"] as const),
    ]),
    ...(e.scalars ?? []),
  ];
  const wide = e.operands.map((_, i) => steps?.[i] === 1);
  const declare = ([name, dtype]: readonly [string, DType], i: number) =>
    declareInput(i, `buffer_${name}`, false, typeOf(dtype, wide[i] ?? false));
  const at = (n: string) =>
    [`p.o_${n}`, ...axes.slice(first).map((i) => `i${i} * p.s_${n}${i}`)]
      .join(" + ");
  const call = (lane: string) =>
    `op(${
      e.operands.map(([n], i) => wide[i] ? `${n}.${lane}` : n).join(", ")
    })`;
  const value = steps
    ? `${typeOf(e.result, true)}(${["x", "y", "z", "w"].map(call).join(", ")})`
    : call("");
  return `${e.operands.map(declare).join("")}
@group(0) @binding(${count}) var<storage, read_write> result: array<${
    typeOf(e.result, Boolean(steps))
  }>;
${declareParams(fields, count + 1)}
${declareOp(e)}
${MAIN}
  if (i >= p.count) { return; }
  var rest = i;
${
    axes.slice(first + 1).reverse().map((k) =>
      `  let i${k} = rest % p.n${k}; rest /= p.n${k};`
    ).join("\n")
  }
  let i${first} = rest;
${e.operands.map(([n]) => `  let ${n} = buffer_${n}_at(${at(n)});`).join("\n")}
  result[p.o_result + i] = ${value};
}
`;
}

const strided = defineKernels<StridedForm & { e: Expression }>({
  name: "elementwise_strided",
  make: ({ e, ...form }) => ({
    name: `${e.name}_strided`,
    wgsl: stridedText(e, form),
  }),
  key: ({ e, rank, steps }) => `${rank}:${steps} ${keyOf(e)}`,
  forms: {
    single: {
      e: { ...EXAMPLE, body: "factor * tanh_safe(x)", update: false },
      rank: 2,
    },
    fours: {
      e: { ...EXAMPLE, body: "factor * tanh_safe(x)", update: false },
      rank: 2,
      steps: [1],
    },
  },
});

/**
 * The kernel for broadcasting operands. Its parameters are `count`, the lengths
 * `n1` to `n4` of the inner axes, `o_result` where the result starts, `o_x`
 * where operand x starts and `s_x0` to `s_x4` its strides, and the scalars.
 * Where there are fewer than five axes, the last ones are used.
 */
export function stridedKernel(e: Expression, form: StridedForm): Kernel {
  return strided({ e, ...form });
}
