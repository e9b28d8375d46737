// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a dispatch binds. A bind group takes 7 to 36 µs to make and half a
// microsecond to set, and a repeated step binds the same buffers again. So every
// group is kept, and found by the ids of its bindings. Bindings that a kernel reads
// as texels are replaced by the textures that mirror them.

import type { Binding } from "./block.ts";
import { assertApart } from "./collisions.ts";
import type { Faults } from "./faults.ts";
import {
  type BindLayout,
  type BindNode,
  PARAMS_BYTES,
  type PipelineCache,
} from "./pipeline.ts";
import { Mirrors, type TexelBinding, type TexelCopy } from "./texels.ts";

/** Bind groups to keep before all are dropped. */
const MAX_GROUPS = 16384;

/** What a dispatch binds, and the copies to textures that must come before. */
export interface PreparedBindings {
  /** What to bind: a mirror in place of each binding that is read as texels. */
  readonly bound: readonly (Binding | TexelBinding)[];
  /** One or two for each binding that is read as texels. */
  readonly copies: readonly TexelCopy[];
}

/** The bind groups of a device, and the mirrors that some of them bind. */
export class BindGroups {
  readonly #gpu: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #faults: Faults;
  readonly #params: GPUBuffer;
  readonly #mirrors: Mirrors;
  #kept = 0;
  #made = 0;

  /**
   * Starts without any group.
   *
   * @param params The buffer that holds the parameters of dispatches.
   */
  constructor(
    gpu: GPUDevice,
    pipelines: PipelineCache,
    faults: Faults,
    params: GPUBuffer,
  ) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#faults = faults;
    this.#params = params;
    this.#mirrors = new Mirrors(gpu, faults);
  }

  /** How many groups were made so far. */
  get made(): number {
    return this.#made;
  }

  /** The bind group for a dispatch, made once for the same bindings. */
  get(
    layout: BindLayout,
    bound: readonly (Binding | TexelBinding)[],
  ): GPUBindGroup {
    let node: BindNode = layout.groups;
    for (let i = 0; i < bound.length; i++) { // An iterator costs the host time.
      const { id } = bound[i] as Binding | TexelBinding;
      node.next ??= new Map();
      let next = node.next.get(id);
      if (!next) {
        node.next.set(id, next = { next: undefined, group: undefined });
      }
      node = next;
    }
    if (node.group) return node.group;
    if (++this.#kept > MAX_GROUPS) {
      this.#pipelines.dropGroups();
      this.#kept = 0;
    }
    return node.group = this.make(layout, bound, this.#params);
  }

  /** Makes a bind group, with a buffer of parameters if the layout has them. */
  make(
    layout: BindLayout,
    bound: readonly (Binding | TexelBinding)[],
    params: GPUBuffer,
  ): GPUBindGroup {
    this.#made++;
    assertApart(layout, bound);
    const resources: GPUBindingResource[] = bound.map((binding) =>
      "view" in binding ? binding.view : {
        buffer: binding.block.buffer,
        offset: binding.offset,
        size: binding.size,
      }
    );
    if (layout.hasParams) {
      resources.push({ buffer: params, size: PARAMS_BYTES });
    }
    return this.#faults.watch(() =>
      this.#gpu.createBindGroup({
        layout: layout.gpu,
        entries: resources.map((resource, binding) => ({ binding, resource })),
      })
    );
  }

  /** Records the copies to textures now, and returns what to bind. */
  mirror(
    { bind }: BindLayout,
    bindings: readonly Binding[],
    encoder: GPUCommandEncoder,
  ): (Binding | TexelBinding)[] {
    return bindings.map((binding, place) =>
      bind[place] === "texels"
        ? this.#mirrors.copy(encoder, binding, place)
        : binding
    );
  }

  /** What a dispatch that will be repeated binds, and the copies to repeat. */
  prepare(layout: BindLayout, bindings: readonly Binding[]): PreparedBindings {
    const copies: TexelCopy[] = [];
    const bound = bindings.map((binding, place) => {
      if (layout.bind[place] !== "texels") return binding;
      const plan = this.#mirrors.plan(binding, place);
      copies.push(...plan.copies);
      return plan.mirror;
    });
    return { bound, copies };
  }
}
