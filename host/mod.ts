// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * What is outside of the program: files, environment variables, and WebGPU. All other
 * modules reach these through here, so that the same modules run in Deno, Node, Bun
 * and browsers.
 *
 * @example Keep models in a place of your own
 * ```ts
 * import { type Disk, mount } from "@swagpu/swagpu/host";
 *
 * const unmount = mount("memory", {} as Disk); // where a real one would be
 * unmount();
 * ```
 *
 * @module
 */

export * from "./atomic_write.ts";
export * from "./disk.ts";
export * from "./disk_errors.ts";
export { environment } from "./environment.ts";
export type { ErrorClass } from "./error_class.ts";
export {
  AlreadyExists,
  BrokenPipe,
  IsADirectory,
  isNotFound,
  NotADirectory,
  NotFound,
  PermissionDenied,
  TimedOut,
} from "./errors.ts";
export { systemGpu } from "./gpu.ts";
export * from "./mounts.ts";
export * from "./text_file.ts";
export {
  type FetchProgress,
  urlDisk,
  type UrlDiskOptions,
} from "./url_disk.ts";
