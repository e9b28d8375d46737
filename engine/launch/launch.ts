// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Device } from "../gpu/device.ts";
import { DTYPES } from "../dtype.ts";
import { GpuError } from "../gpu/errors.ts";
import type { Kernel } from "../gpu/kernel.ts";
import type { Param } from "../gpu/observer.ts";
import type { Binding } from "../gpu/block.ts";
import { type AnyTensor, Tensor } from "../tensor.ts";

/** What one dispatch of a kernel needs. */
export interface Launch {
  /** Tensors or windows of them, in the order of the kernel's `bind`. */
  bind: readonly (AnyTensor | Binding)[];
  /** The fields of the kernel's parameter struct. */
  params?: Readonly<Record<string, Param>>;
  /** Workgroups along x, y and z; see {@linkcode grid}. */
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

/** A stretch of rows (or elements) that one dispatch handles. */
export interface Window {
  /** The first row. */
  start: number;
  /** Rows. */
  count: number;
}

/**
 * Splits `rows` so that in each stretch every tensor's part fits one binding.
 *
 * @param device The device whose binding limit counts.
 * @param rows Rows in all.
 * @param rowSizes 4-byte elements of a row in each of the tensors.
 * @returns Stretches that start at multiples of 64 rows, so that each starts
 * at a legal binding offset whatever the row's length.
 */
export function windows(
  device: Pick<Device, "maxBindingSize">,
  rows: number,
  rowSizes: readonly number[],
): Window[] {
  const widest = Math.max(1, ...rowSizes) * DTYPES.f32.bytes;
  const fit = Math.floor((device.maxBindingSize - 256) / widest);
  if (rows * widest <= device.maxBindingSize) {
    return [{ start: 0, count: rows }];
  }
  const count = Math.floor(fit / 64) * 64;
  if (count === 0) {
    throw new RangeError(
      `Cannot split rows of ${widest} bytes: 64 of them exceed the device's ` +
        `largest binding of ${device.maxBindingSize} bytes`,
    );
  }
  const list: Window[] = [];
  for (let start = 0; start < rows; start += count) {
    list.push({ start, count: Math.min(count, rows - start) });
  }
  return list;
}

/** The part of a tensor of rows that a window covers; all of it if that is all. */
export function part(
  x: AnyTensor,
  { start, count }: Window,
  rowSize: number,
): AnyTensor | Binding {
  if (start === 0 && x.fitsBinding && count * rowSize === x.size) return x;
  return x.window(start * rowSize, count * rowSize);
}
