// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a kernel is, and how kernels are defined. Everything that a launch must
// know of a kernel is read from its WGSL (see kernel_text.ts), and the text of a
// kernel is passed to the compiler as it stands (see pipeline.ts).

import { type Access, type ParamType, readKernelText } from "./kernel_text.ts";

export type { Access, ParamType } from "./kernel_text.ts";

/** The name and text of a kernel, for {@linkcode defineKernel}. */
export interface KernelSource {
  /** The name of the kernel in errors and in the list of `deno task wgsl`. */
  readonly name: string;
  /**
   * The whole text of the kernel; {@linkcode defineKernel} says what it holds.
   */
  readonly wgsl: string;
  /** Values for `override` constants of the text. */
  readonly constants?: Readonly<Record<string, number>>;
}

/**
 * A compute kernel: its WGSL, and what {@linkcode defineKernel} read from it.
 */
export interface Kernel extends KernelSource {
  /** How each binding is used, in order. A launch names the tensors to bind. */
  readonly bind: readonly Access[];
  /** The fields of the parameter struct, in order. */
  readonly params: Readonly<Record<string, ParamType>>;
  /** The invocations of a workgroup. */
  readonly workgroupSize: number;
}

/**
 * Defines a compute kernel. How its bindings are used, its parameters and the
 * size of its workgroups are read from the WGSL, which is compiled as it stands
 * when the kernel is first launched. The text holds:
 *
 * - its bindings, all in group 0 and numbered from 0: `var<storage, read>`,
 *   `var<storage, read_write>`, or what {@linkcode declareTexels} declares;
 * - if it has parameters, a `struct Params` of at most 64 fields, each `u32`,
 *   `i32` or `f32`, and a `var<uniform>` of that type as the last binding. An
 *   `array<vec4<u32>, N>` named `x` stands for 4·N fields `x0`, `x1` and so on;
 * - one entry point, `@compute @workgroup_size(…) fn main`.
 *
 * @param source The kernel's name and its WGSL.
 * @returns The kernel, for {@linkcode launch}.
 * @throws {SyntaxError} If the text does not follow this convention.
 *
 * @example A kernel and its launch
 * ```ts
 * import { initialize, tensor, zeros } from "@swagpu/swagpu/engine";
 * import { defineKernel, grid, launch } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const addTo = defineKernel({
 *   name: "add_to",
 *   wgsl: `
 * struct Params { count: u32, term: f32 }
 * @group(0) @binding(0) var<storage, read> x: array<f32>;
 * @group(0) @binding(1) var<storage, read_write> y: array<f32>;
 * @group(0) @binding(2) var<uniform> p: Params;
 *
 * @compute @workgroup_size(64)
 * fn main(@builtin(global_invocation_id) id: vec3<u32>) {
 *   if (id.x < p.count) { y[id.x] = x[id.x] + p.term; }
 * }`,
 * });
 * assertEquals(addTo.bind, ["read", "write"]);
 *
 * const device = await initialize();
 * const x = tensor([1, 2, 3]);
 * const y = zeros([3]);
 * launch(device, addTo, {
 *   bind: [x, y],
 *   params: { count: 3, term: 10 },
 *   groups: grid(3, addTo.workgroupSize),
 * });
 * assertEquals([...await y.data()], [11, 12, 13]);
 * ```
 */
export function defineKernel(source: KernelSource): Kernel {
  const kernel = makeKernel(source);
  catalog.set(source.name, { "": () => kernel });
  return kernel;
}

/** Reads a kernel from its text, as {@linkcode defineKernel} does, unlisted. */
export function makeKernel(
  { name, wgsl, constants = {} }: KernelSource,
): Kernel {
  const { bind, params, workgroup, overrides, values } = readKernelText(
    name,
    wgsl,
  );
  for (const constant of Object.keys(constants)) {
    if (!overrides.has(constant)) {
      throw new SyntaxError(
        `Cannot define kernel ${name}: it has no override constant ${constant}`,
      );
    }
  }
  const workgroupSize = workgroup.reduce<number>((product, side) => {
    const value = typeof side === "number"
      ? side
      : constants[side] ?? values.get(side);
    if (value === undefined) {
      throw new SyntaxError(
        `Cannot define kernel ${name}: @workgroup_size depends on ${side}, ` +
          "which has no value",
      );
    }
    return product * value;
  }, 1);
  return { name, wgsl, constants, bind, params, workgroupSize };
}

/** A family of kernels, for {@linkcode defineKernels}. */
export interface KernelFamily<Form> {
  /** The name of the family, as `deno task wgsl` lists it. */
  readonly name: string;
  /** Gives the text of a form. It is called once for each form. */
  readonly make: (form: Form) => KernelSource;
  /** Forms that `deno task wgsl` shows, by name; the usual one comes first. */
  readonly forms: Readonly<Record<string, NoInfer<Form>>>;
  /**
   * Gives a text that tells two forms apart.
   *
   * @default {the form as JSON}
   */
  readonly key?: (form: Form) => string;
}

/**
 * Defines kernels whose text depends on a form, such as the variant for an
 * adapter, or the width of a head. Each kernel is made, and read as by
 * {@linkcode defineKernel}, when its form is first asked for.
 *
 * @param family The name of the family, and what makes its kernels.
 * @returns A function that gives the kernel of a form: the same object for
 * equal forms, so that each is compiled once.
 *
 * @example A kernel for two types
 * ```ts
 * import { defineKernels } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals, assertStrictEquals } from "@std/assert";
 *
 * const clear = defineKernels<{ type: string }>({
 *   name: "clear",
 *   make: ({ type }) => ({
 *     name: `clear_${type}`,
 *     wgsl: `
 * @group(0) @binding(0) var<storage, read_write> y: array<${type}>;
 * @compute @workgroup_size(1) fn main() { y[0] = ${type}(); }`,
 *   }),
 *   forms: { one: { type: "f32" }, four: { type: "vec4<f32>" } },
 * });
 * assertEquals(clear({ type: "f32" }).bind, ["write"]);
 * assertStrictEquals(clear({ type: "f32" }), clear({ type: "f32" }));
 * ```
 */
export function defineKernels<Form>(
  family: KernelFamily<Form>,
): (form: Form) => Kernel {
  const { name, make, forms, key = JSON.stringify } = family;
  const made = new Map<string, Kernel>();
  const kernelOf = (form: Form) => {
    const text = key(form);
    let kernel = made.get(text);
    if (!kernel) made.set(text, kernel = makeKernel(make(form)));
    return kernel;
  };
  catalog.set(
    name,
    Object.fromEntries(
      Object.entries(forms).map(([variant, form]) =>
        [variant, () => kernelOf(form)] as const
      ),
    ),
  );
  return kernelOf;
}

/**
 * Lists kernels under another name as well, such as that of the op that runs them.
 *
 * @param name The name.
 * @param variants Functions that give the kernels, by variant.
 */
export function listKernels(
  name: string,
  variants: Readonly<Record<string, () => Kernel>>,
): void {
  catalog.set(name, variants);
}

/** Every kernel and family defined so far; see {@linkcode definedKernels}. */
const catalog = new Map<string, Readonly<Record<string, () => Kernel>>>();

/**
 * Lists the kernels and families that have been defined, which is those of all
 * modules that are imported. `deno task wgsl` prints them.
 *
 * @returns For each name, functions that give its variants. A kernel that does
 * not belong to a family has one variant, whose name is empty.
 *
 * @example The variants of a family
 * ```ts
 * import "@swagpu/swagpu/engine"; // Its kernels are defined when it is imported.
 * import { definedKernels } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const variants = definedKernels().get("cumsum") ?? {};
 * assertEquals(Object.keys(variants), ["serial", "workgroup"]);
 * assertEquals(variants.workgroup?.().workgroupSize, 128);
 * ```
 */
export function definedKernels(): ReadonlyMap<
  string,
  Readonly<Record<string, () => Kernel>>
> {
  return catalog;
}

const specialized = new Map<Kernel, Map<string, Kernel>>();

/**
 * A kernel with values for some of its `override` constants.
 *
 * @param kernel The kernel.
 * @param constants The values; other constants keep theirs.
 * @returns The same object for the same kernel and constants, so that it is
 * compiled once.
 * @throws {SyntaxError} If the kernel has no constant of a name.
 *
 * @example One text, two tile sizes
 * ```ts
 * import { defineKernel, specialize } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals, assertStrictEquals } from "@std/assert";
 *
 * const kernel = defineKernel({
 *   name: "nothing",
 *   wgsl: "override SIZE: u32 = 8u;\n@compute @workgroup_size(SIZE) fn main() {}",
 * });
 * const wide = specialize(kernel, { SIZE: 64 });
 * assertEquals([kernel.workgroupSize, wide.workgroupSize], [8, 64]);
 * assertStrictEquals(specialize(kernel, { SIZE: 64 }), wide);
 * ```
 */
export function specialize(
  kernel: Kernel,
  constants: Readonly<Record<string, number>>,
): Kernel {
  let variants = specialized.get(kernel);
  if (!variants) specialized.set(kernel, variants = new Map());
  const key = Object.entries(constants).join(";");
  let variant = variants.get(key);
  if (!variant) {
    variant = makeKernel({
      ...kernel,
      constants: { ...kernel.constants, ...constants },
    });
    variants.set(key, variant);
  }
  return variant;
}
