// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise kernels: the one template among the kernels, because the body
// is an expression. Two forms of every expression:
//   flat     operands of one shape: four elements an invocation, vec4 loads or,
//            for adapters on the CPU, those of f32 as texels
//   strided  broadcasting operands: the index taken apart along up to five
//            axes; four elements an invocation where the last axis allows it
// A target that is updated in place (`target_`) is read and written through one
// binding, since WebGPU refuses a buffer bound for both in one dispatch.

import { type DType, DTYPES } from "../dtype.ts";
import type { Access, Kernel, ParamType } from "../gpu/kernel.ts";
import { declareTexels } from "../gpu/texels.ts";
import { scalarFunctions } from "./scalar_functions.ts";

/** Invocations of a workgroup. */
export const ELEMENTWISE_WORKGROUP = 64;

/** Axes that the strided form takes apart. */
export const MAX_AXES = 5;

/** An expression over named operands. */
export interface Expression<Result extends DType = DType> {
  name: string;
  /** WGSL over the operand names, which are scalars there. */
  body: string;
  /** Tensors, in order: name and type. */
  operands: readonly (readonly [string, DType])[];
  /** Numbers given at the call, in order: name and type. */
  scalars?: readonly (readonly [string, ParamType])[];
  /** The type of the result. */
  result: Result;
  /** Whether the result's old value is an operand, named `target_`. */
  update?: boolean;
}

const made = new Map<string, Kernel>();

function memo(key: string, make: () => Kernel): Kernel {
  let kernel = made.get(key);
  if (!kernel) made.set(key, kernel = make());
  return kernel;
}

function keyOf(e: Expression, form: string): string {
  return [form, e.body, e.operands, e.scalars, e.result, e.update].join("|");
}

const flat = {
  buffers: new WeakMap<Expression, Kernel>(),
  texels: new WeakMap<Expression, Kernel>(),
};

/** How flat operands of f32 are read. */
export const FLAT_VARIANTS = ["buffers", "texels"] as const;

/** One of {@linkcode FLAT_VARIANTS}. */
export type FlatVariant = (typeof FLAT_VARIANTS)[number];

/**
 * Lines that all forms share: bindings (vec4 where `wide` says so, the result
 * last), parameters and the function `op`.
 */
function preamble(
  e: Expression,
  wide: readonly boolean[],
  fields: readonly (readonly [string, ParamType])[],
  texels = false,
): string {
  const type = (dtype: DType, i: number) =>
    wide[i] ? `vec4<${DTYPES[dtype].wgsl}>` : DTYPES[dtype].wgsl;
  const result = DTYPES[e.result].wgsl;
  return [
    ...e.operands.map(([name, dtype], i) =>
      texels && dtype === "f32"
        ? declareTexels(i, `buffer_${name}`)
        : `@group(0) @binding(${i}) var<storage, read> buffer_${name}: array<${
          type(dtype, i)
        }>;`
    ),
    `@group(0) @binding(${e.operands.length}) var<storage, read_write> result: array<${
      type(e.result, e.operands.length)
    }>;`,
    `struct Params { ${fields.map(([n, t]) => `${n}: ${t}`).join(", ")} }`,
    `@group(1) @binding(0) var<uniform> p: Params;`,
    scalarFunctions(e.body),
    `fn op(${
      [
        ...e.operands.map(([n, t]) => `${n}: ${DTYPES[t].wgsl}`),
        ...(e.update ? [`target_: ${result}`] : []),
      ].join(", ")
    }) -> ${result} {`,
    ...(e.scalars ?? []).map(([n]) => `  let ${n} = p.${n};`),
    `  return ${e.body};`,
    `}`,
  ].join("\n");
}

const MAIN = `@compute @workgroup_size(${ELEMENTWISE_WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * ${ELEMENTWISE_WORKGROUP}u;`;

function bindOf(e: Expression): Access[] {
  return [...e.operands.map((): Access => "read"), "write"];
}

/**
 * The form for operands of one shape. Params: `count`, then the scalars. As
 * texels, an updated target of f32 is bound once more, after itself.
 */
export function flatKernel(
  e: Expression,
  variant: FlatVariant = "buffers",
): Kernel {
  let kernel = flat[variant].get(e);
  if (!kernel) flat[variant].set(e, kernel = makeFlat(e, variant));
  return kernel;
}

/** Whether texels serve an expression: some operand or old value is of f32. */
export function readsTexels(e: Expression): boolean {
  return oldTexels(e) || e.operands.some(([, dtype]) => dtype === "f32");
}

/** Whether the target's old value is read as texels. */
export function oldTexels(e: Expression): boolean {
  return Boolean(e.update) && e.result === "f32";
}

function makeFlat(e: Expression, variant: FlatVariant): Kernel {
  return memo(keyOf(e, `flat ${variant}`), () => {
    const texels = variant === "texels";
    const old = texels && oldTexels(e);
    const bind = [
      ...e.operands.map(([, dtype]): Access =>
        texels && dtype === "f32" ? "texels" : "read"
      ),
      ...(old ? ["write", "texels"] as const : ["write"] as const),
    ];
    const read = ([name, dtype]: readonly [string, DType]) =>
      texels && dtype === "f32"
        ? `  let ${name} = buffer_${name}_texel(i);`
        : `  let ${name} = buffer_${name}[i];`;
    const fields = [["count", "u32"] as const, ...(e.scalars ?? [])];
    const lane = (l: string) =>
      `op(${
        [
          ...e.operands.map(([n]) => `${n}.${l}`),
          ...(e.update ? [`old_.${l}`] : []),
        ].join(", ")
      })`;
    // An updated target may be a view between others, so its padding must keep
    // its value; other results own their padding.
    const store = e.update
      ? `let left_ = p.count - i * 4u;
  result[i] = select(old_, value_, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(left_));`
      : `result[i] = value_;`;
    return {
      name: `${e.name}_flat`,
      bind,
      params: Object.fromEntries(fields),
      wgsl: `${
        preamble(e, [...e.operands, e.result].map(() => true), fields, texels)
      }
${old ? declareTexels(e.operands.length + 1, "old") : ""}
${MAIN}
  if (i * 4u >= p.count) { return; }
${e.operands.map(read).join("\n")}
  ${e.update ? `let old_ = ${old ? "old_texel(i)" : "result[i]"};` : ""}
  let value_ = vec4<${DTYPES[e.result].wgsl}>(${
        ["x", "y", "z", "w"].map(lane).join(", ")
      });
  ${store}
}
`,
    };
  });
}

/** What a strided kernel is made for. */
export interface StridedForm {
  /** Axes, at most {@linkcode MAX_AXES}. */
  rank: number;
  /**
   * For four elements an invocation: each operand's stride along the last axis,
   * 1 or 0. Then the last length is a multiple of 4 and given in fours, as is
   * all that concerns the result and the operands of stride 1.
   */
  steps?: readonly number[] | undefined;
}

/**
 * The form for broadcasting operands. Params: `count`, the lengths `n1`…`n4`
 * of the inner axes, where the result starts, where each operand starts and its
 * five strides, then the scalars. Fewer axes take the last places.
 */
export function stridedKernel(
  e: Expression,
  { rank, steps }: StridedForm,
): Kernel {
  const form = steps ? `strided${rank}:${steps}` : `strided${rank}`;
  return memo(keyOf(e, form), () => {
    const axes = Array.from({ length: MAX_AXES }, (_, i) => i);
    const first = MAX_AXES - rank;
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
    const wide = [
      ...e.operands.map((_, i) => steps?.[i] === 1),
      Boolean(steps),
    ];
    const at = (n: string) =>
      [`p.o_${n}`, ...axes.slice(first).map((i) => `i${i} * p.s_${n}${i}`)]
        .join(" + ");
    const call = (lane: string) =>
      `op(${
        e.operands.map(([n], i) => wide[i] ? `${n}.${lane}` : n).join(", ")
      })`;
    const value = steps
      ? `vec4<${DTYPES[e.result].wgsl}>(${
        ["x", "y", "z", "w"].map(call).join(", ")
      })`
      : call("");
    return {
      name: `${e.name}_strided`,
      bind: bindOf(e),
      params: Object.fromEntries(fields),
      wgsl: `${preamble(e, wide, fields)}
${MAIN}
  if (i >= p.count) { return; }
  var rest = i;
${
        axes.slice(first + 1).reverse().map((k) =>
          `  let i${k} = rest % p.n${k}; rest /= p.n${k};`
        ).join("\n")
      }
  let i${first} = rest;
${e.operands.map(([n]) => `  let ${n} = buffer_${n}[${at(n)}];`).join("\n")}
  result[p.o_result + i] = ${value};
}
`,
    };
  });
}
