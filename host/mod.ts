// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * What is outside of the program: files, environment variables, and WebGPU. All other
 * modules reach these through here, so that the same modules run in Deno, Node, Bun
 * and browsers.
 *
 * A path that begins with `https://` is a file of the web. {@linkcode mount} puts other
 * file systems at a path: {@linkcode originFolder}, {@linkcode folderDisk} and
 * {@linkcode filesDisk} are those of a browser.
 *
 * @example A model from files in memory
 * ```ts
 * import { filesDisk, mount, readText } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * const files = new Map([["config.json", new Blob(["{}"])]]);
 * const unmount = mount("memory", filesDisk(files));
 * assertEquals(await readText("memory/config.json"), "{}");
 * unmount();
 * ```
 *
 * @module
 */

export * from "./atomic_write.ts";
export * from "./disk.ts";
export * from "./disk_errors.ts";
export * from "./browser/dropped_files.ts";
export { environment } from "./system/environment.ts";
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
export * from "./browser/files_disk.ts";
export { folderDisk } from "./browser/folder_disk.ts";
export { systemGpu } from "./system/gpu.ts";
export type * from "./browser/handles.ts";
export { disk, exists, folderOf, mount } from "./mounts.ts";
export { originFolder } from "./browser/origin_folder.ts";
export * from "./text_file.ts";
export {
  type FetchProgress,
  urlDisk,
  type UrlDiskOptions,
} from "./web/url_disk.ts";
