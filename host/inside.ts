// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * A second door of this room, for the other rooms of this package alone: the runtime
 * as it is, without a promise to people outside.
 *
 * @module
 */

export { systemError } from "./errors.ts";
export { isMounted } from "./mounts.ts";
export { homeFolder, proxyAdvice } from "./system/environment.ts";
export { FOLDER } from "./listing.ts";
export { ReadOnlyDisk } from "./read_only_disk.ts";
export { adapterAdvice } from "./system/gpu.ts";
export { processorCount, processorName } from "./system/processor.ts";
export { type RequestLimits, Requests } from "./web/requests.ts";
export {
  mayRead,
  needModule,
  nodeModule,
  nodeProcess,
  runtimeName,
} from "./system/runtime.ts";
