// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a kernel is, and how kernels are defined and compiled. Everything that a
// launch must know of a kernel is read from its WGSL (see kernel_text.ts), and
// the text of a kernel is passed to the compiler as it stands.

import { GpuError } from "./errors.ts";
import type { Faults } from "./faults.ts";
import {
  type Access,
  MAX_PARAMS,
  type ParamType,
  readKernelText,
} from "./kernel_text.ts";

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

function makeKernel({ name, wgsl, constants = {} }: KernelSource): Kernel {
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

type Entry = Omit<GPUBindGroupLayoutEntry, "binding" | "visibility">;

const ENTRIES: Readonly<Record<Access, Entry>> = {
  read: { buffer: { type: "read-only-storage" } },
  write: { buffer: { type: "storage" } },
  texels: { texture: { sampleType: "unfilterable-float" } },
};

const PARAMS_ENTRY: Entry = {
  buffer: { type: "uniform", hasDynamicOffset: true },
};

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

/** A compiled kernel. */
export interface Pipeline {
  /** WebGPU's own pipeline. */
  readonly gpu: GPUComputePipeline;
  /** The layout of its bindings. */
  readonly layout: BindLayout;
  /** The fields of the parameter struct. */
  readonly fields: readonly [string, ParamType][];
}

/** A bind-group layout and the bind groups made for it, as a trie over ids. */
export interface BindLayout {
  /** WebGPU's own layout. */
  readonly gpu: GPUBindGroupLayout;
  /** How each binding is used. */
  readonly bind: readonly Access[];
  /** Whether parameters are bound last, at a dynamic offset. */
  readonly hasParams: boolean;
  /** Whether any binding is read as texels. */
  readonly hasTexels: boolean;
  /** The root of the trie. */
  groups: BindNode;
}

/**
 * One level of the trie: the next binding's id leads on, the last to a group.
 */
export interface BindNode {
  /** By the next binding's id. */
  next: Map<number, BindNode> | undefined;
  /** The group of the bindings that led here. */
  group: GPUBindGroup | undefined;
}

/**
 * Checks that a dispatch names as many bindings and parameters as its kernel
 * has. That every parameter has a value is checked where the values are
 * written.
 *
 * @throws {TypeError} If it does not; the message names a parameter.
 */
export function assertFits(
  kernel: Kernel,
  { layout: { bind }, fields }: Pipeline,
  bound: number,
  params: Readonly<Record<string, unknown>>,
): void {
  let given = 0;
  for (const _ in params) given++; // Quicker than a list of the names.
  if (bound === bind.length && given === fields.length) return;
  const missing = fields.find(([field]) => params[field] === undefined);
  const unknown = Object.keys(params).find((field) =>
    !Object.hasOwn(kernel.params, field)
  );
  throw new TypeError(
    `Cannot dispatch ${kernel.name}: ` +
      (bound !== bind.length
        ? `expected ${bind.length} bindings, got ${bound}`
        : missing
        ? `parameter ${missing[0]} is missing`
        : `it has no parameter ${unknown}`),
  );
}

/** The size of a uniform window; every parameter struct fits. */
export const PARAMS_BYTES: number = 4 * MAX_PARAMS;

/** Compiles kernels once per device. */
export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #faults: Faults;
  readonly #pipelines = new Map<Kernel, Pipeline>();
  readonly #layouts = new Map<string, BindLayout>();

  /** Every {@linkcode Device} has one. */
  constructor(gpu: GPUDevice, faults: Faults) {
    this.#gpu = gpu;
    this.#faults = faults;
  }

  /** The number of kernels compiled so far. */
  get size(): number {
    return this.#pipelines.size;
  }

  /** The compiled form of a kernel. */
  get(kernel: Kernel): Pipeline {
    let pipeline = this.#pipelines.get(kernel);
    if (!pipeline) {
      pipeline = this.#compile(kernel);
      this.#pipelines.set(kernel, pipeline);
    }
    return pipeline;
  }

  /** Forgets every bind group, before buffers are destroyed. */
  dropGroups(): void {
    for (const layout of this.#layouts.values()) {
      layout.groups = { next: undefined, group: undefined };
    }
  }

  #compile(kernel: Kernel): Pipeline {
    const gpu = this.#gpu;
    const fields = Object.entries(kernel.params);
    const layout = this.#layout(kernel.bind, fields.length > 0);
    const pipeline = this.#faults.watch(() => {
      const module = gpu.createShaderModule({
        label: kernel.name,
        code: kernel.wgsl,
      });
      return gpu.createComputePipeline({
        label: kernel.name,
        layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout.gpu] }),
        compute: {
          module,
          entryPoint: "main",
          constants: { ...kernel.constants },
        },
      });
    }, ({ message }) => {
      this.#pipelines.delete(kernel); // The next use says the same again.
      const lines = kernel.wgsl.split("\n");
      return new GpuError(
        `Cannot compile kernel ${kernel.name}: ${message}\n` +
          lines.map((line, i) => `${i + 1}: ${line}`).join("\n"),
      );
    });
    return { gpu: pipeline, layout, fields };
  }

  #layout(bind: readonly Access[], hasParams: boolean): BindLayout {
    const key = [...bind, ...hasParams ? ["params"] : []].join(",");
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = {
        gpu: this.#gpu.createBindGroupLayout({
          label: key,
          entries: [
            ...bind.map((access) => ENTRIES[access]),
            ...hasParams ? [PARAMS_ENTRY] : [],
          ].map((entry, binding) => ({
            binding,
            visibility: GPUShaderStage.COMPUTE,
            ...entry,
          })),
        }),
        bind,
        hasParams,
        hasTexels: bind.includes("texels"),
        groups: { next: undefined, group: undefined },
      };
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}
