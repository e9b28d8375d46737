// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The errors that a GPU can cause.

/**
 * The error when no WebGPU adapter was found, or none that can be opened; the
 * message says what to install, or why.
 *
 * @example Usage
 * ```ts
 * import { initialize, NoAdapterError } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * const device = await initialize().catch((error) => {
 *   assert(error instanceof NoAdapterError);
 *   return undefined; // go on without a GPU
 * });
 * assert(device);
 * ```
 */
export class NoAdapterError extends Error {
  /** The name of the class, which messages begin with. */
  override readonly name = "NoAdapterError";
}

/**
 * The error when the GPU refused a command: it was not valid, it failed
 * internally, or a kernel does not compile. WebGPU reports such errors late, so
 * they are thrown at the next flush or read after the call that caused them.
 *
 * @example More workgroups than a dispatch may have
 * ```ts
 * import { GpuError, initialize } from "@swagpu/swagpu/engine";
 * import { defineKernel, launch } from "@swagpu/swagpu/engine/kernels";
 * import { assertThrows } from "@std/assert";
 *
 * const device = await initialize();
 * const wgsl = "@compute @workgroup_size(1) fn main() {}";
 * const kernel = defineKernel({ name: "idle", wgsl });
 * const call = { bind: [], groups: [70000] };
 * assertThrows(() => launch(device, kernel, call), GpuError, "65535");
 * ```
 */
export class GpuError extends Error {
  /** The name of the class, which messages begin with. */
  override readonly name: string = "GpuError";
}

/**
 * The error when the GPU had no memory left for a buffer; the message says how
 * much tensors take.
 *
 * @example Telling it from other errors
 * ```ts
 * import { GpuError, GpuOutOfMemoryError } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * const isTooLarge = (error: unknown) => error instanceof GpuOutOfMemoryError;
 * assert(!isTooLarge(new GpuError("The GPU refused a command")));
 * ```
 */
export class GpuOutOfMemoryError extends GpuError {
  /** The name of the class, which messages begin with. */
  override readonly name = "GpuOutOfMemoryError";
}

/**
 * The error when the device is lost, and all tensors with it: it was unplugged or
 * destroyed, or its driver was reset.
 *
 * @example Usage
 * ```ts
 * import { DeviceLostError, openDevice, zeros } from "@swagpu/swagpu/engine";
 * import { assertThrows } from "@std/assert";
 *
 * const device = await openDevice();
 * await device.destroy();
 * assertThrows(() => zeros([2], { device }), DeviceLostError);
 * ```
 */
export class DeviceLostError extends GpuError {
  /** The name of the class, which messages begin with. */
  override readonly name = "DeviceLostError";
}
