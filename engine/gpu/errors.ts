// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** No WebGPU adapter was found; the message names the remedy for the system. */
export class NoAdapterError extends Error {
  /** The class, for messages. */
  override readonly name = "NoAdapterError";
}

/**
 * The GPU refused a command: a validation error, an internal error or a
 * shader that does not compile. WebGPU reports these late, so they are
 * thrown at the next flush or read after the call that caused them.
 */
export class GpuError extends Error {
  /** The class, for messages. */
  override readonly name: string = "GpuError";
}

/** The GPU had no memory left for a buffer; the message holds the pool's size. */
export class GpuOutOfMemoryError extends GpuError {
  /** The class, for messages. */
  override readonly name = "GpuOutOfMemoryError";
}

/** The device is gone (driver reset, unplugged, destroyed); all tensors with it. */
export class DeviceLostError extends GpuError {
  /** The class, for messages. */
  override readonly name = "DeviceLostError";
}
