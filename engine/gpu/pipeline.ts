// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Kernels as the GPU runs them: each is compiled once for a device, and kernels
// that bind alike share a layout and the bind groups made for it.

import { GpuError } from "./errors.ts";
import type { Faults } from "./faults.ts";
import { ShaderStage } from "./flags.ts";
import type { Kernel } from "./kernel.ts";
import { type Access, MAX_PARAMS, type ParamType } from "./kernel_text.ts";

/** A compiled kernel. */
export interface Pipeline {
  /** The pipeline of WebGPU. */
  readonly gpu: GPUComputePipeline;
  /** The layout of its bindings. */
  readonly layout: BindLayout;
  /** The fields of the parameter struct. */
  readonly fields: readonly [string, ParamType][];
}

/**
 * A layout of bindings, and the bind groups made for it. They are the leaves of
 * a tree, in which the id of each binding leads to the next level.
 */
export interface BindLayout {
  /** The layout of WebGPU. */
  readonly gpu: GPUBindGroupLayout;
  /** How each binding is used. */
  readonly bind: readonly Access[];
  /** Whether parameters are bound last, at a dynamic offset. */
  readonly hasParams: boolean;
  /** Whether any binding is read as texels. */
  readonly hasTexels: boolean;
  /** The root of the tree. */
  groups: BindNode;
}

/** A node of the tree of bind groups. */
export interface BindNode {
  /** The nodes of the next level, by the id of the next binding. */
  next: Map<number, BindNode> | undefined;
  /** The group of the bindings that led here, in a leaf. */
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

type Entry = Omit<GPUBindGroupLayoutEntry, "binding" | "visibility">;

const ENTRIES: Readonly<Record<Access, Entry>> = {
  read: { buffer: { type: "read-only-storage" } },
  write: { buffer: { type: "storage" } },
  texels: { texture: { sampleType: "unfilterable-float" } },
};

const PARAMS_ENTRY: Entry = {
  buffer: { type: "uniform", hasDynamicOffset: true },
};

/** The bytes of a uniform window, which every parameter struct fits. */
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

  /** The compiled kernel, which the first call compiles. */
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
      this.#pipelines.delete(kernel); // The next use fails in the same way.
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
            visibility: ShaderStage.COMPUTE,
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
