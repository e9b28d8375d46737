// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { GpuError } from "./errors.ts";
import type { Faults } from "./faults.ts";

/**
 * How a kernel uses a binding. `"texels"` reads it, too, through a texture that
 * the stream copies it to; see `texels.ts`.
 */
export type Access = "read" | "write" | "texels";

/** The type of one field of a kernel's parameter struct. */
export type ParamType = "u32" | "i32" | "f32";

/**
 * A compute kernel: whole WGSL with its entry point `main`.
 *
 * Convention: `@group(0)` holds the bindings in the order of `bind`,
 * `@group(1) @binding(0)` a uniform struct of 4-byte scalars in the order of
 * `params` (at most 64). It is bound as the last of group 0, since every group
 * costs a call for every dispatch. Tile sizes are `override` constants.
 */
export interface Kernel {
  /** What errors call it. */
  readonly name: string;
  /** The whole source, with the entry point `main`. */
  readonly wgsl: string;
  /** How each binding is used. */
  readonly bind: readonly Access[];
  /** The fields of the parameter struct, in order. */
  readonly params?: Readonly<Record<string, ParamType>>;
  /** Values of the `override` constants. */
  readonly constants?: Readonly<Record<string, number>>;
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

/** The same kernel with `override` constants set; equal calls give one object. */
export function specialize(
  kernel: Kernel,
  constants: Readonly<Record<string, number>>,
): Kernel {
  let variants = specialized.get(kernel);
  if (!variants) specialized.set(kernel, variants = new Map());
  const key = Object.entries(constants).join(";");
  let variant = variants.get(key);
  if (!variant) {
    variant = { ...kernel, constants: { ...kernel.constants, ...constants } };
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

/** One level of the trie: the next binding's id leads on, the last to a group. */
export interface BindNode {
  /** By the next binding's id. */
  next: Map<number, BindNode> | undefined;
  /** The group of the bindings that led here. */
  group: GPUBindGroup | undefined;
}

/** The size of a uniform window; every parameter struct fits. */
export const PARAMS_BYTES = 256;

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
    const fields = Object.entries(kernel.params ?? {});
    const layout = this.#layout(kernel.bind, fields.length > 0);
    const pipeline = this.#faults.watch(() => {
      const module = gpu.createShaderModule({
        label: kernel.name,
        code: kernel.wgsl.replace(
          "@group(1) @binding(0)",
          `@group(0) @binding(${kernel.bind.length})`,
        ),
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
