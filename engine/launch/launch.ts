// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How an op records the dispatch of a kernel.

import type { Binding } from "../gpu/block.ts";
import type { Device } from "../gpu/device.ts";
import { GpuError } from "../gpu/errors.ts";
import type { Kernel } from "../gpu/kernel.ts";
import type { Param } from "../gpu/observer.ts";
import { type AnyTensor, Tensor } from "../tensor.ts";

export { part, type Window, windows } from "./cut.ts";

/** The operands and the size of one dispatch of a kernel. */
export interface Launch {
  /** Tensors or windows of them, in the order of the kernel's `bind`. */
  bind: readonly (AnyTensor | Binding)[];
  /** The values of the kernel's parameters. @default {none} */
  params?: Readonly<Record<string, Param>>;
  /** The number of workgroups along x, y and z; see {@linkcode grid}. */
  groups: readonly number[];
}

const NO_PARAMS: Readonly<Record<string, Param>> = {};

/**
 * Records one dispatch of a kernel, to be submitted to the GPU later.
 *
 * @param device The device that runs the kernel.
 * @param kernel The kernel.
 * @param call What to bind, the parameters and the number of workgroups. If one
 * of these numbers is 0, nothing is recorded.
 * @throws {TypeError} If a tensor lives on another device, or a binding is
 * missing.
 * @throws {RangeError} If a tensor exceeds the device's largest binding; see
 * {@linkcode windows}.
 * @throws {GpuError} If there are more workgroups than WebGPU allows; see
 * {@linkcode grid}.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { allocate, defineKernel, launch } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * const x = tensor([1, 2, 3]);
 * const y = allocate(device, [3]);
 * const double = defineKernel({
 *   name: "double",
 *   wgsl: `
 *     @group(0) @binding(0) var<storage, read> x: array<f32>;
 *     @group(0) @binding(1) var<storage, read_write> y: array<f32>;
 *     @compute @workgroup_size(1)
 *     fn main(@builtin(global_invocation_id) id: vec3<u32>) {
 *       y[id.x] = 2.0 * x[id.x];
 *     }`,
 * });
 * launch(device, double, { bind: [x, y], groups: [3] });
 * assertEquals([...await y.data()], [2, 4, 6]);
 * ```
 */
export function launch(device: Device, kernel: Kernel, call: Launch): void {
  const { bind, params = NO_PARAMS, groups } = call;
  const bindings = new Array<Binding>(bind.length);
  for (let i = 0; i < bind.length; i++) {
    const item = bind[i];
    if (!item) {
      throw new TypeError(`Cannot dispatch ${kernel.name}: no binding ${i}`);
    }
    if (item instanceof Tensor) {
      if (item.device !== device) {
        throw new TypeError(
          `Cannot use tensors of two devices in ${kernel.name}: ` +
            `${item.device.name} and ${device.name}`,
        );
      }
      bindings[i] = item.binding;
    } else {
      bindings[i] = item;
    }
  }
  const [x = 1, y = 1, z = 1] = groups;
  if (x === 0 || y === 0 || z === 0) return;
  if (x > 65535 || y > 65535 || z > 65535) {
    throw new GpuError(
      `Cannot dispatch ${kernel.name} over [${x}, ${y}, ${z}] workgroups: ` +
        "65535 is the limit along each axis",
    );
  }
  device.stream.dispatch(kernel, bindings, params, x, y, z);
}

/**
 * Arranges the workgroups for `count` invocations as a grid whose sides stay below
 * WebGPU's limit of 65535. A kernel finds its index as
 * `id.x + id.y * groups.x * WORKGROUP_SIZE` and returns if that is not below the
 * count.
 *
 * @param count The number of invocations.
 * @param workgroupSize The number of invocations of a workgroup.
 * @returns Workgroups along x and y, for `groups` of {@linkcode launch}.
 *
 * @example Usage
 * ```ts
 * import { grid } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(grid(100, 64), [2, 1]);
 * assertEquals(grid(64 * 70_000, 64), [35_000, 2]);
 * ```
 */
export function grid(count: number, workgroupSize: number): [number, number] {
  const groups = Math.ceil(count / workgroupSize);
  if (groups <= 65535) return [groups, 1];
  const y = Math.ceil(groups / 65535);
  return [Math.ceil(groups / y), y];
}
