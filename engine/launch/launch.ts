// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Device } from "../gpu/device.ts";
import { GpuError } from "../gpu/errors.ts";
import type { Kernel } from "../gpu/kernel.ts";
import type { Param } from "../gpu/observer.ts";
import type { Binding } from "../gpu/block.ts";
import { Tensor } from "../tensor.ts";

export { part, type Window, windows } from "./cut.ts";

/** The operands and the size of one dispatch of a kernel. */
export interface Launch {
  /** Tensors or windows of them, in the order of the kernel's `bind`. */
  bind: readonly (Tensor | Binding)[];
  /** The values of the kernel's parameters. @default {none} */
  params?: Readonly<Record<string, Param>>;
  /** The number of workgroups along x, y and z; see {@linkcode grid}. */
  groups: readonly number[];
}

const NO_PARAMS: Readonly<Record<string, Param>> = {};

/**
 * Records one dispatch.
 *
 * @throws {TypeError} If a tensor lives on another device, or a binding is
 * missing.
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
 * Workgroups for `count` invocations as a grid whose sides stay under WebGPU's
 * limit. Kernels find their index as
 * `id.x + id.y * groups.x * WORKGROUP_SIZE` and compare it with the count.
 */
export function grid(count: number, workgroupSize: number): [number, number] {
  const groups = Math.ceil(count / workgroupSize);
  if (groups <= 65535) return [groups, 1];
  const y = Math.ceil(groups / 65535);
  return [Math.ceil(groups / y), y];
}
